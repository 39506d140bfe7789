//! Each condition taken away from a state that is ready, one at a time. The states are made by hand, in the shape of the
//! official CRD.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pathops_core::{CommitId, TreeId};
use serde_json::{Value, json};

use super::*;

mod beside;
mod children;
#[cfg(feature = "argocd")]
mod compact;
#[path = "../../tests/argo_schedules/crd.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod crd;
mod errors;
mod images;
mod looks_alike;
mod pods;
mod sources;
mod versions;

const REPO: &str = "https://git.example/shop/orders-gitops";
const PATH: &str = "envs/preflight";

fn commit(digit: char) -> CommitId {
    CommitId::parse(digit.to_string().repeat(40)).unwrap()
}

fn at(second: u32) -> String {
    format!("2026-11-22T12:00:{second:02}Z")
}

/// Commits in their order; each pair given holds the same tree.
struct Line(&'static str, BTreeSet<(char, char)>);

impl Line {
    fn place(&self, commit: &CommitId) -> Option<usize> {
        self.0.find(commit.as_str().chars().next()?)
    }
}

impl History for Line {
    fn descends(&self, _: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
        Some(self.place(commit)? > self.place(ancestor)?)
    }

    fn has_tree(&self, _: &str, path: &str, commit: &CommitId, tree: &TreeId) -> Option<bool> {
        assert_eq!(path, PATH);
        let digit = commit.as_str().chars().next()?;
        let held = self.1.iter().find_map(|(one, other)| (*other == digit).then_some(*one)).unwrap_or(digit);
        (digit != 'e').then(|| *tree == tree_of(held))
    }

    fn same_tree(&self, _: &str, path: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
        // Of other folders it knows these.
        if ![PATH, "dry"].contains(&path) {
            return BTreeMap::from([("shared", true), ("moved", false)]).get(path).copied();
        }
        let [one, other] = [one, other].map(|commit| commit.as_str().chars().next().unwrap());
        Some(one == other || self.1.contains(&(one.min(other), one.max(other))))
    }
}

/// Everything descends from everything, and trees are not known but for the names of commits.
struct Descends;

impl History for Descends {
    fn descends(&self, _: &str, _: &CommitId, _: &CommitId) -> Option<bool> {
        Some(true)
    }

    fn same_tree(&self, _: &str, _: &str, _: &CommitId, _: &CommitId) -> Option<bool> {
        Some(true)
    }
}

/// The tree of the commit of this digit.
fn tree_of(digit: char) -> TreeId {
    TreeId::parse(digit.to_string().repeat(40)).unwrap()
}

/// `a`, then the expected `b`, then `c` with the same tree as `b`, then `d` with that of `a`.
fn history() -> Line {
    Line("abcd", [('b', 'c'), ('a', 'd')].into())
}

fn expected() -> Expected {
    Expected::new(ExpectedSource::git(REPO, PATH, commit('b')), at(5).parse().unwrap()).image(image("reg/app@sha256:good"))
}

fn image(reference: &str) -> Image {
    reference.parse().unwrap()
}

fn source() -> Value {
    json!({"repoURL": REPO, "path": PATH, "targetRevision": "main"})
}

fn hook(name: &str) -> Value {
    json!({"group": "batch", "version": "v1", "kind": "Job", "namespace": "shop", "name": name, "hookType": "PostSync",
        "hookPhase": "Succeeded"})
}

fn ready() -> Value {
    let revision = commit('b').to_string();
    let destination = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
    json!({
        "metadata": {"name": "orders", "resourceVersion": "7", "annotations": {}},
        "spec": {"source": source(), "destination": destination, "project": "default"},
        "status": {
            "sync": {
                "status": "Synced", "revision": revision,
                "comparedTo": {"source": source(), "destination": destination, "ignoreDifferences": null}
            },
            "health": {"status": "Healthy", "lastTransitionTime": at(11)},
            "conditions": [{"type": "OrphanedResourceWarning", "message": "1 orphan"}],
            "reconciledAt": at(20),
            "operationState": {
                "phase": "Succeeded", "startedAt": at(8), "finishedAt": at(10), "message": "done",
                "operation": {"sync": {"revision": revision}},
                "syncResult": {"revision": revision, "source": source(), "resources": [
                    {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "app", "status": "Synced"},
                    hook("smoke"), hook("load")
                ]}
            },
            "resources": [
                {"kind": "Deployment", "name": "app", "status": "Synced", "health": {"status": "Healthy"}},
                {"kind": "Service", "name": "app", "status": "Synced"}
            ],
            "summary": {"images": ["reg/app:v2@sha256:good", "reg/proxy:1"]}
        }
    })
}

fn verdict(expected: &Expected, application: &Value) -> Verdict {
    let application = Application::from_value(application).unwrap();
    judge(expected, &application, &history(), at(30).parse().unwrap())
}

/// The verdict once `value` stands at `pointer`.
fn with(pointer: &str, value: Value) -> Verdict {
    verdict(&expected(), &put(ready(), pointer, value))
}

fn put(mut application: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match application.pointer_mut(parent).unwrap() {
        Value::Array(values) => values[field.parse::<usize>().unwrap()] = value,
        parent => parent[field] = value,
    }
    application
}

fn reason_of(verdict: &Verdict) -> String {
    let (kind, reason) = match verdict {
        Verdict::Ready => return "ready".to_owned(),
        Verdict::NotYet(reason) => ("not-yet", serde_json::to_value(reason)),
        Verdict::Stale(reason, _) => ("stale", serde_json::to_value(reason)),
        Verdict::Failed(reason) => ("failed", serde_json::to_value(reason)),
    };
    format!("{kind} {}", reason.unwrap()["reason"].as_str().unwrap())
}

/// What the tests take things away from is what Argo CD writes, by the official definition where that is at hand.
#[test]
fn the_states_are_applications() {
    let managing = children::managing(&[("argoproj.io", "Application", "orders-db")]);
    for state in [ready(), hydrated(), several_sources(), managing].iter().chain(&versions::states()) {
        crd::check_sent(state);
    }
}

#[test]
fn everything_as_expected_is_ready() {
    assert_eq!(verdict(&expected(), &ready()), Verdict::Ready);
    let all = expected().hook(ExpectedHook::Type("PostSync".to_owned())).hook(ExpectedHook::Named("smoke".to_owned()));
    assert_eq!(verdict(&all.settle(Duration::from_secs(8)), &ready()), Verdict::Ready);
}

#[test]
fn each_thing_that_is_amiss_has_its_reason() {
    let states = [
        ("/metadata/deletionTimestamp", json!(at(1)), "failed deleting"),
        ("/metadata/annotations", json!({"argocd.argoproj.io/skip-reconcile": "true"}), "stale frozen"),
        ("/metadata/annotations", json!({"argocd.argoproj.io/refresh": "normal"}), "not-yet refreshing"),
        ("/metadata/annotations", json!({"argocd.argoproj.io/refresh": ""}), "not-yet refreshing"),
        ("/metadata/annotations", json!({"argocd.argoproj.io/hydrate": "normal"}), "not-yet hydrating"),
        ("/status/reconciledAt", json!(null), "stale not-looking"),
        ("/status/reconciledAt", json!(at(5)), "stale not-looking"),
        ("/status/reconciledAt", json!(at(31)), "not-yet clock-ahead"),
        ("/status/reconciledAt", json!(at(10)), "stale not-looked-after-sync"),
        ("/status/reconciledAt", json!(at(9)), "stale not-looked-after-sync"),
        ("/status/conditions/0/type", json!("ComparisonError"), "not-yet condition"),
        ("/status/conditions/0/type", json!("SomeNewError"), "not-yet condition"),
        ("/status/conditions/0/type", json!("SyncError"), "not-yet condition"),
        ("/status/conditions/0/type", json!("InvalidSpecError"), "not-yet condition"),
        ("/status/sync/comparedTo", json!(null), "not-yet other-spec"),
        ("/status/sync/comparedTo/source/path", json!("envs/other"), "not-yet other-spec"),
        ("/status/sync/comparedTo/source/helm", json!({"parameters": [{"name": "a"}]}), "not-yet other-spec"),
        ("/status/sync/comparedTo/destination/namespace", json!("other"), "not-yet other-spec"),
        ("/spec/destination/namespace", json!("other"), "not-yet other-spec"),
        ("/spec/ignoreDifferences", json!([{"kind": "Deployment"}]), "not-yet other-spec"),
        ("/spec/sources", json!([source(), source()]), "not-yet other-spec"),
        ("/status/sync/revision", json!(commit('a')), "not-yet not-seen"),
        ("/status/sync/revision", json!(commit('e')), "not-yet not-seen"),
        ("/status/sync/revision", json!(commit('d')), "stale superseded"),
        ("/status/sync/revision", json!("main"), "not-yet no-revision"),
        ("/status/sync/revision", json!(""), "not-yet no-revision"),
        ("/status/sync/revision", json!(null), "not-yet no-revision"),
        ("/operation", json!({}), "not-yet operating"),
        ("/status/operationState", json!(null), "not-yet not-synced"),
        ("/status/operationState/phase", json!("Running"), "not-yet retrying"),
        ("/status/operationState/phase", json!("Terminating"), "not-yet operating"),
        ("/status/operationState/phase", json!("SomethingNew"), "not-yet operating"),
        ("/status/operationState/phase", json!(null), "not-yet operating"),
        ("/status/operationState/phase", json!("Failed"), "failed sync"),
        ("/status/operationState/phase", json!("Error"), "failed sync"),
        ("/status/operationState/finishedAt", json!(null), "not-yet operating"),
        ("/status/operationState/operation/sync/dryRun", json!(true), "stale dry-run"),
        ("/status/sync/status", json!("OutOfSync"), "not-yet out-of-sync"),
        ("/status/sync/status", json!("Unknown"), "not-yet out-of-sync"),
        ("/status/sync/status", json!(null), "not-yet out-of-sync"),
        ("/status/resources/1/status", json!("OutOfSync"), "not-yet out-of-sync"),
        ("/status/resources", json!([]), "failed no-resources"),
        ("/status/resources", json!(null), "failed no-resources"),
        ("/status/resources", json!([{"kind": "Job", "hook": true, "status": "Synced"}]), "failed no-resources"),
        ("/status/health/status", json!("Degraded"), "failed degraded"),
        ("/status/health/status", json!("Progressing"), "not-yet unhealthy"),
        ("/status/health/status", json!("Suspended"), "not-yet unhealthy"),
        ("/status/health/status", json!("Missing"), "not-yet unhealthy"),
        ("/status/health", json!(null), "not-yet unhealthy"),
        ("/status/resources/0/health/status", json!("Missing"), "not-yet unhealthy"),
        ("/status/summary", json!(null), "not-yet no-pod"),
        ("/status/summary/images", json!(["reg/app@sha256:other"]), "failed wrong-image"),
        ("/status/summary/images", json!(["reg/app:v2"]), "failed wrong-image"),
        ("/status/summary/images", json!(["other/app@sha256:other"]), "not-yet no-pod"),
        ("/status/summary/images", json!(["reg/app@sha256:good", "reg/app@sha256:old"]), "not-yet old-image"),
    ];
    for (pointer, value, reason) in states {
        assert_eq!(reason_of(&with(pointer, value.clone())), reason, "{pointer} = {value}");
    }
}

#[test]
fn what_does_not_matter_is_no_obstacle() {
    let states = [
        ("/metadata/annotations", json!({"argocd.argoproj.io/skip-reconcile": "false", "team": "shop"})),
        ("/metadata/annotations", json!(null)),
        ("/status/conditions", json!(null)),
        ("/status/health/lastTransitionTime", json!(null)),
        ("/status/sync/comparedTo/source/helm", json!({"parameters": []})),
        ("/status/resources/0/health", json!(null)),
        ("/status/resources/1", json!({"kind": "ConfigMap", "name": "old", "status": "OutOfSync", "requiresPruning": true})),
        ("/status/somethingNew", json!({"deep": [1, 2]})),
        // A later commit with the same tree, and one that changed nothing, for which nothing was applied.
        ("/status/sync/revision", json!(commit('c'))),
        ("/status/operationState/syncResult/revision", json!(commit('a'))),
    ];
    for (pointer, value) in states {
        assert_eq!(with(pointer, value.clone()), Verdict::Ready, "{pointer} = {value}");
    }
}

#[test]
fn a_tree_that_is_named_has_to_be_there() {
    let at_tree = |commit_digit: char, tree: char| {
        let source = ExpectedSource::git(REPO, PATH, commit(commit_digit)).with_tree(tree_of(tree));
        Expected::new(source, at(5).parse().unwrap())
    };
    let at_revision = |revision: char| {
        let state = put(ready(), "/status/sync/revision", json!(commit(revision)));
        put(state, "/status/operationState/syncResult/revision", json!(commit(revision)))
    };
    for (expected, revision, reason) in [
        (at_tree('b', 'b'), 'b', "ready"),
        // Another commit with the same tree, and one with another.
        (at_tree('b', 'b'), 'c', "ready"),
        (at_tree('b', 'b'), 'd', "stale superseded"),
        (at_tree('b', 'b'), 'a', "not-yet not-seen"),
        // The expected commit holds something else.
        (at_tree('b', 'f'), 'b', "not-yet not-seen"),
        (at_tree('b', 'f'), 'c', "stale superseded"),
        // Nobody knows what the expected commit holds, and it is there.
        (at_tree('e', 'e'), 'e', "ready"),
    ] {
        assert_eq!(reason_of(&verdict(&expected, &at_revision(revision))), reason, "{expected:?} at {revision}");
    }
    // A later one of which nobody knows what it holds.
    let later = Application::from_value(&at_revision('c')).unwrap();
    let unknown = judge(&at_tree('b', 'b'), &later, &Descends, at(30).parse().unwrap());
    assert_eq!(unknown, Verdict::Stale(Stale::UnknownTree { revision: commit('c').to_string() }, StaleAction::ReadGit));
    // What failed at an earlier commit with the same tree failed at this one.
    let failed = put(at_revision('b'), "/status/operationState/phase", json!("Failed"));
    assert_eq!(reason_of(&verdict(&at_tree('c', 'b'), &put(failed, "/status/sync/revision", json!(commit('c'))))), "failed sync");
}

#[test]
fn a_failure_counts_for_what_failed() {
    let failed = |revision: char, phase: &str| {
        let state = put(ready(), "/status/operationState/phase", json!(phase));
        put(state, "/status/operationState/syncResult/revision", json!(commit(revision)))
    };
    for ours in ['b', 'c'] {
        assert_eq!(reason_of(&verdict(&expected(), &failed(ours, "Failed"))), "failed sync");
    }
    // `a` failed; `b` took it back, so that nothing was left to be applied.
    assert_eq!(verdict(&expected(), &failed('a', "Failed")), Verdict::Ready);
    assert_eq!(
        reason_of(&verdict(&expected(), &put(failed('a', "Error"), "/status/operationState/syncResult", json!(null)))),
        "failed sync"
    );
    let unknown = Application::from_value(&failed('a', "Failed")).unwrap();
    let verdict = judge(&expected(), &unknown, &NoHistory, at(30).parse().unwrap());
    assert_eq!(verdict, Verdict::Stale(Stale::UnknownTree { revision: commit('a').to_string() }, StaleAction::ReadGit));
}

#[test]
fn after_a_dry_run_people_are_asked_once_nothing_else_will_happen() {
    let dry = put(ready(), "/status/operationState/operation/sync/dryRun", json!(true));
    assert_eq!(verdict(&expected(), &dry), Verdict::Stale(Stale::DryRun, StaleAction::AskPeople));
    assert!(verdict(&expected(), &dry).to_string().ends_with("sync it once more, not dry"));
    // A sync may still follow: of what drifts, where Argo CD takes it back, and of a revision that was not tried.
    let without = put(dry.clone(), "/status/sync/status", json!("OutOfSync"));
    let healing = |automated: Value| put(without.clone(), "/spec/syncPolicy", json!({"automated": automated}));
    let out_of_sync = healing(json!({"selfHeal": true}));
    assert_eq!(reason_of(&verdict(&expected(), &out_of_sync)), "not-yet out-of-sync");
    assert_eq!(
        reason_of(&verdict(&expected(), &put(without.clone(), "/status/operationState/syncResult/revision", json!(commit('c'))))),
        "not-yet out-of-sync"
    );
    for automated in [json!(null), json!({}), json!({"selfHeal": false}), json!({"enabled": false, "selfHeal": true})] {
        assert_eq!(reason_of(&verdict(&expected(), &healing(automated))), "stale dry-run");
    }
    assert_eq!(reason_of(&verdict(&expected(), &without)), "stale dry-run");
    let under_way = put(dry, "/status/operationState/phase", json!("Running"));
    assert_eq!(
        reason_of(&verdict(&expected(), &put(under_way, "/status/operationState/finishedAt", json!(null)))),
        "not-yet operating"
    );
    // Not where it failed, which is no failure of what is live.
    for phase in ["Failed", "Error"] {
        let failed = put(out_of_sync.clone(), "/status/operationState/phase", json!(phase));
        assert_eq!(reason_of(&verdict(&expected(), &failed)), "stale dry-run");
        let of_another = put(failed, "/status/operationState/syncResult/revision", json!(commit('a')));
        assert_eq!(reason_of(&verdict(&expected(), &of_another)), "not-yet out-of-sync");
    }
}

/// Argo CD does not try a commit again by itself whose sync failed, and says so by a condition for as long as that lasts.
#[test]
fn a_sync_that_failed_by_itself_has_failed() {
    let failed = |revision: char, phase: &str| {
        let mut state = put(ready(), "/status/operationState/phase", json!(phase));
        state["status"]["sync"]["status"] = json!("OutOfSync");
        state["status"]["operationState"]["message"] = json!("one or more objects failed to apply");
        state["status"]["operationState"]["syncResult"]["revision"] = json!(commit(revision));
        state["status"]["conditions"] = json!([{"type": "SyncError", "message": "Failed last sync attempt to it"}]);
        state
    };
    let message = "one or more objects failed to apply".to_owned();
    for phase in ["Failed", "Error"] {
        let expected_verdict = Verdict::Failed(Failed::Sync { message: message.clone() });
        assert_eq!(verdict(&expected(), &failed('b', phase)), expected_verdict);
        assert_eq!(reason_of(&verdict(&expected(), &failed('a', phase))), "not-yet condition", "another commit failed");
    }
    let retrying = failed('b', "Running");
    assert_eq!(reason_of(&verdict(&expected(), &retrying)), "not-yet retrying");
    let mut compared_amiss = failed('b', "Failed");
    compared_amiss["status"]["conditions"] =
        json!([{"type": "SyncError", "message": ""}, {"type": "ComparisonError", "message": "no such chart"}]);
    let told = Verdict::NotYet(NotYet::Condition { kind: "ComparisonError".to_owned(), message: "no such chart".to_owned() });
    assert_eq!(verdict(&expected(), &compared_amiss), told);
}

#[test]
fn a_later_commit_of_which_nothing_is_known_is_not_ours() {
    let application = Application::from_value(&put(ready(), "/status/sync/revision", json!(commit('c')))).unwrap();
    let verdict = judge(&expected(), &application, &NoHistory, at(30).parse().unwrap());
    assert_eq!(reason_of(&verdict), "not-yet not-seen");
}

#[test]
fn hooks_count_where_they_ran_for_this_state() {
    let hooks = expected().hook(ExpectedHook::Type("PostSync".to_owned()));
    let state = "/status/operationState";
    let sync = |field: &str| format!("{state}/operation/sync/{field}");
    let result = |field: &str| format!("{state}/syncResult/{field}");
    let states = [
        (result("revision"), json!(commit('b')), "ready"),
        (result("revision"), json!(commit('c')), "ready"),
        (result("revision"), json!(commit('a')), "stale not-tested"),
        (result("revision"), json!(null), "stale not-tested"),
        (result("source"), json!({"repoURL": REPO, "path": "envs/other"}), "stale not-tested"),
        (result("resources"), json!([{"kind": "Deployment", "name": "app"}]), "stale not-tested"),
        (result("resources"), json!([{"kind": "Job", "hookType": "PreSync", "hookPhase": "Succeeded"}]), "stale not-tested"),
        (result("resources/1/hookPhase"), json!(null), "not-yet hook-running"),
        (result("resources/2/hookPhase"), json!("Running"), "not-yet hook-running"),
        (result("resources/2/hookPhase"), json!("Failed"), "failed hook"),
        (result("resources/2/hookPhase"), json!("Error"), "failed hook"),
        (sync("resources"), json!([{"kind": "Deployment", "name": "app"}]), "stale not-tested"),
        (sync("manifests"), json!(["{}"]), "stale local-manifests"),
        (format!("{state}/syncResult"), json!(null), "stale not-tested"),
        (format!("{state}/operation"), json!(null), "stale not-tested"),
    ];
    for (pointer, value, reason) in states {
        let state = put(ready(), &pointer, value.clone());
        assert_eq!(reason_of(&verdict(&hooks, &state)), reason, "{pointer} = {value}");
    }
    let absent = expected().hook(ExpectedHook::Named("contract".to_owned()));
    assert_eq!(reason_of(&verdict(&absent, &ready())), "stale not-tested");
    let failed =
        put(put(ready(), "/status/operationState/phase", json!("Failed")), &result("resources/1/hookPhase"), json!("Failed"));
    assert_eq!(verdict(&hooks, &failed), Verdict::Failed(Failed::Hook { hook: "Job/smoke".to_owned(), message: String::new() }));
}

/// A chart, and values from Git that it refers to.
fn several_sources() -> Value {
    let sources =
        json!([{"repoURL": "oci://charts", "chart": "app", "targetRevision": "1.*"}, {"repoURL": REPO, "ref": "values"}]);
    let mut state = ready();
    for place in ["/spec", "/status/sync/comparedTo", "/status/operationState/syncResult"] {
        state = put(put(state, &format!("{place}/source"), json!(null)), &format!("{place}/sources"), sources.clone());
    }
    for place in ["/status/sync", "/status/operationState/syncResult"] {
        let revisions = json!(["1.2.3", commit('b')]);
        state = put(put(state, &format!("{place}/revision"), json!("")), &format!("{place}/revisions"), revisions);
    }
    state
}

#[test]
fn several_sources_are_each_at_what_is_expected() {
    let state = several_sources();
    let both =
        expected().and(ExpectedSource::chart("oci://charts", "app", "1.2.3")).hook(ExpectedHook::Type("PostSync".to_owned()));
    assert_eq!(verdict(&both, &state), Verdict::Ready);
    for (revisions, reason) in [
        (json!(["1.2.3", commit('a')]), "not-yet not-seen"),
        (json!(["1.2.4", commit('b')]), "not-yet not-seen"),
        (json!(["1.2.3"]), "not-yet no-revision"),
        (json!([commit('b'), "1.2.3"]), "not-yet no-revision"),
        (json!(null), "not-yet no-revision"),
    ] {
        let state = put(state.clone(), "/status/sync/revisions", revisions);
        assert_eq!(reason_of(&verdict(&both, &state)), reason);
        let elsewhere = expected().and(ExpectedSource::chart("oci://charts", "other", "1.2.3"));
        assert_eq!(reason_of(&verdict(&elsewhere, &state.clone())).split(' ').next(), Some("not-yet"));
    }
    let tested = put(state, "/status/operationState/syncResult/revisions", json!(["1.2.2", commit('b')]));
    assert_eq!(reason_of(&verdict(&both, &tested)), "stale not-tested");
}

/// The dry commit is `b`; it was hydrated to `2`, of the line `1`, `2`, `3`.
fn hydrated() -> Value {
    let hydrator = json!({
        "drySource": {"repoURL": REPO, "path": "dry", "targetRevision": "main"},
        "syncSource": {"path": PATH, "targetBranch": "env/preflight"}
    });
    let applied = json!({"repoURL": REPO, "path": PATH, "targetRevision": "env/preflight"});
    let mut state = put(ready(), "/spec/source", json!(null));
    state = put(state, "/spec/sourceHydrator", hydrator.clone());
    state = put(state, "/status/sync/comparedTo/source", applied.clone());
    state = put(state, "/status/operationState/syncResult/source", applied);
    for place in ["/status/sync", "/status/operationState/syncResult"] {
        state = put(state, &format!("{place}/revision"), json!(commit('2')));
    }
    let done = json!({"drySHA": commit('b'), "hydratedSHA": commit('2'), "sourceHydrator": hydrator});
    put(state, "/status/sourceHydrator", json!({"lastSuccessfulOperation": done}))
}

#[test]
fn a_hydrated_source_is_followed_from_the_dry_commit() {
    let line = Line("abcd123", [('b', 'c'), ('2', '3')].into());
    let dry = Expected::new(ExpectedSource::git(REPO, "dry", commit('b')), at(5).parse().unwrap());
    let verdict = |state: &Value| judge(&dry, &Application::from_value(state).unwrap(), &line, at(30).parse().unwrap());
    let status = "/status/sourceHydrator";
    let last = |field: &str| format!("{status}/lastSuccessfulOperation/{field}");
    let running =
        |phase: &str, dry: char| json!({"currentOperation": {"phase": phase, "drySHA": commit(dry), "message": "no such chart"}});
    let states = [
        (last("hydratedSHA"), json!(commit('2')), "ready"),
        ("/status/sync/revision".to_owned(), json!(commit('3')), "ready"),
        (last("drySHA"), json!(commit('c')), "ready"),
        ("/status/sync/revision".to_owned(), json!(commit('1')), "not-yet not-seen"),
        (last("drySHA"), json!(commit('a')), "not-yet not-seen"),
        (last("drySHA"), json!(commit('d')), "stale superseded"),
        (last("sourceHydrator/syncSource/path"), json!("elsewhere"), "not-yet hydrating"),
        (last("hydratedSHA"), json!(null), "not-yet hydrating"),
        (status.to_owned(), json!(null), "stale not-looking"),
        (status.to_owned(), running("Hydrating", 'b'), "not-yet hydrating"),
        (status.to_owned(), running("Failed", 'b'), "not-yet not-hydrated"),
        (status.to_owned(), running("Failed", 'a'), "not-yet not-seen"),
        // What has no phase has not ended, and may be hydrated anew.
        (
            status.to_owned(),
            json!({"currentOperation": {"drySHA": commit('b'), "hydratedSHA": commit('2')}}),
            "not-yet hydrating",
        ),
        ("/status/sync/comparedTo/source/targetRevision".to_owned(), json!("main"), "not-yet other-spec"),
    ];
    for (pointer, value, reason) in states {
        let state = put(hydrated(), &pointer, value.clone());
        assert_eq!(reason_of(&verdict(&state)), reason, "{pointer} = {value}");
    }
    let itself = Expected::new(ExpectedSource::git(REPO, PATH, commit('2')), at(5).parse().unwrap());
    let state = Application::from_value(&hydrated()).unwrap();
    assert_eq!(judge(&itself, &state, &line, at(30).parse().unwrap()), Verdict::Ready);
}

#[test]
fn health_has_to_hold_and_its_end_to_be_seen() {
    let settle = |seconds| expected().settle(Duration::from_secs(seconds));
    // Healthy since 11, looked at 20, read at 30; a second is lost to cutting.
    assert_eq!(verdict(&settle(8), &ready()), Verdict::Ready);
    assert_eq!(reason_of(&verdict(&settle(9), &ready())), "stale not-looked-after-settling");
    assert_eq!(verdict(&settle(19), &ready()), Verdict::NotYet(NotYet::Settling { remaining_millis: 1_000 }));
    // Healthy all the time, while something else was applied.
    let never_left = put(ready(), "/status/health/lastTransitionTime", json!("2026-11-01T00:00:00Z"));
    assert_eq!(verdict(&settle(9), &never_left), Verdict::Ready);
    assert_eq!(reason_of(&verdict(&settle(10), &never_left)), "stale not-looked-after-settling");
    let degraded = put(ready(), "/status/health/status", json!("Degraded"));
    assert_eq!(reason_of(&verdict(&settle(60), &degraded)), "not-yet settling");
    assert_eq!(reason_of(&verdict(&settle(8), &degraded)), "failed degraded");
    let endless = expected().settle(Duration::MAX);
    assert_eq!(reason_of(&verdict(&endless, &ready())), "not-yet settling");
}

#[test]
fn repositories_and_paths_are_compared_as_git_takes_them() {
    for (repo, path) in [(format!("{REPO}.git"), "./envs/preflight/"), (format!("{REPO}/"), "envs/preflight")] {
        let expected = Expected::new(ExpectedSource::git(repo, path, commit('b')), at(5).parse().unwrap());
        assert_eq!(verdict(&expected, &ready()), Verdict::Ready);
    }
    let other = Expected::new(ExpectedSource::git("https://git.example/shop/orders", PATH, commit('b')), at(5).parse().unwrap());
    assert_eq!(reason_of(&verdict(&other, &ready())), "not-yet no-such-source");
}

fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    let mut children: Vec<(String, &Value)> = Vec::new();
    match value {
        Value::Object(fields) => children.extend(fields.iter().map(|(key, value)| (key.replace('/', "~1"), value))),
        Value::Array(values) => children.extend(values.iter().enumerate().map(|(index, value)| (index.to_string(), value))),
        _ => {}
    }
    for (key, value) in children {
        let pointer = format!("{at}/{key}");
        into.push(pointer.clone());
        pointers(value, &pointer, into);
    }
}

