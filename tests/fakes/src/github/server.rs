//! HTTP around the state: faults, limits, pages, entity tags.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use pathops_core::adapter::Clock;
use pathops_core::{Digest, UnixMillis};
use serde_json::{Value, json};

use super::{API, Asked, Call, Description, Fake, Fault, LIMIT, Reply, Shared, State, Wrong};

impl<C: Clock + Clone> Fake<C> {
    /// A server without repositories. Each exchange is held against the description.
    pub async fn start(clock: C, description: Option<Box<dyn Description>>) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            repos: BTreeMap::new(),
            renamed: Default::default(),
            tokens: Default::default(),
            calls: Vec::new(),
            faults: Vec::new(),
            limit: LIMIT,
            left: LIMIT,
            hour: hour(clock.now()),
            differences: Vec::new(),
            next: 1000,
        };
        let fake = Self(Arc::new(Shared { state: Mutex::new(state), port, clock, description }));
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
        let asked = Asked {
            method: head.method,
            path: head.uri.path().strip_prefix(API).unwrap_or(head.uri.path()).to_owned(),
            query: query(head.uri.query().unwrap_or_default()),
            accept: header("accept"),
            token: header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned(),
            known: Some(header("if-none-match")).filter(|tag| !tag.is_empty()),
            body: if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() },
            at: self.now(),
            api: format!("{}{API}", self.web()),
        };
        assert!(!header("user-agent").is_empty(), "GitHub refuses whoever does not say who they are");
        let lost = || io::Error::other("lost");
        if self.stalls(&asked) {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        let fault = state.faults.iter().position(|fault| fault.method == asked.method && asked.path.contains(fault.path));
        let mut lose = false;
        let wrong = fault.map(|at| match state.faults.remove(at).what {
            Wrong::Answer(status, headers, message) => Wrong::Json(status, headers, json!({ "message": message })),
            other => other,
        });
        match wrong {
            Some(Wrong::LoseRequest) => return Err(lost()),
            Some(Wrong::Json(status, headers, body)) => {
                state.calls.push(asked.answered(status));
                let mut response = respond(status, body.to_string().into_bytes());
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().unwrap());
                }
                return Ok(response);
            }
            Some(Wrong::LoseAnswer) => lose = true,
            Some(Wrong::Answer(..) | Wrong::Stall) | None => {}
            Some(Wrong::First(happens)) => happens(&mut state),
        }
        let response = self.limited(&mut state, &asked);
        state.calls.push(asked.answered(response.status().as_u16()));
        if lose { Err(lost()) } else { Ok(response) }
    }

    fn stalls(&self, asked: &Asked) -> bool {
        let mut state = self.state();
        let before = state.faults.len();
        let hit = |fault: &Fault| fault.method == asked.method && asked.path.contains(fault.path);
        state.faults.retain(|fault| !(hit(fault) && matches!(fault.what, Wrong::Stall)));
        state.faults.len() < before
    }

    fn limited(&self, state: &mut State, asked: &Asked) -> Response<Full<Bytes>> {
        if state.hour != hour(asked.at) {
            (state.hour, state.left) = (hour(asked.at), state.limit);
        }
        let reset = (state.hour + 1) * 3600;
        let mut response = if state.left == 0 {
            respond(403, json!({ "message": "API rate limit exceeded for user." }).to_string().into_bytes())
        } else {
            let reply = state.answer(asked).unwrap_or_else(|refusal| refusal);
            self.respond(state, asked, reply)
        };
        if response.status() != 304 {
            state.left = state.left.saturating_sub(1);
        }
        let counts = [
            ("x-ratelimit-limit", state.limit),
            ("x-ratelimit-remaining", state.left),
            ("x-ratelimit-reset", reset.unsigned_abs()),
        ];
        for (name, count) in counts {
            response.headers_mut().insert(name, count.into());
        }
        response
    }

    fn respond(&self, state: &mut State, asked: &Asked, reply: Reply) -> Response<Full<Bytes>> {
        let mut link = None;
        let (status, body) = match reply {
            Reply::One(status, body) => (status, body),
            Reply::List(all) => (200, Value::Array(paged(asked, all, &mut link))),
            Reply::Part(mut whole, part) => {
                let all = whole[part].as_array().unwrap().clone();
                whole[part] = Value::Array(paged(asked, all, &mut link));
                (200, whole)
            }
            Reply::Raw(bytes) => return tagged(asked, respond(200, bytes.clone()), &bytes),
            Reply::Nothing => return respond(204, Vec::new()),
            Reply::Moved(status, to) => {
                let mut response = respond(status, json!({ "message": "Moved Permanently", "url": to }).to_string().into_bytes());
                response.headers_mut().insert("location", to.parse().unwrap());
                return response;
            }
            Reply::Refused(status, message, errors) => {
                let page = "https://docs.github.com/rest";
                (
                    status,
                    if errors.is_empty() {
                        json!({ "message": message, "documentation_url": page, "status": status.to_string() })
                    } else {
                        json!({ "message": message, "errors": errors, "documentation_url": page })
                    },
                )
            }
        };
        if let Some(description) = &self.0.description {
            state.differences.extend(description.differences(asked, status, &body));
        }
        let bytes = body.to_string().into_bytes();
        let mut response = respond(status, bytes.clone());
        if let Some(link) = link {
            response.headers_mut().insert("link", link.parse().unwrap());
        }
        if asked.method == Method::GET && status == 200 { tagged(asked, response, &bytes) } else { response }
    }
}

impl Asked {
    fn answered(&self, status: u16) -> Call {
        Call { method: self.method.clone(), path: self.path.clone(), status, token: self.token.clone() }
    }
}

/// Limits are of an hour.
fn hour(at: UnixMillis) -> i64 {
    at.0 / 3_600_000
}

fn respond(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
}

/// With its entity tag, which belongs to the token too, or "not modified".
fn tagged(asked: &Asked, response: Response<Full<Bytes>>, body: &[u8]) -> Response<Full<Bytes>> {
    let tag = format!("W/\"{}\"", Digest::of(&[body, asked.token.as_bytes()].concat()).hex());
    let mut response = if asked.known.as_ref() == Some(&tag) { respond(304, Vec::new()) } else { response };
    response.headers_mut().insert("etag", tag.parse().unwrap());
    response
}

fn paged(asked: &Asked, all: Vec<Value>, link: &mut Option<String>) -> Vec<Value> {
    let number = |name: &str| asked.query.get(name).map(|text| text.parse::<usize>().unwrap());
    let (page, per_page) = (number("page").unwrap_or(1), number("per_page").unwrap_or(30).min(100));
    if page * per_page < all.len() {
        let mut query: Vec<String> = asked
            .query
            .iter()
            .filter(|(name, _)| *name != "page")
            .map(|(name, value)| format!("{name}={}", value.replace('/', "%2F")))
            .collect();
        query.push(format!("page={}", page + 1));
        let at = format!("{}{}?{}", asked.api, asked.path, query.join("&"));
        *link = Some(format!("<{at}>; rel=\"next\", <{at}>; rel=\"last\""));
    }
    all.into_iter().skip((page - 1) * per_page).take(per_page).collect()
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), unescaped(value))).collect()
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
