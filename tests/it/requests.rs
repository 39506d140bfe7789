//! Requests that meet: which of them make a change set.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::{join, join_all};
use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::{End, State};
use pathops_core::adapter::{Clock as _, Journal as _, RunFilter};
use pathops_core::memory::{Fault, Faults, Interrupt, MemoryJournal, When};
use pathops_core::project::FeatureRequest;
use pathops_core::{ChangeSetId, IdempotencyKey, Principal, Result};

use crate::world::{World, cx, feature_of, wait};

/// A world in which every call takes a second, so that requests made at once are under way at once.
fn slow() -> World {
    slow_over(MemoryJournal::new())
}

fn slow_over(journal: MemoryJournal) -> World {
    let world = World::new(journal);
    let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always);
    world.through(&Arc::new(faults))
}

fn ask<'p>(plane: &'p ControlPlane, unit: &str, key: &'p IdempotencyKey) -> impl Future<Output = Result<ChangeSetId>> + use<'p> {
    plane.request_feature(feature_of(&[unit], "better", None), Some(key))
}

fn open_runs(world: &World) -> usize {
    wait(world.journal.runs(&cx(), &RunFilter::default().open(), None, 100)).unwrap().len()
}

/// Of those who asked at once, one begins, and each other one waits for all that were made before it.
fn one_of(world: &World, answers: &[Result<ChangeSetId>]) {
    let made: Vec<&ChangeSetId> = answers.iter().map(|answer| answer.as_ref().unwrap()).collect();
    assert_eq!(open_runs(world), answers.len());
    let before = |change_set: &ChangeSetId| -> usize {
        let run = change_set.as_str().parse().unwrap();
        let stored = wait(world.journal.load(&cx(), &run)).unwrap().unwrap();
        let state: State = serde_json::from_value(stored.state).unwrap();
        assert_eq!(state.is_queued(), state.start.turn.is_some());
        state.start.turn.map_or(0, |turn| turn.after.len())
    };
    let mut waits: Vec<usize> = made.into_iter().map(before).collect();
    waits.sort_unstable();
    assert_eq!(waits, (0..answers.len()).collect::<Vec<_>>());
}

#[test]
fn of_requests_made_at_once_one_changes_a_unit() {
    let world = slow();
    let plane = world.plane();
    let keys = ["a", "b", "c", "d"].map(IdempotencyKey::new);
    one_of(&world, &world.pass(join_all(keys.iter().map(|key| ask(&plane, "orders", key)))));
}

#[test]
fn of_hosts_that_ask_at_once_one_changes_a_unit() {
    let world = slow();
    let (here, there) = (world.plane_of("here"), world.plane_of("there"));
    let keys = ["a", "b"].map(IdempotencyKey::new);
    let (first, second) = world.pass(join(ask(&here, "orders", &keys[0]), ask(&there, "orders", &keys[1])));
    one_of(&world, &[first, second]);
}

#[test]
fn hosts_that_wrongly_share_a_name_make_one_change_set_at_most() {
    let world = slow();
    let (one, other) = (world.plane(), world.plane());
    let keys = ["a", "b"].map(IdempotencyKey::new);
    let (first, second) = world.pass(join(ask(&one, "orders", &keys[0]), ask(&other, "orders", &keys[1])));
    // The journal refuses the one whose lease the other has taken.
    assert!(first.is_err() || second.is_err(), "{first:?} {second:?}");
    assert_eq!(open_runs(&world), usize::from(first.is_ok()) + usize::from(second.is_ok()));
}

#[test]
fn one_request_made_twice_at_once_is_one_change_set() {
    let world = slow();
    let plane = world.plane();
    let key = IdempotencyKey::new("a");
    let (first, second) = world.pass(join(ask(&plane, "orders", &key), ask(&plane, "orders", &key)));
    assert_eq!((first.unwrap(), open_runs(&world)), (second.unwrap(), 1));
}

#[test]
fn requests_for_units_that_have_nothing_to_do_with_each_other_are_all_made() {
    let world = slow();
    let (here, there) = (world.plane_of("here"), world.plane_of("there"));
    let keys = ["a", "b"].map(IdempotencyKey::new);
    let (first, second) = world.pass(join(ask(&here, "catalog", &keys[0]), ask(&there, "store", &keys[1])));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(open_runs(&world), 2);
}

#[test]
fn a_host_that_died_while_it_made_a_change_set_keeps_others_waiting_for_its_lease_only() {
    let taken = Arc::new(AtomicBool::new(false));
    let first = taken.clone();
    let world = slow_over(MemoryJournal::with_interrupt(Arc::new(move |_| {
        first.store(true, Ordering::SeqCst);
        Interrupt::Proceed
    })));
    let (dead, alive) = (world.plane_of("dead"), world.plane_of("alive"));
    let keys = ["a", "b"].map(IdempotencyKey::new);
    {
        let mut asked = pin!(ask(&dead, "orders", &keys[0]));
        // Until its first write, which takes the lease.
        while !taken.load(Ordering::SeqCst) {
            assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert!(world.clock.advance_to_next());
        }
    }
    let died = world.clock.now();
    world.pass(ask(&alive, "orders", &keys[1])).unwrap();
    let waited = world.clock.now().since(died);
    assert!(waited > Duration::from_secs(20) && waited < Duration::from_secs(60), "{waited:?}");
}

#[test]
fn a_host_without_check_runs_is_told_of_a_build_by_a_status() {
    let mut world = World::new(MemoryJournal::new());
    let mut capabilities = world.forge.scm(Principal::System).capabilities();
    capabilities.check_runs = false;
    world.forge = world.forge.clone().with_capabilities(capabilities);
    // Its source branch asks for `ci/build`.
    let ended = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(ended.end, Some(End::Live));
}

#[test]
fn a_title_that_the_host_does_not_take_is_told_before_anything_is_made() {
    let longest = "Promote orders in production: Show the delivery date".chars().count();
    let with_limit = |limit| {
        let mut world = World::new(MemoryJournal::new());
        let mut capabilities = world.forge.scm(Principal::System).capabilities();
        capabilities.title_max_chars = Some(limit);
        world.forge = world.forge.clone().with_capabilities(capabilities);
        let ended = world.carry_out(feature_of(&["orders"], "better", None), "k");
        (open_runs(&world), ended)
    };
    assert_eq!(with_limit(longest).1.unwrap().end, Some(End::Live));
    let (runs, ended) = with_limit(longest - 1);
    let told = ended.unwrap_err().to_string();
    assert!(told.contains("would have 52 characters, and the Git host takes 51; shorten it by 1"), "{told}");
    assert_eq!(runs, 0);
}

#[test]
fn a_title_that_the_host_takes_for_a_drafts_is_told_before_anything_is_made() {
    let mut world = World::new(MemoryJournal::new());
    let mut capabilities = world.forge.scm(Principal::System).capabilities();
    capabilities.draft_marks = &["draft:"];
    world.forge = world.forge.clone().with_capabilities(capabilities);
    let request = FeatureRequest { title: "DRAFT: it".to_owned(), ..feature_of(&["orders"], "better", None) };
    let told = world.carry_out(request, "k").unwrap_err().to_string();
    assert!(told.contains("would begin with `draft:`, by which the Git host knows drafts"), "{told}");
    assert_eq!(open_runs(&world), 0);
}
