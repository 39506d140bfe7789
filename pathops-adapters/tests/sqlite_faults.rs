//! What the SQLite journal does when things go wrong: processes killed at any moment, calls dropped half way, torn
//! and damaged files, a full disk, a second writer, files that are not its own.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::task::{Context, Waker};
use std::time::Duration;

use pathops_adapters::sqlite::SqliteJournal;
use pathops_core::adapter::{Created, Journal as _, Lease, OpId, OpenOp, RunFilter, Seq, Transition};
use pathops_core::{Effect, ErrorKind, IdempotencyKey, OpContext, RunId, UnixMillis};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn run() -> RunId {
    RunId::parse("run-1").unwrap()
}

/// Transition `n` opens operation `n` and closes the one before, so what must be there after it follows from `n`.
fn transition(n: u64) -> Transition {
    Transition {
        format: 1,
        at: UnixMillis(n.try_into().unwrap()),
        event: json!({"event": n, "padding": "e".repeat(1000)}),
        state: json!({"state": n, "padding": "s".repeat(3000)}),
        closes: n.checked_sub(1).filter(|n| *n > 0).map(OpId),
        hears: None,
        opens: vec![op(n)],
        ends: false,
    }
}

async fn lease(journal: &SqliteJournal) -> Lease {
    journal.acquire(&cx(), "driver", "me", UnixMillis(0), Duration::from_secs(60)).await.unwrap().unwrap()
}

async fn with_entries(path: &Path, count: u64) -> (SqliteJournal, Lease) {
    let journal = SqliteJournal::open(path).await.unwrap();
    let lease = lease(&journal).await;
    journal.create(&cx(), &lease, &run(), "promotion", &transition(1)).await.unwrap();
    for n in 1..count {
        journal.append(&cx(), &lease, &run(), Seq(n), &transition(n + 1)).await.unwrap();
    }
    (journal, lease)
}

/// Whole transitions only, from 1 without a gap, and a state that fits the last. Returns how many.
async fn check_whole(journal: &SqliteJournal) -> u64 {
    let Some(found) = journal.load(&cx(), &run()).await.unwrap() else { return 0 };
    let entries = journal.entries(&cx(), &run(), Seq(0), usize::MAX).await.unwrap();
    let last = found.seq.0;
    assert_eq!(entries.iter().map(|e| e.seq.0).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    assert!(entries.iter().all(|e| e.event == transition(e.seq.0).event && e.opens == transition(e.seq.0).opens));
    assert_eq!((found.state, found.open), (transition(last).state, transition(last).opens));
    last
}

/// Opens the file behind the journal's back.
async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

async fn raw_execute(path: &Path, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = raw(path).await;
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    connection.close().await
}

async fn refusal(path: &Path) -> pathops_core::Error {
    let error = SqliteJournal::open(path).await.unwrap_err();
    let name = fs::canonicalize(path).unwrap();
    assert!(error.to_string().contains(name.to_str().unwrap()), "names the file: {error}");
    error
}

#[tokio::test]
async fn reopening_finds_everything_and_changes_no_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let (journal, old) = with_entries(&path, 5).await;
    drop(journal);
    let schema = "PRAGMA schema_version";
    let before: i64 = sqlx::query_scalar(schema).fetch_one(&mut raw(&path).await).await.unwrap();

    let journal = SqliteJournal::open(&path).await.unwrap();
    assert_eq!(check_whole(&journal).await, 5);
    assert_eq!(journal.runs(&cx(), &RunFilter::default().open(), None, 100).await.unwrap(), [run()]);
    assert!(lease(&journal).await.fence > old.fence, "fences rise over restarts");
    drop(journal);
    let after: i64 = sqlx::query_scalar(schema).fetch_one(&mut raw(&path).await).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn one_writer_at_a_time_under_any_name_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path).await.unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = refusal(name).await;
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::None), "{error}");
    }
    drop(journal);
    SqliteJournal::open(&link).await.unwrap();
}

#[tokio::test]
async fn names_that_sqlite_would_read_as_something_else_are_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:journal.db?mode=memory"] {
        SqliteJournal::open(folder.path().join(name)).await.unwrap();
        assert!(folder.path().join(name).exists(), "{name}");
    }
    let missing = SqliteJournal::open(folder.path().join("no/journal.db")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
}

