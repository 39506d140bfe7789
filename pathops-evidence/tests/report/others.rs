//! What other systems say: checks of a commit, and events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_evidence::report::ExternalState::{self, Failed, Neutral, Passed, Pending};
use pathops_evidence::report::{Content, EventEnvelope, ExternalCheck, Fault, Format};

use crate::fixtures::content;
use crate::{read, refuse};

fn checks(content: Content) -> Vec<ExternalCheck> {
    let Content::ExternalChecks(checks) = content else { panic!("{content:?}") };
    checks
}

fn states(content: Content) -> Vec<ExternalState> {
    checks(content).iter().map(|check| check.state).collect()
}

fn events(content: Content) -> Vec<EventEnvelope> {
    let Content::Events(events) = content else { panic!("{content:?}") };
    events
}

#[test]
fn github_checks_of_a_commit() {
    assert_eq!(states(content(Format::GithubChecks, "good-runs")), [Passed, Neutral]);
    assert_eq!(states(content(Format::GithubChecks, "bad-runs")), [Failed, Pending, Failed]);
    let statuses = checks(content(Format::GithubChecks, "bad-status"));
    assert_eq!((statuses[0].state, statuses[1].state, statuses[1].name.as_str()), (Passed, Failed, "ci/scan"));
    assert_eq!(statuses[0].commit, Some("c".repeat(40)));
    assert_eq!(states(content(Format::GithubChecks, "good-hook")), [Passed]);
}

