//! Logs, which are taken in as they come.

use super::*;

/// Pieces of a text; how many bytes of it were given is told.
#[derive(Debug)]
pub(super) struct Pieces {
    left: Vec<Vec<u8>>,
    given: Arc<AtomicUsize>,
}

impl Pieces {
    pub(super) fn of(text: &[u8], size: usize) -> Box<dyn ByteStream> {
        let left = text.chunks(size).rev().map(<[u8]>::to_vec).collect();
        Box::new(Self { left, given: Arc::default() })
    }
}

#[async_trait]
impl ByteStream for Pieces {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let piece = self.left.pop();
        self.given.fetch_add(piece.as_ref().map_or(0, Vec::len), Ordering::Relaxed);
        Ok(piece)
    }
}

const LOG: &str = "ERROR ready\nlistening on :8080 with hunter2-long\n\u{20ac} 7 paid\nno end";

#[tokio::test]
async fn a_log_that_comes_in_pieces_is_the_evidence_that_it_is_in_one() {
    let store = Store::new().await;
    let mut here = origin();
    here.annotations.environment = "preflight".parse().ok();
    let whole = store.take(LOG.as_bytes(), Some(Format::PodLog), &here).await.unwrap();
    assert_eq!(whole.records.len(), 2, "the log, and how many errors are in it");
    let redactor = Arc::new(Redactor::new(["hunter2-long".to_owned()]).unwrap());
    for size in [1, 2, 7, 1_000] {
        let log = Pieces::of(LOG.as_bytes(), size);
        let taken = ingest_log(&cx(), &store.sealer, &redactor, log, &here).await.unwrap();
        let ids = |taken: &Ingested| taken.records.iter().map(|record| (record.id, record.name.clone())).collect::<Vec<_>>();
        assert_eq!((ids(&taken), taken.payload, &taken.redaction), (ids(&whole), whole.payload, &whole.redaction));
    }
    assert_eq!(whole.redaction.removed["known"], 1);
}

#[tokio::test]
async fn of_a_log_what_is_not_utf_8_is_replaced_and_counted() {
    let store = Store::new().await;
    let redactor = Arc::new(Redactor::new(["hunter2-long".to_owned()]).unwrap());
    let log = b"2026-11-25T12:00:00Z 7 \xe9 \xe2\x82\xac\n2026-11-25T12:00:01Z hunter2-long \xff\xfe\xe2\x82";
    let expected = "2026-11-25T12:00:00Z 7 \u{fffd} \u{20ac}\n2026-11-25T12:00:01Z [redacted known] \u{fffd}\u{fffd}\u{fffd}";
    let whole = store.take(log, None, &origin()).await.unwrap();
    assert_eq!((whole.format, whole.replaced), (Format::PodLog, 4));
    assert_eq!(store.blobs.get(&cx(), &whole.payload).await.unwrap().unwrap(), expected.as_bytes());
    assert_eq!(store.stated(&whole).await[0].1["https://pathops.dev/report"]["replaced"], 4);
    for size in [1, 2, 3, 1_000] {
        let taken = ingest_log(&cx(), &store.sealer, &redactor, Pieces::of(log, size), &origin()).await.unwrap();
        assert_eq!((taken.payload, taken.replaced, taken.records[0].id), (whole.payload, 4, whole.records[0].id), "{size}");
    }
    // Of a log that is all text nothing is said, and in a report it is a damage.
    let text = store.take(LOG.as_bytes(), Some(Format::PodLog), &origin()).await.unwrap();
    assert_eq!((text.replaced, store.stated(&text).await[0].1["https://pathops.dev/report"].get("replaced")), (0, None));
    let error = store.take(b"TAP version 14\n1..1\nok 1 - 7 \xe9\n", None, &origin()).await.unwrap_err();
    assert!(error.to_string().contains("it is not UTF-8"), "{error}");
}

#[tokio::test]
async fn a_log_that_says_nothing_is_refused_and_nothing_is_stored() {
    let redactor = Arc::new(Redactor::new([]).unwrap());
    let nobody = Origin { attester: "https://pathops.dev/pathops".to_owned(), ..origin() };
    for (text, origin, why) in [
        (b"".as_slice(), origin(), "there is nothing in it"),
        (b" \n\n", origin(), "there is nothing in it"),
        (b"ready\n", nobody, "PathOps itself hands nothing in"),
    ] {
        let store = Store::new().await;
        let error = ingest_log(&cx(), &store.sealer, &redactor, Pieces::of(text, 2), &origin).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(why), "{why}: {error}");
        assert!(store.blobs.get(&cx(), &Digest::of(text)).await.unwrap().is_none(), "{why}");
    }
}

#[tokio::test]
async fn a_log_that_is_full_of_nuls_is_refused_before_much_of_it_is_read() {
    let store = Store::new().await;
    let (given, left) = (Arc::new(AtomicUsize::new(0)), vec![b"s\0e\0c\0r\0e\0t\0\n\0".repeat(500); 100]);
    let log = Box::new(Pieces { left, given: given.clone() });
    let error = ingest_log(&cx(), &store.sealer, &Arc::new(Redactor::new([]).unwrap()), log, &origin()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("full of NUL bytes"), "{error}");
    let given = given.load(Ordering::Relaxed);
    assert!(given < 80_000, "{given} bytes were read");
}

/// Keeps nothing but what was ever held back of a stream, at most: what came in and did not go out.
#[derive(Debug)]
struct Measuring {
    inner: MemoryBlobs,
    given: Arc<AtomicUsize>,
    taken: AtomicUsize,
    held: Arc<AtomicUsize>,
}

#[async_trait]
impl BlobStore for Measuring {
    fn name(&self) -> &'static str {
        "measuring"
    }

    fn capabilities(&self) -> BlobCapabilities {
        self.inner.capabilities()
    }

    async fn put_stream(&self, cx: &OpContext, mut bytes: Box<dyn ByteStream>) -> Result<Digest> {
        while let Some(chunk) = bytes.next().await? {
            let taken = self.taken.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            self.held.fetch_max(self.given.load(Ordering::Relaxed).saturating_sub(taken), Ordering::Relaxed);
        }
        self.inner.put(cx, b"the log".to_vec()).await
    }

    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        self.inner.get_stream(cx, digest).await
    }

    fn location(&self, digest: &Digest) -> String {
        self.inner.location(digest)
    }
}

#[tokio::test]
async fn of_a_log_no_more_than_a_line_and_a_piece_is_held_back() {
    let (given, held) = (Arc::new(AtomicUsize::new(0)), Arc::default());
    let blobs =
        Measuring { inner: MemoryBlobs::new(), given: given.clone(), taken: AtomicUsize::new(0), held: Arc::clone(&held) };
    let sealer = Sealer::new(Arc::new(MemorySigner::from_seed(1).unwrap()), Arc::new(blobs));
    let left = (0..128).map(|_| "INFO one line of a log like many others\n".repeat(100).into_bytes()).collect();
    let log = Box::new(Pieces { left, given: given.clone() });
    ingest_log(&cx(), &sealer, &Arc::new(Redactor::new([]).unwrap()), log, &origin()).await.unwrap();
    let (given, held) = (given.load(Ordering::Relaxed), held.load(Ordering::Relaxed));
    assert!(given == 128 * 4_000 && held <= 4_000, "{held} bytes of {given} were held back");
}
