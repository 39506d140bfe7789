//! The evidence command, end to end: a store is filled, asked, verified, and its index made anew.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use pathops_adapters::local_signer::{LocalSigner, local_seed};
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_core::adapter::Signer;
use pathops_core::evidence::{
    AbsenceKind, Health, Occasion, Predicate as _, ScanTimes, Scanner, Subject, TestResult, Vulnerabilities, Window,
};
use pathops_core::{Digest, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::{Collection, Draft, Position, Sealer, SnapshotOf};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Features, ROOT, linked};
use crate::world::{cx, wait};

const REPORTS: &str = "pathops-evidence/tests/fixtures/report";

pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| linked("evidence", Features::Plain))
}

/// How an answer begins where nobody has said whose keys it is to be against.
pub(crate) const OWN: &str = "VERIFIED against the store's own keys\n";

/// A run that has ended: code, answer, and what went wrong.
#[derive(Debug)]
pub(crate) struct Run(pub(crate) Option<i32>, pub(crate) String, pub(crate) String);

pub(crate) fn run(arguments: &[&str]) -> Run {
    run_with(program(), arguments, &[])
}

/// A run of the command as it was built, with variables in its environment.
pub(crate) fn run_with(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = Command::new(program);
    command.envs(environment.iter().copied());
    let output = command.args(arguments).current_dir(Path::new(ROOT).join(REPORTS)).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run(output.status.code(), text(output.stdout), text(output.stderr))
}

impl Run {
    #[track_caller]
    pub(crate) fn works(&self) -> &str {
        assert!(self.0 == Some(0) && self.2.is_empty(), "{self:?}");
        &self.1
    }

    #[track_caller]
    pub(crate) fn is_refused(&self, why: &str) {
        assert!(self.0 == Some(2) && self.1.is_empty() && self.2.contains(why) && !self.2.contains("panicked"), "{self:?}");
    }
}

pub(crate) fn artifact() -> String {
    Digest::of(b"artifact").to_string()
}

/// A store in a folder, and what was said when it was filled.
pub(crate) struct Store(pub(crate) TempDir, pub(crate) String);

impl Store {
    /// A store with reports about an artifact in it.
    pub(crate) fn filled() -> Self {
        let mut store = Self(tempfile::tempdir().unwrap(), String::new());
        let about = ["--subject", &artifact(), "--app", "orders", "--change-set", "dates-1", "--at", "2026-11-22T12:00:00Z"];
        let files = ["tap/good-14.tap", "trivy/bad.json", "cyclonedx-json/good.json", "lcov/good.info"];
        let told = store.run("ingest", &[files.as_slice(), &about].concat());
        let told = told.works();
        assert!(told.contains("tap/good-14.tap: tap, 0 secrets taken out") && told.contains("trivy/bad.json: trivy"), "{told}");
        store.1 = told.to_owned();
        store
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }

    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Run {
        run(&[&[command, "--store", self.path().to_str().unwrap()], more].concat())
    }

    pub(crate) fn verify(&self, more: &[&str]) -> Run {
        run(&[&["verify", self.path().to_str().unwrap()], more].concat())
    }

