//! Reading runs and their entries.

use std::num::TryFromIntError;

use pathops_core::adapter::{Entry, OpId, OpenOp, Run, Seq};
use pathops_core::{ErrorKind, Result, RunId, UnixMillis};
use serde::de::DeserializeOwned;
use sqlx::{query_as, query_scalar};

use super::database::Reader;
use super::error::Call;
use super::lease::stored;

pub(super) async fn load(reader: &mut Reader<'_>, run: &RunId) -> Result<Option<Run>> {
    type Row = (String, i64, i64, String, bool);
    let row = query_as::<_, Row>("SELECT machine, seq, format, state, ended FROM runs WHERE id = ?").bind(run.as_str());
    let row = row.fetch_optional(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
    let Some((machine, seq, format, state, ended)) = row else { return Ok(None) };
    let open = open_ops(reader, run).await?;
    let call = &reader.call;
    let seq = Seq(number(call, "the sequence number", seq)?);
    let (format, state) = (number(call, "the format of the state", format)?, json(call, "the state", &state)?);
    Ok(Some(Run { id: run.clone(), machine, seq, format, state, open, ended }))
}

async fn open_ops(reader: &mut Reader<'_>, run: &RunId) -> Result<Vec<OpenOp>> {
    let rows = "SELECT op, command FROM ops WHERE run = ? AND command IS NOT NULL ORDER BY op";
    let rows = query_as::<_, (i64, String)>(rows).bind(run.as_str()).fetch_all(reader.sqlite()).await;
    let open = rows.map_err(|e| reader.call.failed(e))?.into_iter().map(|(op, command)| {
        let op = OpId(number(&reader.call, "the number of an operation", op)?);
        Ok(OpenOp { op, command: json(&reader.call, "a command", &command)? })
    });
    open.collect()
}

pub(super) async fn open_runs(reader: &mut Reader<'_>) -> Result<Vec<RunId>> {
    let rows = query_scalar::<_, String>("SELECT id FROM runs WHERE ended = 0 ORDER BY id").fetch_all(reader.sqlite()).await;
    let rows = rows.map_err(|e| reader.call.failed(e))?.into_iter();
    rows.map(|id| RunId::parse(id).map_err(|e| reader.call.corrupt("the id of a run", e))).collect()
}

pub(super) async fn entries(reader: &mut Reader<'_>, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
    type Row = (i64, i64, i64, String, Option<i64>, String);
    let known = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?)").bind(run.as_str());
    if !known.fetch_one(reader.sqlite()).await.map_err(|e| reader.call.failed(e))? {
        return Err(reader.call.refused(ErrorKind::NotFound, "there is no such run"));
    }
    let rows = "SELECT seq, format, at, event, closes, opens FROM entries WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?";
    let rows = query_as::<_, Row>(rows).bind(run.as_str()).bind(stored(after.0)).bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = rows.fetch_all(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
    let call = &reader.call;
    let entry = |(seq, format, at, event, closes, opens): Row| {
        Ok(Entry {
            seq: Seq(number(call, "the sequence number of an entry", seq)?),
            format: number(call, "the format of an entry", format)?,
            at: UnixMillis(at),
            event: json(call, "an event", &event)?,
            closes: closes.map(|op| number(call, "the number of an operation", op)).transpose()?.map(OpId),
            opens: json(call, "the list of opened operations", &opens)?,
        })
    };
    rows.into_iter().map(entry).collect()
}

pub(super) fn number<T: TryFrom<i64, Error = TryFromIntError>>(call: &Call, what: &str, value: i64) -> Result<T> {
    T::try_from(value).map_err(|e| call.corrupt(what, e))
}

fn json<T: DeserializeOwned>(call: &Call, what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| call.corrupt(what, e))
}
