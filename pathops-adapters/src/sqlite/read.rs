//! Reading runs and their entries.

use pathops_core::adapter::{Entry, Run, RunFilter, Seq, Signal, SignalNumber};
use pathops_core::{ErrorKind, Result, RunId};
use sqlx::{query_as, query_scalar};

use super::database::Reader;
use crate::journal_rows::{self, EntryRow, RunRow, SignalRow, limited, run_ids, stored};

pub(super) async fn load(reader: &mut Reader<'_>, run: &RunId) -> Result<Option<Run>> {
    let row =
        query_as::<_, RunRow>("SELECT machine, seq, format, state, ended, heard FROM all_runs WHERE id = ?").bind(run.as_str());
    let row = row.fetch_optional(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
    let Some(row) = row else { return Ok(None) };
    let ops = "SELECT op, command FROM all_ops WHERE run = ? AND command IS NOT NULL ORDER BY op";
    let ops = query_as::<_, (i64, String)>(ops).bind(run.as_str()).fetch_all(reader.sqlite()).await;
    let ops = ops.map_err(|e| reader.call.failed(e))?;
    journal_rows::run(&reader.call, run, row, ops).map(Some)
}

pub(super) async fn runs(reader: &mut Reader<'_>, filter: &RunFilter, after: Option<&RunId>, limit: usize) -> Result<Vec<RunId>> {
    // Those that are open have an index of their own, which is used where the text says so.
    let text = match filter.ended {
        Some(false) if filter.archived => return Ok(Vec::new()),
        _ if filter.archived => "SELECT id FROM archived_runs WHERE id > ? AND coalesce(machine = ?, true) ORDER BY id LIMIT ?",
        None => "SELECT id FROM runs WHERE id > ? AND coalesce(machine = ?, true) ORDER BY id LIMIT ?",
        Some(false) => "SELECT id FROM runs WHERE ended = 0 AND id > ? AND coalesce(machine = ?, true) ORDER BY id LIMIT ?",
        Some(true) => "SELECT id FROM runs WHERE ended = 1 AND id > ? AND coalesce(machine = ?, true) ORDER BY id LIMIT ?",
    };
    let rows = query_scalar::<_, String>(text).bind(after.map_or("", RunId::as_str)).bind(filter.machine.as_deref());
    let rows = rows.bind(limited(limit)).fetch_all(reader.sqlite()).await;
    run_ids(&reader.call, rows.map_err(|e| reader.call.failed(e))?)
}

pub(super) async fn told(reader: &mut Reader<'_>, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
    let rows = "SELECT number, at, told FROM all_signals WHERE run = ? AND number > ? ORDER BY number LIMIT ?";
    let rows = query_as::<_, SignalRow>(rows).bind(run.as_str()).bind(stored(after.0)).bind(limited(limit));
    let rows = rows.fetch_all(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
    rows.into_iter().map(|row| journal_rows::signal(&reader.call, row)).collect()
}

pub(super) async fn entries(reader: &mut Reader<'_>, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
    let known = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM all_runs WHERE id = ?)").bind(run.as_str());
    if !known.fetch_one(reader.sqlite()).await.map_err(|e| reader.call.failed(e))? {
        return Err(reader.call.refused(ErrorKind::NotFound, "there is no such run"));
    }
    let rows = "SELECT seq, format, at, event, closes, opens FROM all_entries WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?";
    let rows = query_as::<_, EntryRow>(rows).bind(run.as_str()).bind(stored(after.0)).bind(limited(limit));
    let rows = rows.fetch_all(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
    rows.into_iter().map(|row| journal_rows::entry(&reader.call, row)).collect()
}
