use std::sync::Arc;

use crate::policy::{Condition, ConditionAnswer, ConditionError, ConditionLanguage, Summary};

mockall::mock! {
    /// A [`ConditionLanguage`] that a test teaches what it reads.
    #[derive(Debug)]
    pub ConditionLanguage {}

    impl ConditionLanguage for ConditionLanguage {
        fn name(&self) -> &'static str;
        fn compile(&self, text: &str) -> Result<Arc<dyn Condition>, ConditionError>;
    }
}

mockall::mock! {
    /// A [`Condition`] that a test teaches what it answers.
    #[derive(Debug)]
    pub Condition {}

    impl Condition for Condition {
        fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError>;
    }
}
