//! Takes evidence in, finds it, and verifies it, offline and strictly.
//!
//! `cargo run --example evidence -- ingest FILE... --store DIR --subject sha256:…`, `verify PATH`, `query --store DIR`, `origin
//! DIGEST --store DIR`, `diff SNAPSHOT SNAPSHOT --store DIR`, `rebuild-index --store DIR`, `export ID --store DIR`, `erase DIGEST --store
//! DIR --authority TEXT`; `--help` says more.
//! A store may be at `s3://<bucket>/<folder>` too: Cargo then builds the command once more, with the feature `s3`.
//! Of `verify`, the exit code is 0 for VERIFIED, 1 for FAILED and 2 for NOT VERIFIED. VERIFIED says of everything that it leaves
//! out that it does, and in the same line where it was against keys that the store itself names.

mod again;
mod arguments;
mod erase;
mod find;
mod history;
mod ingest;
mod verify;

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use pathops_core::{IdempotencyKey, OpContext};
use pathops_evidence::Verdict;
use pathops_examples::Failure;

use arguments::{Arguments, Command};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let told = |(text, code): (String, u8)| {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
        Ok(code)
    };
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    if !cfg!(feature = "s3")
        && again::names_s3(&arguments)
        && let Some(code) = again::with_s3(&arguments)
    {
        return code.unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "Cargo cannot build this command with S3: {error}");
            Verdict::NotVerified.exit_code().into()
        });
    }
    let command = Arguments::parse().command;
    let verifies = matches!(command, Command::Verify(_));
    match answer(command).await.and_then(told) {
        Ok(code) => code.into(),
        Err(error) => {
            // Where even this cannot be told, the code still tells it.
            let verdict = if verifies { format!("{}\n  ", Verdict::NotVerified) } else { String::new() };
            let _ = writeln!(io::stderr(), "{verdict}{error}");
            Verdict::NotVerified.exit_code().into()
        }
    }
}

/// What is said, and with which exit code.
async fn answer(command: Command) -> Result<(String, u8), Failure> {
    let cx = OpContext::new(IdempotencyKey::new("evidence"));
    match command {
        Command::Verify(arguments) => verify::verify(&cx, arguments).await,
        Command::Ingest(arguments) => ingest::ingest(&cx, arguments).await.map(|()| done(String::new())),
        Command::Query(arguments) => find::query(&cx, arguments).await.map(done),
        Command::Origin { digest, place, json } => find::origin(&cx, &digest, &place.store()?, json).await.map(done),
        Command::Diff { first, second, place, json } => find::diff(&cx, [&first, &second], &place.store()?, json).await.map(done),
        Command::RebuildIndex { place, quick, from } => find::rebuild(&cx, &place.store()?, quick, from).await.map(done),
        Command::Erase { payload, place, authority, retention } => {
            erase::erase(&cx, &payload, &place.store()?, authority, retention.as_deref()).await.map(done)
        }
        Command::Export { id, place, trusted, witness, out } => {
            verify::export(&cx, &place.store()?, &id, &trusted, witness, out).await.map(done)
        }
    }
}

fn done(text: String) -> (String, u8) {
    (text, 0)
}
