//! A small fake of Loki: streams of one namespace by app and pod, `query_range` of a selector, in both directions and by pages, and
//! `query` of how many bytes there are.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pathops_core::UnixMillis;
use pathops_fakes::argocd::{Reply, Request, Server};
use serde_json::{Value, json};

/// App, pod, nanoseconds and line, as they came.
type Lines = Vec<(String, String, u64, String)>;

#[derive(Debug)]
pub(crate) struct Fake {
    server: Server,
    lines: Arc<Mutex<Lines>>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let lines: Arc<Mutex<Lines>> = Arc::default();
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (known, calls) = (lines.clone(), asked.clone());
        let server = Server::start(move |request| {
            calls.lock().unwrap().push(request.clone());
            let reply = answer(&known.lock().unwrap(), &request);
            async move { reply }
        });
        Self { server: server.await, lines, asked }
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The requests since the last call.
    pub(crate) fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// An app printed this, so many nanoseconds after an instant.
    pub(crate) fn print(&self, app: &str, pod: &str, at: UnixMillis, nanos: u64, line: &str) {
        let at = u64::try_from(at.0).unwrap() * 1_000_000 + nanos;
        self.lines.lock().unwrap().push((app.to_owned(), pod.to_owned(), at, line.to_owned()));
    }
}

fn answer(lines: &Lines, request: &Request) -> Reply {
    assert_eq!((request.method.as_str(), request.header("x-scope-orgid")), ("GET", Some("shop")));
    // `robot:s3cret`
    if request.header("authorization") != Some("Basic cm9ib3Q6czNjcmV0") {
        return Reply::json(401, &json!("unauthorized"));
    }
    match request.path.as_str() {
        "/loki/api/v1/query_range" => streams(lines, request),
        "/loki/api/v1/query" => count(lines, request),
        other => panic!("{other}"),
    }
}

fn app(selector: &str) -> &str {
    selector.strip_prefix("{namespace=\"shop\", app=\"").unwrap().strip_suffix("\"}").unwrap()
}

/// A sum over a range that ends with the instant and begins after so many milliseconds before it.
fn count(lines: &Lines, request: &Request) -> Reply {
    let (bytes, ends) = request.query("query").unwrap().split_once(" + ").unwrap();
    let range = bytes.strip_prefix("sum(bytes_over_time(").unwrap();
    assert_eq!(ends.strip_prefix("sum(count_over_time("), Some(range));
    let (selector, millis) = range.strip_suffix("ms]))").unwrap().rsplit_once('[').unwrap();
    let (app, time) = (app(selector), request.query("time").unwrap().parse::<u64>().unwrap());
    let after = time - millis.parse::<u64>().unwrap() * 1_000_000;
    let within = |at: u64| after < at && at <= time;
    let found: Vec<usize> =
        lines.iter().filter(|(of, _, at, _)| of == app && within(*at)).map(|(.., line)| line.len() + 1).collect();
    let sum = json!({"metric": {}, "value": [time as f64 / 1e9, found.iter().sum::<usize>().to_string()]});
    let result: Vec<Value> = (!found.is_empty()).then_some(sum).into_iter().collect();
    Reply::json(200, &json!({"status": "success", "data": {"resultType": "vector", "result": result, "stats": {"summary": {}}}}))
}

fn streams(lines: &Lines, request: &Request) -> Reply {
    let app = app(request.query("query").unwrap());
    let [start, end, limit] = ["start", "end", "limit"].map(|name| request.query(name).unwrap().parse::<u64>().unwrap());
    let mut found: Vec<_> = lines.iter().filter(|(of, _, at, _)| of == app && (start..end).contains(at)).collect();
    match request.query("direction") {
        Some("forward") => found.sort_by_key(|(_, _, at, _)| *at),
        Some("backward") => {
            // The newest first, and of one instant the last.
            found.reverse();
            found.sort_by_key(|(_, _, at, _)| Reverse(*at));
        }
        other => panic!("{other:?}"),
    }
    found.truncate(limit.try_into().unwrap());
    let mut streams: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (_, pod, at, line) in found {
        streams.entry(pod).or_default().push(json!([at.to_string(), line]));
    }
    let stream = |(pod, values)| json!({"stream": {"namespace": "shop", "app": app, "pod": pod}, "values": values});
    let result: Vec<Value> = streams.into_iter().map(stream).collect();
    Reply::json(200, &json!({"status": "success", "data": {"resultType": "streams", "result": result, "stats": {"summary": {}}}}))
}
