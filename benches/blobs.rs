//! A log of 2 GB through a store of blobs: what it costs to write it and to read it back, in a folder and durable, with and without
//! compression, and taken in as evidence, its secrets out first; and that it never is in memory.
//!
//! `cargo bench -p pathops-benches --bench blobs`: 2 GB compressed, and 250 MB as they are and taken in; with `-- --long` 2 GB of all; with
//! `-- --test` 64 MB, to see that it works. All of it is on one thread. Rates are of the CPU clock of the process, since the machine
//! may have others on it, with those of the wall clock beside them, since the disk is waited for; what bounds them is printed first.
//! It fails where more than [`LIMIT_MB`] were resident at any time, or it is slower than [`LIMIT`].
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, clippy::unreachable, reason = "it measures the wall clock: the disk is what is waited for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use async_trait::async_trait;
use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_benches::cpu_time;
use pathops_core::adapter::{BlobStore as _, ByteStream};
use pathops_core::evidence::{Keeping, TestAnnotations};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, IdempotencyKey, OpContext, Result, UnixMillis};
use pathops_evidence::redact::Redactor;
use pathops_evidence::{Ingested, Origin, Sealer, ingest_log};

const MB: u64 = 1_000_000;
/// The most that may be resident: a few pieces, and the program.
const LIMIT_MB: u64 = 50;
/// Megabytes a second of CPU at the least, either way: so many, or this part of SHA-256 where the machine is slower than that.
const LIMIT: (f64, f64) = (100.0, 0.06);
/// The same for taking a log in: redaction, for which its own bench has the limit, is most of it.
const INGEST: (f64, f64) = (60.0, 0.04);

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let (plain, compressed) = match (has("--test"), has("--long")) {
        (true, _) => (64 * MB, 64 * MB),
        (_, true) => (2_000 * MB, 2_000 * MB),
        _ => (250 * MB, 2_000 * MB),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let hashed = bounds(folder.path());
    println!(
        "{:>10} {:>6} {:>12} {:>12} {:>13} {:>13} {:>10}",
        "stored as", "MB", "put MB/s CPU", "get MB/s CPU", "put MB/s wall", "get MB/s wall", "on disk MB"
    );
    let (mut slowest, mut digests) = (f64::INFINITY, Vec::new());
    let mut ingesting = f64::INFINITY;
    for (name, bytes) in [("plain", plain), ("zstd", compressed), ("taken in", plain)] {
        let folder = folder.path().join(name);
        let blobs = ObjectStoreBlobs::folder(&folder).expect("a store");
        let blobs = if name == "plain" { blobs } else { blobs.compressed() };
        let (digest, put) = timed(|| {
            if name == "taken in" {
                ingest(&blobs, bytes)
            } else {
                wait(blobs.put_stream(&cx(), Box::new(Log::of(bytes)))).expect("stored")
            }
        });
        let (read, get) = timed(|| read(&blobs, &digest));
        assert_eq!(read, bytes, "all of it is read back");
        let rates = [put.0, get.0, put.1, get.1].map(|seconds| megabytes(bytes) / seconds);
        let [put, get, ..] = rates;
        digests.push((bytes, digest));
        slowest = slowest.min(get);
        if name == "taken in" {
            ingesting = put
        } else {
            slowest = slowest.min(put)
        }
        let rates = rates.map(|rate| format!("{rate:>12.0}")).join(" ");
        println!("{name:>10} {:>6} {rates} {:>10.0}", bytes / MB, megabytes(size(&folder)));
    }
    digests.sort_unstable();
    digests.dedup();
    let sizes = if plain == compressed { 1 } else { 2 };
    assert_eq!(digests.len(), sizes, "the digest is of the log, however it is stored, and there is no secret in it");
    let peak = peak_kb() / 1_000;
    println!("resident at most: {peak} MB of {LIMIT_MB} MB");
    assert!(peak <= LIMIT_MB, "a log has to pass through bounded memory");
    let limit = LIMIT.0.min(LIMIT.1 * hashed);
    assert!(has("--test") || slowest >= limit, "{slowest:.0} MB/s, and the limit is {limit:.0}");
    let limit = INGEST.0.min(INGEST.1 * hashed);
    assert!(has("--test") || ingesting >= limit, "{ingesting:.0} MB/s taken in, and the limit is {limit:.0}");
}

