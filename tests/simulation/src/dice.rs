//! Chance that follows from a seed and from nothing else.

use std::time::Duration;

use pathops_core::Digest;
use pathops_core::adapter::IdSource as _;
use pathops_core::memory::SeededIds;

/// A stream of rolls. Clones go on in the one stream.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    seed: u64,
    rolls: SeededIds,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, rolls: SeededIds::new(seed) }
    }

    /// A stream of its own for one purpose: rolls that are added for another one do not change it.
    pub(crate) fn of(&self, purpose: &str) -> Self {
        let bytes = Digest::of(format!("{} {purpose}", self.seed).as_bytes());
        Self::new(bytes.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte)))
    }

    /// From 0 to just below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        u64::try_from(self.rolls.fresh() % u128::from(end.max(1))).unwrap()
    }

    pub(crate) fn chance(&self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// Whole milliseconds from `from` to just below `to`, in seconds.
    pub(crate) fn seconds(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from * 1_000 + self.below((to - from) * 1_000))
    }
}
