//! I9: every instant that PathOps writes down is one that the host's clock has shown. That nothing else comes from outside is
//! shown by the trace: the same seed gives the same bytes.

use std::time::Duration;

use pathops_core::UnixMillis;

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{START, Truth};

/// A journal that fails is tried again for so long, with the same instant.
const PATIENCE: Duration = Duration::from_secs(1_200);

pub(super) struct Instants;

impl Invariant for Instants {
    fn name(&self) -> &'static str {
        "i9 time comes from the host"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        let (Step::Began { transition, .. } | Step::Journaled { transition, .. }) = step else { return Ok(()) };
        let now = truth.elapsed();
        let offsets = truth.records.lock().unwrap().offsets.clone();
        let shown = |offset: &i64| {
            let UnixMillis(at) = transition.at;
            let at = u64::try_from(at - START.0 - offset).map(Duration::from_millis);
            at.is_ok_and(|at| at <= now && at + PATIENCE >= now)
        };
        holds!(
            [0].iter().chain(&offsets).any(shown),
            "{} was written down {} s after the beginning",
            transition.at,
            now.as_secs()
        );
        Ok(())
    }
}
