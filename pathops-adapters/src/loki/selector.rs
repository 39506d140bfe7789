//! Which streams are a unit's.

use std::fmt::Write as _;

use pathops_core::adapter::SignalQuery;

/// What a label's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// The unit's name.
    Unit,
    /// The unit and the environment, with a `-` between: `orders-preflight`.
    UnitAndEnvironment,
    /// The environment's name.
    Environment,
    /// The environment's namespace.
    Namespace,
    /// The environment's cluster.
    Cluster,
    /// This one, always.
    Fixed(String),
}

impl Value {
    pub(super) fn tells_units_apart(&self) -> bool {
        matches!(self, Self::Unit | Self::UnitAndEnvironment)
    }

    fn of(&self, query: &SignalQuery) -> String {
        let target = &query.target;
        match self {
            Self::Unit => query.unit.to_string(),
            Self::UnitAndEnvironment => format!("{}-{}", query.unit, target.environment),
            Self::Environment => target.environment.to_string(),
            Self::Namespace => target.namespace.clone(),
            Self::Cluster => target.cluster.clone(),
            Self::Fixed(value) => value.clone(),
        }
    }
}

/// Whether a label may have this name.
pub(super) fn is_label(name: &str) -> bool {
    let is_first = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    name.bytes().next().is_some_and(is_first) && name.bytes().all(|b| is_first(b) || b.is_ascii_digit())
}

/// The selector of a unit's streams; or the label that would have an empty value, which is one that is not there: it would select the
/// streams of others.
pub(super) fn of<'a>(labels: &'a [(String, Value)], query: &SignalQuery) -> Result<String, &'a str> {
    let matcher = |(name, value): &'a (String, Value)| match value.of(query) {
        empty if empty.is_empty() => Err(name.as_str()),
        value => Ok(format!("{name}={}", quoted(&value))),
    };
    let matchers: Vec<String> = labels.iter().map(matcher).collect::<Result<_, _>>()?;
    Ok(format!("{{{}}}", matchers.join(", ")))
}

/// A string of `LogQL`, whose escapes are those of Go.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _infallible = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_never_ends_its_string() {
        assert_eq!(quoted("shop"), r#""shop""#);
        assert_eq!(quoted("a\"} |= `x` #\\\n\u{85}é"), r#""a\"} |= `x` #\\\u000a\u0085é""#);
    }

    #[test]
    fn labels_have_the_names_that_they_may_have() {
        for (name, may) in
            [("app", true), ("_a1", true), ("k8s_app", true), ("", false), ("1a", false), ("a-b", false), ("é", false)]
        {
            assert_eq!(is_label(name), may, "{name}");
        }
    }
}
