//! What senders really sent. The recordings lie beside the project; without them the tests are skipped, and say so.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pathops_adapters::webhook::Sender;
use pathops_core::adapter::Hint;
use serde_json::Value;

use crate::request::{NOW, Request};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

/// The folders with recordings, whose they are, and how many files there are at least.
const FOLDERS: [(&str, Sender, usize); 6] = [
    ("github/webhooks", Sender::GitHub, 90),
    ("gitlab/webhooks", Sender::GitLab, 20),
    ("argo-cd/webhook", Sender::GitHub, 3),
    ("alertmanager", Sender::Alertmanager, 2),
    ("sentry", Sender::Sentry, 15),
    ("dependency-track", Sender::DependencyTrack, 2),
];

/// Sender, event and body of each.
pub(crate) fn payloads() -> Vec<(Sender, String, Vec<u8>)> {
    FOLDERS.into_iter().flat_map(|(folder, sender, _)| of(folder, sender)).collect()
}

fn of(folder: &str, sender: Sender) -> Vec<(Sender, String, Vec<u8>)> {
    let Ok(files) = fs::read_dir(Path::new(DATA).join(folder)) else {
        eprintln!("SKIPPED: {DATA}/{folder} is not there");
        return Vec::new();
    };
    let mut files: Vec<_> =
        files.map(|file| file.unwrap().path()).filter(|it| it.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    let read = files.into_iter().filter_map(|file| {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        // What Argo CD takes from Git hosts is here too; some of them are none of these senders.
        if folder == "argo-cd/webhook" && !name.starts_with("github-") {
            return None;
        }
        let recorded = fs::read(&file).unwrap();
        let body = match sender {
            // Recorded with its headers, beside answers of the API.
            Sender::Alertmanager => serde_json::from_slice::<Value>(&recorded).unwrap().get("body")?.to_string().into_bytes(),
            _ => recorded,
        };
        let event = match name.as_str() {
            "github-commit-event.json" | "github-tag-event.json" => "push",
            "github-ping-event.json" => "ping",
            name => name.split('.').next().unwrap(),
        };
        Some((sender, event.to_owned(), body))
    });
    read.collect()
}

fn hints(sender: Sender, event: &str, body: &[u8]) -> Vec<Hint> {
    let headers = [("X-GitHub-Event", event), ("X-GitHub-Delivery", "1"), ("Request-ID", "1"), ("Idempotency-Key", "1")];
    Request::new(&headers, body).seen(NOW, |request| sender.read_unverified(request)).unwrap().hints
}

/// Which kinds of hints the payloads of an event are.
type Kinds = &'static [(&'static str, &'static str)];

fn kind(hint: &Hint) -> String {
    serde_json::to_value(hint).unwrap()["kind"].as_str().unwrap().to_owned()
}

#[test]
fn every_recorded_payload_is_read() {
    for (folder, sender, at_least) in FOLDERS {
        let payloads = of(folder, sender);
        assert!(payloads.is_empty() || payloads.len() >= at_least, "{folder}: {}", payloads.len());
        for (sender, event, body) in payloads {
            for hint in hints(sender, &event, &body) {
                if let Hint::Unknown { what, why } = &hint {
                    let unknown = why.as_str() == "events of this kind are not known here";
                    // Its names end with a space, in GitLab's own documentation.
                    let odd = event == "group_merge_request";
                    assert!(unknown || odd, "{folder} {event} {what}: {why}");
                }
            }
        }
    }
}

/// How many of each kind there are: what is known shows, and so does what is not.
#[test]
fn recorded_payloads_say_what_they_are_known_to_say() {
    let expected: [(&str, Sender, Kinds); 4] = [
        (
            "github/webhooks",
            Sender::GitHub,
            &[
                ("check_run", "check"),
                ("check_suite", "check"),
                ("code_scanning_alert", "vulnerability"),
                ("dependabot_alert", "vulnerability"),
                ("deployment_status", "deployment"),
                ("installation", "unknown"),
                ("issue_comment", "unknown"),
                ("merge_group", "unknown"),
                ("pull_request", "pull-request"),
                ("pull_request_review", "pull-request"),
                ("pull_request_review_comment", "pull-request"),
                ("workflow_run", "check ci-finished"),
            ],
        ),
        (
            "gitlab/webhooks",
            Sender::GitLab,
            &[
                ("build", "check"),
                ("deployment", "deployment"),
                ("merge_request", "pull-request"),
                ("note_merge_request", "pull-request"),
                ("note_issue", "unknown"),
                ("pipeline", "ci-finished"),
                ("push", "pushed"),
                ("tag_push", "pushed"),
            ],
        ),
        ("alertmanager", Sender::Alertmanager, &[("01-firing", "alert-firing"), ("02-resolved", "alert-resolved")]),
        ("dependency-track", Sender::DependencyTrack, &[("BOM_CONSUMED", "unknown"), ("NEW_VULNERABILITY", "vulnerability")]),
    ];
    for (folder, sender, expected) in expected {
        let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (sender, event, body) in of(folder, sender) {
            let kinds = said.entry(event.clone()).or_default();
            kinds.extend(hints(sender, &event, &body).iter().map(kind));
            kinds.sort();
            kinds.dedup();
        }
        for (event, kinds) in expected.iter().filter(|_| !said.is_empty()) {
            assert_eq!(said[*event].join(" "), *kinds, "{folder} {event}");
        }
    }
}

#[test]
fn recorded_alerts_of_sentry_fire_and_are_resolved() {
    for (_, event, body) in of("sentry", Sender::Sentry) {
        let hints = hints(Sender::Sentry, &event, &body);
        let expected = match event.as_str() {
            "event_alert_triggered" | "issue_created" | "metric_alert_critical" | "metric_alert_warning" => "alert-firing",
            "issue_resolved" | "metric_alert_resolved" | "metric_alert" => "alert-resolved",
            _ => "unknown",
        };
        assert_eq!(hints.iter().map(kind).collect::<Vec<_>>(), [expected], "{event}");
    }
}
