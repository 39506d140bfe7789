//! What it costs to make the index of evidence anew from the ledger, as the log grows; what a page of a query and a proof take;
//! and how much memory it takes, which must not grow. Beside it, of the very same rows, a bare loop of inserts into the same
//! tables, and what verifying a signature takes.
//!
//! `cargo bench -p pathops-benches --bench index`; with `-- --test` a small log, to see that it works; with `-- --long` up to a
//! million leaves, which takes 8 GB of disk. It fails where an entry costs more than [`LIMIT_MICROS`] of CPU (50 µs are a million
//! in 50 s on one core; the index is made on two), where it costs more or takes more memory the longer the log is, or where a
//! proof, a page or the memory is above its limit. All but the seconds are of the CPU clock of this process, since the machine may
//! have others on it.
//!
//! The log is a real one, in a folder, in batches of 1,000 with all its tiles. Its envelopes have one and the same signature,
//! since making a million takes longer than what is measured; `Recheck::Log` does not look at them. `Recheck::Signatures` is
//! measured on a log of its own with true ones. Payloads are no part of it: an index is made from the ledger alone.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, clippy::unreachable, reason = "it measures the wall clock: the disk is what is waited for")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use pathops_adapters::object_store::ObjectStoreBucket;
use pathops_adapters::sqlite::{SqliteEvidenceDraft, SqliteEvidenceIndex};
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, PageLimit, Signer as _};
use pathops_core::evidence::{
    Envelope, Health, PAYLOAD_TYPE, Predicate as _, Signature, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, IdempotencyKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Item, Ledger, LogKey, Place};
use pathops_evidence::{Rebuild, Recheck, rebuild_index};

#[path = "ledger/clocks.rs"]
mod clocks;
#[path = "index/peer.rs"]
mod peer;

use clocks::{Clocks, Spent};

const BATCH: u64 = 1_000;
const CHANGE_SETS: u64 = 500;

/// Microseconds of CPU for an entry, at the most: so many, or so many times what the bare loop takes where the machine is slower
/// than that. How long a million takes is asserted where a million is made.
const LIMIT_MICROS: (f64, f64) = (50.0, 1.5);

/// Microseconds by the wall clock for an entry of the longest log with `--long`, at the most: a million in 60 s.
const WALL_MICROS: f64 = 60.0;

/// Microseconds of CPU for making and publishing an empty index, at the most: in a small log it weighs more than the entries.
const FIXED_MICROS: f64 = 100_000.0;

/// How much more an entry may cost in the longest log than in one of 10,000.
const GROWTH: f64 = 1.5;

/// Microseconds of CPU for a proof, at the most.
const PROOF_MICROS: f64 = 1_000.0;

/// Microseconds of CPU for a page of 100 entries of one change set, at the most.
const PAGE_MICROS: f64 = 30_000.0;

/// Resident while the index is made, at the most, in MiB: the program, what is added at once, twice, and what SQLite keeps.
const LIMIT_MIB: f64 = 64.0;

/// How much more may be resident in the longest log than in one of 10,000.
const MEMORY_GROWTH: f64 = 2.0;

/// Makes the index anew of the log in a folder, and tells what it took: in a process of its own, where nothing but that takes memory.
const APART: &str = "--rebuild";

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    if let Some(folder) = std::env::args().skip_while(|argument| argument != APART).nth(1) {
        let Spent { cpu, wall } = runtime.block_on(rebuild(Path::new(&folder), Recheck::Log));
        return println!("{cpu} {wall} {}", resident());
    }
    let sizes: &[u64] = if has("--test") {
        &[500, 2_000]
    } else if has("--long") {
        &[1_000, 10_000, 100_000, 1_000_000]
    } else {
        &[1_000, 10_000, 100_000]
    };
    let rows = runtime.block_on(measure(sizes));
    if has("--test") {
        return;
    }
    for (size, row) in sizes.iter().zip(&rows) {
        let fixed = FIXED_MICROS / f64::from(u32::try_from(*size).expect("fits"));
        let limit = fixed + LIMIT_MICROS.0.max(LIMIT_MICROS.1 * row.bare.cpu);
        assert!(row.rebuilt.cpu <= limit, "an entry costs {:.1} µs, and the limit is {limit:.1} µs", row.rebuilt.cpu);
        assert!(row.proof <= PROOF_MICROS, "a proof costs {:.0} µs", row.proof);
        assert!(row.page <= PAGE_MICROS, "a page costs {:.0} µs", row.page);
        assert!(row.resident <= LIMIT_MIB, "{:.1} MiB are resident, and {LIMIT_MIB} MiB are the limit", row.resident);
    }
    let (Some(short), Some(long)) = (rows.get(1), rows.last()) else { return };
    let wall = long.rebuilt.wall;
    assert!(
        !has("--long") || wall <= WALL_MICROS,
        "an entry takes {wall:.1} µs by the wall clock, and {WALL_MICROS} are the limit"
    );
    let cost = (short.rebuilt.cpu, long.rebuilt.cpu);
    assert!(cost.1 <= GROWTH * cost.0, "an entry costs {:.1} µs in a short log, and {:.1} µs in a long one", cost.0, cost.1);
    let memory = (short.resident, long.resident);
    assert!(memory.1 <= MEMORY_GROWTH * memory.0, "{:.1} MiB in a short log, and {:.1} MiB in a long one", memory.0, memory.1);
}

