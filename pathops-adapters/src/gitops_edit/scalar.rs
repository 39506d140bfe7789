//! How a value is written in the place of another.

use granit_parser::ScalarStyle;

use super::tree::{Kind, Node};

/// What a plain scalar says, in YAML 1.1 or 1.2: where the two differ, the one that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Null,
    Bool,
    Number,
    Text,
}

fn type_of(plain: &str) -> Type {
    let lower = plain.to_ascii_lowercase();
    match lower.as_str() {
        "" | "~" | "null" => Type::Null,
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" => Type::Bool,
        _ if is_number(&lower) => Type::Number,
        _ => Type::Text,
    }
}

/// Numbers of any base, with `_`, in base 60, and dates.
fn is_number(lower: &str) -> bool {
    let digits = lower.trim_start_matches(['+', '-']).replace('_', "");
    let only = |of: &dyn Fn(char) -> bool| digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(of);
    let infinite = matches!(digits.as_str(), ".inf" | ".nan" | "inf" | "nan" | "infinity");
    let date = || {
        let mut parts = digits.splitn(3, '-');
        let mut number = |length: &[usize]| {
            parts.next().is_some_and(|it| length.contains(&it.len()) && it.chars().all(|c| c.is_ascii_digit()))
        };
        number(&[4])
            && number(&[1, 2])
            && digits.splitn(3, '-').nth(2).is_some_and(|day| day.starts_with(|c: char| c.is_ascii_digit()))
    };
    infinite
        || digits.parse::<f64>().is_ok()
        || ["0x", "0o", "0b"].iter().any(|base| digits.starts_with(base))
        || only(&|c| c.is_ascii_digit() || matches!(c, ':' | '.')) && digits.contains(':')
        || date()
}

/// A number that every reader writes down again in the same way.
fn is_canonical(text: &str) -> bool {
    let integer = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    integer || text.parse::<f64>().is_ok_and(|number| number.is_finite() && number.to_string() == text && text.contains('.'))
}

/// Whether text can stand without quotes and be nothing else, also in a flow collection.
fn is_plain(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-' | '+' | '@' | ':' | '=');
    type_of(text) == Type::Text
        && text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.'))
        && !text.ends_with(':')
        && text != "."
}

/// `new` as it is written in the place of `old`; `None` where it cannot be. `text` is whether it is text whatever was there.
pub(super) fn written(old: &Node, new: &str, text: bool) -> Option<String> {
    let Kind::Scalar { text: was, style } = &old.kind else { return None };
    if new.chars().any(|c| c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')) {
        return None;
    }
    match style {
        ScalarStyle::SingleQuoted => Some(format!("'{}'", new.replace('\'', "''"))),
        ScalarStyle::DoubleQuoted => Some(quoted(new)),
        ScalarStyle::Plain => {
            let keeps_type = !text
                && match (type_of(was), type_of(new)) {
                    (Type::Number | Type::Null, Type::Number) => is_canonical(new),
                    (Type::Bool | Type::Null, Type::Bool) => matches!(new, "true" | "false"),
                    _ => false,
                };
            Some(if keeps_type || is_plain(new) { new.to_owned() } else { quoted(new) })
        }
        ScalarStyle::Literal | ScalarStyle::Folded => None,
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
