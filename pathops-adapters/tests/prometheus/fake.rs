//! A small fake of Prometheus: series with their points, and selectors by equal labels, evaluated as `query_range` does it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pathops_core::UnixMillis;
use pathops_fakes::argocd::{Body, Reply, Request, Server};
use serde_json::{Value, json};

type Labels = BTreeMap<String, String>;
type Points = Vec<(UnixMillis, String)>;

#[derive(Debug)]
pub(crate) struct Fake {
    server: Server,
    series: Arc<Mutex<Vec<(Labels, Points)>>>,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let series: Arc<Mutex<Vec<(Labels, Points)>>> = Arc::default();
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (known, calls) = (series.clone(), asked.clone());
        let server = Server::start(move |request| {
            calls.lock().unwrap().push(request.clone());
            let reply = answer(&known.lock().unwrap(), &request);
            async move { reply }
        });
        Self { server: server.await, series, asked }
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// What it answers to a request.
    pub(crate) fn answer(&self, request: &Request) -> Value {
        let Body::Whole(bytes) = answer(&self.series.lock().unwrap(), request).body else { panic!("it is no stream") };
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn series(&self, name: &str, labels: &[(&str, &str)], points: impl IntoIterator<Item = (UnixMillis, String)>) {
        let named = labels.iter().copied().chain([("__name__", name)]);
        let labels = named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.series.lock().unwrap().push((labels, points.into_iter().collect()));
    }
}

/// `name{label="value",…}`.
fn selector(text: &str) -> Labels {
    let (name, rest) = text.split_once('{').unwrap();
    let matchers = rest.strip_suffix('}').unwrap().split(',').map(|matcher| matcher.split_once('=').unwrap());
    let matchers = matchers.map(|(name, value)| (name.to_owned(), serde_json::from_str(value).unwrap()));
    matchers.chain([("__name__".to_owned(), name.to_owned())]).collect()
}

fn millis(seconds: &str) -> i64 {
    let (whole, part) = seconds.split_once('.').unwrap();
    whole.parse::<i64>().unwrap() * 1_000 + part.parse::<i64>().unwrap()
}

fn answer(series: &[(Labels, Points)], request: &Request) -> Reply {
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/api/v1/query_range"));
    if request.header("authorization") != Some("Bearer s3cret") {
        return Reply::json(401, &json!("unauthorized"));
    }
    let wanted = selector(request.query("query").unwrap());
    let [start, end, step] = ["start", "end", "step"].map(|name| millis(request.query(name).unwrap()));
    let age = millis(request.query("lookback_delta").unwrap().strip_suffix('s').unwrap());
    assert!((end - start) / step < 11_000, "exceeded maximum resolution of 11,000 points per timeseries");
    let found = series.iter().filter(|(labels, _)| wanted.iter().all(|(name, value)| labels.get(name) == Some(value)));
    let found = found.map(|(labels, points)| {
        let instants = (0..).map(|number| start + number * step).take_while(|at| *at <= end);
        let values = instants.filter_map(|at| {
            let last = points.iter().filter(|(point, _)| (at - age + 1..=at).contains(&point.0)).max_by_key(|(point, _)| *point);
            let seconds: Value = serde_json::from_str(&format!("{}.{:03}", at / 1_000, at % 1_000)).unwrap();
            last.map(|(_, value)| json!([seconds, value]))
        });
        (labels, values.collect::<Vec<_>>())
    });
    let result: Vec<Value> = found
        .filter(|(_, values)| !values.is_empty())
        .map(|(labels, values)| json!({"metric": labels, "values": values}))
        .collect();
    Reply::json(200, &json!({"status": "success", "data": {"resultType": "matrix", "result": result}}))
}
