//! The conformance kit on blobs in an object store.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_core::Digest;
use pathops_core::adapter::BlobCapabilities;
use pathops_core::conformance::blob::{BlobFixture, BlobWorld, trials};

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

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(Folder), BlobCapabilities::default())).exit_code()
}
