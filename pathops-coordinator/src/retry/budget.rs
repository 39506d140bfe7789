//! How often what failed is tried again, by remote.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::select;
use pathops_core::adapter::Clock;
use pathops_core::{IdempotencyKey, UnixMillis};

use crate::bells::Bells;

/// How many tries a success pays for: those who wait in line for a remote that works again are let go on more and more at once, and not
/// all at the same moment.
const FOR_A_SUCCESS: u32 = 2;

/// Budgets of retries, one for each remote at which something fails.
///
/// A system that is out of reach, too slow or asks to be left alone gets no better by being asked again by everybody, each as patiently as
/// it may be. So a try of what has failed costs a token of the budget of its remote. A budget begins full; what is missing comes back at
/// a steady pace, and two for each such try that succeeds. Where no token is left, whoever wants to try again waits in line, in the
/// order in which they came. What has not failed costs nothing, and nothing of other remotes waits.
///
/// The remote is what the error names ([`Error::remote`](pathops_core::Error::remote)); of one that names none it is the system that the
/// operation is about, such as the Git host. Several control planes of a process may have the same budgets.
///
/// Nothing of it is stored: a process that begins has full budgets, and no run depends on them.
#[derive(Debug)]
pub struct RetryBudgets {
    limits: Limits,
    lines: Mutex<Lines>,
    /// For each who waits, by their ticket.
    bells: Bells<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    most: u32,
    every: Duration,
}

#[derive(Debug, Default)]
struct Lines {
    budgets: BTreeMap<String, Budget>,
    /// The last one; later ones are higher.
    ticket: u64,
}

/// What is left of the tries of one remote, and who waits for one.
#[derive(Debug)]
struct Budget {
    tokens: u32,
    as_of: UnixMillis,
    line: VecDeque<(u64, IdempotencyKey)>,
}

impl Default for RetryBudgets {
    /// 100 tries of each remote, and ten a second from then on.
    fn default() -> Self {
        Self::new(100, Duration::from_millis(100))
    }
}

impl RetryBudgets {
    /// At most so many tries of each remote at once, and at least one; and one more `every` so often, which is a millisecond at least.
    #[must_use]
    pub fn new(most: u32, every: Duration) -> Self {
        let limits = Limits { most: most.max(1), every: every.max(Duration::from_millis(1)) };
        Self { limits, lines: Mutex::default(), bells: Bells::default() }
    }

    /// Until what failed at a remote may be tried again. Dropped, it gives up its place in the line.
    pub(super) async fn turn(&self, clock: &dyn Clock, remote: &str, key: &IdempotencyKey) {
        let place = Place { budgets: self, remote, ticket: self.enter(remote, key, clock.now()) };
        loop {
            // Before it looks: a bell that rings in between is heard.
            let bell = self.bells.of(&place.ticket);
            let now = clock.now();
            let until = self.lines().take(remote, place.ticket, self.limits, now);
            let Some(until) = until else { return };
            tracing::info!(remote, key = %key, until = %until, "the retry budget is spent");
            select(clock.sleep(until.since(now)), pin!(bell.rung())).await;
        }
    }

    /// What failed at a remote has succeeded.
    pub(super) fn succeeded(&self, remote: &str) {
        let mut lines = self.lines();
        let Some(budget) = lines.budgets.get_mut(remote) else { return };
        budget.tokens = budget.tokens.saturating_add(FOR_A_SUCCESS).min(self.limits.most);
        for (_, (ticket, _)) in (0..budget.tokens).zip(&budget.line) {
            self.bells.ring(ticket);
        }
    }

    /// The remote of which an operation waits for a try, by its key, and until when at the latest.
    pub(crate) fn waits(&self, key: &IdempotencyKey) -> Option<(String, UnixMillis)> {
        let lines = self.lines();
        lines.budgets.iter().find_map(|(remote, budget)| {
            let place = budget.line.iter().position(|(_, waiting)| waiting == key)?;
            Some((remote.clone(), budget.when(place, self.limits)))
        })
    }

    /// Takes the last place of the line.
    fn enter(&self, remote: &str, key: &IdempotencyKey, now: UnixMillis) -> u64 {
        let (mut lines, limits) = (self.lines(), self.limits);
        lines.budgets.retain(|_, budget| !budget.is_full(limits, now));
        lines.ticket += 1;
        let ticket = lines.ticket;
        let budget = lines.budgets.entry(remote.to_owned()).or_insert_with(|| Budget::full(limits, now));
        budget.line.push_back((ticket, key.clone()));
        ticket
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Takes a token for who has this ticket; where there is none for them yet, it says when there will be one.
    fn take(&mut self, remote: &str, ticket: u64, limits: Limits, now: UnixMillis) -> Option<UnixMillis> {
        let budget = self.budgets.get_mut(remote)?;
        budget.refill(limits, now);
        let place = budget.place(ticket)?;
        if !u32::try_from(place).is_ok_and(|place| place < budget.tokens) {
            return Some(budget.when(place, limits));
        }
        budget.tokens -= 1;
        budget.line.remove(place);
        None
    }
}

impl Budget {
    fn full(limits: Limits, now: UnixMillis) -> Self {
        Self { tokens: limits.most, as_of: now, line: VecDeque::new() }
    }

    /// Takes in what has come back since it was last looked at. Where the clock has gone back, that counts from now on.
    fn refill(&mut self, Limits { most, every }: Limits, now: UnixMillis) {
        let came = now.since(self.as_of).as_millis() / every.as_millis().max(1);
        let came = u32::try_from(came).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(came).min(most);
        self.as_of = if self.tokens == most || now < self.as_of { now } else { self.as_of + every.saturating_mul(came) };
    }

    /// Whether nothing is known of it that is not so of every other one.
    fn is_full(&mut self, limits: Limits, now: UnixMillis) -> bool {
        self.refill(limits, now);
        self.tokens == limits.most && self.line.is_empty()
    }

    /// Later ones have higher tickets.
    fn place(&self, ticket: u64) -> Option<usize> {
        self.line.binary_search_by_key(&ticket, |(waiting, _)| *waiting).ok()
    }

    /// When there is a token for that place in the line, if nothing succeeds before.
    fn when(&self, place: usize, limits: Limits) -> UnixMillis {
        let missing = u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1).saturating_sub(self.tokens);
        self.as_of + limits.every.saturating_mul(missing)
    }
}

/// A place in a line, until it is its turn.
struct Place<'b> {
    budgets: &'b RetryBudgets,
    remote: &'b str,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.budgets.lines();
        let Some(budget) = lines.budgets.get_mut(self.remote) else { return };
        if let Some(place) = budget.place(self.ticket) {
            budget.line.remove(place);
        }
    }
}
