//! What the embedded engine takes, on SQLite: `cargo bench -p pathops-benches --bench engine`; with `-- --test` a little of it, to see
//! that it works; with `-- --long` with 100,000 open runs and a minute of signals. With `--features temporal` and `-- --temporal URL` the
//! same work is done on that server of Temporal, too, for example on one that `temporal server start-dev --db-filename FILE` has started.
//!
//! Transitions a second against a bare loop of inserts into a file of the same durability, in the same run: write-ahead log, synchronised
//! at each commit, a row of the size of a transition. Of one run, against one insert a commit; and of [`AT_ONCE`] runs at once, against as
//! many inserts a commit. How long it takes from a signal to the operation that follows from it, at 100 signals a second over 100 runs.
//! What a claim costs where few runs are open, and where many are; what is resident then, beside the database's own cache; and what a run
//! takes that is driven and waits, which is held in memory.
//!
//! It fails where the engine makes less than [`OF_BARE`] of the inserts, or [`OF_BARE_AT_ONCE`] at once, where 99 of 100 signals take
//! longer than [`SIGNAL_MILLIS`], where a claim among many costs more than [`GROWTH`] times one among few, where more than [`FLAT_MIB`] or
//! [`DRIVEN_KIB`] are resident for them, or where it makes less than `OF_TEMPORAL` times the transitions that Temporal makes. The disk is
//! what is waited for, so it measures the wall clock.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, clippy::unreachable, reason = "it measures the wall clock: the disk is what is waited for")]

#[path = "engine/runs.rs"]
mod runs;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use pathops_adapters::sqlite::SqliteJournal;
use pathops_adapters::system::SystemClock;
use pathops_coordinator::engine::Embedded;
use pathops_core::adapter::Journal as _;
use pathops_core::flow::{Engine, Machine as _};
use pathops_core::{IdempotencyKey, OpContext, UnixMillis};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};

use runs::{Beats, Stamps, hosted, name, start, told};

/// How many transitions at least, of the inserts that a bare loop makes.
const OF_BARE: f64 = 0.3;

/// The same of many runs at once, of inserts that share their commits. They do not wait for the disk any more: what counts then is each way
/// to the driver's thread and back, of which an insert takes one and transitions that come at once take one together, and what is written.
const OF_BARE_AT_ONCE: f64 = 0.5;

/// How many runs go on at once, and how many inserts share a commit.
const AT_ONCE: u32 = 16;

/// How many times as many transitions as Temporal at least, of many runs at once.
#[cfg(feature = "temporal")]
const OF_TEMPORAL: f64 = 10.0;

/// How long a signal may take, 99 of 100.
const SIGNAL_MILLIS: f64 = 20.0;

/// How much more a claim may cost among many open runs than among few.
const GROWTH: f64 = 3.0;

/// How much more may be resident where many runs are open than where few are, in MiB: the cache of the database, which does not grow
/// further, and what the allocator keeps.
const FLAT_MIB: u64 = 96;

/// What a run may take that is driven and waits, in KiB.
const DRIVEN_KIB: u64 = 16;

/// Signals in a second.
const SIGNALS: u32 = 100;

/// How often each is measured; the best counts, since others use the disk.
const ROUNDS: usize = 3;

