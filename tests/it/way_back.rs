//! Deployments on the way back, and what was merged past PathOps: each has a snapshot, which says what was seen and no more.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::{Command, End, PullRequestRef, Role, Stage};
use pathops_core::adapter::{CheckState, FileChange, JobCheck, NewCommit, PullRequestState, ReviewState, SourceFile};
use pathops_core::evidence::{Deployment, Occasion, Predicate as _};
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::policy::{CommitStatus, PROMOTION_CONTEXT};
use pathops_core::project::FeatureRequest;
use pathops_core::{Principal, PullRequestNumber};

use crate::snapshots::{absent, snapshot, statements, there};
use crate::world::{BROKEN, DEFECT, LATE_DEFECT, START, World, cx, feature_of, wait};

/// A world in which the deployments of a unit in an environment fail from this one on, counted from 0.
fn failing_from(unit: &'static str, environment: &'static str, from: usize) -> World {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    let (count, inner) = (AtomicUsize::new(0), world.rollouts());
    world.gitops = world.gitops.with_script(move |deploying| {
        let mut rollout = inner(deploying);
        let is_it = deploying.unit.as_str() == unit && deploying.environment.as_str() == environment;
        if is_it && count.fetch_add(1, Ordering::SeqCst) >= from {
            for job in &mut rollout.jobs {
                job.checks = Some(vec![JobCheck { name: "it works".to_owned(), failure: Some("not any more".to_owned()) }]);
            }
        }
        rollout
    });
    world
}

#[test]
fn a_way_back_that_fails_has_its_snapshot_too() {
    for (environment, from, defect) in [("preflight", 1, DEFECT), ("production", 1, LATE_DEFECT)] {
        let world = failing_from("orders", environment, from);
        world.carry_out(feature_of(&["orders"], "better", None), "first").unwrap();
        let state = world.carry_out(feature_of(&["orders"], &format!("a {defect}"), None), "second").unwrap();
        let orders = &state.units[&"orders".parse().unwrap()];
        assert_eq!((state.end, orders.stage), (Some(End::Incomplete), Stage::LeftToPeople), "{:?}", orders.problem);
        let occasions: Vec<_> = orders
            .snapshots
            .iter()
            .map(|record| snapshot(&world, record))
            .filter(|it| it.extent.environment.as_str() == environment)
            .map(|it| (it.is_whole().unwrap().unwrap().sequence, it.extent.occasion))
            .collect();
        // That of the change, and that of the way back; the one before both is of the first change set.
        assert_eq!(occasions, [(1, Occasion::Failed), (2, Occasion::Failed)], "{environment}");
        let last = snapshot(&world, orders.snapshots.last().unwrap());
        assert!(there(&last).contains(&format!("orders {environment} deployment").as_str()), "{:?}", there(&last));
        let said: Vec<_> = statements(&world, &state).into_iter().filter(|it| it.predicate_type == Deployment::TYPE).collect();
        let said = said.iter().rev().find(|it| it.predicate["environment"] == environment).unwrap();
        assert!(
            said.predicate["ready"] == false && said.predicate["reason"].as_str().unwrap().contains("not any more"),
            "{said:?}"
        );
    }
}

/// What was tried in preflight grows too old while people hesitate: the way back is refused, and left to people.
#[test]
fn a_way_back_that_is_refused_leaves_no_pull_request_open() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders"], "better", None), "first").unwrap();
    let (clock, waited) = (world.clock.clone(), AtomicBool::new(false));
    let world = world.watched(move |command| {
        let is_it = matches!(command, Command::Promote { role: Role::Restore, .. });
        if is_it && !waited.swap(true, Ordering::SeqCst) {
            clock.advance(Duration::from_secs(2 * 86_400));
        }
    });
    let state = world.carry_out(feature_of(&["orders"], &format!("a {LATE_DEFECT}"), None), "second").unwrap();
    let orders = &state.units[&"orders".parse().unwrap()];
    assert_eq!((state.end, orders.stage), (Some(End::Incomplete), Stage::LeftToPeople), "{:?}", orders.problem);
    let problem = orders.problem.as_deref().unwrap();
    assert!(
        problem.starts_with("what was in production before may not go back there: ") && problem.contains("smoke"),
        "{problem}"
    );
    let scm = world.forge.scm(Principal::System);
    let state_of = |role: &Role| {
        let PullRequestRef { repo, number, .. } = &orders.pull_requests[role];
        wait(scm.pull_request(&cx(), repo, *number)).unwrap().state
    };
    assert_eq!(state_of(&Role::Restore), PullRequestState::Closed { by: Principal::System });
    assert!(orders.pull_requests.keys().all(|role| state_of(role) != PullRequestState::Open));
}

