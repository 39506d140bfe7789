//! An evidence index that is made anew in a schema of its own, beside the one that is there.

use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{EvidenceIndex as _, EvidenceSink, IndexedEvidence};
use pathops_core::{ErrorKind, OpContext, Result};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, query, query_scalar, raw_sql};

use super::database::{Database, commit, in_time};
use super::evidence_index::{FORMAT, PostgresEvidenceIndex};
use crate::call::Call;

/// Takes away what lost drafts have left, and makes a schema with a name that none of them had, whatever still writes to one.
const CLEAR: &str = r"DO $$
DECLARE
  lost name;
BEGIN
  FOR lost IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pathops\_evidence\_draft%' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', lost);
  END LOOP;
  EXECUTE format('CREATE SCHEMA pathops_evidence_draft_%s', txid_current());
END $$";
const CLEARED: &str = r"SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'pathops\_evidence\_draft%'";
/// What is locked while one is made: no other is.
const LOCK: i64 = FORMAT.lock + 1;
const PUBLISH: &str = "publish an evidence index";

/// Readers lock the tables in more than one order: whoever waits for all of them lets go before the server calls that a deadlock,
/// pauses, and tries again.
const PATIENCE: &str = "SET LOCAL lock_timeout = '200ms'";
const PAUSE: Duration = Duration::from_millis(50);
const TRIES: u32 = 50;
const NO_WRITERS: &str = "LOCK TABLE pathops_evidence IN SHARE ROW EXCLUSIVE MODE";
const COUNT: &str = "SELECT count(*) FROM pathops_evidence";

/// An evidence index that is made anew in a schema of its own, `pathops_evidence_draft_` and a number, and takes the place of the
/// tables that are there at once, at the end. Who has those open reads them as they are until then, goes on with the new ones, and
/// never sees a part.
///
/// One is made at a time: a session of the database keeps others from it. Where that session is lost, because somebody ended it or
/// the network failed, another may begin one, and this one can no longer be published; nothing of it gets into another.
///
/// It needs the right to make a schema in the database, and to own the tables. Rights on them that others were given are not given
/// on the new ones.
#[derive(Debug)]
pub struct PostgresEvidenceDraft {
    index: PostgresEvidenceIndex,
    draft: PostgresEvidenceIndex,
    schema: String,
    /// How many entries were there when it was begun.
    stood: i64,
    /// The session that has the lock, for as long as this lives.
    alone: PgConnection,
}

impl PostgresEvidenceDraft {
    /// Begins to make the index in the database that `url` names anew; what earlier drafts have left is thrown away.
    ///
    /// # Errors
    /// `Unavailable` where another process makes it anew; otherwise as [`PostgresEvidenceIndex::open`].
    pub async fn begin(url: &str) -> Result<Self> {
        let index = PostgresEvidenceIndex::open(url).await?;
        let call = index.database.call("begin an evidence index", "a draft");
        let failed = |error| call.failed(error);
        let mut alone = index.database.connection(&call).await?.detach();
        let locked = query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut alone).await;
        if !locked.map_err(failed)? {
            let used = call.refused(ErrorKind::Unavailable, "another process makes it anew");
            return Err(used.advise("wait for that, or stop it"));
        }
        raw_sql(CLEAR).execute(&mut alone).await.map_err(failed)?;
        let schema: String = query_scalar(CLEARED).fetch_one(&mut alone).await.map_err(failed)?;
        let stood = query_scalar(COUNT).fetch_one(&mut alone).await.map_err(failed)?;
        let draft = PostgresEvidenceIndex { database: Database::open_within(url, Some(&schema), &FORMAT).await? };
        Ok(Self { index, draft, schema, stood, alone })
    }

    /// Puts the index into its place. Before `Ok`, what was there is there.
    ///
    /// # Errors
    /// `Conflict` where entries were added to what is there since this was begun, and would be lost; `Unavailable` where the tables
    /// are in use the whole time, or the session that kept others from making one was lost; `Timeout` where that takes longer than
    /// the caller gives, and then this may be in its place or not; `Denied`. The draft is of no more use then, and stays until the
    /// next one is begun.
    ///
    /// # Cancel safety
    /// Dropped half way, what was there is there, or this.
    pub async fn publish(self, cx: &OpContext) -> Result<PostgresEvidenceIndex> {
        let Self { index, draft, schema, stood, mut alone } = self;
        let call = index.database.call(PUBLISH, &schema);
        let (swapping, call) = (swap_of(&schema), &call);
        let published = async {
            draft.database.pool.close().await;
            let mut tries = 1;
            while !swap(&mut alone, call, stood, &swapping, tries == TRIES).await? {
                tries += 1;
                pause().await;
            }
            Ok(())
        };
        in_time(cx, call, published).await?;
        Ok(index)
    }
}

