//! What every [`BlobStore`] must do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, abandon};
use super::scm::world::cx;
use super::step::{Pinned, declares};
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{BlobCapabilities, BlobStore, ByteStream};
use crate::digest::{Digest, Hashing};
use crate::error::{Error, ErrorKind, Result};

const LARGE_BYTES: usize = (9 << 20) + 3;
/// A declared limit is tested up to this size.
const TESTED_LIMIT_BYTES: u64 = 64 << 20;

/// Gives each case a store of its own.
#[async_trait]
pub trait BlobFixture: Send + Sync + 'static {
    /// An empty store.
    async fn fresh(&self) -> BlobWorld;
}

type Corrupt = Arc<dyn Fn(Digest) -> Pinned<()> + Send + Sync>;

/// A store and what the cases need beside it.
pub struct BlobWorld {
    blobs: Arc<dyn BlobStore>,
    corrupt: Corrupt,
    _guard: Box<dyn Any + Send + Sync>,
}

impl BlobWorld {
    /// `corrupt` changes the stored bytes of a blob behind the store's back. `guard` is dropped at the end of the case.
    pub fn new<F>(
        blobs: Arc<dyn BlobStore>,
        corrupt: impl Fn(Digest) -> F + Send + Sync + 'static,
        guard: impl Any + Send + Sync,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { blobs, corrupt: Arc::new(move |digest| Box::pin(corrupt(digest))), _guard: Box::new(guard) }
    }
}

impl fmt::Debug for BlobWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobWorld").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn BlobFixture>, capabilities: BlobCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn BlobFixture>) -> Fresh<BlobWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: BlobCapabilities) -> Vec<Case<BlobWorld>> {
    let mut cases = vec![
        Case::new("blob", "declares_what_it_is_tested_for", move |world| declares_what_it_is_tested_for(world, capabilities)),
        Case::new("blob", "a_blob_is_read_back_by_its_digest", a_blob_is_read_back_by_its_digest),
        Case::new("blob", "an_unknown_digest_is_none", an_unknown_digest_is_none),
        Case::new("blob", "storing_again_changes_nothing", storing_again_changes_nothing),
        Case::new("blob", "several_are_stored_in_their_order", several_are_stored_in_their_order),
        Case::new("blob", "an_empty_blob_is_a_blob", an_empty_blob_is_a_blob),
        Case::new("blob", "a_stream_is_a_blob", a_stream_is_a_blob),
        Case::new("blob", "a_stream_that_fails_stores_nothing", a_stream_that_fails_stores_nothing),
        Case::new("blob", "writers_of_the_same_bytes_do_not_meet", writers_of_the_same_bytes_do_not_meet),
        Case::new("blob", "an_abandoned_blob_is_whole_or_not_there", an_abandoned_blob_is_whole_or_not_there),
        Case::new("blob", "changed_bytes_are_corrupt", changed_bytes_are_corrupt),
        Case::new("blob", "changed_bytes_do_not_reach_the_end_of_a_stream", changed_bytes_do_not_reach_the_end_of_a_stream),
        Case::new("blob", "a_location_is_a_uri", a_location_is_a_uri),
    ];
    match capabilities.max_bytes {
        Some(max) if max <= TESTED_LIMIT_BYTES => {
            cases.push(Case::new("blob", "the_size_limit_is_exact", move |world| the_size_limit_is_exact(world, max)));
        }
        _ => cases.push(Case::new("blob", "a_large_blob_is_whole", a_large_blob_is_whole)),
    }
    cases
}

async fn declares_what_it_is_tested_for(world: BlobWorld, capabilities: BlobCapabilities) -> Outcome {
    declares(&world.blobs.capabilities(), &capabilities)
}

async fn several_are_stored_in_their_order(world: BlobWorld) -> Outcome {
    let one = |number: u8| vec![number; 100 + usize::from(number)];
    reads_back(&world, &one(1)).await?;
    // One is there, one is empty, and one comes twice.
    let blobs = vec![one(3), one(1), Vec::new(), one(2), one(3)];
    let answers = world.blobs.put_all(&cx("put"), blobs.clone()).await;
    let digests = answers.into_iter().collect::<Result<Vec<_>>>().works()?;
    let expected: Vec<_> = blobs.iter().map(|bytes| Digest::of(bytes)).collect();
    ensure!(digests == expected, "the digests must be those of the bytes in their order, and not {digests:?}");
    for (bytes, digest) in blobs.iter().zip(&digests) {
        let read = world.blobs.get(&cx("get"), digest).await.works()?;
        ensure!(read.as_ref() == Some(bytes), "{digest} was stored with others, and cannot be read back");
    }
    Ok(())
}

