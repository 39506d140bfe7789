//! What the journal does when things go wrong: processes that race, servers that are killed, tables that are not its own, and
//! users who may not.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::postgres::PostgresJournal;
use pathops_core::adapter::{Created, Journal as _, Lease, OpId, OpenOp, RunFilter, Seq, SignalNumber, Transition};
use pathops_core::{Effect, Error, ErrorKind, RunId, UnixMillis};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::OneServer;
use crate::faults::{cx, trial};
use crate::server::{Server, execute};

pub(crate) fn trials(server: &OneServer) -> Vec<Trial> {
    vec![
        trial(server, "of_two_processes_one_wins_each_time", |it| Box::pin(of_two_processes_one_wins_each_time(it))),
        trial(server, "a_killed_server_loses_nothing", |it| Box::pin(a_killed_server_loses_nothing(it))),
        trial(server, "a_lease_is_taken_after_what_is_written_under_it", |it| {
            Box::pin(a_lease_is_taken_after_what_is_written_under_it(it))
        }),
        trial(server, "several_that_make_a_journal_at_once_find_it_made", |it| {
            Box::pin(several_that_make_a_journal_at_once_find_it_made(it))
        }),
        trial(server, "opening_again_changes_no_table", |it| Box::pin(opening_again_changes_no_table(it))),
        trial(server, "those_who_archive_and_make_runs_at_once_do_not_meet", |it| {
            Box::pin(those_who_archive_and_make_runs_at_once_do_not_meet(it))
        }),
        trial(server, "tables_of_the_first_version_are_taken_further", |it| {
            Box::pin(tables_of_the_first_version_are_taken_further(it))
        }),
        trial(server, "entries_cannot_be_changed_deleted_or_skipped", |it| {
            Box::pin(entries_cannot_be_changed_deleted_or_skipped(it))
        }),
        trial(server, "damaged_values_are_corrupt", |it| Box::pin(damaged_values_are_corrupt(it))),
        trial(server, "who_may_not_is_told_and_no_secret", |it| Box::pin(who_may_not_is_told_and_no_secret(it))),
        trial(server, "a_journal_that_somebody_locks_ends_in_time", |it| {
            Box::pin(a_journal_that_somebody_locks_ends_in_time(it))
        }),
    ]
}

fn run() -> RunId {
    "run-1".parse().unwrap()
}

/// Transition `n` opens operation `n` and closes the one before; `by` tells who made it.
fn transition(n: u64, by: &str) -> Transition {
    Transition {
        format: 1,
        at: UnixMillis(n.try_into().unwrap()),
        event: json!({"event": n, "by": by}),
        state: json!({"state": n, "by": by}),
        closes: n.checked_sub(1).filter(|n| *n > 0).map(OpId),
        hears: None,
        opens: vec![OpenOp { op: OpId(n), command: json!({"do": n}) }],
        ends: false,
    }
}

async fn take(journal: &PostgresJournal, name: &str, owner: &str) -> Option<Lease> {
    journal.acquire(&cx(), name, owner, UnixMillis(0), Duration::from_secs(60)).await.unwrap()
}

async fn with_run(url: &str) -> (PostgresJournal, Lease) {
    let journal = PostgresJournal::open(url).await.unwrap();
    let lease = take(&journal, "driver", "me").await.unwrap();
    journal.create(&cx(), &lease, &run(), "promotion", &transition(1, "me")).await.unwrap();
    (journal, lease)
}

/// Whole transitions only, from 1 without a gap, and a state that fits the last. Returns how many, and who made each.
async fn check_whole(journal: &PostgresJournal) -> BTreeMap<u64, String> {
    let found = journal.load(&cx(), &run()).await.unwrap().unwrap();
    let entries = journal.entries(&cx(), &run(), Seq(0), usize::MAX).await.unwrap();
    let by: BTreeMap<_, _> = entries.iter().map(|it| (it.seq.0, it.event["by"].as_str().unwrap().to_owned())).collect();
    assert_eq!(by.keys().copied().collect::<Vec<_>>(), (1..=found.seq.0).collect::<Vec<_>>());
    for entry in &entries {
        let whole = transition(entry.seq.0, &by[&entry.seq.0]);
        assert_eq!((&entry.event, &entry.opens, entry.closes), (&whole.event, &whole.opens, whole.closes));
    }
    let last = transition(found.seq.0, &by[&found.seq.0]);
    assert_eq!((found.state, found.open), (last.state, last.opens));
    by
}

