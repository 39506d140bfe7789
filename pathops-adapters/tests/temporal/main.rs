//! The engine on a Temporal server that the test starts.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a skip is told")]
#![expect(clippy::disallowed_methods, reason = "it waits for a real server")]

mod cases;
mod killed;
mod replays;
mod server;
mod toy;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::world::World;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(killed::HOST) {
        killed::host_process();
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // They share one server and two processors.
    arguments.test_threads = arguments.test_threads.or(Some(4));
    let program = server::installed();
    if program.is_none() {
        assert!(std::env::var_os("CI").is_none(), "the Temporal server is missing: `.ci/test` installs it");
        eprintln!("skipped: the Temporal server is not installed; `.ci/test` does it");
    }
    let missing = program.is_none();
    let worlds = Arc::new(world::Worlds::new(program.unwrap_or_default()));
    let mut all = cases::all(&worlds);
    all.extend(killed::all(&worlds));
    all.extend(replays::all(&worlds));
    let all: Vec<Trial> = all.into_iter().map(|trial| trial.with_ignored_flag(missing)).collect();
    let conclusion = libtest_mimic::run(&arguments, all);
    // The server is stopped here: `exit_code` leaves nothing to be dropped.
    drop(worlds);
    conclusion.exit_code()
}

/// A case with a world of its own.
fn case<F: Future<Output = ()>>(worlds: &Arc<world::Worlds>, name: &str, run: impl FnOnce(World) -> F + Send + 'static) -> Trial {
    let worlds = Arc::clone(worlds);
    Trial::test(name.to_owned(), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let world = worlds.world();
        let limited = async { tokio::time::timeout(std::time::Duration::from_secs(120), run(world)).await };
        runtime.block_on(limited).map_err(|_| "it takes too long")?;
        Ok(())
    })
}
