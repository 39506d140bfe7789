//! The products, and how they are written as JSON.

pub struct Product {
    pub id: &'static str,
    pub name: &'static str,
    pub price_cents: u32,
}

pub const PRODUCTS: [Product; 3] = [
    Product { id: "kettle", name: "Kettle", price_cents: 4900 },
    Product { id: "teapot", name: "Teapot", price_cents: 3450 },
    Product { id: "tea", name: "Tea, 250 g", price_cents: 1290 },
];

pub fn find(id: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// One product, as contract `catalog-http` has it.
pub fn object(product: &Product) -> String {
    let Product { id, name, price_cents } = product;
    format!(r#"{{"id":"{id}","name":"{name}","priceCents":{price_cents}}}"#)
}

pub fn list(products: &[Product]) -> String {
    format!("[{}]", products.iter().map(object).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_found_by_its_id() {
        assert_eq!(find("teapot").map(|product| product.name), Some("Teapot"));
        assert!(find("unicorn").is_none());
    }

    #[test]
    fn a_product_is_written_as_the_contract_says() {
        let kettle = Product { id: "kettle", name: "Kettle", price_cents: 4900 };
        assert_eq!(object(&kettle), r#"{"id":"kettle","name":"Kettle","priceCents":4900}"#);
        assert_eq!(list(&[]), "[]");
    }
}
