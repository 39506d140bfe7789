use pathops_core::IdempotencyKey;

use super::*;

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("k"))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn file_of(blobs: &ObjectStoreBlobs, digest: &Digest) -> PathBuf {
    blobs.location(digest).strip_prefix("file://").unwrap().into()
}

#[test]
fn a_blob_lies_where_its_location_says() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = ObjectStoreBlobs::folder(folder.path().join("deep/er")).unwrap();
    let digest = run(blobs.put(&cx(), b"bytes".to_vec())).unwrap();
    let file = file_of(&blobs, &digest);
    assert!(file.ends_with(format!("deep/er/blobs/sha256/{}/{}", &digest.hex()[..2], digest.hex())), "{file:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"bytes");
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no unfinished file is left");
    let other = ObjectStoreBlobs::folder(folder.path().join("deep/er")).unwrap();
    assert_eq!(run(other.get(&cx(), &digest)).unwrap().unwrap(), b"bytes");
}

#[test]
fn damaged_bytes_are_told_and_can_be_stored_again() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = ObjectStoreBlobs::folder(folder.path()).unwrap();
    let digest = run(blobs.put(&cx(), b"bytes".to_vec())).unwrap();
    std::fs::write(file_of(&blobs, &digest), "byte").unwrap();
    let error = run(blobs.get(&cx(), &digest)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&blobs.location(&digest)), "{error}");
    run(blobs.put(&cx(), b"bytes".to_vec())).unwrap();
    assert_eq!(run(blobs.get(&cx(), &digest)).unwrap().unwrap(), b"bytes");
}

#[test]
fn memory_keeps_blobs_as_long_as_it_lives() {
    let blobs = ObjectStoreBlobs::memory();
    let digest = run(blobs.put(&cx(), b"bytes".to_vec())).unwrap();
    assert_eq!(run(blobs.clone().get(&cx(), &digest)).unwrap().unwrap(), b"bytes");
    assert!(blobs.location(&digest).starts_with("memory:///blobs/sha256/"), "{}", blobs.location(&digest));
    assert_eq!(run(ObjectStoreBlobs::memory().get(&cx(), &digest)).unwrap(), None);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = ObjectStoreBlobs::folder(file.path().join("below")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