#[tokio::test]
async fn a_newer_schema_and_a_foreign_database_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(SqliteJournal::open(&path).await.unwrap());
    raw_execute(&path, "PRAGMA user_version = 5").await.unwrap();
    let error = refusal(&path).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("version 4"), "{error}");

    let path = folder.path().join("foreign.db");
    drop(fs::File::create(&path).unwrap());
    raw_execute(&path, "CREATE TABLE notes (text TEXT)").await.unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(refusal(&path).await.kind(), ErrorKind::Invalid);
    assert!(before == fs::read(&path).unwrap(), "a foreign database is left as it was");
}

/// A file that version 1 has written: what it has is there as before, and what nobody drives is claimed.
#[tokio::test]
async fn a_file_of_the_first_version_is_taken_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(fs::File::create(&path).unwrap());
    raw_execute(&path, include_str!("../migrations/sqlite/0001_journal.sql")).await.unwrap();
    raw_execute(&path, include_str!("fixtures/journal_1.sql")).await.unwrap();
    let journal = SqliteJournal::open(&path).await.unwrap();
    let open = ["given-back", "held", "never-held"];
    assert_eq!(
        journal.runs(&cx(), &RunFilter::default().open(), None, 100).await.unwrap(),
        open.map(|run| RunId::parse(run).unwrap())
    );
    let held = journal.load(&cx(), &RunId::parse("given-back").unwrap()).await.unwrap().unwrap();
    assert_eq!((held.seq, held.state, held.open), (Seq(2), json!({"state": 2}), vec![op(2)]));
    for (at, names) in [(60_999, &["given-back", "never-held"][..]), (61_000, &["held"]), (61_000, &[])] {
        let ttl = Duration::from_secs(60);
        let claimed = journal.claim(&cx(), "promotion", "new", UnixMillis(at), ttl, 10).await.unwrap();
        let mut claimed: Vec<_> = claimed.iter().map(|lease| (lease.name.as_str(), lease.fence)).collect();
        claimed.sort();
        assert_eq!(claimed.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names, "at {at}");
        assert!(claimed.iter().all(|(name, fence)| *fence > if *name == "held" { 3 } else { 1 }), "{claimed:?}");
    }
    let run = RunId::parse("held").unwrap();
    let number = journal.tell(&cx(), &run, UnixMillis(5), &json!("stop")).await.unwrap();
    drop(journal);
    let journal = SqliteJournal::open(&path).await.unwrap();
    let told = journal.told(&cx(), &run, journal.load(&cx(), &run).await.unwrap().unwrap().heard, 10).await.unwrap();
    assert_eq!(told.iter().map(|it| it.number).collect::<Vec<_>>(), [number]);
    let ended = RunId::parse("ended").unwrap();
    assert_eq!(journal.archive(&cx(), UnixMillis(i64::MAX), 9).await.unwrap(), std::slice::from_ref(&ended));
    assert_eq!(journal.load(&cx(), &ended).await.unwrap().unwrap().state, json!({"state": 1}));
}

fn op(n: u64) -> OpenOp {
    OpenOp { op: OpId(n), command: json!({"do": n}) }
}

#[tokio::test]
async fn a_file_that_is_no_database_or_is_cut_short_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.db");
    fs::write(&path, "no database at all\n".repeat(100)).unwrap();
    assert_eq!(refusal(&path).await.kind(), ErrorKind::Corrupt);

    let path = folder.path().join("cut.db");
    drop(with_entries(&path, 20).await);
    // A connection that was dropped lets go of the file in a while; whoever is last takes up the log.
    while folder.path().join("cut.db-wal").exists() {
        drop(raw(&path).await.close().await);
    }
    let file = fs::File::options().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length / 2 / 4096 * 4096).unwrap();
    assert_eq!(refusal(&path).await.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn damaged_values_are_corrupt_and_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(with_entries(&path, 2).await);
    raw_execute(&path, "UPDATE runs SET state = '{'").await.unwrap();
    let journal = SqliteJournal::open(&path).await.unwrap();
    let error = journal.load(&cx(), &run()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("journal.db") && error.to_string().contains("run-1"), "{error}");
}

