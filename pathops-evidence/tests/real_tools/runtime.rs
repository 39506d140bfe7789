//! What runs, and what is told of it.

use super::*;

/// What one of the libraries writes that nobody here wrote.
pub(crate) fn library(tools: &Tools, what: &str) -> Vec<u8> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/third_party/reports.py");
    run(tools.tool("tools/bin/python").arg(script).arg(what), 0)
}

#[test]
fn traces_of_opentelemetry() {
    let Some(tools) = Tools::installed() else { return };
    let Content::Traces(traces) = content(Format::OtlpTraces, &library(&tools, "otlp-traces")) else { panic!() };
    assert_eq!((traces.traces.len(), traces.spans, traces.errors), (2, 2, 1));
    assert!(traces.services.iter().eq(["orders"]), "{traces:?}");
    let (from, to) = traces.lasted.unwrap();
    assert_eq!((from, to.0 - from.0), ("2026-11-25T08:00:00Z".parse().unwrap(), 250));
}

#[test]
fn an_event_of_the_library_of_cloudevents() {
    let Some(tools) = Tools::installed() else { return };
    let Content::Events(events) = content(Format::CloudEvents, &library(&tools, "cloudevents")) else { panic!() };
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.source.as_str(), event.id.as_str()), ("https://ci.example/orders", "7"));
    assert_eq!((event.kind.as_str(), event.subject.as_deref()), ("example.build.finished", Some("orders")));
    assert_eq!(event.at, Some("2026-11-25T08:00:00Z".parse().unwrap()));
}

#[test]
fn an_event_of_the_library_of_cdevents() {
    let Some(tools) = Tools::installed() else { return };
    let report = run(tools.tool("rust/debug/pathops-third-party").arg("cdevent"), 0);
    let Content::Events(events) = content(Format::CdEvents, &report) else { panic!() };
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.source.as_str(), event.id.as_str()), ("https://ci.example/orders", "7"));
    assert_eq!((event.kind.as_str(), event.subject.as_deref()), ("dev.cdevents.service.deployed.0.3.0", Some("orders")));
    assert!(event.at.is_some(), "{event:?}");
}

#[test]
fn curl() {
    let Some(tools) = Tools::installed() else { return };
    let address = server::serve(&[("/health", "{}")]);
    let passed = |path: &str, code| {
        let mut curl = tools.program("curl");
        let report = run(curl.args(["-s", "-o", "/dev/null", "-w", "%{json}\\n"]).arg(path), code);
        let Content::Checks(checks) = content(Format::Curl, &report) else { panic!("{path}") };
        let [check] = checks.as_slice() else { panic!("{checks:?}") };
        check.passed
    };
    assert!(passed(&format!("{address}/health"), 0));
    assert!(!passed(&format!("{address}/gone"), 0));
    assert!(!passed("http://127.0.0.1:1/", 7), "nobody listens there");
}

const EVENTS: &str = r#"{"apiVersion": "v1", "kind": "EventList", "metadata": {"resourceVersion": "7"}, "items": [{
    "metadata": {"name": "orders-1.17", "namespace": "shop", "creationTimestamp": "2026-11-25T08:00:00Z"},
    "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "orders-1"}, "reason": "BackOff",
    "message": "Back-off restarting failed container", "type": "Warning", "count": 3,
    "firstTimestamp": "2026-11-25T08:00:00Z", "lastTimestamp": "2026-11-25T08:05:00Z"}]}"#;

const RESOURCES: &str = r#"{"kind": "APIResourceList", "groupVersion": "v1", "resources": [
    {"name": "events", "singularName": "event", "namespaced": true, "kind": "Event", "verbs": ["get", "list"]}]}"#;

#[test]
fn events_that_kubectl_prints() {
    let Some(tools) = Tools::installed() else { return };
    let server = server::serve(&[
        ("/api", r#"{"kind": "APIVersions", "versions": ["v1"]}"#),
        ("/apis", r#"{"kind": "APIGroupList", "apiVersion": "v1", "groups": []}"#),
        ("/api/v1", RESOURCES),
        ("/api/v1/namespaces/shop/events", EVENTS),
    ]);
    let mut kubectl = tools.tool("layer/kubectl/kubectl");
    kubectl.args(["--server", &server, "--namespace", "shop", "get", "events", "--output", "json"]);
    let Content::RuntimeEvents(events) = content(Format::KubernetesEvents, &run(&mut kubectl, 0)) else { panic!() };
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert!(event.warning && event.reason == "BackOff" && event.about.contains("orders-1"), "{event:?}");
    assert_eq!((event.count, event.at), (3, Some("2026-11-25T08:05:00Z".parse().unwrap())));
}
