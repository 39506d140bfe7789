#![doc = include_str!("rego/docs.md")]

use std::sync::Arc;

use pathops_core::policy::{Condition, ConditionAnswer, ConditionError, ConditionLanguage, Summary};
use regorus::Value;
use regorus::rvm::Program;

use self::read::Module;

mod calls;
mod operators;
mod read;
mod run;
mod weigh;

/// Conditions in Rego, bounded by counted work.
///
/// ```
/// use std::sync::Arc;
///
/// use pathops_adapters::rego::Rego;
/// use pathops_core::policy::{ConditionLanguage as _, FindingsSummary, Languages, Summary};
///
/// let condition = Rego.compile(
///     r#"package pathops.condition
///
///        default allow := false
///
///        allow if input.findings.scanners > 0
///
///        deny contains sprintf("%d high findings", [input.findings.high]) if input.findings.high > 3"#,
/// )?;
/// let findings = FindingsSummary { scanners: 1, high: 4, ..FindingsSummary::default() };
/// let answer = condition.evaluate(&Summary { findings, ..Summary::default() })?;
/// assert!(!answer.holds);
/// assert_eq!(answer.reasons, ["4 high findings"]);
///
/// let languages = Languages::none().with(Arc::new(Rego));
/// # Ok::<(), pathops_core::policy::ConditionError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Rego;

impl ConditionLanguage for Rego {
    fn name(&self) -> &'static str {
        "rego"
    }

    /// What `regorus` writes into every program.
    fn version(&self) -> String {
        Program::new().metadata.compiler_version
    }

    fn compile(&self, text: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        Ok(Arc::new(Module::read(text)?))
    }
}

impl Condition for Module {
    fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError> {
        let input = serde_json::to_value(summary).map(Value::from);
        let input = input.map_err(|error| ConditionError::new(format!("the facts cannot be put into Rego: {error}")))?;
        let denied = if self.denies() { messages(&run::value_of(self, read::DENY, &input)?)? } else { Vec::new() };
        if !denied.is_empty() {
            return Ok(ConditionAnswer { holds: false, reasons: denied });
        }
        match run::value_of(self, read::ALLOW, &input)? {
            Value::Bool(true) => Ok(ConditionAnswer { holds: true, reasons: Vec::new() }),
            Value::Bool(false) => Ok(ConditionAnswer { holds: false, reasons: vec!["`allow` is false".to_owned()] }),
            Value::Undefined => Err(ConditionError::new("`allow` is undefined; give it a `default`")),
            _ => Err(ConditionError::new("`allow` is neither true nor false")),
        }
    }
}

/// What `deny` says, sorted.
fn messages(denied: &Value) -> Result<Vec<String>, ConditionError> {
    let wrong = || ConditionError::new("`deny` is no set of strings; write `deny contains \"…\" if …`");
    let Value::Set(denied) = denied else { return Err(wrong()) };
    let mut messages = Vec::new();
    for message in denied.iter() {
        let Value::String(message) = message else { return Err(wrong()) };
        messages.push(message.to_string());
    }
    messages.sort();
    Ok(messages)
}

#[cfg(test)]
mod tests;
