//! How long it takes to make the index of evidence anew from the ledger, as the log grows; what a page of a query and a proof
//! take; and what memory it takes, which must not grow. Beside what bounds it: a plain loop of inserts into SQLite, and
//! verifying signatures of the same kind.
//!
//! `cargo bench -p pathops-benches --bench index`; with `-- --test` a small log, to see that it works; with `-- --long` up to a
//! million. Times are of the wall clock. The log is filled with envelopes that have one and the same signature, since making a
//! million takes longer than what is measured; `Recheck::Log` does not look at them. `Recheck::Signatures` is measured on a
//! log of its own with true ones.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, reason = "it measures the wall clock: the disk is what is waited for")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use pathops_adapters::object_store::ObjectStoreBucket;
use pathops_adapters::sqlite::SqliteEvidenceIndex;
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, PageLimit, Signer as _};
use pathops_core::evidence::{
    Envelope, Health, PAYLOAD_TYPE, Predicate as _, Signature, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, IdempotencyKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Item, Ledger, LogKey, Place};
use pathops_evidence::{Recheck, rebuild_index};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, query};

const BATCH: u64 = 1_000;
const CHANGE_SETS: u64 = 500;

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let last: u64 = if has("--test") {
        2_000
    } else if has("--long") {
        1_000_000
    } else {
        100_000
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(measure(last));
}

async fn measure(last: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = MemorySigner::from_seed(1).expect("a key");
    let trust = TrustRoot::new([signer.public_key()]);
    bounds(&folder.path().join("bound.db"), &signer, last.min(100_000)).await;

    let true_ones = Log::open(folder.path().join("true"), &signer).await;
    let few = last.min(5_000);
    true_ones.fill(0, few, None).await;
    let seconds = true_ones.rebuild(&trust, Recheck::Signatures).await;
    println!("with signatures: {:.1} µs an entry, of {few}", micros(seconds, few));

    println!(
        "{:>10} {:>12} {:>12} {:>12} {:>12} {:>10}",
        "leaves", "rebuilt in s", "µs an entry", "page of 100", "proof µs", "MiB"
    );
    let log = Log::open(folder.path().join("log"), &signer).await;
    let one = signer.sign(&cx(), b"another message").await.expect("signed");
    let (mut size, mut next) = (0, BATCH.min(last));
    while size < last {
        log.fill(size, next, Some(&one)).await;
        size = next;
        next = (size * 10).min(last);
        let seconds = log.rebuild(&trust, Recheck::Log).await;
        let (page, proof) = log.look().await;
        let each = micros(seconds, size);
        println!("{size:>10} {seconds:>12.2} {each:>12.1} {page:>9.0} µs {proof:>12.1} {:>10}", resident());
    }
}

/// A ledger, and an index of it.
struct Log<'s> {
    folder: PathBuf,
    signer: &'s MemorySigner,
    ledger: Ledger,
    bucket: Arc<ObjectStoreBucket>,
    key: LogKey,
}

impl<'s> Log<'s> {
    async fn open(folder: PathBuf, signer: &'s MemorySigner) -> Self {
        let bucket = Arc::new(ObjectStoreBucket::folder(&folder).expect("a bucket"));
        let key = LogKey::new("bench.example/evidence", &[7; 32]).expect("a name");
        let ledger = Ledger::open(&cx(), bucket.clone(), key.clone()).await.expect("a ledger");
        Self { folder, signer, ledger, bucket, key }
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

    /// Seconds for making the index anew.
    async fn rebuild(&self, trust: &TrustRoot, recheck: Recheck) -> f64 {
        for end in ["", "-wal", "-shm", ".lock"] {
            std::fs::remove_file(self.folder.join(format!("evidence.db{end}"))).ok();
        }
        let begun = Instant::now();
        let index = self.index().await;
        let (cx, log, mut next) = (cx(), self.key.identity(), 0);
        let rebuilt = rebuild_index(&cx, self.bucket.clone(), &log, trust, &index, recheck, &mut next);
        let rebuilt = rebuilt.await.expect("rebuilt");
        assert_eq!((rebuilt.added, rebuilt.refused.0), (rebuilt.leaves, 0), "every leaf is in the index");
        begun.elapsed().as_secs_f64()
    }

    async fn index(&self) -> SqliteEvidenceIndex {
        SqliteEvidenceIndex::open(self.folder.join("evidence.db")).await.expect("an index")
    }

    /// Microseconds for a page of a query by change set and unit, and for a proof of what it finds.
    async fn look(&self) -> (f64, f64) {
        let (index, reader) = (self.index().await, self.ledger.reader());
        let checkpoint = reader.checkpoint(&cx()).await.expect("read").expect("a checkpoint");
        let (mut entries, begun) = (Vec::new(), Instant::now());
        for n in 0..20 {
            let change_set = Some(change_set(n * 17 % CHANGE_SETS).parse().expect("a name"));
            let limit = PageLimit::new(100).expect("a limit");
            let query = EvidenceQuery { change_set, unit: "orders".parse().ok(), limit, ..EvidenceQuery::default() };
            entries.extend(index.query(&cx(), &query).await.expect("found").evidence);
        }
        let (page, begun) = (begun.elapsed().as_secs_f64() * 1e6 / 20.0, Instant::now());
        let count = entries.len().min(500);
        for entry in entries.iter().take(count) {
            let place = black_box(reader.prove(&cx(), entry, &checkpoint).await.expect("proved"));
            assert!(matches!(place, Place::Proven(_)), "it is in the ledger");
        }
        (page, begun.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(count).expect("fits")))
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

/// What it cannot be faster than.
async fn bounds(path: &Path, signer: &MemorySigner, rows: u64) {
    let signature = signer.sign(&cx(), b"message").await.expect("signed");
    let begun = Instant::now();
    (0..500).for_each(|_| assert!(black_box(signer.public_key().verifies(b"message", &signature)), "it is that of the key"));
    println!("bound: {:.1} µs to verify a signature", begun.elapsed().as_secs_f64() * 1e6 / 500.0);
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).pragma("journal_mode", "WAL");
    let mut connection = SqliteConnection::connect_with(&options.pragma("cache_size", "-65536")).await.expect("a file");
    let table = "CREATE TABLE bound (id BLOB PRIMARY KEY, entry TEXT NOT NULL)";
    query(table).execute(&mut connection).await.expect("a table");
    let (begun, entry) = (Instant::now(), "x".repeat(500));
    query("BEGIN").execute(&mut connection).await.expect("begun");
    for number in 0..rows {
        let id = Digest::of(&number.to_be_bytes()).as_bytes().to_vec();
        let insert = query("INSERT INTO bound VALUES (?, ?)").bind(id).bind(entry.as_str());
        insert.execute(&mut connection).await.expect("inserted");
        if number % 20_000 == 19_999 {
            query("COMMIT").execute(&mut connection).await.expect("committed");
            query("BEGIN").execute(&mut connection).await.expect("begun");
        }
    }
    query("COMMIT").execute(&mut connection).await.expect("committed");
    println!("bound: {:.1} µs to insert a row of that size into SQLite, of {rows}", micros(begun.elapsed().as_secs_f64(), rows));
}

fn micros(seconds: f64, entries: u64) -> f64 {
    seconds * 1e6 / f64::from(u32::try_from(entries).expect("fits"))
}

/// How much memory this process has had at most.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|it| it.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() / 1_024
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("bench"))
}
