use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::adapter::IdSource;

/// The increment of SplitMix64: the golden ratio, as an odd number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A seeded sequence of identifiers (SplitMix64): the same seed gives the same ones, and none comes twice.
///
/// Clones go on in the one sequence. It is predictable by design: for tests and simulations.
#[derive(Clone, Debug)]
pub struct SeededIds {
    state: Arc<AtomicU64>,
}

impl SeededIds {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(AtomicU64::new(seed)) }
    }
}

impl IdSource for SeededIds {
    fn fresh(&self) -> u128 {
        let state = self.state.fetch_add(STEP.wrapping_mul(2), Ordering::Relaxed);
        let high = mixed(state.wrapping_add(STEP));
        let low = mixed(state.wrapping_add(STEP.wrapping_mul(2)));
        (u128::from(high) << 64) | u128::from(low)
    }
}

fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The first outputs for seed 1234567, as published with the algorithm.
        let ids = SeededIds::new(1_234_567);
        assert_eq!(ids.fresh(), (6_457_827_717_110_365_317_u128 << 64) | 3_203_168_211_198_807_973);
    }
}
