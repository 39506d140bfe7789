//! The ledger: an append-only log of evidence that anybody can verify.
//!
//! An RFC 6962 Merkle tree over leaves that are Rekor's `hashedrekord` 0.0.2, laid out as C2SP `tlog-tiles` with checkpoints
//! as C2SP signed notes, in a [`Bucket`]:
//!
//! | object | what it is |
//! |---|---|
//! | `log/batch/<first leaf>` | what was appended at once: envelopes with their keys or certificates; **creating it is what appends** |
//! | `log/tile/<level>/<index>` | 256 hashes of a level; with `.p/<width>` while there are fewer |
//! | `log/tile/entries/<index>` | the leaves below a tile of level 0 |
//! | `log/checkpoint` | size and root, signed by the log |
//!
//! The name of a piece of evidence is SHA-256 of what was signed. The log may have one twice, where it was appended again later or a
//! signer gives another signature each time: it is the same evidence, which an index and a reader take once. To keep it out, an append
//! would have to know all that was appended before.
//!
//! A batch takes the name of the first leaf that it has, and a name is taken once: of two writers at the same place one is
//! refused, takes up what the other has written, and goes on behind it. A checkpoint takes the place of the one that its writer has
//! looked at, and of no other. So no lease is needed for the log to stay one and for its checkpoint never to go back: the number of
//! the first leaf is the fence, and a writer that was thought dead does no harm. Everything else follows from the batches. After a crash at any moment the next
//! [`Ledger::open`] takes up the batches that the checkpoint does not cover and publishes them, and makes tiles again that
//! the machine has lost.
//!
//! That holds where two things do:
//!
//! * Of writers that take one name at the same time, one gets it. The first opening in a bucket lets four take a name at once, and
//!   refuses the bucket where more than one got it. A race that is lost once in a thousand times is not seen by that: take a
//!   store that promises it.
//! * No batch is ever deleted, and none is lost that was answered. Where one is, another can take its place, and there are two logs by one
//!   key. A writer that comes upon that stops with `Corrupt`; readers see it only against a checkpoint from elsewhere. So nothing
//!   here deletes a part of a log, no rule of the bucket may, and a bucket is put back from a backup only while nobody writes.
//!
//! Why it is so, and what of the usual layout is left out, is [decision 17](pathops_core::docs::decisions::d0017_ledger).

pub(crate) mod audit;
mod batch;
mod leaf;
mod note;
mod place;
mod proof;
mod read;
mod tile;
mod tree;
mod witness;
mod witnessing;
mod written;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use futures_util::lock::Mutex as Turn;
use pathops_core::adapter::{Bucket, ObjectVersion};
use pathops_core::evidence::Checkpoint;
use pathops_core::{Digest, Effect, Error, ErrorKind, ObjectKey, OpContext, Result};

pub use leaf::{Item, MAX_LEAF_BYTES};
pub(crate) use leaf::{SignedBy, Stored};
pub(crate) use note::MAX_NOTE_BYTES;
pub use note::{LogIdentity, LogKey, NoteError};
pub use place::Place;
pub use proof::is_consistent;
pub use read::LogReader;
pub(crate) use tile::checkpoint_key;
pub use witness::{Cosignature, Witness};
pub use witnessing::{AddCheckpoint, CosignatureRequest, CosignedBy, MAX_PROOF_LINES, MemoryWitness};

use leaf::leaf_hash;
use tree::Edge;

/// How many items go into one batch at most.
const MAX_BATCH: usize = 4_096;

/// How often others may be faster with a checkpoint. Each time the log has grown, so it is not the store that is at fault.
const MAX_TRIES: usize = 1_000;

/// Appends to a log. Callers at the same time share a batch: one object, one checkpoint.
#[derive(Debug)]
pub struct Ledger {
    bucket: Arc<dyn Bucket>,
    key: LogKey,
    waiting: Mutex<VecDeque<Waiting>>,
    tip: Turn<Tip>,
}

/// Items that are to be appended, and where their places are told.
#[derive(Clone, Debug)]
struct Waiting {
    items: Arc<Vec<Item>>,
    done: Arc<Mutex<Option<Vec<u64>>>>,
}

