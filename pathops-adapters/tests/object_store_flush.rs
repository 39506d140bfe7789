//! That an object is away is flushed to the disk. This is the one test of its process, whose limits it changes.

use pathops_adapters::object_store::ObjectStoreBucket;
use pathops_core::adapter::Bucket as _;
use pathops_core::{ErrorKind, IdempotencyKey, ObjectKey, OpContext};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn a_delete_that_cannot_be_flushed_is_told() {
    let (cx, key) = (OpContext::new(IdempotencyKey::new("k")), ObjectKey::parse("keys/one").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bucket = ObjectStoreBucket::folder(folder.path()).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        bucket.create(&cx, &key, b"a key".to_vec()).await.unwrap();
        // Without a descriptor a file can be taken away, but its folder cannot be opened.
        let maximum = getrlimit(Resource::Nofile).maximum;
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum }).unwrap();
        let answer = bucket.delete(&cx, &key).await;
        setrlimit(Resource::Nofile, before).unwrap();
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(!folder.path().join("keys/one").exists());
        bucket.delete(&cx, &key).await.unwrap();
    });
}
