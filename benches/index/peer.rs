//! How fast the same rows go into the same tables with nothing around it: a loop that inserts them one by one.

use std::path::Path;

use pathops_adapters::sqlite::SqliteEvidenceIndex;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection, query, query_as};

use crate::clocks::{Clocks, Spent};

/// How many rows one transaction takes: as many as the index takes at once while it is made anew.
const AT_ONCE: i64 = 2_000;

type Row = (i64, Vec<u8>, Vec<u8>, String, i64, String, Vec<u8>, String, String, String, String, i64, String);

const ROWS: &str = "SELECT number, id, envelope, entry, leaf, kind, signer, change_set, unit, environment, verdict, at, \
     entry ->> '$.subjects[0].value' FROM evidence WHERE number > ? ORDER BY number LIMIT ?";

const INSERT: &str = "INSERT INTO evidence (number, id, envelope, entry, leaf, kind, signer, change_set, unit, environment, \
     verdict, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// What a row takes that is read from the index at `from`, of so many. The reading is not counted.
pub(crate) async fn inserts(from: &Path, rows: u64) -> Spent {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("peer.db");
    drop(SqliteEvidenceIndex::open(&to).await.expect("the same tables"));
    let options = |file: &Path| SqliteConnectOptions::new().filename(file).pragma("cache_size", "-65536");
    let mut source = SqliteConnection::connect_with(&options(from)).await.expect("the index");
    let to = options(&to).synchronous(SqliteSynchronous::Full).pragma("journal_mode", "WAL");
    let mut target = SqliteConnection::connect_with(&to).await.expect("a file");
    let (mut last, mut spent) = (0, Spent { cpu: 0.0, wall: 0.0 });
    loop {
        let page: Vec<Row> = query_as(ROWS).bind(last).bind(AT_ONCE).fetch_all(&mut source).await.expect("rows");
        let Some(row) = page.last() else { return spent };
        last = row.0;
        let begun = Clocks::now();
        insert(&mut target, page).await;
        let took = begun.until_now(rows);
        (spent.cpu, spent.wall) = (spent.cpu + took.cpu, spent.wall + took.wall);
    }
}

async fn insert(target: &mut SqliteConnection, page: Vec<Row>) {
    let mut transaction = target.begin().await.expect("begun");
    for (number, id, envelope, entry, leaf, kind, signer, change_set, unit, environment, verdict, at, subject) in page {
        let row = query(INSERT).bind(number).bind(id).bind(envelope).bind(entry).bind(leaf).bind(kind).bind(signer);
        let row = row.bind(change_set).bind(unit).bind(environment).bind(verdict).bind(at);
        row.execute(&mut *transaction).await.expect("inserted");
        let subject = query("INSERT INTO subjects VALUES ('sha256', ?, ?)").bind(subject).bind(number);
        subject.execute(&mut *transaction).await.expect("inserted");
    }
    transaction.commit().await.expect("committed");
}