impl Waiting {
    fn of(items: Vec<Item>) -> Self {
        Self { items: Arc::new(items), done: Arc::default() }
    }
}

/// How far the log is.
#[derive(Debug, Default)]
struct Tip {
    edge: Edge,
    /// The leaves of the tile at the edge.
    entries: Vec<u8>,
    /// The published checkpoint that was last seen, on which the edge follows.
    published: Option<Checkpoint>,
    /// Where the leaves are that were appended and are not published yet.
    places: HashMap<Digest, u64>,
    /// The tiles that follow from them and are not written yet.
    objects: BTreeMap<ObjectKey, Vec<u8>>,
}

impl Ledger {
    /// Opens a log, or begins one, and publishes what a crash has left unpublished. First it is tried whether the bucket
    /// keeps a name for who has taken it, and what is there from who means something else: one that does not is refused, since a
    /// log in it would not stay one.
    ///
    /// # Errors
    /// `Unsupported` for such a bucket; `Corrupt` where neither tiles nor batches lead to the root of the checkpoint, or it is
    /// signed by another log; what the bucket answers.
    pub async fn open(cx: &OpContext, bucket: Arc<dyn Bucket>, key: LogKey) -> Result<Self> {
        probe(cx, &*bucket, "open a ledger", "log/probe").await?;
        let reader = LogReader::new(bucket.clone(), key.identity());
        let ledger = Self { bucket, key, waiting: Mutex::default(), tip: Turn::default() };
        let checkpoint = reader.checkpoint(cx).await?;
        let mut tip = match &checkpoint {
            None => Tip::default(),
            Some(checkpoint) => match reader.tip(cx, checkpoint).await {
                Err(error) if error.kind() == ErrorKind::Corrupt => ledger.rebuild(cx, checkpoint).await?,
                tip => tip?,
            },
        };
        while ledger.make_good(cx, &mut tip).await? {}
        ledger.publish(cx, &mut tip).await?;
        *ledger.tip.lock().await = tip;
        Ok(ledger)
    }

    /// Makes the tiles again from the batches, where a crash of the machine or somebody else has spoilt them. They have to lead
    /// to the root that the log has signed.
    async fn rebuild(&self, cx: &OpContext, checkpoint: &Checkpoint) -> Result<Tip> {
        tracing::warn!(log = %self.key.identity().origin(), "the tiles are damaged; they are made again from the batches");
        let mut tip = Tip::default();
        while tip.edge.size() < checkpoint.size && self.make_good(cx, &mut tip).await? {}
        if (tip.edge.size(), tip.edge.root()) == (checkpoint.size, checkpoint.root) {
            return Ok(tip);
        }
        let why = "neither its tiles nor its batches lead to the root of its checkpoint";
        let error = Error::new(ErrorKind::Corrupt, "open a ledger").on(self.key.identity().origin()).because(why);
        Err(error.advise("restore it from a backup"))
    }

