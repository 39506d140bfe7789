//! Calculating, comparing and looking up, with an error where something is missing, of another type or too large.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::mem::discriminant;

use pathops_core::policy::ConditionError;
use regorus::Value;

/// A calculation with two numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// Exact where both are whole and the result is, else in doubles. Sets are subtracted too.
    pub(super) fn of(self, left: &Value, right: &Value) -> Result<Value, ConditionError> {
        if let (Operator::Subtract, Value::Set(left), Value::Set(right)) = (self, left, right) {
            let rest = left.iter().filter(|value| !right.contains(value)).cloned();
            return Ok(Value::from(rest.collect::<BTreeSet<_>>()));
        }
        let fails = || ConditionError::new("a calculation fails");
        if let (Ok(left), Ok(right)) = (left.as_i64(), right.as_i64())
            && !self.leaves_a_rest(left, right)
        {
            return self.of_whole(left, right).map(Value::from).ok_or_else(fails);
        }
        let (left, right) = (left.as_f64().map_err(|_| fails())?, right.as_f64().map_err(|_| fails())?);
        self.of_doubles(left, right).ok_or_else(fails)
    }

    fn leaves_a_rest(self, left: i64, right: i64) -> bool {
        matches!(self, Operator::Divide) && left.checked_rem(right).is_some_and(|rest| rest != 0)
    }

    fn of_whole(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            Operator::Remainder => left.checked_rem(right),
        }
    }

    fn of_doubles(self, left: f64, right: f64) -> Option<Value> {
        let value = match self {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            Operator::Remainder => return None,
        };
        value.is_finite().then(|| Value::from(value))
    }
}

/// How two values of one type compare.
pub(super) fn compare(left: &Value, right: &Value) -> Result<Ordering, ConditionError> {
    if discriminant(left) != discriminant(right) {
        return Err(ConditionError::new("values of different types are compared"));
    }
    Ok(left.cmp(right))
}

/// Whether a collection has a value in it.
pub(super) fn is_in(collection: &Value, value: &Value) -> Result<Value, ConditionError> {
    match collection {
        Value::Array(values) => Ok(Value::Bool(values.iter().any(|other| other == value))),
        Value::Set(values) => Ok(Value::Bool(values.contains(value))),
        Value::Object(fields) => Ok(Value::Bool(fields.iter().any(|(_, other)| other == value))),
        _ => Err(ConditionError::new("`in` looks into something that is no collection")),
    }
}

/// What a collection has under a key.
pub(super) fn index(collection: &Value, key: &Value) -> Result<Value, ConditionError> {
    match &collection[key] {
        Value::Undefined => Err(ConditionError::new(match key {
            Value::String(key) => format!("there is no `{key}`"),
            _ => "there is nothing under that key".to_owned(),
        })),
        value => Ok(value.clone()),
    }
}
