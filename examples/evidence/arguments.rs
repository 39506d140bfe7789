//! The arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pathops_core::adapter::{EvidenceCursor, SubjectDigest};
use pathops_core::evidence::KeyId;
use pathops_core::policy::Verdict;
use pathops_core::{ChangeSetId, Digest, EnvironmentId, ProducerName, UnitId, UnixMillis};
use pathops_evidence::MAX_PAYLOAD_BYTES;
use pathops_evidence::ledger::Witness;
use pathops_evidence::report::Format;

use pathops_examples::Failure;
use pathops_examples::store::{Address, Store};

/// Takes evidence in, finds it, and verifies it. Exit codes: 0 done, or VERIFIED; 1 FAILED; 2 NOT VERIFIED, or the input cannot
/// be used.
#[derive(Debug, Parser)]
#[command(name = "evidence")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Takes reports of tools in: recognises them by their content, takes secrets out of them, stores, signs and logs them.
    Ingest(Ingest),
    /// Verifies a store or a ledger or a Sigstore bundle (a file), and says what was checked and what was not.
    Verify(Verify),
    /// Finds evidence, the newest first.
    Query(Query),
    /// Goes from a digest back to what led to it: change sets, people, tests, scans, decisions.
    Origin {
        /// What of: `sha256:…`, `gitCommit:…`, `gitTree:…`.
        #[arg(value_parser = subject)]
        digest: SubjectDigest,
        #[command(flatten)]
        place: There,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Says what is different between two snapshots, each by the name of its evidence.
    Diff {
        /// The first.
        first: String,
        /// The second.
        second: String,
        #[command(flatten)]
        place: There,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Makes the index of a store anew from its ledger.
    RebuildIndex {
        #[command(flatten)]
        place: There,
        /// Believes the log that signatures are what they were when they were appended: much faster.
        #[arg(long)]
        quick: bool,
        /// Adds what the ledger has from this leaf on to the index that is there, instead of making it anew.
        #[arg(long, value_name = "LEAF", default_value_t = 0)]
        from: u64,
    },
    /// Erases a report that was taken in with `--erasable`: says so in the ledger, and destroys the key that it is encrypted with.
    Erase {
        /// The digest that it is stored by, as `ingest` has told it.
        payload: Digest,
        #[command(flatten)]
        place: Place,
        /// On whose word: `request 17 of the customer`.
        #[arg(long, value_name = "TEXT")]
        authority: String,
        /// The retention policy in force, `retention.yaml` of the project's meta repository: what a hold of it is on is not erased.
        /// Without it only those holds are known that were signed into evidence.
        #[arg(long, value_name = "FILE")]
        retention: Option<PathBuf>,
    },
    /// Writes a piece of evidence out as a Sigstore bundle, with the proof that it is in the ledger.
    Export {
        /// The name of the evidence, as `query` tells it, and no file: SHA-256 in hexadecimal, of what was signed.
        id: String,
        #[command(flatten)]
        place: There,
        #[command(flatten)]
        trusted: Trusted,
        /// A witness, by its verifier key (`NAME+ID+KEY`), whose cosignature of the newest checkpoint goes into the bundle; several may be
        /// given. Those of others are left out.
        #[arg(long, value_name = "KEY", value_parser = witness)]
        witness: Vec<Witness>,
        /// Where to write it; otherwise it is printed.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Where the golden path keeps its evidence.
const GOLDEN_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/golden-path/store");

/// Which store evidence is written into.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The store: a folder, or `s3://<bucket>/<folder>`, with the credential in `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`.
    #[arg(long, value_name = "PLACE")]
    store: Address,
    /// Of a store at S3, the folder of this machine with its index and its private keys; otherwise one below
    /// `$XDG_STATE_HOME/pathops/evidence`.
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
}

impl Place {
    pub(crate) fn store(self) -> Result<Store, Failure> {
        Store::at(self.store, self.local)
    }
}

/// Which store is looked into.
#[derive(Clone, Debug, Args)]
pub(crate) struct There {
    /// The store: a folder, or `s3://<bucket>/<folder>`, with the credential in `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`; otherwise the one that the golden path has written, in `target/golden-path/store` of this workspace.
    #[arg(long, value_name = "PLACE", default_value = GOLDEN_PATH, hide_default_value = true)]
    store: Address,
    /// Of a store at S3, the folder of this machine with its index and its private keys; otherwise one below
    /// `$XDG_STATE_HOME/pathops/evidence`.
    #[arg(long, value_name = "DIR")]
    local: Option<PathBuf>,
}

impl There {
    pub(crate) fn store(self) -> Result<Store, Failure> {
        Store::at(self.store, self.local)
    }
}

/// Who the log is.
#[derive(Debug, Args)]
pub(crate) struct Trusted {
    /// The `trusted_root.json` that names the log, from elsewhere than the store; otherwise the one that lies in it, and it is said so.
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The store or ledger, a folder or `s3://<bucket>/<folder>`; or the bundle.
    pub(crate) path: Address,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    /// A public key whose evidence counts, in PEM; several may be given. Otherwise, of a bundle, those in `keys/` beside the
    /// trusted root; of a store those that lie in it, and it is said so.
    #[arg(long, value_name = "PEM")]
    pub(crate) key: Vec<PathBuf>,
    /// A public key of a producer of evidence, such as a scanner, by its name, in PEM; several may be given. It counts for what the
    /// producer makes, and for nothing that only PathOps may state. In a store they lie in `keys/producers/<name>/`.
    #[arg(long, value_name = "NAME=PEM", value_parser = producer)]
    pub(crate) producer: Vec<(ProducerName, PathBuf)>,
    /// Whose certificates count where an authority that the trusted root names has issued them: the URI or the e-mail address that they
    /// are for, and the URL of who has told the authority that it was they. Several may be given. They count as PathOps' own, at the time
    /// that a witness vouches for.
    #[arg(long, num_args = 2, value_names = ["SUBJECT", "ISSUER"], requires = "trusted_root")]
    pub(crate) identity: Vec<String>,
    /// A checkpoint that is known from elsewhere, for example from the meta repository: what was cut back or forked shows. Of a store in a
    /// folder the last one is known that was signed on this machine, which lies beside the private keys, in `<folder>.keys`.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// A Git repository that has written the log's checkpoints down, such as the meta repository, whole and not shallow: each
    /// `log/checkpoint` in the first-parent history of its HEAD has to be one of this log, so that two forks show.
    #[arg(long, value_name = "REPO")]
    pub(crate) history: Option<PathBuf>,
    /// A witness, by its verifier key (`NAME+ID+KEY`); several may be given.
    #[arg(long, value_name = "KEY", value_parser = witness)]
    pub(crate) witness: Vec<Witness>,
    /// How many of the witnesses have to have cosigned the newest checkpoint; otherwise all of them.
    #[arg(long, value_name = "N", requires = "witness")]
    pub(crate) witnesses: Option<usize>,
    /// Where the blobs lie: what is referred to has to be there. Otherwise in the store.
    #[arg(long, value_name = "PLACE")]
    pub(crate) blobs: Option<Address>,
    /// Leave payloads out where there is no blob store, and take it upon yourself that they may be gone.
    #[arg(long, conflicts_with = "blobs")]
    pub(crate) without_payloads: bool,
    /// Leave it out whether encrypted payloads can be opened where the keys of payloads are not in the store, as where it was handed on
    /// without them. Otherwise it is not verified then.
    #[arg(long)]
    pub(crate) without_payload_keys: bool,
    /// Leave it out what gave snapshots their numbers where nothing of that is in the store, as in a copy of the log alone. Otherwise
    /// it is not verified then.
    #[arg(long)]
    pub(crate) without_snapshot_numbers: bool,
    /// How many bytes of payloads are read; where there are more, it is not verified, and said at which.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_PAYLOAD_BYTES)]
    pub(crate) payload_bytes: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// The reports.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// It is made where there is none.
    #[command(flatten)]
    pub(crate) place: Place,
    /// What it is about: `sha256:…`, `gitCommit:…`, `gitTree:…`; several may be given. Otherwise each report is about itself, as
    /// it is stored.
    #[arg(long, value_name = "DIGEST", value_parser = subject)]
    pub(crate) subject: Vec<SubjectDigest>,
    /// The format, where it is not to be recognised. A log (`pod-log`) may be of any size.
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// When what is reported was so, in RFC 3339; otherwise when the report says that it was made, or else when its file was last
    /// written.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<UnixMillis>,
    /// Who hands it in: a URI.
    #[arg(long, value_name = "URI", default_value = "urn:pathops:evidence-command")]
    pub(crate) attester: String,
    /// Of tests: which suite.
    #[arg(long, default_value = "reported")]
    pub(crate) suite: String,
    /// The change set that they belong to.
    #[arg(long, value_name = "ID")]
    pub(crate) change_set: Option<ChangeSetId>,
    /// The app or component.
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<UnitId>,
    /// Where, beside the app. Without both of them coverage and measurements are kept, and state nothing.
    #[arg(long, value_name = "NAME", requires = "app")]
    pub(crate) environment: Option<EnvironmentId>,
    /// Of tests: the change did not touch the pipeline that ran them.
    #[arg(long)]
    pub(crate) pipeline_unchanged: bool,
    /// Stores each report encrypted with a key of its own, so that it can be erased.
    #[arg(long)]
    pub(crate) erasable: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) place: There,
    /// About this: `sha256:…`, `gitCommit:…`, `gitTree:…`.
    #[arg(long, value_name = "DIGEST", value_parser = subject)]
    pub(crate) subject: Option<SubjectDigest>,
    /// Of this change set.
    #[arg(long, value_name = "ID")]
    pub(crate) change_set: Option<ChangeSetId>,
    /// Of this app or component.
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<UnitId>,
    /// In this environment.
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<EnvironmentId>,
    /// Of this kind: the URI of its predicate.
    #[arg(long, value_name = "URI")]
    pub(crate) kind: Option<String>,
    /// By this key: SHA-256 of it, in hexadecimal.
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(crate) producer: Option<KeyId>,
    /// For, against, or neither: `pass`, `fail`, `unknown`.
    #[arg(long, value_parser = verdict)]
    pub(crate) verdict: Option<Verdict>,
    /// From this time, in RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<UnixMillis>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<UnixMillis>,
    /// Behind this place, as the page before has said.
    #[arg(long, value_name = "PLACE")]
    pub(crate) after: Option<EvidenceCursor>,
    /// How much at once.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u16,
    /// Proves of each that it is in the ledger, or says that it is not.
    #[arg(long)]
    pub(crate) proofs: bool,
    /// As JSON, a line for each; with proofs, each has its own.
    #[arg(long)]
    pub(crate) json: bool,
}

fn subject(text: &str) -> Result<SubjectDigest, String> {
    let (algorithm, value) = text.split_once(':').unwrap_or(("sha256", text));
    let subject = SubjectDigest { algorithm: algorithm.to_owned(), value: value.to_owned() };
    let wrong = || format!("`{text}` is no digest: write `sha256:`, `gitCommit:` or `gitTree:` and lower-case hexadecimal");
    if subject.is_looked_for() { Ok(subject) } else { Err(wrong()) }
}

fn key(text: &str) -> Result<KeyId, String> {
    Digest::from_hex(text.trim_start_matches("sha256:")).map(KeyId).map_err(|error| error.to_string())
}

fn producer(text: &str) -> Result<(ProducerName, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or_else(|| format!("`{text}` is no `NAME=PEM`"))?;
    Ok((name.parse().map_err(|error| format!("{error}"))?, file.into()))
}

fn witness(text: &str) -> Result<Witness, String> {
    Witness::from_verifier_key(text).map_err(|error| format!("this is no verifier key of a witness: {error}"))
}

fn verdict(text: &str) -> Result<Verdict, String> {
    [Verdict::Pass, Verdict::Unknown, Verdict::Fail]
        .into_iter()
        .find(|it| it.to_string() == text)
        .ok_or_else(|| "write pass, fail or unknown".to_owned())
}
