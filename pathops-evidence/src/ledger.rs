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
//! the first leaf is the fence, and a writer that was thought dead does no harm. Everything else follows from the batches: after a crash
//! at any moment the next [`Ledger::open`] takes up those that the checkpoint does not cover, and publishes them.
//!
//! Whatever lies where the next batch belongs is taken up, unless the writer is told whose evidence that may be
//! ([`Known::trusting`]): then it stops at what nobody of those has signed, before it signs a checkpoint over it.
//!
//! A bucket that was put back to an older state, or emptied, looks like an honest one: a writer that knows what was signed last
//! ([`Known::keeping`], [`Known::extending`]) opens no log that does not go on from there.
//!
//! A crash of the machine takes no batch that was answered. The tiles that a batch has filled are on the disk, with one wait for all of
//! them, before the checkpoint that covers them is written. Checkpoint and partial tiles are written without waiting: `open` takes an
//! empty checkpoint for none, and where a tile at the edge is lost or damaged, it makes all tiles again from the batches. So it does
//! where any of the last 16 full tiles of leaves is, or the last one of a level above: a tile that another process had put there a moment
//! before, and then died, may not have been waited for, and no version before this one waited. 16 tiles have the leaves of the largest
//! batch that callers share. Full tiles further back are not looked at: where one of those is lost or spoilt, the verifier names it, and
//! who takes `log/tile` away has `open` make all of them again.
//!
//! Parts of a tile are taken away once it is full and a checkpoint covers it, a few with each append; readers take the full one then.
//!
//! The log stays one where two things hold:
//!
//! * Of writers that take one name at the same time, one gets it, and of those that replace the same version one does. The first opening
//!   in a bucket lets four of each try at once, and refuses the bucket where more than one succeeds. A race that is lost once in a
//!   thousand times is not seen by that: take a store that promises it.
//! * No batch is ever deleted, and none is lost that was answered. Where one is, another can take its place, and there are two logs by one
//!   key. A writer that comes upon that stops with `Corrupt`; readers see it only against a checkpoint from elsewhere. So nothing here
//!   deletes a batch, no rule of the bucket may delete any part of a log, and a bucket is put back from a backup only while nobody
//!   writes.
//!
//! Why it is so, and what of the usual layout is left out, is [decision 17](pathops_core::docs::decisions::d0017_ledger).

pub(crate) mod audit;
mod batch;
mod known;
mod leaf;
mod note;
mod place;
mod probe;
mod proof;
mod read;
mod starts;
mod tile;
mod tiles;
mod tree;
mod witness;
mod witnessing;
mod written;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::Mutex as Turn;
use pathops_core::adapter::Bucket;
use pathops_core::evidence::{Checkpoint, TrustRoot};
use pathops_core::{Digest, Effect, Error, ErrorKind, ObjectKey, OpContext, Result};

pub use known::{CheckpointKeeper, Known};
pub use leaf::{Item, MAX_LEAF_BYTES};
pub(crate) use leaf::{SignedBy, Stored};
pub(crate) use note::MAX_NOTE_BYTES;
pub use note::{LogIdentity, LogKey, NoteError};
pub use place::Place;
pub(crate) use probe::probe;
pub use proof::is_consistent;
pub use read::LogReader;
pub(crate) use tile::{batch_key, checkpoint_key};
pub use witness::{Cosignature, Witness};
pub use witnessing::{AddCheckpoint, CosignatureRequest, CosignedBy, MAX_PROOF_LINES, MemoryWitness};

use leaf::leaf_hash;
use tree::Edge;

/// How many items go into one batch at most.
const MAX_BATCH: usize = 4_096;

/// How often others may be faster with a checkpoint. Each time the log has grown, so it is not the store that is at fault.
const MAX_TRIES: usize = 1_000;

/// How often others may append first at the place that is behind all that is known. Each time all that is there was taken up.
const MAX_REFUSED: usize = 100;

/// How many batches of others are taken up in a row: they may append faster than this reads.
const MAX_TAKEN: usize = 1_024;

/// Appends to a log. Callers at the same time share a batch: one object, one checkpoint.
#[derive(Debug)]
pub struct Ledger {
    bucket: Arc<dyn Bucket>,
    key: LogKey,
    known: Known,
    waiting: Mutex<VecDeque<Waiting>>,
    tip: Turn<Tip>,
}

/// Items that are to be appended, and where their places are told.
#[derive(Clone, Debug)]
struct Waiting {
    items: Arc<Vec<Item>>,
    /// How many bytes they take in a batch.
    bytes: u64,
    done: Arc<Mutex<Option<Vec<u64>>>>,
}

impl Waiting {
    fn of(items: Vec<Item>) -> Self {
        Self { bytes: batch::bytes_of(&items), items: Arc::new(items), done: Arc::default() }
    }