/// A unit is refused since another one does not build, and people merge its source while it is being closed.
#[test]
fn what_is_merged_while_it_is_closed_leaves_nothing_else_open() {
    let world = World::new(MemoryJournal::new());
    let faults = Arc::new(Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always));
    let slow = world.through(&faults);
    let plane = slow.plane();
    let mut whole = pin!(async {
        let change_set = plane.request_feature(failing(), None).await.unwrap();
        plane.drive(&change_set).await.unwrap()
    });
    let catalog = "shop/catalog-src".parse().unwrap();
    let scm = world.forge.scm(Principal::System);
    let merge = || {
        let Ok(now) = wait(scm.pull_request(&cx(), &catalog, PullRequestNumber(1))) else { return false };
        let bob = world.forge.person("bob".parse().unwrap());
        bob.review(&catalog, now.number, &now.head, ReviewState::Approved, "fine").unwrap();
        bob.merge(&catalog, now.number, &now.head).is_ok()
    };
    let mut is_merged = false;
    let state = loop {
        if let Poll::Ready(state) = whole.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            break state;
        }
        let is_closing = faults.hits().last().is_some_and(|hit| hit.operation == "close a pull request");
        is_merged = is_merged || (is_closing && merge());
        assert!(world.clock.advance_to_next(), "it is stuck");
    };
    assert!(is_merged);
    let pull_requests = state.units.values().flat_map(|unit| unit.pull_requests.values());
    let open =
        pull_requests.filter(|it| wait(scm.pull_request(&cx(), &it.repo, it.number)).unwrap().state == PullRequestState::Open);
    assert_eq!(open.collect::<Vec<_>>(), [] as [&PullRequestRef; 0]);
}

/// One that fails before anything is merged: of nothing else there is a branch.
fn failing() -> FeatureRequest {
    let mut request = feature_of(&["catalog", "orders"], "better", None);
    request.changes[1].patch = Some(BROKEN.to_owned());
    request
}

#[test]
fn what_is_closed_leaves_no_branch_and_keeps_its_commits() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(failing(), "k").unwrap();
    let scm = world.forge.scm(Principal::System);
    for PullRequestRef { repo, number, branch, .. } in state.units.values().flat_map(|unit| unit.pull_requests.values()) {
        let closed = wait(scm.pull_request(&cx(), repo, *number)).unwrap();
        assert_eq!(closed.state, PullRequestState::Closed { by: Principal::System }, "{repo}{number}");
        assert_eq!(wait(scm.branch_head(&cx(), repo, branch)).unwrap(), None, "{repo}@{branch}");
        wait(scm.read_commit(&cx(), repo, &closed.head)).unwrap();
    }
    assert_eq!(state.remarks, [] as [String; 0]);
}

/// A branch is no reason not to go back.
#[test]
fn a_branch_that_cannot_be_deleted_stays_and_it_goes_back_all_the_same() {
    let world = World::new(MemoryJournal::new());
    let forge = world.forge.clone();
    let world = world.watched(move |command| {
        let Command::Close { pull_requests, .. } = command else { return };
        for (_, PullRequestRef { repo, branch, .. }, _) in pull_requests {
            forge.protect(repo, branch, Default::default()).unwrap();
        }
    });
    let state = world.carry_out(failing(), "k").unwrap();
    assert_eq!(state.end, Some(End::Recovered));
    let stay = state.remarks.iter().filter(|remark| remark.contains(" stays: ")).count();
    assert_eq!(stay, state.units.values().map(|unit| unit.pull_requests.len()).sum::<usize>(), "{:?}", state.remarks);
}

