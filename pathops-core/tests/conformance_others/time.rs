use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::UnixMillis;
use pathops_core::adapter::{Clock, IdSource};
use pathops_core::conformance::time::{TimeFixture, TimeWorld, cases, worlds};
use pathops_core::memory::{ManualClock, SeededIds};

use crate::failing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    SleepsTooShort,
    KeepsDroppedSleepers,
    RepeatsIdentifiers,
}

#[derive(Debug)]
struct PlantedClock {
    defect: Defect,
    inner: ManualClock,
    queued_millis: AtomicU64,
}

#[async_trait]
impl Clock for PlantedClock {
    fn now(&self) -> UnixMillis {
        self.inner.now()
    }

    async fn sleep(&self, duration: Duration) {
        match self.defect {
            Defect::SleepsTooShort => self.inner.sleep(duration / 2).await,
            Defect::KeepsDroppedSleepers => {
                let millis = u64::try_from(duration.as_millis()).unwrap();
                let before = self.queued_millis.fetch_add(millis, Ordering::Relaxed);
                self.inner.sleep(Duration::from_millis(before + millis)).await;
            }
            _ => self.inner.sleep(duration).await,
        }
    }
}

#[derive(Debug)]
struct PlantedIds {
    defect: Defect,
    inner: SeededIds,
}

impl IdSource for PlantedIds {
    fn fresh(&self) -> u128 {
        let id = self.inner.fresh();
        if self.defect == Defect::RepeatsIdentifiers { id % 10_000_000 } else { id }
    }
}

#[async_trait]
impl TimeFixture for Defect {
    async fn fresh(&self) -> TimeWorld {
        let clock = ManualClock::new(UnixMillis(1_000_000));
        let driven = clock.clone();
        let ids = Arc::new(PlantedIds { defect: *self, inner: SeededIds::new(7) });
        let planted = PlantedClock { defect: *self, inner: clock, queued_millis: AtomicU64::new(0) };
        TimeWorld::new(Arc::new(planted), ids, ()).driven_by(move || {
            driven.advance_to_next();
        })
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(), &worlds(Arc::new(defect)))
}

#[test]
fn the_manual_clock_and_the_seeded_identifiers_do_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    assert_eq!(fails(Defect::SleepsTooShort), ["sleeping_takes_its_time"]);
    assert_eq!(fails(Defect::KeepsDroppedSleepers), ["a_dropped_sleep_leaves_no_trace"]);
    assert_eq!(fails(Defect::RepeatsIdentifiers), ["no_identifier_comes_twice"]);
}
