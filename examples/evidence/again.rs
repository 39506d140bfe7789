//! The same command once more, built with S3.
//!
//! What S3 takes is not built for those who have their store in a folder. Where Cargo runs the command, it can build it with S3 as soon as
//! somebody names a store there.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode};

/// Whether one of the arguments is a store at S3.
pub(crate) fn names_s3(arguments: &[OsString]) -> bool {
    arguments.iter().filter_map(|it| it.to_str()).any(|it| it.starts_with("s3://") || it.contains("=s3://"))
}

/// Runs it, and gives its exit code; `None` where nothing but this program is at hand, which was not run by Cargo.
pub(crate) fn with_s3(arguments: &[OsString]) -> Option<io::Result<ExitCode>> {
    let mut cargo = Command::new(env::var_os("CARGO").filter(|cargo| !cargo.is_empty())?);
    cargo.args(["run", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo.args(["--example", "evidence", "--features", "s3", "--"]).args(arguments).status();
    // One that was killed has no code.
    Some(status.map(|status| status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX).into()))
}
