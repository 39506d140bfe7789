//! Conditions in a language of the host's choice, for what typed requirements cannot say.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::policy::Summary;

/// A language that conditions can be written in. Adapters implement it; core knows none.
#[cfg_attr(feature = "mockall", mockall::automock)]
pub trait ConditionLanguage: Debug + Send + Sync + 'static {
    /// Its name in policies, for example `cedar`.
    fn name(&self) -> &'static str;

    /// The version of its engine, for example `4.14.1`. Another version may answer differently: decisions name it, so that a
    /// decision that is made again later can say so.
    fn version(&self) -> String;

    /// Reads a condition, once, when the policy is loaded. Whatever can be known to be wrong without facts (syntax, a name
    /// that no [`Summary`] has, a comparison of different types) is an error here.
    ///
    /// # Errors
    /// [`ConditionError`] in words for whoever wrote the condition.
    fn compile(&self, text: &str) -> Result<Arc<dyn Condition>, ConditionError>;
}

/// A condition that was read.
#[cfg_attr(feature = "mockall", mockall::automock)]
pub trait Condition: Debug + Send + Sync + 'static {
    /// Whether it holds. The same summary gives the same answer on any machine; it looks at nothing else, and its time and
    /// memory are bounded.
    ///
    /// # Errors
    /// [`ConditionError`] where nobody can tell: evaluation failed, or a bound was reached. Policy takes that as *unknown*, and
    /// takes a panic for one too, where panics unwind; what the process does at a panic beside that, its hook decides.
    fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError>;
}

/// What a condition answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionAnswer {
    /// Whether it holds.
    pub holds: bool,
    /// Why, in the words of whoever wrote it, sorted.
    pub reasons: Vec<String>,
}

/// A condition that cannot be read or evaluated, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConditionError(String);

impl ConditionError {
    /// Says what is wrong, for whoever wrote the condition.
    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// The languages that a host has engines for.
#[derive(Clone, Debug, Default)]
pub struct Languages(BTreeMap<&'static str, Arc<dyn ConditionLanguage>>);

impl Languages {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// And this one.
    #[must_use]
    pub fn with(mut self, language: Arc<dyn ConditionLanguage>) -> Self {
        self.0.insert(language.name(), language);
        self
    }

    /// The version of a language's engine; `None` where there is no such language.
    #[must_use]
    pub fn version(&self, language: &str) -> Option<String> {
        self.0.get(language).map(|language| language.version())
    }

    /// Reads a condition.
    ///
    /// # Errors
    /// [`ConditionError`] where there is no such language, or as the language says.
    pub fn compile(&self, language: &str, text: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        let known = || match self.0.keys().copied().collect::<Vec<_>>() {
            known if known.is_empty() => "it knows none".to_owned(),
            known => format!("it knows {}", known.join(", ")),
        };
        let language = self
            .0
            .get(language)
            .ok_or_else(|| ConditionError(format!("the host knows no language `{language}`; {}", known())))?;
        caught(|| language.compile(text))
    }
}

/// What an engine answers, which is somebody else's code: a panic is an error. It only reads what it is given, so that nothing is
/// left half done. Its words are left out: they may hold addresses, or what was evaluated, and differ the next time.
pub(super) fn caught<T>(ask: impl FnOnce() -> Result<T, ConditionError>) -> Result<T, ConditionError> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| Err(ConditionError("its engine panicked".to_owned())))
}

#[cfg(test)]
fn _object_safe(_: &dyn ConditionLanguage, _: &dyn Condition) {}
