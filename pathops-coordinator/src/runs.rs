//! What is asked of a run, whatever its machine is.

use std::collections::BTreeMap;
use std::fmt::Display;

use pathops_core::adapter::{OpId, Run, Seq};
use pathops_core::flow::{Machine, Replay};
use pathops_core::{Error, ErrorKind, IdempotencyKey, Result, RunId, UnixMillis};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::operate::Happened;

/// How many entries are read by one call of the engine.
pub(crate) const PAGE: usize = 256;

pub(crate) type HappenedTo<M> =
    Happened<<M as Machine>::Start, <M as Machine>::Outcome, <M as Machine>::Signal, <M as Machine>::Command>;

/// What an operation of a run is performed under: always the same.
pub(crate) fn operation_key(run: &RunId, op: OpId) -> IdempotencyKey {
    IdempotencyKey::new(format!("{run}/op-{}", op.0))
}

impl ControlPlane {
    /// A run of that machine. One of another machine is none.
    pub(crate) async fn run_of<M: Machine>(&self, run: &RunId) -> Result<Option<Run>> {
        Ok(self.engine.load(run).await?.filter(|run| run.machine == M::NAME))
    }

    /// Refuses what is no run of that machine.
    pub(crate) async fn require_run_of<M: Machine>(&self, run: &RunId) -> Result<()> {
        let unknown = || Error::new(ErrorKind::NotFound, "find a run").on(run).because("there is none of that name");
        self.run_of::<M>(run).await?.map(drop).ok_or_else(unknown)
    }

    pub(crate) async fn happened<M: Machine>(&self, run: &RunId, after: Seq, limit: usize) -> Result<Vec<HappenedTo<M>>> {
        self.require_run_of::<M>(run).await?;
        let entries = self.engine.entries(run, after, limit).await?;
        let happened = entries.into_iter().map(|entry| {
            Ok(Happened {
                seq: entry.seq,
                at: entry.at,
                event: decode(run, &entry.event)?,
                opened: entry.opens.iter().map(|open| Ok((open.op, decode(run, &open.command)?))).collect::<Result<_>>()?,
            })
        });
        happened.collect()
    }

    pub(crate) async fn replayed<M: Machine>(&self, run: &RunId) -> Result<Option<M::State>> {
        let Some(stored) = self.run_of::<M>(run).await? else { return Ok(None) };
        let parted = |error| Error::new(ErrorKind::Corrupt, "replay a run").on(run).because(&error).with_source(error);
        let mut replay = Replay::<M>::new();
        let mut after = Seq(0);
        while after < stored.seq {
            let page = self.engine.entries(run, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for entry in page.iter().filter(|entry| entry.seq <= stored.seq) {
                replay.follow(entry).map_err(parted)?;
            }
        }
        replay.finish(&stored).map(Some).map_err(parted)
    }

    /// When each operation was begun.
    pub(crate) async fn opened(&self, run: &RunId) -> Result<BTreeMap<OpId, UnixMillis>> {
        let (mut opened, mut after) = (BTreeMap::new(), Seq(0));
        loop {
            let page = self.engine.entries(run, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(opened) };
            after = last.seq;
            opened.extend(page.iter().flat_map(|entry| entry.opens.iter().map(|open| (open.op, entry.at))));
        }
    }
}

pub(crate) fn decode<T: DeserializeOwned>(on: &impl Display, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| Error::new(ErrorKind::Corrupt, "read a run").on(on).with_source(error))
}
