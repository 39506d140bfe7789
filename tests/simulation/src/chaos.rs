//! What goes wrong in a seed, and when it is over.

use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::Clock;
use pathops_core::memory::{Fault, Faults, When};

use crate::dice::Dice;

/// What can be cut off, each for itself.
pub(crate) const PARTS: [&str; 8] = ["host", "ci", "controller", "blobs", "journal", "agent", "notifier", "objects"];

/// The plan of a seed.
#[derive(Clone, Debug)]
pub(crate) struct Chaos {
    /// When all of it is over.
    pub(crate) over: Duration,
    /// Of a thousand writes, so many kill the process.
    pub(crate) deadly: u64,
    /// Which part is out of reach, from when, until when.
    pub(crate) cuts: Vec<(usize, Duration, Duration)>,
    /// From when the wall clock is off by so many milliseconds.
    pub(crate) jumps: Vec<(Duration, i64)>,
    /// How long the Git host takes to show a status that it has taken.
    pub(crate) lag: Duration,
    /// Of a thousand calls, so many: fail for now, lose the request, lose the answer, are made twice, are slow.
    rates: [u16; 5],
    slow: Duration,
}

/// A call takes so long at most.
pub(crate) const SLOWEST: Duration = Duration::from_secs(90);

impl Chaos {
    pub(crate) fn roll(dice: &Dice) -> Self {
        let over = dice.seconds(1_800, 14_400);
        let rate = |most: u64| if dice.chance(500) { u16::try_from(dice.below(most)).unwrap() } else { 0 };
        let cuts = (0..dice.below(3)).map(|_| {
            let from = dice.seconds(0, 6_000);
            (usize::try_from(dice.below(PARTS.len() as u64)).unwrap(), from, from + dice.seconds(1, 1_500))
        });
        let jumps = if dice.chance(150) { 1 + dice.below(2) } else { 0 };
        Self {
            over,
            deadly: if dice.chance(600) { dice.below(40) } else { 0 },
            cuts: cuts.collect(),
            jumps: (0..jumps).map(|_| (dice.seconds(0, 6_000), jump(dice))).collect(),
            lag: if dice.chance(250) { dice.seconds(1, 200) } else { Duration::ZERO },
            rates: [rate(60), rate(40), rate(60), rate(200), rate(60)],
            slow: dice.seconds(1, SLOWEST.as_secs()),
        }
    }

    /// What waits for an instant waits for so much longer at most, where the clock was set back.
    pub(crate) fn set_back(&self) -> Duration {
        let far = self.jumps.iter().map(|(_, offset)| Duration::from_millis(offset.unsigned_abs()));
        far.max().unwrap_or_default() * 2
    }

    /// The faults that hit calls by chance.
    pub(crate) fn faults(&self, dice: &Dice, clock: Arc<dyn Clock>) -> Arc<Faults> {
        let kinds = [Fault::Flaky, Fault::LoseRequest, Fault::LoseAnswer, Fault::Twice, Fault::Slow(self.slow)];
        let none = Faults::new(dice.below(u64::MAX), clock);
        let faults = kinds.into_iter().zip(self.rates).filter(|(_, rate)| *rate > 0);
        Arc::new(faults.fold(none, |all, (fault, rate)| all.with(fault, When::PerMille(rate))))
    }
}

/// Seconds mostly, as clocks that are set right; at times hours.
fn jump(dice: &Dice) -> i64 {
    let far = if dice.chance(300) { 10 * 3_600_000 } else { 120_000 };
    i64::try_from(dice.below(2 * far)).unwrap() - i64::try_from(far).unwrap()
}

/// A part of the host that cannot be reached while it is cut off.
pub(crate) fn cut(clock: Arc<dyn Clock>) -> Arc<Faults> {
    let faults = Faults::new(0, clock).with(Fault::Flaky, When::Always);
    faults.stop();
    Arc::new(faults)
}
