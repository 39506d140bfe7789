use std::time::Duration;

use super::*;
use crate::adapter::{JobCheck, JobKind};
use crate::project::{EnvironmentKind, EnvironmentTarget};

fn commit(n: u8) -> CommitId {
    format!("{n:040x}").parse().unwrap()
}

fn tree(n: u8) -> TreeId {
    format!("{n:040x}").parse().unwrap()
}

fn job(name: &str) -> JobName {
    name.parse().unwrap()
}

fn result(name: &str, of: TreeId, failures: &[Option<&str>]) -> JobResult {
    JobResult {
        job: job(name),
        kind: JobKind::Smoke,
        tree: of,
        started_at: UnixMillis(1_100),
        finished_at: UnixMillis(1_200),
        checks: failures.iter().map(|f| JobCheck { name: "it works".to_owned(), failure: f.map(str::to_owned) }).collect(),
    }
}

fn expected() -> ExpectedDeployment {
    ExpectedDeployment {
        unit: "orders".parse().unwrap(),
        target: EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight),
        repo: "shop/orders-gitops".parse().unwrap(),
        commit: commit(1),
        tree: tree(1),
        artifact: Some(Digest::of(b"orders")),
        jobs: vec![job("smoke"), job("contract")],
        settle: Duration::from_millis(500),
        since: UnixMillis(1_000),
    }
}

fn ready() -> ControllerView {
    let live = Revision { commit: commit(1), tree: tree(1), descends: true };
    ControllerView {
        last_look: Some(UnixMillis(1_000)),
        desired: Some(live.clone()),
        applied: Some(live),
        artifact: Some(Digest::of(b"orders")),
        process: ProcessState::Healthy { since: UnixMillis(1_500) },
        declared_jobs: [job("smoke"), job("contract"), job("health")].into(),
        jobs: vec![result("smoke", tree(1), &[None]), result("contract", tree(1), &[None, None])],
        at: UnixMillis(2_000),
    }
}

/// The verdict after `change`, which takes one thing away from a view that is ready.
fn after(change: impl FnOnce(&mut ControllerView)) -> Readiness {
    let mut view = ready();
    change(&mut view);
    judge(&expected(), &view)
}

fn not_looking(last_look: Option<UnixMillis>) -> Readiness {
    Readiness::Stale(Stale::NotLooking { last_look }, StaleAction::Refresh)
}

#[test]
fn everything_as_expected_is_ready() {
    assert_eq!(judge(&expected(), &ready()), Readiness::Ready);
}

#[test]
fn a_later_commit_with_the_same_tree_is_as_good() {
    let later = Revision { commit: commit(9), tree: tree(1), descends: true };
    let verdict = after(|view| (view.desired, view.applied) = (Some(later.clone()), Some(later)));
    assert_eq!(verdict, Readiness::Ready);
}

#[test]
fn what_was_seen_before_it_was_asked_for_says_nothing() {
    for look in [None, Some(UnixMillis(999)), Some(UnixMillis(2_001))] {
        assert_eq!(after(|view| view.last_look = look), not_looking(look));
    }
}

#[test]
fn another_desired_state_is_never_ready() {
    let superseded = Readiness::Stale(Stale::Superseded { tree: tree(2) }, StaleAction::GiveUp);
    let moved = |tree, descends| Some(Revision { commit: commit(2), tree, descends });
    assert_eq!(after(|view| view.desired = moved(tree(2), true)), superseded);
    for unseen in [None, moved(tree(2), false), moved(tree(1), false)] {
        assert_eq!(after(|view| view.desired = unseen), Readiness::NotYet(NotYet::NotSeen));
    }
}

#[test]
fn another_applied_state_is_never_ready() {
    let applied = |tree, descends| Some(Revision { commit: commit(2), tree, descends });
    for other in [None, applied(tree(2), true), applied(tree(1), false), applied(tree(2), false)] {
        assert_eq!(after(|view| view.applied = other), Readiness::NotYet(NotYet::Applying));
    }
}