struct Sizes {
    transitions: u32,
    seconds: u32,
    few: u32,
    many: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let is = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let sizes = match (is("--test"), is("--long")) {
        (true, _) => Sizes { transitions: 50, seconds: 1, few: 20, many: 100 },
        (_, true) => Sizes { transitions: 2_000, seconds: 60, few: 1_000, many: 100_000 },
        _ => Sizes { transitions: 1_000, seconds: 10, few: 200, many: 5_000 },
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut problems = Vec::new();

    for (at_once, limit) in [(1, OF_BARE), (AT_ONCE, OF_BARE_AT_ONCE)] {
        let mut best = 0.0_f64;
        for round in 0..ROUNDS {
            let file = |what: &str| folder.path().join(format!("{what}-{at_once}-{round}.db"));
            let bare = bare(&file("bare"), sizes.transitions, at_once).await;
            let engine = transitions(&*engine(&file("engine")).await.1, sizes.transitions, at_once).await;
            println!(
                "{at_once:>2} at once: inserts {bare:>8.0}/s   transitions {engine:>8.0}/s   {:>5.2} of them",
                engine / bare
            );
            best = best.max(engine / bare);
        }
        if best < limit {
            problems.push(format!("{at_once} at once: {best:.2} of what bare inserts make, and the limit is {limit}"));
        }
    }

    #[cfg(feature = "temporal")]
    if let Some(address) = std::env::args().skip_while(|argument| argument != "--temporal").nth(1) {
        let (few, file) = (sizes.transitions / 5, folder.path().join("beside-temporal.db"));
        let embedded = transitions(&*engine(&file).await.1, few, AT_ONCE).await;
        let there = transitions(&temporal(address).await, few, AT_ONCE).await;
        println!(
            "{AT_ONCE:>2} at once: Temporal {there:>8.0}/s   transitions {embedded:>8.0}/s   {:>5.1} times as many",
            embedded / there
        );
        if embedded < there * OF_TEMPORAL {
            problems.push(format!("{:.1} times the transitions of Temporal, and the limit is {OF_TEMPORAL}", embedded / there));
        }
    }

    let (median, most) = signals(&folder.path().join("signals.db"), sizes.seconds).await;
    println!("signal to operation, {SIGNALS} a second for {} s: median {median:.2} ms, 99 of 100 {most:.2} ms", sizes.seconds);
    if most > SIGNAL_MILLIS {
        problems.push(format!("99 of 100 signals take {most:.2} ms, and the limit is {SIGNAL_MILLIS} ms"));
    }

    let (few, few_kib) = claims(&folder.path().join("few.db"), sizes.few).await;
    let (many, many_kib) = claims(&folder.path().join("many.db"), sizes.many).await;
    println!("a claim among {} open runs {few:.3} ms, among {} {many:.3} ms", sizes.few, sizes.many);
    if many > few * GROWTH {
        problems.push(format!("a claim costs {:.1} times as much among many open runs, and the limit is {GROWTH}", many / few));
    }
    let grown = many_kib.saturating_sub(few_kib) / 1_024;
    println!("resident with {} open runs {} MiB, with {} {} MiB", sizes.few, few_kib / 1_024, sizes.many, many_kib / 1_024);
    if grown > FLAT_MIB {
        problems.push(format!("{grown} MiB more are resident among many open runs, and the limit is {FLAT_MIB}"));
    }
    let (a_second, each) = driven(&folder.path().join("driven.db"), sizes.many).await;
    println!("{} open runs are taken up, {a_second:.0} a second, and take {each} KiB each while they wait", sizes.many);
    if each > DRIVEN_KIB {
        problems.push(format!("a run that waits takes {each} KiB, and the limit is {DRIVEN_KIB}"));
    }
    // A few of anything say nothing.
    if !problems.is_empty() && !is("--test") {
        println!("{}", problems.join("\n"));
        std::process::exit(1);
    }
}

/// Inserts a second, so many to a transaction; one by one, each is its own.
async fn bare(path: &Path, inserts: u32, at_once: u32) -> f64 {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).synchronous(SqliteSynchronous::Full);
    let mut file = SqliteConnection::connect_with(&options).await.expect("a file");
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut file).await.expect("a write-ahead log");
    sqlx::query("CREATE TABLE rows (id INTEGER PRIMARY KEY, row TEXT NOT NULL)").execute(&mut file).await.expect("a table");
    let row = "x".repeat(600);
    let begun = Instant::now();
    for _ in 0..inserts / at_once {
        if at_once > 1 {
            sqlx::query("BEGIN IMMEDIATE").execute(&mut file).await.expect("a transaction");
        }
        for _ in 0..at_once {
            sqlx::query("INSERT INTO rows (row) VALUES (?)").bind(&row).execute(&mut file).await.expect("an insert");
        }
        if at_once > 1 {
            sqlx::query("COMMIT").execute(&mut file).await.expect("a commit");
        }
    }
    f64::from(inserts / at_once * at_once) / begun.elapsed().as_secs_f64()
}

async fn engine(path: &Path) -> (Arc<SqliteJournal>, Arc<Embedded>) {
    let journal = Arc::new(SqliteJournal::open(path).await.expect("a journal"));
    (journal.clone(), Arc::new(Embedded::new(journal, Arc::new(SystemClock), "bench", Duration::from_millis(100))))
}

/// An engine with a task queue of its own.
#[cfg(feature = "temporal")]
async fn temporal(address: String) -> pathops_adapters::temporal::Temporal {
    use pathops_adapters::temporal::{Temporal, TemporalConfig};
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock");
    let config = TemporalConfig::new(address, format!("bench-{}", since.as_millis()));
    Temporal::connect(config, Arc::new(SystemClock)).await.expect("Temporal")
}