    /// The places of its items, once, where a checkpoint covers all of them.
    fn told(&self) -> Option<Vec<u64>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells the places where all of the items have one; whether they do.
    fn tell(&self, places: &HashMap<Digest, u64>) -> bool {
        let told: Option<Vec<u64>> = self.items.iter().map(|item| places.get(&leaf_hash(item.leaf())).copied()).collect();
        let are_there = told.is_some();
        if are_there {
            *self.done.lock().unwrap_or_else(PoisonError::into_inner) = told;
        }
        are_there
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
    /// The size of the one that was kept last.
    kept: u64,
    /// Where the leaves are that somebody here waits for, and that are not published yet.
    places: HashMap<Digest, u64>,
    /// The tiles that have become full and are not written yet.
    full: BTreeMap<ObjectKey, Vec<u8>>,
    /// The folders of what was written of tiles before they were full.
    parts: VecDeque<ObjectKey>,
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
        Self::open_knowing(cx, bucket, key, Known::default()).await
    }

    /// As [`Ledger::open`], with what the writer knows besides what lies in the bucket. It holds for as long as the ledger is open: what
    /// others append meanwhile is taken up by it, too.
    ///
    /// # Errors
    /// As there; and `Corrupt` where a batch that no checkpoint covers has what nobody trusted has signed, or the log does not go on from
    /// one that is known: nothing is signed then. `Invalid` where such a one is not of this log.
    pub async fn open_knowing(cx: &OpContext, bucket: Arc<dyn Bucket>, key: LogKey, known: Known) -> Result<Self> {
        probe(cx, &*bucket, "open a ledger", "log/probe").await?;
        let reader = LogReader::new(bucket.clone(), key.identity());
        let ledger = Self { bucket, key, known, waiting: Mutex::default(), tip: Turn::default() };
        let checkpoint = reader.checkpoint(cx).await?;
        let mut tip = match &checkpoint {
            None => Tip::default(),
            Some(checkpoint) => match reader.tip(cx, checkpoint).await {
                Err(error) if error.kind() == ErrorKind::Corrupt => ledger.rebuild(cx, checkpoint).await?,
                tip => tip?,
            },
        };
        for state in ledger.known.states(cx, &ledger.key).await? {
            ledger.reach(cx, &mut tip, &state).await?;
        }
        while ledger.catch_up(cx, &mut tip, &HashSet::new()).await? {}
        ledger.publish(cx, &mut tip).await?;
        *ledger.tip.lock().await = tip;
        Ok(ledger)
    }

    /// Makes the tiles again from the batches, where a crash of the machine or somebody else has spoilt them. They have to lead
    /// to the root that the log has signed.
    async fn rebuild(&self, cx: &OpContext, checkpoint: &Checkpoint) -> Result<Tip> {
        tracing::warn!(log = %self.key.identity().origin(), "the tiles are damaged; they are made again from the batches");
        let mut tip = Tip::default();
        // The checkpoint is over all of them: that they are the same is all there is to ask.
        while tip.edge.size() < checkpoint.size && self.follow(cx, &mut tip).await? {}
        if (tip.edge.size(), tip.edge.root()) == (checkpoint.size, checkpoint.root) {
            return Ok(tip);
        }
        let why = "neither its tiles nor its batches lead to the root of its checkpoint";
        let error = Error::new(ErrorKind::Corrupt, "open a ledger").on(self.key.identity().origin()).because(why);
        Err(error.advise("restore it from a backup"))
    }

    /// Goes on to a state that the log is known to have had, or makes sure that it was gone on from that.
    async fn reach(&self, cx: &OpContext, tip: &mut Tip, state: &Checkpoint) -> Result<()> {
        // The known state is over all of these: that they are the same is all there is to ask.
        while tip.edge.size() < state.size && self.follow(cx, tip).await? {}
        let here = Checkpoint { size: tip.edge.size(), root: tip.edge.root() };
        if here == *state {
            return Ok(());
        }
        let other = if here.size > state.size {
            match self.reader().consistency(cx, state, &here).await {
                Err(error) if error.kind() == ErrorKind::Corrupt => Some(error),
                shown => return shown.map(drop),
            }
        } else {
            None
        };
        let why = format!("nothing shows that the {} leaves here go on from the {} that it has signed", here.size, state.size);
        let cut = Error::new(ErrorKind::Corrupt, "open a ledger").on(self.key.identity().origin()).because(why);
        let cut = cut.advise(
            "an older state of it was put back, a part of it is gone, or it is another one: let nobody append, and put the newest \
             state of all its objects back from a backup; a log that is begun anew on purpose needs another key",
        );
        Err(match other {
            Some(error) => cut.with_source(error),
            None => cut,
        })
    }

