//! Budgets of retries over a whole control plane, in memory and virtual time.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::End;
use pathops_coordinator::{EndedBy, RetryBudgets};
use pathops_core::adapter::Clock as _;
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};

use crate::world::{World, feature_of, id, wait};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_change_set_says_that_the_budget_of_a_remote_is_spent_and_goes_on_in_time() {
    let mut world = World::new(MemoryJournal::new());
    world.retry_budgets = Arc::new(RetryBudgets::new(1, HOUR));
    let faults = Faults::new(1, Arc::new(world.clock.clone()));
    let faults = Arc::new(faults.with(Fault::Flaky, When::Repo(|repo| repo.as_str().ends_with("/orders-gitops"))));
    faults.stop();
    let world = world.through(&faults);
    let plane = world.plane();
    let change_set = wait(plane.request_feature(feature_of(&["orders"], "better", None), None)).unwrap();
    faults.go_on();
    let mut driving = pin!(plane.drive(&change_set));
    let mut spent = None;
    for _ in 0..200_000 {
        if let Poll::Ready(ended) = driving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            assert_eq!((spent.is_some(), ended.unwrap().end), (true, Some(End::Live)));
            return;
        }
        if spent.is_none() {
            let waits = wait(plane.waits(&change_set)).unwrap().unwrap();
            spent = waits.into_iter().find(|it| it.what.contains("its retry budget is spent until"));
            if let Some(wait) = &spent {
                let deadline = wait.deadline.clone().unwrap();
                assert!(wait.what.contains("the Git host") && wait.unit == Some(id("orders")), "{wait}");
                assert_eq!((wait.ended_by.clone(), deadline.then), (EndedBy::System("the systems around"), "it is tried again"));
                assert!(deadline.at > world.clock.now() && deadline.at <= world.clock.now() + HOUR, "{wait}");
                faults.stop();
            }
        }
        world.people_act();
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    }
    panic!("it does not come to an end");
}
