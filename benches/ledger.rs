//! How many pieces of evidence are sealed in a second, durable (stated, signed, stored, and appended to a ledger); what appending and proving one costs as
//! the log grows; and what bounds it, in the same run: hashing, signing, waiting for the disk, and rows of SQLite.
//!
//! `cargo bench -p pathops-benches --bench ledger`; with `-- --test` a small log, to see that it works; with `-- --long` up to a
//! million leaves, which takes 3 GB of disk. All of it is on one thread, in batches of 1,000 as that many callers at once would
//! have them. A cost is of the CPU clock of the process, since the machine may have others on it, with the wall clock beside it,
//! since the disk is waited for. It fails where sealing and appending is below [`LIMIT`], or an item costs more in a long log.
//!
//! The wall clock is printed, and nothing is asserted of it, not even held against the flushes that are measured before: it has the
//! turns of whatever else runs here, and flushing a file system writes out what others have written too, so that a rate of flushes that
//! was measured before does not bound it. On a machine that does nothing else, see that the two rates of sealing are near each other.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, clippy::unreachable, reason = "it measures the wall clock: the disk is what is waited for")]

use std::hint::black_box;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use pathops_adapters::local_signer::LocalSigner;
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_core::adapter::{Bucket as _, Signer};
use pathops_core::evidence::{Envelope, Health, Predicate as _, Signature, Statement, Subject};
use pathops_core::{Digest, IdempotencyKey, ObjectKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Item, Ledger, LogKey};
use pathops_evidence::{Draft, Sealer};
use sha2::{Digest as _, Sha256};

#[path = "ledger/clocks.rs"]
mod clocks;
#[path = "ledger/rows.rs"]
mod rows;

use clocks::Clocks;

const BATCH: u64 = 1_000;

/// Items a second that are sealed and appended, at the least: so many, or this part of what signing and writing a file alone would
/// allow where the machine is slower than that. What a file costs is the file system's, and differs by several times from one hour to
/// the next.
const LIMIT: (f64, f64) = (5_000.0, 0.8);

/// How much more an item may cost in the longest log than in the shortest.
const GROWTH: f64 = 1.5;

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let (sealed, last): (u64, u64) = if has("--test") {
        (1_000, 2_000)
    } else if has("--long") {
        (20_000, 1_000_000)
    } else {
        (20_000, 100_000)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let signer = LocalSigner::open_or_create(folder.path().join("key")).expect("a key");
    let allowed = bounds(&signer, folder.path());

    let (ledger, bucket) = ledger(&folder.path().join("sealed"));
    let sealer = Sealer::new(Arc::new(signer), Arc::new(ObjectStoreBlobs::within(bucket))).with_ledger(Arc::new(ledger));
    let begun = Clocks::now();
    for size in (0..sealed).step_by(usize::try_from(BATCH).expect("fits")) {
        let drafts = (size..size + BATCH).map(draft).collect();
        wait(sealer.seal_all(&cx(), drafts)).expect("sealed");
    }
    let spent = begun.until_now(sealed);
    let rate = 1e6 / spent.cpu;
    println!(
        "sealed and appended, durable: {rate:.0} a second of CPU, {:.0} by the wall clock; {:.2} of what signing and writing alone allow",
        1e6 / spent.wall,
        rate / allowed
    );

    let costs = growth(folder.path(), last);
    if !has("--test") {
        let limit = LIMIT.0.min(LIMIT.1 * allowed);
        assert!(rate >= limit, "{rate:.0} items a second, and the limit is {limit:.0}");
        let (first, longest) = (costs.first().expect("a row"), costs.last().expect("a row"));
        assert!(*longest <= GROWTH * first, "an item costs {first:.1} µs in a short log, and {longest:.1} µs in a long one");
    }
}

/// What appending and proving costs as the log grows to `last` leaves; gives the microseconds of CPU for an item. A signature is
/// not made for each: it costs the same in a log of any length.
fn growth(folder: &std::path::Path, last: u64) -> Vec<f64> {
    let signer = LocalSigner::open_or_create(folder.join("key")).expect("a key");
    let signature = wait(signer.sign(&cx(), b"message")).expect("signed");
    let (ledger, place) = ledger(&folder.join("growing"));
    println!("{:>10} {:>16} {:>16} {:>10}", "leaves", "append µs CPU", "append µs wall", "proof µs");
    let (mut size, mut costs) = (0, Vec::new());
    for until in [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|until| *until <= last.max(1_000)) {
        // The cost at this length, not of the way there.
        let measured = (until / 10).clamp(BATCH, 20_000).min(until - size);
        append_until(&ledger, &signer, &signature, &mut size, until - measured);
        let begun = Clocks::now();
        append_until(&ledger, &signer, &signature, &mut size, until);
        let cost = begun.until_now(measured);
        println!("{size:>10} {:>16.1} {:>16.1} {:>10.1}", cost.cpu, cost.wall, proof(&ledger, size));
        costs.push(cost.cpu);
    }
    // The file system may have become slower meanwhile: a short log is measured once more beside the long one.
    let (again, mut short) = (self::ledger(&folder.join("again")).0, 0);
    let begun = Clocks::now();
    append_until(&again, &signer, &signature, &mut short, 5 * BATCH);
    let beside = begun.until_now(short).cpu;
    println!("a short one beside it: {beside:.1} µs of CPU");
    costs.first_mut().into_iter().for_each(|first| *first = first.max(beside));
    let opening = Instant::now();
    drop(wait(Ledger::open(&cx(), place, log_key())).expect("opened again"));
    println!("opening it again: {:.1} ms", opening.elapsed().as_secs_f64() * 1e3);
    costs
}

