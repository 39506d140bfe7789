//! An evidence index that is made anew in a schema of its own, beside the one that is there.

use async_trait::async_trait;
use pathops_core::adapter::{EvidenceIndex as _, EvidenceSink, IndexedEvidence};
use pathops_core::{ErrorKind, OpContext, Result};
use sqlx::postgres::PgConnection;
use sqlx::{query, query_scalar, raw_sql};

use super::database::{Database, commit};
use super::evidence_index::{FORMAT, PostgresEvidenceIndex};
use crate::call::Call;

const SCHEMA: &str = "pathops_evidence_draft";
const ANEW: &str = "DROP SCHEMA IF EXISTS pathops_evidence_draft CASCADE; CREATE SCHEMA pathops_evidence_draft";
/// What is locked while one is made: no other is.
const LOCK: i64 = FORMAT.lock + 1;
const PUBLISH: &str = "publish an evidence index";

/// Readers lock the tables in more than one order: whoever waits for all of them lets go before the server calls that a deadlock,
/// and tries again.
const PATIENCE: &str = "SET LOCAL lock_timeout = '200ms'";
const TRIES: u32 = 50;
const NO_WRITERS: &str = "LOCK TABLE pathops_evidence IN SHARE ROW EXCLUSIVE MODE";
const COUNT: &str = "SELECT count(*) FROM pathops_evidence";
const SWAP: &str = "LOCK TABLE pathops_subjects, pathops_evidence IN ACCESS EXCLUSIVE MODE;
DO $$
DECLARE
  place text := (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'pathops_evidence'::regclass);
BEGIN
  DROP TABLE pathops_subjects, pathops_evidence, pathops_evidence_index;
  DROP FUNCTION pathops_evidence_is_not_changed();
  EXECUTE 'ALTER FUNCTION pathops_evidence_draft.pathops_evidence_is_not_changed() SET SCHEMA ' || place;
  EXECUTE 'ALTER TABLE pathops_evidence_draft.pathops_evidence SET SCHEMA ' || place;
  EXECUTE 'ALTER TABLE pathops_evidence_draft.pathops_subjects SET SCHEMA ' || place;
  EXECUTE 'ALTER TABLE pathops_evidence_draft.pathops_evidence_index SET SCHEMA ' || place;
  DROP SCHEMA pathops_evidence_draft;
END $$";

/// An evidence index that is made anew in a schema of its own, `pathops_evidence_draft`, and takes the place of the tables that are
/// there at once, at the end. Who has those open reads them as they are until then, goes on with the new ones, and never sees a part.
///
/// It needs the right to make a schema in the database, and to own the tables. Rights on them that others were given are not given
/// on the new ones.
#[derive(Debug)]
pub struct PostgresEvidenceDraft {
    index: PostgresEvidenceIndex,
    draft: PostgresEvidenceIndex,
    /// How many entries were there when it was begun.
    stood: i64,
    /// The session that has the lock, for as long as this lives.
    _alone: PgConnection,
}

impl PostgresEvidenceDraft {
    /// Begins to make the index in the database that `url` names anew; what an earlier draft has left is thrown away.
    ///
    /// # Errors
    /// `Unavailable` where another process makes it anew; otherwise as [`PostgresEvidenceIndex::open`].
    pub async fn begin(url: &str) -> Result<Self> {
        let index = PostgresEvidenceIndex::open(url).await?;
        let call = index.database.call("begin an evidence index", SCHEMA);
        let failed = |error| call.failed(error);
        let mut alone = index.database.connection(&call).await?.detach();
        let locked = query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut alone).await;
        if !locked.map_err(failed)? {
            let used = call.refused(ErrorKind::Unavailable, "another process makes it anew");
            return Err(used.advise("wait for that, or stop it"));
        }
        raw_sql(ANEW).execute(&mut alone).await.map_err(failed)?;
        let stood = query_scalar(COUNT).fetch_one(&mut alone).await.map_err(failed)?;
        let draft = PostgresEvidenceIndex { database: Database::open_within(url, Some(SCHEMA), &FORMAT).await? };
        Ok(Self { index, draft, stood, _alone: alone })
    }

    /// Puts the index into its place. Before `Ok`, what was there is there.
    ///
    /// # Errors
    /// `Conflict` where entries were added to what is there since this was begun, and would be lost; `Unavailable` where the tables
    /// are in use the whole time; `Denied`. The draft is of no more use then, and stays until the next one is begun.
    ///
    /// # Cancel safety
    /// Dropped half way, what was there is there, or this.
    pub async fn publish(self) -> Result<PostgresEvidenceIndex> {
        let Self { index, draft, stood, _alone } = self;
        draft.database.pool.close().await;
        let call = index.database.call(PUBLISH, SCHEMA);
        let mut tries = 1;
        while !swap(&index.database, &call, stood, tries == TRIES).await? {
            tries += 1;
        }
        Ok(index)
    }
}

#[async_trait]
impl EvidenceSink for PostgresEvidenceDraft {
    async fn take(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        self.draft.add_all(cx, evidence).await
    }
}

/// Whether it could have all of the tables, so that they are others now. The last try says why not.
async fn swap(database: &Database, call: &Call, stood: i64, is_last: bool) -> Result<bool> {
    let mut transaction = database.begin(call).await?;
    let locked = async {
        raw_sql(PATIENCE).execute(&mut *transaction).await?;
        query("SELECT pg_advisory_xact_lock($1)").bind(FORMAT.lock).execute(&mut *transaction).await?;
        raw_sql(NO_WRITERS).execute(&mut *transaction).await?;
        query_scalar::<_, i64>(COUNT).fetch_one(&mut *transaction).await
    };
    let there = match locked.await {
        Err(error) if !is_last && is_used(&error) => return Ok(false),
        there => there.map_err(|e| call.failed(e))?,
    };
    if there > stood {
        let added = call.refused(ErrorKind::Conflict, format_args!("{} entries were added in the meantime", there - stood));
        return Err(added.advise("make the index anew again, and add to none while it is made"));
    }
    match raw_sql(SWAP).execute(&mut *transaction).await {
        Err(error) if !is_last && is_used(&error) => return Ok(false),
        swapped => swapped.map_err(|e| call.failed(e))?,
    };
    commit(call, transaction).await.map(|()| true)
}

/// Whether somebody else has what is needed.
fn is_used(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