/// What was measured at one length.
struct Row {
    rebuilt: Spent,
    bare: Spent,
    page: f64,
    proof: f64,
    resident: f64,
}

async fn measure(sizes: &[u64]) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = signer();
    verifying(&signer).await;
    let true_ones = Log::open(folder.path().join("true"), &signer).await;
    true_ones.fill(0, 2_000, None).await;
    let spent = rebuild(&true_ones.folder, Recheck::Signatures).await;
    println!("with signatures: {:.1} µs of CPU an entry, {:.1} µs by the wall clock, of 2000", spent.cpu, spent.wall);

    println!(
        "{:>9} {:>12} {:>12} {:>10} {:>11} {:>12} {:>10} {:>10} {:>6}",
        "leaves", "rebuilt in s", "µs CPU each", "µs wall", "bare µs CPU", "bare µs wall", "page µs", "proof µs", "MiB"
    );
    let log = Log::open(folder.path().join("log"), &signer).await;
    let one = signer.sign(&cx(), b"another message").await.expect("signed");
    let (mut size, mut rows) = (0, Vec::new());
    for until in sizes {
        log.fill(size, *until, Some(&one)).await;
        size = *until;
        let (rebuilt, resident) = apart(&log.folder);
        let bare = peer::inserts(&database(&log.folder), size).await;
        let (page, proof) = log.look().await;
        let seconds = rebuilt.wall * f64::from(u32::try_from(size).expect("fits")) / 1e6;
        println!(
            "{size:>9} {seconds:>12.2} {:>12.1} {:>10.1} {:>11.1} {:>12.1} {page:>10.0} {proof:>10.1} {resident:>6.1}",
            rebuilt.cpu, rebuilt.wall, bare.cpu, bare.wall
        );
        rows.push(Row { rebuilt, bare, page, proof, resident });
    }
    rows
}

/// What an entry costs when the index of the log in a folder is made anew.
async fn rebuild(folder: &Path, recheck: Recheck) -> Spent {
    let bucket = Arc::new(ObjectStoreBucket::folder(folder).expect("a bucket"));
    let trust = TrustRoot::new([signer().public_key()]);
    let begun = Clocks::now();
    let draft = SqliteEvidenceDraft::begin(database(folder)).await.expect("a draft");
    let (cx, log, mut next) = (cx(), key().identity(), 0);
    let by = Rebuild { log: &log, trust: &trust, known: &[], recheck };
    let rebuilt = rebuild_index(&cx, bucket, by, &draft, &mut next).await.expect("rebuilt");
    assert_eq!((rebuilt.added, rebuilt.refused.0), (rebuilt.leaves, 0), "every leaf is in the index");
    drop(draft.publish().await.expect("published"));
    begun.until_now(rebuilt.leaves)
}

/// The same in a process of its own, and how much of it was resident at most, in MiB.
fn apart(folder: &Path) -> (Spent, f64) {
    let program = std::env::current_exe().expect("this program");
    let done = Command::new(program).arg(APART).arg(folder).stderr(Stdio::inherit()).output().expect("it runs");
    let told = String::from_utf8(done.stdout).expect("text");
    let figures: Vec<f64> = told.split_whitespace().map(|figure| figure.parse().expect("a number")).collect();
    let [cpu, wall, resident] = figures[..] else { unreachable!("it tells three figures, or has failed: {told}") };
    (Spent { cpu, wall }, resident)
}

