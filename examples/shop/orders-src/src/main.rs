//! Orders: quotes for products, and the orders that were placed. Products come from the catalog, orders are in the store.

mod client;
mod day;
mod http;
mod json;
mod logic;

use std::env;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use client::fetch;
use day::Day;
use http::{Request, Response};

fn main() -> Result<(), String> {
    let variable = |name: &str| env::var(name).map_err(|e| format!("{name}: {e}"));
    let port = variable("PORT")?.parse().map_err(|e| format!("PORT: {e}"))?;
    let log_all = env::var("LOG").is_ok_and(|log| log == "requests");
    let orders = Orders { store: variable("STORE_URL")?, catalog: variable("CATALOG_URL")?, numbering: Mutex::new(()) };
    http::serve(port, log_all, move |request| orders.answer(request)).map_err(|e| format!("port {port}: {e}"))
}

struct Orders {
    store: String,
    catalog: String,
    /// Held while an order gets its number; there is one instance of this app.
    numbering: Mutex<()>,
}

impl Orders {
    fn answer(&self, request: &Request) -> Response {
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => Ok(json(200, r#"{"status":"ok"}"#.to_owned())),
            ("POST", "/orders") => self.place(&request.body),
            ("GET", path) => match (path.strip_prefix("/quotes/"), path.strip_prefix("/orders/")) {
                (Some(product), _) => self.quote(product).map(|quote| json(200, quote)),
                (_, Some(id)) => self.show(id),
                _ => Err(error(404, "not found")),
            },
            _ => Err(error(405, "only GET, and POST of orders")),
        };
        answer.unwrap_or_else(|failure| failure)
    }

    /// What an order of `product` would say if it were placed now.
    fn quote(&self, product: &str) -> Result<String, Response> {
        if !logic::is_name(product) {
            return Err(error(404, "no such product"));
        }
        let answer = match fetch("GET", &format!("{}/products/{product}", self.catalog), "") {
            Ok((200, answer)) => answer,
            Ok((404, _)) => return Err(error(404, "no such product")),
            Ok((status, _)) => return Err(error(502, &format!("the catalog answers {status}"))),
            Err(e) => return Err(error(502, &format!("the catalog does not answer: {e}"))),
        };
        logic::quote(&answer, today()).map_err(|e| error(502, &format!("the catalog's answer has {e}")))
    }

    fn place(&self, wanted: &str) -> Result<Response, Response> {
        let product = json::text(wanted, "product").map_err(|e| error(400, &format!("the order has {e}")))?;
        let quote = self.quote(product)?;
        let _numbering = self.numbering.lock().unwrap_or_else(PoisonError::into_inner);
        let id =
            1 + self.load("order-count")?.map_or(Ok(0), |count| count.parse::<u64>()).map_err(|e| error(502, &e.to_string()))?;
        let order = logic::order(id, &quote);
        self.save(&format!("order-{id}"), &order)?;
        // The count comes last: an order that is not counted was never placed.
        self.save("order-count", &id.to_string())?;
        Ok(json(201, order))
    }

    fn show(&self, id: &str) -> Result<Response, Response> {
        let order = if logic::is_name(id) { self.load(&format!("order-{id}"))? } else { None };
        order.map(|order| json(200, order)).ok_or_else(|| error(404, "no such order"))
    }

    fn load(&self, key: &str) -> Result<Option<String>, Response> {
        match fetch("GET", &format!("{}/items/{key}", self.store), "") {
            Ok((200, value)) => Ok(Some(value)),
            Ok((404, _)) => Ok(None),
            Ok((status, _)) => Err(error(502, &format!("the store answers {status}"))),
            Err(e) => Err(error(502, &format!("the store does not answer: {e}"))),
        }
    }

    fn save(&self, key: &str, value: &str) -> Result<(), Response> {
        match fetch("PUT", &format!("{}/items/{key}", self.store), value) {
            Ok((204, _)) => Ok(()),
            Ok((status, _)) => Err(error(502, &format!("the store answers {status}"))),
            Err(e) => Err(error(502, &format!("the store does not answer: {e}"))),
        }
    }
}

fn today() -> Day {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    Day(seconds / 86_400)
}

fn json(status: u16, body: String) -> Response {
    Response { status, content_type: "application/json", body }
}

fn error(status: u16, message: &str) -> Response {
    let message = message.replace(|c: char| c == '"' || c == '\\' || c.is_control(), " ");
    json(status, format!(r#"{{"error":"{message}"}}"#))
}
