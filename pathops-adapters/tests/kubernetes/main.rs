//! Kubernetes as a source of signals: the conformance kit, and what goes wrong, on a fake of its API server (`pathops-fakes`), which is
//! held against recorded answers of a real one. No real cluster.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
#![expect(clippy::disallowed_methods, reason = "the fakes take real time")]

mod events;
mod faults;
mod logs;
mod rights;
mod shapes;
#[path = "../trial/mod.rs"]
mod trial;
mod usage;
mod verifications;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Arguments;
use pathops_core::adapter::SignalCapabilities;
use pathops_core::conformance::signals;
use trial::trial;
use world::Conformance;

fn main() -> ExitCode {
    let mut offers = SignalCapabilities::default();
    (offers.logs, offers.events, offers.metrics) = (true, true, true);
    let mut trials = signals::trials(Arc::new(Conformance), offers);
    trials.extend(events::trials());
    trials.extend(logs::trials());
    trials.extend(usage::trials());
    trials.extend(faults::trials());
    trials.extend(rights::trials());
    trials.extend(shapes::trials());
    trials.extend(verifications::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