#[tokio::test]
async fn entries_cannot_be_changed_deleted_replaced_or_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(with_entries(&path, 3).await);
    for sql in [
        "UPDATE entries SET event = '1' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 3",
        "INSERT OR REPLACE INTO entries SELECT run, 2, format, at, '1', closes, opens FROM entries WHERE seq = 3",
        "INSERT INTO entries SELECT run, 5, format, at, event, closes, opens FROM entries WHERE seq = 3",
    ] {
        raw_execute(&path, sql).await.expect_err(sql);
    }
    assert_eq!(check_whole(&SqliteJournal::open(&path).await.unwrap()).await, 3);
}

/// A run that has ended after so many transitions, and was told something.
async fn ended(path: &Path, count: u64) -> SqliteJournal {
    let (journal, lease) = with_entries(path, count).await;
    journal.tell(&cx(), &run(), UnixMillis(5), &json!("stop")).await.unwrap();
    let end = Transition { ends: true, ..transition(count + 1) };
    journal.append(&cx(), &lease, &run(), Seq(count), &end).await.unwrap();
    journal
}

#[tokio::test]
async fn what_is_archived_cannot_be_changed_or_deleted_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = ended(&path, 2).await;
    assert_eq!(journal.archive(&cx(), UnixMillis(i64::MAX), 9).await.unwrap(), [run()]);
    drop(journal);
    for sql in [
        "UPDATE archived_entries SET event = '1' WHERE seq = 2",
        "DELETE FROM archived_entries WHERE seq = 3",
        "DELETE FROM archived_runs",
        "UPDATE archived_runs SET state = '1'",
        "INSERT OR REPLACE INTO archived_runs SELECT id, machine, seq, format, '1', ended, heard FROM archived_runs",
        "INSERT OR REPLACE INTO archived_entries SELECT run, seq, format, at, '1', closes, opens FROM archived_entries WHERE seq = 2",
        "INSERT INTO archived_entries SELECT run, 9, format, at, event, closes, opens FROM archived_entries WHERE seq = 2",
        "INSERT OR REPLACE INTO archived_signals SELECT run, number, key, at, '1' FROM archived_signals",
        "UPDATE archived_signals SET told = '1'",
        "DELETE FROM archived_signals",
    ] {
        raw_execute(&path, sql).await.expect_err(sql);
    }
    raw_execute(&path, "VACUUM").await.unwrap();
    assert_eq!(check_whole(&SqliteJournal::open(&path).await.unwrap()).await, 3);
}

