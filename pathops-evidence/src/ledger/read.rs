//! Reading a log, and proving what is in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::lock::Mutex as Turn;
use pathops_core::adapter::Bucket;
use pathops_core::evidence::{Checkpoint, EvidenceId, Inclusion};
use pathops_core::{Digest, Error, ErrorKind, ObjectKey, OpContext, Result};

use super::leaf::{self, Item};
use super::starts::Starts;
use super::tile::{self, FULL, Tile};
use super::tiles::{MAX_LEVELS, last_full};
use super::tree::Edge;
use super::{LogIdentity, MAX_NOTE_BYTES, NoteError, Tip, batch_at, named, proof};

/// How many batches are looked into for the one that has a leaf: somebody else may have put some that are none of the log before it.
const MAX_LOOKED_INTO: usize = 64;

/// Reads a log by its tiles, without trusting who keeps them: what it answers leads to the root of the checkpoint.
///
/// It remembers where the batches begin whose names it has seen, eight bytes for each, and so do its clones with it: many items cost
/// one listing of names, or two. Keep one where many are read.
#[derive(Clone, Debug)]
pub struct LogReader {
    bucket: Arc<dyn Bucket>,
    log: LogIdentity,
    starts: Arc<Turn<Starts>>,
}

impl LogReader {
    /// A reader of this log.
    #[must_use]
    pub fn new(bucket: Arc<dyn Bucket>, log: LogIdentity) -> Self {
        Self { bucket, log, starts: Arc::default() }
    }

    /// Whose log it is.
    #[must_use]
    pub fn identity(&self) -> &LogIdentity {
        &self.log
    }

    /// The newest checkpoint; `None` for a log that has not begun, or whose checkpoint a crash of the machine has emptied or filled with
    /// zeros.
    ///
    /// # Errors
    /// `Corrupt` for what this log has not signed; what the bucket answers.
    pub async fn checkpoint(&self, cx: &OpContext) -> Result<Option<Checkpoint>> {
        Ok(self.note(cx).await?.map(|(checkpoint, _)| checkpoint))
    }

    /// A leaf, with the hashes that show that it is in the log of `checkpoint`.
    ///
    /// # Errors
    /// `NotFound` for a leaf past its end; `Corrupt` where the tiles do not lead to its root; what the bucket answers.
    pub async fn inclusion(&self, cx: &OpContext, index: u64, checkpoint: &Checkpoint) -> Result<Inclusion> {
        if index >= checkpoint.size {
            let why = format!("the log has {} leaves", checkpoint.size);
            return Err(Error::new(ErrorKind::NotFound, "prove a leaf").on(index).because(why));
        }
        let spans = proof::inclusion(index, checkpoint.size);
        let tiles = self.tiles(cx, &spans, checkpoint.size).await?;
        let path = spans.iter().map(|span| proof::hash(*span, checkpoint.size, &tiles)).collect::<Option<_>>();
        let path = path.ok_or_else(|| self.corrupt(&"a tile", &"it is too short"))?;
        let inclusion = Inclusion { leaf: self.leaf(cx, index, checkpoint.size).await?, index, path };
        inclusion.verify(checkpoint).map_err(|error| self.corrupt(&format!("leaf {index}"), &error))?;
        Ok(inclusion)
    }

    /// The first item that the log has of a piece of evidence, with its place. It goes through the leaves: for one piece now and
    /// then, which an index finds at once.
    ///
    /// # Errors
    /// `Corrupt` for a part of the log that cannot be read; what the bucket answers.
    pub async fn find(&self, cx: &OpContext, id: EvidenceId) -> Result<Option<(u64, Item)>> {
        let Some(place) = self.place(cx, id, 0).await? else { return Ok(None) };
        let item = self.items_with(cx, place, leaf::beginning(id).as_bytes()).await?.into_iter().next();
        let item = item.ok_or_else(|| self.corrupt(&format!("leaf {place}"), &"no batch has its envelope"))?;
        Ok(Some((place, item)))
    }

