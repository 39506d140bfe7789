//! The conformance kit on the machine's clock and identifiers.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::system::{SystemClock, SystemIds};
use pathops_core::conformance::time::{TimeFixture, TimeWorld, trials};

struct Machine;

#[async_trait]
impl TimeFixture for Machine {
    async fn fresh(&self) -> TimeWorld {
        TimeWorld::new(Arc::new(SystemClock), Arc::new(SystemIds), ())
    }
}

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(Machine))).exit_code()
}
