//! How many calls are left, as the host counts them, and who used them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use pathops_core::UnixMillis;
use pathops_core::adapter::Clock;

use super::{Caller, Trouble};

/// The part of a window that is for those who used less than that part of it.
const RESERVE: u64 = 4;

/// A host is left alone no longer than this, whatever it says: windows have an hour.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// What an answer says about the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    /// Calls in a window, and how many of them are left.
    pub(crate) left: Option<(u64, u64)>,
    /// When the next window begins.
    pub(crate) reset: Option<UnixMillis>,
    /// The call was refused for there being too many: how long to wait, where the host says so.
    pub(crate) refused: Option<Option<Duration>>,
}

/// What was asked of a host so far, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Calls that were answered and count against the host's limit.
    pub calls: u64,
    /// Calls that were answered with "not modified", which count against nothing.
    pub not_modified: u64,
    /// Reads that shared the call of an equal one.
    pub coalesced: u64,
    /// Reads of what never changes that needed no call.
    pub kept: u64,
    /// Calls that were not made, for lack of budget.
    pub held_back: u64,
    /// Calls that the host refused for there being too many.
    pub throttled: u64,
}

#[derive(Debug)]
pub(super) struct Budget {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    accounts: HashMap<String, Account>,
    usage: Usage,
}

#[derive(Debug, Default)]
struct Account {
    limit: u64,
    left: u64,
    reset: UnixMillis,
    /// Calls in this window, by lane.
    used: HashMap<String, u64>,
    /// Until then the host wants to be left alone.
    quiet_until: UnixMillis,
}

impl Budget {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn usage(&self) -> Usage {
        self.with(|state| state.usage)
    }

    pub(super) fn count(&self, work: impl FnOnce(&mut Usage)) {
        self.with(|state| work(&mut state.usage));
    }

    /// Asks for one call.
    pub(super) fn enter(&self, caller: &Caller) -> Result<(), Trouble> {
        let now = self.clock.now();
        self.with(|state| {
            let asked = state.accounts.get(&caller.account).map_or(Ok(()), |account| account.enter(&caller.lane, now));
            if asked.is_err() {
                state.usage.held_back = state.usage.held_back.saturating_add(1);
            }
            asked
        })
    }

    /// Learns from an answer.
    pub(super) fn learn(&self, caller: &Caller, status: StatusCode, meter: Meter) {
        let now = self.clock.now();
        self.with(|state| {
            let usage = &mut state.usage;
            let counted = match (status, meter.refused) {
                (_, Some(_)) => &mut usage.throttled,
                (StatusCode::NOT_MODIFIED, _) => &mut usage.not_modified,
                _ => &mut usage.calls,
            };
            *counted = counted.saturating_add(1);
            let account = state.accounts.entry(caller.account.clone()).or_default();
            account.learn(now, meter);
            if status != StatusCode::NOT_MODIFIED {
                let used = account.used.entry(caller.lane.clone()).or_default();
                *used = used.saturating_add(1);
            }
        });
    }
}

impl Account {
    fn enter(&self, lane: &str, now: UnixMillis) -> Result<(), Trouble> {
        if now < self.quiet_until {
            let wait = self.quiet_until.since(now);
            return Err(Trouble::NoRoom { wait, why: "the host asked to be left alone for a while" });
        }
        if now >= self.reset {
            return Ok(());
        }
        let wait = self.reset.since(now);
        if self.left == 0 {
            return Err(Trouble::NoRoom { wait, why: "the calls of this window are used up" });
        }
        let part = self.limit / RESERVE;
        if self.left <= part && self.used.get(lane).is_some_and(|used| *used >= part) {
            return Err(Trouble::NoRoom { wait, why: "what is left of this window is for those who used less of it" });
        }
        Ok(())
    }

    fn learn(&mut self, now: UnixMillis, meter: Meter) {
        if let (Some((limit, left)), Some(reset)) = (meter.left, meter.reset.map(|reset| reset.min(now + LONGEST))) {
            if reset > self.reset {
                // The next window. What was used before counts no more.
                (self.limit, self.left, self.reset) = (limit, left, reset);
                self.used.clear();
            } else if reset == self.reset {
                (self.limit, self.left) = (limit, left.min(self.left)); // Answers may overtake one another.
            }
        }
        if let Some(Some(wait)) = meter.refused {
            self.quiet_until = self.quiet_until.max(now + wait.min(LONGEST));
        }
    }
}