/// The closed pull request has nothing of it.
#[test]
fn what_people_push_once_it_is_closed_stays() {
    let world = World::new(MemoryJournal::new());
    let faults = Arc::new(Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always));
    let plane = world.through(&faults).plane();
    let mut whole = pin!(async {
        let change_set = plane.request_feature(failing(), None).await.unwrap();
        plane.drive(&change_set).await.unwrap()
    });
    let (catalog, scm) = ("shop/catalog-src".parse().unwrap(), world.forge.scm(Principal::System));
    let push = || {
        let now = wait(scm.pull_request(&cx(), &catalog, PullRequestNumber(1))).ok()?;
        let head = wait(scm.branch_head(&cx(), &catalog, &now.head_branch)).unwrap()?;
        if !matches!(now.state, PullRequestState::Closed { .. }) || head != now.head {
            return None;
        }
        let file = SourceFile { bytes: b"more".to_vec(), executable: false };
        let new = NewCommit {
            branch: now.head_branch,
            expected_head: head,
            changes: vec![FileChange { path: "more.txt".parse().unwrap(), file: Some(file) }],
            message: "more".to_owned(),
            author: Principal::System,
            at: START,
        };
        Some(world.forge.person("bob".parse().unwrap()).commit(&catalog, &new).unwrap())
    };
    let mut pushed = None;
    let state = loop {
        if let Poll::Ready(state) = whole.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            break state;
        }
        pushed = pushed.or_else(push);
        assert!(world.clock.advance_to_next(), "it is stuck");
    };
    let pull_request = &state.units[&"catalog".parse().unwrap()].pull_requests[&Role::Source];
    assert_eq!(wait(scm.branch_head(&cx(), &catalog, &pull_request.branch)).unwrap(), Some(pushed.expect("nobody pushed")));
    let [remark] = state.remarks.as_slice() else { panic!("{:?}", state.remarks) };
    assert!(remark.starts_with("catalog: the branch `") && remark.ends_with("people have pushed to it"), "{remark}");
}

/// What was seen in preflight says nothing of production.
#[test]
fn of_what_was_merged_without_a_grant_nothing_is_said_that_was_not_seen() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let (forge, merged) = (world.forge.clone(), Arc::new(AtomicBool::new(false)));
    let done = merged.clone();
    let world = world.watched(move |command| {
        let Command::Promote { pull_request, until_merged: true, .. } = command else { return };
        if done.swap(true, Ordering::SeqCst) {
            return;
        }
        // The status is gone when somebody merges all the same.
        let (repo, scm) = (&pull_request.repo, forge.scm(Principal::System));
        let head = wait(scm.pull_request(&cx(), repo, pull_request.number)).unwrap().head;
        let context = PROMOTION_CONTEXT.parse().unwrap();
        forge.protect(repo, &"production".parse().unwrap(), Default::default()).unwrap();
        let status = CommitStatus::new(head.clone(), context, CheckState::Failure, "no").unwrap();
        wait(scm.post_status(&cx(), repo, status)).unwrap();
        forge.person("bob".parse().unwrap()).merge(repo, pull_request.number, &head).unwrap();
    });
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert!(merged.load(Ordering::SeqCst), "nobody merged it");
    let orders = &state.units[&"orders".parse().unwrap()];
    let production: Vec<_> = orders
        .snapshots
        .iter()
        .map(|record| snapshot(&world, record))
        .filter(|it| it.extent.environment.as_str() == "production")
        .collect();
    let [failed] = production.as_slice() else { panic!("{production:?}") };
    assert_eq!(failed.extent.occasion, Occasion::Failed);
    let absent = absent(failed);
    assert!(absent["orders production deployment"].starts_with("it was not seen to run there: "), "{absent:?}");
    let deployments = statements(&world, &state).into_iter().filter(|it| it.predicate_type == Deployment::TYPE);
    assert!(deployments.into_iter().all(|it| it.predicate["environment"] == "preflight"));
}