async fn reads_back(world: &BlobWorld, bytes: &[u8]) -> Outcome {
    let digest = world.blobs.put(&cx("put"), bytes.to_vec()).await.works()?;
    ensure!(digest == Digest::of(bytes), "it must return the SHA-256 of the bytes, not {digest}");
    let read = world.blobs.get(&cx("get"), &digest).await.works()?;
    ensure!(read.as_deref() == Some(bytes), "{} bytes were stored and other ones read", bytes.len());
    Ok(())
}

async fn a_blob_is_read_back_by_its_digest(world: BlobWorld) -> Outcome {
    reads_back(&world, b"one\0two\xff\r\n").await?;
    reads_back(&world, b"another").await
}

async fn an_unknown_digest_is_none(world: BlobWorld) -> Outcome {
    let read = world.blobs.get(&cx("get"), &Digest::of(b"never stored")).await.works()?;
    ensure!(read.is_none(), "nothing was stored, but something was read");
    Ok(())
}

async fn storing_again_changes_nothing(world: BlobWorld) -> Outcome {
    reads_back(&world, b"twice").await?;
    reads_back(&world, b"twice").await
}

async fn an_empty_blob_is_a_blob(world: BlobWorld) -> Outcome {
    reads_back(&world, b"").await
}

async fn a_large_blob_is_whole(world: BlobWorld) -> Outcome {
    let bytes: Vec<u8> = (0_u8..=250).cycle().take(LARGE_BYTES).collect();
    reads_back(&world, &bytes).await?;
    let digest = world.blobs.put_stream(&cx("stream"), Cut::new(&bytes, 3 << 20)).await.works()?;
    ensure!(digest == Digest::of(&bytes), "a large stream has another digest than its bytes");
    let mut stream = world.blobs.get_stream(&cx("read"), &digest).await.works()?.ok_or("a large blob cannot be streamed")?;
    let (mut hashing, mut read) = (Hashing::default(), 0);
    while let Some(chunk) = stream.next().await.works()? {
        hashing.update(&chunk);
        read += chunk.len();
    }
    ensure!((read, hashing.digest()) == (bytes.len(), digest), "of {} bytes {read} were streamed, or other ones", bytes.len());
    Ok(())
}

/// Bytes in chunks of this size, with an empty one before each, and perhaps an error in the place of the end.
#[derive(Debug)]
struct Cut {
    bytes: Vec<u8>,
    chunk: usize,
    empty: bool,
    fails: bool,
}

impl Cut {
    fn new(bytes: &[u8], chunk: usize) -> Box<Self> {
        Box::new(Self { bytes: bytes.to_vec(), chunk, empty: false, fails: false })
    }
}

#[async_trait]
impl ByteStream for Cut {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        self.empty = !self.empty;
        if self.bytes.is_empty() && self.fails {
            return Err(Error::new(ErrorKind::Denied, "read what is to be stored"));
        }
        let rest = self.bytes.split_off(if self.empty { 0 } else { self.chunk.min(self.bytes.len()) });
        let chunk = std::mem::replace(&mut self.bytes, rest);
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty() || !self.bytes.is_empty()))
    }
}

async fn a_stream_is_a_blob(world: BlobWorld) -> Outcome {
    for (bytes, chunk) in [(b"".as_slice(), 1), (b"one\0two\xff\r\n", 1), (b"in three chunks", 5), (&[7; 100_000], 4_096)] {
        let digest = world.blobs.put_stream(&cx("put"), Cut::new(bytes, chunk)).await.works()?;
        ensure!(digest == Digest::of(bytes), "it must return the SHA-256 of what the stream gave, not {digest}");
        let read = world.blobs.get(&cx("get"), &digest).await.works()?;
        ensure!(read.as_deref() == Some(bytes), "{} bytes were streamed in and other ones read", bytes.len());
        let stream = world.blobs.get_stream(&cx("stream"), &digest).await.works()?;
        let read = stream.ok_or("what was stored cannot be streamed")?.collect().await.works()?;
        ensure!(read == bytes, "{} bytes were streamed in and other ones out", bytes.len());
    }
    let unknown = world.blobs.get_stream(&cx("stream"), &Digest::of(b"never stored")).await.works()?;
    ensure!(unknown.is_none(), "nothing was stored, but something is streamed");
    Ok(())
}

