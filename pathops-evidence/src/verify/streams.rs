//! Whether snapshots are whole, and none is missing, doubled, put in or exchanged in its stream.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use pathops_core::adapter::Bucket;
use pathops_core::evidence::{EvidenceId, Snapshot, SnapshotError, StreamId, VerifiedEvidence};
use pathops_core::{Digest, ErrorKind, OpContext, Result};

use super::{MAX_FAILURES, Verification};
use crate::ledger::Stored;
use crate::streams::{self, Fingerprint, Objects};

/// Of so many streams it is told that something of them is not in the log.
const MAX_STREAMS: usize = 100;

/// So many numbered snapshots are asked for at once, and are in memory: each has no more bytes than the one that the log has, but for a
/// little beside it.
const AT_ONCE: usize = 8;

/// How it begins that nothing of what numbers snapshots was found.
pub(super) const UNNUMBERED: &str = "what gave ";

/// A snapshot in its stream.
struct Link {
    id: EvidenceId,
    previous: Option<EvidenceId>,
    leaf: u64,
}

/// Such snapshots of one stream, by the number and the name that a successor knows them by.
type Unvouched = BTreeMap<(u64, EvidenceId), Link>;

/// What is at a number in the log.
pub(super) struct Logged {
    fingerprint: Fingerprint,
    pub(super) leaf: u64,
    /// Whether it is verified who has signed it.
    pub(super) is_vouched: bool,
}

/// The snapshots that were seen.
#[derive(Default)]
pub(super) struct Seen {
    streams: BTreeMap<StreamId, BTreeMap<u64, Link>>,
    /// What is at every number in the log, of snapshots that are not whole too.
    logged: BTreeMap<StreamId, BTreeMap<u64, Logged>>,
    /// Those of which it is not verified who has signed them. They vouch for nothing; that they are not missing can be seen.
    unvouched: BTreeMap<StreamId, Unvouched>,
    parts: u64,
    unplaced: u64,
    wrong: bool,
}

