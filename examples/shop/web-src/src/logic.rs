//! The pages, as HTML. Pure: what the other apps answered goes in; an error says what an answer lacks.

use crate::json::{number, objects, text};

/// All products; `products` is the catalog's answer.
pub fn products_page(shop: &str, products: &str) -> Result<String, String> {
    let mut items = String::new();
    for product in objects(products) {
        let (id, name) = (escape(text(product, "id")?), escape(text(product, "name")?));
        items += &format!("<li><a href=\"/checkout/{id}\">{name}</a> {}</li>\n", euros(number(product, "priceCents")?));
    }
    Ok(page(shop, &format!("<ul>\n{items}</ul>")))
}

/// The last page before an order; `product` is the catalog's answer.
pub fn checkout_page(shop: &str, product: &str) -> Result<String, String> {
    let (name, price) = (escape(text(product, "name")?), euros(number(product, "priceCents")?));
    Ok(page(shop, &format!("<p>{name}, {price}</p>\n<form method=\"post\"><button>Order</button></form>")))
}

/// The page after an order; `order` is what orders answered.
pub fn thanks_page(shop: &str, order: &str) -> Result<String, String> {
    let (id, name) = (number(order, "id")?, escape(text(order, "name")?));
    Ok(page(shop, &format!("<p>Thank you. Order {id}: {name}.</p>")))
}

/// A page that says that something did not work.
pub fn failure_page(shop: &str, message: &str) -> String {
    page(shop, &format!("<p>Sorry: {}</p>", escape(message)))
}

fn page(shop: &str, body: &str) -> String {
    let title = escape(shop);
    format!("<!doctype html>\n<html lang=\"en\"><title>{title}</title>\n<h1><a href=\"/\">{title}</a></h1>\n{body}\n</html>\n")
}

fn euros(cents: u32) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEA: &str = r#"{"id":"tea","name":"Tea & more","priceCents":1205}"#;

    #[test]
    fn products_are_listed_with_their_prices() {
        let page = products_page("Shop", &format!("[{TEA}]")).unwrap();
        assert!(page.contains("<a href=\"/checkout/tea\">Tea &amp; more</a> €12.05"), "{page}");
        assert_eq!(products_page("Shop", "[{}]"), Err("no text `id`".to_owned()));
    }

    #[test]
    fn checkout_shows_what_is_ordered() {
        let page = checkout_page("Shop", TEA).unwrap();
        assert!(page.contains("Tea &amp; more, €12.05"), "{page}");
    }

    #[test]
    fn an_order_is_confirmed_with_its_number() {
        let page = thanks_page("Shop", r#"{"id":7,"name":"Tea"}"#).unwrap();
        assert!(page.contains("Order 7: Tea."), "{page}");
    }
}