async fn a_stream_that_fails_stores_nothing(world: BlobWorld) -> Outcome {
    for bytes in [b"".as_slice(), b"a beginning", &[7; 100_000]] {
        let mut stream = Cut::new(bytes, 4_096);
        stream.fails = true;
        let answer = world.blobs.put_stream(&cx("put"), stream).await;
        answer.fails(ErrorKind::Denied, "the stream that is to be stored fails so")?;
        let read = world.blobs.get(&cx("get"), &Digest::of(bytes)).await.works()?;
        ensure!(read.is_none(), "what a stream gave before it failed is there as a blob");
    }
    Ok(())
}

async fn writers_of_the_same_bytes_do_not_meet(world: BlobWorld) -> Outcome {
    let bytes = vec![7_u8; 256 << 10];
    let digest = Digest::of(&bytes);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (blobs, bytes) = (world.blobs.clone(), bytes.clone());
            tokio::spawn(async move {
                let early = blobs.get(&cx("early"), &digest).await.works()?;
                ensure!(early.is_none_or(|read| read == bytes), "a reader saw a part of a blob");
                blobs.put(&cx("put"), bytes).await.works().map(drop)
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|e| format!("a writer did not end: {e}"))??;
    }
    reads_back(&world, &bytes).await
}

async fn an_abandoned_blob_is_whole_or_not_there(world: BlobWorld) -> Outcome {
    for polls in 1_u8..=4 {
        let bytes = vec![polls; 256 << 10];
        abandon(world.blobs.put(&cx("abandoned"), bytes.clone()), usize::from(polls)).await;
        let read = world.blobs.get(&cx("get"), &Digest::of(&bytes)).await.works()?;
        ensure!(read.is_none_or(|read| read == bytes), "a part of a blob is there after its writer stopped waiting");
        reads_back(&world, &bytes).await?;
    }
    Ok(())
}

async fn changed_bytes_are_corrupt(world: BlobWorld) -> Outcome {
    let digest = world.blobs.put(&cx("put"), b"intact".to_vec()).await.works()?;
    (world.corrupt)(digest).await;
    world.blobs.get(&cx("get"), &digest).await.fails(ErrorKind::Corrupt, "the stored bytes were changed")
}

async fn changed_bytes_do_not_reach_the_end_of_a_stream(world: BlobWorld) -> Outcome {
    let digest = world.blobs.put(&cx("put"), b"intact".to_vec()).await.works()?;
    (world.corrupt)(digest).await;
    let read = match world.blobs.get_stream(&cx("stream"), &digest).await {
        Ok(Some(stream)) => stream.collect().await.map(drop),
        answer => answer.map(drop),
    };
    read.fails(ErrorKind::Corrupt, "the stored bytes were changed")
}

async fn a_location_is_a_uri(world: BlobWorld) -> Outcome {
    let (one, two) = (world.blobs.location(&Digest::of(b"1")), world.blobs.location(&Digest::of(b"2")));
    ensure!(one != two, "two blobs have the one location {one}");
    ensure!(one == world.blobs.location(&Digest::of(b"1")), "the location of a blob changes");
    let scheme = one.split_once(':').map_or("", |(scheme, _)| scheme);
    ensure!(scheme.chars().all(|c| c.is_ascii_alphanumeric()) && scheme.len() > 1, "{one} is no URI");
    Ok(())
}

async fn the_size_limit_is_exact(world: BlobWorld, max: u64) -> Outcome {
    let mut bytes = vec![1_u8; usize::try_from(max).map_err(|_| "the limit is larger than the memory".to_owned())?];
    reads_back(&world, &bytes).await?;
    bytes.push(1);
    let digest = Digest::of(&bytes);
    let stream = world.blobs.put_stream(&cx("stream"), Cut::new(&bytes, 64 << 10)).await;
    stream.fails(ErrorKind::Invalid, "a stream is one byte past the limit")?;
    world.blobs.put(&cx("past"), bytes.clone()).await.fails(ErrorKind::Invalid, "a blob is one byte past the limit")?;
    let (before, behind) = (b"before".to_vec(), b"behind".to_vec());
    let answers = world.blobs.put_all(&cx("all"), vec![before.clone(), bytes, behind.clone()]).await;
    let answers: [Result<Digest>; 3] = answers.try_into().map_err(|it| format!("three were stored, and answered was {it:?}"))?;
    let [first, past, last] = answers;
    past.fails(ErrorKind::Invalid, "one of several is one byte past the limit")?;
    let stored = (first.works()?, last.works()?);
    ensure!(stored == (Digest::of(&before), Digest::of(&behind)), "the answers are not in the order of the blobs: {stored:?}");
    let read = world.blobs.get(&cx("get"), &digest).await.works()?;
    ensure!(read.is_none(), "a blob that was refused is there");
    Ok(())
}
