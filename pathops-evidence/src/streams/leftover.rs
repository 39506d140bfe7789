//! Collections that nobody will end any more: signed with what is absent, so that a death of the process is seen, too.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pathops_core::adapter::Bucket;
use pathops_core::evidence::{AbsenceKind, Occasion, StreamId, Subject, Window};
use pathops_core::{ChangeSetId, Error, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result, UnixMillis};
use serde::{Deserialize, Serialize};

use super::{FOLDER, NUMBER_WIDTH, Note, Streams};
use crate::{Collection, EvidenceRecord, SnapshotOf};

/// Why everything is absent from a snapshot whose collection nobody has ended.
const DIED: &str = "the process that collected it has died";

/// What a snapshot will be of, as it is known before anything is collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Purpose {
    /// The name of its evidence, for people.
    pub name: String,
    /// What it is about, as far as that is known.
    pub subjects: Vec<Subject>,
    /// The change set.
    pub change_set: ChangeSetId,
    /// Why it is collected.
    pub occasion: Occasion,
    /// What is to be looked at, until it was begun.
    pub window: Window,
}

/// A collection that was begun, by another process or by this one before it was restarted, and has no snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    stream: StreamId,
    key: IdempotencyKey,
    expected: BTreeSet<String>,
    purpose: Option<Purpose>,
}

impl Leftover {
    /// Where it was to go.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The operation that has begun it.
    #[must_use]
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// What it was to be of; `None` where it was begun without saying so, as earlier versions did: no snapshot can be made of that.
    #[must_use]
    pub fn purpose(&self) -> Option<&Purpose> {
        self.purpose.as_ref()
    }
}

impl Streams {
    /// The collections that were begun and have no snapshot, without those that this process has begun. One that another process is
    /// still busy with, or that will be performed again, is among them: whether that is so is for the caller to know.
    ///
    /// Each snapshot comes from one collection, so a stream with as many snapshots as collections has none, and nothing of it is read but
    /// the names. Of the others all is read.
    ///
    /// # Errors
    /// `Corrupt` where somebody has changed a stream; what the bucket answers.
    pub async fn leftovers(&self, cx: &OpContext) -> Result<Vec<Leftover>> {
        let (streams, _) = listed(cx, &*self.bucket, usize::MAX).await?;
        let mut left = Vec::new();
        for (stream, Objects { begun, numbers }) in streams {
            if begun.len() <= numbers.len() {
                continue;
            }
            let mut made = HashSet::new();
            for sequence in 0..numbers.len() as u64 {
                made.extend(self.numbered(cx, &stream, sequence).await?.map(|numbered| numbered.key));
            }
            for object in begun {
                if self.mine().contains(&object) {
                    continue;
                }
                let Some(Note { key, expected, purpose, .. }) = self.read::<Note>(cx, &object).await? else { continue };
                if !made.contains(&key) {
                    left.push(Leftover { stream: stream.clone(), key, expected, purpose });
                }
            }
        }
        Ok(left)
    }

    /// Signs a snapshot of a collection that nobody will end any more, in which everything that was expected is absent, because the
    /// process that collected it has died. Where somebody has ended it all the same, it is their snapshot, and whoever ends it after
    /// this gets this one. `None` where nobody has noted what it was to be of.
    ///
    /// # Errors
    /// As [`Streams::begin`] and [`Streams::append`]. Calling it again settles a lost answer.
    pub async fn give_up(&self, left: &Leftover, now: UnixMillis) -> Result<Option<EvidenceRecord>> {
        let Some(purpose) = &left.purpose else { return Ok(None) };
        let cx = &OpContext::new(left.key.clone());
        let begun = self.begin(cx, &left.stream, left.expected.clone()).await?;
        let given_up = match begun.done() {
            Some(record) => Ok(record.clone()),
            None => {
                let mut collection = Collection::of(begun.expected().iter().cloned());
                begun.expected().iter().for_each(|part| collection.absent(part, AbsenceKind::Interrupted, DIED));
                let Purpose { name, subjects, change_set, occasion, window } = purpose.clone();
                let about = SnapshotOf { stream: left.stream.clone(), change_set, occasion, window, collected_on: now };
                self.append(cx, &begun, &name, subjects, &collection.finish(about)).await
            }
        };
        // It is not this process that has begun it: where this has failed, it is still left.
        self.mine().remove(&begun.object);
        given_up.map(Some)
    }
}

/// What a stream has, by the names of its objects alone.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// The collections that were begun.
    pub(crate) begun: Vec<ObjectKey>,
    /// The numbers of its snapshots: each comes from one of those.
    pub(crate) numbers: BTreeSet<u64>,
}

/// So many names are asked for at once.
const PAGE: usize = 10_000;

/// The streams in a bucket, by at most so many names, and whether there are more. Nothing else is read.
///
/// # Errors
/// What the bucket answers.
pub(crate) async fn listed(cx: &OpContext, bucket: &dyn Bucket, most: usize) -> Result<(BTreeMap<StreamId, Objects>, bool)> {
    let unnamed = |error| Error::new(ErrorKind::Unexpected, "find the streams of snapshots").because(error);
    let folder = ObjectKey::parse(FOLDER).map_err(unnamed)?;
    let (mut streams, mut after, mut seen) = (BTreeMap::<StreamId, Objects>::new(), None, 0_usize);
    loop {
        let page = bucket.list(cx, &folder, after.as_ref(), PAGE).await?;
        (seen, after) = (seen.saturating_add(page.len()), page.last().cloned());
        let is_last = page.len() < PAGE;
        for key in page {
            match placed(key.as_str()) {
                Some((stream, Listed::Begun)) => streams.entry(stream).or_default().begun.push(key),
                Some((stream, Listed::Numbered(number))) => drop(streams.entry(stream).or_default().numbers.insert(number)),
                None => {}
            }
        }
        if is_last || seen >= most {
            return Ok((streams, !is_last));
        }
    }
}

enum Listed {
    Begun,
    Numbered(u64),
}

/// The stream that an object is of, and what it is; `None` for others.
fn placed(object: &str) -> Option<(StreamId, Listed)> {
    let parts: Vec<&str> = object.strip_prefix(FOLDER)?.strip_prefix('/')?.split('/').collect();
    let (project, unit, environment, listed) = match *parts.as_slice() {
        [project, unit, environment, "begun", digest] if !digest.contains('.') => (project, unit, environment, Listed::Begun),
        [project, unit, environment, number] if number.len() == NUMBER_WIDTH => {
            (project, unit, environment, Listed::Numbered(number.parse().ok()?))
        }
        _ => return None,
    };
    Some((format!("{project}/{unit}@{environment}").parse().ok()?, listed))
}