    /// Where the log of the newest checkpoint has a piece of evidence first, from this leaf on.
    pub(crate) async fn place(&self, cx: &OpContext, id: EvidenceId, from: u64) -> Result<Option<u64>> {
        let Some(checkpoint) = self.checkpoint(cx).await? else { return Ok(None) };
        let beginning = leaf::beginning(id);
        let mut first = from & !0xff;
        while first < checkpoint.size {
            let leaves = self.leaves(cx, Tile::with(0, first, checkpoint.size)).await?;
            let mut placed = (first..).zip(leaves);
            if let Some((place, _)) = placed.find(|(at, leaf)| *at >= from && leaf.starts_with(beginning.as_bytes())) {
                return Ok(Some(place));
            }
            first += u64::from(FULL);
        }
        Ok(None)
    }

    /// Whether the log of the newest checkpoint has a piece of evidence at this leaf.
    pub(crate) async fn has(&self, cx: &OpContext, index: u64, id: EvidenceId) -> Result<bool> {
        match self.checkpoint(cx).await?.filter(|checkpoint| index < checkpoint.size) {
            Some(checkpoint) => Ok(self.leaf(cx, index, checkpoint.size).await?.starts_with(leaf::beginning(id).as_bytes())),
            None => Ok(false),
        }
    }

    /// The item that is this leaf, from the batch that has it; `None` behind the end.
    ///
    /// Where a checkpoint covers it, its leaf is the one that the tiles have at this place, whatever else lies among the batches.
    ///
    /// # Errors
    /// `Corrupt` where that batch or the tile cannot be read; what the bucket answers.
    pub async fn item(&self, cx: &OpContext, leaf: u64) -> Result<Option<Item>> {
        Ok(self.items_from(cx, leaf).await?.into_iter().next())
    }

    /// The items from this leaf on to the end of the batch that has it; none behind the end.
    ///
    /// # Errors
    /// As [`LogReader::item`].
    pub async fn items_from(&self, cx: &OpContext, leaf: u64) -> Result<Vec<Item>> {
        let beginning = match self.by_its_log(cx).await? {
            Some((checkpoint, _)) if leaf < checkpoint.size => self.leaf(cx, leaf, checkpoint.size).await?,
            _ => Vec::new(),
        };
        self.items_with(cx, leaf, &beginning).await
    }

