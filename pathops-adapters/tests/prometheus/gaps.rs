//! What is asked, gaps, and limits. On the fake.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::prometheus::{Endpoint, Prometheus};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Collected, RuntimeSignals as _, Sample};
use pathops_core::evidence::AbsenceKind;
use serde_json::Value;

use crate::fake::Fake;
use crate::{ago, cx, prometheus, query, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("names_go_into_queries_as_strings", names_go_into_queries_as_strings),
        trial("a_missed_scrape_is_a_gap_and_no_old_value", a_missed_scrape_is_a_gap_and_no_old_value),
        trial("nan_and_infinities_are_no_measurement", nan_and_infinities_are_no_measurement),
        trial("a_query_without_series_is_a_gap_beside_others", a_query_without_series_is_a_gap_beside_others),
        trial("too_many_samples_are_thinned_and_spikes_and_gaps_stay", too_many_samples_are_thinned_and_spikes_and_gaps_stay),
        trial("too_many_series_are_left_out_and_that_is_told", too_many_series_are_left_out_and_that_is_told),
        trial("the_fake_answers_in_the_shape_of_a_real_server", the_fake_answers_in_the_shape_of_a_real_server),
    ]
}

const ORDERS: [(&str, &str); 2] = [("namespace", "shop"), ("app", "orders")];

async fn samples(prometheus: &Prometheus) -> Vec<Sample> {
    match prometheus.metrics(&cx(), &query("orders")).await.unwrap() {
        Collected::Present(samples) => samples,
        Collected::Absent(why) => panic!("{why}"),
    }
}

