//! The golden path: a feature travels to production on real Git, real processes and real evidence, on one machine.
//!
//! `cargo run --example golden_path` takes the sample project `shop` from a feature request to production, and shows the
//! rule at work: a second change, with a defect that only shows in preflight, is refused, explained and reverted.
//! Stop it at any moment and start it again: it goes on where it was.

mod account;
mod arguments;
mod claims;
mod controller;
mod engine;
mod export;
mod figures;
mod git_host;
mod host;
mod people;
mod place;
mod report;
mod setup;
mod store;
mod summary;
mod timeline;
mod verified;

use std::process::ExitCode;
use std::time::Duration;

use arguments::{Arguments, Mode};
use pathops_examples::Failure;

/// It was stopped by the user; what was begun is kept.
const STOPPED: u8 = 130;

/// How long what is still under way may take to end.
const LAST_MOMENT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    match arguments::mode() {
        Mode::Store { port, data } => store_server(port, &data),
        Mode::GoldenPath(arguments) => golden_path(&arguments),
        Mode::Unusable(why) => fail(why.into()),
    }
}

/// The shop's key-value store: this very program, started again by the reconciler.
fn store_server(port: u16, data: &std::path::Path) -> ExitCode {
    match store::serve(port, data) {
        Ok(never) => match never {},
        Err(error) => fail(error.into()),
    }
}

fn golden_path(arguments: &Arguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(error.into()),
    };
    let ended = runtime.block_on(host::run(arguments));
    // Scripts of CI are ended with the tasks that run them; threads that still wait for the terminal must not hold up the end.
    runtime.shutdown_timeout(LAST_MOMENT);
    match ended {
        Ok(host::Ended::AllHeld) => ExitCode::SUCCESS,
        Ok(host::Ended::NotHeld) => ExitCode::FAILURE,
        Ok(host::Ended::Stopped) => ExitCode::from(STOPPED),
        Err(failure) => fail(failure),
    }
}

fn fail(failure: Failure) -> ExitCode {
    let mut text = format!("error: {failure}");
    let mut source = failure.source();
    while let Some(beneath) = source {
        text.push_str(&format!("\n  because: {beneath}"));
        source = beneath.source();
    }
    account::complain(&text);
    ExitCode::FAILURE
}
