use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pathops_core::adapter::{BlobCollector as _, ObjectVersion};
use pathops_core::memory::{Fault, Faults, Faulty, ManualClock, MemoryBucket, When};
use pathops_core::{Effect, IdempotencyKey, ObjectKey, UnixMillis};

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
fn what_cannot_be_read_now_is_not_taken_for_damaged() {
    let bucket: Arc<dyn Bucket> = Arc::new(MemoryBucket::new());
    let intact = ObjectStoreBlobs::within(bucket.clone());
    let digest = run(intact.put(&cx(), b"bytes".to_vec())).unwrap();
    for (fault, kind) in [(Fault::Flaky, ErrorKind::Unavailable), (Fault::LoseRequest, ErrorKind::Timeout)] {
        // The first call finds the name taken, and the second one is to see what is there.
        let faults = Arc::new(Faults::new(0, Arc::new(ManualClock::new(UnixMillis(0)))).with(fault, When::Call(2)));
        let flaky = ObjectStoreBlobs::within(Arc::new(Faulty::new(bucket.clone(), faults.clone())));
        assert_eq!(run(flaky.put(&cx(), b"bytes".to_vec())).unwrap_err().kind(), kind);
        assert_eq!(faults.writes(), 1, "it was neither deleted nor written again");
        assert_eq!(run(intact.get(&cx(), &digest)).unwrap().unwrap(), b"bytes");
    }
}

#[test]
fn of_several_each_is_written_once_and_what_is_damaged_is_replaced() {
    let memory = MemoryBucket::new();
    let bucket: Arc<dyn Bucket> = Arc::new(memory.clone());
    let blobs = ObjectStoreBlobs::within(bucket.clone());
    let known = run(blobs.put(&cx(), b"known".to_vec())).unwrap();
    let damaged = run(blobs.put(&cx(), b"damaged".to_vec())).unwrap();
    let key = Form::Plain.key(Place::Kept, &damaged).unwrap();
    run(bucket.write(&cx(), &key, b"damage".to_vec())).unwrap();
    let faults = Arc::new(Faults::new(0, Arc::new(ManualClock::new(UnixMillis(0)))));
    let counted = ObjectStoreBlobs::within(Arc::new(Faulty::new(bucket, faults.clone())));
    let all = [&b"new"[..], b"known", b"new", b"damaged"].map(<[u8]>::to_vec);
    let digests = run(counted.put_all(&cx(), all.to_vec())).into_iter().collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(digests, [Digest::of(b"new"), known, Digest::of(b"new"), damaged]);
    assert_eq!(faults.writes(), 6, "each once, and what is damaged is taken away and written again");
    for (bytes, digest) in all.iter().zip(&digests) {
        assert_eq!(run(blobs.get(&cx(), digest)).unwrap().as_ref(), Some(bytes));
    }
}

#[test]
fn of_several_one_that_cannot_be_stored_keeps_no_other_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = ObjectStoreBlobs::folder(folder.path()).unwrap();
    // A file where the folder of one of them would be.
    let bad = file_of(&blobs, &Digest::of(b"bad"));
    std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
    std::fs::write(bad.parent().unwrap(), "in the way").unwrap();
    let all = [&b"one"[..], b"bad", b"two"].map(<[u8]>::to_vec).to_vec();
    let answers = run(blobs.put_all(&cx(), all));
    let [one, bad, two] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((one.as_ref().unwrap(), two.as_ref().unwrap()), (&Digest::of(b"one"), &Digest::of(b"two")));
    assert_eq!(bad.as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(run(blobs.get(&cx(), &Digest::of(b"two"))).unwrap().unwrap(), b"two");
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

/// Bytes that do not repeat within a piece.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

async fn read_all(blobs: &ObjectStoreBlobs, digest: &Digest) -> Result<Vec<u8>> {
    blobs.get_stream(&cx(), digest).await?.unwrap().collect().await
}

fn large() -> Vec<u8> {
    static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| bytes(2 * PIECE_BYTES + 1));
    LARGE.clone()
}

