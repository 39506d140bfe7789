//! What a cluster and what runs in it say.

use pathops_core::UnixMillis;
use pathops_evidence::report::{
    Content, Fault, Format, MAX_STATED_TRACES, MetricReport, RuntimeEvent, TraceReport, parse_as, recognise,
};
use serde_json::json;

use crate::fixtures::content;
use crate::{read, refuse};

fn events(content: Content) -> Vec<RuntimeEvent> {
    let Content::RuntimeEvents(events) = content else { panic!("{content:?}") };
    events
}

fn metrics(content: Content) -> MetricReport {
    let Content::Metrics(metrics) = content else { panic!("{content:?}") };
    metrics
}

fn at(text: &str) -> UnixMillis {
    text.parse().unwrap()
}

#[test]
fn kubernetes_events_of_both_versions() {
    let good = events(content(Format::KubernetesEvents, "good"));
    assert!(!good[0].warning && good[0].reason == "Started" && good[0].about == "Pod shop/orders-1");
    let bad = events(content(Format::KubernetesEvents, "bad.json"));
    assert!(bad[0].warning && bad[0].count == 12 && bad[0].at == Some(at("2026-11-25T08:05:00Z")));
    let new = events(content(Format::KubernetesEvents, "bad-new"));
    let expected = RuntimeEvent {
        warning: true,
        reason: "Unhealthy".to_owned(),
        about: "Pod shop/orders-1".to_owned(),
        message: "Readiness probe failed".to_owned(),
        count: 4,
        at: Some(at("2026-11-25T08:06:00Z")),
    };
    assert_eq!(new, [expected]);
    assert_eq!(events(content(Format::KubernetesEvents, "quiet")), []);
    assert_eq!(events(read(Format::KubernetesEvents, r#"{"kind": "List", "apiVersion": "v1", "items": []}"#)), []);
}

#[test]
fn kubernetes_events_of_an_unknown_type_warn() {
    let one = r#"{"kind": "Event", "apiVersion": "v1", "type": "Odd", "involvedObject": {"kind": "Node", "name": "n"}}"#;
    let one = events(read(Format::KubernetesEvents, one));
    assert!(one[0].warning && one[0].about == "Node n" && one[0].count == 1 && one[0].at.is_none());
}

#[test]
fn kubernetes_events_in_yaml() {
    let event = "apiVersion: v1\nkind: Event\nmetadata:\n  name: x\ntype: Warning\nreason: BackOff\ncount: 3\n\
        lastTimestamp: \"2026-11-25T08:05:00Z\"\ninvolvedObject:\n  kind: Pod\n  name: p\n  namespace: shop\n";
    let new = "apiVersion: events.k8s.io/v1\nkind: Event\nmetadata:\n  name: y\ntype: Normal\nreason: Started\n\
        regarding:\n  kind: Pod\n  name: p\n";
    let items = format!("- {}\n- {}\n", event.trim_end().replace('\n', "\n  "), new.trim_end().replace('\n', "\n  "));
    let list = format!("apiVersion: v1\nitems:\n{items}kind: List\nmetadata:\n  resourceVersion: \"\"\n");
    for (text, warnings) in [
        (event.to_owned(), vec![true]),
        (new.to_owned(), vec![false]),
        (format!("{list}---\n{list}"), vec![true, false, true, false]),
        (format!("{event}---\n{}", list.replace("kind: List", "kind: EventList")), vec![true, true, false]),
        (format!("{event}---\n{new}"), vec![true, false]),
        (list.clone(), vec![true, false]),
        (format!("apiVersion: v1\nitems:\n{items}kind: EventList\nmetadata: {{}}\n"), vec![true, false]),
    ] {
        assert_eq!(recognise(text.as_bytes()), Ok(Format::KubernetesEvents), "{text}");
        let found = events(read(Format::KubernetesEvents, &text));
        assert_eq!(found.iter().map(|it| it.warning).collect::<Vec<_>>(), warnings, "{text}");
        assert!(parse_as(Format::Kustomize, text.as_bytes()).is_err(), "{text}");
    }
    let [read]: [RuntimeEvent; 1] = events(read(Format::KubernetesEvents, event)).try_into().unwrap();
    let expected = RuntimeEvent {
        warning: true,
        reason: "BackOff".to_owned(),
        about: "Pod shop/p".to_owned(),
        message: String::new(),
        count: 3,
        at: Some(at("2026-11-25T08:05:00Z")),
    };
    assert_eq!(read, expected);
}

#[test]
fn kubernetes_events_that_are_not_all_or_no_events() {
    let list = |rest: &str| format!(r#"{{"kind": "EventList", "apiVersion": "v1", {rest}}}"#);
    refuse(
        Format::KubernetesEvents,
        &list(r#""metadata": {"continue": "abc"}, "items": []"#),
        Fault::Paged,
        "`/metadata/continue`",
    );
    refuse(Format::KubernetesEvents, &list(r#""metadata": {}"#), Fault::Malformed, "`/items`: it is missing");
    let pod = r#"{"kind": "List", "items": [{"kind": "Pod", "involvedObject": {}}]}"#;
    refuse(Format::KubernetesEvents, pod, Fault::Malformed, "`/items/0`: it is a `Pod`");
    let first = "apiVersion: v1\nkind: EventList\nitems: []\nmetadata:\n  continue: abc\n";
    let both = format!("{first}---\n{}", first.replace("abc", "\"\""));
    refuse(Format::KubernetesEvents, &both, Fault::Paged, "`/metadata/continue`");
    refuse(Format::KubernetesEvents, r#"{"kind": "Pod"}"#, Fault::Malformed, "`Pod` is no list of events");
}

#[test]
fn a_pod_log_is_counted() {
    let Content::Log(log) = content(Format::PodLog, "good") else { panic!() };
    assert_eq!((log.lines, log.bytes, log.errors, log.open_end), (3, 109, 0, false));
    assert_eq!(log.sources, ["orders-1/app", "orders-2/app"]);
    let Content::Log(json) = read(Format::PodLog, "{\"level\": \"info\"}\n{\"level\"") else { panic!() };
    assert_eq!((json.lines, json.open_end, json.sources.len()), (2, true, 0));
}

#[test]
fn prometheus_keeps_nan_infinity_nothing_and_histograms() {
    let values = |name: &str| -> Vec<Option<f64>> {
        metrics(content(Format::PrometheusQuery, name))
            .series
            .iter()
            .flat_map(|series| &series.samples)
            .map(|it| it.value)
            .collect()
    };
    assert_eq!(values("good-vector"), [Some(0.02)]);
    assert_eq!(values("good-matrix"), [Some(1.0), Some(f64::INFINITY), Some(0.5)]);
    assert_eq!(values("good-scalar"), [Some(42.0)]);
    assert!(matches!(values("bad-nan").as_slice(), [Some(value)] if value.is_nan()));
    assert_eq!(values("quiet"), []);
    let histogram = metrics(content(Format::PrometheusQuery, "bad-histogram"));
    assert_eq!((histogram.series[0].samples[0].value, histogram.warnings.len()), (None, 1));
    let vector = metrics(content(Format::PrometheusQuery, "good-vector"));
    assert_eq!(vector.series[0].samples[0].at, UnixMillis(1_795_345_374_345));
    assert_eq!(vector.series[0].labels["app"], "orders");
}

#[test]
fn prometheus_answers_that_are_no_measurement() {
    let failed = r#"{"status": "error", "errorType": "timeout", "error": "query timed out"}"#;
    refuse(Format::PrometheusQuery, failed, Fault::ToolFailed, "the query failed: timeout: query timed out");
    let answer =
        |kind: &str, result: &str| format!(r#"{{"status": "success", "data": {{"resultType": "{kind}", "result": {result}}}}}"#);
    refuse(Format::PrometheusQuery, &answer("string", r#"[1, "a"]"#), Fault::Unsupported, "`string` is no number");
    refuse(
        Format::PrometheusQuery,
        &answer("vector", r#"[{"metric": {}}]"#),
        Fault::Malformed,
        "`/data/result/0`: a series has no value",
    );
    refuse(
        Format::PrometheusQuery,
        &answer("vector", r#"[{"metric": {}, "value": [1, "x"]}]"#),
        Fault::Malformed,
        "`x` is no number",
    );
    refuse(Format::PrometheusQuery, &answer("scalar", r#"[1]"#), Fault::Malformed, "`/data/result`");
    refuse(Format::PrometheusQuery, r#"{"status": "success"}"#, Fault::Malformed, "without data");
    let mixed = answer("matrix", r#"[{"metric": {}, "values": [[3, "1"], [1, "2"]], "histograms": [[2, {}]]}]"#);
    let order: Vec<_> = metrics(read(Format::PrometheusQuery, &mixed)).series[0].samples.iter().map(|it| it.at.0).collect();
    assert_eq!(order, [1_000, 2_000, 3_000], "the last sample is the newest");
    let huge = metrics(read(Format::PrometheusQuery, &answer("scalar", r#"[1e300, "1"]"#)));
    assert_eq!(huge.series[0].samples[0].at, UnixMillis(i64::MAX));
    let partial = |is_partial: &str| {
        let answer = answer("scalar", r#"[1, "0"]"#).replacen('{', &format!(r#"{{"isPartial": {is_partial}, "#), 1);
        metrics(read(Format::PrometheusQuery, &answer)).warnings
    };
    assert_eq!(partial("true"), ["the answer is partial (`isPartial`)"]);
    assert_eq!(partial("\"yes\"").len(), 1);
    assert_eq!((partial("false").len(), partial("null").len()), (0, 0));
}

#[test]
fn otlp_gives_ids_of_traces() {
    let Content::Traces(good) = content(Format::OtlpTraces, "good") else { panic!() };
    assert_eq!(good.traces.len(), 2, "the same id in other letters is the same trace");
    assert_eq!((good.spans, good.errors, good.services.len()), (3, 0, 1));
    assert_eq!(good.lasted, Some((UnixMillis(1_795_345_374_000), UnixMillis(1_795_345_374_100))));
    let trace = good.to_predicate("https://ci.example", "acceptance", UnixMillis(0)).unwrap();
    let [counts, first, _] = trace.monitor_log.process.as_slice() else { panic!("{trace:?}") };
    assert_eq!((&counts["spans"], &first["traceId"]), (&json!(3), &json!("5b8efff798038103d269b633813fc60c")));
    assert_eq!(trace.metadata.unwrap().build_finished_on, UnixMillis(1_795_345_374_100));
    let Content::Traces(bad) = content(Format::OtlpTraces, "bad-lines") else { panic!() };
    assert_eq!((bad.spans, bad.errors, bad.traces.len()), (2, 2, 2));
    let span = |id: &str| format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{"traceId": "{id}"}}]}}]}}]}}"#);
    for id in ["", "0", &"0".repeat(32), &"g".repeat(32), &"a".repeat(33)] {
        refuse(Format::OtlpTraces, &span(id), Fault::Malformed, "is no id of a trace");
    }
    let old = span("5b8efff798038103d269b633813fc60c").replace("scopeSpans", "instrumentationLibrarySpans");
    let Content::Traces(old) = read(Format::OtlpTraces, &old) else { panic!() };
    assert_eq!((old.spans, old.traces.len()), (1, 1));
}

#[test]
fn a_trace_that_is_stated_is_bounded_and_never_empty() {
    let many =
        TraceReport { traces: (1..=MAX_STATED_TRACES + 5).map(|id| format!("{id:032x}")).collect(), ..TraceReport::default() };
    let trace = many.to_predicate("https://ci.example", "load", UnixMillis(7)).unwrap();
    assert_eq!(trace.monitor_log.process.len(), 1 + MAX_STATED_TRACES);
    assert_eq!(trace.monitor_log.process[0]["traces"], json!(MAX_STATED_TRACES + 5), "how many there were is said");
    assert_eq!(trace.metadata.unwrap().build_started_on, UnixMillis(7), "where the spans do not say when");
    assert_eq!(TraceReport::default().to_predicate("https://ci.example", "load", UnixMillis(7)), None);
    let unknown = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c",
        "startTimeUnixNano": 0, "endTimeUnixNano": "later"}]}]}]}"#;
    let Content::Traces(unknown) = parse_as(Format::OtlpTraces, unknown.as_bytes()).unwrap().content else { panic!() };
    assert_eq!(unknown.lasted, None);
}