/// The argument that makes a process of its own of this program.
pub(crate) const WRITER: &str = "writer";
const ROUNDS: u64 = 60;

/// Races for the leases and the transitions of a run, and says what it won. Reads its name, the fence of the lease and the URL.
pub(crate) fn writer_process() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let [name, fence, url] = input.lines().collect::<Vec<_>>()[..] else { panic!("{input}") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut won = Vec::new();
    runtime.block_on(async {
        let journal = PostgresJournal::open(url).await.unwrap();
        let expires_at = UnixMillis(60_000);
        let lease = Lease { name: "driver".into(), owner: "me".into(), fence: fence.parse().unwrap(), expires_at };
        for n in 0..ROUNDS {
            if take(&journal, &format!("race-{n}"), name).await.is_some() {
                won.push(format!("lease {n}"));
            }
        }
        loop {
            let last = journal.load(&cx(), &run()).await.unwrap().unwrap().seq;
            if last.0 > ROUNDS {
                break;
            }
            match journal.append(&cx(), &lease, &run(), last, &transition(last.0 + 1, name)).await {
                Ok(seq) => won.push(format!("transition {}", seq.0)),
                Err(lost) => assert_eq!((lost.kind(), lost.effect()), (ErrorKind::Conflict, Effect::None), "{lost}"),
            }
        }
    });
    std::io::stdout().write_all(won.join("\n").as_bytes()).unwrap();
}

async fn of_two_processes_one_wins_each_time(server: &Server) {
    let url = server.database().await;
    let (journal, lease) = with_run(&url).await;
    let start = |name: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg(WRITER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{name}\n{}\n{url}", lease.fence).as_bytes()).unwrap();
        child
    };
    let mut won = BTreeMap::new();
    for (name, mut child) in ["one", "two"].map(|name| (name, start(name))) {
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            assert_eq!(won.insert(line.unwrap(), name), None, "two have won the same");
        }
        assert!(child.wait().unwrap().success(), "{name} failed");
    }
    let by = check_whole(&journal).await;
    for n in 0..ROUNDS {
        assert!(won.contains_key(&format!("lease {n}")), "nobody has won lease {n}");
    }
    for (n, by) in by.range(2..) {
        assert_eq!(won[&format!("transition {n}")], by);
    }
}

/// In the middle of what a writer does.
async fn a_killed_server_loses_nothing(_: &Server) {
    let programs = crate::server::installed().unwrap();
    let mut server = Server::start(&programs).await;
    let url = server.database().await;
    let (journal, lease) = with_run(&url).await;
    for round in 0..4 {
        let writing = tokio::spawn({
            let (lease, journal) = (lease.clone(), PostgresJournal::open(&url).await.unwrap());
            async move {
                let mut last = journal.load(&cx(), &run()).await.unwrap().unwrap().seq;
                let failed = loop {
                    match journal.append(&cx(), &lease, &run(), last, &transition(last.0 + 1, "me")).await {
                        Ok(seq) => last = seq,
                        Err(error) => break error,
                    }
                };
                (journal, last, failed)
            }
        });
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        server.fail().await;
        let (writer, acknowledged, failed) = writing.await.unwrap();
        assert_eq!(failed.kind(), ErrorKind::Unavailable, "{failed:?}");
        // Killed before it was sent, it is known that nothing was written.
        if failed.effect() == Effect::None {
            let there = eventually(async || journal.load(&cx(), &run()).await).await.unwrap();
            assert_eq!(there.seq, acknowledged, "{failed:?}");
        }
        // Asking again settles it, and the connections of before are made anew.
        let next = transition(acknowledged.0 + 1, "me");
        let again = eventually(async || writer.append(&cx(), &lease, &run(), acknowledged, &next).await).await;
        assert_eq!(again, Seq(acknowledged.0 + 1));
        let there = eventually(async || journal.load(&cx(), &run()).await).await.unwrap();
        assert_eq!(there.seq, again);
        assert!(check_whole(&journal).await.len() > 1 + usize::try_from(round).unwrap());
    }
}