    /// The same, where it is known how the first of them begins, as a leaf: from the nearest batch that has one which does. Where
    /// nothing is known, only the nearest is looked into.
    pub(super) async fn items_with(&self, cx: &OpContext, leaf: u64, beginning: &[u8]) -> Result<Vec<Item>> {
        let (mut looked_into, mut spoilt) = (Vec::<u64>::new(), None);
        while looked_into.len() < MAX_LOOKED_INTO {
            let start = self.starts.lock().await.nearest(cx, &*self.bucket, leaf, &looked_into).await?;
            let Some(start) = start else { break };
            // A nearer one may have come since their names were seen; one before it does not have what this does not.
            if beginning.is_empty() && looked_into.first().is_some_and(|nearest| start < *nearest) {
                break;
            }
            looked_into.push(start);
            let items = match batch_at(cx, &*self.bucket, start).await {
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    spoilt = spoilt.or(Some(error));
                    continue;
                }
                items => items?.unwrap_or_default(),
            };
            let at = usize::try_from(leaf - start).unwrap_or(usize::MAX);
            if items.get(at).is_some_and(|item| item.leaf().starts_with(beginning)) {
                return Ok(items.into_iter().skip(at).collect());
            }
        }
        spoilt.map_or(Ok(Vec::new()), Err)
    }

    /// The newest checkpoint as the log has signed it.
    ///
    /// # Errors
    /// As [`LogReader::checkpoint`].
    pub async fn note(&self, cx: &OpContext) -> Result<Option<(Checkpoint, String)>> {
        let bytes = self.bucket.read_within(cx, &named(tile::checkpoint_key())?, MAX_NOTE_BYTES).await?;
        bytes.map_or(Ok(None), |bytes| self.signed(bytes))
    }

    /// The same, however few of its witnesses have seen it.
    pub(crate) async fn by_its_log(&self, cx: &OpContext) -> Result<Option<(Checkpoint, String)>> {
        let bytes = self.bucket.read_within(cx, &named(tile::checkpoint_key())?, MAX_NOTE_BYTES).await?;
        bytes.map_or(Ok(None), |bytes| self.read_note(bytes, LogIdentity::signed))
    }

    /// What a note says that is stored as the checkpoint; `None` for one of which a crash of the machine has left nothing, or zeros.
    pub(super) fn signed(&self, note: Vec<u8>) -> Result<Option<(Checkpoint, String)>> {
        self.read_note(note, LogIdentity::verify)
    }

    fn read_note(
        &self,
        note: Vec<u8>,
        read: fn(&LogIdentity, &str) -> std::result::Result<Checkpoint, NoteError>,
    ) -> Result<Option<(Checkpoint, String)>> {
        if note.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let key = named(tile::checkpoint_key())?;
        let note = String::from_utf8(note).map_err(|error| self.corrupt(&key, &error))?;
        let checkpoint = read(&self.log, &note).map_err(|error| self.corrupt(&key, &error))?;
        Ok(Some((checkpoint, note)))
    }

    /// A piece of evidence as a Sigstore bundle; see [`bundle`](crate::bundle()), and [`bundle_certified`](crate::bundle_certified) of what
    /// the log has with a certificate. `None` where the log does not have it.
    ///
    /// # Errors
    /// As [`LogReader::inclusion`].
    pub async fn bundle(&self, cx: &OpContext, id: EvidenceId) -> Result<Option<String>> {
        let (Some((index, item)), Some((checkpoint, note))) = (self.find(cx, id).await?, self.note(cx).await?) else {
            return Ok(None);
        };
        let inclusion = self.inclusion(cx, index, &checkpoint).await?;
        crate::bundle::bundled(item.stored, &self.log, &note, &inclusion).map(Some)
    }

    /// The hashes that show that the log of `to` begins with that of `from`; see [`is_consistent`](super::is_consistent).
    ///
    /// # Errors
    /// `Corrupt` where it does not; what the bucket answers.
    pub async fn consistency(&self, cx: &OpContext, from: &Checkpoint, to: &Checkpoint) -> Result<Vec<Digest>> {
        let path = self.grown(cx, from.size, to.size).await?;
        if proof::is_consistent((from.size, from.root), (to.size, to.root), &path) {
            return Ok(path);
        }
        let why = format!("the log of {} leaves does not begin with that of {}", to.size, from.size);
        Err(self.corrupt(&self.log.origin(), &why))
    }

    /// The hashes that show how a log of size `from` has grown to size `to`.
    pub(super) async fn grown(&self, cx: &OpContext, from: u64, to: u64) -> Result<Vec<Digest>> {
        let spans = proof::consistency(from, to);
        let tiles = self.tiles(cx, &spans, to).await?;
        let path = spans.iter().map(|span| proof::hash(*span, to, &tiles)).collect::<Option<Vec<_>>>();
        path.ok_or_else(|| self.corrupt(&"a tile", &"it is too short"))
    }

    /// All leaves of a tile of level 0, as they stand in a log of this size.
    ///
    /// # Errors
    /// `Corrupt` where they are missing or damaged; what the bucket answers.
    pub(crate) async fn leaves(&self, cx: &OpContext, tile: Tile) -> Result<Vec<Vec<u8>>> {
        let key = named(tile.entries())?;
        let bytes = self.partial_or_full(cx, tile, Tile::entries, tile::MAX_ENTRIES_BYTES).await?;
        let leaves = tile::leaves(&bytes).filter(|leaves| leaves.len() >= usize::from(tile.width));
        let leaves = leaves.ok_or_else(|| self.corrupt(&key, &"it does not have the leaves that it should have"))?;
        Ok(leaves.into_iter().take(usize::from(tile.width)).map(<[u8]>::to_vec).collect())
    }

    async fn leaf(&self, cx: &OpContext, index: u64, size: u64) -> Result<Vec<u8>> {
        let leaves = self.leaves(cx, Tile::with(0, index, size)).await?;
        let place = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
        leaves.into_iter().nth(place).ok_or_else(|| self.corrupt(&index, &"the leaf is missing"))
    }

    /// What is needed to go on with the log of `checkpoint`, whose last tiles are as they should be.
    pub(super) async fn tip(&self, cx: &OpContext, checkpoint: &Checkpoint) -> Result<Tip> {
        let (mut levels, mut entries) = (Vec::new(), Vec::new());
        for tile in Tile::edge(checkpoint.size) {
            let hashes = if tile.width == 0 { Vec::new() } else { self.hashes(cx, tile).await? };
            if tile.level == 0 && tile.width > 0 {
                let leaves = self.leaves_of(cx, tile, &hashes).await?;
                entries = leaves.iter().filter_map(|leaf| tile::entry(leaf)).flatten().collect();
            }
            levels.push(hashes);
        }
        let edge = Edge::new(checkpoint.size, levels).filter(|edge| edge.root() == checkpoint.root);
        let edge =
            edge.ok_or_else(|| self.corrupt(&self.log.origin(), &"its tiles do not lead to the root of its checkpoint"))?;
        self.look_at_last(cx, checkpoint.size).await?;
        // Who came before may have left some of them.
        let parts = (0..MAX_LEVELS).flat_map(|level| last_full(checkpoint.size, level, 1)).flat_map(Tile::parts).collect();
        Ok(Tip { edge, entries, published: Some(checkpoint.clone()), parts, ..Tip::default() })
    }

    async fn tiles(&self, cx: &OpContext, spans: &[(u64, u64)], size: u64) -> Result<BTreeMap<Tile, Vec<Digest>>> {
        let mut tiles = BTreeMap::new();
        for tile in proof::tiles(spans, size) {
            tiles.insert(tile, self.hashes(cx, tile).await?);
        }
        Ok(tiles)
    }

    pub(crate) async fn hashes(&self, cx: &OpContext, tile: Tile) -> Result<Vec<Digest>> {
        let bytes = self.partial_or_full(cx, tile, Tile::key, tile::MAX_HASHES_BYTES).await?;
        let hashes = tile::decode(&bytes).filter(|hashes| hashes.len() >= usize::from(tile.width));
        let mut hashes = hashes.ok_or_else(|| self.corrupt(&format!("{tile:?}"), &"it is damaged"))?;
        hashes.truncate(usize::from(tile.width));
        Ok(hashes)
    }

    /// A partial tile may have been taken away once the full one is there.
    async fn partial_or_full(
        &self,
        cx: &OpContext,
        tile: Tile,
        key: fn(Tile) -> Option<ObjectKey>,
        most: u64,
    ) -> Result<Vec<u8>> {
        let own = named(key(tile))?;
        if let Some(bytes) = self.bucket.read_within(cx, &own, most).await? {
            return Ok(bytes);
        }
        let full = self.bucket.read_within(cx, &named(key(Tile { width: FULL, ..tile }))?, most).await?;
        full.ok_or_else(|| self.corrupt(&own, &"it is missing"))
    }

    pub(super) fn corrupt(&self, what: &dyn std::fmt::Display, why: &dyn std::fmt::Display) -> Error {
        Error::new(ErrorKind::Corrupt, "read the ledger").on(what).because(why).advise("restore it from a backup")
    }
}
