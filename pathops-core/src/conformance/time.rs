//! What every [`Clock`] and every [`IdSource`] must do.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{Clock, IdSource};

/// Gives each case a clock and a source of identifiers.
#[async_trait]
pub trait TimeFixture: Send + Sync + 'static {
    /// A clock that nobody else uses.
    async fn fresh(&self) -> TimeWorld;
}

/// A clock, a source of identifiers, and what lets time pass.
pub struct TimeWorld {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    drive: Option<Arc<dyn Fn() + Send + Sync>>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl TimeWorld {
    /// A clock whose time passes by itself. `guard` is dropped at the end of the case.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>, guard: impl Any + Send + Sync) -> Self {
        Self { clock, ids, drive: None, _guard: Box::new(guard) }
    }

    /// A clock whose time passes only when `drive` is called, as often as the case waits.
    #[must_use]
    pub fn driven_by(mut self, drive: impl Fn() + Send + Sync + 'static) -> Self {
        self.drive = Some(Arc::new(drive));
        self
    }

    async fn sleep(&self, duration: Duration) {
        let mut sleep = self.clock.sleep(duration);
        poll_fn(|cx| {
            let poll = sleep.as_mut().poll(cx);
            if let (Poll::Pending, Some(drive)) = (poll, &self.drive) {
                drive();
                cx.waker().wake_by_ref();
            }
            poll
        })
        .await;
    }
}

impl fmt::Debug for TimeWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeWorld").field("clock", &self.clock).field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn TimeFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn TimeFixture>) -> Fresh<TimeWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases() -> Vec<Case<TimeWorld>> {
    vec![
        Case::new("time", "sleeping_takes_its_time", sleeping_takes_its_time),
        Case::new("time", "sleeping_for_no_time_ends", sleeping_for_no_time_ends),
        Case::new("time", "a_dropped_sleep_leaves_no_trace", a_dropped_sleep_leaves_no_trace),
        Case::new("time", "no_identifier_comes_twice", no_identifier_comes_twice),
    ]
}

const NAP: Duration = Duration::from_millis(30);
/// The wall clock may be adjusted a little while a case sleeps.
const ADJUSTMENT: Duration = Duration::from_millis(5);

async fn sleeping_takes_its_time(world: TimeWorld) -> Outcome {
    for _ in 0..3 {
        let before = world.clock.now();
        world.sleep(NAP).await;
        let slept = world.clock.now().since(before);
        ensure!(slept + ADJUSTMENT >= NAP, "a sleep of {NAP:?} was over after {slept:?}");
    }
    Ok(())
}

async fn sleeping_for_no_time_ends(world: TimeWorld) -> Outcome {
    world.sleep(Duration::ZERO).await;
    Ok(())
}

async fn a_dropped_sleep_leaves_no_trace(world: TimeWorld) -> Outcome {
    let mut dropped = world.clock.sleep(Duration::from_secs(24 * 60 * 60));
    let over = poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_ready())).await;
    ensure!(!over, "a sleep of a day was over at once");
    drop(dropped);
    let before = world.clock.now();
    world.sleep(NAP).await;
    let slept = world.clock.now().since(before);
    ensure!(slept < Duration::from_secs(60 * 60), "a sleep of {NAP:?} after one that was dropped took {slept:?}");
    Ok(())
}

async fn no_identifier_comes_twice(world: TimeWorld) -> Outcome {
    const EACH: usize = 10_000;
    let draw = |ids: Arc<dyn IdSource>| std::thread::spawn(move || (0..EACH).map(|_| ids.fresh()).collect::<Vec<u128>>());
    let threads: Vec<_> = (0..4).map(|_| draw(world.ids.clone())).collect();
    let mut seen = BTreeSet::new();
    for thread in threads {
        let drawn = thread.join().map_err(|_| "drawing identifiers panicked".to_owned())?;
        let before = seen.len();
        seen.extend(drawn);
        ensure!(seen.len() == before + EACH, "an identifier came twice");
    }
    Ok(())
}