fn objects(blobs: &MemoryBucket) -> Vec<String> {
    blobs.objects().keys().map(ToString::to_string).collect()
}

#[test]
fn a_large_blob_lies_in_pieces_that_its_list_names() {
    let bucket = MemoryBucket::new();
    let blobs = ObjectStoreBlobs::within(Arc::new(bucket.clone()));
    let digest = run(blobs.put(&cx(), large())).unwrap();
    let names = objects(&bucket);
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(bucket.objects().values().all(|object| object.len() <= PIECE_BYTES));
    let list = Form::Parts.key(Place::Kept, &digest).unwrap();
    let mut text = String::from_utf8(bucket.objects()[&list].clone()).unwrap();
    let parts = parts::decode(text.as_bytes()).unwrap();
    assert_eq!(parts.iter().map(|part| part.bytes).collect::<Vec<_>>(), [PIECE_BYTES, PIECE_BYTES, 1]);
    // One full piece is no large blob.
    run(blobs.put(&cx(), bytes(PIECE_BYTES))).unwrap();
    assert_eq!(objects(&bucket).len(), 4, "it is the first part of the other");

    text = text.replace("\"format\":1", "\"format\":2");
    bucket.objects().insert(list.clone(), text.into_bytes());
    assert_eq!(run(read_all(&blobs, &digest)).unwrap_err().kind(), ErrorKind::Corrupt);
    let swapped = parts::encode(vec![parts[1].clone(), parts[0].clone(), parts[2].clone()]).unwrap();
    bucket.objects().insert(list.clone(), swapped);
    assert_eq!(run(read_all(&blobs, &digest)).unwrap_err().kind(), ErrorKind::Corrupt, "in another order");
    run(blobs.put(&cx(), large())).unwrap();
    assert_eq!(run(read_all(&blobs, &digest)).unwrap(), large(), "storing it again mends the list");
    bucket.objects().remove(&Form::Plain.key(Place::Kept, &parts[2].digest).unwrap());
    let error = run(read_all(&blobs, &digest)).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(&parts[2].digest.to_string()), "{error}");
}

/// A bucket in which somebody restores everything before this reading of what is retired.
#[derive(Debug)]
struct Restoring {
    inner: MemoryBucket,
    left: AtomicUsize,
}

impl Restoring {
    fn moved(bucket: &MemoryBucket, from: &str, to: &str) {
        let mut objects = bucket.objects();
        for (key, bytes) in std::mem::take(&mut *objects) {
            objects.insert(key.as_str().replacen(from, to, 1).parse().unwrap(), bytes);
        }
    }
}

#[async_trait]
impl Bucket for Restoring {
    fn name(&self) -> &'static str {
        "restoring"
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.inner.create(cx, key, bytes).await
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.inner.write(cx, key, bytes).await
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        self.inner.replace(cx, key, version, bytes).await
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.inner.read_version(cx, key).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        if key.as_str().starts_with("retired/") && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            Self::moved(&self.inner, "retired/", "blobs/");
        }
        self.inner.read(cx, key).await
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        self.inner.list(cx, within, after, limit).await
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.inner.delete(cx, key).await
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.inner.location(key)
    }
}

#[test]
fn what_is_restored_while_it_is_read_is_read() {
    for bytes in [b"bytes".to_vec(), large()] {
        let retired = MemoryBucket::new();
        let digest = run(ObjectStoreBlobs::within(Arc::new(retired.clone())).put(&cx(), bytes.clone())).unwrap();
        Restoring::moved(&retired, "blobs/", "retired/");
        for before in 1..=6 {
            let inner = MemoryBucket::new();
            *inner.objects() = retired.objects().clone();
            let blobs = ObjectStoreBlobs::within(Arc::new(Restoring { inner, left: AtomicUsize::new(before) }));
            assert_eq!(run(read_all(&blobs, &digest)).unwrap(), bytes, "restored before reading {before}");
        }
        let gone = ObjectStoreBlobs::within(Arc::new(MemoryBucket::new()));
        assert!(run(gone.get_stream(&cx(), &digest)).unwrap().is_none(), "what is nowhere is none");
    }
}

