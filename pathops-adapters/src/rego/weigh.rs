//! How much work a condition may be.

use pathops_core::policy::ConditionError;
use regorus::Value;

/// What everything that the machine looks at may weigh, in all: 1 for each value, and 1 for each 8 bytes of a string.
const MAX_WORK: usize = 4_000_000;
const MAX_DEPTH: usize = 64;

/// What is left to be looked at.
#[derive(Debug)]
pub(super) struct Scales {
    left: usize,
}

impl Scales {
    pub(super) fn new() -> Self {
        Self { left: MAX_WORK }
    }

    /// Takes off what a value weighs, where it is shared as often as it is shared.
    pub(super) fn weigh(&mut self, value: &Value) -> Result<(), ConditionError> {
        self.weigh_at(value, 0)
    }

    fn weigh_at(&mut self, value: &Value, depth: usize) -> Result<(), ConditionError> {
        if depth > MAX_DEPTH {
            return Err(ConditionError::new(format!("it builds values that are nested more than {MAX_DEPTH} deep")));
        }
        let bytes = if let Value::String(text) = value { text.len() } else { 0 };
        let left = self.left.checked_sub(1 + bytes / 8);
        self.left = left.ok_or_else(|| ConditionError::new("it is too much work for a condition"))?;
        match value {
            Value::Array(values) => values.iter().try_for_each(|value| self.weigh_at(value, depth + 1)),
            Value::Set(values) => values.iter().try_for_each(|value| self.weigh_at(value, depth + 1)),
            Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
                self.weigh_at(key, depth + 1)?;
                self.weigh_at(value, depth + 1)
            }),
            _ => Ok(()),
        }
    }
}
