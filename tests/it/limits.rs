//! How long is waited for a step, and what comes of one that takes longer.

use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::{Command, End, Limits, Role, Stage, State};
use pathops_core::adapter::{CheckState, Clock as _, PullRequestState};
use pathops_core::evidence::Occasion;
use pathops_core::memory::MemoryJournal;
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::FeatureRequest;
use pathops_core::{ChangeSetId, Principal, Result, UnixMillis};

use crate::governance::{declare, policy, proposed};
use crate::world::{START, World, cx, feature_of, person, wait};

const HOUR: Duration = Duration::from_secs(3_600);

fn world(limits: Limits) -> World {
    let mut world = World::new(MemoryJournal::new());
    world.limits = limits;
    world
}

fn request() -> FeatureRequest {
    feature_of(&["orders"], "better", None)
}

fn requested(world: &World, request: FeatureRequest) -> (ControlPlane, ChangeSetId) {
    let plane = world.plane();
    let change_set = wait(plane.request_feature(request, None)).unwrap();
    (plane, change_set)
}

/// Why it has failed, where it has gone back in the end.
#[track_caller]
fn why_it_went_back(state: &State) -> &str {
    assert_eq!(state.end, Some(End::Recovered));
    &state.failure.as_ref().unwrap().reason
}

/// Lets time pass until something holds. Nobody acts in the meantime.
#[track_caller]
fn until(world: &World, driving: &mut Pin<&mut impl Future<Output = Result<State>>>, holds: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if let Poll::Ready(ended) = driving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            panic!("it has ended: {:?}", ended.map(|state| state.end));
        }
        if holds() {
            return;
        }
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    }
    panic!("that never comes");
}

/// Pauses it, and lets time pass; it is still paused then.
#[track_caller]
fn paused_for(
    time: Duration,
    world: &World,
    plane: &ControlPlane,
    change_set: &ChangeSetId,
    driving: &mut Pin<&mut impl Future<Output = Result<State>>>,
) {
    wait(plane.pause(change_set, &person("alice"), "a holiday")).unwrap();
    let is_paused = || wait(plane.state(change_set)).unwrap().unwrap().paused.is_some();
    until(world, driving, is_paused);
    let paused = world.clock.now();
    world.clock.advance(time);
    until(world, driving, || world.clock.now().since(paused) >= time);
    assert!(is_paused());
}

fn stage(plane: &ControlPlane, change_set: &ChangeSetId) -> Stage {
    wait(plane.state(change_set)).unwrap().unwrap().units[&"orders".parse().unwrap()].stage
}

#[test]
fn a_source_that_nobody_merges_is_closed_at_its_limit() {
    let world = world(Limits { review: Some(HOUR), ..Limits::default() });
    let (plane, change_set) = requested(&world, request());
    let state = world.pass(plane.drive(&change_set)).unwrap();
    let why = why_it_went_back(&state);
    assert!(why.starts_with("nobody has merged or closed the pull request by 2025-11-24T09:"), "{why}");
    let took = world.clock.now().since(START);
    assert!(took >= HOUR && took < HOUR + Duration::from_secs(60), "{took:?}");
}

#[test]
fn work_that_nobody_pushes_is_given_up_at_its_limit() {
    let world = world(Limits { work: Some(HOUR), ..Limits::default() });
    let mut request = request();
    request.changes[0].patch = None;
    let (plane, change_set) = requested(&world, request);
    let state = world.pass(plane.drive(&change_set)).unwrap();
    assert!(why_it_went_back(&state).starts_with("nobody has pushed the work by "), "{state:?}");
}

#[test]
fn a_build_that_does_not_end_is_given_up_at_its_limit() {
    let mut world = world(Limits { build: Some(HOUR), ..Limits::default() });
    world.ci = world.ci.taking(HOUR * 2);
    let state = world.carry_out(request(), "k").unwrap();
    assert!(why_it_went_back(&state).starts_with("CI has not finished the build by "), "{state:?}");
}