/// A ledger, and an index of it.
struct Log<'s> {
    folder: PathBuf,
    signer: &'s MemorySigner,
    ledger: Ledger,
}

impl<'s> Log<'s> {
    async fn open(folder: PathBuf, signer: &'s MemorySigner) -> Self {
        let bucket = ObjectStoreBucket::folder(&folder).expect("a bucket");
        let ledger = Ledger::open(&cx(), Arc::new(bucket), key()).await.expect("a ledger");
        Self { folder, signer, ledger }
    }

    /// Appends up to so many leaves, with one signature or true ones.
    async fn fill(&self, mut size: u64, until: u64, one: Option<&Signature>) {
        while size < until {
            let mut items = Vec::new();
            for number in size..(size + BATCH).min(until) {
                items.push(item(self.signer, number, one).await);
            }
            size += BATCH;
            self.ledger.append(&cx(), items).await.expect("appended");
        }
    }

    async fn index(&self) -> SqliteEvidenceIndex {
        SqliteEvidenceIndex::open(database(&self.folder)).await.expect("an index")
    }

    /// Microseconds of CPU for a page of a query by change set and unit, and for a proof of what it finds.
    async fn look(&self) -> (f64, f64) {
        let (index, reader) = (self.index().await, self.ledger.reader());
        let checkpoint = reader.checkpoint(&cx()).await.expect("read").expect("a checkpoint");
        let (mut entries, begun) = (Vec::new(), Clocks::now());
        for n in 0..20 {
            let change_set = Some(change_set(n * 17 % CHANGE_SETS).parse().expect("a name"));
            let limit = PageLimit::new(100).expect("a limit");
            let query = EvidenceQuery { change_set, unit: "orders".parse().ok(), limit, ..EvidenceQuery::default() };
            entries.extend(index.query(&cx(), &query).await.expect("found").evidence);
        }
        let (page, begun) = (begun.until_now(20).cpu, Clocks::now());
        let count = entries.len().min(500);
        for entry in entries.iter().take(count) {
            let place = black_box(reader.prove(&cx(), entry, &checkpoint).await.expect("proved"));
            assert!(matches!(place, Place::Proven(_)), "it is in the ledger");
        }
        (page, begun.until_now(u64::try_from(count).expect("fits")).cpu)
    }
}

async fn item(signer: &MemorySigner, number: u64, one: Option<&Signature>) -> Item {
    let health = Health {
        change_set: change_set(number % CHANGE_SETS).parse().expect("a name"),
        unit: "orders".parse().expect("a name"),
        environment: "preflight".parse().expect("a name"),
        healthy: !number.is_multiple_of(10),
        settled_millis: number,
        observed_on: UnixMillis(1_780_000_000_000 + i64::try_from(number).expect("fits") * 1_000),
    };
    let subject = Subject::named("orders@preflight").with_sha256(&Digest::of(&number.to_be_bytes()));
    let payload = Statement::new(vec![subject], Health::TYPE, &health).and_then(|it| it.to_canonical()).expect("a statement");
    let signature = match one {
        Some(one) => one.clone(),
        None => signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.expect("signed"),
    };
    Item::signed(Envelope::new(&payload, &signer.public_key(), signature), signer.public_key()).expect("an item")
}

fn change_set(number: u64) -> String {
    format!("change-{number}")
}

/// What it cannot be faster than where signatures are looked at.
async fn verifying(signer: &MemorySigner) {
    let signature = signer.sign(&cx(), b"message").await.expect("signed");
    let begun = Clocks::now();
    (0..500).for_each(|_| assert!(black_box(signer.public_key().verifies(b"message", &signature)), "it is that of the key"));
    println!("bound: {:.1} µs of CPU to verify a signature", begun.until_now(500).cpu);
}

fn database(folder: &Path) -> PathBuf {
    folder.join("evidence.db")
}

fn key() -> LogKey {
    LogKey::new("bench.example/evidence", &[7; 32]).expect("a name")
}

fn signer() -> MemorySigner {
    MemorySigner::from_seed(1).expect("a key")
}

/// How much memory this process has had at most, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok()).expect("as Linux writes it") / 1_024.0
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("bench"))
}
