use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::adapter::Clock;
use crate::time::UnixMillis;

/// A clock that moves only when it is told to. Clones are the same clock.
///
/// A test that drives a whole system polls it until nothing moves any more and then calls
/// [`ManualClock::advance_to_next`]: days pass in no time, and a run can be repeated exactly. It needs no runtime.
#[derive(Clone, Debug)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    start: UnixMillis,
    /// What the monotonic clock says; sleepers wait on this one.
    elapsed: Duration,
    wall_offset_millis: i64,
    sleepers: BTreeMap<SleeperId, Waker>,
    next_sleeper: u64,
}

/// Orders sleepers by when they are due, then by who came first.
type SleeperId = (Duration, u64);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: UnixMillis) -> Self {
        let (elapsed, sleepers) = (Duration::ZERO, BTreeMap::new());
        Self { state: Arc::new(Mutex::new(State { start, elapsed, wall_offset_millis: 0, sleepers, next_sleeper: 0 })) }
    }

    /// Lets `duration` pass and wakes everybody whose time has come.
    pub fn advance(&self, duration: Duration) {
        let woken = {
            let mut state = self.state();
            state.elapsed = state.elapsed.saturating_add(duration);
            state.due()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Moves to the moment at which the next sleeper is due, and wakes everybody who is due then. `false` where nobody
    /// sleeps: nothing has moved.
    pub fn advance_to_next(&self) -> bool {
        let woken = {
            let mut state = self.state();
            let Some((next, _)) = state.sleepers.keys().next().copied() else { return false };
            state.elapsed = state.elapsed.max(next);
            state.due()
        };
        woken.into_iter().for_each(Waker::wake);
        true
    }

    /// Sets how far the wall clock is off, forwards or backwards. Sleepers do not notice.
    pub fn set_wall_offset(&self, millis: i64) {
        self.state().wall_offset_millis = millis;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn due(&mut self) -> Vec<Waker> {
        let after = self.sleepers.split_off(&(self.elapsed.saturating_add(Duration::from_nanos(1)), 0));
        std::mem::replace(&mut self.sleepers, after).into_values().collect()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        let state = self.state();
        let wall = state.start + state.elapsed;
        UnixMillis(wall.0.saturating_add(state.wall_offset_millis))
    }

    async fn sleep(&self, duration: Duration) {
        let id = {
            let mut state = self.state();
            state.next_sleeper += 1;
            (state.elapsed.saturating_add(duration), state.next_sleeper)
        };
        Sleep { clock: self, id }.await;
    }
}

struct Sleep<'c> {
    clock: &'c ManualClock,
    id: SleeperId,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.elapsed >= self.id.0 {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.id, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.clock.state().sleepers.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(future: &mut Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> Poll<()> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_times() {
        let clock = ManualClock::new(UnixMillis(1_000));
        let (mut late, mut early) = (clock.sleep(Duration::from_secs(2)), clock.sleep(Duration::from_secs(1)));
        assert_eq!((poll(&mut late), poll(&mut early)), (Poll::Pending, Poll::Pending));

        assert!(clock.advance_to_next());
        assert_eq!((poll(&mut late), poll(&mut early)), (Poll::Pending, Poll::Ready(())));
        assert_eq!(clock.now(), UnixMillis(2_000));

        clock.set_wall_offset(-5_000);
        assert_eq!(clock.now(), UnixMillis(-3_000));
        assert!(clock.advance_to_next());
        assert_eq!((poll(&mut late), clock.advance_to_next()), (Poll::Ready(()), false));
    }

    #[test]
    fn a_dropped_sleeper_is_forgotten() {
        let clock = ManualClock::new(UnixMillis(0));
        let mut sleep = clock.sleep(Duration::from_secs(1));
        assert_eq!(poll(&mut sleep), Poll::Pending);
        drop(sleep);
        assert!(!clock.advance_to_next());
    }
}
