//! Once nothing goes wrong any more: all comes to rest, and what is true is said in time.

use super::controller::LOOK;
use super::{Schedule, millis};

/// How often a workflow asks.
const TICK: i64 = 50;

/// The longest that a refresh takes: until we ask for it, until a comparison has ended that is under way, and its own.
const REFRESH: i64 = TICK + 2 * (LOOK + TICK);

/// The longest until Argo CD has noticed by itself that something is healthy again, from which on that is counted.
const NOTICE: i64 = 2 * (LOOK + TICK);

/// Times are cut to seconds, so that up to one is lost.
const SECOND: i64 = 1_000;

/// It comes to rest within this time, or never.
const REST: i64 = 20_000;

/// What we are told when we ask.
pub(crate) trait Answer {
    fn is_ready(&self) -> bool;

    /// Whether another one may follow.
    fn waits(&self) -> bool;

    /// In how many milliseconds time alone changes it.
    fn settles_in(&self) -> Option<u64>;
}

/// It was true all this time, and not said.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
pub(crate) struct Overdue<A> {
    true_since: i64,
    now: i64,
    answer: A,
}

impl Schedule {
    /// Everything works again, and nobody meddles: the controller comes to rest, and we ask as a workflow does. Whoever asks has
    /// Argo CD look again where the answer says so.
    pub(crate) async fn come_to_rest<A: Answer>(&mut self, mut ask: impl AsyncFnMut(&mut Self) -> A) -> Result<A, Overdue<A>> {
        self.argo.calm_down();
        let (end, longest) = (self.argo.now + REST, millis(self.settle) + SECOND + NOTICE + REFRESH);
        let (mut answer, mut true_since) = (ask(self).await, None);
        let mut settled_at = self.settled_at(&answer);
        while self.argo.now < end {
            let changed = self.argo.go_on();
            true_since = if self.is_true() { true_since.or(Some(self.argo.now)) } else { None };
            if changed || self.argo.now >= settled_at {
                answer = ask(self).await;
                settled_at = self.settled_at(&answer);
            }
            if answer.is_ready() || (!answer.waits() && self.argo.is_idle()) {
                return Ok(answer);
            }
            let now = self.argo.now;
            if let Some(true_since) = true_since.filter(|since| now > since + longest) {
                return Err(Overdue { true_since, now, answer });
            }
            self.argo.now += TICK;
        }
        Ok(answer)
    }

    /// When time alone changes an answer.
    fn settled_at(&self, answer: &impl Answer) -> i64 {
        answer.settles_in().map_or(i64::MAX, |millis| self.argo.now.saturating_add_unsigned(millis).saturating_add(1))
    }

    /// Argo CD sees all there is to see, and does what it does about it. Whether there was anything.
    pub(crate) fn finish(&mut self) -> bool {
        let begun = self.argo.now;
        while !self.argo.is_idle() && self.argo.now < begun + REST {
            self.argo.go_on();
            self.argo.now += TICK;
        }
        self.argo.now > begun
    }

    /// Whether what we expect is live, healthy and tested at this moment, and stays so.
    fn is_true(&self) -> bool {
        let (argo, tree) = (&self.argo, self.tree());
        let tested = argo.tested().is_some_and(|it| it >= self.expected && argo.branch[it] == tree);
        let live = argo.branch[argo.head()] == tree && argo.live_tree() == tree && argo.is_quiet();
        let nothing_failed = !argo.failed_at(tree) && !argo.tests_failed();
        live && nothing_failed && !argo.last_was_dry_run() && (!self.with_hooks || tested)
    }
}
