//! The conformance kit on the machine's clock, identifiers and keys.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::system::{SystemClock, SystemIds, SystemKeys};
use pathops_core::conformance::data_keys::{DataKeysFixture, DataKeysWorld};
use pathops_core::conformance::time::{TimeFixture, TimeWorld};
use pathops_core::conformance::{data_keys, time};

struct Machine;

#[async_trait]
impl TimeFixture for Machine {
    async fn fresh(&self) -> TimeWorld {
        TimeWorld::new(Arc::new(SystemClock), Arc::new(SystemIds), ())
    }
}

#[async_trait]
impl DataKeysFixture for Machine {
    async fn fresh(&self) -> DataKeysWorld {
        DataKeysWorld::new(Arc::new(SystemKeys), ())
    }
}

fn main() -> ExitCode {
    let mut trials = time::trials(Arc::new(Machine));
    trials.extend(data_keys::trials(Arc::new(Machine)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