impl Seen {
    /// Takes up a snapshot, which is whole by itself or told not to be.
    pub(super) fn take(&mut self, leaf: u64, evidence: &VerifiedEvidence, stored: &Stored, verification: &mut Verification) {
        let Ok(snapshot) = serde_json::from_value::<Snapshot>(evidence.statement().predicate.clone()) else {
            return self.fails(verification, format!("leaf {leaf}"), "it is no snapshot in our form");
        };
        if let Some(place) = &snapshot.extent.place {
            self.log(&place.stream, place.sequence, Logged { fingerprint: Fingerprint::of(stored), leaf, is_vouched: true });
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

    /// Notes that a snapshot is in the log of which it is not verified who has signed it.
    pub(super) fn note(&mut self, leaf: u64, evidence: &VerifiedEvidence, stored: &Stored) {
        let snapshot = serde_json::from_value::<Snapshot>(evidence.statement().predicate.clone());
        let Some(place) = snapshot.ok().and_then(|snapshot| snapshot.extent.place) else { return };
        self.log(&place.stream, place.sequence, Logged { fingerprint: Fingerprint::of(stored), leaf, is_vouched: false });
        let link = Link { id: evidence.id(), previous: place.previous, leaf };
        self.unvouched.entry(place.stream).or_default().entry((place.sequence, link.id)).or_insert(link);
    }

    /// Of several at one number the first counts, before those of which nobody knows who has signed them.
    fn log(&mut self, stream: &StreamId, sequence: u64, logged: Logged) {
        let numbers = self.logged.entry(stream.clone()).or_default();
        if numbers.get(&sequence).is_none_or(|known| logged.is_vouched && !known.is_vouched) {
            numbers.insert(sequence, logged);
        }
    }

    /// What is at every number in the log.
    pub(super) fn logged(&self) -> &BTreeMap<StreamId, BTreeMap<u64, Logged>> {
        &self.logged
    }

    fn fails(&mut self, verification: &mut Verification, part: String, why: impl std::fmt::Display) {
        self.wrong = true;
        verification.fails(part, why);
    }

    /// What the bucket has of streams and the log does not: nobody has ended it, or published it.
    pub(super) fn unlogged(&self, stored: &BTreeMap<StreamId, Objects>, verification: &mut Verification) {
        let none = BTreeMap::new();
        let told = |(name, Objects { begun, numbers }): (&StreamId, &Objects)| {
            let logged = self.logged.get(name).unwrap_or(&none);
            let mut waiting = numbers.iter().filter(|number| !logged.contains_key(number));
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

    /// What the log has of streams and the bucket does not, or has otherwise: who numbers the next snapshot believes the bucket.
    pub(super) async fn unkept(
        &self,
        cx: &OpContext,
        bucket: &dyn Bucket,
        stored: &BTreeMap<StreamId, Objects>,
        verification: &mut Verification,
    ) -> Result<()> {
        let (mut here, mut elsewhere) = (Vec::new(), 0);
        for (name, logged) in &self.logged {
            if stored.contains_key(name) || streams::has_begun(cx, bucket, name).await? {
                here.extend(logged.iter().map(|(number, logged)| (name, *number, logged)));
            } else {
                elsewhere += logged.len();
            }
        }
        let kept = here.into_iter().map(|(name, number, logged)| async move {
            let part = streams::number(name, number)?;
            let kept = streams::kept(cx, bucket, &part, &logged.fingerprint).await;
            Ok((part, logged, kept))
        });
        let mut kept = stream::iter(kept).buffered(AT_ONCE);
        while let Some(next) = kept.next().await {
            let (part, Logged { fingerprint, is_vouched, .. }, kept) = next?;
            let why = match kept {
                Ok(Some(kept)) if kept == *fingerprint => continue,
                Ok(Some(_)) => "it is not the snapshot that the log has under this number".to_owned(),
                Ok(None) => "it is missing, and the log has a snapshot of this number".to_owned(),
                Err(error) if error.kind() == ErrorKind::Corrupt => error.to_string(),
                Err(error) => return Err(error),
            };
            if *is_vouched {
                verification.fails(part, why);
            } else if verification.missing.len() < MAX_FAILURES {
                verification.missing.push(format!("{part}: {why}, and it is not verified who signed that"));
            }
        }
        let (numbers, begun) =
            stored.values().fold((0, 0), |(numbers, begun), it| (numbers + it.numbers.len(), begun + it.begun.len()));
        if numbers + begun > 0 {
            let what = format!("the keys of operations and the names beside {numbers} snapshots that have a number");
            verification.left_out.push(format!("{what}, and what is noted of {begun} that were begun: nobody has signed those"));
        }
        if elsewhere > 0 {
            let what = format!("{UNNUMBERED}{elsewhere} snapshots their numbers");
            verification.left_out.push(format!("{what}: nothing of their streams was found in this bucket"));
        }
        Ok(())
    }

    /// What follows from all of them together.
    pub(super) fn finish(self, verification: &mut Verification) {
        let (mut between, mut whole, none) = (0, !self.wrong, Unvouched::new());
        for (name, stream) in &self.streams {
            let (wrong, unvouched) = broken(name, stream, self.unvouched.get(name).unwrap_or(&none));
            whole &= wrong.is_empty() && unvouched == 0;
            between += unvouched;
            wrong.into_iter().for_each(|(part, why)| verification.fails(part, why));
        }
        if between > 0 {
            let why = "between those that hold, and it is not verified who signed them";
            verification.missing.push(format!("whether streams are without a gap: {between} snapshots stand {why}"));
        }
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

/// Where a stream does not go from 0 on, each after the one before, and between how many it has to be believed that it does.
fn broken(name: &StreamId, stream: &BTreeMap<u64, Link>, unvouched: &Unvouched) -> (Vec<(String, String)>, u64) {
    let (mut expected, mut previous, mut wrong) = (0, None, Vec::new());
    let (mut last_leaf, mut between) = (None, 0);
    for (sequence, link) in stream {
        if last_leaf.is_some_and(|leaf| leaf > link.leaf) {
            wrong.push((part(name, *sequence, link.leaf), "it stands before its predecessor".to_owned()));
        }
        last_leaf = Some(link.leaf);
        let (first, earliest) = back(*sequence, link, expected, unvouched);
        between += sequence - first;
        if first != expected {
            let last = first - 1;
            let least = EvidenceId(Digest::from_bytes([0; 32]));
            let below = unvouched.range((expected, least)..(last, least)).next_back();
            let from = below.map_or(expected, |((number, _), _)| number + 1);
            let missing = if last == from { format!("number {last}") } else { format!("numbers {from} to {last}") };
            wrong.push((format!("{missing} of `{name}`"), format!("missing: number {first} is at leaf {}", earliest.leaf)));
        } else if earliest.previous != previous {
            let told = |id: Option<EvidenceId>| id.map_or("none".to_owned(), |id| id.to_string());
            let why = format!("it follows {}, and before it is {}", told(earliest.previous), told(previous));
            wrong.push((part(name, first, earliest.leaf), why));
        }
        expected = sequence.saturating_add(1);
        previous = Some(link.id);
    }
    (wrong, between)
}

/// The first in front of a snapshot to which its own word leads, from one to the one that it follows, through those for which nobody
/// else vouches; itself where the one before it is none of them. Each names the one before it by all that it says.
fn back<'l>(sequence: u64, link: &'l Link, expected: u64, unvouched: &'l Unvouched) -> (u64, &'l Link) {
    let (mut number, mut first) = (sequence, link);
    while number > expected
        && let Some(before) = first.previous.and_then(|id| unvouched.get(&(number - 1, id)))
    {
        (number, first) = (number - 1, before);
    }
    (number, first)
}

fn part(stream: &StreamId, sequence: u64, leaf: u64) -> String {
    format!("number {sequence} of `{stream}` (leaf {leaf})")
}
