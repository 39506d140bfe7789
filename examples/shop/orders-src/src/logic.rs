//! What a quote and an order say. Pure: no network, no clock.

use crate::day::Day;
use crate::json::text;

/// What an order of a product would say. `product` is the catalog's answer; an error says what it lacks.
pub fn quote(product: &str, today: Day) -> Result<String, String> {
    let (id, name) = (text(product, "id")?, text(product, "name")?);
    Ok(format!(r#"{{"product":"{id}","name":"{name}","orderDate":"{today}"}}"#))
}

/// The order that makes `quote` binding.
pub fn order(id: u64, quote: &str) -> String {
    quote.replacen('{', &format!(r#"{{"id":{id},"#), 1)
}

/// Whether `text` can name a product or an order.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 40 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRIDAY: Day = Day(20_777); // 2026-11-20
    const KETTLE: &str = r#"{"id":"kettle","name":"Kettle"}"#;

    #[test]
    fn a_quote_says_what_is_ordered_and_when() {
        assert_eq!(quote(KETTLE, FRIDAY).unwrap(), r#"{"product":"kettle","name":"Kettle","orderDate":"2026-11-20"}"#);
        assert_eq!(quote("{}", FRIDAY), Err("no text `id`".to_owned()));
    }

    #[test]
    fn an_order_is_a_quote_with_a_number() {
        assert_eq!(order(7, r#"{"product":"tea"}"#), r#"{"id":7,"product":"tea"}"#);
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_a_path() {
        assert!(is_name("tea-2"));
        for bad in ["", "../tea", "tea?x", "Tea", "a b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
