//! Moving runs that have ended to the archive, inside a transaction that the caller ends.

use pathops_core::{Result, RunId, UnixMillis};
use sqlx::{query, query_scalar};

use super::database::Transaction;
use crate::journal_rows::{limited, run_ids};

/// What moves one run: first it is there, and then it is not here any more.
const MOVE: [&str; 8] = [
    "INSERT INTO archived_runs SELECT id, machine, seq, format, state, ended, heard FROM runs WHERE id = ?",
    "INSERT INTO archived_entries SELECT run, seq, format, at, event, closes, opens FROM entries WHERE run = ?",
    "INSERT INTO archived_ops SELECT run, op, command FROM ops WHERE run = ? AND command IS NOT NULL",
    "INSERT INTO archived_signals SELECT run, number, key, at, told FROM signals WHERE run = ?",
    "DELETE FROM signals WHERE run = ?",
    "DELETE FROM ops WHERE run = ?",
    "DELETE FROM entries WHERE run = ?",
    "DELETE FROM runs WHERE id = ?",
];

pub(super) async fn archive(transaction: &mut Transaction<'_>, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
    let over =
        "SELECT id FROM runs JOIN entries ON run = id AND entries.seq = runs.seq WHERE ended = 1 AND at < ? ORDER BY id LIMIT ?";
    let over = query_scalar::<_, String>(over).bind(ended_before.0).bind(limited(limit)).fetch_all(transaction.sqlite()).await;
    let runs = run_ids(&transaction.call, over.map_err(|e| transaction.call.failed(e))?)?;
    for run in &runs {
        for statement in MOVE {
            let moved = query(statement).bind(run.as_str()).execute(transaction.sqlite()).await;
            moved.map_err(|e| transaction.call.failed(e))?;
        }
    }
    Ok(runs)
}
