//! The languages of conditions that this program was built with.

use std::sync::Arc;

use pathops_core::policy::{Condition, ConditionError, ConditionLanguage, Languages};

/// Those that it can be built with, and whether it was.
const ALL: [(&str, bool); 2] = [("cedar", cfg!(feature = "cedar")), ("rego", cfg!(feature = "rego"))];

/// Those that are built in, and in place of each of the others one that says how to get it.
pub(crate) fn languages() -> Languages {
    let languages = ALL.iter().fold(Languages::none(), |languages, (name, _)| languages.with(Arc::new(LeftOut(name))));
    #[cfg(feature = "cedar")]
    let languages = languages.with(Arc::new(pathops_adapters::cedar::Cedar::new()));
    #[cfg(feature = "rego")]
    let languages = languages.with(Arc::new(pathops_adapters::rego::Rego));
    languages
}

/// A language that is not built in: no condition in it can be read.
#[derive(Debug)]
struct LeftOut(&'static str);

impl ConditionLanguage for LeftOut {
    fn name(&self) -> &'static str {
        self.0
    }

    fn version(&self) -> String {
        "0".to_owned()
    }

    fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        let wanted = ALL.iter().filter(|(name, is_there)| *is_there || *name == self.0).map(|(name, _)| *name);
        let command = format!("cargo run --example policy --features {} -- …", wanted.collect::<Vec<_>>().join(","));
        Err(ConditionError::new(format!("this program was built without {}; run `{command}`", self.0)))
    }
}
