//! How many rows the fastest loop would write into SQLite, durably: what a ledger in a database could not be faster than.

use std::path::Path;
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection, query};

/// Rows of 1,200 bytes a second by the wall clock, in transactions of this many.
pub(crate) fn a_second(file: &Path, batch: u64) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await.expect("a database");
        query("CREATE TABLE leaf (id INTEGER PRIMARY KEY, bytes BLOB)").execute(&mut connection).await.expect("a table");
        let (bytes, begun, batches) = (vec![7_u8; 1_200], Instant::now(), 5_u32);
        for _ in 0..batches {
            let mut transaction = connection.begin().await.expect("begun");
            for _ in 0..batch {
                query("INSERT INTO leaf (bytes) VALUES (?)").bind(&bytes).execute(&mut *transaction).await.expect("inserted");
            }
            transaction.commit().await.expect("committed");
        }
        f64::from(batches) * f64::from(u32::try_from(batch).expect("fits")) / begun.elapsed().as_secs_f64()
    })
}