#[tokio::test]
async fn a_dropped_archive_leaves_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = ended(&path, 4).await;
    let archived = RunFilter { archived: true, ..RunFilter::default() };
    for polls in 0..60 {
        {
            let cx = cx();
            let mut call = journal.archive(&cx, UnixMillis(i64::MAX), 9);
            for _ in 0..polls {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        assert_eq!(check_whole(&journal).await, 5, "{polls} polls");
        let mut listed = journal.runs(&cx(), &RunFilter::default(), None, 9).await.unwrap();
        listed.extend(journal.runs(&cx(), &archived, None, 9).await.unwrap());
        assert_eq!(listed, [run()], "{polls} polls: it is in one place");
    }
    journal.archive(&cx(), UnixMillis(i64::MAX), 9).await.unwrap();
    assert_eq!(journal.runs(&cx(), &archived, None, 9).await.unwrap(), [run()]);
    assert_eq!(check_whole(&journal).await, 5);
}

#[tokio::test]
async fn a_dropped_call_leaves_all_or_nothing_and_the_journal_usable() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, lease) = with_entries(&folder.path().join("journal.db"), 1).await;
    for polls in 0..40 {
        let before = check_whole(&journal).await;
        let next = transition(before + 1);
        {
            let (cx, run) = (cx(), run());
            let mut call = journal.append(&cx, &lease, &run, Seq(before), &next);
            for _ in 0..polls {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        let after = check_whole(&journal).await;
        assert!((before..=before + 1).contains(&after), "{polls} polls: {before} -> {after}");
        let settled = journal.append(&cx(), &lease, &run(), Seq(before), &next).await;
        assert_eq!(settled.unwrap(), Seq(before + 1), "asking again settles it");
    }
}

/// So many runs with one transition each, under one lease.
async fn with_runs(path: &Path, count: u64) -> (SqliteJournal, Lease, Vec<RunId>) {
    let journal = SqliteJournal::open(path).await.unwrap();
    let lease = lease(&journal).await;
    let runs: Vec<_> = (0..count).map(|number| RunId::parse(format!("run-{number}")).unwrap()).collect();
    for run in &runs {
        journal.create(&cx(), &lease, run, "promotion", &transition(1)).await.unwrap();
    }
    (journal, lease, runs)
}

/// Adds the next transition to each at once.
async fn append_to_all(journal: &SqliteJournal, lease: &Lease, runs: &[(RunId, Seq)]) -> Vec<pathops_core::Result<Seq>> {
    let append = |(run, last): &(RunId, Seq)| {
        let (run, last) = (run.clone(), *last);
        async move { journal.append(&cx(), lease, &run, last, &transition(last.0 + 1)).await }
    };
    futures_util::future::join_all(runs.iter().map(append)).await
}

/// How many commits are in a write-ahead log that was never begun anew, by <https://sqlite.org/fileformat2.html#walformat>.
fn commits(path: &Path) -> usize {
    let log = fs::read(format!("{}-wal", path.display())).unwrap();
    let number = |at: usize| u32::from_be_bytes(log.get(at..at + 4).unwrap().try_into().unwrap());
    let frame = 24 + usize::try_from(number(8)).unwrap();
    (32..log.len()).step_by(frame).filter(|at| number(at + 4) != 0).count()
}

#[tokio::test]
async fn calls_that_come_at_once_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    // More than one statement takes.
    let (journal, lease, runs) = with_runs(&path, 34).await;
    let before = commits(&path);
    let all: Vec<_> = runs.iter().map(|run| (run.clone(), Seq(1))).collect();
    assert!(append_to_all(&journal, &lease, &all).await.into_iter().all(|seq| seq.unwrap() == Seq(2)));
    // Whoever is first may be gone before the others come.
    let made = commits(&path) - before;
    assert!((2..=3).contains(&made), "{made} commits of 34 calls");
    let mut raw = raw(&path).await;
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM entries WHERE seq = 2").fetch_one(&mut raw).await.unwrap();
    assert_eq!(stored, 34, "what is acknowledged is there for others too");
}

/// It stands in line, and nobody waits for it any more: those behind it do not add it with theirs.
#[tokio::test]
async fn one_that_is_dropped_in_line_is_not_added_by_those_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, lease, runs) = with_runs(&folder.path().join("journal.db"), 3).await;
    let (cx, next) = (cx(), transition(2));
    let append = |run| journal.append(&cx, &lease, run, Seq(1), &next);
    let (mut first, mut dropped, last) = (append(&runs[0]), append(&runs[1]), append(&runs[2]));
    for call in [&mut first, &mut dropped] {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(dropped);
    let (first, last) = futures_util::future::join(first, last).await;
    assert_eq!((first.unwrap(), last.unwrap()), (Seq(2), Seq(2)));
    assert_eq!(journal.load(&cx, &runs[1]).await.unwrap().unwrap().seq, Seq(1));
}

/// It closes what is not open, which is found when a part of it is written.
#[tokio::test]
async fn one_that_is_refused_takes_nothing_from_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, lease, runs) = with_runs(&folder.path().join("journal.db"), 9).await;
    for wrong in 0..9 {
        let last = Seq(wrong + 1);
        let (at, right) = (usize::try_from(wrong).unwrap(), transition(last.0 + 1));
        let wrong = Transition { closes: Some(OpId(999)), ..right.clone() };
        let append = |(number, run): (usize, &RunId)| {
            let (run, next, journal, lease) = (run.clone(), if number == at { &wrong } else { &right }, &journal, &lease);
            async move { journal.append(&cx(), lease, &run, last, next).await }
        };
        let appended = futures_util::future::join_all(runs.iter().enumerate().map(append)).await;
        for (number, appended) in appended.into_iter().enumerate() {
            match appended {
                Err(error) if number == at => assert_eq!(error.kind(), ErrorKind::Invalid, "{error}"),
                appended => assert_eq!(appended.unwrap(), Seq(last.0 + 1)),
            }
        }
        let entries = journal.entries(&cx(), &runs[at], last, 10).await.unwrap();
        assert_eq!(entries.len(), 0, "what was refused has done something");
        journal.append(&cx(), &lease, &runs[at], last, &right).await.unwrap();
    }
}