async fn names_go_into_queries_as_strings() {
    let fake = Fake::start().await;
    let Collected::Absent(why) = prometheus(fake.url()).metrics(&cx(), &query("orders")).await.unwrap() else {
        panic!("something")
    };
    assert_eq!(why.kind, AbsenceKind::NothingThere);
    let why = why.to_string();
    assert!(why.contains("no number of orders in preflight since") && why.ends_with("for errors"), "{why}");
    let [asked] = fake.asked().try_into().unwrap();
    assert_eq!(asked.query("query"), Some(r#"demo_errors{namespace="shop",app="orders"}"#));
    assert_eq!((asked.query("step"), asked.query("lookback_delta")), (Some("60.000"), Some("120.000s")));
    // A namespace that is no name goes nowhere.
    let mut strange = query("orders");
    strange.target.namespace = "shop\"} or vector(1) #".to_owned();
    let error = prometheus(fake.url()).metrics(&cx(), &strange).await.unwrap_err();
    assert_eq!((error.kind(), fake.asked().len()), (pathops_core::ErrorKind::Invalid, 1), "{error}");
}

async fn a_missed_scrape_is_a_gap_and_no_old_value() {
    let fake = Fake::start().await;
    // Every 15 s, but for three minutes in the middle.
    let all = (0..=60).map(|number| 900 - number * 15).filter(|seconds| !(200..380).contains(seconds));
    fake.series("demo_errors", &ORDERS, all.map(|seconds| (ago(seconds), "1".to_owned())));
    let builder = Prometheus::builder(Endpoint::new(fake.url()).bearer("s3cret"), Arc::new(SystemClock));
    let builder = builder.query("errors", "demo_errors{namespace=$namespace,app=$unit}");
    let prometheus = builder.scraped_every(Duration::from_secs(15)).build().unwrap();
    let samples = samples(&prometheus).await;
    assert_eq!(samples.len(), 41, "each instant is there");
    let gap: Vec<bool> = samples.iter().map(|sample| sample.value.is_nan()).collect();
    let first = gap.iter().position(|it| *it).unwrap();
    let last = gap.iter().rposition(|it| *it).unwrap();
    assert!(gap[first..=last].iter().all(|it| *it), "it is one gap: {gap:?}");
    assert!((9..=12).contains(&(last - first + 1)), "three minutes less the age of a value: {gap:?}");
    assert_eq!(fake.asked()[0].query("lookback_delta"), Some("30.000s"));
    assert!(samples.iter().all(|sample| sample.metric == r#"errors{app="orders",namespace="shop"}"#));
}

async fn nan_and_infinities_are_no_measurement() {
    let fake = Fake::start().await;
    for (number, value) in ["NaN", "+Inf", "-Inf", "Inf", "1e400", "", "strange"].into_iter().enumerate() {
        let labels = [ORDERS[0], ORDERS[1], ("number", &number.to_string())];
        fake.series("demo_errors", &labels, (0..40).map(|number| (ago(900 - number * 30), value.to_owned())));
    }
    let found = prometheus(fake.url()).metrics(&cx(), &query("orders")).await.unwrap();
    assert!(matches!(found, Collected::Absent(_)), "{found:?}");
}

async fn a_query_without_series_is_a_gap_beside_others() {
    let fake = Fake::start().await;
    fake.series("demo_errors", &ORDERS, (0..80).map(|number| (ago(900 - number * 15), "1".to_owned())));
    let builder = Prometheus::builder(Endpoint::new(fake.url()).bearer("s3cret"), Arc::new(SystemClock));
    let builder = builder.query("errors", "demo_errors{app=$unit}").query("latency_seconds", "nothing{app=$unit}");
    let samples = samples(&builder.build().unwrap()).await;
    let gaps: Vec<&Sample> = samples.iter().filter(|sample| sample.metric == "latency_seconds").collect();
    assert!(gaps.len() == 2 && gaps.iter().all(|gap| gap.value.is_nan()), "{gaps:?}");
    let between = gaps[1].at.since(gaps[0].at);
    assert!(between >= Duration::from_secs(600) && between < Duration::from_secs(660), "over the whole window: {between:?}");
}

async fn too_many_samples_are_thinned_and_spikes_and_gaps_stay() {
    let fake = Fake::start().await;
    for number in 0..50_usize {
        let labels = [ORDERS[0], ORDERS[1], ("number", &number.to_string())];
        let spike = |at: i64| if at == 60 { "1000" } else { "1" };
        let all = (0..180).filter(|at| !(100..140).contains(at));
        fake.series("demo_errors", &labels, all.map(|at| (ago(900 - at * 5), spike(at).to_owned())));
    }
    let builder = Prometheus::builder(Endpoint::new(fake.url()).bearer("s3cret"), Arc::new(SystemClock));
    let builder = builder.query("errors", "demo_errors{app=$unit}").scraped_every(Duration::from_secs(5));
    let samples = samples(&builder.build().unwrap()).await;
    assert!(samples.len() <= 2_000 && samples.len() > 500, "{}", samples.len());
    assert!(samples.is_sorted_by_key(|sample| sample.at));
    let count = |is: fn(&Sample) -> bool| samples.iter().filter(|sample| is(sample)).count();
    assert_eq!(count(|sample| sample.value >= 1000.0), 50, "each spike stays, once");
    assert!(count(|sample| sample.value.is_nan()) >= 50, "each gap stays");
}

async fn too_many_series_are_left_out_and_that_is_told() {
    let fake = Fake::start().await;
    for number in 0..73 {
        let labels = [ORDERS[0], ORDERS[1], ("number", &format!("{}{number}", "x".repeat(400)))];
        fake.series("demo_errors", &labels, [(ago(30), "1".to_owned())]);
    }
    let samples = samples(&prometheus(fake.url())).await;
    let told: Vec<&Sample> = samples.iter().filter(|sample| sample.metric == "errors: 23 more series are left out").collect();
    assert!(!told.is_empty() && told.iter().all(|sample| sample.value.is_nan()));
    assert!(samples.iter().all(|sample| sample.metric.len() < 310));
}

/// The fields of an answer and of its first series; what one instant has in `value`, a range has in `values`.
fn shape(answer: &Value) -> Vec<String> {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let series = &answer["data"]["result"][0];
    let point = if series["value"].is_array() { &series["value"] } else { &series["values"][0] };
    let kinds = format!("{} {} {}", point[0].is_f64(), point[1].is_string(), point[2].is_null());
    let series = keys(series).into_iter().map(|key| if key == "value" { "values".to_owned() } else { key });
    keys(answer).into_iter().chain(keys(&answer["data"])).chain(series).chain([kinds]).collect()
}

async fn the_fake_answers_in_the_shape_of_a_real_server() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/alertmanager/prom-query.json");
    let Ok(text) = std::fs::read(recorded) else {
        println!("SKIPPED: there is no recorded answer of a real server");
        return;
    };
    let recorded: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((recorded["status"].as_str(), recorded["data"]["resultType"].as_str()), (Some("success"), Some("vector")));
    let fake = Fake::start().await;
    fake.series("demo_errors", &ORDERS, [(ago(30), "0".to_owned())]);
    samples(&prometheus(fake.url())).await;
    let answer = fake.answer(&fake.asked()[0]);
    assert_eq!(shape(&answer), shape(&recorded));
    assert_eq!(answer["data"]["result"][0]["metric"]["__name__"], recorded["data"]["result"][0]["metric"]["__name__"]);
}
