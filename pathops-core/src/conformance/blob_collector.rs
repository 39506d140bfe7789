//! What every [`BlobCollector`] must do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, cases as named};
use super::scm::world::cx;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{BlobCollector, BlobStore, StoredBlob};
use crate::digest::Digest;

/// Larger than what a store keeps in one piece.
const LARGE_BYTES: usize = (9 << 20) + 3;

/// Gives each case a store of its own.
#[async_trait]
pub trait BlobCollectorFixture: Send + Sync + 'static {
    /// An empty store.
    async fn fresh(&self) -> BlobCollectorWorld;
}

/// A store of blobs, as those have it who use it, and as who collects it.
pub struct BlobCollectorWorld {
    blobs: Arc<dyn BlobStore>,
    collector: Arc<dyn BlobCollector>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl BlobCollectorWorld {
    /// Both are of the same store. `guard` is dropped at the end of the case.
    pub fn new(blobs: Arc<dyn BlobStore>, collector: Arc<dyn BlobCollector>, guard: impl Any + Send + Sync) -> Self {
        Self { blobs, collector, _guard: Box::new(guard) }
    }
}

impl fmt::Debug for BlobCollectorWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobCollectorWorld").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn BlobCollectorFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn BlobCollectorFixture>) -> Fresh<BlobCollectorWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases() -> Vec<Case<BlobCollectorWorld>> {
    named!["blob_collector":
        blobs_are_listed_page_by_page,
        a_retired_blob_can_be_read_and_is_not_listed,
        a_restored_blob_is_listed,
        a_purged_blob_is_gone,
        what_is_not_retired_is_not_purged,
        what_is_stored_anew_outlives_the_purge,
        a_large_blob_goes_with_what_it_needs,
    ]
}

async fn put(world: &BlobCollectorWorld, bytes: &[u8]) -> Result<Digest, String> {
    world.blobs.put(&cx("put"), bytes.to_vec()).await.works()
}

async fn listed(world: &BlobCollectorWorld) -> Result<Vec<StoredBlob>, String> {
    world.collector.list(&cx("list"), None, 100).await.works()
}

async fn reads(world: &BlobCollectorWorld, digest: &Digest, bytes: Option<&[u8]>) -> Outcome {
    let read = world.blobs.get(&cx("get"), digest).await.works()?;
    ensure!(read.as_deref() == bytes, "the blob {digest} must be {:?} bytes", bytes.map(<[u8]>::len));
    Ok(())
}

/// Each step twice: a lost answer is settled by another call.
async fn retire(world: &BlobCollectorWorld, digest: &Digest) -> Outcome {
    world.collector.retire(&cx("retire"), digest).await.works()?;
    world.collector.retire(&cx("retire"), digest).await.works()
}

async fn purge(world: &BlobCollectorWorld, digest: &Digest) -> Outcome {
    world.collector.purge(&cx("purge"), digest).await.works()?;
    world.collector.purge(&cx("purge"), digest).await.works()
}

async fn blobs_are_listed_page_by_page(world: BlobCollectorWorld) -> Outcome {
    ensure!(listed(&world).await?.is_empty(), "an empty store lists blobs");
    let mut expected = Vec::new();
    for blob in 0..5_u8 {
        expected.push(put(&world, &[blob]).await?);
    }
    expected.sort();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = world.collector.list(&cx("list"), after.as_ref(), 2).await.works()?;
        ensure!(page.len() <= 2, "two were asked for and {} listed", page.len());
        let ended = page.len() < 2;
        after = page.last().map(|blob| blob.digest).or(after);
        all.extend(page.into_iter().map(|blob| blob.digest));
        ensure!(all.len() <= expected.len(), "the pages do not end: {all:?}");
        if ended {
            break;
        }
    }
    ensure!(all == expected, "there are {expected:?}, and page by page {all:?} are listed");
    Ok(())
}

async fn a_retired_blob_can_be_read_and_is_not_listed(world: BlobCollectorWorld) -> Outcome {
    let (one, other) = (put(&world, b"one").await?, put(&world, b"other").await?);
    retire(&world, &one).await?;
    retire(&world, &Digest::of(b"never stored")).await?;
    reads(&world, &one, Some(b"one")).await?;
    let listed = listed(&world).await?;
    ensure!(listed.iter().map(|blob| blob.digest).eq([other]), "only {other} is not retired, and {listed:?} are listed");
    Ok(())
}

async fn a_restored_blob_is_listed(world: BlobCollectorWorld) -> Outcome {
    let digest = put(&world, b"restored").await?;
    retire(&world, &digest).await?;
    for _ in 0..2 {
        world.collector.restore(&cx("restore"), &digest).await.works()?;
        ensure!(listed(&world).await?.iter().any(|blob| blob.digest == digest), "a restored blob is not listed");
    }
    purge(&world, &digest).await?;
    reads(&world, &digest, Some(b"restored")).await?;
    world.collector.restore(&cx("restore"), &Digest::of(b"never stored")).await.works()
}

async fn a_purged_blob_is_gone(world: BlobCollectorWorld) -> Outcome {
    let (digest, other) = (put(&world, b"purged").await?, put(&world, b"other").await?);
    retire(&world, &digest).await?;
    purge(&world, &digest).await?;
    reads(&world, &digest, None).await?;
    reads(&world, &other, Some(b"other")).await?;
    put(&world, b"purged").await?;
    reads(&world, &digest, Some(b"purged")).await
}

async fn what_is_not_retired_is_not_purged(world: BlobCollectorWorld) -> Outcome {
    let digest = put(&world, b"kept").await?;
    purge(&world, &digest).await?;
    reads(&world, &digest, Some(b"kept")).await
}

async fn what_is_stored_anew_outlives_the_purge(world: BlobCollectorWorld) -> Outcome {
    let digest = put(&world, b"anew").await?;
    retire(&world, &digest).await?;
    put(&world, b"anew").await?;
    ensure!(listed(&world).await?.iter().any(|blob| blob.digest == digest), "what was stored anew is not listed");
    purge(&world, &digest).await?;
    reads(&world, &digest, Some(b"anew")).await
}

async fn a_large_blob_goes_with_what_it_needs(world: BlobCollectorWorld) -> Outcome {
    let bytes: Vec<u8> = (0_u8..=250).cycle().take(LARGE_BYTES).collect();
    let digest = put(&world, &bytes).await?;
    let found = listed(&world).await?;
    let blob = found.iter().find(|blob| blob.digest == digest).ok_or("a large blob is not listed")?;
    let parts: Vec<_> = found.iter().filter(|blob| blob.digest != digest).collect();
    ensure!(parts.iter().all(|part| blob.needs.contains(&part.digest)), "something is listed that nobody has stored: {parts:?}");
    for part in [digest].iter().chain(&blob.needs) {
        retire(&world, part).await?;
        reads(&world, &digest, Some(&bytes)).await?;
    }
    ensure!(listed(&world).await?.is_empty(), "something is listed and all is retired");
    for part in [digest].iter().chain(&blob.needs) {
        purge(&world, part).await?;
    }
    reads(&world, &digest, None).await
}
