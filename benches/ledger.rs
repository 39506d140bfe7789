//! How many pieces of evidence are sealed and appended to a ledger in a second, durable, and what an inclusion proof takes, as the
//! log grows; beside what bounds it: signatures of the same kind, and waiting for the disk.
//!
//! `cargo bench -p pathops-benches --bench ledger`; with `-- --test` a small log, to see that it works; with `-- --long` up to a
//! million. Rates are of the wall clock, on one thread, in batches of 1,000 as that many callers at once would have them.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, clippy::unreachable, reason = "it measures the wall clock: the disk is what is waited for")]

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use pathops_adapters::object_store::ObjectStoreBucket;
use pathops_core::adapter::{Bucket as _, Signer as _};
use pathops_core::evidence::{Envelope, Health, PAYLOAD_TYPE, Predicate as _, Statement, Subject, pre_authentication_encoding};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, IdempotencyKey, ObjectKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Item, Ledger, LogKey};

const BATCH: u64 = 1_000;

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let last: u64 = if has("--test") {
        2_000
    } else if has("--long") {
        1_000_000
    } else {
        100_000
    };
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = Arc::new(ObjectStoreBucket::folder(folder.path()).expect("a bucket"));
    bounds(&bucket);
    let key = LogKey::new("bench.example/evidence", &[7; 32]).expect("a name");
    let ledger = wait(Ledger::open(&cx(), bucket.clone(), key.clone())).expect("a ledger");
    let signer = MemorySigner::from_seed(1).expect("a key");
    println!("{:>10} {:>14} {:>14} {:>12}", "leaves", "sealed+app./s", "µs an item", "proof µs");
    let (mut size, mut next, mut begun, mut since) = (0, BATCH.min(last), Instant::now(), 0);
    while size < last {
        let items = (size..size + BATCH).map(|number| seal(&signer, number)).collect();
        wait(ledger.append(&cx(), items)).expect("appended");
        size += BATCH;
        if size >= next {
            let seconds = begun.elapsed().as_secs_f64() / f64::from(u32::try_from(size - since).expect("fits"));
            println!("{size:>10} {:>14.0} {:>14.1} {:>12.1}", 1.0 / seconds, seconds * 1e6, proof(&ledger, size));
            (next, begun, since) = (size * 10, Instant::now(), size);
        }
    }
    let opening = Instant::now();
    drop(wait(Ledger::open(&cx(), bucket, key)).expect("opened again"));
    println!("opening it again: {:.1} ms", opening.elapsed().as_secs_f64() * 1e3);
}

fn seal(signer: &MemorySigner, number: u64) -> Item {
    let health = Health {
        change_set: "a-change".parse().expect("a name"),
        unit: "orders".parse().expect("a name"),
        environment: "preflight".parse().expect("a name"),
        healthy: true,
        settled_millis: number,
        observed_on: UnixMillis(0),
    };
    let subject = Subject::named("orders@preflight").with_sha256(&Digest::of(&number.to_be_bytes()));
    let payload = Statement::new(vec![subject], Health::TYPE, &health).and_then(|it| it.to_canonical()).expect("a statement");
    let signature = wait(signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload))).expect("signed");
    Item::signed(Envelope::new(&payload, &signer.public_key(), signature), signer.public_key()).expect("an item")
}

/// Microseconds for a proof, on average over the log.
fn proof(ledger: &Ledger, size: u64) -> f64 {
    let reader = ledger.reader();
    let checkpoint = wait(reader.checkpoint(&cx())).expect("read").expect("a checkpoint");
    let begun = Instant::now();
    for place in 0..200 {
        black_box(wait(reader.inclusion(&cx(), place * (size / 200), &checkpoint)).expect("proved"));
    }
    begun.elapsed().as_secs_f64() * 1e6 / 200.0
}

/// What it cannot be faster than.
fn bounds(bucket: &ObjectStoreBucket) {
    let signer = MemorySigner::from_seed(1).expect("a key");
    let rate = |times: u32, work: &mut dyn FnMut(u32)| {
        let begun = Instant::now();
        (0..times).for_each(work);
        f64::from(times) / begun.elapsed().as_secs_f64()
    };
    let signatures = rate(500, &mut |_| drop(black_box(wait(signer.sign(&cx(), b"message")).expect("signed"))));
    let objects = rate(50, &mut |number| {
        let key = ObjectKey::parse(format!("bound/{number}")).expect("a name");
        wait(bucket.create(&cx(), &key, vec![0; 512])).expect("created");
    });
    println!("bounds: {signatures:.0} P-256 signatures a second; {objects:.0} durable objects a second");
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
