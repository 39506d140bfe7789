//! A small fake of Loki: streams of one namespace by app and pod, and `query_range` of a selector, backwards and by pages.

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
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/loki/api/v1/query_range"));
    assert_eq!((request.query("direction"), request.header("x-scope-orgid")), (Some("backward"), Some("shop")));
    // `robot:s3cret`
    if request.header("authorization") != Some("Basic cm9ib3Q6czNjcmV0") {
        return Reply::json(401, &json!("unauthorized"));
    }
    let app = request.query("query").unwrap().strip_prefix("{namespace=\"shop\", app=\"").unwrap().strip_suffix("\"}").unwrap();
    let [start, end, limit] = ["start", "end", "limit"].map(|name| request.query(name).unwrap().parse::<u64>().unwrap());
    let mut found: Vec<_> = lines.iter().filter(|(of, _, at, _)| of == app && (start..end).contains(at)).collect();
    // The newest first, and of one instant the last.
    found.reverse();
    found.sort_by_key(|(_, _, at, _)| Reverse(*at));
    found.truncate(limit.try_into().unwrap());
    let mut streams: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (_, pod, at, line) in found {
        streams.entry(pod).or_default().push(json!([at.to_string(), line]));
    }
    let stream = |(pod, values)| json!({"stream": {"namespace": "shop", "app": app, "pod": pod}, "values": values});
    let result: Vec<Value> = streams.into_iter().map(stream).collect();
    Reply::json(200, &json!({"status": "success", "data": {"resultType": "streams", "result": result, "stats": {"summary": {}}}}))
}
