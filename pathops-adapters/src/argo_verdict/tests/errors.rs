//! What has failed, what only seems to, and what is tried again.

use super::*;

const OPERATION: &str = "/status/operationState";

/// The ready state after an operation at another commit of another tree, in this phase.
fn after(phase: &str) -> Value {
    let state = put(ready(), &format!("{OPERATION}/phase"), json!(phase));
    let state = put(state, &format!("{OPERATION}/operation/sync/revision"), json!(commit('a')));
    put(state, &format!("{OPERATION}/syncResult/revision"), json!(commit('a')))
}

fn failing(state: Value, kind: &str) -> Value {
    let hook = json!({"kind": "Job", "name": "smoke", "hookType": kind, "hookPhase": "Failed", "message": "GET /: 500"});
    put(state, &format!("{OPERATION}/syncResult/resources"), json!([hook]))
}

/// The other commit was applied whole and failed its tests; ours makes the same of it, so that nothing is applied: what is live is what
/// failed.
#[test]
fn tests_that_failed_before_are_never_passed() {
    let untested = |why| Verdict::Stale(Stale::NotTested { why }, StaleAction::AskPeople);
    for phase in ["Failed", "Error"] {
        let state = failing(after(phase), "PostSync");
        assert_eq!(verdict(&expected(), &state), untested(Untested::TestsFailed), "{phase}");
        let tested = expected().hook(ExpectedHook::Type("PostSync".to_owned()));
        assert_eq!(verdict(&tested, &state), untested(Untested::OtherRevision), "{phase}");
        // A later commit with the same tree.
        let later = put(state.clone(), "/status/sync/revision", json!(commit('c')));
        assert_eq!(verdict(&expected(), &later), untested(Untested::TestsFailed), "{phase}");
        // Once something is to be applied, that is waited for.
        let differing = put(state.clone(), "/status/sync/status", json!("OutOfSync"));
        assert_eq!(reason_of(&verdict(&expected(), &differing)), "not-yet out-of-sync", "{phase}");
        let ours = put(state, &format!("{OPERATION}/syncResult/revision"), json!(commit('b')));
        assert_eq!(reason_of(&verdict(&expected(), &ours)), "failed hook", "{phase}");
        // What failed before it was applied is not live once it was taken back.
        assert_eq!(verdict(&expected(), &failing(after(phase), "PreSync")), Verdict::Ready, "{phase}");
    }
    let several = failing(put(several_sources(), &format!("{OPERATION}/phase"), json!("Failed")), "PostSync");
    let several = put(several, &format!("{OPERATION}/syncResult/revisions/1"), json!(commit('a')));
    assert_eq!(verdict(&expected(), &several), untested(Untested::TestsFailed));
}

/// Of several sources, auto-sync takes up again what failed before it knew a revision of any.
#[test]
fn what_is_taken_up_again_has_not_failed() {
    let failed = |revisions: Value, automated: Value, is: &str| {
        let mut state = put(several_sources(), "/spec/syncPolicy", json!({"automated": automated}));
        state = put(state, "/status/sync/status", json!(is));
        state["status"]["operationState"]["phase"] = json!("Error");
        state["status"]["operationState"]["message"] = json!("ComparisonError: connection refused");
        state["status"]["operationState"]["operation"]["sync"] = json!({"revisions": ["1.2.3", commit('b')]});
        state["status"]["operationState"]["syncResult"] = json!({"revisions": revisions});
        reason_of(&verdict(&expected(), &state))
    };
    let known = || json!(["1.2.3", commit('b')]);
    for (revisions, automated, is, reason) in [
        (json!([]), json!({}), "OutOfSync", "not-yet retrying"),
        (json!(null), json!({"enabled": true}), "OutOfSync", "not-yet retrying"),
        (json!([]), json!({}), "Synced", "failed sync"),
        (json!([]), json!(null), "OutOfSync", "failed sync"),
        (json!([]), json!({"enabled": false}), "OutOfSync", "failed sync"),
        (known(), json!({}), "OutOfSync", "failed sync"),
    ] {
        assert_eq!(failed(revisions.clone(), automated.clone(), is), reason, "{revisions} {automated} {is}");
    }
}

/// Argo CD returns before it writes when it compared.
#[test]
fn what_keeps_argo_cd_from_looking_is_told() {
    let not_looked = |kind: &str| {
        let state = put(ready(), "/status/conditions/0", json!({"type": kind, "message": "no project shop"}));
        verdict(&expected(), &put(state, "/status/reconciledAt", json!(at(1))))
    };
    for kind in ["InvalidSpecError", "UnknownError"] {
        let told = NotYet::Condition { kind: kind.to_owned(), message: "no project shop".to_owned() };
        assert_eq!(not_looked(kind), Verdict::NotYet(told));
    }
    for kind in ["ComparisonError", "SyncError", "OrphanedResourceWarning"] {
        assert_eq!(reason_of(&not_looked(kind)), "stale not-looking", "{kind}");
    }
}

/// Kubernetes cuts instants to the second. Where one has a part of it all the same, nothing that was cut is later by that.
#[test]
fn instants_are_compared_by_the_second() {
    let looked = |at: &str| reason_of(&with("/status/reconciledAt", json!(at)));
    assert_eq!(looked("2026-11-22T12:00:10.900Z"), "stale not-looked-after-sync");
    assert_eq!(looked("2026-11-22T12:00:11.100Z"), "ready");
    assert_eq!(looked("2026-11-22T12:00:05.900Z"), "stale not-looking");
    assert_eq!(reason_of(&with("/status/operationState/finishedAt", json!("2026-11-22T12:00:19.900Z"))), "ready");
}

#[test]
fn where_nothing_is_said_no_colon_hangs() {
    let failed = put(put(ready(), &format!("{OPERATION}/phase"), json!("Failed")), &format!("{OPERATION}/message"), json!(null));
    let retrying = put(failed.clone(), &format!("{OPERATION}/phase"), json!("Running"));
    let degraded = put(ready(), "/status/health/status", json!("Degraded"));
    let ailing = put(degraded.clone(), "/status/resources/0/health/status", json!("Degraded"));
    let starting = put(ready(), "/status/health/status", json!("Progressing"));
    for (state, text) in [
        (failed, "the operation failed"),
        (
            failing(after("Failed"), "PostSync"),
            "not tested: tests failed after the last operation, and nothing was applied since; sync it once more",
        ),
        (retrying, "the operation failed and will be tried again"),
        (degraded, "degraded"),
        (ailing, "degraded: Deployment/app"),
        (starting, "Progressing"),
        (put(ready(), "/status/health/status", json!("")), "Unknown"),
        (put(ready(), "/status/sync/status", json!("")), "not in sync: Unknown"),
        (put(ready(), "/status/conditions/0", json!({"type": "ComparisonError"})), "ComparisonError"),
    ] {
        assert_eq!(verdict(&expected(), &state).to_string(), text);
    }
    let hook = Verdict::Failed(Failed::Hook { hook: "Job/smoke".to_owned(), message: String::new() });
    assert_eq!(hook.to_string(), "the hook Job/smoke failed");
    let hydrating = Verdict::NotYet(NotYet::NotHydrated { message: String::new() });
    assert_eq!(hydrating.to_string(), "the manifests could not be hydrated, which will be tried again");
}