#[test]
fn no_json_makes_it_panic_and_none_is_ready_but_the_whole() {
    let mut all = Vec::new();
    pointers(&ready(), "", &mut all);
    let strange =
        [json!(null), json!(true), json!(-1), json!(1.5e300), json!(""), json!("x"), json!([]), json!([null]), json!({"x": {}})];
    for (pointer, value) in all.iter().flat_map(|pointer| strange.iter().map(move |value| (pointer, value))) {
        let changed = put(ready(), pointer, value.clone());
        if let Ok(application) = Application::from_value(&changed) {
            drop(judge(&expected(), &application, &history(), at(30).parse().unwrap()));
        }
    }
    let in_a_list = json!([ready()["metadata"], ready()["spec"], ready()["status"], null]);
    assert!(Application::from_value(&in_a_list).is_err());
    assert!(Application::from_json(in_a_list.to_string().as_bytes()).is_err());
    assert!(Application::from_json(format!(" \n{}", ready()).as_bytes()).is_ok());
    for value in &strange {
        let Ok(application) = Application::from_value(value) else { continue };
        assert!(!judge(&expected(), &application, &history(), at(30).parse().unwrap()).is_ready());
    }
}

#[test]
fn every_reason_has_words_for_people() {
    let verdicts = [
        with("/status/operationState/phase", json!("Failed")),
        with("/status/sync/revision", json!(commit('d'))),
        with("/status/sync/status", json!("OutOfSync")),
        verdict(&expected(), &ready()),
    ];
    let words: Vec<String> = verdicts.iter().map(Verdict::to_string).collect();
    let superseded = format!("the branch has moved on to another state, at {}", commit('d'));
    assert_eq!(words, ["the operation failed: done", &superseded, "not in sync: OutOfSync", "live and healthy"]);
}