    /// Appends items, and gives each its place. When this returns they survive a crash of the machine, and a checkpoint covers
    /// them; where such a crash takes the checkpoint, the next opening signs it again. Items that are appended again at once,
    /// because an answer was lost, keep their place; later they get another one.
    ///
    /// Dropping the future leaves open whether they are appended.
    ///
    /// # Errors
    /// `Invalid` for more than 256 MiB at once; `Corrupt` where somebody else has written into the log what is no batch, or the bucket
    /// has lost a batch and the log was signed with another in its place; what the bucket answers.
    pub async fn append(&self, cx: &OpContext, items: Vec<Item>) -> Result<Vec<u64>> {
        let mine = Waiting::of(items);
        self.queue().push_back(mine.clone());
        let mut tip = self.tip.lock().await;
        loop {
            if let Some(places) = mine.done.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Ok(places);
            }
            if let Err(error) = self.append_waiting(cx, &mut tip).await {
                self.queue().retain(|waiting| !Arc::ptr_eq(&waiting.done, &mine.done));
                return Err(error);
            }
        }
    }

    /// Appends an item that others may append, too, unless the log has it from leaf `from` on; gives its place. Nobody of this ledger
    /// appends in between, and what other writers do is taken up: so it is there once, however long this process was paused.
    pub(crate) async fn append_once(&self, cx: &OpContext, item: Item, from: u64) -> Result<u64> {
        let mut tip = self.tip.lock().await;
        while self.make_good(cx, &mut tip).await? {}
        self.publish(cx, &mut tip).await?;
        if let Some(place) = self.reader().place(cx, item.id(), from).await? {
            return Ok(place);
        }
        let (id, hash) = (item.id(), leaf_hash(item.leaf()));
        self.commit(cx, &mut tip, &[Waiting::of(vec![item])]).await?;
        let place = tip.places.get(&hash).copied();
        self.publish(cx, &mut tip).await?;
        place.ok_or_else(|| Error::new(ErrorKind::Unexpected, "append to the ledger").on(id))
    }

    /// How many leaves the log has at least.
    pub(crate) async fn size(&self) -> u64 {
        self.tip.lock().await.edge.size()
    }

    /// A reader of the log.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(self.bucket.clone(), self.key.identity())
    }

    pub(crate) fn bucket(&self) -> &dyn Bucket {
        &*self.bucket
    }

    /// Appends what waits, from the front of the queue, in one batch. It leaves the queue when it is done: whoever stops
    /// waiting in the middle takes nobody's items along.
    async fn append_waiting(&self, cx: &OpContext, tip: &mut Tip) -> Result<()> {
        let mut together: Vec<Waiting> = Vec::new();
        let mut count = 0;
        for waiting in self.queue().iter() {
            if count > 0 && count + waiting.items.len() > MAX_BATCH {
                break;
            }
            count += waiting.items.len();
            together.push(waiting.clone());
        }
        self.commit(cx, tip, &together).await?;
        let places = |items: &[Item]| items.iter().filter_map(|item| tip.places.get(&leaf_hash(item.leaf())).copied()).collect();
        let places: Vec<Vec<u64>> = together.iter().map(|waiting| places(&waiting.items)).collect();
        self.publish(cx, tip).await?;
        for (waiting, places) in together.iter().zip(places) {
            *waiting.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(places);
        }
        self.queue().retain(|waiting| !together.iter().any(|done| Arc::ptr_eq(&done.done, &waiting.done)));
        Ok(())
    }

    async fn commit(&self, cx: &OpContext, tip: &mut Tip, together: &[Waiting]) -> Result<()> {
        loop {
            let mut missing: Vec<Item> = Vec::new();
            let mut seen = HashSet::new();
            for item in together.iter().flat_map(|waiting| waiting.items.iter()) {
                let hash = leaf_hash(item.leaf());
                if !tip.places.contains_key(&hash) && seen.insert(hash) {
                    missing.push(item.clone());
                }
            }
            if missing.is_empty() {
                return Ok(());
            }
            let start = tip.edge.size();
            let bytes = batch::encode(start, &missing)?;
            match self.bucket.create(&cx.part(&format!("batch {start}")), &named(tile::batch_key(start))?, bytes).await {
                Ok(()) => tip.take(missing)?,
                // Somebody has written there: this very call, whose answer was lost, or another writer.
                Err(error) if error.kind() == ErrorKind::AlreadyExists || error.effect() == Effect::Unknown => {
                    if !self.catch_up(cx, tip).await? {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes up the batch that follows, where there is one.
    async fn catch_up(&self, cx: &OpContext, tip: &mut Tip) -> Result<bool> {
        let start = tip.edge.size();
        let Some(items) = batch_at(cx, &*self.bucket, start).await? else { return Ok(false) };
        tip.take(items)?;
        Ok(true)
    }

    /// Takes up the batch that follows and writes its tiles: whoever appended it is not here to be told, and a log may be long.
    async fn make_good(&self, cx: &OpContext, tip: &mut Tip) -> Result<bool> {
        let found = self.catch_up(cx, tip).await?;
        tip.places.clear();
        self.write_tiles(cx, tip).await?;
        Ok(found)
    }

    /// Writes the tiles, and then the checkpoint that covers them, unless another writer has covered them already.
    ///
    /// A checkpoint takes the place of exactly the one that was looked at. So the published one never goes back: who stalls between
    /// looking and writing is refused, and looks again.
    async fn publish(&self, cx: &OpContext, tip: &mut Tip) -> Result<()> {
        while tip.published.as_ref().map_or(0, |it| it.size) != tip.edge.size() {
            for (tile, hashes) in tip.edge.partial() {
                tip.objects.insert(named(tile.key())?, tile::encode(hashes));
                if tile.level == 0 {
                    tip.objects.insert(named(tile.entries())?, tip.entries.clone());
                }
            }
            self.write_tiles(cx, tip).await?;
            let checkpoint = Checkpoint { size: tip.edge.size(), root: tip.edge.root() };
            let mut tries = 0;
            while !self.publish_checkpoint(cx, tip.published.as_ref(), &checkpoint).await? {
                tries += 1;
                if tries == MAX_TRIES {
                    let why = "others have published a checkpoint each time before this one could";
                    return Err(Error::new(ErrorKind::Unavailable, "publish a checkpoint").on(checkpoint.size).because(why));
                }
            }
            tip.published = Some(checkpoint);
            tip.places.clear();
            while self.make_good(cx, tip).await? {}
        }
        Ok(())
    }

    /// Publishes a checkpoint unless a later one is there; `false` where another writer was faster. One that is not the `known` one,
    /// on which the log here follows, has to be of the same log: whoever relied on it alone would take a lost batch for a covered one.
    async fn publish_checkpoint(&self, cx: &OpContext, known: Option<&Checkpoint>, checkpoint: &Checkpoint) -> Result<bool> {
        let (key, cx) = (named(checkpoint_key())?, cx.part(&format!("checkpoint {}", checkpoint.size)));
        let there = self.bucket.read_version(&cx, &key).await?;
        let published = match there {
            None => self.bucket.create(&cx, &key, self.key.sign(checkpoint).into_bytes()).await,
            Some((note, version)) => {
                if let Some((newest, _)) = self.reader().signed(note)? {
                    if known != Some(&newest) {
                        self.agree(&cx, &newest, checkpoint).await?;
                    }
                    if newest.size >= checkpoint.size {
                        return Ok(true);
                    }
                }
                self.bucket.replace(&cx, &key, &version, self.key.sign(checkpoint).into_bytes()).await
            }
        };
        match published {
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict) => Ok(false),
            published => published.map(|()| true),
        }
    }

    /// That the published checkpoint and one that is to be are of one log.
    async fn agree(&self, cx: &OpContext, newest: &Checkpoint, checkpoint: &Checkpoint) -> Result<()> {
        let (from, to) = if newest.size < checkpoint.size { (newest, checkpoint) } else { (checkpoint, newest) };
        let consistent = self.reader().consistency(cx, from, to).await.map(drop);
        consistent.map_err(|error| {
            if error.kind() != ErrorKind::Corrupt {
                return error;
            }
            let (there, here) = (newest.size, checkpoint.size);
            let why = format!("nothing shows that the published checkpoint of {there} leaves is of the log that has {here} here");
            let advice = "a batch was lost and another has taken its place, or tiles are damaged: let nobody append, open the log \
                          anew, and look which batches a backup has";
            let forked = Error::new(ErrorKind::Corrupt, "publish a checkpoint").on(self.key.identity().origin()).because(why);
            forked.advise(advice).with_source(error)
        })
    }

    async fn write_tiles(&self, cx: &OpContext, tip: &mut Tip) -> Result<()> {
        while let Some((key, bytes)) = tip.objects.first_key_value() {
            self.bucket.write(&cx.part(key.as_str()), key, bytes.clone()).await?;
            tip.objects.pop_first();
        }
        Ok(())
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tip {
    /// Takes up what a batch has appended.
    fn take(&mut self, items: Vec<Item>) -> Result<()> {
        for item in items {
            let hash = leaf_hash(item.leaf());
            self.places.insert(hash, self.edge.size());
            self.entries.extend(tile::entry(item.leaf()).unwrap_or_default());
            for (tile, hashes) in self.edge.push(hash) {
                self.objects.insert(named(tile.key())?, tile::encode(&hashes));
                if tile.level == 0 {
                    self.objects.insert(named(tile.entries())?, std::mem::take(&mut self.entries));
                }
            }
        }
        Ok(())
    }
}

/// The items of the batch whose first leaf is `start`, where there is one.
pub(crate) async fn batch_at(cx: &OpContext, bucket: &dyn Bucket, start: u64) -> Result<Option<Vec<Item>>> {
    let key = named(tile::batch_key(start))?;
    let Some(bytes) = bucket.read_within(cx, &key, batch::MAX_BYTES).await? else { return Ok(None) };
    batch::decode(&key, start, &bytes).map(Some)
}

/// Every name that a log gives is one.
fn named(key: Option<ObjectKey>) -> Result<ObjectKey> {
    key.ok_or_else(|| Error::new(ErrorKind::Unexpected, "name a part of the ledger"))
}

/// How many take a name at once where it is tried whether one of them gets it.
const RACERS: usize = 4;

/// Whether a bucket keeps a name for who has taken it, also from who tries at the same time, and bytes from whoever means others; for
/// `what`, by this object. Once it is there nobody races for it again: a name can be raced for once.
pub(crate) async fn probe(cx: &OpContext, bucket: &dyn Bucket, what: &'static str, object: &str) -> Result<()> {
    let (key, cx) = (named(ObjectKey::parse(object).ok())?, cx.part("probe"));
    let bytes = b"whoever reads this: it only tries the bucket\n";
    let winners = match bucket.read(&cx, &key).await {
        Ok(None) => race(&cx, bucket, &key, bytes).await?,
        _ => 0,
    };
    let mut created = bucket.create(&cx, &key, bytes.to_vec()).await;
    if created.is_ok() || is_lost(&created) {
        created = bucket.create(&cx, &key, bytes.to_vec()).await;
    }
    let refused = |answer, kind, why| refused(what, bucket.location(&key), answer, kind, why);
    refused(created, ErrorKind::AlreadyExists, "lets a name be taken twice: it ignores `If-None-Match`")?;
    if winners > 1 {
        // Whoever comes next is to see it, too.
        bucket.delete(&cx, &key).await?;
        let why = "lets several take a name at the same time: it looks at `If-None-Match` and writes later";
        return Err(unfit(what, bucket.location(&key), why));
    }
    let unknown = ObjectVersion::new("\"0\"");
    let mut replaced = bucket.replace(&cx, &key, &unknown, bytes.to_vec()).await;
    if is_lost(&replaced) {
        replaced = bucket.replace(&cx, &key, &unknown, bytes.to_vec()).await;
    }
    refused(replaced, ErrorKind::Conflict, "replaces what was not meant: it ignores `If-Match`")
}

/// How many of several who try at once are told that they have taken a name.
async fn race(cx: &OpContext, bucket: &dyn Bucket, key: &ObjectKey, bytes: &[u8]) -> Result<usize> {
    let answers = join_all((0..RACERS).map(|_| bucket.create(cx, key, bytes.to_vec()))).await;
    let winners = answers.iter().filter(|answer| answer.is_ok()).count();
    let failed = |answer: &Result<()>| answer.as_ref().is_err_and(|error| error.kind() != ErrorKind::AlreadyExists);
    answers.into_iter().find(|answer| failed(answer) && !is_lost(answer)).unwrap_or(Ok(())).map(|()| winners)
}

/// Whether nobody knows what was done.
fn is_lost(answer: &Result<()>) -> bool {
    answer.as_ref().is_err_and(|error| error.effect() == Effect::Unknown)
}

/// What has to be refused with this kind.
fn refused(what: &'static str, at: String, answer: Result<()>, kind: ErrorKind, why: &str) -> Result<()> {
    match answer {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(unfit(what, at, why)),
    }
}

fn unfit(what: &'static str, at: String, why: &str) -> Error {
    let error = Error::new(ErrorKind::Unsupported, what).on(at).because(format!("the bucket {why}"));
    error.advise("use a folder, or an object store that honours conditional writes")
}
