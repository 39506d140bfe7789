//! Several hosts over one journal: each change set is driven by one of them, and by another one when that has gone.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::{ChangeSet, Command, End, State};
use pathops_core::adapter::{Clock as _, Journal as _};
use pathops_core::flow::Machine as _;
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::project::FeatureRequest;
use pathops_core::{ChangeSetId, IdempotencyKey};

use crate::crash::account;
use crate::world::{World, cx, feature_of, wait};

/// After so many looks at the clock the first host goes, at various moments of the way.
const MOMENTS: [usize; 5] = [1, 7, 16, 25, 40];

fn request() -> FeatureRequest {
    feature_of(&["orders", "store"], "better", None)
}

/// Whether a run is there that a stranger could claim, who lets go of it at once.
fn is_free(world: &World, change_set: &ChangeSetId) -> bool {
    let run = wait(world.journal.load(&cx(), &change_set.as_str().parse().unwrap())).unwrap().unwrap();
    let (cx, now) = (cx(), world.clock.now());
    !wait(world.journal.claim(&cx, &run.machine, "a stranger", now, Duration::ZERO, 1)).unwrap().is_empty()
}

/// Two hosts run. The first has made the change set, and goes in the middle of it: by itself, or as one that dies.
fn with_two_hosts(world: &World, looks: usize, dies: bool) -> State {
    let (first, second) = (world.plane_of("first"), world.plane_of("second"));
    let change_set = wait(first.request_feature(request(), Some(&IdempotencyKey::new("k")))).unwrap();
    let told = AtomicBool::new(false);
    let until_told = poll_fn(|_| if told.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending });
    let mut going = Some(Box::pin(first.run(until_told)));
    let mut staying = Box::pin(second.run(pending()));
    let mut context = Context::from_waker(Waker::noop());
    for look in 0..200_000 {
        if look == looks {
            told.store(!dies, Ordering::SeqCst);
            let mut leaving = going.take().unwrap();
            assert!(dies || leaving.as_mut().poll(&mut context).is_ready(), "it ends when it is told to");
            drop(leaving);
            assert_eq!(is_free(world, &change_set), !dies, "who says that they go is followed at once");
        }
        if let Some(going) = &mut going {
            assert!(going.as_mut().poll(&mut context).is_pending());
        }
        assert!(staying.as_mut().poll(&mut context).is_pending());
        let state = wait(second.state(&change_set)).unwrap().unwrap();
        if state.ended {
            assert!(look > looks, "it had ended after {look} looks, before the first host was gone");
            return state;
        }
        world.people_act();
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    }
    panic!("it does not come to an end");
}

#[test]
fn a_change_set_of_a_host_that_has_gone_is_taken_to_its_end_by_another_one() {
    let undisturbed = World::new(MemoryJournal::new());
    undisturbed.carry_out(request(), "k").unwrap();
    let expected = account(&undisturbed, &request());
    for dies in [false, true] {
        for looks in MOMENTS {
            let world = World::new(MemoryJournal::new());
            let state = with_two_hosts(&world, looks, dies);
            assert_eq!(state.end, Some(End::Live));
            assert_eq!(account(&world, &request()), expected, "gone after {looks} looks, dead: {dies}");
        }
    }
}

/// Of what a drained host leaves open, nothing was begun that does not just wait.
#[test]
fn a_host_that_drains_leaves_nothing_half_done_and_another_one_goes_on() {
    let expected = {
        let undisturbed = World::new(MemoryJournal::new());
        undisturbed.carry_out(request(), "k").unwrap();
        account(&undisturbed, &request())
    };
    let mut left_at_work = 0;
    for looks in MOMENTS.into_iter().chain([3, 10, 20, 30]) {
        let began: Arc<Mutex<Vec<Command>>> = Arc::default();
        let noted = began.clone();
        let world = World::new(MemoryJournal::new());
        // Each call takes a second, so that something is under way at every moment.
        let slow = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always);
        let watched = world.watched(move |command| noted.lock().unwrap().push(command.clone())).through(&Arc::new(slow));
        let (first, second) = (watched.plane_of("first"), world.plane_of("second"));
        let change_set = wait(second.request_feature(request(), Some(&IdempotencyKey::new("k")))).unwrap();
        let load = || wait(world.journal.load(&cx(), &change_set.as_str().parse().unwrap())).unwrap().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut going = Box::pin(first.run(pending()));
        for _ in 0..looks {
            assert!(going.as_mut().poll(&mut context).is_pending());
            world.people_act();
            assert!(world.clock.advance_to_next(), "everybody waits for ever");
        }
        first.drain();
        match going.as_mut().poll(&mut context) {
            Poll::Ready(ended) => ended.unwrap(),
            Poll::Pending => {
                left_at_work += 1;
                world.pass(going).unwrap();
            }
        }
        let open: Vec<Command> = load().open.into_iter().map(|it| serde_json::from_value(it.command).unwrap()).collect();
        let half_done = open.iter().find(|command| began.lock().unwrap().contains(command) && !ChangeSet::waits(command));
        assert!(half_done.is_none(), "after {looks} looks: {half_done:?}");
        assert!(is_free(&world, &change_set), "another one may go on at once");
        assert!(world.pass(first.run(pending())).is_ok() && is_free(&world, &change_set), "it is for good");
        let mut staying = Box::pin(second.run(pending()));
        while !load().ended {
            assert!(staying.as_mut().poll(&mut context).is_pending());
            world.people_act();
            assert!(world.clock.advance_to_next(), "everybody waits for ever");
        }
        assert_eq!(account(&world, &request()), expected, "drained after {looks} looks");
    }
    assert!(left_at_work > 5, "something is under way at most of the moments");
}

#[test]
fn a_host_that_begins_again_goes_on_with_its_own_at_once() {
    let world = World::new(MemoryJournal::new());
    let plane = world.plane();
    let change_set = wait(plane.request_feature(request(), None)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut dying = Box::pin(plane.run(pending()));
    assert!(dying.as_mut().poll(&mut context).is_pending());
    drop(dying);
    let entries = || wait(world.journal.load(&cx(), &change_set.as_str().parse().unwrap())).unwrap().unwrap().seq;
    let (before, at) = (entries(), world.clock.now());
    assert!(!is_free(&world, &change_set), "its lease has not expired");
    let again = world.plane();
    let mut running = Box::pin(again.run(pending()));
    while entries() == before {
        assert!(running.as_mut().poll(&mut context).is_pending());
        world.clock.advance_to_next();
    }
    assert!(world.clock.now().since(at) < Duration::from_secs(20), "it has waited for its own lease to expire");
}
