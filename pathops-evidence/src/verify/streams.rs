//! Whether snapshots are whole, and none is missing, doubled, put in or exchanged in its stream.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::evidence::{EvidenceId, Snapshot, SnapshotError, StreamId, VerifiedEvidence};

use super::Verification;
use crate::streams::Objects;

/// Of so many streams it is told that something of them is not in the log.
const MAX_STREAMS: usize = 100;

/// A snapshot in its stream.
struct Link {
    id: EvidenceId,
    previous: Option<EvidenceId>,
    leaf: u64,
}

/// The snapshots that were seen.
#[derive(Default)]
pub(super) struct Seen {
    streams: BTreeMap<StreamId, BTreeMap<u64, Link>>,
    /// Every number in the log, of snapshots that are not whole too.
    logged: BTreeMap<StreamId, BTreeSet<u64>>,
    parts: u64,
    unplaced: u64,
    wrong: bool,
}

impl Seen {
    /// Takes up a snapshot, which is whole by itself or told not to be.
    pub(super) fn take(&mut self, leaf: u64, evidence: &VerifiedEvidence, verification: &mut Verification) {
        let Ok(snapshot) = serde_json::from_value::<Snapshot>(evidence.statement().predicate.clone()) else {
            return self.fails(verification, format!("leaf {leaf}"), "it is no snapshot in our form");
        };
        if let Some(place) = &snapshot.extent.place {
            self.logged.entry(place.stream.clone()).or_default().insert(place.sequence);
        }
        match snapshot.is_whole() {
            Ok(None) => self.unplaced += 1,
            Ok(Some(place)) => {
                self.parts += (place.expected.len() + place.besides.len()) as u64;
                let link = Link { id: evidence.id(), previous: place.previous, leaf };
                let stream = self.streams.entry(place.stream.clone()).or_default();
                match stream.get(&place.sequence) {
                    None => drop(stream.insert(place.sequence, link)),
                    Some(first) => {
                        let why = if first.id == link.id { "it is there again" } else { "another one has its number" };
                        let why = format!("{why}: see leaf {}", first.leaf);
                        self.fails(verification, part(&place.stream, place.sequence, leaf), why);
                    }
                }
            }
            Err(SnapshotError::Format(format)) => {
                verification.missing.push(format!("the snapshot at leaf {leaf}: this version does not know its format {format}"));
            }
            Err(error) => self.fails(verification, format!("the snapshot at leaf {leaf}"), error),
        }
    }

    fn fails(&mut self, verification: &mut Verification, part: String, why: impl std::fmt::Display) {
        self.wrong = true;
        verification.fails(part, why);
    }

    /// What the bucket has of streams and the log does not: nobody has ended it, or published it.
    pub(super) fn unlogged(&self, stored: &BTreeMap<StreamId, Objects>, verification: &mut Verification) {
        let none = BTreeSet::new();
        let told = |(name, Objects { begun, numbers }): (&StreamId, &Objects)| {
            let mut waiting = numbers.difference(self.logged.get(name).unwrap_or(&none));
            let waiting = waiting.next().map(|first| match waiting.count() {
                0 => format!("number {first} is not in the log"),
                more => format!("number {first} and {more} more are not in the log"),
            });
            let left = begun.len().saturating_sub(numbers.len());
            let left = (left > 0).then(|| format!("{left} were begun and have no number"));
            let what: Vec<String> = waiting.into_iter().chain(left).collect();
            (!what.is_empty()).then(|| format!("what became of snapshots of `{name}`: {}", what.join(", ")))
        };
        let mut told = stored.iter().filter_map(told);
        verification.left_out.extend(told.by_ref().take(MAX_STREAMS));
        match told.count() {
            0 => {}
            more => verification.left_out.push(format!("what became of snapshots of {more} more streams")),
        }
    }

    /// What follows from all of them together.
    pub(super) fn finish(self, verification: &mut Verification) {
        let wrong: Vec<_> = self.streams.iter().flat_map(|(name, stream)| broken(name, stream)).collect();
        let whole = !self.wrong && wrong.is_empty();
        wrong.into_iter().for_each(|(part, why)| verification.fails(part, why));
        let count: usize = self.streams.values().map(BTreeMap::len).sum();
        if count > 0 && whole {
            verification.checked.push(format!(
                "{count} snapshots in {} streams: from number 0 on without a gap or a double, each after the one before; their {} parts there or absent with a reason",
                self.streams.len(),
                self.parts
            ));
        }
        if self.unplaced > 0 {
            verification.left_out.push(format!(
                "whether any is missing of the snapshots without a number, as earlier versions made them ({})",
                self.unplaced
            ));
        }
    }
}

/// Where a stream does not go from 0 on, each after the one before.
fn broken(name: &StreamId, stream: &BTreeMap<u64, Link>) -> Vec<(String, String)> {
    let (mut expected, mut previous, mut wrong) = (0, None, Vec::new());
    let mut last_leaf = None;
    for (sequence, link) in stream {
        if last_leaf.is_some_and(|leaf| leaf > link.leaf) {
            wrong.push((part(name, *sequence, link.leaf), "it stands before its predecessor".to_owned()));
        }
        last_leaf = Some(link.leaf);
        if *sequence != expected {
            let last = sequence - 1;
            let missing = if last == expected { format!("number {last}") } else { format!("numbers {expected} to {last}") };
            wrong.push((format!("{missing} of `{name}`"), format!("missing: number {sequence} is at leaf {}", link.leaf)));
        } else if link.previous != previous {
            let told = |id: Option<EvidenceId>| id.map_or("none".to_owned(), |id| id.to_string());
            let why = format!("it follows {}, and before it is {}", told(link.previous), told(previous));
            wrong.push((part(name, *sequence, link.leaf), why));
        }
        expected = sequence.saturating_add(1);
        previous = Some(link.id);
    }
    wrong
}

fn part(stream: &StreamId, sequence: u64, leaf: u64) -> String {
    format!("number {sequence} of `{stream}` (leaf {leaf})")
}
