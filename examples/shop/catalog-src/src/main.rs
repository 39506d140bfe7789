//! The catalog: which products there are, as JSON.

mod http;
mod logic;

use http::{Request, Response};

fn main() -> Result<(), String> {
    let port = std::env::var("PORT").map_err(|e| format!("PORT: {e}"))?.parse().map_err(|e| format!("PORT: {e}"))?;
    let log_all = std::env::var("LOG").is_ok_and(|log| log == "requests");
    http::serve(port, log_all, answer).map_err(|e| format!("port {port}: {e}"))
}

fn answer(request: &Request) -> Response {
    if request.method != "GET" {
        return json(405, r#"{"error":"only GET"}"#.to_owned());
    }
    match request.path.as_str() {
        "/health" => json(200, r#"{"status":"ok"}"#.to_owned()),
        "/products" => json(200, logic::list(&logic::PRODUCTS)),
        path => match path.strip_prefix("/products/").and_then(logic::find) {
            Some(product) => json(200, logic::object(product)),
            None => json(404, r#"{"error":"not found"}"#.to_owned()),
        },
    }
}

fn json(status: u16, body: String) -> Response {
    Response { status, content_type: "application/json", body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, path: &str) -> u16 {
        answer(&Request { method: method.to_owned(), path: path.to_owned() }).status
    }

    #[test]
    fn answers_what_it_knows_and_nothing_else() {
        assert_eq!(status("GET", "/products/kettle"), 200);
        assert_eq!(status("GET", "/products/unicorn"), 404);
        assert_eq!(status("GET", "/elsewhere"), 404);
        assert_eq!(status("DELETE", "/products/kettle"), 405);
    }
}