    /// What a query finds, a line of JSON for each.
    pub(crate) fn found(&self, more: &[&str]) -> Vec<Value> {
        let run = self.run("query", &[&["--json"], more].concat());
        run.works().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Where one of the reports lies.
    pub(crate) fn payload(&self) -> PathBuf {
        let payload = self.1.lines().find_map(|line| line.strip_prefix("tap/")?.split_once("stored as sha256:")).unwrap().1;
        self.file(&format!("blobs/sha256/{}/{payload}", &payload[..2]))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// What may have to go is stored encrypted; erased, nobody can read it, and what was signed still verifies.
#[test]
fn a_report_that_is_erased_leaves_a_tombstone_and_a_store_that_verifies() {
    let store = Store::filled();
    let about = ["--subject", &artifact(), "--at", "2026-11-22T12:00:00Z"];
    let told = store.run("ingest", &[&["junit/good-pytest.xml", "--erasable"], &about[..]].concat());
    let told = told.works().to_owned();
    let payload = told.split_once("stored as ").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let hex = payload.strip_prefix("sha256:").unwrap();
    let key = store.file(&format!("payload-keys/{hex}"));
    let ciphertext = store.file(&format!("blobs/sha256/{}/{hex}", &hex[..2]));
    assert!(key.is_file() && !String::from_utf8_lossy(&fs::read(&ciphertext).unwrap()).contains("testcase"));
    let kept = fs::read(&key).unwrap();
    for spoilt in [Vec::new(), kept[..kept.len() - 1].to_vec(), [&kept[..kept.len() - 1], &[kept[kept.len() - 1] ^ 1]].concat()] {
        fs::write(&key, spoilt).unwrap();
        let verified = store.verify(&[]);
        assert!(verified.0 == Some(1) && verified.1.contains("`good-pytest.xml`") && verified.1.contains(" key"), "{verified:?}");
    }
    fs::write(&key, kept).unwrap();
    assert!(store.verify(&[]).works().starts_with(OWN));
    let (keys, elsewhere) = (store.file("payload-keys"), store.0.path().join("payload-keys"));
    fs::rename(&keys, &elsewhere).unwrap();
    let locked = store.verify(&[]);
    let line = locked.1.lines().find(|line| line.starts_with("  missing   whether the keys are there that open "));
    let place = format!("payloads, which are encrypted: there are none at {}; --without-payload-keys", keys.display());
    assert!(locked.0 == Some(2) && locked.1.starts_with("NOT VERIFIED\n"), "{locked:?}");
    assert!(line.is_some_and(|line| line.contains(&place)), "{locked:?}");
    let handed_on = store.verify(&["--without-payload-keys"]);
    assert!(handed_on.works().starts_with(OWN), "{handed_on:?}");
    assert!(handed_on.1.contains("left out  whether the keys are there that open "), "{handed_on:?}");
    fs::rename(&elsewhere, &keys).unwrap();

    let clear = format!("sha256:{}", store.payload().file_name().unwrap().to_str().unwrap());
    store.run("erase", &[&clear, "--authority", "a test"]).is_refused("it was not sealed");
    let retention = store.0.path().join("retention.yaml");
    let erase = ["erase", &payload, "--authority", "request 17", "--retention", retention.to_str().unwrap()];
    let on = |spec: &str| fs::write(&retention, format!("apiVersion: pathops.dev/v1\nkind: Retention\nspec:\n{spec}")).unwrap();
    on(&format!("  classes: {{}}\n  holds:\n    case: {{reason: a case, blobs: ['{payload}']}}\n"));
    store.run(erase[0], &erase[1..]).is_refused("the legal hold `case` is on it");
    fs::write(&retention, "spec: 7").unwrap();
    store.run(erase[0], &erase[1..]).is_refused("retention.yaml");
    on("  classes: {}\n");
    assert!(!store.run(erase[0], &erase[1..]).works().contains("no retention policy was given") && !key.exists());
    for _ in 0..2 {
        let erased = store.run("erase", &[&payload, "--authority", "request 17"]);
        assert!(erased.works().starts_with(&format!("{payload} is erased, by the tombstone ")), "{erased:?}");
        assert!(!key.exists());
    }
    assert!(store.verify(&[]).works().starts_with(OWN));
    // Of what is erased nobody has to have the key.
    fs::rename(&keys, &elsewhere).unwrap();
    let erased = store.verify(&[]);
    assert!(erased.works().starts_with(OWN) && !erased.1.contains("which are encrypted"), "{erased:?}");
    fs::rename(&elsewhere, &keys).unwrap();
    // The ciphertext may go too: the tombstone says why.
    fs::remove_file(&ciphertext).unwrap();
    let verified = store.verify(&[]);
    assert!(verified.works().contains("erased by tombstone") && verified.1.contains("request 17"), "{verified:?}");
}

#[test]
fn what_is_taken_in_is_found_by_each_condition_with_its_proof() {
    let store = Store::filled();
    let all = store.found(&[]);
    assert_eq!(all.len(), 7, "four references, tests, a scan and a bill of materials");
    let about = artifact();
    for (conditions, expected) in [
        (&["--app", "orders"][..], 7),
        (&["--app", "web"], 0),
        (&["--change-set", "dates-1"], 7),
        (&["--change-set", "dates-1", "--verdict", "unknown"], 6),
        (&["--change-set", "dates-1", "--verdict", "fail"], 1),
        (&["--verdict", "pass"], 0),
        (&["--verdict", "fail"], 1),
        (&["--subject", &about], 7),
        (&["--kind", "https://cyclonedx.org/bom"], 1),
        (&["--from", "2026-11-22T12:00:00Z", "--until", "2026-11-22T12:00:01Z", "--verdict", "fail"], 1),
        (&["--until", "2026-11-22T12:00:00Z", "--verdict", "fail"], 0),
        (&["--from", "2026-11-22T12:00:00Z"], 7),
        (&["--from", "2026-11-22T12:00:01Z"], 1),
        (&["--environment", "preflight"], 0),
        (&["--producer", all[0]["facets"]["signer"].as_str().unwrap()], 7),
        (&["--limit", "2"], 3),
    ] {
        assert_eq!(store.found(conditions).len(), expected, "{conditions:?}");
    }
    let proven = store.found(&["--proofs"]);
    assert!(proven.iter().all(|it| it["proof"]["checkpoint"]["size"] == 7), "{proven:?}");
    // Page after page it is all of it.
    let (mut paged, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut more = vec!["--limit", "3"];
        more.extend(after.as_deref().into_iter().flat_map(|after| ["--after", after]));
        let mut page = store.found(&more);
        let next = page.pop_if(|last| last.get("next").is_some());
        paged.extend(page);
        match next {
            Some(next) => after = Some(next["next"].as_str().unwrap().to_owned()),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let text = store.run("query", &["--app", "orders", "--proofs"]);
    assert!(text.works().contains("orders dates-1  leaf "), "{text:?}");
}

#[test]
fn a_store_verifies_and_says_whom_it_believed() {
    let store = Store::filled();
    let own = store.verify(&[]);
    assert!(own.works().starts_with(OWN) && own.1.contains("7 envelopes"), "{own:?}");
    assert!(own.1.contains("who the log is: what the store itself says was believed"), "{own:?}");
    assert!(own.1.contains("who the signers are: what the store itself says was believed"), "{own:?}");
    assert!(!own.1.contains("payloads"), "what is referred to was looked at: {own:?}");
    // With what was kept elsewhere, nothing of that is left open.
    let kept = tempfile::tempdir().unwrap();
    let (root, key) = (kept.path().join("root.json"), kept.path().join("key.pem"));
    fs::copy(store.file("trusted_root.json"), &root).unwrap();
    fs::copy(fs::read_dir(store.file("keys")).unwrap().next().unwrap().unwrap().path(), &key).unwrap();
    let (root, key) = (root.to_str().unwrap(), key.to_str().unwrap());
    let checkpoint = store.file("log/checkpoint");
    let full = store.verify(&["--trusted-root", root, "--key", key, "--checkpoint", checkpoint.to_str().unwrap()]);
    let left_out: Vec<_> = full.works().lines().filter(|line| line.contains("left out")).collect();
    assert!(
        full.1.starts_with("VERIFIED\n") && matches!(left_out[..], [line] if line.contains("artifacts and commits")),
        "{full:?}"
    );
    // What lies in the store is its own word, also where it is named, by whichever way.
    let link = kept.path().join("link.json");
    symlink(store.file("trusted_root.json"), &link).unwrap();
    for named in [store.file("trusted_root.json"), store.path().join("../store/trusted_root.json"), link] {
        let own = store.verify(&["--trusted-root", named.to_str().unwrap(), "--key", key]);
        assert!(own.works().starts_with(OWN) && own.1.contains("who the log is: "), "{own:?}");
        assert!(!own.1.contains("who the signers are: "), "{own:?}");
    }
    let beside = store.verify(&["--trusted-root", store.file("trusted_root.json").to_str().unwrap()]);
    assert!(beside.works().contains("who the log is: ") && beside.1.contains("who the signers are: "), "{beside:?}");
    let its_key = fs::read_dir(store.file("keys")).unwrap().next().unwrap().unwrap().path();
    let its_key = store.verify(&["--trusted-root", root, "--key", its_key.to_str().unwrap()]);
    assert!(its_key.works().starts_with(OWN) && its_key.1.contains("who the signers are: "), "{its_key:?}");
    assert!(!its_key.1.contains("who the log is: "), "{its_key:?}");
    // A store that was made anew by somebody else is another one.
    let other = Store::filled();
    assert_eq!(other.verify(&["--trusted-root", root]).0, Some(1));
    assert_eq!(other.verify(&["--key", key]).0, Some(1));
    // A report that is gone or changed is named.
    let blob = store.payload();
    fs::remove_file(&blob).unwrap();
    let gone = store.verify(&[]);
    assert!(gone.0 == Some(1) && gone.1.contains("`good-14.tap` of the reference at leaf 0: the blob"), "{gone:?}");
    fs::write(&blob, "another report").unwrap();
    assert_eq!(store.verify(&[]).0, Some(1));
    fs::remove_dir_all(store.file("blobs")).unwrap();
    assert_eq!(store.verify(&[]).0, Some(1), "that all of them are gone is no better");
}

#[test]
fn where_no_store_is_named_that_of_the_golden_path_is_looked_into_and_none_is_written() {
    let looked = run(&["query", "--limit", "1"]);
    assert!(looked.0 == Some(0) || looked.2.contains("target/golden-path/store is no store of evidence"), "{looked:?}");
    run(&["ingest", "tap/good-14.tap"]).is_refused("--store <PLACE>");
    run(&["erase", &artifact(), "--authority", "request 17"]).is_refused("--store <PLACE>");
}

#[test]
fn what_is_no_store_is_not_verified() {
    let store = Store::filled();
    let nothing = tempfile::tempdir().unwrap();
    let nothing = nothing.path().to_str().unwrap();
    run(&["verify", nothing]).is_refused("NOT VERIFIED");
    run(&["query", "--store", nothing]).is_refused("is no store of evidence");
    run(&["verify", store.file("log/checkpoint").to_str().unwrap()]).is_refused("give --trusted-root");
    let key = fs::read_dir(store.file("keys")).unwrap().next().unwrap().unwrap().path();
    let (root, key) = (store.file("trusted_root.json"), key.to_str().unwrap().to_owned());
    let endless = ["verify", "/dev/zero", "--trusted-root", root.to_str().unwrap(), "--key", &key];
    run(&endless).is_refused("it is neither a folder nor a file");
}

/// Puts something that is no file in the place of one.
fn replace(file: &Path, with: &str) {
    fs::remove_file(file).unwrap();
    match with {
        "pipe" => mknodat(CWD, file, FileType::Fifo, Mode::RWXU, 0).unwrap(),
        "endless" => symlink("/dev/zero", file).unwrap(),
        _ => fs::File::create(file).unwrap().set_len(1 << 42).unwrap(),
    }
}

#[test]
fn what_never_ends_in_a_store_is_told_and_not_waited_for() {
    for with in ["pipe", "endless", "vast"] {
        let store = Store::filled();
        let batch = fs::read_dir(store.file("log/batch")).unwrap().next().unwrap().unwrap().path();
        let blob = store.payload();
        let tile = store.file("log/tile/0/000.p/7");
        for (file, part) in [(blob, "the reference at leaf"), (tile, "log/tile/0/000.p/7"), (batch, "log/batch/")] {
            let whole = fs::read(&file).unwrap();
            replace(&file, with);
            let run = store.verify(&[]);
            let line = run.1.lines().find(|line| line.contains("FAILED    ") && line.contains(part));
            let why = if with == "vast" { "it has 4398046511104 bytes, and may have " } else { "it is no regular file" };
            assert!(run.0 == Some(1) && line.is_some_and(|line| line.contains(why)), "{with} {}: {run:?}", file.display());
            fs::remove_file(&file).unwrap();
            fs::write(&file, whole).unwrap();
            store.verify(&[]).works();
        }
        replace(&store.file("log/checkpoint"), with);
        let run = store.verify(&[]);
        assert!(run.0 == Some(1) && run.1.contains("FAILED    log/checkpoint"), "{with}: {run:?}");
        // Without them nothing can be said.
        let key = fs::read_dir(store.file("keys")).unwrap().next().unwrap().unwrap().path();
        for file in [key, store.file("trusted_root.json")] {
            replace(&file, with);
            let run = store.verify(&[]);
            run.is_refused("NOT VERIFIED");
        }
    }
}

#[test]
fn the_index_is_made_anew_from_the_ledger() {
    let store = Store::filled();
    let before = store.found(&["--proofs"]);
    for quick in [&[][..], &["--quick"]] {
        for end in ["", "-wal", "-shm", ".lock"] {
            fs::remove_file(store.file(&format!("evidence.db{end}"))).ok();
        }
        store.run("query", &[]).is_refused("has no index: `rebuild-index` makes it");
        assert_eq!(store.run("rebuild-index", quick).works(), "7 of 7 leaves are in the index\n");
        assert_eq!(store.found(&["--proofs"]), before, "{quick:?}");
    }
    assert_eq!(store.run("rebuild-index", &["--from", "7"]).works(), "0 of 0 leaves are in the index\n");
    // A damaged ledger makes no index, and takes none away.
    let batch = fs::read_dir(store.file("log/batch")).unwrap().map(|it| it.unwrap().path()).max().unwrap();
    fs::remove_file(batch).unwrap();
    store.run("rebuild-index", &[]).is_refused("it is missing");
    assert_eq!(store.found(&[]).len(), before.len(), "what was there stays");
}

#[test]
fn a_bundle_is_written_out_and_verifies() {
    let store = Store::filled();
    let scan = store.found(&["--verdict", "fail"])[0]["id"].as_str().unwrap().to_owned();
    let bundle = store.run("export", &[&scan]);
    assert!(run(&["export", "--help"]).works().contains("as `query` tells it, and no file"));
    let file = store.0.path().join("bundle.json");
    assert_eq!(store.run("export", &[&scan, "--out", file.to_str().unwrap()]).works(), format!("{}\n", file.display()));
    assert_eq!(fs::read_to_string(&file).unwrap(), bundle.works());
    let key = fs::read_dir(store.file("keys")).unwrap().next().unwrap().unwrap().path();
    let root = store.file("trusted_root.json");
    let against = ["--trusted-root", root.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let verified = run(&[&["verify", file.to_str().unwrap()], against.as_slice()].concat());
    assert!(verified.works().starts_with("VERIFIED\n"), "{verified:?}");
    // The keys that lie beside the trusted root go with it.
    let alone = run(&["verify", file.to_str().unwrap(), "--trusted-root", root.to_str().unwrap()]);
    assert!(alone.works().starts_with("VERIFIED\n"), "{alone:?}");
    let elsewhere = store.0.path().join("root-alone.json");
    fs::copy(&root, &elsewhere).unwrap();
    run(&["verify", file.to_str().unwrap(), "--trusted-root", elsewhere.to_str().unwrap()]).is_refused("names no key");
}

/// What was measured is stated of an app somewhere, and of nothing where nobody says of which.
#[test]
fn coverage_is_stated_where_app_and_environment_are_named() {
    let store = Store::filled();
    let take = |more: &[&str]| store.run("ingest", &[&["lcov/good.info", "--subject", &artifact()], more].concat());
    let signals = || store.found(&["--kind", "https://pathops.dev/predicate/signal/v0.1", "--environment", "preflight"]).len();
    take(&["--app", "orders"]).works();
    assert_eq!(signals(), 0);
    take(&["--app", "orders", "--environment", "preflight"]).works();
    assert_eq!(signals(), 2, "lines and branches");
    take(&["--environment", "preflight"]).is_refused("--app");
}

#[test]
fn a_report_without_a_subject_is_about_itself() {
    let store = Store::filled();
    let taken = store.run("ingest", &["tap/good-14.tap", "--json"]);
    let payload: Value = serde_json::from_str(taken.works()).unwrap();
    let about = payload["payload"].as_str().unwrap();
    let found = store.found(&["--subject", about]);
    assert!(found.len() >= 2, "{found:?}");
}

#[test]
fn from_a_digest_it_goes_back_to_what_was_reported() {
    let store = Store::filled();
    let run = store.run("origin", &[&artifact()]);
    let text = run.works();
    for part in ["change set dates-1", "tests", "scan", "bill of materials"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("of no change set"), "{text}");
    let json = store.run("origin", &["--json", &artifact()]);
    let json: Value = serde_json::from_str(json.works()).unwrap();
    let of_change = json["changeSets"]["dates-1"]["evidence"].as_array().unwrap();
    assert!(of_change.len() == 7 && of_change.iter().any(|it| it["kind"] == "tests"), "{of_change:?}");
    assert_eq!(json["others"], Value::Array(Vec::new()));
    store.run("origin", &["no-digest"]).is_refused("is no digest");
}

#[test]
fn what_is_not_recognised_is_refused_and_so_is_a_store_elsewhere() {
    let store = Store(tempfile::tempdir().unwrap(), String::new());
    let about = artifact();
    let half = store.run("ingest", &["kustomize/good.yaml", "junit/none.xml", "--json", "--subject", &about]);
    assert!(half.0 == Some(2) && half.2.contains("junit/none.xml"), "{half:?}");
    let taken: Value = serde_json::from_str(&half.1).unwrap();
    assert_eq!(taken["file"], "kustomize/good.yaml", "what was taken in before is told");
    store.run("ingest", &[".", "--subject", &about]).is_refused("it is a folder: name the files in it");
    let unknown = store.0.path().join("unknown.txt");
    fs::write(&unknown, "all is well").unwrap();
    let unknown = unknown.to_str().unwrap();
    store.run("ingest", &[unknown, "--subject", &about]).is_refused("it is in none of the formats");
    store.run("ingest", &["tap/good-14.tap", "--format", "junit", "--subject", &about]).is_refused("JUnit");
    let log = store.run("ingest", &[unknown, "--format", "pod-log", "--subject", &about]);
    assert!(log.works().contains("unknown.txt: pod-log"), "{log:?}");
    let at_s3 = ["ingest", "tap/good-14.tap", "--store", "s3://bucket/evidence", "--subject", &about];
    let elsewhere = run_with(program(), &at_s3, &[("CARGO", "")]);
    elsewhere.is_refused("this program was built without S3; run `cargo run --example evidence --features s3 -- …`");
    let private = store.0.path().join("store.keys");
    assert!(private.join("signing.pem").is_file(), "private keys lie beside the store");
    assert!(!fs::read_dir(store.path()).unwrap().any(|it| it.unwrap().file_name() == "signing.pem"));
}

/// Evidence of a producer counts where its key is known by the producer's name; and nothing that only PathOps may state.
#[test]
fn a_producer_is_known_by_its_name_and_speaks_for_nobody_else() {
    use pathops_core::memory::MemorySigner;

    let store = Store::filled();
    let scanner = || MemorySigner::from_seed(7).unwrap();
    let pem = store.0.path().join("scanner.pem");
    fs::write(&pem, scanner().public_key().to_pem()).unwrap();
    let health = Health {
        change_set: "dates-1".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 0,
        observed_on: UnixMillis(0),
    };
    let subject = || vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))];
    let scan = Vulnerabilities {
        scanner: Scanner { uri: "https://scanner.example".to_owned(), version: None, result: Vec::new() },
        metadata: ScanTimes { scan_started_on: UnixMillis(0), scan_finished_on: UnixMillis(0) },
    };
    sealed_by(&store, Arc::new(scanner()), Draft::new("scan", subject(), &scan).unwrap());
    let unknown = store.verify(&[]);
    assert!(unknown.0 == Some(1) && unknown.1.contains("leaf 7"), "{unknown:?}");
    let named = format!("scanner={}", pem.display());
    let known = store.verify(&["--producer", &named]);
    assert!(known.works().contains("of the producer `scanner`"), "{known:?}");
    store.verify(&["--producer", "scanner"]).is_refused("is no `NAME=PEM`");
    // As it lies in a store.
    let folder = store.file("keys/producers/scanner");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(&pem, folder.join("key.pem")).unwrap();
    store.verify(&[]).works();
    assert_eq!(store.run("rebuild-index", &[]).works(), "8 of 8 leaves are in the index\n");
    sealed_by(&store, Arc::new(scanner()), Draft::new("health", subject(), &health).unwrap());
    let spoken = store.verify(&[]);
    assert!(spoken.0 == Some(1) && spoken.1.contains("the producer `scanner` speaks for PathOps"), "{spoken:?}");
}

/// The ledger has what no index takes, and the rest is found as ever.
#[test]
fn what_no_index_takes_is_told_and_keeps_out_nothing_else() {
    let store = Store::filled();
    let before = store.found(&[]).len();
    let signing = store.0.path().join("store.keys/signing.pem");
    let signer = || Arc::new(LocalSigner::open_or_create(&signing).unwrap());
    let scan = |at| Vulnerabilities {
        scanner: Scanner { uri: "https://scanner.example".to_owned(), version: None, result: Vec::new() },
        metadata: ScanTimes { scan_started_on: UnixMillis(0), scan_finished_on: UnixMillis(at) },
    };
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let mut long = subject.clone();
    long.digest.insert("sha512".to_owned(), "0".repeat(8_000));
    sealed_by(&store, signer(), Draft::new("scan", vec![long], &scan(1)).unwrap());
    sealed_by(&store, signer(), Draft::new("scan", vec![subject], &scan(2)).unwrap());
    let told = store.run("query", &["--json"]);
    assert!(told.0 == Some(0) && told.1.lines().count() == before + 1 && told.2.contains("a digest has 8000 bytes"), "{told:?}");
    assert_eq!(store.found(&[]).len(), before + 1, "it is told once");
    store.run("rebuild-index", &[]).is_refused("leaf 7 is not: ");
    assert_eq!(store.found(&[]).len(), before + 1);
}

/// Seals a statement into a store in somebody's name.
fn sealed_by(store: &Store, signer: Arc<dyn Signer>, draft: Draft) {
    wait(async {
        let (ledger, blobs) = opened(store).await;
        Sealer::new(signer, blobs).with_ledger(ledger).seal_all(&cx(), vec![draft]).await.unwrap();
    });
}

/// The ledger and the blobs of a store, to write into.
async fn opened(store: &Store) -> (Arc<Ledger>, Arc<ObjectStoreBlobs>) {
    let seed = local_seed(store.0.path().join("store.keys/log.seed")).unwrap();
    let log = LogKey::new("localhost/evidence", &seed).unwrap();
    let bucket = Arc::new(ObjectStoreBucket::folder(store.path()).unwrap());
    let blobs = Arc::new(ObjectStoreBlobs::within(bucket.clone()));
    (Arc::new(Ledger::open(&cx(), bucket, log).await.unwrap()), blobs)
}

/// A report that is copied is as old as it says that it is.
#[test]
fn a_report_has_the_time_that_it_says_and_otherwise_that_of_its_file() {
    let store = Store::filled();
    let at = |more: &[&str]| {
        let about = Digest::of(more.concat().as_bytes()).to_string();
        store.run("ingest", &[more, &["--subject", &about]].concat()).works();
        let found = store.found(&["--subject", &about, "--kind", TestResult::TYPE]);
        found[0]["facets"]["at"].as_i64().map(UnixMillis).unwrap().to_string()
    };
    assert_eq!(at(&["junit/good-nextest.xml"]), "2026-11-25T08:00:00Z");
    assert_eq!(at(&["junit/good-nextest.xml", "--at", "2026-11-22T12:00:00Z"]), "2026-11-22T12:00:00Z");
    let file = store.0.path().join("report.tap");
    fs::write(&file, "TAP version 14\n1..1\nok 1\n").unwrap();
    let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    fs::File::open(&file).unwrap().set_modified(written).unwrap();
    assert_eq!(at(&[file.to_str().unwrap()]), "2023-11-14T22:13:20Z");
}

/// Nobody signs in the place of a key that is lost.
#[test]
fn a_store_without_its_signing_key_is_not_written_into() {
    let store = Store::filled();
    let key = store.0.path().join("store.keys/signing.pem");
    let elsewhere = store.0.path().join("signing.pem");
    fs::rename(&key, &elsewhere).unwrap();
    let about = ["tap/good-14.tap", "--subject", &artifact()];
    store.run("ingest", &about).is_refused("signing.pem is not there: put it back");
    assert!(!key.exists());
    fs::rename(elsewhere, &key).unwrap();
    store.run("ingest", &about).works();
}

#[test]
fn two_snapshots_are_compared_part_by_part() {
    let store = Store::filled();
    let ids = snapshots(&store);
    let diff = store.run("diff", &[&ids[0], &ids[1]]);
    let text = diff.works();
    assert!(text.contains("~ logs: ") && text.contains("+ events: ") && text.contains("? metrics: absent now: gone"), "{text}");
    assert_eq!(store.run("diff", &[&ids[0], &ids[0]]).works(), "= the same 1 parts\n");
    let json = store.run("diff", &["--json", &ids[0], &ids[1]]);
    let json: Value = serde_json::from_str(json.works()).unwrap();
    assert_eq!(json["added"]["events"].as_array().unwrap().len(), 1);
    let scan = store.found(&["--verdict", "fail"])[0]["id"].as_str().unwrap().to_owned();
    store.run("diff", &[&ids[0], &scan]).is_refused("is no snapshot");
}

/// Two snapshots in the store's ledger, sealed with its keys.
fn snapshots(store: &Store) -> [String; 2] {
    let private = store.0.path().join("store.keys");
    let signer: Arc<dyn Signer> = Arc::new(LocalSigner::open_or_create(private.join("signing.pem")).unwrap());
    wait(async {
        let cx = cx();
        let (ledger, blobs) = opened(store).await;
        let sealer = Sealer::new(signer, blobs).with_ledger(ledger);
        let expected = |names: &[&str]| Collection::of(names.iter().map(|name| (*name).to_owned()));
        let (mut first, mut second) = (expected(&["logs"]), expected(&["logs", "metrics"]));
        first.payload("logs", &Digest::of(b"one"), "file:///one", "text/plain", None);
        second.payload("logs", &Digest::of(b"two"), "file:///two", "text/plain", None);
        second.payload("events", &Digest::of(b"three"), "file:///three", "application/json", None);
        second.absent("metrics", AbsenceKind::NothingThere, "gone");
        let (mut ids, mut previous) = (Vec::new(), None);
        for (sequence, collection) in (0..).zip([first, second]) {
            let at = UnixMillis(i64::try_from(sequence).unwrap());
            let about = SnapshotOf {
                stream: "shop/orders@preflight".parse().unwrap(),
                change_set: "dates-1".parse().unwrap(),
                occasion: Occasion::Deployed,
                window: Window { from: at, until: at },
                collected_on: at,
            };
            let snapshot = collection.finish(about).at(Position { sequence, previous }, 0);
            let subject = vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))];
            let id = sealer.seal(&cx, "snapshot", subject, &snapshot).await.unwrap().id;
            previous = Some(id);
            ids.push(id.0.hex());
        }
        ids.try_into().unwrap()
    })
}
