//! Shows what a webhook says, and whether it comes from its sender.
//!
//! `cargo run --example webhook -- decode SOURCE FILE` prints as JSON what the body in FILE says, as `SOURCE` sends it: `github`,
//! `gitlab`, `argo-cd`, `alertmanager`, `sentry`, `dependency-track`, `standard`, `cloud-events` or `ci`. Headers are given by
//! `--header 'NAME: VALUE'`. With `--secret-file` it is also checked who sent it, as the gateway would; a second file holds the
//! secret of before. What GitHub calls an event only its header says; without it, the file's name does, up to its first dot.
//!
//! Exit codes: 0 it was understood, 1 it is not from the sender or not what the sender sent, 2 the input cannot be used, 3 it
//! would be kept and is not understood.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pathops_adapters::system::SystemClock;
use pathops_adapters::webhook::{Reading, Secrets, Sender, Source, TokenIn};
use pathops_core::adapter::{Clock as _, Hint, Rejection, WebhookRequest, WebhookSource as _};
use serde_json::json;

const REFUSED: u8 = 1;
const UNUSABLE: u8 = 2;
const UNKNOWN: u8 = 3;

/// Shows what a webhook says, and whether it comes from its sender.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints as JSON what the body in a file says.
    Decode(Decode),
}

#[derive(Debug, Parser)]
struct Decode {
    /// Who sends it: github, gitlab, argo-cd, alertmanager, sentry, dependency-track, standard, cloud-events or ci.
    source: Sender,
    /// The body, as it came.
    file: PathBuf,
    /// A header, as `NAME: VALUE`; as often as needed.
    #[arg(long, value_parser = header)]
    header: Vec<(String, String)>,
    /// A file with the secret; without it nobody checks who sent it. Once more for the one of before.
    #[arg(long)]
    secret_file: Vec<PathBuf>,
}

enum Failure {
    Refused(Rejection),
    Unusable(String),
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `NAME: VALUE`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn main() -> ExitCode {
    let Command::Decode(decode) = Arguments::parse().command;
    let (code, said) = match decode.run() {
        Ok(reading) => {
            let understood = reading.hints.iter().any(|hint| !matches!(hint, Hint::Unknown { .. }));
            let verified = !decode.secret_file.is_empty();
            let said = json!({
                "source": decode.source.as_str(), "verified": verified, "key": reading.key, "lane": reading.lane, "hints": reading.hints,
            });
            (if understood { 0 } else { UNKNOWN }, format!("{said:#}\n"))
        }
        Err(failure) => {
            let (code, why) = match failure {
                Failure::Refused(rejection) => (REFUSED, rejection.to_string()),
                Failure::Unusable(why) => (UNUSABLE, why),
            };
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "webhook: {why}");
            (code, String::new())
        }
    };
    match io::stdout().write_all(said.as_bytes()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(UNUSABLE),
    }
}

impl Decode {
    fn run(&self) -> Result<Reading, Failure> {
        let body = read(&self.file)?;
        let mut headers = self.header.clone();
        if self.source == Sender::GitHub && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("X-GitHub-Event")) {
            let name = self.file.file_name().unwrap_or_default().to_string_lossy();
            headers.push(("X-GitHub-Event".to_owned(), name.split('.').next().unwrap_or_default().to_owned()));
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let request = WebhookRequest::new(&headers, &body, SystemClock.now());
        let Some(secrets) = self.secrets()? else { return Ok(self.source.read_unverified(&request)?) };
        let delivery = self.verified(secrets)?.receive(&request)?;
        Ok(Reading { key: delivery.key, lane: delivery.lane, hints: delivery.hints })
    }

    fn secrets(&self) -> Result<Option<Secrets>, Failure> {
        let mut all: Option<Secrets> = None;
        for file in &self.secret_file {
            let unusable = |e: &dyn std::fmt::Display| Failure::Unusable(format!("{}: {e}", file.display()));
            let text = String::from_utf8(read(file)?).map_err(|e| unusable(&e))?;
            let text = text.trim_end_matches(['\r', '\n']);
            let one = if text.starts_with("whsec_") { Secrets::whsec(text) } else { Secrets::new(text) };
            let one = one.map_err(|e| unusable(&e))?;
            all = Some(match all {
                None => one,
                Some(before) => before.and(one).map_err(|e| unusable(&e))?,
            });
        }
        Ok(all)
    }

    fn verified(&self, secrets: Secrets) -> Result<Source, Failure> {
        let name = self.source.as_str().parse().map_err(|e: pathops_core::IdError| Failure::Unusable(e.to_string()))?;
        let is_signed = self.header.iter().any(|(name, _)| name.eq_ignore_ascii_case("webhook-signature"));
        Ok(match self.source {
            Sender::GitHub => Source::github(name, secrets),
            Sender::GitLab if is_signed => Source::gitlab_signed(name, secrets),
            Sender::GitLab => Source::gitlab(name, secrets),
            Sender::ArgoCd => Source::argo_cd(name, TokenIn::Bearer, secrets),
            Sender::Alertmanager => Source::alertmanager(name, TokenIn::Bearer, secrets),
            Sender::Sentry => Source::sentry(name, secrets),
            Sender::DependencyTrack => Source::dependency_track(name, TokenIn::Bearer, secrets),
            Sender::Standard => Source::standard(name, secrets),
            Sender::CloudEvents => Source::cloud_events(name, TokenIn::Bearer, secrets),
            Sender::Ci => Source::ci(name, secrets),
            other => return Err(Failure::Unusable(format!("`{}` is not known to this example", other.as_str()))),
        })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::Unusable(format!("{}: {e}", file.display())))
}
