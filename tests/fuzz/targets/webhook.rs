//! The decoders of webhooks: whatever a sender sends, there is an answer, the same each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pathops_adapters::webhook::Sender;
use pathops_core::UnixMillis;
use pathops_core::adapter::WebhookRequest;

const EVENTS: [&str; 14] = [
    "push",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "deployment",
    "status",
    "check_run",
    "check_suite",
    "workflow_run",
    "deployment_status",
    "code_scanning_alert",
    "dependabot_alert",
    "merge_group",
];

fuzz_target!(|bytes: &[u8]| {
    // The first byte says who sends it, and of GitHub which event.
    let Some((first, body)) = bytes.split_first() else { return };
    let (sender, event) = (usize::from(*first) % Sender::ALL.len(), usize::from(*first) / Sender::ALL.len() % EVENTS.len());
    let headers: [(&str, &[u8]); 9] = [
        ("X-GitHub-Event", EVENTS[event].as_bytes()),
        ("X-GitHub-Delivery", b"1"),
        ("Request-ID", b"1"),
        ("Idempotency-Key", b"1"),
        ("webhook-id", b"1"),
        ("ce-specversion", b"1.0"),
        ("ce-id", b"1"),
        ("ce-source", b"/tekton"),
        ("ce-type", b"dev.cdevents.pipelinerun.finished.0.2.0"),
    ];
    let request = WebhookRequest::new(&headers, body, UnixMillis(1_790_000_000_000));
    let read = Sender::ALL[sender].read_unverified(&request);
    assert_eq!(read, Sender::ALL[sender].read_unverified(&request));
    if let Ok(delivery) = read {
        let written = serde_json::to_string(&delivery.hints).expect("hints are stored");
        assert!(written.len() <= body.len().saturating_mul(8) + 4_096, "what is stored of a body is bounded by it");
    }
});
