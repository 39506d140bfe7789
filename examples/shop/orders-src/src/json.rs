//! Reads fields of the flat JSON objects that the shop's apps write: nothing nested, nothing escaped.

/// The text in the field `name`; an error says what is missing.
pub fn text<'j>(object: &'j str, name: &str) -> Result<&'j str, String> {
    let value = value(object, name).and_then(|value| value.strip_prefix('"')?.split_once('"'));
    value.map(|(text, _)| text).ok_or_else(|| format!("no text `{name}`"))
}

fn value<'j>(object: &'j str, name: &str) -> Option<&'j str> {
    let (_, rest) = object.split_once(&format!("\"{name}\":"))?;
    Some(rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEA: &str = r#"{"id": "tea","priceCents":1290}"#;

    #[test]
    fn a_text_is_read() {
        assert_eq!(text(TEA, "id"), Ok("tea"));
        assert_eq!(text(TEA, "name"), Err("no text `name`".to_owned()));
        assert!(text(TEA, "priceCents").is_err());
    }
}