async fn begin(engine: &dyn Engine, stamps: &Stamps, number: u32, beats: u32) {
    let (machines, run) = (hosted(stamps, false), name(number));
    let turn = engine.turn("starting").await.expect("a turn");
    let machine = machines.get(Beats::NAME).expect("the machine");
    engine.start(&turn, &**machine, &run, &start(beats)).await.expect("a run");
    engine.release(&turn).await.expect("the turn back");
}

/// Transitions a second, of so many runs.
async fn transitions(engine: &dyn Engine, transitions: u32, at_once: u32) -> f64 {
    let (stamps, each) = (Stamps::default(), transitions / at_once);
    let names: Vec<_> = (0..at_once).map(name).collect();
    for number in 0..at_once {
        begin(engine, &stamps, number, each).await;
    }
    let machines = hosted(&stamps, false);
    let begun = Instant::now();
    for ended in join_all(names.iter().map(|run| engine.drive(&machines, run))).await {
        assert!(ended.expect("its end").ended, "it has ended");
    }
    f64::from(each * at_once) / begun.elapsed().as_secs_f64()
}

/// From a signal to the operation that follows from it, in milliseconds: the median, and what 99 of 100 do not exceed.
async fn signals(path: &Path, seconds: u32) -> (f64, f64) {
    const RUNS: u32 = 100;
    let ((_, engine), stamps) = (engine(path).await, Stamps::default());
    for number in 0..RUNS {
        // Each waits for signals only.
        begin(&*engine, &stamps, number, 0).await;
    }
    let driving = tokio::spawn({
        let (engine, machines) = (engine.clone(), hosted(&stamps, true));
        async move { engine.run(&machines).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (begun, all) = (Instant::now(), seconds * SIGNALS);
    for signal in 0..all {
        tokio::time::sleep_until((begun + Duration::from_secs(1) * signal / SIGNALS).into()).await;
        stamps.sent(signal);
        let key = IdempotencyKey::new(signal.to_string());
        engine.tell(&key, &name(signal % RUNS), &told(signal)).await.expect("a signal");
    }
    while stamps.taken().len() < all.try_into().expect("a number") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    driving.abort();
    let mut taken: Vec<_> = stamps.taken().iter().map(|took| took.as_secs_f64() * 1_000.0).collect();
    taken.sort_by(f64::total_cmp);
    let at = |hundredths: usize| taken.get((taken.len() * hundredths / 100).min(taken.len() - 1)).copied().unwrap_or(f64::MAX);
    (at(50), at(99))
}

/// So many runs that wait for signals only.
async fn open(engine: &dyn Engine, runs: u32) {
    let machines = hosted(&Stamps::default(), true);
    let machine = &**machines.get(Beats::NAME).expect("the machine");
    let numbers: Vec<_> = (0..runs).collect();
    for some in numbers.chunks(64) {
        let turn = &engine.turn("starting").await.expect("a turn");
        let begun =
            some.iter().map(|number| async move { engine.start(turn, machine, &name(*number), &start(0)).await.expect("a run") });
        join_all(begun).await;
    }
}

/// How many open runs an engine takes up in a second, and what each takes while it waits, in KiB.
async fn driven(path: &Path, runs: u32) -> (f64, u64) {
    let ((_, engine), stamps) = (engine(path).await, Stamps::default());
    open(&*engine, runs).await;
    let (before, begun) = (resident_kib(), Instant::now());
    let driving = tokio::spawn({
        let (engine, machines) = (engine.clone(), hosted(&stamps, true));
        async move { engine.run(&machines).await }
    });
    while stamps.waiting() < runs {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (took, after) = (begun.elapsed(), resident_kib());
    driving.abort();
    (f64::from(runs) / took.as_secs_f64(), after.saturating_sub(before) / u64::from(runs))
}

/// What a claim of one run costs where so many are open, in milliseconds; and what is resident then, in KiB.
async fn claims(path: &Path, runs: u32) -> (f64, u64) {
    const CLAIMS: u32 = 100;
    let (journal, engine) = engine(path).await;
    open(&*engine, runs).await;
    let cx = OpContext::new(IdempotencyKey::new("claim"));
    let claims = CLAIMS.min(runs);
    let begun = Instant::now();
    for _ in 0..claims {
        let claimed = journal.claim(&cx, Beats::NAME, "bench", UnixMillis(0), Duration::from_secs(3_600), 1).await;
        assert_eq!(claimed.expect("a claim").len(), 1, "one is claimed");
    }
    (begun.elapsed().as_secs_f64() * 1_000.0 / f64::from(claims), resident_kib())
}

/// What is resident now.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