/// A short list may name more bytes than anybody can read.
#[test]
fn a_list_that_no_blob_has_is_corrupt_before_its_parts_are_read() {
    let bucket = MemoryBucket::new();
    let blobs = ObjectStoreBlobs::within(Arc::new(bucket.clone()));
    let piece = run(blobs.put(&cx(), vec![7; PIECE_BYTES])).unwrap();
    let byte = run(blobs.put(&cx(), vec![7])).unwrap();
    let (full, one) = (Part { digest: piece, bytes: PIECE_BYTES }, Part { digest: byte, bytes: 1 });
    let cut = |bytes| Part { bytes, ..full.clone() };
    let digest = Digest::of(b"a blob");
    let key = Form::Parts.key(Place::Kept, &digest).unwrap();
    for (parts, why) in [
        (vec![full.clone(); 20_000], "bytes, and"),
        (vec![full.clone(); parts::MAX_PARTS + 1], "8193 parts, and 8192 are the most"),
        (vec![one.clone(); 1_000], "a part before the last has 1 bytes"),
        (vec![full.clone(), one.clone(), full.clone()], "a part before the last has 1 bytes"),
        (vec![cut(PIECE_BYTES + 1), one.clone()], "a part before the last has 8388609 bytes"),
        (vec![full.clone(), cut(PIECE_BYTES + 1)], "the last part has 8388609 bytes"),
        (vec![full.clone(), cut(0)], "the last part has 0 bytes"),
        (vec![full.clone()], "the list has 1 parts"),
        (Vec::new(), "the list has 0 parts"),
    ] {
        bucket.objects().insert(key.clone(), parts::encode(parts).unwrap());
        let error = run(blobs.get_stream(&cx(), &digest)).map(|_| ()).unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(why), "{why}: {error}");
    }
    let two = vec![full.clone(), one];
    assert_eq!(parts::decode(&parts::encode(two.clone()).unwrap()), Ok(two));
    // The largest can be written, and is read.
    let mut largest = Vec::new();
    (0..parts::MAX_PARTS).for_each(|_| parts::add(&mut largest, full.clone()).unwrap());
    assert_eq!(parts::add(&mut largest, full).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(parts::decode(&parts::encode(largest.clone()).unwrap()), Ok(largest));
}

#[test]
fn a_crash_at_any_write_leaves_pieces_that_a_collection_finds() {
    let plan = |fault, write| Arc::new(Faults::new(0, Arc::new(ManualClock::new(UnixMillis(0)))).with(fault, When::Write(write)));
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        for write in 1..=4 {
            let bucket: Arc<dyn Bucket> = Arc::new(MemoryBucket::new());
            let crashing = ObjectStoreBlobs::within(Arc::new(Faulty::new(bucket.clone(), plan(fault, write))));
            let error = run(crashing.put(&cx(), large())).unwrap_err();
            assert_eq!(error.effect(), Effect::Unknown);
            let (blobs, digest) = (ObjectStoreBlobs::within(bucket), Digest::of(&large()));
            let there = run(blobs.get(&cx(), &digest)).unwrap();
            assert_eq!(there.is_some(), (fault, write) == (Fault::LoseAnswer, 4), "all of it or nothing");
            let left = run(blobs.list(&cx(), None, 10)).unwrap();
            let done = write - u64::from(fault == Fault::LoseRequest);
            assert_eq!(left.len() as u64, done, "each piece that was written is listed: {left:?}");
            assert_eq!(run(blobs.put(&cx(), large())).unwrap(), digest);
            assert_eq!(run(read_all(&blobs, &digest)).unwrap(), large());
        }
    }
}

