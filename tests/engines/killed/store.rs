//! Where runs are kept, and how whoever writes to it is caught in the middle of a transaction.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::system::SystemClock;
use pathops_core::adapter::Clock as _;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, query_scalar, raw_sql};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::Process;
use super::account::Account;
use super::fate::Blow;
use super::worker::{WORKER, open};
use crate::server::{Server, execute, installed};

const LOOK: Duration = Duration::from_millis(10);

/// What is looked for comes within so many looks.
const LOOKS: u32 = 6_000;

/// Makes stores: files of SQLite, or databases of one PostgreSQL.
#[derive(Clone)]
pub(super) enum Stores {
    Sqlite,
    Postgres { programs: PathBuf, server: Arc<OnceCell<Server>> },
}

impl Stores {
    /// `None` where it is not installed.
    pub(super) fn postgres() -> Option<Self> {
        Some(Self::Postgres { programs: installed()?, server: Arc::default() })
    }

    /// An empty one.
    pub(super) async fn fresh(&self) -> Store {
        let folder = tempfile::tempdir().unwrap();
        let place = match self {
            Self::Sqlite => folder.path().join("journal.db").to_str().unwrap().to_owned(),
            Self::Postgres { programs, server } => server.get_or_init(|| Server::start(programs)).await.database().await,
        };
        Store { place, folder }
    }
}

/// A store, and a folder for the account of what its workers do.
pub(super) struct Store {
    pub(super) place: String,
    folder: TempDir,
}

impl Store {
    pub(super) fn account(&self) -> Account {
        Account::new(self.folder.path())
    }

    /// A worker of that name, whose clock is so many seconds ahead, and its fate: at which point, for which time.
    pub(super) fn worker(&self, name: &str, ahead: u32, (point, time): (&str, u32), blow: Blow) -> Process {
        let mut worker = Command::new(std::env::current_exe().unwrap());
        let blow = if blow == Blow::Freeze { "freeze" } else { "kill" };
        worker.args([WORKER, &self.place]).arg(self.folder.path());
        worker.args([name, &ahead.to_string(), point, &time.to_string(), blow]);
        Process(worker.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Has whoever adds that row to a table, as its last, stand still in the middle of the transaction.
    pub(super) async fn gate(&self, table: &str, row: u32) -> Gate {
        drop(open(&self.place).await);
        if !self.place.starts_with("postgres:") {
            // Who had it open is still about to close it.
            let patient = SqliteConnectOptions::new().filename(&self.place).busy_timeout(Duration::from_secs(10));
            let mut file = SqliteConnection::connect_with(&patient).await.unwrap();
            // It never ends, and so neither does the statement that comes there.
            let sql = format!(
                "CREATE VIEW endless AS WITH RECURSIVE n (it) AS (SELECT 1 UNION ALL SELECT it + 1 FROM n) SELECT it FROM n; \
                 CREATE TRIGGER stands_still AFTER INSERT ON {table} WHEN (SELECT count(*) FROM {table}) = {row} \
                 BEGIN SELECT count(*) FROM endless; END"
            );
            raw_sql(AssertSqlSafe(sql)).execute(&mut file).await.unwrap();
            file.close().await.unwrap();
            return Gate::Sqlite(sqlite(&self.place).await);
        }
        let sql = format!(
            "CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF (SELECT count(*) FROM pathops_{table}) = {row} THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NULL; END $$; \
             CREATE TRIGGER stands_still AFTER INSERT ON pathops_{table} FOR EACH ROW EXECUTE FUNCTION stand_still()"
        );
        execute(&self.place, &sql).await.unwrap();
        let mut holder = PgConnection::connect(&self.place).await.unwrap();
        raw_sql("SELECT pg_advisory_lock(7)").execute(&mut holder).await.unwrap();
        Gate::Postgres(holder)
    }
}

async fn sqlite(place: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(place).busy_timeout(Duration::ZERO);
    for _ in 0..LOOKS {
        if let Ok(connection) = SqliteConnection::connect_with(&options).await {
            return connection;
        }
        SystemClock.sleep(LOOK).await;
    }
    panic!("`{place}` cannot be opened");
}

/// Whoever holds it has others stand still there.
pub(super) enum Gate {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The server's processes that stand at the gate.
const STANDING: &str = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";

impl Gate {
    /// Until a worker stands there.
    pub(super) async fn reached(&mut self, worker: &mut Process) {
        let mut busy = 0;
        for _ in 0..LOOKS {
            assert!(!worker.has_ended(), "it has ended, and never came there");
            match self {
                // A transaction that is held for so long has not just begun.
                Self::Sqlite(file) => {
                    busy = if raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(file).await.is_ok() { 0 } else { busy + 1 }
                }
                Self::Postgres(holder) => busy = 20 * standing(holder).await.len(),
            }
            if busy >= 20 {
                return;
            }
            SystemClock.sleep(LOOK).await;
        }
        panic!("nobody comes there");
    }

    /// Opens it, after the worker has gone. Where the transaction is kept by a server, it ends there, or is rolled back before.
    pub(super) async fn open(self, ends: bool) {
        match self {
            Self::Sqlite(mut file) => {
                raw_sql("DROP TRIGGER stands_still; DROP VIEW endless").execute(&mut file).await.unwrap();
                file.close().await.unwrap();
            }
            Self::Postgres(mut holder) => {
                if !ends {
                    let sql = format!("SELECT pg_terminate_backend(pid) FROM ({STANDING}) AS them");
                    raw_sql(AssertSqlSafe(sql)).execute(&mut holder).await.unwrap();
                    while !standing(&mut holder).await.is_empty() {
                        SystemClock.sleep(LOOK).await;
                    }
                }
                holder.close().await.unwrap();
            }
        }
    }
}

async fn standing(holder: &mut PgConnection) -> Vec<i32> {
    query_scalar(STANDING).fetch_all(holder).await.unwrap()
}
