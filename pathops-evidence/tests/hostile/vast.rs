//! Bundles that are as large as they may be, and made to be slow: each is answered within a few seconds of one core, whatever is in it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{BlobCapabilities, BlobStore, Bucket, ByteStream, ObjectVersion, Signer as _};
use pathops_core::evidence::{Envelope, PAYLOAD_TYPE, Statement, Subject, pre_authentication_encoding};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, Error, ErrorKind, ObjectKey, OpContext, Result};
use pathops_evidence::ledger::{Item, Ledger, LogReader};
use pathops_evidence::{Against, MAX_BUNDLE_BYTES, MAX_FAILURES, Verdict, log_of, verify_bundle, verify_ledger_within};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::{cx, items, key, needed, trust, verify};

/// Of the processor, unoptimised, for the largest of bundles; others use the machine.
const LIMIT: Duration = Duration::from_secs(20);

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// As often as it takes to fill a bundle, beside the rest of one.
fn often(what: &str, rest: usize) -> String {
    what.repeat((MAX_BUNDLE_BYTES - rest) / what.len())
}

fn answered(name: &str, bundle: &[u8]) -> Verdict {
    let begun = cpu();
    let verification = verify_bundle(bundle, &key().identity(), &trust());
    let spent = cpu().saturating_sub(begun);
    assert!(spent < LIMIT, "{name}: {spent:?}");
    let told = verification.to_string();
    assert!(told.len() < 100_000, "{name}: the answer has {} bytes", told.len());
    assert!(told.lines().skip(1).all(|line| line.starts_with("  ")), "{name}: {told}");
    verification.verdict()
}

/// The bundle of the second of three pieces.
async fn good() -> String {
    let ledger = Ledger::open(&cx(), Arc::new(MemoryBucket::new()), key()).await.unwrap();
    let items = items(3).await;
    ledger.append(&cx(), items.clone()).await.unwrap();
    ledger.reader().bundle(&cx(), items[1].id()).await.unwrap().unwrap()
}