#[async_trait]
impl EvidenceSink for PostgresEvidenceDraft {
    async fn take(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        self.draft.add_all(cx, evidence).await
    }
}

/// What puts the tables of this schema into the place of those that are there.
fn swap_of(schema: &str) -> String {
    format!(
        "LOCK TABLE pathops_subjects, pathops_evidence IN ACCESS EXCLUSIVE MODE;
DO $$
DECLARE
  place text := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'pathops_evidence'::regclass);
BEGIN
  DROP TABLE pathops_subjects, pathops_evidence, pathops_evidence_index;
  DROP FUNCTION pathops_evidence_is_not_changed();
  EXECUTE 'ALTER FUNCTION {schema}.pathops_evidence_is_not_changed() SET SCHEMA ' || place;
  EXECUTE 'ALTER TABLE {schema}.pathops_evidence SET SCHEMA ' || place;
  EXECUTE 'ALTER TABLE {schema}.pathops_subjects SET SCHEMA ' || place;
  EXECUTE 'ALTER TABLE {schema}.pathops_evidence_index SET SCHEMA ' || place;
  DROP SCHEMA {schema};
END $$"
    )
}

/// Whether it could have all of the tables, so that they are others now. The last try says why not. It is done in the session that
/// has the lock: where that is gone, so is this.
async fn swap(alone: &mut PgConnection, call: &Call, stood: i64, swapping: &str, is_last: bool) -> Result<bool> {
    let mut transaction = alone.begin().await.map_err(|error| {
        let why = "the session that kept others from making one was lost, and others may have begun since";
        call.refused(ErrorKind::Unavailable, why).advise("make the index anew again").with_source(error)
    })?;
    let locked = async {
        raw_sql(PATIENCE).execute(&mut *transaction).await?;
        query("SELECT pg_advisory_xact_lock($1)").bind(FORMAT.lock).execute(&mut *transaction).await?;
        raw_sql(NO_WRITERS).execute(&mut *transaction).await?;
        query_scalar::<_, i64>(COUNT).fetch_one(&mut *transaction).await
    };
    let failed = |error| call.failed(error);
    let there = match locked.await {
        Err(error) if !is_last && is_used(&error) => return transaction.rollback().await.map(|()| false).map_err(failed),
        there => there.map_err(failed)?,
    };
    if there > stood {
        let added = call.refused(ErrorKind::Conflict, format_args!("{} entries were added in the meantime", there - stood));
        return Err(added.advise("make the index anew again, and add to none while it is made"));
    }
    match raw_sql(AssertSqlSafe(swapping.to_owned())).execute(&mut *transaction).await {
        Err(error) if !is_last && is_used(&error) => return transaction.rollback().await.map(|()| false).map_err(failed),
        swapped => swapped.map_err(failed)?,
    };
    commit(call, transaction).await.map(|()| true)
}

#[expect(clippy::disallowed_methods, reason = "it waits for others at a server, which knows no virtual time")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// Whether somebody else has what is needed.
fn is_used(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
