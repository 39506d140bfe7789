//! The instants that are asked about.

use std::time::Duration;

use pathops_core::UnixMillis;

/// So many steps a window has at most.
const STEPS: u32 = 120;

/// Nobody asks about what comes later: the end of the year 9999.
const LAST: UnixMillis = UnixMillis(253_402_300_799_000);

/// A window and its instants, which are the same for every query.
#[derive(Debug)]
pub(super) struct Range {
    from: UnixMillis,
    until: UnixMillis,
    step: Duration,
    /// A value may be so old.
    age: Duration,
}

impl Range {
    /// As fine as targets are scraped, or as the number of steps allows.
    pub(super) fn new(since: UnixMillis, now: UnixMillis, every: Duration) -> Self {
        let from = since.clamp(UnixMillis(0), LAST);
        let until = now.clamp(from, LAST);
        let millis = u64::try_from(until.since(from).as_millis()).unwrap_or(u64::MAX);
        let step = Duration::from_millis(millis.div_ceil(STEPS.into())).max(every);
        Self { from, until, step, age: every.saturating_mul(2) }
    }

    pub(super) fn parameters(&self) -> [(&'static str, String); 4] {
        let seconds = |at: Duration| format!("{}.{:03}", at.as_secs(), at.subsec_millis());
        let instant = |at: UnixMillis| seconds(at.since(UnixMillis(0)));
        [
            ("start", instant(self.from)),
            ("end", instant(self.until)),
            ("step", seconds(self.step)),
            ("lookback_delta", format!("{}s", seconds(self.age))),
        ]
    }

    /// All instants, in order.
    pub(super) fn instants(&self) -> impl Iterator<Item = UnixMillis> {
        let at = |number: u32| self.from + self.step.saturating_mul(number);
        (0..=STEPS).map(at).take_while(|at| *at <= self.until)
    }

    /// Which instant is meant, where it is one.
    pub(super) fn instant(&self, at: UnixMillis) -> Option<usize> {
        let (step, since) = (self.step.as_millis(), (at + self.step / 2).since(self.from).as_millis());
        let number = since.checked_div(step)?;
        let is_one =
            at <= self.until && at + Duration::from_millis(1) >= self.from && since.checked_rem(step)?.abs_diff(step / 2) <= 1;
        usize::try_from(number).ok().filter(|_| is_one)
    }

    pub(super) fn ends(&self) -> [UnixMillis; 2] {
        [self.from, self.until]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_bounded_and_found_again() {
        for (from, until, every) in [
            (0, 0, 1),
            (1_000, 500, 60),
            (1_795_345_374_345, 1_795_345_674_345, 60),
            (1_795_345_374_345, 1_795_345_674_999, 1),
            (i64::MIN, i64::MAX, 1),
            (i64::MAX, i64::MAX, 1),
            (0, 1_795_345_674_999, 15),
        ] {
            let range = Range::new(UnixMillis(from), UnixMillis(until), Duration::from_secs(every));
            let all: Vec<UnixMillis> = range.instants().take(1_000).collect();
            assert!((1..=121).contains(&all.len()), "{range:?}: {}", all.len());
            for (number, at) in all.iter().enumerate() {
                assert_eq!(range.instant(*at), Some(number), "{range:?}");
                assert_eq!(range.instant(*at + range.step / 3), None, "{range:?}");
            }
        }
    }
}
