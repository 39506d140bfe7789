//! The shop's pages: they show what the catalog and orders answer, and place orders.

mod client;
mod http;
mod json;
mod logic;

use std::env;

use client::fetch;
use http::{Request, Response};

fn main() -> Result<(), String> {
    let variable = |name: &str| env::var(name).map_err(|e| format!("{name}: {e}"));
    let port = variable("PORT")?.parse().map_err(|e| format!("PORT: {e}"))?;
    let log_all = env::var("LOG").is_ok_and(|log| log == "requests");
    let web = Web { name: variable("SHOP_NAME")?, catalog: variable("CATALOG_URL")?, orders: variable("ORDERS_URL")? };
    http::serve(port, log_all, move |request| web.answer(request)).map_err(|e| format!("port {port}: {e}"))
}

struct Web {
    /// What the shop calls itself.
    name: String,
    catalog: String,
    orders: String,
}

/// The status and the words of a page that says what did not work.
type Failure = (u16, String);

impl Web {
    fn answer(&self, request: &Request) -> Response {
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => Ok("ok".to_owned()),
            ("GET", "/") => self.products(),
            (method, path) => match (method, path.strip_prefix("/checkout/")) {
                ("GET", Some(product)) => self.checkout(product),
                ("POST", Some(product)) => self.order(product),
                _ => Err((404, "there is no such page".to_owned())),
            },
        };
        let (status, body) = match answer {
            Ok(page) => (200, page),
            Err((status, message)) => {
                if status >= 500 {
                    eprintln!("{message}");
                }
                (status, logic::failure_page(&self.name, &message))
            }
        };
        Response { status, content_type: "text/html; charset=utf-8", body }
    }

    fn products(&self) -> Result<String, Failure> {
        let products = ask("the catalog", "GET", &format!("{}/products", self.catalog), "")?;
        logic::products_page(&self.name, &products).map_err(incomplete)
    }

    fn checkout(&self, product: &str) -> Result<String, Failure> {
        let product = ask("the catalog", "GET", &format!("{}/products/{product}", self.catalog), "")?;
        logic::checkout_page(&self.name, &product).map_err(incomplete)
    }

    fn order(&self, product: &str) -> Result<String, Failure> {
        let wanted = format!(r#"{{"product":"{product}"}}"#);
        let order = ask("orders", "POST", &format!("{}/orders", self.orders), &wanted)?;
        logic::thanks_page(&self.name, &order).map_err(incomplete)
    }
}

fn ask(whom: &str, method: &str, url: &str, body: &str) -> Result<String, Failure> {
    match fetch(method, url, body) {
        Ok((200 | 201, answer)) => Ok(answer),
        Ok((404, _)) => Err((404, "there is no such product".to_owned())),
        Ok((status, _)) => Err((502, format!("{whom} answers {status}"))),
        Err(e) => Err((502, format!("{whom} does not answer: {e}"))),
    }
}

fn incomplete(what: String) -> Failure {
    (502, format!("an answer has {what}"))
}