fn append_until(ledger: &Ledger, signer: &LocalSigner, signature: &Signature, size: &mut u64, until: u64) {
    while *size < until {
        let item = |number| {
            let envelope = Envelope::new(&statement(number), &signer.public_key(), signature.clone());
            Item::signed(envelope, signer.public_key()).expect("an item")
        };
        wait(ledger.append(&cx(), (*size..*size + BATCH).map(item).collect())).expect("appended");
        *size += BATCH;
    }
}

fn log_key() -> LogKey {
    LogKey::new("bench.example/evidence", &[7; 32]).expect("a name")
}

fn ledger(folder: &std::path::Path) -> (Ledger, Arc<ObjectStoreBucket>) {
    std::fs::create_dir(folder).expect("a folder");
    let bucket = Arc::new(ObjectStoreBucket::folder(folder).expect("a bucket"));
    (wait(Ledger::open(&cx(), bucket.clone(), log_key())).expect("a ledger"), bucket)
}

fn draft(number: u64) -> Draft {
    let (subject, health) = health(number);
    Draft::new("health", vec![subject], &health).expect("a draft")
}

fn statement(number: u64) -> Vec<u8> {
    let (subject, health) = health(number);
    Statement::new(vec![subject], Health::TYPE, &health).and_then(|it| it.to_canonical()).expect("a statement")
}

fn health(number: u64) -> (Subject, Health) {
    let health = Health {
        change_set: "a-change".parse().expect("a name"),
        unit: "orders".parse().expect("a name"),
        environment: "preflight".parse().expect("a name"),
        healthy: true,
        settled_millis: number,
        observed_on: UnixMillis(0),
    };
    (Subject::named("orders@preflight").with_sha256(&Digest::of(&number.to_be_bytes())), health)
}

/// Microseconds for a proof, on average over the log.
fn proof(ledger: &Ledger, size: u64) -> f64 {
    let reader = ledger.reader();
    let checkpoint = wait(reader.checkpoint(&cx())).expect("read").expect("a checkpoint");
    let begun = Clocks::now();
    for place in 0..200 {
        black_box(wait(reader.inclusion(&cx(), place * (size / 200), &checkpoint)).expect("proved"));
    }
    begun.until_now(200).cpu
}

/// What it cannot be faster than; gives the items a second of CPU that are signed, and written each to a file that is renamed.
fn bounds(signer: &LocalSigner, folder: &std::path::Path) -> f64 {
    let rate = |times: u32, work: &mut dyn FnMut(u32)| {
        let begun = Clocks::now();
        (0..times).for_each(work);
        let spent = begun.until_now(u64::from(times));
        (1e6 / spent.cpu, 1e6 / spent.wall)
    };
    let block = vec![7; 1 << 20];
    let (hashed, _) = rate(50, &mut |_| {
        black_box(Sha256::digest(&block));
    });
    let (signatures, _) = rate(1_000, &mut |_| drop(black_box(wait(signer.sign(&cx(), b"message")).expect("signed"))));
    std::fs::create_dir(folder.join("bounds")).expect("a folder");
    let bucket = ObjectStoreBucket::folder(folder.join("bounds")).expect("a bucket");
    let (_, objects) = rate(50, &mut |number| {
        let key = ObjectKey::parse(format!("bound/{number}")).expect("a name");
        wait(bucket.create(&cx(), &key, vec![0; 512])).expect("created");
    });
    let mut file = std::fs::File::create(folder.join("flushed")).expect("a file");
    let (_, flushes) = rate(50, &mut |_| file.write_all(&[0; 512]).and_then(|()| file.sync_data()).expect("flushed"));
    let rows = rows::a_second(&folder.join("rows.db"), BATCH);
    let files = files_a_second(&folder.join("bare"));
    println!(
        "bounds: SHA-256 {hashed:.0} MiB, {signatures:.0} signatures of P-256, {files:.0} files written and renamed a second of CPU"
    );
    println!(
        "        {flushes:.0} flushes of 512 bytes, {objects:.0} durable objects, {rows:.0} rows of SQLite in transactions of {BATCH} a second"
    );
    1.0 / (1.0 / signatures + 1.0 / files)
}

/// Files of the size of an envelope a second of CPU, in as many folders as the blobs lie in, and without waiting for the disk.
fn files_a_second(folder: &std::path::Path) -> f64 {
    const FILES: u64 = 10_000;
    let name = |number: u64| Digest::of(&number.to_be_bytes()).hex().to_string();
    (0..=u8::MAX).for_each(|byte| std::fs::create_dir_all(folder.join(format!("{byte:02x}"))).expect("a folder"));
    let begun = Clocks::now();
    for number in 0..FILES {
        let name = name(number);
        let within = folder.join(&name[..2]);
        let new = within.join("new");
        std::fs::write(&new, [7; 1_500]).and_then(|()| std::fs::rename(&new, within.join(&name))).expect("a file");
    }
    1e6 / begun.until_now(FILES).cpu
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("bench"))
}

/// Without a runtime the bucket answers at once.
fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("it waits for nothing but the disk"),
    }
}