    /// Appends items, and gives each its place. When this returns they survive a crash of the machine, and a checkpoint covers
    /// them; where such a crash takes the checkpoint, the next opening signs it again. Items that are appended again at once,
    /// because an answer was lost, keep their place; later they get another one.
    ///
    /// Dropping the future leaves open whether they are appended.
    ///
    /// # Errors
    /// `Invalid` for more than 256 MiB at once; `Corrupt` where somebody else has written into the log what is no batch, or what nobody
    /// has signed who is [trusted](Known::trusting), or the bucket
    /// has lost a batch and the log was signed with another in its place; `Unavailable` where others append all the time, faster than
    /// this reads what they append, and none of it is appended; what the bucket answers.
    pub async fn append(&self, cx: &OpContext, items: Vec<Item>) -> Result<Vec<u64>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let mine = Waiting::of(items);
        batch::check(mine.bytes)?;
        self.queue().push_back(mine.clone());
        let mut tip = self.tip.lock().await;
        loop {
            if let Some(places) = mine.told() {
                return Ok(places);
            }
            if let Err(error) = self.append_waiting(cx, &mut tip).await {
                // What follows on the checkpoint that covers them is not theirs.
                if let Some(places) = mine.told() {
                    return Ok(places);
                }
                self.queue().retain(|waiting| !Arc::ptr_eq(&waiting.done, &mine.done));
                return Err(error);
            }
        }
    }

    /// Appends an item that others may append, too, unless the log has it from leaf `from` on; gives its place. Nobody of this ledger
    /// appends in between, and what other writers do is taken up: so it is there once, however long this process was paused.
    pub(crate) async fn append_once(&self, cx: &OpContext, item: Item, from: u64) -> Result<u64> {
        let mut tip = self.tip.lock().await;
        // What is left of it is looked through where the item is appended.
        self.take_up(cx, &mut tip, MAX_TAKEN, &HashSet::new()).await?;
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

    /// Whose evidence it takes up, where that is known.
    pub(crate) fn trust(&self) -> Option<&TrustRoot> {
        self.known.trust()
    }

    pub(crate) fn bucket(&self) -> &dyn Bucket {
        &*self.bucket
    }

    /// Appends what waits, from the front of the queue, in one batch. It leaves the queue when a checkpoint covers it: whoever stops
    /// waiting in the middle takes nobody's items along.
    async fn append_waiting(&self, cx: &OpContext, tip: &mut Tip) -> Result<()> {
        let together = self.together();
        self.commit(cx, tip, &together).await?;
        self.publish(cx, tip).await
    }

    /// Those at the front of the queue who share a batch: so many that none of them is refused because of the others.
    fn together(&self) -> Vec<Waiting> {
        let queue = self.queue();
        let sharing = batch::sharing(queue.iter().map(|waiting| waiting.bytes), batch::MAX_WRITTEN);
        let mut count = 0;
        let few = queue.iter().take(sharing).take_while(|waiting| {
            let is_first = count == 0;
            count += waiting.items.len();
            is_first || count <= MAX_BATCH
        });
        few.cloned().collect()
    }

    /// Appends what of these items nobody has appended yet, behind all that others have.
    async fn commit(&self, cx: &OpContext, tip: &mut Tip, together: &[Waiting]) -> Result<()> {
        let all = || together.iter().flat_map(|waiting| waiting.items.iter()).map(|item| (leaf_hash(item.leaf()), item));
        let wanted: HashSet<Digest> = all().map(|(hash, _)| hash).collect();
        let mut refused = 0;
        loop {
            let mut seen = HashSet::new();
            let missing = all().filter(|(hash, _)| !tip.places.contains_key(hash) && seen.insert(*hash));
            let missing: Vec<Item> = missing.map(|(_, item)| item.clone()).collect();
            if missing.is_empty() {
                return Ok(());
            }
            let start = tip.edge.size();
            if refused == MAX_REFUSED {
                let why = format!("others append faster: {refused} times they were first behind all that was there");
                let error = Error::new(ErrorKind::Unavailable, "append to the ledger").on(start).because(why);
                return Err(error.advise("try again, which goes on from there; let fewer append, or append more at once"));
            }
            let bytes = batch::encode(start, &missing)?;
            match self.bucket.create(&cx.part(&format!("batch {start}")), &named(tile::batch_key(start))?, bytes).await {
                Ok(()) => tip.take(missing, &wanted)?,
                // Somebody has written there: this very call, whose answer was lost, or another writer.
                Err(error) if error.kind() == ErrorKind::AlreadyExists || error.effect() == Effect::Unknown => {
                    if self.take_up(cx, tip, MAX_TAKEN, &wanted).await? == 0 {
                        return Err(error);
                    }
                    refused += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes up the batches that follow, up to so many; how many there were.
    async fn take_up(&self, cx: &OpContext, tip: &mut Tip, most: usize, wanted: &HashSet<Digest>) -> Result<usize> {
        let mut taken = 0;
        while taken < most && self.catch_up(cx, tip, wanted).await? {
            taken += 1;
        }
        Ok(taken)
    }

    /// Takes up the batch that follows, where there is one and who has signed it may. Of its leaves, the places of those that are `wanted`
    /// are kept.
    async fn catch_up(&self, cx: &OpContext, tip: &mut Tip, wanted: &HashSet<Digest>) -> Result<bool> {
        let start = tip.edge.size();
        let Some(items) = batch_at(cx, &*self.bucket, start).await.map_err(unreadable)? else { return Ok(false) };
        self.known.admit(start, &items)?;
        self.take(cx, tip, items, wanted).await?;
        Ok(true)
    }

    /// Takes up the batch that follows, where there is one. That it is the right one, a checkpoint has to show that is over it.
    async fn follow(&self, cx: &OpContext, tip: &mut Tip) -> Result<bool> {
        let Some(items) = batch_at(cx, &*self.bucket, tip.edge.size()).await? else { return Ok(false) };
        self.take(cx, tip, items, &HashSet::new()).await?;
        Ok(true)
    }

    /// Takes up the items of a batch, and writes the tiles that they have filled: a log may be long.
    async fn take(&self, cx: &OpContext, tip: &mut Tip, items: Vec<Item>, wanted: &HashSet<Digest>) -> Result<()> {
        tip.take(items, wanted)?;
        self.write_full(cx, tip).await
    }

    /// Writes the tiles, and then the checkpoint that covers them, unless another writer has covered them already. What others append
    /// meanwhile is published too, up to a limit.
    ///
    /// A checkpoint takes the place of exactly the one that was looked at. So the published one never goes back: who stalls between
    /// looking and writing is refused, and looks again.
    async fn publish(&self, cx: &OpContext, tip: &mut Tip) -> Result<()> {
        let mut most = MAX_TAKEN;
        while tip.published.as_ref().map_or(0, |it| it.size) != tip.edge.size() {
            self.write_full(cx, tip).await?;
            self.write_partial(cx, tip).await?;
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
            self.tell_waiting(tip);
            most = most.saturating_sub(self.take_up(cx, tip, most, &HashSet::new()).await?);
        }
        if let Some(published) = tip.published.as_ref().filter(|it| tip.kept != it.size) {
            self.known.keep(cx, &self.key, published).await;
            tip.kept = published.size;
        }
        self.clear_parts(cx, tip).await;
        Ok(())
    }

    /// Tells those who wait for what the checkpoint covers now, before anything else can fail or be dropped: what it covers is known by
    /// its places only until then, and would be appended again.
    fn tell_waiting(&self, tip: &mut Tip) {
        self.queue().retain(|waiting| !waiting.tell(&tip.places));
        tip.places.clear();
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

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tip {
    /// Takes up what a batch has appended, and where of it the `wanted` leaves are.
    fn take(&mut self, items: Vec<Item>, wanted: &HashSet<Digest>) -> Result<()> {
        let before = self.edge.size();
        for item in items {
            let hash = leaf_hash(item.leaf());
            if wanted.contains(&hash) {
                self.places.insert(hash, self.edge.size());
            }
            self.entries.extend(tile::entry(item.leaf()).unwrap_or_default());
            for (tile, hashes) in self.edge.push(hash) {
                self.full.insert(named(tile.key())?, tile::encode(&hashes));
                if tile.level == 0 {
                    self.full.insert(named(tile.entries())?, std::mem::take(&mut self.entries));
                }
                // Only of one that was begun before, parts were written.
                if tile.first() < before {
                    self.parts.extend(tile.parts());
                }
            }
        }
        Ok(())
    }
}

/// The items of the batch whose first leaf is `start`, where there is one.
pub(crate) async fn batch_at(cx: &OpContext, bucket: &dyn Bucket, start: u64) -> Result<Option<Vec<Item>>> {
    let key = named(tile::batch_key(start))?;
    let Some(bytes) = bucket.read_within(cx, &key, batch::MAX_READ).await? else { return Ok(None) };
    batch::decode(&key, start, &bytes).map(Some)
}

/// What to do about a batch that no checkpoint covers, and that cannot be read.
fn unreadable(error: Error) -> Error {
    if error.kind() != ErrorKind::Corrupt {
        return error;
    }
    error.advise(
        "restore it from a backup; where no checkpoint of the log covers it, somebody may have put it there or died while writing \
         it: move it away then",
    )
}

/// Every name that a log gives is one.
fn named(key: Option<ObjectKey>) -> Result<ObjectKey> {
    key.ok_or_else(|| Error::new(ErrorKind::Unexpected, "name a part of the ledger"))
}
