//! Going through a whole log, from the first leaf to the last.

use std::collections::VecDeque;

use pathops_core::adapter::Bucket;
use pathops_core::evidence::Checkpoint;
use pathops_core::{Digest, ErrorKind, ObjectKey, OpContext, Result};

use super::leaf::{Item, Stored, leaf_hash};
use super::tile::{self, FULL};
use super::tree::Edge;
use super::{batch, named};
use crate::verify::MAX_FAILURES;

/// So many names of batches are asked for at once: in a folder, each page reads all of them.
const PAGE: usize = 100_000;

/// So many names of batches behind the end are kept: whoever goes through those tells what is wrong with the first.
const MAX_BEHIND: usize = 1_000;

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
    names: Names,
    /// Where batches behind the end begin by their names, in order.
    behind: Vec<u64>,
    /// How many parts are spoilt. What is behind the first [`MAX_FAILURES`] nobody tells.
    failed: usize,
    /// Batch, tile or root are missing: nothing behind can be read.
    broken: bool,
    ended: bool,
}

/// The names among the batches that were not come to yet, in their order.
#[derive(Default)]
struct Names {
    page: VecDeque<ObjectKey>,
    /// The last of the page.
    after: Option<ObjectKey>,
    /// There is no page behind this one.
    is_last: bool,
}

impl<'b> Audit<'b> {
    pub(crate) fn new(bucket: &'b dyn Bucket, checkpoint: Checkpoint) -> Self {
        let (items, leaves, found, names) = (VecDeque::new(), Vec::new(), VecDeque::new(), Names::default());
        let (edge, behind) = (Edge::default(), Vec::new());
        Self { bucket, checkpoint, edge, items, leaves, found, names, behind, failed: 0, broken: false, ended: false }
    }

    /// How many leaves were gone through.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root over those.
    pub(crate) fn root(&self) -> Digest {
        self.edge.root()
    }

    /// Where batches begin that no leaf of the checkpoint is in, by their names: the first of them, in order, once it has ended.
    pub(crate) fn behind(&self) -> &[u64] {
        &self.behind
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
        self.strays(cx, Some(&key)).await?;
        let items = match self.read(cx, &key, batch::MAX_READ).await? {
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
        self.strays(cx, None).await
    }

    /// Tells what lies among the batches up to a name, or all of it, and is none of the log: who looks for the batch that has a leaf
    /// would come upon it. Those behind the end no checkpoint covers yet.
    async fn strays(&mut self, cx: &OpContext, until: Option<&ObjectKey>) -> Result<()> {
        while self.failed < MAX_FAILURES
            && let Some(name) = self.names.next(cx, self.bucket, until).await?
        {
            match tile::batch_start(&name) {
                Some(start) if start >= self.edge.size() => {
                    if start >= self.checkpoint.size && self.behind.len() < MAX_BEHIND {
                        self.behind.push(start);
                    }
                }
                Some(_) => self.spoilt(name, "no leaf begins a batch there: it is none of the log's"),
                None => self.spoilt(name, "a batch is named by the number of its first leaf, in 20 digits"),
            }
        }
        Ok(())
    }

    /// Whether a tile has these parts, and what was written of it before it was full is where it begins.
    async fn compare(&mut self, cx: &OpContext, key: Option<ObjectKey>, parts: &[Vec<u8>]) -> Result<()> {
        const WRONG: &str = "it is not what follows from the envelopes";
        let (key, whole) = (named(key)?, parts.concat());
        let full = key.as_str().split_once(".p/").map_or(key.as_str(), |(full, _)| full);
        let mut found = self.read(cx, &key, whole.len() as u64).await?;
        if full != key.as_str() && matches!(found, Ok(None)) {
            // The log has grown meanwhile, and whoever filled the tile has taken away what was there of it before.
            found = self.read(cx, &named(ObjectKey::parse(full).ok())?, tile::MAX_ENTRIES_BYTES).await?;
            if let Ok(Some(bytes)) = &mut found {
                bytes.truncate(whole.len());
            }
        }
        match found {
            Err(why) => self.spoilt(&key, why),
            Ok(None) => self.spoilt(&key, "it is missing"),
            Ok(Some(bytes)) if bytes == whole => {}
            // What came before it is not told for each size that it had.
            Ok(Some(_)) => {
                self.spoilt(&key, WRONG);
                return Ok(());
            }
        }
        let earlier = named(ObjectKey::parse(format!("{full}.p")).ok())?;
        for earlier in self.bucket.list(cx, &earlier, None, usize::from(FULL)).await? {
            if self.failed >= MAX_FAILURES {
                break;
            }
            let width = earlier.as_str().rsplit('/').next().and_then(|width| width.parse::<usize>().ok());
            // A wider one was written by who died before the checkpoint.
            let Some(expected) = width.filter(|_| earlier != key).and_then(|width| parts.get(..width)) else { continue };
            let expected = expected.concat();
            match self.read(cx, &earlier, expected.len() as u64).await? {
                Err(why) => self.spoilt(earlier, why),
                Ok(Some(bytes)) if bytes != expected => self.spoilt(earlier, WRONG),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// What lies under a name, which has so many bytes at most, or why it cannot be what was stored there.
    async fn read(&self, cx: &OpContext, key: &ObjectKey, most: u64) -> Result<std::result::Result<Option<Vec<u8>>, String>> {
        match self.bucket.read_within(cx, key, most).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Err(error.to_string())),
            read => read.map(Ok),
        }
    }

    fn spoilt(&mut self, part: impl std::fmt::Display, why: impl std::fmt::Display) {
        self.failed += 1;
        self.found.push_back(Found::Spoilt { part: part.to_string(), why: why.to_string() });
    }
}

impl Names {
    /// The next one, as long as it does not come after `until`.
    async fn next(&mut self, cx: &OpContext, bucket: &dyn Bucket, until: Option<&ObjectKey>) -> Result<Option<ObjectKey>> {
        if self.page.is_empty() && !self.is_last {
            let page = bucket.list(cx, &named(tile::batches())?, self.after.as_ref(), PAGE).await?;
            self.is_last = page.len() < PAGE;
            self.after = page.last().cloned();
            self.page = page.into();
        }
        let is_next = self.page.front().is_some_and(|name| until.is_none_or(|until| name <= until));
        Ok(if is_next { self.page.pop_front() } else { None })
    }
}

/// The bytes of each hash.
fn each(hashes: &[Digest]) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect()
}
