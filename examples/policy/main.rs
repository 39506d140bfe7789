//! Looks into a promotion policy: whether it is sound, what it decides over given facts and why, and what another one would
//! have decided.
//!
//! `cargo run --example policy -- lint DIR`, `test DIR`, `evaluate`, `explain`, `replay`, `diff`; `--help` says more.
//! Conditions in Cedar and Rego need the features `cedar` and `rego` of this package. The
//! answer goes to standard output, what goes wrong to standard error. The same input gives the same bytes.

mod arguments;
mod decide;
mod input;
mod languages;
mod past;
mod project;

use std::io::{self, Write as _};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser as _;
use input::Unusable;

/// It holds: promote, nothing to mend, nothing differs.
const HOLDS: u8 = 0;
/// It does not hold: something to mend, a test that fails, a decision that differs.
const DOES_NOT_HOLD: u8 = 1;
/// The input cannot be used. The reader of the command line ends with this code too.
const UNUSABLE: u8 = 2;
/// The promotion is blocked.
const BLOCKED: u8 = 4;

/// What a command answers, and the code that says it.
struct Answer {
    text: String,
    code: u8,
}

fn main() -> ExitCode {
    let answer = answer(&Arguments::parse().command).and_then(|answer| {
        let mut out = io::stdout().lock();
        let told = out.write_all(answer.text.as_bytes()).and_then(|()| out.flush());
        told.map(|()| answer.code).map_err(|error| Unusable::new(format!("the answer cannot be written: {error}")))
    });
    match answer {
        Ok(code) => code.into(),
        Err(unusable) => {
            // Where even this cannot be told, the code still tells it.
            let _ = writeln!(io::stderr(), "error: {unusable}");
            UNUSABLE.into()
        }
    }
}

fn answer(command: &Command) -> Result<Answer, Unusable> {
    match command {
        Command::Lint(wanted) => project::lint(wanted),
        Command::Test { dir } => project::test(dir),
        Command::Evaluate { over, json, record } => decide::evaluate(over, *json, record.as_deref()),
        Command::Explain { over, requirement } => decide::explain(over, requirement),
        Command::Replay { record } => past::replay(record),
        Command::Diff { policy, other, history } => past::diff(policy, other, history),
    }
}
