//! Benchmarks of PathOps, and the clock that they go by.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time that this process has had on the processors: others use the machine.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
