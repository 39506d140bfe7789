//! Numbering snapshots: one after the other in each stream, without a gap, over crashes, retries and several writers at once.
//!
//! Each stream has a folder in a [`Bucket`]:
//!
//! | object | what it is |
//! |---|---|
//! | `snapshots/<project>/<unit>/<environment>/<number>` | a signed snapshot; **creating it is what gives it its number** |
//! | `…/begun/<digest of the operation's key>` | a collection that was begun: what it expected, how long the stream was then, and what its snapshot will be of |
//! | `…/begun/<digest of the operation's key>.<n>` | that the process which collected it has died |
//! | `…/head` | the last number that is published, and its leaf, to begin reading there: a hint that the ledger has to show; it can be made again |
//!
//! # Why there is no gap and no double
//!
//! * **A name is taken once**, so a number is that of one snapshot. Of two writers at the same place one is refused; it reads
//!   what the other has written, signs its own again with the next number, and goes on behind it. No lease is needed, and a
//!   writer that was thought dead does no harm.
//! * **The object is the snapshot**, signature and all. A number is given out in the same instant in which its snapshot is
//!   there and survives a crash: there is none that was given out for nothing.
//! * **A number is tried only by who has read the one before**, of which the snapshot bears the id.
//! * **Whoever comes next publishes what a crash has left unpublished** (the blob and the entry in the ledger) before they take a
//!   number. So the ledger has each number before the next one. It is looked through for that one snapshot first, and nobody
//!   appends in between, so that none is in it twice: neither after a crash nor where a writer was paused and others went on.
//!
//! # Why a repeated operation gives the same snapshot
//!
//! It is begun under the operation's key before anything is collected. An operation that is performed again finds what it has
//! begun, and looks for its key among the snapshots since then.
//!
//! # What is begun and never ended
//!
//! An operation may never be performed again: its process dies, and what it was for is over before the next one starts. What it has
//! begun is left ([`Streams::leftovers`]), and is signed with everything absent ([`Streams::give_up`]): so a death is in the stream, too.
//! For that it has noted what its snapshot will be of ([`Streams::begin_for`]).

mod head;
mod leftover;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::Mutex as Turn;
use pathops_core::adapter::Bucket;
use pathops_core::evidence::{Envelope, EvidenceId, Predicate as _, Snapshot, Statement, StreamId, Subject, TrustRoot};
use pathops_core::{Digest, Effect, Error, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::admit::admitted;
use crate::ledger::{self, Item, Stored};
use crate::{Draft, EvidenceRecord, Position, Sealer, Unplaced};

pub(crate) use head::{Head, head_of, read_head};
pub use leftover::{Leftover, Purpose};
pub(crate) use leftover::{Objects, listed};

/// The version of the form of the objects.
const FORMAT: u32 = 1;
/// That of a numbered snapshot which has certificates; earlier versions do not read it.
const CERTIFIED: u32 = 2;
const FOLDER: &str = "snapshots";
/// How many digits the name of a snapshot has.
const NUMBER_WIDTH: usize = 20;
/// How many bytes stand at most beside a snapshot that has its number: the key of its operation, and its name.
const MAX_BYTES_BESIDE: u64 = 1 << 20;

/// How often a collection may be interrupted by the end of its process before it is given up.
pub const MAX_INTERRUPTIONS: u32 = 2;

/// Gives snapshots their places. Whoever writes snapshots of a project does it over the same bucket.
#[derive(Debug)]
pub struct Streams {
    bucket: Arc<dyn Bucket>,
    sealer: Sealer,
    trust: Option<TrustRoot>,
    /// What this process has begun.
    mine: Mutex<HashSet<ObjectKey>>,
    /// Whether the bucket was tried.
    turn: Turn<bool>,
}

/// A collection that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    stream: StreamId,
    key: IdempotencyKey,
    object: ObjectKey,
    expected: BTreeSet<String>,
    /// How many snapshots the stream had when it was begun first.
    after: u64,
    interruptions: u32,
    done: Option<EvidenceRecord>,
}

impl Begun {
    /// What was expected when it was begun first.
    #[must_use]
    pub fn expected(&self) -> &BTreeSet<String> {
        &self.expected
    }

    /// How often the process has died over it.
    #[must_use]
    pub fn interruptions(&self) -> u32 {
        self.interruptions
    }

