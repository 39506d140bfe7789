//! The evidence command with a store at S3, on a server that keeps its word, and on one that does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::evidence_command::{OWN, Run, artifact, run_with};
use crate::program::{Features, linked};

#[path = "../../pathops-adapters/tests/s3/server.rs"]
mod server;

use server::{BUCKET, KEY, SECRET, Server};

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| linked("evidence", Features::All))
}

/// A machine with its own folders, from which a server is reached.
struct Machine {
    home: TempDir,
    endpoint: String,
}

impl Machine {
    fn of(server: &Server) -> Self {
        Self { home: tempfile::tempdir().unwrap(), endpoint: server.endpoint() }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let home = self.home.path().to_str().unwrap();
        let known = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_ENDPOINT_URL", &self.endpoint)];
        run_with(program(), arguments, &[known.as_slice(), &[("HOME", home), ("XDG_STATE_HOME", "")]].concat())
    }

    fn ingests(&self, store: &str, more: &[&str]) -> Run {
        let about = ["--subject", &artifact(), "--app", "orders", "--at", "2026-11-22T12:00:00Z"];
        self.run(&[&["ingest", "tap/good-14.tap", "trivy/bad.json", "--store", store], about.as_slice(), more].concat())
    }

    /// The one local folder that was made without having been given.
    fn usual(&self) -> PathBuf {
        let all = fs::read_dir(self.home.path().join(".local/state/pathops/evidence")).unwrap();
        let mut all: Vec<_> = all.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn found(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.run(&[&["query", "--json", "--proofs"], arguments].concat());
        run.works().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn every_command_works_on_a_store_at_s3() {
    let Some(server) = Server::seaweed_fs() else { return };
    let (one, store) = (Machine::of(&server), format!("s3://{BUCKET}/shop/evidence"));
    one.run(&["query", "--store", &store]).is_refused("is no store of evidence: it has no ledger");
    let told = one.ingests(&store, &[]);
    assert!(told.works().contains("tap/good-14.tap: tap, 0 secrets taken out"), "{told:?}");
    let found = one.found(&["--store", &store]);
    assert_eq!(found.len(), 4, "two references, tests and a scan");
    assert!(found.iter().all(|it| it["proof"]["checkpoint"]["size"] == 4), "{found:?}");
    assert!(one.run(&["origin", &artifact(), "--store", &store]).works().contains("scan"));
    let verified = one.run(&["verify", &store]);
    assert!(verified.works().starts_with(OWN) && !verified.1.contains("payloads: no blob store"), "{verified:?}");
    let id = found[0]["evidence"]["id"].as_str().unwrap();
    let bundle = one.run(&["export", id, "--store", &store]);
    assert!(bundle.works().contains("application/vnd.dev.sigstore.bundle"), "{bundle:?}");
    one.run(&["diff", id, id, "--store", &store]).is_refused("is no snapshot");

    // The keys are on this machine and nowhere else: from another one it is read, and not written.
    let secret = fs::read(one.usual().join("keys/log.seed")).unwrap();
    assert!(secret.len() >= 64);
    let other = Machine::of(&server);
    other.run(&["verify", &store]).works();
    other.run(&["query", "--store", &store]).is_refused("`rebuild-index` makes it");
    assert_eq!(other.run(&["rebuild-index", "--store", &store]).works(), "4 of 4 leaves are in the index\n");
    assert_eq!(other.found(&["--store", &store]), found);
    other.ingests(&store, &[]).is_refused("its private key is to be in");

    // A local folder that is given belongs to one store.
    let local = one.home.path().join("local");
    let local = ["--local", local.to_str().unwrap()];
    let second = format!("s3://{BUCKET}/second");
    one.ingests(&second, &local).works();
    one.found(&[&["--store", &second], local.as_slice()].concat());
    let why = format!("belongs to the store {second} at {}, not to {store} at", server.endpoint());
    one.run(&[&["query", "--store", &store], local.as_slice()].concat()).is_refused(&why);
    one.ingests("folder", &local).is_refused("leave --local out");
}

#[test]
fn a_server_that_ignores_conditions_is_refused() {
    let Some(server) = Server::rclone() else { return };
    let machine = Machine::of(&server);
    let refused = machine.ingests(&format!("s3://{BUCKET}/shop"), &[]);
    refused.is_refused("ignores `If-None-Match`");
    assert!(!refused.2.contains(SECRET) && refused.2.contains("s3://evidence/shop/log/probe"), "{refused:?}");
}

#[test]
fn what_s3_needs_is_said() {
    let store = format!("s3://{BUCKET}/shop");
    let without = run_with(program(), &["verify", &store], &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]);
    without.is_refused("S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment");
    for (wrong, why) in
        [("s3://", "is no name of a bucket"), ("s3://UPPER/x", "is no name of a bucket"), ("gs://b", "no store is kept")]
    {
        run_with(program(), &["verify", wrong], &[]).is_refused(why);
    }
}

/// Where Cargo runs the command, it runs it again with S3 for a store there: here a script in its place says what it is asked.
#[test]
fn a_store_at_s3_takes_no_more_than_its_name() {
    let (folder, plain) = (tempfile::tempdir().unwrap(), linked("evidence", Features::Plain));
    let cargo = folder.path().join("cargo");
    fs::write(&cargo, "#!/bin/sh\necho \"$*\"\nexit 1\n").unwrap();
    fs::set_permissions(&cargo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let cargo = cargo.to_str().unwrap();
    for arguments in [&["verify", "s3://bucket/evidence"][..], &["query", "--store=s3://bucket/evidence", "--app", "orders"]] {
        let again = run_with(&plain, arguments, &[("CARGO", cargo)]);
        assert_eq!(again.0, Some(1), "its verdict is the verdict: {again:?}");
        assert!(again.1.ends_with(&format!("--example evidence --features s3 -- {}\n", arguments.join(" "))), "{again:?}");
    }
    run_with(&plain, &["verify", "s3://bucket"], &[("CARGO", "/nowhere/cargo")]).is_refused("cannot build this command with S3");
    run_with(&plain, &["query", "--store", "folder"], &[("CARGO", cargo)]).is_refused("no store of evidence");
}