/// Takes a log in as evidence; gives the blob that it is in.
fn ingest(blobs: &ObjectStoreBlobs, bytes: u64) -> Digest {
    let sealer = Sealer::new(Arc::new(MemorySigner::from_seed(1).expect("a key")), Arc::new(blobs.clone()));
    let redactor = Arc::new(Redactor::new([]).expect("rules"));
    let annotations =
        TestAnnotations { unit: "orders".parse().ok(), environment: "preflight".parse().ok(), ..TestAnnotations::default() };
    let origin = Origin {
        name: "orders".to_owned(),
        subjects: Vec::new(),
        attester: "https://ci.example".to_owned(),
        at: UnixMillis(0),
        suite: String::new(),
        annotations,
        keeping: Keeping::ForEver("a bench".to_owned()),
    };
    let taken = wait(ingest_log(&cx(), &sealer, &redactor, Box::new(Log::of(bytes)), &origin));
    let Ingested { payload, records, .. } = taken.expect("taken in");
    assert_eq!(records.len(), 2, "the log, and how many errors are in it");
    payload
}

fn read(blobs: &ObjectStoreBlobs, digest: &Digest) -> u64 {
    let mut stream = wait(blobs.get_stream(&cx(), digest)).expect("read").expect("it is there");
    let mut count = 0;
    while let Some(chunk) = wait(stream.next()).expect("intact") {
        count += u64::try_from(chunk.len()).expect("fits");
    }
    count
}

/// What it cannot be faster than; gives the megabytes a second of CPU that are hashed.
fn bounds(folder: &Path) -> f64 {
    const CHUNK: usize = 8 << 20;
    let chunk = wait(Log::of(u64::try_from(CHUNK).expect("fits")).next()).expect("a log").expect("a chunk");
    let hashed = timed(|| (0..8).for_each(|_| assert_ne!(black_box(Digest::of(&chunk)), Digest::of(b""))));
    let written = timed(|| {
        for number in 0..8 {
            let mut file = std::fs::File::create(folder.join(number.to_string())).expect("a file");
            file.write_all(&chunk).and_then(|()| file.sync_all()).expect("written");
        }
    });
    let rate = |seconds: f64| 8.0 * megabytes(u64::try_from(chunk.len()).expect("fits")) / seconds;
    let (hashed, written) = (rate(hashed.1.0), rate(written.1.1));
    println!(
        "bounds: SHA-256 {hashed:.0} MB/s of CPU, which is needed twice; files, flushed, {written:.0} MB/s by the wall clock"
    );
    hashed
}

/// Lines like those of a service, made as they are read.
#[derive(Debug)]
struct Log {
    left: u64,
    line: u64,
}

impl Log {
    fn of(bytes: u64) -> Self {
        Self { left: bytes, line: 0 }
    }
}

#[async_trait]
impl ByteStream for Log {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        const CHUNK: u64 = 64 << 10;
        let length = usize::try_from(self.left.min(CHUNK)).unwrap_or_default();
        let mut text = String::with_capacity(length + 200);
        while text.len() < length {
            // Of a multiplicative generator, so that lines differ as those of requests do.
            let id = self.line.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let millis = (id >> 40) % 900;
            let _infallible = writeln!(
                text,
                "2026-11-25T12:{:02}:{:02}.{:03}Z INFO orders request id={id:016x} path=/checkout/{} status=200 took={millis}ms",
                self.line / 60_000 % 60,
                self.line / 1_000 % 60,
                self.line % 1_000,
                id >> 52,
            );
            self.line += 1;
        }
        let mut chunk = text.into_bytes();
        chunk.truncate(length);
        self.left -= u64::try_from(length).unwrap_or_default();
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }
}

/// What it took, in seconds of the CPU and by the wall clock.
fn timed<T>(work: impl FnOnce() -> T) -> (T, (f64, f64)) {
    let (cpu, begun) = (cpu_time(), Instant::now());
    let done = work();
    (done, (cpu_time().saturating_sub(cpu).as_secs_f64(), begun.elapsed().as_secs_f64()))
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let size = |entry: std::fs::DirEntry| match entry.metadata().expect("metadata") {
        metadata if metadata.is_dir() => size(&entry.path()),
        metadata => metadata.len(),
    };
    entries.map(size).sum()
}

/// The most that was ever resident, in units of 1,024 bytes, as Linux counts it.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("bench"))
}

/// Without a runtime the store answers at once.
fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("it waits for nothing but the disk"),
    }
}
