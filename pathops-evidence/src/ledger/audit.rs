//! Going through a whole log, from the first leaf to the last.

use std::collections::VecDeque;

use pathops_core::adapter::Bucket;
use pathops_core::evidence::Checkpoint;
use pathops_core::{Digest, ErrorKind, ObjectKey, OpContext, Result};

use super::leaf::{Item, Stored, leaf_hash};
use super::tile::{self, FULL};
use super::tree::Edge;
use super::{batch, named};

/// One step through a log.
pub(crate) enum Found {
    /// The envelope of a leaf that is what it should be, and the key that the leaf is over, or its certificate.
    Item {
        index: u64,
        item: Stored,
    },
    /// A part is not what follows from the others.
    Spoilt {
        part: String,
        why: String,
    },
    End,
}

/// Goes through a log, and computes every tile anew.
pub(crate) struct Audit<'b> {
    bucket: &'b dyn Bucket,
    checkpoint: Checkpoint,
    edge: Edge,
    /// The items of the batch that is being gone through.
    items: VecDeque<Item>,
    /// The entries of the tile that is being gone through.
    leaves: Vec<Vec<u8>>,
    found: VecDeque<Found>,
    /// Batch, tile or root are missing: nothing behind can be read.
    broken: bool,
    ended: bool,
}

impl<'b> Audit<'b> {
    pub(crate) fn new(bucket: &'b dyn Bucket, checkpoint: Checkpoint) -> Self {
        let (items, leaves, found) = (VecDeque::new(), Vec::new(), VecDeque::new());
        Self { bucket, checkpoint, edge: Edge::default(), items, leaves, found, broken: false, ended: false }
    }

    /// How many leaves were gone through.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root over those.
    pub(crate) fn root(&self) -> Digest {
        self.edge.root()
    }

    pub(crate) async fn next(&mut self, cx: &OpContext) -> Result<Found> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Ok(found);
            }
            if self.broken || self.ended {
                return Ok(Found::End);
            }
            if self.edge.size() == self.checkpoint.size {
                self.end(cx).await?;
                self.ended = true;
            } else {
                self.step(cx).await?;
            }
        }
    }

    async fn step(&mut self, cx: &OpContext) -> Result<()> {
        let index = self.edge.size();
        if self.items.is_empty() && !self.next_batch(cx, index).await? {
            return Ok(());
        }
        let Some(item) = self.items.pop_front() else { return Ok(()) };
        self.leaves.push(tile::entry(item.leaf()).unwrap_or_default());
        for (tile, hashes) in self.edge.push(leaf_hash(item.leaf())) {
            self.compare(cx, tile.key(), &each(&hashes)).await?;
            if tile.level == 0 {
                let leaves = std::mem::take(&mut self.leaves);
                self.compare(cx, tile.entries(), &leaves).await?;
            }
        }
        self.found.push_back(Found::Item { index, item: item.stored });
        Ok(())
    }

    async fn next_batch(&mut self, cx: &OpContext, index: u64) -> Result<bool> {
        let key = named(tile::batch_key(index))?;
        let items = match self.read(cx, &key).await? {
            Err(why) => Err(why),
            Ok(None) => Err("it is missing".to_owned()),
            Ok(Some(bytes)) => batch::decode(&key, index, &bytes).map_err(|error| error.to_string()),
        };
        match items {
            Ok(items) => self.items = items.into(),
            Err(why) => {
                self.spoilt(key, why);
                self.broken = true;
            }
        }
        Ok(!self.broken)
    }

    /// The tiles at the edge, the root, and the parts of tiles that were written before they were full.
    async fn end(&mut self, cx: &OpContext) -> Result<()> {
        let partial: Vec<_> = self.edge.partial().map(|(tile, hashes)| (tile, each(hashes))).collect();
        let leaves = std::mem::take(&mut self.leaves);
        for (tile, hashes) in partial {
            self.compare(cx, tile.key(), &hashes).await?;
            if tile.level == 0 {
                self.compare(cx, tile.entries(), &leaves).await?;
            }
        }
        if !self.items.is_empty() {
            self.spoilt("log/checkpoint", "it ends in the middle of a batch");
        }
        if self.edge.root() != self.checkpoint.root {
            let why = format!("its root is not {}, which the leaves have", self.edge.root());
            self.spoilt("log/checkpoint", why);
        }
        Ok(())
    }

    /// Whether a tile has these parts, and what was written of it before it was full is where it begins.
    async fn compare(&mut self, cx: &OpContext, key: Option<ObjectKey>, parts: &[Vec<u8>]) -> Result<()> {
        const WRONG: &str = "it is not what follows from the envelopes";
        let key = named(key)?;
        let full = key.as_str().split_once(".p/").map_or(key.as_str(), |(full, _)| full);
        let mut found = self.read(cx, &key).await?;
        if full != key.as_str() && matches!(found, Ok(None)) {
            // The log has grown meanwhile, and whoever filled the tile has taken away what was there of it before.
            found = self.read(cx, &named(ObjectKey::parse(full).ok())?).await?;
            if let Ok(Some(bytes)) = &mut found {
                bytes.truncate(parts.iter().map(Vec::len).sum());
            }
        }
        match found {
            Err(why) => self.spoilt(&key, why),
            Ok(None) => self.spoilt(&key, "it is missing"),
            Ok(Some(bytes)) if bytes == parts.concat() => {}
            // What came before it is not told for each size that it had.
            Ok(Some(_)) => {
                self.spoilt(&key, WRONG);
                return Ok(());
            }
        }
        let earlier = named(ObjectKey::parse(format!("{full}.p")).ok())?;
        for earlier in self.bucket.list(cx, &earlier, None, usize::from(FULL)).await? {
            let width = earlier.as_str().rsplit('/').next().and_then(|width| width.parse::<usize>().ok());
            // A wider one was written by who died before the checkpoint.
            let Some(expected) = width.filter(|_| earlier != key).and_then(|width| parts.get(..width)) else { continue };
            match self.read(cx, &earlier).await? {
                Err(why) => self.spoilt(earlier, why),
                Ok(Some(bytes)) if bytes != expected.concat() => self.spoilt(earlier, WRONG),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// What lies under a name, or why it cannot be what was stored there.
    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<std::result::Result<Option<Vec<u8>>, String>> {
        match self.bucket.read(cx, key).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Err(error.to_string())),
            read => read.map(Ok),
        }
    }

    fn spoilt(&mut self, part: impl std::fmt::Display, why: impl std::fmt::Display) {
        self.found.push_back(Found::Spoilt { part: part.to_string(), why: why.to_string() });
    }
}

/// The bytes of each hash.
fn each(hashes: &[Digest]) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect()
}