    /// Whether it was interrupted so often that the sources are better left alone: it is finished with what is known.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.interruptions >= MAX_INTERRUPTIONS
    }

    /// The snapshot, where an earlier try has come that far.
    #[must_use]
    pub fn done(&self) -> Option<&EvidenceRecord> {
        self.done.as_ref()
    }
}

/// What is noted of a collection before it begins.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Note {
    format: u32,
    key: IdempotencyKey,
    expected: BTreeSet<String>,
    after: u64,
    /// What the snapshot will be of. Earlier versions did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<Purpose>,
}

/// A snapshot that has its number.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Numbered {
    format: u32,
    /// The operation that has made it.
    key: IdempotencyKey,
    name: String,
    signed: Stored,
}

/// What is kept in an object with the version of its form.
trait Formed: DeserializeOwned {
    /// The newest version that is read; all before it are, too.
    const NEWEST: u32 = FORMAT;
}

impl Formed for Note {}

impl Formed for Numbered {
    const NEWEST: u32 = CERTIFIED;
}

/// The end of a stream, as it was read.
#[derive(Clone, Copy, Default)]
struct Tip {
    next: u64,
    previous: Option<EvidenceId>,
}

impl Streams {
    /// Streams in this bucket, whose snapshots `sealer` signs and stores.
    #[must_use]
    pub fn new(bucket: Arc<dyn Bucket>, sealer: Sealer) -> Self {
        Self { bucket, sealer, trust: None, mine: Mutex::default(), turn: Turn::default() }
    }

    /// And publishes, of what others have numbered, only what is signed by who is trusted here, and follows on nothing else. Otherwise
    /// those count whom the ledger knows ([`Known::trusting`](ledger::Known::trusting), which says more); where it knows nobody, whatever
    /// has the next number is published.
    #[must_use]
    pub fn with_trust(self, trust: TrustRoot) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// Begins to collect a snapshot, under the key of `cx`, or takes up what was begun under it before. What is expected is what
    /// was expected then.
    ///
    /// # Errors
    /// `Unsupported` for a bucket that lets a name be taken twice, which is tried first; `Corrupt` where somebody has changed the
    /// stream, or has numbered in it what nobody has signed who is trusted ([`Streams::with_trust`]); what the bucket, the blob store and
    /// the ledger answer. Beginning it again settles a lost answer.
    pub async fn begin(&self, cx: &OpContext, stream: &StreamId, expected: BTreeSet<String>) -> Result<Begun> {
        self.begin_noting(cx, stream, expected, None).await
    }

    /// The same, with a note of what the snapshot will be of, so that it can be signed that everything is absent
    /// ([`Streams::give_up`]) where the process dies and nobody performs the operation again.
    ///
    /// # Errors
    /// As [`Streams::begin`].
    pub async fn begin_for(
        &self,
        cx: &OpContext,
        stream: &StreamId,
        expected: BTreeSet<String>,
        purpose: Purpose,
    ) -> Result<Begun> {
        self.begin_noting(cx, stream, expected, Some(purpose)).await
    }

    async fn begin_noting(
        &self,
        cx: &OpContext,
        stream: &StreamId,
        expected: BTreeSet<String>,
        purpose: Option<Purpose>,
    ) -> Result<Begun> {
        let mut tried = self.turn.lock().await;
        if !*tried {
            ledger::probe(cx, &*self.bucket, "number snapshots", &format!("{FOLDER}/probe")).await?;
            *tried = true;
        }
        let (key, name) = (cx.key().clone(), format!("begun/{}", Digest::of(cx.key().as_str().as_bytes()).hex()));
        let object = named(stream, &name)?;
        let anew = self.mine().insert(object.clone());
        let (note, found) = match self.read::<Note>(cx, &object).await? {
            Some(note) => (note, true),
            None => {
                let after = self.tip(cx, stream).await?.next;
                (self.note(cx, &object, Note { format: FORMAT, key: key.clone(), expected, after, purpose }).await?, false)
            }
        };
        let done = if found { self.made(cx, stream, &key, note.after).await? } else { None };
        let interrupted = found && anew && done.is_none();
        let interruptions = if found { self.interruptions(cx, stream, &name, interrupted).await? } else { 0 };
        Ok(Begun { stream: stream.clone(), key, object, expected: note.expected, after: note.after, interruptions, done })
    }

