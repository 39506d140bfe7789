#![doc = include_str!("cedar/docs.md")]

use std::fmt;
use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, Decision, PolicyId, PolicySet};
use pathops_core::policy::{Condition, ConditionAnswer, ConditionError, ConditionLanguage, Summary};

use self::facts::Vocabulary;

/// What conditions can ask about, in Cedar's schema language.
pub const SCHEMA: &str = include_str!("cedar/summary.cedarschema");

/// Cedar answers that it cannot where the stack is too small for an expression. With one of its own, the answer is the same
/// on every thread. It is memory only where it is used, and takes some ten microseconds.
const STACK_BYTES: usize = 32 * 1024 * 1024;

mod decimal;
mod facts;
mod read;

/// Conditions in Cedar, checked against the schema of the facts when a policy is loaded.
///
/// ```
/// use std::sync::Arc;
///
/// use pathops_adapters::cedar::Cedar;
/// use pathops_core::policy::{ConditionLanguage as _, Languages, Summary};
///
/// let cedar = Cedar::new();
/// let condition = cedar.compile(
///     r#"@reason("few changes are small enough for one approval")
///        permit (principal, action, resource) when { context.change.authors == 1 || context.approvals >= 2 };"#,
/// )?;
/// let answer = condition.evaluate(&Summary { approvals: 2, ..Summary::default() })?;
/// assert!(answer.holds);
/// assert_eq!(answer.reasons, ["few changes are small enough for one approval"]);
///
/// let languages = Languages::none().with(Arc::new(cedar));
/// # Ok::<(), pathops_core::policy::ConditionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cedar {
    /// An error is impossible, short of a mistake in the schema of this crate.
    vocabulary: Result<Arc<Vocabulary>, ConditionError>,
}

impl Cedar {
    /// The language. Reads the schema; cloning is cheap.
    #[must_use]
    pub fn new() -> Self {
        Self { vocabulary: Vocabulary::read().map(Arc::new) }
    }
}

impl Default for Cedar {
    fn default() -> Self {
        Self::new()
    }
}

impl ConditionLanguage for Cedar {
    fn name(&self) -> &'static str {
        "cedar"
    }

    fn version(&self) -> String {
        cedar_policy::get_sdk_version().to_string()
    }

    fn compile(&self, text: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        let vocabulary = self.vocabulary.clone()?;
        let policies = stacker::grow(STACK_BYTES, || read::policies(text, &vocabulary))?;
        Ok(Arc::new(Policies { policies, vocabulary, deep: read::is_deep(text) }))
    }
}

/// Policies that passed validation.
struct Policies {
    policies: PolicySet,
    vocabulary: Arc<Vocabulary>,
    deep: bool,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("count", &self.policies.num_of_policies()).finish_non_exhaustive()
    }
}

impl Policies {
    fn reason(&self, policy: &PolicyId) -> String {
        self.policies.annotation(policy, read::REASON).unwrap_or_default().to_owned()
    }

    fn error(&self, error: &AuthorizationError) -> String {
        let AuthorizationError::PolicyEvaluationError(error) = error;
        format!("the policy \"{}\" fails: {}", self.reason(error.policy_id()), error.inner())
    }
}

impl Condition for Policies {
    fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError> {
        let (request, entities) = self.vocabulary.ask(summary)?;
        let authorize = || Authorizer::new().is_authorized(&request, &self.policies, &entities);
        let response = if self.deep { stacker::grow(STACK_BYTES, authorize) } else { authorize() };
        // Cedar leaves out policies that fail; but who knows what they would have said.
        let mut errors: Vec<_> = response.diagnostics().errors().map(|error| self.error(error)).collect();
        if !errors.is_empty() {
            errors.sort();
            return Err(ConditionError::new(errors.join("; ")));
        }
        let mut reasons: Vec<_> = response.diagnostics().reason().map(|policy| self.reason(policy)).collect();
        reasons.sort();
        reasons.dedup();
        if reasons.is_empty() {
            reasons.push("no policy permits it".to_owned());
        }
        Ok(ConditionAnswer { holds: response.decision() == Decision::Allow, reasons })
    }
}

#[cfg(test)]
mod tests;
