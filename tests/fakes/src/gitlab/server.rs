//! HTTP around the state: faults, limits, pages, entity tags.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use pathops_core::Digest;
use pathops_core::adapter::Clock;
use serde_json::{Map, Value, json};

use super::{API, Asked, Fake, Fault, LIMIT, Meanwhile, Reply, Shared, State, WINDOW, Wrong};

impl<C: Clock + Clone> Fake<C> {
    /// A server without projects.
    pub async fn start(clock: C) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            projects: BTreeMap::new(),
            renamed: Default::default(),
            users: Vec::new(),
            tokens: Default::default(),
            enterprise: true,
            calls: Vec::new(),
            left: LIMIT,
            faults: Vec::new(),
            window: 0,
            next: 1000,
            answers: Vec::new(),
        };
        let fake = Self(Arc::new(Shared { state: Mutex::new(state), port, clock }));
        let served = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = served.clone();
                let service = service_fn(move |request| {
                    let fake = fake.clone();
                    async move { fake.exchange(request).await }
                });
                let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        fake
    }

    async fn exchange(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let mut asked = Asked {
            method: head.method,
            path: head.uri.path().strip_prefix(API).unwrap_or(head.uri.path()).to_owned(),
            query: form(head.uri.query().unwrap_or_default()),
            token: header("private-token"),
            known: Some(header("if-none-match")).filter(|tag| !tag.is_empty()),
            body: match header("content-type").as_str() {
                "" => Value::Null,
                "application/json" => serde_json::from_slice(&body).unwrap(),
                _ => fields(form(std::str::from_utf8(&body).unwrap())),
            },
            at: self.now(),
            api: format!("{}{API}", self.web()),
        };
        let lost = || io::Error::other("lost");
        let fault = self.fault_of(&asked);
        if matches!(fault, Some(Wrong::Stall)) {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        // What is done later is dated later.
        asked.at = self.now();
        let (mut lose, mut other) = (false, Vec::new());
        match fault {
            Some(Wrong::LoseRequest) => return Err(lost()),
            Some(Wrong::Answer(status, headers, message)) => {
                state.calls.push((asked.method.clone(), asked.path.clone(), status));
                let mut response = respond(status, json!({ "message": message }).to_string().into_bytes());
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().unwrap());
                }
                return Ok(response);
            }
            Some(Wrong::LoseAnswer) => lose = true,
            Some(Wrong::First(Meanwhile(happens))) => happens(&mut state),
            Some(Wrong::Headers(headers)) => other = headers,
            Some(Wrong::Stall) | None => {}
        }
        let mut response = limited(&mut state, &asked);
        for (name, value) in other {
            response.headers_mut().remove(name);
            if let Some(value) = value {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        state.calls.push((asked.method.clone(), asked.path.clone(), response.status().as_u16()));
        if lose { Err(lost()) } else { Ok(response) }
    }

    fn fault_of(&self, asked: &Asked) -> Option<Wrong> {
        let mut state = self.state();
        let hit = |fault: &Fault| fault.method == asked.method && asked.path.contains(fault.path);
        let place = state.faults.iter().position(hit)?;
        Some(state.faults.remove(place).what)
    }
}

/// Every call counts, also one that is answered with "not modified".
fn limited(state: &mut State, asked: &Asked) -> Response<Full<Bytes>> {
    let window = asked.at.0 / WINDOW;
    if window > state.window {
        (state.window, state.left) = (window, LIMIT);
    }
    let reset = (window + 1) * WINDOW / 1000;
    let mut response = if state.left == 0 {
        let mut response = respond(429, b"Retry later\n".to_vec());
        response.headers_mut().insert("retry-after", (reset - asked.at.0 / 1000).unsigned_abs().into());
        response
    } else {
        state.left -= 1;
        let reply = state.answer(asked).unwrap_or_else(|refusal| refusal);
        reply_with(state, asked, reply)
    };
    let counts = [("ratelimit-limit", LIMIT), ("ratelimit-remaining", state.left), ("ratelimit-reset", reset.unsigned_abs())];
    for (name, count) in counts {
        response.headers_mut().insert(name, count.into());
    }
    response
}

