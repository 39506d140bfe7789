//! What something costs: by the clock of this process's CPU, since others use the machine, and by that on the wall.

use std::time::{Duration, Instant};

use pathops_benches::cpu_time;

/// The CPU and the wall clock.
pub(crate) struct Clocks(Duration, Instant);

/// Microseconds for an item.
pub(crate) struct Spent {
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
}

impl Clocks {
    pub(crate) fn now() -> Self {
        Self(cpu_time(), Instant::now())
    }

    pub(crate) fn until_now(&self, items: u64) -> Spent {
        let (now, items) = (Self::now(), f64::from(u32::try_from(items).expect("fits")));
        Spent { cpu: (now.0 - self.0).as_secs_f64() * 1e6 / items, wall: (now.1 - self.1).as_secs_f64() * 1e6 / items }
    }
}