/// Calls until the server is reached again.
pub(crate) async fn eventually<T>(mut call: impl AsyncFnMut() -> pathops_core::Result<T>) -> T {
    for _ in 0..20 {
        match call().await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            answer => return answer.unwrap(),
        }
    }
    panic!("the server is not reached again");
}

/// A transition that waits for its run holds no lease back, and is refused once somebody else has taken it; one that holds the
/// lease ends first.
async fn a_lease_is_taken_after_what_is_written_under_it(server: &Server) {
    let url = server.database().await;
    let (journal, lease) = with_run(&url).await;
    let mut rival = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT FROM pathops_runs WHERE id = 'run-1' FOR UPDATE").execute(&mut rival).await.unwrap();
    let next = transition(2, "me");
    let (context, run_id) = (cx(), run());
    let mut late = std::pin::pin!(journal.append(&context, &lease, &run_id, Seq(1), &next));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut late).await.is_err(), "it waits for the run");
    let taken = journal.acquire(&cx(), "driver", "other", lease.expires_at, Duration::from_secs(60)).await.unwrap().unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut rival).await.unwrap();
    let refused = late.await.unwrap_err();
    assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Conflict, Effect::None), "{refused}");

    sqlx::raw_sql("BEGIN; SELECT FROM pathops_leases WHERE name = 'driver' FOR SHARE").execute(&mut rival).await.unwrap();
    let mut taking = std::pin::pin!(journal.acquire(&context, "driver", "third", taken.expires_at, Duration::from_secs(60)));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut taking).await.is_err(), "it waits for who writes");
    journal.append(&cx(), &taken, &run(), Seq(1), &next).await.unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut rival).await.unwrap();
    assert!(taking.await.unwrap().unwrap().fence > taken.fence);
}

async fn several_that_make_a_journal_at_once_find_it_made(server: &Server) {
    let url = server.database().await;
    let open = |n: usize| {
        let url = url.clone();
        tokio::spawn(async move { take(&PostgresJournal::open(&url).await.unwrap(), &format!("lease-{n}"), "me").await.unwrap() })
    };
    for task in (0..6).map(open).collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().fence, 1);
    }
}

async fn opening_again_changes_no_table(server: &Server) {
    let url = server.database().await;
    drop(with_run(&url).await);
    // Nobody could make anything here any more, or change what is there.
    execute(&url, "CREATE ROLE clerk LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC").await.unwrap();
    let rights = "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clerk";
    execute(&url, rights).await.unwrap();
    let journal = PostgresJournal::open(&url.replace("pathops:a-password", "clerk")).await.unwrap();
    assert_eq!(journal.runs(&cx(), &RunFilter::default().open(), None, 100).await.unwrap(), [run()]);
    let lease = take(&journal, "driver", "me").await.unwrap();
    journal.append(&cx(), &lease, &run(), Seq(1), &transition(2, "me")).await.unwrap();

    execute(&url, "UPDATE pathops_journal SET version = 9").await.unwrap();
    let newer = PostgresJournal::open(&url).await.unwrap_err();
    assert_eq!((newer.kind(), newer.effect()), (ErrorKind::Unsupported, Effect::None), "{newer}");
    assert!(newer.to_string().contains("version 9") && newer.to_string().contains("as new as its writer"), "{newer}");
}

