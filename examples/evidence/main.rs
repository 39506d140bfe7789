//! Verifies a ledger or a bundle, offline and strictly, and writes bundles out.
//!
//! `cargo run --example evidence -- verify PATH --trusted-root FILE --key PEM`, `export`; `--help` says more. The exit code is 0
//! for VERIFIED, 1 for FAILED and 2 for NOT VERIFIED: never 0 where something was not checked.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_core::adapter::BlobStore;
use pathops_core::evidence::{EvidenceId, PublicKey, TrustRoot};
use pathops_core::{Digest, IdempotencyKey, OpContext};
use pathops_evidence::ledger::{LogIdentity, LogReader};
use pathops_evidence::{Against, Verdict, log_of, verify_bundle, verify_ledger};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Verifies evidence. Exit codes: 0 VERIFIED, 1 FAILED, 2 NOT VERIFIED, or the input cannot be used.
#[derive(Debug, Parser)]
#[command(name = "evidence")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verifies a ledger (a folder) or a Sigstore bundle (a file), and says what was checked and what was not.
    Verify {
        /// The folder of the ledger, or the bundle.
        path: PathBuf,
        #[command(flatten)]
        trusted: Trusted,
        /// A public key whose evidence counts, in PEM; several may be given.
        #[arg(long, value_name = "PEM", required = true)]
        key: Vec<PathBuf>,
        /// A checkpoint that is known from elsewhere, for example from the meta repository: what was cut back or forked shows.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// The folder of the blob store: what snapshots refer to has to be there.
        #[arg(long, value_name = "DIR")]
        blobs: Option<PathBuf>,
    },
    /// Writes a piece of evidence out as a Sigstore bundle, with the proof that it is in the ledger.
    Export {
        /// The folder of the ledger.
        ledger: PathBuf,
        /// The name of the evidence: SHA-256 in hexadecimal, of what was signed.
        id: String,
        #[command(flatten)]
        trusted: Trusted,
    },
}

/// Who the log is.
#[derive(Debug, Args)]
struct Trusted {
    /// The `trusted_root.json` that names the log.
    #[arg(long, value_name = "FILE")]
    trusted_root: PathBuf,
}

impl Trusted {
    fn log(&self) -> Result<LogIdentity, Failure> {
        Ok(log_of(&read(&self.trusted_root)?)?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let told = |(text, code): (String, u8)| {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
        Ok(code)
    };
    match answer(Arguments::parse().command).await.and_then(told) {
        Ok(code) => code.into(),
        Err(error) => {
            // Where even this cannot be told, the code still tells it.
            let _ = writeln!(io::stderr(), "{}\n  {error}", Verdict::NotVerified);
            Verdict::NotVerified.exit_code().into()
        }
    }
}

async fn answer(command: Command) -> Result<(String, u8), Failure> {
    let cx = OpContext::new(IdempotencyKey::new("evidence"));
    match command {
        Command::Verify { path, trusted, key, checkpoint, blobs } => {
            let (log, trust) = (trusted.log()?, trust(&key)?);
            let known = checkpoint.iter().map(|file| Ok(String::from_utf8(read(file)?)?)).collect::<Result<Vec<_>, Failure>>()?;
            let verification = if path.is_dir() {
                let blobs = blobs.map(|folder| existing(&folder).and_then(|it| Ok(ObjectStoreBlobs::folder(it)?))).transpose()?;
                let blobs = blobs.as_ref().map(|blobs| blobs as &dyn BlobStore);
                let against = Against { log: &log, trust: &trust, known: &known, blobs };
                verify_ledger(&cx, &ObjectStoreBucket::folder(&path)?, against).await?
            } else {
                verify_bundle(&read(&path)?, &log, &trust)
            };
            Ok((verification.to_string(), verification.verdict().exit_code()))
        }
        Command::Export { ledger, id, trusted } => {
            let bucket = ObjectStoreBucket::folder(existing(&ledger)?)?;
            let id = EvidenceId(Digest::from_hex(id.trim_start_matches("sha256:"))?);
            let bundle = LogReader::new(Arc::new(bucket), trusted.log()?).bundle(&cx, id).await?;
            Ok((bundle.ok_or_else(|| format!("the ledger in {} does not have {id}", ledger.display()))?, 0))
        }
    }
}

fn trust(keys: &[PathBuf]) -> Result<TrustRoot, Failure> {
    let key = |file: &PathBuf| -> Result<PublicKey, Failure> {
        let pem = String::from_utf8(read(file)?)?;
        PublicKey::from_pem(&pem).map_err(|error| format!("{}: {error}", file.display()).into())
    };
    Ok(TrustRoot::new(keys.iter().map(key).collect::<Result<Vec<_>, _>>()?))
}

/// A folder that is there: verifying makes none.
fn existing(folder: &Path) -> Result<&Path, Failure> {
    if folder.is_dir() { Ok(folder) } else { Err(format!("{} is no folder", folder.display()).into()) }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()).into())
}