    /// Signs a snapshot of what was collected, as the next one of its stream, and publishes it: when this returns, it survives a
    /// crash, and is in the blob store, and in the ledger where there is one. Where an earlier call with the same beginning has
    /// come that far, it is that very snapshot.
    ///
    /// # Errors
    /// `Invalid` where it is of another stream than it was begun for, or no subject has a digest; `Corrupt` where somebody has
    /// changed the stream; what the signer, the bucket, the blob store and the ledger answer.
    ///
    /// # Cancel safety
    /// Dropped half way, it has its place or has none; calling it again settles it.
    pub async fn append(
        &self,
        cx: &OpContext,
        begun: &Begun,
        name: &str,
        subjects: Vec<Subject>,
        snapshot: &Unplaced,
    ) -> Result<EvidenceRecord> {
        let stream = &begun.stream;
        if snapshot.stream() != stream {
            let why = format!("it was begun for `{stream}`, and is of `{}`", snapshot.stream());
            return Err(Error::new(ErrorKind::Invalid, "number a snapshot").on(name).because(why));
        }
        let _turn = self.turn.lock().await;
        let record = self.next(cx, begun, name, subjects, snapshot).await?;
        self.mine().remove(&begun.object);
        Ok(record)
    }

    async fn next(
        &self,
        cx: &OpContext,
        begun: &Begun,
        name: &str,
        subjects: Vec<Subject>,
        snapshot: &Unplaced,
    ) -> Result<EvidenceRecord> {
        let stream = &begun.stream;
        let mut tip = self.tip(cx, stream).await?;
        // Nobody appends a snapshot before it has its number.
        let size = match self.sealer.ledger() {
            Some(ledger) => ledger.size().await,
            None => 0,
        };
        if let Some(record) = self.made(cx, stream, &begun.key, begun.after).await? {
            return Ok(record);
        }
        loop {
            let position = Position { sequence: tip.next, previous: tip.previous };
            let draft = Draft::new(name, subjects.clone(), &snapshot.at(position, begun.interruptions))?;
            let item = self.sealer.sign(cx, &draft).await?;
            let format = if item.certificates().is_some() { CERTIFIED } else { FORMAT };
            let numbered = Numbered { format, key: begun.key.clone(), name: name.to_owned(), signed: item.stored };
            let object = number(stream, tip.next)?;
            match self.bucket.create(&cx.part(object.as_str()), &object, encode(&numbered)?).await {
                Ok(()) => return self.publish(cx, stream, tip.next, numbered, Some(size)).await,
                // Somebody has written there: this very call, whose answer was lost, or another writer.
                Err(error) if error.kind() == ErrorKind::AlreadyExists || error.effect() == Effect::Unknown => {
                    let Some(there) = self.numbered(cx, stream, tip.next).await? else { return Err(error) };
                    if there.key == begun.key {
                        self.admit(stream, tip.next, &there)?;
                        return self.publish(cx, stream, tip.next, there, None).await;
                    }
                    tip = self.tip(cx, stream).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The end of a stream, after what is not published there has been.
    async fn tip(&self, cx: &OpContext, stream: &StreamId) -> Result<Tip> {
        let head = self.head(cx, stream).await?;
        let mut last = None;
        let mut next = head.map_or(0, |head| head.sequence);
        while let Some(numbered) = self.numbered(cx, stream, next).await? {
            last = Some((next, numbered));
            let Some(following) = next.checked_add(1) else { break };
            next = following;
        }
        let Some((sequence, numbered)) = last else {
            return match head {
                Some(head) => Err(Self::beyond(stream, head)?),
                None => Ok(Tip::default()),
            };
        };
        self.admit(stream, sequence, &numbered)?;
        let id = Item::unchecked(numbered.signed.clone())?.id();
        let is_published = match head.filter(|head| head.sequence == sequence) {
            Some(head) => self.is_published(cx, head, id).await?,
            None => false,
        };
        if !is_published {
            self.publish(cx, stream, sequence, numbered, None).await?;
        }
        Ok(Tip { next, previous: Some(id) })
    }

    /// The snapshot that was made under this key, where there is one at this number or a later one.
    async fn made(&self, cx: &OpContext, stream: &StreamId, key: &IdempotencyKey, from: u64) -> Result<Option<EvidenceRecord>> {
        for sequence in from.. {
            let Some(numbered) = self.numbered(cx, stream, sequence).await? else { return Ok(None) };
            if numbered.key == *key {
                self.admit(stream, sequence, &numbered)?;
                return self.publish(cx, stream, sequence, numbered, None).await.map(Some);
            }
        }
        Ok(None)
    }

    /// That somebody who may has signed what has a number: whoever can write into the bucket can put anything there.
    fn admit(&self, stream: &StreamId, sequence: u64, numbered: &Numbered) -> Result<()> {
        let ledger = self.sealer.ledger().and_then(|ledger| ledger.trust());
        let Some(trust) = self.trust.as_ref().or(ledger) else { return Ok(()) };
        admitted(trust, &numbered.signed).or_else(|why| {
            let why = format!("nobody who is trusted has signed it: {why}");
            let error = Error::new(ErrorKind::Corrupt, "go on with a stream of snapshots").on(number(stream, sequence)?);
            let advice = "whoever can write into the bucket may have put it there. Where its signer is to be trusted, name them in the \
                          trust root; otherwise keep others out, and move that object away, unless the ledger has it";
            Err(error.because(why).advise(advice))
        })
    }

    /// Stores the envelope of a snapshot, appends it to the ledger unless somebody has, and notes that. It can be in the ledger from
    /// leaf `from` on only; where that is not known, since the one before it, where the ledger has that.
    async fn publish(
        &self,
        cx: &OpContext,
        stream: &StreamId,
        sequence: u64,
        numbered: Numbered,
        from: Option<u64>,
    ) -> Result<EvidenceRecord> {
        let item = Item::unchecked(numbered.signed)?;
        let record = self.sealer.keep(cx, numbered.name, Snapshot::TYPE, &item).await?;
        let head = if from.is_some() { None } else { self.head(cx, stream).await? };
        let leaf = match (self.sealer.ledger(), from) {
            (None, _) => None,
            (Some(ledger), Some(from)) => Some(ledger.append_once(cx, item, from).await?),
            (Some(ledger), None) => Some(self.logged(cx, ledger, (stream, sequence), item, head).await?),
        };
        if head.is_none_or(|head| head.sequence < sequence || (head.sequence == sequence && leaf.is_some() && head.leaf != leaf))
        {
            let head = encode(&Head { format: FORMAT, sequence, leaf })?;
            self.bucket.write(&cx.part("head"), &head_of(stream)?, head).await?;
        }
        Ok(EvidenceRecord { leaf, ..record })
    }

    async fn numbered(&self, cx: &OpContext, stream: &StreamId, sequence: u64) -> Result<Option<Numbered>> {
        let object = number(stream, sequence)?;
        let Some(numbered) = self.read::<Numbered>(cx, &object).await? else { return Ok(None) };
        let snapshot = || {
            let statement = Statement::from_slice(&numbered.signed.envelope.payload().ok()?).ok()?;
            serde_json::from_value::<Snapshot>(statement.predicate).ok()?.extent.place
        };
        match snapshot() {
            Some(place) if place.stream == *stream && place.sequence == sequence => Ok(Some(numbered)),
            _ => Err(corrupt(&object, &"it holds no snapshot of that number")),
        }
    }

    async fn note(&self, cx: &OpContext, object: &ObjectKey, note: Note) -> Result<Note> {
        match self.bucket.create(&cx.part("begin"), object, encode(&note)?).await {
            Ok(()) => Ok(note),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.read(cx, object).await?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// How often a collection was interrupted, once more or not.
    async fn interruptions(&self, cx: &OpContext, stream: &StreamId, name: &str, once_more: bool) -> Result<u32> {
        let mut count = 0;
        while count < MAX_INTERRUPTIONS {
            let object = named(stream, &format!("{name}.{}", count + 1))?;
            if self.bucket.read(cx, &object).await?.is_none() {
                if once_more {
                    let made = self.bucket.create(&cx.part("interrupted"), &object, b"interrupted\n".to_vec()).await;
                    made.or_else(|error| if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
                    count += 1;
                }
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    async fn read<T: Formed>(&self, cx: &OpContext, object: &ObjectKey) -> Result<Option<T>> {
        read(cx, &*self.bucket, object).await
    }

    fn mine(&self) -> std::sync::MutexGuard<'_, HashSet<ObjectKey>> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The snapshots that have their numbers, and may not be published: whoever comes next publishes the last of a stream before they take a
/// number, so no other one is without.
///
/// # Errors
/// `Corrupt` where one cannot be read; what the bucket answers.
pub(crate) async fn unpublished(cx: &OpContext, bucket: &dyn Bucket) -> Result<Vec<Envelope>> {
    let unnamed = |error| Error::new(ErrorKind::Unexpected, "find the streams of snapshots").because(error);
    let keys = bucket.list(cx, &ObjectKey::parse(FOLDER).map_err(unnamed)?, None, usize::MAX).await?;
    let is_number = |name: &str| name.len() == NUMBER_WIDTH && name.parse::<u64>().is_ok();
    let numbered =
        keys.iter().filter_map(|key| Some((key.as_str().rsplit_once('/').filter(|(_, name)| is_number(name))?.0, key)));
    // They come in their order.
    let (last, mut unpublished) = (numbered.collect::<BTreeMap<_, _>>(), Vec::new());
    for key in last.into_values() {
        unpublished.extend(read::<Numbered>(cx, bucket, key).await?.map(|numbered| numbered.signed.envelope));
    }
    Ok(unpublished)
}

/// The snapshot that an object gives a number. It is read where it has no more bytes than one that the log has of this number.
///
/// # Errors
/// `Corrupt` where it cannot be read, or has more; what the bucket answers.
pub(crate) async fn kept(
    cx: &OpContext,
    bucket: &dyn Bucket,
    object: &ObjectKey,
    logged: &Fingerprint,
) -> Result<Option<Fingerprint>> {
    let most = logged.bytes.saturating_add(MAX_BYTES_BESIDE);
    let Some(bytes) = bucket.read_within(cx, object, most).await? else { return Ok(None) };
    let numbered: Numbered = formed(object, &bytes)?;
    Ok(Some(Fingerprint::of(&numbered.signed)))
}

/// By what two snapshots are the same, with their signatures and who they are by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    digest: Digest,
    /// How many it has as it is written.
    bytes: u64,
}

impl Fingerprint {
    pub(crate) fn of(signed: &Stored) -> Self {
        let bytes = serde_json::to_vec(signed).unwrap_or_default();
        Self { digest: Digest::of(&bytes), bytes: bytes.len() as u64 }
    }
}

/// Whether the bucket has the first number of a stream, or says how far it is published.
///
/// # Errors
/// What the bucket answers.
pub(crate) async fn has_begun(cx: &OpContext, bucket: &dyn Bucket, stream: &StreamId) -> Result<bool> {
    Ok(is_there(cx, bucket, &head_of(stream)?).await? || is_there(cx, bucket, &number(stream, 0)?).await?)
}

/// Whether there is an object of this name, whatever is in it.
pub(crate) async fn is_there(cx: &OpContext, bucket: &dyn Bucket, object: &ObjectKey) -> Result<bool> {
    match bucket.read_within(cx, object, 0).await {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(true),
        read => Ok(read?.is_some()),
    }
}

async fn read<T: Formed>(cx: &OpContext, bucket: &dyn Bucket, object: &ObjectKey) -> Result<Option<T>> {
    let bytes = bucket.read(cx, object).await?;
    bytes.map(|bytes| formed(object, &bytes)).transpose()
}

/// What the bytes of an object say.
fn formed<T: Formed>(object: &ObjectKey, bytes: &[u8]) -> Result<T> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| corrupt(object, &error))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if (1..=u64::from(T::NEWEST)).contains(&format) => {}
        format => return Err(corrupt(object, &format!("it has format {format:?}, and this version reads up to {}", T::NEWEST))),
    }
    T::deserialize(value).map_err(|error| corrupt(object, &error))
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::new(ErrorKind::Unexpected, "number a snapshot").with_source(error))
}

/// The name of the object that gives a snapshot its number.
pub(crate) fn number(stream: &StreamId, sequence: u64) -> Result<ObjectKey> {
    named(stream, &format!("{sequence:0NUMBER_WIDTH$}"))
}

fn named(StreamId { project, unit, environment }: &StreamId, name: &str) -> Result<ObjectKey> {
    ObjectKey::parse(format!("{FOLDER}/{project}/{unit}/{environment}/{name}"))
        .map_err(|error| Error::new(ErrorKind::Unexpected, "name a snapshot").on(name).because(error))
}

fn corrupt(what: &ObjectKey, why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Corrupt, "read a stream of snapshots").on(what).because(why).advise("restore it from a backup")
}