/// What version 1 has written is there as before, and goes on.
async fn tables_of_the_first_version_are_taken_further(server: &Server) {
    let url = server.database().await;
    execute(&url, include_str!("../../migrations/postgres/0001_journal.sql")).await.unwrap();
    let written = r#"
        INSERT INTO pathops_leases VALUES ('driver', 'me', 7, 60000, NULL), ('run-1', NULL, 3, -9223372036854775808, 'promotion');
        INSERT INTO pathops_runs VALUES ('run-1', 'promotion', 1, 1, '{"state": 1, "by": "me"}', false);
        INSERT INTO pathops_entries
          VALUES ('run-1', 1, 1, 1, '{"event": 1, "by": "me"}', NULL, '[{"op": 1, "command": {"do": 1}}]');
        INSERT INTO pathops_ops VALUES ('run-1', 1, '{"do": 1}');
    "#;
    execute(&url, written).await.unwrap();
    let journal = PostgresJournal::open(&url).await.unwrap();
    let found = journal.load(&cx(), &run()).await.unwrap().unwrap();
    assert_eq!((found.seq, found.heard, found.open), (Seq(1), SignalNumber(0), transition(1, "me").opens));
    let lease = take(&journal, "driver", "me").await.unwrap();
    assert!(lease.fence > 7, "{lease:?}");
    let number = journal.tell(&cx(), &run(), UnixMillis(5), &json!("stop")).await.unwrap();
    let heard = Transition { hears: Some(number), ..transition(2, "me") };
    journal.append(&cx(), &lease, &run(), Seq(1), &heard).await.unwrap();
    assert_eq!(check_whole(&journal).await.len(), 2);
    drop(journal);
    let journal = PostgresJournal::open(&url).await.unwrap();
    assert_eq!(journal.load(&cx(), &run()).await.unwrap().unwrap().heard, number);
}

async fn entries_cannot_be_changed_deleted_or_skipped(server: &Server) {
    let url = server.database().await;
    let (journal, lease) = with_run(&url).await;
    journal.append(&cx(), &lease, &run(), Seq(1), &transition(2, "me")).await.unwrap();
    for sql in [
        "UPDATE pathops_entries SET event = '1' WHERE seq = 2",
        "DELETE FROM pathops_entries WHERE seq = 2",
        "TRUNCATE pathops_entries CASCADE",
        "INSERT INTO pathops_entries SELECT run, 4, format, at, event, closes, opens FROM pathops_entries WHERE seq = 2",
        "INSERT INTO pathops_entries SELECT 'nobody', 1, format, at, event, closes, opens FROM pathops_entries WHERE seq = 2",
    ] {
        execute(&url, sql).await.expect_err(sql);
    }
    assert_eq!(check_whole(&journal).await.len(), 2);
    journal.tell(&cx(), &run(), UnixMillis(5), &json!("stop")).await.unwrap();
    let end = Transition { ends: true, ..transition(3, "me") };
    journal.append(&cx(), &lease, &run(), Seq(2), &end).await.unwrap();
    assert_eq!(journal.archive(&cx(), UnixMillis(i64::MAX), 9).await.unwrap(), [run()]);
    for sql in [
        "UPDATE pathops_archived_entries SET event = '1' WHERE seq = 2",
        "DELETE FROM pathops_archived_entries WHERE seq = 2",
        "DELETE FROM pathops_archived_runs",
        "TRUNCATE pathops_archived_entries CASCADE",
        "DELETE FROM pathops_archived_signals",
    ] {
        execute(&url, sql).await.expect_err(sql);
    }
    assert_eq!(check_whole(&journal).await.len(), 3);
}