#[test]
fn what_is_no_bundle_is_told_soon() {
    let fill = |what: &str| often(what, 100);
    let whole = [
        ("nested lists", fill("[")),
        ("nested objects", fill(r#"{"a":"#)),
        ("empty lists", format!("[{}[]]", fill("[],"))),
        ("numbers", format!("[{}0]", fill("0,"))),
        ("a long number", fill("7")),
        ("a long fraction", format!("0.{}", fill("7"))),
        ("a long exponent", format!("1e{}", fill("9"))),
        ("small exponents", format!("[{}0]", fill("7.0000000000000001e-300,"))),
        ("one key again and again", format!("{{{}\"a\":0}}", fill(r#""a":0,"#))),
        ("escapes", format!("\"{}\"", fill(r"\u0000"))),
        ("surrogates", format!("\"{}\"", fill(r"\ud83d\ude00"))),
        ("white space", fill(" ")),
        ("zeros", fill("\0")),
    ];
    for (name, bundle) in whole {
        assert_eq!(answered(name, bundle.as_bytes()), Verdict::Failed, "{name}");
    }
    let keys: String = (0..1_000_000).map(|number| format!("\"{number}\":0,")).collect();
    assert_eq!(answered("many keys", format!("{{{keys}\"a\":0}}").as_bytes()), Verdict::Failed);
    assert_eq!(answered("no text", &vec![0xff; MAX_BUNDLE_BYTES]), Verdict::Failed);
    assert_eq!(answered("one byte too many", &vec![b'['; MAX_BUNDLE_BYTES + 1]), Verdict::Failed);
}

/// A part of a right bundle, in the place of another.
struct With<'b>(&'b str, Value);

#[tokio::test]
async fn no_part_of_a_bundle_takes_long() {
    let good = good().await;
    assert_eq!(answered("the good one", good.as_bytes()), Verdict::Verified);
    let whole: Value = serde_json::from_str(&good).unwrap();
    let entry = "/verificationMaterial/tlogEntries/0";
    let at = |part: &str| format!("{entry}/{part}");
    let list = |of: &Value, each: usize| Value::from(vec![of.clone(); (MAX_BUNDLE_BYTES - 2 * good.len()) / each]);
    let fill = |what: &str| Value::from(often(what, 2 * good.len()));
    let digest = whole.pointer(&at("inclusionProof/hashes/0")).unwrap();
    let entries = whole.pointer("/verificationMaterial/tlogEntries/0").unwrap();
    let signature = whole.pointer("/dsseEnvelope/signatures/0").unwrap();
    let note = whole.pointer(&at("inclusionProof/checkpoint/envelope")).unwrap().as_str().unwrap();
    let text = note.split_once("\n\n").unwrap().0;
    let length = |value: &Value| value.to_string().len() + 1;
    let stranger = |number: usize| format!("\u{2014} w{number}.example AAAAAAAA\n");
    let strangers: String = (0..300_000).map(stranger).collect();
    let wide = format!("{note}\u{2014} w.example {}\n", "A".repeat(8 << 20));
    let hostile = [
        ("entries of the log", With("/verificationMaterial/tlogEntries", list(entries, length(entries)))),
        ("empty entries", With("/verificationMaterial/tlogEntries", list(&json!({}), 3))),
        ("signatures", With("/dsseEnvelope/signatures", list(signature, length(signature)))),
        ("the name of a key", With("/dsseEnvelope/signatures/0/keyid", fill("a"))),
        ("lines in the name of a key", With("/dsseEnvelope/signatures/0/keyid", Value::from("\nVERIFIED".repeat(1 << 20)))),
        ("a signature", With("/dsseEnvelope/signatures/0/sig", fill("A"))),
        ("a payload of zeros", With("/dsseEnvelope/payload", fill("AAAA"))),
        ("a payload that ends wrong", With("/dsseEnvelope/payload", fill("AAAA!"))),
        ("a type", With("/dsseEnvelope/payloadType", fill("a"))),
        ("a proof without an end", With("", list(digest, length(digest)))),
        ("a proof of short hashes", With("", list(&json!("AA=="), 7))),
        ("a leaf", With("body", fill("W1tb"))),
        ("a place in the log", With("index", fill("1"))),
        ("a checkpoint with strangers", With("note", Value::from(format!("{note}{strangers}")))),
        ("a checkpoint with a wide line", With("note", Value::from(wide))),
        ("a checkpoint of lines", With("note", Value::from(format!("{}\n\n{note}", "a\n".repeat(4 << 20))))),
        ("a checkpoint of empty lines", With("note", Value::from("\n".repeat(7 << 20)))),
        ("a checkpoint of its own text", With("note", Value::from(format!("{text}\n").repeat(60_000)))),
        ("a size", With("note", Value::from(note.replacen("\n3\n", &format!("\n{}\n", "3".repeat(8 << 20)), 1)))),
        ("a certificate", With("certificate", fill("MIQw"))),
        ("a certificate of sequences", With("certificate", fill("MAAw"))),
    ];
    for (name, With(place, part)) in hostile {
        let mut bundle = whole.clone();
        match place {
            "" => *bundle.pointer_mut(&at("inclusionProof/hashes")).unwrap() = part,
            "body" => *bundle.pointer_mut(&at("canonicalizedBody")).unwrap() = part,
            "index" => *bundle.pointer_mut(&at("logIndex")).unwrap() = part,
            "note" => *bundle.pointer_mut(&at("inclusionProof/checkpoint/envelope")).unwrap() = part,
            "certificate" => bundle["verificationMaterial"]["certificate"] = json!({ "rawBytes": part }),
            place => *bundle.pointer_mut(place).unwrap() = part,
        }
        let bundle = serde_json::to_string(&bundle).unwrap();
        assert!(bundle.len() <= MAX_BUNDLE_BYTES, "{name}: {}", bundle.len());
        assert_eq!(answered(name, bundle.as_bytes()), Verdict::Failed, "{name}");
    }
}

/// What a trusted key has signed may be as large, and holds.
#[tokio::test]
async fn what_is_right_and_large_is_verified_in_time() {
    let deep = (0..100).fold(json!(0), |inner, _| json!([inner]));
    let references: Vec<_> =
        (0..40_000).map(|n| json!({ "name": n, "digest": { "sha256": Digest::of(b"one").hex() } })).collect();
    let keys: Value =
        (0..200_000).map(|number: u32| (number.to_string(), Value::from(number))).collect::<serde_json::Map<_, _>>().into();
    for (name, predicate) in [
        ("a deep statement", json!(vec![deep; 20_000])),
        ("numbers", json!(vec![1.25e-300; 200_000])),
        ("keys", keys),
        ("escapes", json!("\u{1}".repeat(1 << 20))),
        ("references", json!({ "attester": { "id": "https://ci.example" }, "references": references })),
    ] {
        let signer = MemorySigner::from_seed(1).unwrap();
        let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
        let kind =
            if name == "references" { "https://in-toto.io/attestation/reference/v0.1" } else { "https://example.org/large" };
        let payload = Statement::new(vec![subject], kind, &predicate).unwrap().to_canonical().unwrap();
        let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
        let item = Item::signed(Envelope::new(&payload, &signer.public_key(), signature), signer.public_key()).unwrap();
        let ledger = Ledger::open(&cx(), Arc::new(MemoryBucket::new()), key()).await.unwrap();
        let id = item.id();
        ledger.append(&cx(), vec![item]).await.unwrap();
        let bundle = ledger.reader().bundle(&cx(), id).await.unwrap().unwrap();
        assert_eq!(answered(name, bundle.as_bytes()), Verdict::Verified, "{name}");
    }
}

/// Whatever lies in the place of a part of a log.
#[tokio::test]
async fn a_log_with_a_vast_part_is_answered_in_time() {
    let bucket = MemoryBucket::new();
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    ledger.append(&cx(), items(3).await).await.unwrap();
    let whole = bucket.objects().clone();
    let note = String::from_utf8(whole[&"log/checkpoint".parse().unwrap()].clone()).unwrap();
    let strangers: String = (0..300_000).map(|number| format!("\u{2014} w{number}.example AAAAAAAA\n")).collect();
    let item = r#"{"envelope":{"payloadType":"","payload":"","signatures":[]},"publicKey":""},"#;
    let fills = [
        often("[", 100),
        often("\n", 100),
        often("\0", 100),
        format!(r#"{{"format":1,"start":0,"items":[{}{{}}]}}"#, often(item, 100)),
        format!("{note}{strangers}"),
    ];
    for name in needed(&whole).into_keys() {
        for vast in &fills {
            bucket.objects().insert(name.clone(), vast.clone().into_bytes());
            let begun = cpu();
            let verification = verify(&bucket, &[]).await;
            let spent = cpu().saturating_sub(begun);
            assert!(spent < LIMIT, "{name}: {spent:?}");
            assert_eq!(verification.verdict(), Verdict::Failed, "{name}: {verification}");
            assert!(verification.to_string().len() < 100_000, "{name}");
        }
        *bucket.objects() = whole.clone();
    }
    assert_eq!(verify(&bucket, &[]).await.verdict(), Verdict::Verified);
}

/// A bucket that knows of some of its objects that they have more bytes than belong anywhere.
#[derive(Debug)]
struct Vast {
    inner: MemoryBucket,
    vast: BTreeSet<ObjectKey>,
    /// How often one was asked for and not read.
    refused: AtomicUsize,
}

impl Vast {
    const BYTES: u64 = (1 << 30) + 1;

    fn of(inner: &MemoryBucket, vast: impl IntoIterator<Item = ObjectKey>) -> Self {
        Self { inner: inner.clone(), vast: vast.into_iter().collect(), refused: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Bucket for Vast {
    fn name(&self) -> &'static str {
        "vast"
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
        assert!(!self.vast.contains(key), "{key} was read whole");
        self.inner.read(cx, key).await
    }

    async fn read_within(&self, cx: &OpContext, key: &ObjectKey, most: u64) -> Result<Option<Vec<u8>>> {
        if !self.vast.contains(key) {
            return self.inner.read_within(cx, key, most).await;
        }
        assert!(most < Self::BYTES, "{key} was read within {most} bytes");
        self.refused.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(ErrorKind::Corrupt, "read an object").on(key).because("it is vast"))
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

#[tokio::test]
async fn a_part_of_a_log_that_is_larger_than_any_is_spoilt_and_not_read() {
    let (memory, items) = (MemoryBucket::new(), items(258).await);
    let ledger = Ledger::open(&cx(), Arc::new(memory.clone()), key()).await.unwrap();
    for part in [0..2, 2..258] {
        ledger.append(&cx(), items[part].to_vec()).await.unwrap();
    }
    let parts: Vec<ObjectKey> = memory.objects().keys().filter(|key| key.as_str() != "log/probe").cloned().collect();
    for part in parts {
        let bucket = Vast::of(&memory, [part.clone()]);
        let verification = verify(&bucket, &[]).await;
        let told: Vec<_> = verification.failures.iter().map(|(told, _)| told.as_str()).collect();
        assert_eq!(told, [part.as_str()], "{verification}");
        assert!(bucket.refused.load(Ordering::SeqCst) >= 1, "{part} was not looked at");
    }
    // Nor does whoever proves something from tiles read one.
    let tiles = ["log/tile/0/000", "log/tile/entries/000", "log/checkpoint"].map(|name| name.parse::<ObjectKey>().unwrap());
    for tile in tiles {
        let reader = LogReader::new(Arc::new(Vast::of(&memory, [tile])), key().identity());
        assert_eq!(reader.bundle(&cx(), items[7].id()).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn of_the_parts_of_tiles_no_more_are_read_than_are_told() {
    let memory = MemoryBucket::new();
    let ledger = Ledger::open(&cx(), Arc::new(memory.clone()), key()).await.unwrap();
    ledger.append(&cx(), items(120).await).await.unwrap();
    let of = |width: usize| {
        ["tile/0", "tile/entries"].map(|folder| format!("log/{folder}/000.p/{width}").parse::<ObjectKey>().unwrap())
    };
    let bucket = Vast::of(&memory, (1..=120).flat_map(of));
    for part in &bucket.vast {
        memory.objects().entry(part.clone()).or_default();
    }
    let verification = verify(&bucket, &[]).await;
    assert_eq!(verification.failures.len(), MAX_FAILURES, "{verification}");
    let refused = bucket.refused.load(Ordering::SeqCst);
    assert!(refused <= MAX_FAILURES + 1, "{refused} were asked for");
}

/// Blobs of which one never ends, as a short list of parts may say of it.
#[derive(Clone, Debug)]
struct Endless {
    blobs: MemoryBlobs,
    digest: Digest,
    /// How many bytes were read of it.
    read: Arc<AtomicU64>,
}

#[async_trait]
impl BlobStore for Endless {
    fn name(&self) -> &'static str {
        "endless"
    }

    fn capabilities(&self) -> BlobCapabilities {
        self.blobs.capabilities()
    }

    async fn put_stream(&self, cx: &OpContext, bytes: Box<dyn ByteStream>) -> Result<Digest> {
        self.blobs.put_stream(cx, bytes).await
    }

    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        if *digest == self.digest { Ok(Some(Box::new(self.clone()))) } else { self.blobs.get_stream(cx, digest).await }
    }

    fn location(&self, digest: &Digest) -> String {
        self.blobs.location(digest)
    }
}

#[async_trait]
impl ByteStream for Endless {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        self.read.fetch_add(1 << 20, Ordering::SeqCst);
        Ok(Some(vec![7; 1 << 20]))
    }
}

#[tokio::test]
async fn a_payload_without_an_end_is_not_verified_and_named() {
    let (signer, blobs, bucket) = (MemorySigner::from_seed(1).unwrap(), MemoryBlobs::new(), MemoryBucket::new());
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let [first, other] = [b"first".to_vec(), b"other".to_vec()];
    let of = |bytes: &[u8]| json!({ "sha256": Digest::of(bytes).hex() });
    let references = json!([{ "name": "a log", "digest": of(&first) }, { "name": "another", "digest": of(&other) }]);
    let predicate = json!({ "attester": { "id": "https://ci.example" }, "references": references });
    let kind = "https://in-toto.io/attestation/reference/v0.1";
    let payload = Statement::new(vec![subject], kind, &predicate).unwrap().to_canonical().unwrap();
    let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    let envelope = Envelope::new(&payload, &signer.public_key(), signature);
    let own = Digest::of(&envelope.to_vec().unwrap());
    for bytes in [first.clone(), other, envelope.to_vec().unwrap()] {
        blobs.put(&cx(), bytes).await.unwrap();
    }
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    ledger.append(&cx(), vec![Item::signed(envelope, signer.public_key()).unwrap()]).await.unwrap();
    let (log, trust) = (key().identity(), trust());
    let verify = async |blobs: &dyn BlobStore, most| {
        let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(blobs), sealed: None };
        verify_ledger_within(&cx(), &bucket, against, most).await.unwrap()
    };
    assert_eq!(verify(&blobs, 10).await.verdict(), Verdict::Verified, "each is read once, and ten bytes are enough");

    let missing = "`another` of the reference at leaf 0: it was not read to its end: 9 bytes of payloads were to be read at most, and \
                   there are more";
    let short = verify(&blobs, 9).await;
    assert_eq!((short.verdict(), &*short.missing), (Verdict::NotVerified, &[missing.to_owned()][..]), "{short}");

    let endless = |digest| Endless { blobs: blobs.clone(), digest, read: Arc::default() };
    let payload = endless(Digest::of(&first));
    let told = verify(&payload, 5 << 20).await;
    let missing = "`a log` of the reference at leaf 0: it was not read to its end, nor were 1 payloads behind it: 5242880 bytes";
    assert!(told.verdict() == Verdict::NotVerified && told.missing[0].starts_with(missing), "{told}");
    assert_eq!(payload.read.load(Ordering::SeqCst), 6 << 20);

    // An envelope is as long as the log says.
    let envelope = endless(own);
    let told = verify(&envelope, 5 << 20).await;
    assert!(told.verdict() == Verdict::Failed && told.failures[0].0 == "the envelope of leaf 0", "{told}");
    assert_eq!(envelope.read.load(Ordering::SeqCst), 1 << 20);
}

#[test]
fn a_trusted_root_is_read_in_time() {
    let fill = |what: &str| often(what, 200);
    for root in [
        fill("["),
        format!(r#"{{"mediaType":"a","tlogs":[{}]}}"#, fill("{},")),
        format!(r#"{{"mediaType":"{}","tlogs":[]}}"#, fill("a")),
        format!(r#"{{{}"mediaType":"a"}}"#, fill(r#""b":0,"#)),
    ] {
        let begun = cpu();
        log_of(root.as_bytes()).unwrap_err();
        let spent = cpu().saturating_sub(begun);
        assert!(spent < LIMIT, "{spent:?}");
    }
}
