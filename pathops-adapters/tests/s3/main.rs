//! Blobs and buckets on servers that speak S3: one that keeps its word, and one that ignores conditions.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is a failed test")]

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket, S3Config};
use pathops_core::adapter::{BlobCapabilities, BlobStore as _, Bucket as _};
use pathops_core::conformance::blob::{BlobFixture, BlobWorld};
use pathops_core::conformance::blob_collector::{BlobCollectorFixture, BlobCollectorWorld};
use pathops_core::conformance::bucket::{BucketFixture, BucketWorld};
use pathops_core::conformance::{blob, blob_collector, bucket, failures};
use pathops_core::{Digest, Effect, ErrorKind, IdempotencyKey, ObjectKey, OpContext};
use pathops_evidence::ledger::{Ledger, LogKey};

use crate::server::{BUCKET, KEY, SECRET, Server};

fn config(server: &Server, secret: &str) -> S3Config {
    S3Config::new(BUCKET, "us-east-1", KEY, secret).at(server.endpoint())
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn capabilities() -> BlobCapabilities {
    let mut capabilities = BlobCapabilities::default();
    capabilities.max_bytes = Some(64 << 30);
    capabilities
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A folder of its own for each case, in one bucket.
struct Fresh {
    config: S3Config,
    next: AtomicUsize,
}

impl Fresh {
    fn new(config: S3Config) -> Arc<Self> {
        Arc::new(Self { config, next: AtomicUsize::new(0) })
    }

    fn config(&self) -> S3Config {
        let folder = format!("case-{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.config.clone().in_folder(ObjectKey::parse(folder).unwrap())
    }
}

#[async_trait]
impl BlobFixture for Fresh {
    async fn fresh(&self) -> BlobWorld {
        let bucket = Arc::new(ObjectStoreBucket::s3(&self.config()).unwrap());
        let spoilt = bucket.clone();
        let corrupt = move |digest: Digest| {
            let hex = digest.hex();
            let (bucket, key) = (spoilt.clone(), ObjectKey::parse(format!("blobs/sha256/{}/{hex}", &hex[..2])).unwrap());
            async move { bucket.write(&cx(), &key, b"changed".to_vec()).await.unwrap() }
        };
        BlobWorld::new(Arc::new(ObjectStoreBlobs::within(bucket).compressed()), corrupt, ())
    }
}

#[async_trait]
impl BlobCollectorFixture for Fresh {
    async fn fresh(&self) -> BlobCollectorWorld {
        let blobs = ObjectStoreBlobs::s3(&self.config()).unwrap();
        BlobCollectorWorld::new(Arc::new(blobs.clone()), Arc::new(blobs), ())
    }
}

#[async_trait]
impl BucketFixture for Fresh {
    async fn fresh(&self) -> BucketWorld {
        BucketWorld::new(Arc::new(ObjectStoreBucket::s3(&self.config()).unwrap()), ())
    }
}

/// One server for all cases: it takes longer to start than they take.
#[test]
fn seaweed_fs_passes_the_kits_and_holds_a_ledger() {
    let Some(server) = Server::seaweed_fs() else { return };
    let failed = failures(&bucket::cases(), &bucket::worlds(Fresh::new(config(&server, SECRET).in_folder(name("bucket")))));
    assert_eq!(failed, [""; 0]);
    let blobs = failures(&blob::cases(capabilities()), &blob::worlds(Fresh::new(config(&server, SECRET))));
    assert_eq!(blobs, [""; 0]);
    let collector = Fresh::new(config(&server, SECRET));
    collector.next.store(1_000, Ordering::Relaxed);
    assert_eq!(failures(&blob_collector::cases(), &blob_collector::worlds(collector)), [""; 0]);
    run(opens(&config(&server, SECRET).in_folder(name("ledger")))).unwrap();

    let strange = ObjectStoreBlobs::s3(&config(&server, "another-secret")).unwrap();
    let error = run(strange.put(&cx(), b"bytes".to_vec())).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Denied, Effect::None), "{error:?}");
    for secret in ["another-secret", "test-key"] {
        assert!(!format!("{error:?} {error}").contains(secret), "{error:?}");
    }
}

fn name(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

async fn opens(config: &S3Config) -> pathops_core::Result<Ledger> {
    let bucket = Arc::new(ObjectStoreBucket::s3(config).unwrap());
    Ledger::open(&cx(), bucket, LogKey::new("shop.example/evidence", &[7; 32]).unwrap()).await
}

#[test]
fn a_server_that_ignores_conditions_gets_no_ledger() {
    let Some(server) = Server::rclone() else { return };
    let error = run(opens(&config(&server, SECRET))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    let text = error.to_string();
    assert!(text.contains("ignores `If-None-Match`") && text.contains("s3://evidence/log/probe"), "{text}");
    // A blob needs no conditions: written twice, it is the same.
    run(async {
        let blobs = ObjectStoreBlobs::s3(&config(&server, SECRET)).unwrap();
        let digest = blobs.put(&cx(), b"bytes".to_vec()).await.unwrap();
        assert_eq!(blobs.put(&cx(), b"bytes".to_vec()).await.unwrap(), digest);
        assert_eq!(blobs.get(&cx(), &digest).await.unwrap().unwrap(), b"bytes");
    });
}

#[test]
fn a_write_that_finds_no_server_leaves_open_whether_it_is_done() {
    let config = S3Config::new("evidence", "us-east-1", "key", "secret").at("http://127.0.0.1:9");
    let bucket = ObjectStoreBucket::s3(&config).unwrap();
    let error = run(bucket.create(&cx(), &name("a"), b"1".to_vec())).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::Unknown), "{error:?}");
    assert_eq!(run(bucket.read(&cx(), &name("a"))).unwrap_err().effect(), Effect::None);
}
