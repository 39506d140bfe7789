//! What happened in a change set, from its transitions: complete after any number of restarts.

use std::collections::BTreeMap;

use pathops_coordinator::change_set::{ChangeSet, Command, Outcome};
use pathops_core::adapter::{Entry, OpId, Seq};
use pathops_core::flow::{Engine, Event, Machine};
use pathops_core::{RunId, UnixMillis};

use crate::Failure;
use crate::account::{Tone, told};
use crate::report::{EntryKind, TimelineEntry};

/// All entries of a run.
pub(crate) async fn entries(engine: &dyn Engine, run: &RunId) -> Result<Vec<Entry>, Failure> {
    const PAGE: usize = 500;
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let after = all.last().map_or(Seq(0), |entry| entry.seq);
        let page = engine.entries(run, after, PAGE).await?;
        let last = page.len() < PAGE;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

/// One line for each operation: from when it was opened to when it ended.
pub(crate) fn timeline(entries: &[Entry]) -> Result<Vec<TimelineEntry>, Failure> {
    let mut open: BTreeMap<OpId, (UnixMillis, Command)> = BTreeMap::new();
    let mut lines = Vec::new();
    for entry in entries {
        for operation in &entry.opens {
            open.insert(operation.op, (entry.at, serde_json::from_value(operation.command.clone())?));
        }
        let event: Event<<ChangeSet as Machine>::Start, Outcome, <ChangeSet as Machine>::Signal> =
            serde_json::from_value(entry.event.clone())?;
        let Event::Done { op, outcome } = event else { continue };
        let Some((from, command)) = open.remove(&op) else { continue };
        let Some((tone, text)) = told(&command, &outcome) else { continue };
        let kind = match (tone, &command) {
            (Tone::Bad, _) => EntryKind::Bad,
            (_, Command::AwaitMerge { .. } | Command::Promote { .. } | Command::Observe { .. }) => EntryKind::Wait,
            (Tone::Good, _) => EntryKind::Good,
            _ => EntryKind::Work,
        };
        lines.push(TimelineEntry { at: from, until: Some(entry.at), unit: command.unit().map(ToString::to_string), text, kind });
    }
    Ok(lines)
}
