//! The conformance kit on blobs and buckets in an object store.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_core::Digest;
use pathops_core::adapter::BlobCapabilities;
use pathops_core::conformance::blob::{BlobFixture, BlobWorld};
use pathops_core::conformance::blob_collector::{BlobCollectorFixture, BlobCollectorWorld};
use pathops_core::conformance::bucket::{BucketFixture, BucketWorld};
use pathops_core::conformance::{blob, blob_collector, bucket};

struct Folder;

#[async_trait]
impl BlobFixture for Folder {
    async fn fresh(&self) -> BlobWorld {
        let folder = tempfile::tempdir().unwrap();
        let blobs = ObjectStoreBlobs::folder(folder.path().join("blobs")).unwrap();
        let root = folder.path().join("blobs");
        let corrupt = move |digest: Digest| {
            let path = root.join("blobs/sha256").join(&digest.hex()[..2]).join(digest.hex());
            async move { std::fs::write(path, "changed").unwrap() }
        };
        BlobWorld::new(Arc::new(blobs), corrupt, folder)
    }
}

#[async_trait]
impl BucketFixture for Folder {
    async fn fresh(&self) -> BucketWorld {
        let folder = tempfile::tempdir().unwrap();
        BucketWorld::new(Arc::new(ObjectStoreBucket::folder(folder.path()).unwrap()), folder)
    }
}

#[async_trait]
impl BlobCollectorFixture for Folder {
    async fn fresh(&self) -> BlobCollectorWorld {
        let folder = tempfile::tempdir().unwrap();
        let blobs = ObjectStoreBlobs::folder(folder.path()).unwrap();
        BlobCollectorWorld::new(Arc::new(blobs.clone()), Arc::new(blobs), folder)
    }
}

struct Memory;

#[async_trait]
impl BucketFixture for Memory {
    async fn fresh(&self) -> BucketWorld {
        BucketWorld::new(Arc::new(ObjectStoreBucket::memory()), ())
    }
}

fn capabilities() -> BlobCapabilities {
    let mut capabilities = BlobCapabilities::default();
    capabilities.max_bytes = Some(64 << 30);
    capabilities
}

fn main() -> ExitCode {
    let mut trials = blob::trials(Arc::new(Folder), capabilities());
    trials.extend(blob_collector::trials(Arc::new(Folder)));
    trials.extend(bucket::trials(Arc::new(Folder)));
    trials.extend(bucket::trials(Arc::new(Memory)).into_iter().map(|trial| trial.with_kind("memory")));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