/// Several hosts archive at once, beside those who make runs of the very names that are being archived.
async fn those_who_archive_and_make_runs_at_once_do_not_meet(server: &Server) {
    let url = server.database().await;
    let (journal, lease) = with_run(&url).await;
    let first = Transition { ends: true, ..transition(1, "me") };
    let names: Vec<RunId> = (10..50).map(|n| RunId::parse(format!("run-{n}")).unwrap()).collect();
    for name in &names {
        journal.create(&cx(), &lease, name, "promotion", &first).await.unwrap();
    }
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let journal = PostgresJournal::open(&url).await.unwrap();
        tasks.push(tokio::spawn(async move {
            let mut moved = Vec::new();
            for _ in 0..40 {
                moved.extend(journal.archive(&cx(), UnixMillis(i64::MAX), 3).await.unwrap());
            }
            moved
        }));
    }
    for _ in 0..3 {
        for name in &names {
            assert_eq!(journal.create(&cx(), &lease, name, "promotion", &first).await.unwrap(), Created::Existing);
        }
    }
    let mut moved = Vec::new();
    for task in tasks {
        moved.extend(task.await.unwrap());
    }
    moved.sort();
    assert_eq!(moved, names, "each is moved once");
    assert_eq!(journal.runs(&cx(), &RunFilter::default(), None, 100).await.unwrap(), [run()]);
}

async fn damaged_values_are_corrupt(server: &Server) {
    let url = server.database().await;
    let (journal, _) = with_run(&url).await;
    execute(&url, "UPDATE pathops_runs SET state = '{'").await.unwrap();
    let error = journal.load(&cx(), &run()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(text.contains("run-1") && text.contains("restore the journal from a backup"), "{text}");
}

/// Everything that an error shows, with what led to it.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}

async fn who_may_not_is_told_and_no_secret(server: &Server) {
    let url = server.database().await;
    let (_, lease) = with_run(&url).await;
    let roles = "CREATE ROLE locked LOGIN PASSWORD 'the-right-one'; CREATE ROLE full_up LOGIN CONNECTION LIMIT 0; \
                 CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; \
                 CREATE ROLE nobody LOGIN; CREATE ROLE standby LOGIN SUPERUSER; \
                 ALTER ROLE standby SET default_transaction_read_only = on";
    execute(&url, roles).await.unwrap();
    let like = |user: &str| url.replace("pathops:", &format!("{user}:"));
    let gone = url.replace("/case", "/no-case");
    let closed = url.replace("?host=", "?host=/nowhere");
    for (url, kind) in [
        (like("locked"), ErrorKind::Denied),
        (like("nobody"), ErrorKind::Denied),
        (like("full_up"), ErrorKind::Unavailable),
        (gone, ErrorKind::NotFound),
        (closed, ErrorKind::Unavailable),
        ("postgres://pathops:a-password@localhost:port/".to_owned(), ErrorKind::Invalid),
    ] {
        let error = PostgresJournal::open(&url).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (kind, Effect::None), "{error:?}");
        assert!(!shown(&error).contains("a-password"), "{}", shown(&error));
    }
    for user in ["reader", "standby"] {
        let journal = PostgresJournal::open(&like(user)).await.unwrap();
        assert_eq!(journal.runs(&cx(), &RunFilter::default().open(), None, 100).await.unwrap(), [run()], "{user} may read");
        let error = journal.append(&cx(), &lease, &run(), Seq(1), &transition(2, "me")).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Denied, Effect::None), "{user}: {error:?}");
        assert!(!shown(&error).contains("a-password"), "{}", shown(&error));
    }
}

async fn a_journal_that_somebody_locks_ends_in_time(server: &Server) {
    let url = server.database().await;
    let (journal, lease) = with_run(&url).await;
    let mut holder = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE pathops_runs").execute(&mut holder).await.unwrap();
    let hurried = cx().with_timeout(Duration::from_millis(200));
    let next = transition(2, "me");
    let error = journal.append(&hurried, &lease, &run(), Seq(1), &next).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::Unknown), "{error}");
    assert_eq!(journal.load(&hurried, &run()).await.unwrap_err().kind(), ErrorKind::Timeout);
    drop(holder);
    let seq = journal.append(&cx().with_timeout(Duration::from_secs(60)), &lease, &run(), Seq(1), &next).await;
    assert_eq!(seq.unwrap(), Seq(2));
}
