use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use crate::policy::{Condition, ConditionAnswer, ConditionError, ConditionLanguage, Summary, TestsSummary};

/// The smallest language of conditions, for tests: one comparison a line, all of which must hold.
///
/// A line is a JSON pointer into the [`Summary`], then `==`, `<=` or `>=`, then a value in JSON. A pointer to what no
/// summary has, or a value of another type, is refused when the text is read; a suite or signal that is not there is
/// unknown. The lines that do not hold are the reasons.
///
/// ```
/// use pathops_core::memory::MemoryConditions;
/// use pathops_core::policy::{ConditionLanguage as _, Summary};
///
/// let condition = MemoryConditions.compile("/findings/critical == 0\n/approvals >= 2")?;
/// let answer = condition.evaluate(&Summary { approvals: 1, ..Summary::default() })?;
/// assert_eq!(answer.reasons, ["/approvals >= 2"]);
/// assert!(MemoryConditions.compile("/findings/critcal == 0").is_err());
/// # Ok::<(), pathops_core::policy::ConditionError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MemoryConditions;

/// Its texts are read and answered in one pass over them.
const MAX_BYTES: usize = 4 * 1024;

#[derive(Debug)]
struct Comparisons(Vec<Comparison>);

#[derive(Debug)]
struct Comparison {
    line: String,
    pointer: String,
    allowed: &'static [Ordering],
    value: Value,
}

impl ConditionLanguage for MemoryConditions {
    fn name(&self) -> &'static str {
        "comparisons"
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn compile(&self, text: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        if text.len() > MAX_BYTES {
            return Err(ConditionError::new(format!("it has {} bytes; at most {MAX_BYTES} are read", text.len())));
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match lines.map(Comparison::read).collect::<Result<Vec<_>, _>>()? {
            comparisons if comparisons.is_empty() => Err(ConditionError::new("it compares nothing")),
            comparisons => Ok(Arc::new(Comparisons(comparisons))),
        }
    }
}

impl Comparison {
    fn read(line: &str) -> Result<Self, ConditionError> {
        let wrong = |why: &str| ConditionError::new(format!("`{line}`: {why}"));
        let form = || wrong("expected is a pointer, then `==`, `<=` or `>=`, then a value");
        let (pointer, rest) = line.split_once(' ').ok_or_else(form)?;
        let (operator, value) = rest.trim_start().split_once(' ').ok_or_else(form)?;
        let allowed: &[_] = match operator {
            "==" => &[Ordering::Equal],
            "<=" => &[Ordering::Less, Ordering::Equal],
            ">=" => &[Ordering::Greater, Ordering::Equal],
            _ => return Err(form()),
        };
        let value = serde_json::from_str(value).map_err(|_| form())?;
        let shape = shape(pointer)?;
        let known = shape.pointer(pointer).ok_or_else(|| wrong("no summary has this"))?;
        compare(known, &value).ok_or_else(|| wrong("it is never a value of this type"))?;
        Ok(Self { line: line.to_owned(), pointer: pointer.to_owned(), allowed, value })
    }
}

impl Condition for Comparisons {
    fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError> {
        let summary = json(summary)?;
        let mut reasons = Vec::new();
        for comparison in &self.0 {
            let found = summary.pointer(&comparison.pointer).and_then(|found| compare(found, &comparison.value));
            match found {
                None => return Err(ConditionError::new(format!("there is no `{}`", comparison.pointer))),
                Some(found) if comparison.allowed.contains(&found) => {}
                Some(_) => reasons.push(comparison.line.clone()),
            }
        }
        reasons.sort();
        Ok(ConditionAnswer { holds: reasons.is_empty(), reasons })
    }
}

/// A summary in which the suite or signal that the pointer names is there.
fn shape(pointer: &str) -> Result<Value, ConditionError> {
    let mut summary = Summary::default();
    match pointer.split('/').skip(1).collect::<Vec<_>>().as_slice() {
        ["tests", suite, ..] => drop(summary.tests.insert((*suite).to_owned(), TestsSummary::default())),
        ["signals", name, ..] => drop(summary.signals.insert((*name).to_owned(), 0.0)),
        _ => {}
    }
    json(&summary)
}

fn json(summary: &Summary) -> Result<Value, ConditionError> {
    serde_json::to_value(summary).map_err(|error| ConditionError::new(format!("the summary cannot be written: {error}")))
}

/// How two plain values of one type compare.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        _ => None,
    }
}
