use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{BlobCapabilities, BlobStore, ByteStream};
use pathops_core::conformance::blob::{BlobFixture, BlobWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryBlobs};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    TrustsStoredBytes,
    NotFoundIsAnError,
    CutsOneByteOff,
    OneLocation,
    StoresWhatAStreamGaveBeforeItFailed,
    TakesTheFirstChunk,
    /// Of several at once, the last is forgotten.
    ForgetsTheLastOfSeveral,
    /// Of several at once, the digests come in their own order.
    SortsDigests,
    /// Of several at once, those behind one that fails are not stored.
    OneThatFailsStopsTheOthers,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryBlobs,
}

#[async_trait]
impl BlobStore for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> BlobCapabilities {
        self.inner.capabilities()
    }

    async fn put_stream(&self, cx: &OpContext, mut bytes: Box<dyn ByteStream>) -> Result<Digest> {
        if self.defect == Defect::StoresWhatAStreamGaveBeforeItFailed {
            let mut beginning = Vec::new();
            while let Ok(Some(chunk)) = bytes.next().await {
                beginning.extend(chunk);
            }
            let stored = self.inner.put(cx, beginning).await?;
            return bytes.next().await.map(|_| stored);
        }
        if self.defect == Defect::TakesTheFirstChunk {
            let first = bytes.next().await?.unwrap_or_default();
            return self.inner.put(cx, first).await;
        }
        let max = self.inner.capabilities().max_bytes.map_or(usize::MAX, |max| usize::try_from(max).unwrap());
        let mut bytes = bytes.collect().await?;
        if self.defect == Defect::CutsOneByteOff && bytes.len() > max {
            bytes.pop();
        }
        self.inner.put(cx, bytes).await
    }

    async fn put_all(&self, cx: &OpContext, mut blobs: Vec<Vec<u8>>) -> Vec<Result<Digest>> {
        let mut digests: Vec<_> = blobs.iter().map(|bytes| Digest::of(bytes)).collect();
        match self.defect {
            Defect::ForgetsTheLastOfSeveral => blobs.truncate(blobs.len() - 2),
            Defect::SortsDigests => digests.sort_unstable(),
            _ => {}
        }
        let mut answers = self.inner.put_all(cx, blobs).await;
        match self.defect {
            Defect::ForgetsTheLastOfSeveral | Defect::SortsDigests => digests.into_iter().map(Ok).collect(),
            Defect::OneThatFailsStopsTheOthers => {
                let failed = answers.iter().position(Result::is_err).unwrap_or(answers.len());
                let stopped = || Err(Error::new(ErrorKind::Unavailable, "store a blob"));
                answers.iter_mut().skip(failed + 1).for_each(|it| *it = stopped());
                answers
            }
            _ => answers,
        }
    }

    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        let stream = self.inner.get_stream(cx, digest).await?;
        match (self.defect, stream) {
            (Defect::NotFoundIsAnError, None) => Err(Error::new(ErrorKind::NotFound, "read a blob")),
            (Defect::TrustsStoredBytes, Some(mut stream)) => {
                let mut bytes = Vec::new();
                while let Ok(Some(chunk)) = stream.next().await {
                    bytes.extend(chunk);
                }
                Ok(Some(bytes.into()))
            }
            (_, stream) => Ok(stream),
        }
    }

    fn location(&self, digest: &Digest) -> String {
        if self.defect == Defect::OneLocation { "memory:blob".to_owned() } else { self.inner.location(digest) }
    }
}

struct Memory {
    defect: Defect,
    max_bytes: Option<u64>,
}

#[async_trait]
impl BlobFixture for Memory {
    async fn fresh(&self) -> BlobWorld {
        let inner = self.max_bytes.map_or_else(MemoryBlobs::new, |max| MemoryBlobs::new().with_max_bytes(max));
        let spoilt = inner.clone();
        let corrupt = move |digest| {
            assert!(spoilt.corrupt(&digest));
            async {}
        };
        let planted: Arc<dyn BlobStore> = Arc::new(Planted { defect: self.defect, inner });
        // What stands between reads a stream to its end first, and would hide how it is cut and how it fails.
        let direct = matches!(
            self.defect,
            Defect::StoresWhatAStreamGaveBeforeItFailed
                | Defect::TakesTheFirstChunk
                | Defect::ForgetsTheLastOfSeveral
                | Defect::SortsDigests
                | Defect::OneThatFailsStopsTheOthers
        );
        let blobs = if direct { planted } else { Arc::new(Faulty::new(planted, no_faults())) };
        BlobWorld::new(blobs, corrupt, ())
    }
}

fn fails(defect: Defect, max_bytes: Option<u64>) -> Vec<String> {
    let mut capabilities = BlobCapabilities::default();
    capabilities.max_bytes = max_bytes;
    failing(&cases(capabilities), &worlds(Arc::new(Memory { defect, max_bytes })))
}

const LIMIT: u64 = 512 << 10;

#[test]
fn the_reference_store_does_all_of_it() {
    assert_eq!(fails(Defect::None, None), [""; 0]);
    assert_eq!(fails(Defect::None, Some(LIMIT)), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let trusted = ["changed_bytes_are_corrupt", "changed_bytes_do_not_reach_the_end_of_a_stream"];
    assert_eq!(fails(Defect::TrustsStoredBytes, None), trusted);
    let not_found = [
        "an_unknown_digest_is_none",
        "a_stream_is_a_blob",
        "a_stream_that_fails_stores_nothing",
        "writers_of_the_same_bytes_do_not_meet",
    ];
    assert_eq!(fails(Defect::NotFoundIsAnError, None), not_found);
    assert_eq!(fails(Defect::StoresWhatAStreamGaveBeforeItFailed, None), ["a_stream_that_fails_stores_nothing"]);
    let first = ["a_stream_is_a_blob", "a_stream_that_fails_stores_nothing", "a_large_blob_is_whole"];
    assert_eq!(fails(Defect::TakesTheFirstChunk, None), first);
    assert_eq!(fails(Defect::ForgetsTheLastOfSeveral, None), ["several_are_stored_in_their_order"]);
    assert_eq!(fails(Defect::SortsDigests, None), ["several_are_stored_in_their_order"]);
    assert_eq!(fails(Defect::OneThatFailsStopsTheOthers, Some(LIMIT)), ["the_size_limit_is_exact"]);
    assert_eq!(fails(Defect::CutsOneByteOff, Some(LIMIT)), ["the_size_limit_is_exact"]);
    assert_eq!(fails(Defect::OneLocation, None), ["a_location_is_a_uri"]);
}

#[test]
fn a_store_that_declares_something_else_is_noticed() {
    let memory = Memory { defect: Defect::None, max_bytes: Some(LIMIT) };
    let failing = failing(&cases(BlobCapabilities::default()), &worlds(Arc::new(memory)));
    assert_eq!(failing, ["declares_what_it_is_tested_for", "a_large_blob_is_whole"]);
}
