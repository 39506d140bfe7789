//! What each sender's delivery says, and by what it is known.

use pathops_adapters::webhook::{ARGO_CD_TEMPLATE, Sender};
use pathops_core::adapter::{Hint, HintState, WebhookSource as _};
use serde_json::{Value, json};

use crate::request::{NOW, Request, all, github};

#[test]
fn each_sender_is_understood() {
    let read: Vec<Value> = all()
        .iter()
        .map(|(source, request, _)| {
            let it = request.to(source).unwrap();
            assert_eq!(&it.source, source.name());
            json!([it.lane, it.hints])
        })
        .collect();
    let commit = |digit: &str| digit.repeat(40);
    let merged =
        json!([{"kind": "pull-request", "repo": "shop/deep/orders", "number": 4, "action": "merge", "head": commit("2")}]);
    let expected = [
        json!(["repo/shop/orders-src", [{"kind": "pushed", "repo": "shop/orders-src", "reference": "refs/heads/main", "head": commit("1")}]]),
        json!(["issue/17", [{"kind": "alert-firing", "fingerprint": "issue/17", "name": "no stock", "severity": "error", "subject": "orders", "since": ""}]]),
        json!(["repo/shop/deep/orders", merged]),
        json!(["repo/shop/deep/orders", merged]),
        json!(["app/argocd/orders", [{"kind": "deployment", "subject": "argocd/orders", "environment": "prod/shop", "commit": commit("3"), "state": "passed"}]]),
        json!(["group/{}:{}", [{"kind": "alert-firing", "fingerprint": "37d3", "name": "Slow", "severity": "page", "subject": "orders", "since": "2026-11-22T11:02:50Z"}]]),
        json!(["project/6fb1", [{"kind": "vulnerability", "subject": "pkg:maven/a/b@1", "id": "CVE-2012-5784", "severity": "MEDIUM", "action": "NEW_VULNERABILITY"}]]),
        json!(["type/invoice.paid", [{"kind": "unknown", "what": "invoice.paid", "why": "events of this kind are not known here"}]]),
        json!(["subject/run-9", [{"kind": "ci-finished", "repo": "orders", "run": "run-9", "commit": null, "state": "passed"}]]),
        json!(["repo/shop/orders-src", [{"kind": "ci-finished", "repo": "shop/orders-src", "run": "4711", "commit": commit("4"), "state": "failed"}]]),
    ];
    assert_eq!(read, expected);
}

#[test]
fn a_delivery_is_known_by_what_its_sender_calls_it() {
    let keys: Vec<String> = all().iter().map(|(source, request, _)| request.to(source).unwrap().key.to_string()).collect();
    assert_eq!(keys[..4], ["72d3162e", "5a7f", "c0ffee", "msg_1"]);
    assert_eq!(keys[4], "u/1/Succeeded");
    assert!(keys[5].starts_with("sha256:") && keys[8].starts_with("sha256:"), "{keys:?}");
    assert_eq!([&keys[6], &keys[7], &keys[9]], ["0193", "msg_2", "msg_3"]);
}

#[test]
fn alerts_in_another_order_are_the_same_delivery_and_in_another_state_are_not() {
    let alert =
        |fingerprint: &str, status: &str| json!({"status": status, "startsAt": "1", "endsAt": "2", "fingerprint": fingerprint});
    let key = |alerts: &[Value]| {
        let body = json!({"version": "4", "groupKey": "g", "alerts": alerts}).to_string();
        let request = Request::new(&[], body.as_bytes());
        request.seen(NOW, |request| Sender::Alertmanager.read_unverified(request)).unwrap().key
    };
    let (one, two) = (alert("1", "firing"), alert("2", "firing"));
    assert_eq!(key(&[one.clone(), two.clone()]), key(&[two.clone(), one.clone()]));
    assert_ne!(key(&[one.clone(), two.clone()]), key(&[one.clone(), alert("2", "resolved")]));
    assert_ne!(key(std::slice::from_ref(&one)), key(&[one, two]));
}

#[test]
fn what_is_authentic_and_cannot_be_read_is_kept_with_the_reason() {
    let source = &all()[0].0;
    for (body, why) in [
        (&b""[..], "it is no JSON (line 1, column 0)"),
        (b"payload=%7B%7D", "it is no JSON (line 1, column 1)"),
        (br#"{"repository":{"full_name":7}}"#, "its JSON is not of the form that is known here (line 1, column 28)"),
        (
            br#"{"ref":"a","ref":"b","after":"","deleted":false}"#,
            "its JSON is not of the form that is known here (line 1, column 16)",
        ),
    ] {
        let delivery = github("push", body).to(source).unwrap();
        assert_eq!(delivery.hints, [Hint::Unknown { what: "push".into(), why: why.into() }]);
    }
}

#[test]
fn binary_cloud_events_are_the_same_as_structured_ones() {
    let structured = crate::request::said()[7];
    let data = serde_json::from_slice::<Value>(structured).unwrap()["data"].to_string();
    let kind = "dev.cdevents.pipelinerun.finished.0.2.0";
    let headers = [("ce-id", "9"), ("ce-source", "/tekton"), ("ce-type", kind), ("ce-specversion", "1.0")];
    let read = |request: &Request| request.seen(NOW, |request| Sender::CloudEvents.read_unverified(request)).unwrap();
    assert_eq!(read(&Request::new(&headers, data.as_bytes())), read(&Request::new(&[], structured)));
}

/// Everything that is read is made by the template, under the name by which it is read.
#[test]
fn the_template_for_argo_cd_makes_what_is_read() {
    let map: Value = serde_saphyr::from_str(ARGO_CD_TEMPLATE).unwrap();
    let part = |name: &str| serde_saphyr::from_str::<Value>(map["data"][name].as_str().unwrap()).unwrap();
    let webhook = part("template.pathops")["webhook"]["pathops"].clone();
    assert_eq!(webhook["method"], "POST");
    // What stands between the braces is Argo CD's affair; here each becomes a text.
    let mut body = String::new();
    let mut rest = webhook["body"].as_str().unwrap();
    while let Some((before, after)) = rest.split_once("{{") {
        body.push_str(before);
        body.push_str("\"Succeeded\"");
        let (expression, after) = after.split_once("}}").unwrap();
        assert!(expression.contains(".app.") && expression.trim_end().ends_with("toJson"), "{expression}");
        rest = after;
    }
    body.push_str(rest);
    let request = Request::new(&[], body.as_bytes());
    let reading = request.seen(NOW, |request| Sender::ArgoCd.read_unverified(request)).unwrap();
    let [Hint::Deployment { state: HintState::Other, .. }] = &reading.hints[..] else { panic!("{body}: {reading:?}") };
    assert_eq!(reading.key.as_str(), "Succeeded");
    assert!(part("service.webhook.pathops")["url"].as_str().unwrap().starts_with("https://"));
    assert_eq!(part("trigger.pathops")[0]["send"][0], "pathops");
}
