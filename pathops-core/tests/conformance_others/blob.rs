use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{BlobCapabilities, BlobStore};
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

    async fn put(&self, cx: &OpContext, mut bytes: Vec<u8>) -> Result<Digest> {
        let max = self.inner.capabilities().max_bytes.map_or(usize::MAX, |max| usize::try_from(max).unwrap());
        if self.defect == Defect::CutsOneByteOff && bytes.len() > max {
            bytes.pop();
        }
        self.inner.put(cx, bytes).await
    }

    async fn get(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>> {
        match (self.defect, self.inner.get(cx, digest).await) {
            (Defect::TrustsStoredBytes, Err(error)) if error.kind() == ErrorKind::Corrupt => Ok(Some(Vec::new())),
            (Defect::NotFoundIsAnError, Ok(None)) => Err(Error::new(ErrorKind::NotFound, "read a blob")),
            (_, answer) => answer,
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
        BlobWorld::new(Arc::new(Faulty::new(planted, no_faults())), corrupt, ())
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
    assert_eq!(fails(Defect::TrustsStoredBytes, None), ["changed_bytes_are_corrupt"]);
    let not_found = ["an_unknown_digest_is_none", "writers_of_the_same_bytes_do_not_meet"];
    assert_eq!(fails(Defect::NotFoundIsAnError, None), not_found);
    assert_eq!(fails(Defect::CutsOneByteOff, Some(LIMIT)), ["the_size_limit_is_exact"]);
    assert_eq!(fails(Defect::OneLocation, None), ["a_location_is_a_uri"]);
}

#[test]
fn a_store_that_declares_something_else_is_noticed() {
    let memory = Memory { defect: Defect::None, max_bytes: Some(LIMIT) };
    let failing = failing(&cases(BlobCapabilities::default()), &worlds(Arc::new(memory)));
    assert_eq!(failing, ["declares_what_it_is_tested_for", "a_large_blob_is_whole"]);
}