#[test]
fn only_a_healthy_process_is_ready() {
    let message = || "503".to_owned();
    let table = [
        (ProcessState::NotRunning, Readiness::NotYet(NotYet::Applying)),
        (ProcessState::Starting, Readiness::NotYet(NotYet::Starting)),
        (ProcessState::Unhealthy { message: message() }, Readiness::Failed(DeployFailure::Unhealthy { message: message() })),
        (ProcessState::Crashed { message: message() }, Readiness::Failed(DeployFailure::Crashed { message: message() })),
    ];
    for (process, verdict) in table {
        assert_eq!(after(|view| view.process = process), verdict);
    }
}

#[test]
fn what_cannot_be_applied_fails_whatever_ran_before() {
    let verdict = after(|view| {
        view.process = ProcessState::NotApplicable { message: "line 3".to_owned() };
        view.applied = Some(Revision { commit: commit(2), tree: tree(2), descends: false });
    });
    assert_eq!(verdict, Readiness::Failed(DeployFailure::NotApplicable { message: "line 3".to_owned() }));
}

#[test]
fn another_artifact_is_never_ready() {
    for running in [None, Some(Digest::of(b"older"))] {
        let wrong = Readiness::Failed(DeployFailure::WrongArtifact { running });
        assert_eq!(after(|view| view.artifact = running), wrong);
    }
    let component = ExpectedDeployment { artifact: None, ..expected() };
    assert_eq!(judge(&component, &ControllerView { artifact: None, ..ready() }), Readiness::Ready);
}

#[test]
fn jobs_that_are_not_declared_fail_it() {
    let missing = Readiness::Failed(DeployFailure::JobsMissing { jobs: vec![job("contract")] });
    assert_eq!(after(|view| view.declared_jobs.retain(|name| *name != job("contract"))), missing);
}

#[test]
fn failed_and_empty_jobs_fail_it_even_beside_a_pass() {
    let failed = Readiness::Failed(DeployFailure::JobsFailed { jobs: vec![job("smoke")] });
    for bad in [result("smoke", tree(1), &[None, Some("404")]), result("smoke", tree(1), &[])] {
        assert_eq!(after(|view| view.jobs.push(bad.clone())), failed);
        assert_eq!(after(|view| view.jobs[0] = bad), failed);
    }
}

#[test]
fn jobs_of_another_tree_have_not_run() {
    let running = Readiness::NotYet(NotYet::JobsRunning { jobs: vec![job("smoke")] });
    assert_eq!(after(|view| view.jobs[0].tree = tree(2)), running);
    assert_eq!(after(|view| drop(view.jobs.remove(0))), running);
    let old_failure = result("smoke", tree(2), &[Some("404")]);
    assert_eq!(after(|view| view.jobs.push(old_failure)), Readiness::Ready);
}

#[test]
fn health_must_hold_for_the_settle_time() {
    let settling = |remaining_millis| Readiness::NotYet(NotYet::Settling { remaining_millis });
    let healthy = |since| move |view: &mut ControllerView| view.process = ProcessState::Healthy { since: UnixMillis(since) };
    assert_eq!(after(healthy(1_501)), settling(1));
    assert_eq!(after(healthy(2_100)), settling(600));
    assert_eq!(after(healthy(i64::MAX)), settling(u64::try_from(i64::MAX).unwrap() - 2_000));
    assert_eq!(after(healthy(i64::MIN)), Readiness::Ready);
}

#[test]
fn health_in_the_future_is_no_health() {
    let at_once = ExpectedDeployment { settle: Duration::ZERO, ..expected() };
    let mut view = ControllerView { process: ProcessState::Healthy { since: UnixMillis(2_001) }, ..ready() };
    assert_eq!(judge(&at_once, &view), Readiness::NotYet(NotYet::Settling { remaining_millis: 1 }));
    view.process = ProcessState::Healthy { since: UnixMillis(2_000) };
    assert_eq!(judge(&at_once, &view), Readiness::Ready);
}