#[tokio::test]
async fn one_that_is_dropped_takes_nothing_from_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, lease, runs) = with_runs(&folder.path().join("journal.db"), 5).await;
    let mut unhurt = 0;
    for polls in 0..80 {
        let last = Seq(polls + 1);
        let (others, next) = (runs[1..].iter().map(|run| (run.clone(), last)).collect::<Vec<_>>(), transition(last.0 + 1));
        let (cx, mut polled) = (cx(), 0);
        let mut call = Some(journal.append(&cx, &lease, &runs[0], last, &next));
        let mut all = std::pin::pin!(append_to_all(&journal, &lease, &others));
        let appended = std::future::poll_fn(|context| {
            // It stands in line behind the others, and joins them.
            let all = all.as_mut().poll(context);
            if polled == polls || call.as_mut().is_some_and(|call| call.as_mut().poll(context).is_ready()) {
                call = None;
            }
            polled += 1;
            std::thread::sleep(Duration::from_micros(100));
            context.waker().wake_by_ref();
            all
        });
        let appended = appended.await;
        unhurt += usize::from(appended.iter().all(Result::is_ok));
        for seq in appended {
            // What is given up in the middle of the commit of all may be there or not.
            match seq {
                Err(error) => assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::Unknown), "{error}"),
                seq => assert_eq!(seq.unwrap(), Seq(last.0 + 1)),
            }
        }
        drop(call);
        let all: Vec<_> = runs.iter().map(|run| (run.clone(), last)).collect();
        for seq in append_to_all(&journal, &lease, &all).await {
            assert_eq!(seq.unwrap(), Seq(last.0 + 1), "asking again settles it");
        }
    }
    assert!(unhurt >= 40, "of 80 rounds the others lost something in {}", 80 - unhurt);
}

#[tokio::test]
async fn a_log_torn_anywhere_leaves_whole_transitions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let (journal, _) = with_entries(&path, 12).await;
    let (database, log) = (fs::read(&path).unwrap(), fs::read(folder.path().join("journal.db-wal")).unwrap());
    drop(journal);
    let mut seen = 0;
    for cut in (0..=log.len()).step_by(2741).chain([log.len()]) {
        let copy = folder.path().join(format!("cut-{cut}.db"));
        fs::write(&copy, &database).unwrap();
        fs::write(folder.path().join(format!("cut-{cut}.db-wal")), log.get(..cut).unwrap()).unwrap();
        let whole = check_whole(&SqliteJournal::open(&copy).await.unwrap()).await;
        assert!(whole >= seen, "{whole} after {seen} at byte {cut}");
        seen = whole;
    }
    assert_eq!(seen, 12);
}

/// Starts a test of this binary as a process of its own, which reads the journal's path from its input.
fn start(mut command: Command, test: &str, path: &Path) -> Child {
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(path.to_str().unwrap().as_bytes()).unwrap();
    child
}

fn path_from_input() -> Option<PathBuf> {
    let mut path = String::new();
    std::io::stdin().read_to_string(&mut path).unwrap();
    (!path.is_empty()).then(|| path.into())
}

#[test]
#[ignore = "a process that `a_killed_writer_leaves_whole_transitions` starts"]
fn writer_process() {
    let Some(path) = path_from_input() else { return };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let journal = SqliteJournal::open(path).await.unwrap();
        let lease = lease(&journal).await;
        let created = journal.create(&cx(), &lease, &run(), "promotion", &transition(1)).await.unwrap();
        assert!(matches!(created, Created::New | Created::Existing));
        let mut last = journal.load(&cx(), &run()).await.unwrap().unwrap().seq;
        loop {
            last = journal.append(&cx(), &lease, &run(), last, &transition(last.0 + 1)).await.unwrap();
            println!("\nacknowledged {}", last.0);
        }
    });
}