#[test]
fn github_checks_in_every_state() {
    let run = |status: &str, conclusion: &str| {
        let run = format!(r#"{{"head_sha": "c", "status": {status}, "conclusion": {conclusion}}}"#);
        states(read(Format::GithubChecks, &format!(r#"{{"total_count": 1, "check_runs": [{run}]}}"#)))[0]
    };
    for bad in ["failure", "cancelled", "timed_out", "action_required", "stale", "startup_failure", "odd"] {
        assert_eq!(run("\"completed\"", &format!("\"{bad}\"")), Failed, "{bad}");
    }
    assert_eq!(run("\"completed\"", "null"), Failed);
    assert_eq!(run("\"queued\"", "null"), Pending);
    assert_eq!(run("\"queued\"", "\"success\""), Failed, "it contradicts itself");
    assert_eq!(run("null", "null"), Failed);
    let page = r#"{"total_count": 2, "check_runs": [{"head_sha": "c", "status": "completed", "conclusion": "success"}]}"#;
    refuse(Format::GithubChecks, page, Fault::Paged, "it counts 2, and lists 1");
    assert_eq!(states(read(Format::GithubChecks, r#"{"total_count": 0, "check_runs": []}"#)), []);
    refuse(Format::GithubChecks, "{}", Fault::Malformed, "none of the things that are read");
}

#[test]
fn github_statuses_that_are_not_what_they_come_to() {
    let combined = |state: &str, statuses: &[&str]| {
        let listed: Vec<_> = statuses.iter().map(|it| format!(r#"{{"context": "ci", "state": "{it}"}}"#)).collect();
        let (count, listed) = (listed.len(), listed.join(", "));
        format!(r#"{{"state": "{state}", "sha": "c", "total_count": {count}, "statuses": [{listed}]}}"#)
    };
    for (said, statuses, found) in [
        ("failure", &["success"][..], "it is `failure`, and the 1 statuses in it come to `success`"),
        ("pending", &["success", "success"][..], "it is `pending`, and the 2 statuses in it come to `success`"),
        ("success", &["success", "error"][..], "come to `failure`"),
        ("success", &["pending"][..], "come to `pending`"),
        ("success", &[""; 0][..], "the 0 statuses in it come to `pending`"),
        ("odd", &["success"][..], "it is `odd`"),
    ] {
        refuse(Format::GithubChecks, &combined(said, statuses), Fault::Inconsistent, found);
    }
    assert_eq!(states(read(Format::GithubChecks, &combined("success", &["success", "success"]))), [Passed, Passed]);
    assert_eq!(states(read(Format::GithubChecks, &combined("failure", &["pending", "failure"]))), [Pending, Failed]);
    assert_eq!(states(read(Format::GithubChecks, &combined("pending", &[]))), []);
}

#[test]
fn github_checks_that_somebody_has_asked_to_run_again() {
    let sent = |action: &str, what: &str, conclusion: &str| {
        let run = format!(r#"{{"head_sha": "c", "status": "completed", "conclusion": "{conclusion}"}}"#);
        states(read(Format::GithubChecks, &format!(r#"{{"action": "{action}", "{what}": {run}}}"#)))
    };
    for what in ["check_run", "check_suite"] {
        assert_eq!(sent("completed", what, "success"), [Passed]);
        assert_eq!(sent("rerequested", what, "success"), [Pending]);
        assert_eq!(sent("rerequested", what, "neutral"), [Pending]);
        assert_eq!(sent("rerequested", what, "failure"), [Failed]);
    }
}

#[test]
fn gitlab_pipelines_and_jobs() {
    let good = checks(content(Format::GitlabPipeline, "good"));
    assert_eq!((good[0].name.as_str(), good[0].state), ("pipeline 9", Passed));
    assert_eq!(states(content(Format::GitlabPipeline, "bad-jobs")), [Passed, Neutral, Failed, Pending, Failed]);
    let hook = checks(content(Format::GitlabPipeline, "bad-hook"));
    assert_eq!((hook.len(), hook[0].state, hook[1].name.as_str(), hook[1].state), (2, Failed, "unit", Failed));
    assert!(hook.iter().all(|check| check.commit == Some("d".repeat(40))));
    assert_eq!(states(content(Format::GitlabPipeline, "bad-job-hook")), [Failed]);
    let pipeline = |status: &str| states(read(Format::GitlabPipeline, &format!(r#"{{"id": 1, "status": "{status}"}}"#)))[0];
    assert_eq!(
        (pipeline("manual"), pipeline("running"), pipeline("skipped"), pipeline("odd")),
        (Pending, Pending, Neutral, Failed)
    );
}

#[test]
fn cloud_events_one_in_a_batch_and_around_a_cd_event() {
    let one = events(content(Format::CloudEvents, "good.json"));
    assert_eq!((one[0].source.as_str(), one[0].id.as_str()), ("https://ci.example.org/shop", "1"));
    assert_eq!((one[0].subject.as_deref(), one[0].at), (Some("orders"), Some("2026-11-25T08:00:00Z".parse().unwrap())));
    let batch = events(content(Format::CloudEvents, "good-batch"));
    assert_eq!((batch.len(), batch[1].at, batch[1].id.as_str()), (2, None, "2"));
    let around = events(content(Format::CloudEvents, "good-cdevent"));
    let bare = events(content(Format::CdEvents, "good"));
    assert_eq!((&around[0].source, &around[0].id, &around[0].kind), (&bare[0].source, &bare[0].id, &bare[0].kind));
    assert_eq!(bare[0].subject.as_deref(), Some("orders"));
}

#[test]
fn cloud_events_that_cannot_be_told_apart_or_contradict_what_is_in_them() {
    let event = |version: &str, id: &str, rest: &str| {
        format!(r#"{{"specversion": "{version}", "id": "{id}", "source": "s", "type": "dev.cdevents.a"{rest}}}"#)
    };
    refuse(Format::CloudEvents, &event("0.3", "1", ""), Fault::Unsupported, "CloudEvents 0.3, and 1.0 is read");
    refuse(Format::CloudEvents, &event("1.0", "", ""), Fault::Malformed, "`id` is empty");
    refuse(
        Format::CloudEvents,
        &event("1.0", "1", r#", "time": "yesterday""#),
        Fault::Malformed,
        "`yesterday` is not an instant",
    );
    refuse(Format::CloudEvents, r#"{"specversion": "1.0", "id": "1", "source": "s"}"#, Fault::Malformed, "missing field `type`");
    let data = r#", "data": {"context": {"id": "2", "source": "s", "type": "dev.cdevents.a"}}"#;
    refuse(Format::CloudEvents, &event("1.0", "1", data), Fault::Inconsistent, "`id` is not that of the CDEvent in it");
}

#[test]
fn cloud_events_around_a_cd_event_that_is_written_out() {
    let kind = "dev.cdevents.testsuiterun.finished.0.2.0";
    let cd_event = |id: &str, outcome: &str| {
        let context = format!(r#"{{"version": "0.5.0", "id": "{id}", "source": "s", "type": "{kind}"}}"#);
        format!(r#"{{"context": {context}, "subject": {{"id": "orders", "content": {{"outcome": "{outcome}"}}}}}}"#)
    };
    let around = |data: &str| format!(r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "{kind}"{data}}}"#);
    let in_text = |text: &str| around(&format!(r#", "data": {}"#, serde_json::Value::from(text)));
    let in_base64 = |text: &str| around(&format!(r#", "data_base64": "{}""#, BASE64.encode(text)));
    let ways: [&dyn Fn(&str) -> String; 2] = [&in_text, &in_base64];
    for wrapped in ways {
        for (word, expected) in [("fail", Failed), ("pass", Passed)] {
            assert_eq!(events(read(Format::CloudEvents, &wrapped(&cd_event("1", word))))[0].outcome, Some(expected), "{word}");
        }
        let refuse = |text: &str, fault, says| refuse(Format::CloudEvents, &wrapped(text), fault, says);
        refuse(&cd_event("2", "pass"), Fault::Inconsistent, "`id` is not that of the CDEvent in it");
        refuse(r#"{"subject": {}, "subject": {}}"#, Fault::Malformed, "stands twice in one object");
        refuse("passed", Fault::Malformed, "the CDEvent in it is no JSON");
        refuse("[]", Fault::Malformed, "the CDEvent in it is no object");
    }
    refuse(Format::CloudEvents, &around(r#", "data": 7"#), Fault::Malformed, "is no object");
    refuse(Format::CloudEvents, &around(r#", "data_base64": "*""#), Fault::Malformed, "is no base64");
    refuse(
        Format::CloudEvents,
        &around(r#", "data": {}, "data_base64": """#),
        Fault::Malformed,
        "in `data` and in `data_base64`",
    );
    // Nobody looks into what other events carry.
    let other = r#"{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": "*"}"#;
    assert_eq!(events(read(Format::CloudEvents, other))[0].outcome, None);
}

#[test]
fn cloud_events_of_an_incident_that_says_no_more() {
    let kind = "dev.cdevents.incident.detected.0.2.0";
    for data in ["", r#", "data": {"subject": {"id": "orders"}}"#] {
        let event = format!(r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "{kind}"{data}}}"#);
        assert_eq!(events(read(Format::CloudEvents, &event))[0].outcome, Some(Failed), "{data}");
    }
}

/// What is no word of the specification proves nothing good.
#[test]
fn how_something_ended_is_read_from_cd_events_bare_and_wrapped() {
    let outcome = |kind: &str, content: &str| {
        let context =
            format!(r#"{{"version": "0.5.0", "id": "1", "source": "s", "type": "{kind}", "timestamp": "2026-11-25T08:00:00Z"}}"#);
        let bare = format!(r#"{{"context": {context}, "subject": {{"id": "orders", "content": {content}}}}}"#);
        let around = format!(r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "{kind}", "data": {bare}}}"#);
        let of = |format, text: &str| events(read(format, text))[0].outcome;
        assert_eq!(of(Format::CdEvents, &bare), of(Format::CloudEvents, &around), "{kind} {content}");
        of(Format::CdEvents, &bare)
    };
    let (tests, pipeline) = ("dev.cdevents.testsuiterun.finished.0.2.0", "dev.cdevents.pipelinerun.finished.0.2.0");
    for (kind, word, expected) in [
        (tests, "pass", Passed),
        (tests, "fail", Failed),
        (tests, "error", Failed),
        (tests, "cancel", Neutral),
        (pipeline, "success", Passed),
        (pipeline, "failure", Failed),
        (pipeline, "Success", Failed),
        (pipeline, "", Failed),
    ] {
        assert_eq!(outcome(kind, &format!(r#"{{"outcome": "{word}"}}"#)), Some(expected), "{kind} {word}");
    }
    assert_eq!(outcome(tests, r#"{"outcome": null}"#), Some(Failed));
    assert_eq!(outcome(tests, "{}"), None);
    assert_eq!(outcome("dev.cdevents.service.deployed.0.2.0", r#"{"environment": {"id": "preflight"}}"#), None);
    assert_eq!(outcome("dev.cdevents.incident.detected.0.2.0", "{}"), Some(Failed));
    assert_eq!(outcome("dev.cdevents.incident.resolved.0.2.0", "{}"), None);
    assert_eq!(outcome("dev.cdeventsx.shop-tests.finished.0.1.0", r#"{"outcome": "pass"}"#), None, "its words are its own");
}

#[test]
fn cd_events_that_are_not_read() {
    let event = |version: &str, id: &str, time: &str| {
        let context = format!(
            r#"{{"version": "{version}", "id": "{id}", "source": "s", "type": "dev.cdevents.a", "timestamp": "{time}"}}"#
        );
        format!(r#"{{"context": {context}, "subject": {{"id": "orders"}}}}"#)
    };
    refuse(Format::CdEvents, &event("0.1.2", "1", "2026-11-25T08:00:00Z"), Fault::Unsupported, "CDEvents 0.1.2");
    refuse(Format::CdEvents, &event("0.6.0-draft", "1", "2026-11-25T08:00:00Z"), Fault::Unsupported, "0.3 to 0.5 are read");
    let renamed = event("0.5.0", "1", "2026-11-25T08:00:00Z").replace("version", "specversion");
    assert_eq!(events(read(Format::CdEvents, &renamed))[0].id, "1");
    let custom = renamed.replace("dev.cdevents.", "dev.cdeventsx.tool-");
    assert_eq!(events(read(Format::CdEvents, &custom))[0].kind, "dev.cdeventsx.tool-a");
    refuse(Format::CdEvents, &event("0.4.1", "", "2026-11-25T08:00:00Z"), Fault::Malformed, "`/context`");
    refuse(Format::CdEvents, &event("0.4.1", "1", "now"), Fault::Malformed, "`/context/timestamp`");
}