#[cfg(feature = "zstd")]
#[test]
fn compression_changes_where_a_blob_lies_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let plain = ObjectStoreBlobs::folder(folder.path()).unwrap();
    let compressed = plain.clone().compressed();
    let log = b"the same line, again and again\n".repeat(100_000);
    let before = run(plain.put(&cx(), b"stored before ".repeat(50))).unwrap();
    let digest = run(compressed.put(&cx(), log.clone())).unwrap();
    assert_eq!(digest, Digest::of(&log));
    let file = PathBuf::from(format!("{}.zst", file_of(&plain, &digest).display()));
    assert!(std::fs::metadata(&file).unwrap().len() < 10_000 && !file_of(&plain, &digest).exists());
    for blobs in [&plain, &compressed] {
        assert_eq!(run(blobs.get(&cx(), &digest)).unwrap().unwrap(), log);
        assert!(run(blobs.get(&cx(), &before)).unwrap().is_some(), "what was stored before stays readable");
    }
    // A blob that is a zstd frame itself is not taken for a compressed one, nor for anything else.
    let frame = std::fs::read(&file).unwrap();
    for blobs in [&plain, &compressed] {
        let digest = run(blobs.put(&cx(), frame.clone())).unwrap();
        assert_eq!((digest, run(blobs.get(&cx(), &digest)).unwrap().unwrap()), (Digest::of(&frame), frame.clone()));
    }
    // In both forms it is one blob, and one intact form is enough.
    run(plain.put(&cx(), log.clone())).unwrap();
    assert_eq!(run(plain.list(&cx(), None, 10)).unwrap().len(), 3);
    std::fs::write(&file, "damaged").unwrap();
    assert_eq!(run(compressed.get(&cx(), &digest)).unwrap().unwrap(), log);
    std::fs::write(file_of(&plain, &digest), "damaged").unwrap();
    assert_eq!(run(compressed.get(&cx(), &digest)).unwrap_err().kind(), ErrorKind::Corrupt);
    run(compressed.put(&cx(), log.clone())).unwrap();
    assert_eq!(run(plain.get(&cx(), &digest)).unwrap().unwrap(), log);
}

#[cfg(feature = "zstd")]
#[test]
fn what_expands_beyond_what_it_records_is_corrupt() {
    let bucket = MemoryBucket::new();
    let blobs = ObjectStoreBlobs::within(Arc::new(bucket.clone()));
    let store = |bytes: &[u8], frame: Vec<u8>| {
        let digest = Digest::of(bytes);
        bucket.objects().insert(Form::Zstd.key(Place::Kept, &digest).unwrap(), frame);
        run(blobs.get(&cx(), &digest)).unwrap_err()
    };
    let too_long = vec![0; PIECE_BYTES + 1];
    let bomb = store(&too_long, zstd::bulk::compress(&too_long, 1).unwrap());
    assert!(bomb.kind() == ErrorKind::Corrupt && bomb.to_string().contains("records 8388609 bytes"), "{bomb}");

    // The one byte in which a frame of fewer than 256 bytes records how many.
    const LENGTH: usize = 5;
    let short = vec![0; 200];
    for lie in [100, 201] {
        let mut frame = zstd::bulk::compress(&short, 1).unwrap();
        assert_eq!(std::mem::replace(&mut frame[LENGTH], lie), 200);
        assert_eq!(store(&short, frame).kind(), ErrorKind::Corrupt, "{lie}");
    }
    // Two frames, of which the first one records the length: what would come out is longer.
    let frame = zstd::bulk::compress(&short, 1).unwrap();
    assert_eq!(store(&[0; 400], [frame.clone(), frame].concat()).kind(), ErrorKind::Corrupt);
    assert_eq!(store(b"no frame", b"no frame".to_vec()).kind(), ErrorKind::Corrupt);
}