fn reply_with(state: &mut State, asked: &Asked, reply: Reply) -> Response<Full<Bytes>> {
    let mut leads = Vec::new();
    let (status, body) = match reply {
        Reply::One(status, body) => (status, body),
        Reply::List(all) => (200, Value::Array(paged(asked, all, &mut leads))),
        Reply::Raw(bytes) => return tagged(asked, respond(200, bytes.clone()), &bytes),
        Reply::Nothing => return respond(204, Vec::new()),
        Reply::Moved(to) => {
            let mut response = respond(301, json!({ "message": "301 Moved Permanently" }).to_string().into_bytes());
            response.headers_mut().insert("location", to.parse().unwrap());
            return response;
        }
        Reply::Refused(status, body) => (status, body),
    };
    if status < 300 {
        keep(state, asked, &body);
    }
    let bytes = body.to_string().into_bytes();
    let response = respond(status, bytes.clone());
    let mut response = if asked.method == Method::GET && status == 200 { tagged(asked, response, &bytes) } else { response };
    for (name, lead) in leads {
        response.headers_mut().insert(name, lead.parse().unwrap());
    }
    response
}

/// Keeps what was answered, where it is of a kind that GitLab's answers are known of.
fn keep(state: &mut State, asked: &Asked, body: &Value) {
    let parts: Vec<&str> = asked.path.split('/').skip(3).collect();
    let kind = match parts.as_slice() {
        ["merge_requests"] if body.is_array() => "get_merge_requests",
        ["merge_requests"] | ["merge_requests", _] | ["merge_requests", _, "merge"] => "get_merge_request",
        ["repository", "commits", _] | ["repository", "merge_base"] => "get_commit",
        ["repository", "commits"] if body.is_object() => "get_commit",
        _ => return,
    };
    state.answers.push((kind, body.clone()));
}

fn respond(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
}

/// With its entity tag, or "not modified".
fn tagged(asked: &Asked, response: Response<Full<Bytes>>, body: &[u8]) -> Response<Full<Bytes>> {
    let tag = format!("W/\"{}\"", Digest::of(body).hex());
    let mut response = if asked.known.as_ref() == Some(&tag) { respond(304, Vec::new()) } else { response };
    response.headers_mut().insert("etag", tag.parse().unwrap());
    response
}

/// One page. Where keys tell pages apart, the key here is the number of the page all the same, and the last page says nothing.
fn paged(asked: &Asked, all: Vec<Value>, leads: &mut Vec<(&'static str, String)>) -> Vec<Value> {
    let by_key = asked.text("pagination") == Some("keyset");
    let name = if by_key { "page_token" } else { "page" };
    let number = |name: &str| asked.text(name).map(|text| text.parse::<usize>().unwrap());
    let (page, per_page) = (number(name).unwrap_or(1), number("per_page").unwrap_or(20).min(100));
    let more = page * per_page < all.len();
    if more || !by_key {
        let others = asked.query.iter().filter(|(other, _)| *other != name);
        let query: Vec<String> = others
            .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}={}", value.replace('/', "%2F"))))
            .collect();
        let at = |page: usize| format!("<{}{}?{}&{name}={page}>", asked.api, asked.path, query.join("&"));
        let next = more.then(|| format!("{}; rel=\"next\"", at(page + 1)));
        let first = (!by_key).then(|| format!("{}; rel=\"first\"", at(1)));
        leads.push(("link", next.into_iter().chain(first).collect::<Vec<_>>().join(", ")));
    }
    if !by_key {
        leads.push(("x-next-page", if more { (page + 1).to_string() } else { String::new() }));
    }
    all.into_iter().skip((page - 1) * per_page).take(per_page).collect()
}

fn form(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap()) {
        let [name, value] = [name, value].map(|text| unescaped(&text.replace('+', " ")));
        all.entry(name).or_default().push(value);
    }
    all
}

/// A form as an object; what may come more than once is a list.
fn fields(form: BTreeMap<String, Vec<String>>) -> Value {
    let field = |(name, values): (String, Vec<String>)| {
        let value = if name.ends_with("[]") { json!(values) } else { json!(values[0]) };
        (name, value)
    };
    Value::Object(form.into_iter().map(field).collect::<Map<_, _>>())
}

pub(super) fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}