#[tokio::test]
async fn a_killed_writer_leaves_whole_transitions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut whole = 0;
    for round in 0..12 {
        let mut writer = start(Command::new(std::env::current_exe().unwrap()), "writer_process", &path);
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        let number = |line: String| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
        lines.by_ref().filter_map(number).nth(round * 3).unwrap();
        std::thread::sleep(Duration::from_micros(137 * u64::try_from(round).unwrap()));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let acknowledged = lines.filter_map(number).last().unwrap_or(whole);

        let now = check_whole(&SqliteJournal::open(&path).await.unwrap()).await;
        assert!(now > whole && now >= acknowledged, "round {round}: {now} after {whole}, {acknowledged} acknowledged");
        whole = now;
    }
}

/// What is deleted to make room: enough for a transition of each of three runs, in a transaction of its own. Each writes whole pages
/// into the log before anything is taken out of that.
const BALLAST: usize = 256 * 1024;

#[test]
#[ignore = "a process that `a_full_disk_is_told_and_survived` starts"]
fn full_disk_process() {
    let Some(folder) = path_from_input() else { return };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let (path, ballast) = (folder.join("journal.db"), folder.join("ballast"));
        fs::write(&ballast, vec![0; BALLAST]).unwrap();
        let (journal, lease) = with_entries(&path, 1).await;
        let mut last = Seq(1);
        let error = loop {
            match journal.append(&cx(), &lease, &run(), last, &transition(last.0 + 1)).await {
                Ok(seq) => last = seq,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error:?}");
        assert_eq!(check_whole(&journal).await, last.0, "the transition that did not fit is not there");
        fs::remove_file(ballast).unwrap();
        let again = journal.append(&cx(), &lease, &run(), last, &transition(last.0 + 1)).await;
        assert_eq!(again.unwrap(), Seq(last.0 + 1), "with room again, it goes on");
        println!("\nsurvived a full disk after {}", last.0);
    });
}

#[test]
#[ignore = "a process that `a_full_disk_is_told_and_survived` starts"]
fn full_disk_process_of_many() {
    let Some(folder) = path_from_input() else { return };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let (path, ballast) = (folder.join("journal.db"), folder.join("ballast"));
        fs::write(&ballast, vec![0; BALLAST]).unwrap();
        let (journal, lease, runs) = with_runs(&path, 3).await;
        let mut all: Vec<_> = runs.iter().map(|run| (run.clone(), Seq(1))).collect();
        let mut full = false;
        while !full {
            let appended = append_to_all(&journal, &lease, &all).await;
            for ((_, last), appended) in all.iter_mut().zip(appended) {
                match appended {
                    Ok(seq) => *last = seq,
                    Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::Unavailable) => full = true,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        for (run, last) in &all {
            assert_eq!(journal.load(&cx(), run).await.unwrap().unwrap().seq, *last, "{run}");
        }
        fs::remove_file(ballast).unwrap();
        let again = append_to_all(&journal, &lease, &all).await;
        assert!(
            again.iter().zip(&all).all(|(seq, (_, last))| seq.as_ref().unwrap().0 == last.0 + 1),
            "with room again, they go on"
        );
        println!("\nsurvived a full disk with many at once");
    });
}

/// On a real file system of 1 MiB, mounted where only the process sees it.
#[test]
fn a_full_disk_is_told_and_survived() {
    let supported = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).status();
    if !supported.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system lets no user mount a file system of its own");
        return;
    }
    for test in ["full_disk_process", "full_disk_process_of_many"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        command.arg("mount -t tmpfs -o size=1m tmpfs \"$0\" && exec \"$@\"").arg(folder.path());
        command.arg(std::env::current_exe().unwrap());
        let output = start(command, test, folder.path()).wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("survived a full disk"), "{test}: {text}");
    }
}