/// It is granted when the limit comes, and nobody merges it by that afterwards.
#[test]
fn what_nobody_merges_into_production_goes_back_and_its_grant_is_taken_back() {
    let world = world(Limits { approval: Some(HOUR), ..Limits::default() });
    world.hesitant.store(true, Ordering::SeqCst);
    let state = world.carry_out(request(), "k").unwrap();
    assert!(why_it_went_back(&state).starts_with("what the policy asks for was not there"), "{state:?}");
    let orders = &state.units[&"orders".parse().unwrap()];
    let (production, scm) = (&orders.pull_requests[&Role::Production], world.forge.scm(Principal::System));
    assert!(orders.last.is_some() && orders.production.is_none(), "it was not granted: {orders:?}");
    let now = wait(scm.pull_request(&cx(), &production.repo, production.number)).unwrap();
    assert_eq!(now.state, PullRequestState::Closed { by: Principal::System });
    let checks = wait(scm.checks(&cx(), &production.repo, &now.head)).unwrap();
    assert!(checks.iter().any(|it| it.name == PROMOTION_CONTEXT && it.state == CheckState::Failure), "{checks:?}");
}

#[test]
fn at_the_limit_a_grant_is_taken_back_before_anything_else_is_done() {
    let world = world(Limits { approval: Some(HOUR), ..Limits::default() });
    world.hesitant.store(true, Ordering::SeqCst);
    let (seen, before) = (Arc::new(Mutex::new(Vec::new())), world.clone());
    let sees = seen.clone();
    let world = world.watched(move |command| {
        let Some(proposed) = proposed(&before) else { return };
        let what = match command {
            Command::Promote { until_merged: true, .. } => "waits for the merge",
            Command::Collect { occasion: Occasion::Failed, .. } => "has failed",
            _ => return,
        };
        let status = crate::governance::status(&before, "shop/orders-gitops", &proposed, PROMOTION_CONTEXT);
        sees.lock().unwrap().push((what, status));
    });
    let state = world.carry_out(request(), "k").unwrap();
    why_it_went_back(&state);
    let expected = [("waits for the merge", Some(CheckState::Success)), ("has failed", Some(CheckState::Pending))];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// How healthy it was in preflight is too long ago each time, so that it is looked at again and again.
#[test]
fn who_looks_again_and_again_is_stopped_too() {
    let world = world(Limits { approval: Some(HOUR * 24 * 5), ..Limits::default() });
    let (of_health, of_all) = ("settledSeconds: 5, accept: {maxAgeSeconds: 86400}", "maxAgeSeconds: 8640000");
    let patient = policy(&world).replace("maxAgeSeconds: 86400", of_all);
    declare(&world, "main", "policy.yaml", &patient.replace(&of_health.replace("maxAgeSeconds: 86400", of_all), of_health));
    world.hesitant.store(true, Ordering::SeqCst);
    let clock = world.clock.clone();
    let world = world.watched(move |command| {
        if matches!(command, Command::Promote { role: Role::Production, .. }) {
            clock.advance(HOUR * 24 * 2);
        }
    });
    let state = world.carry_out(request(), "k").unwrap();
    assert!(why_it_went_back(&state).contains("which is how long it is waited for"), "{state:?}");
}

#[test]
fn what_people_have_to_merge_into_preflight_has_a_limit() {
    let world = world(Limits { review: Some(HOUR), ..Limits::default() });
    declare(&world, "main", "policy.yaml", &policy(&world).replace("preflightMerge: pathops", "preflightMerge: people"));
    let (plane, change_set) = requested(&world, request());
    let mut driving = pin!(plane.drive(&change_set));
    for _ in 0..100_000 {
        assert!(driving.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has ended");
        if stage(&plane, &change_set) == Stage::PreflightMerge {
            break;
        }
        world.people_act();
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    }
    let state = world.pass(driving).unwrap();
    assert!(why_it_went_back(&state).starts_with("nobody has merged or closed"), "{state:?}");
    let source = &state.units[&"orders".parse().unwrap()].pull_requests[&Role::Source];
    let stays = format!("orders: its source was merged ({}) and stays as it is; a revert there is up to people", source.url);
    assert!(state.remarks.contains(&stays), "{:?}", state.remarks);
}

/// While it was paused its build was over its limit; what is cancelled has not failed.
#[test]
fn what_is_cancelled_while_it_is_paused_has_not_failed() {
    let mut world = world(Limits { build: Some(HOUR), ..Limits::default() });
    world.ci = world.ci.taking(HOUR * 20);
    let (plane, change_set) = requested(&world, request());
    let mut driving = pin!(plane.drive(&change_set));
    until(&world, &mut driving, || stage(&plane, &change_set) == Stage::Building);
    paused_for(HOUR * 3, &world, &plane, &change_set, &mut driving);
    wait(plane.cancel(&change_set, &person("alice"), "nobody wants it")).unwrap();
    let state = world.pass(driving).unwrap();
    assert_eq!((state.end, state.failure.as_ref()), (Some(End::Cancelled), None));
}

#[test]
fn what_comes_in_time_goes_on_as_without_limits() {
    let all = Limits { work: Some(HOUR), build: Some(HOUR), review: Some(HOUR), approval: Some(HOUR), retry: None };
    let state = world(all).carry_out(request(), "k").unwrap();
    assert_eq!((state.end, state.failure.as_ref()), (Some(End::Live), None));
    assert!(state.units.values().all(|unit| unit.limited.is_none()), "{state:?}");
}

/// A host that comes back late looks first, and what people did in time counts.
#[test]
fn a_restart_does_not_begin_it_again_and_what_was_done_in_time_counts() {
    for in_time in [false, true] {
        let world = world(Limits { review: Some(HOUR), ..Limits::default() });
        let (plane, change_set) = requested(&world, request());
        until(&world, &mut pin!(plane.drive(&change_set)), || stage(&plane, &change_set) == Stage::SourceReview);
        if in_time {
            world.people_act();
        }
        world.clock.advance(HOUR);
        let restarted = world.plane();
        if in_time {
            let mut driving = pin!(restarted.drive(&change_set));
            until(&world, &mut driving, || stage(&restarted, &change_set) == Stage::PreflightDeploy);
        } else {
            let state = world.pass(restarted.drive(&change_set)).unwrap();
            assert!(world.clock.now().since(START) < HOUR + Duration::from_secs(60));
            assert!(why_it_went_back(&state).contains("which is how long it is waited for"));
        }
    }
}

#[test]
fn while_it_is_paused_its_limit_stands_still() {
    let world = world(Limits { review: Some(HOUR), ..Limits::default() });
    let (plane, change_set) = requested(&world, request());
    let mut driving = pin!(plane.drive(&change_set));
    until(&world, &mut driving, || stage(&plane, &change_set) == Stage::SourceReview);
    let deadline = || {
        let waits = wait(plane.waits(&change_set)).unwrap().unwrap();
        waits.into_iter().find_map(|wait| wait.deadline).map(|deadline| (deadline.at, deadline.then))
    };
    let (first, then) = deadline().unwrap();
    assert_eq!(then, "the change set stops and goes back");
    assert!(first > UnixMillis(START.0) && first.since(START) < HOUR + Duration::from_secs(60), "{first}");

    paused_for(HOUR * 3, &world, &plane, &change_set, &mut driving);
    wait(plane.resume(&change_set, &person("alice"), "back")).unwrap();
    until(&world, &mut driving, || deadline().is_some_and(|(at, _)| at.since(first) >= HOUR * 3));

    let state = world.pass(driving).unwrap();
    assert!(why_it_went_back(&state).contains("which is how long it is waited for"));
    let took = world.clock.now().since(START);
    assert!(took >= HOUR * 4 && took < HOUR * 4 + Duration::from_secs(60), "{took:?}");
}
