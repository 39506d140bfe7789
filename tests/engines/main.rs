//! The conformance kit of engines, on each store that there is: `cargo test -p pathops-tests --test engines -- sqlite`.
//!
//! SQLite and PostgreSQL are real ones; a PostgreSQL is started here, where its programs are installed, and so is, with the feature
//! `temporal`, Temporal's server for development. Workers that are killed are processes of their own: this program, started again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test code: a failure is a failed test"
)]
#![expect(clippy::disallowed_methods, reason = "it waits for a real server")]

mod defects;
mod embedded;
mod incident;
mod killed;
#[path = "../../pathops-adapters/tests/postgres/server.rs"]
mod server;
#[cfg(feature = "temporal")]
mod temporal;
#[cfg(feature = "temporal")]
#[path = "../../pathops-adapters/tests/temporal/server.rs"]
mod temporal_server;
mod waits;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(killed::WORKER) {
        killed::process();
        return ExitCode::SUCCESS;
    }
    let mut trials = embedded::in_memory();
    trials.extend(embedded::sqlite());
    trials.extend(embedded::postgres());
    trials.extend(defects::trials());
    trials.extend(incident::trials());
    trials.extend(killed::trials());
    trials.extend(waits::trials());
    #[cfg(feature = "temporal")]
    trials.extend(temporal::all());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
