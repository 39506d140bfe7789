//! Reads fields of the flat JSON objects that the shop's apps write: nothing nested, nothing escaped.

/// The text in the field `name`; an error says what is missing.
pub fn text<'j>(object: &'j str, name: &str) -> Result<&'j str, String> {
    let value = value(object, name).and_then(|value| value.strip_prefix('"')?.split_once('"'));
    value.map(|(text, _)| text).ok_or_else(|| format!("no text `{name}`"))
}

/// The number in the field `name`; an error says what is missing.
pub fn number(object: &str, name: &str) -> Result<u32, String> {
    let digits = value(object, name).and_then(|value| value.split([',', '}']).next());
    digits.and_then(|digits| digits.trim_end().parse().ok()).ok_or_else(|| format!("no number `{name}`"))
}

/// The objects of a list.
pub fn objects(list: &str) -> impl Iterator<Item = &str> {
    list.split_inclusive('}').filter(|part| part.contains('{'))
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
    fn fields_are_read() {
        assert_eq!(text(TEA, "id"), Ok("tea"));
        assert_eq!(number(TEA, "priceCents"), Ok(1290));
        assert_eq!(text(TEA, "name"), Err("no text `name`".to_owned()));
        assert_eq!(number(TEA, "id"), Err("no number `id`".to_owned()));
    }

    #[test]
    fn a_list_has_its_objects() {
        assert_eq!(objects(&format!("[{TEA},{TEA}]")).filter_map(|tea| text(tea, "id").ok()).collect::<Vec<_>>(), ["tea", "tea"]);
        assert_eq!(objects("[]").count(), 0);
    }
}
