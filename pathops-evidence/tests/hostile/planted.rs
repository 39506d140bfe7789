//! What somebody without a key has put where a log or a stream of snapshots goes on: no writer who is told whose evidence counts takes it
//! up, and the verifier names it.

use std::sync::Arc;

use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{AbsenceKind, Occasion, StreamId, Subject, TrustRoot, Window};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result, UnixMillis};
use pathops_evidence::ledger::{Item, Known, Ledger};
use pathops_evidence::{Collection, Draft, EvidenceRecord, Sealer, SnapshotOf, Streams, Verdict};

use crate::{cx, items, key, trust, verify};

fn batch(start: u64) -> ObjectKey {
    format!("log/batch/{start:020}").parse().unwrap()
}

/// What a stranger has signed.
async fn strange() -> Item {
    let sealer = Sealer::new(Arc::new(MemorySigner::from_seed(66).unwrap()), Arc::new(MemoryBlobs::new()));
    let (subject, said) = (Subject::named("orders").with_sha256(&Digest::of(b"another")), Said {});
    let draft = sealer.seal_all(&cx(), vec![Draft::new("a stranger's", vec![subject], &said).unwrap()]).await.unwrap();
    let envelope = sealer.envelope(&cx(), &draft[0]).await.unwrap();
    Item::new(envelope, MemorySigner::from_seed(66).unwrap().public_key()).unwrap()
}

#[derive(serde::Serialize)]
struct Said {}

impl pathops_core::evidence::Predicate for Said {
    const TYPE: &'static str = "https://example.org/said";
}

/// A log of two leaves, and the bytes of a batch with one leaf of a stranger that begins there.
async fn log_and_batch(start: u64) -> (MemoryBucket, Vec<u8>) {
    let (bucket, theirs) = (MemoryBucket::new(), MemoryBucket::new());
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    ledger.append(&cx(), items(2).await).await.unwrap();
    let strangers = Ledger::open(&cx(), Arc::new(theirs.clone()), key()).await.unwrap();
    strangers.append(&cx(), vec![strange().await]).await.unwrap();
    let text = String::from_utf8(theirs.objects()[&batch(0)].clone()).unwrap();
    (bucket, text.replacen("\"start\":0,", &format!("\"start\":{start},"), 1).into_bytes())
}

async fn open(bucket: &MemoryBucket) -> Result<Ledger> {
    Ledger::open_knowing(&cx(), Arc::new(bucket.clone()), key(), Known::default().trusting(trust())).await
}

#[tokio::test]
async fn a_batch_behind_a_gap_is_named() {
    let (bucket, planted) = log_and_batch(4).await;
    assert_eq!(verify(&bucket, &[]).await.verdict(), Verdict::Verified);
    bucket.objects().insert(batch(4), planted);
    let said = verify(&bucket, &[]).await;
    let parts: Vec<_> = said.failures.iter().map(|(part, _)| part.clone()).collect();
    assert_eq!((said.verdict(), parts), (Verdict::Failed, vec![batch(4).to_string()]), "{said}");

    // It is named as long as it is there, also while somebody appends in front of it.
    let honest = open(&bucket).await.unwrap();
    honest.append(&cx(), items(3).await.split_off(2)).await.unwrap();
    assert!(verify(&bucket, &[]).await.failures.iter().any(|(part, _)| *part == batch(4).to_string()));
}

#[tokio::test]
async fn what_a_stranger_has_put_where_the_log_goes_on_is_named_and_not_signed() {
    let (bucket, planted) = log_and_batch(2).await;
    let writer = open(&bucket).await.unwrap();
    bucket.objects().insert(batch(2), planted);
    let checkpoint = bucket.objects()[&"log/checkpoint".parse().unwrap()].clone();

    let said = verify(&bucket, &[]).await;
    assert!(said.failures.iter().any(|(part, why)| *part == batch(2).to_string() && why.contains("leaf 2")), "{said}");
    for refused in [writer.append(&cx(), items(3).await).await.map(drop), open(&bucket).await.map(drop)] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
        assert!(refused.to_string().contains(batch(2).as_str()), "{refused}");
    }
    assert_eq!(bucket.objects()[&"log/checkpoint".parse().unwrap()], checkpoint, "nothing was signed");

    // As it is told: once it is away, the log goes on.
    bucket.objects().remove(&batch(2));
    assert_eq!(writer.append(&cx(), items(3).await.split_off(2)).await.unwrap(), [2]);
    assert_eq!(verify(&bucket, &[]).await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn what_a_crash_has_left_is_taken_up_where_its_signer_is_trusted() {
    let (bucket, _) = log_and_batch(0).await;
    let before = bucket.objects()[&"log/checkpoint".parse().unwrap()].clone();
    open(&bucket).await.unwrap().append(&cx(), items(10).await.split_off(2)).await.unwrap();
    bucket.objects().insert("log/checkpoint".parse().unwrap(), before);
    let said = verify(&bucket, &[]).await;
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
    assert!(said.left_out.iter().any(|it| it.starts_with("8 envelopes behind the checkpoint")), "{said}");
    let reader = open(&bucket).await.unwrap().reader();
    assert_eq!(reader.checkpoint(&cx()).await.unwrap().unwrap().size, 10);
}

/// Takes a snapshot in a bucket, signed by this seed, by a process that trusts that of seed 1.
async fn take(bucket: &MemoryBucket, seed: u64, operation: &str) -> Result<EvidenceRecord> {
    let (cx, bucket) = (OpContext::new(IdempotencyKey::new(operation)), Arc::new(bucket.clone()));
    let trusted: TrustRoot = if seed == 1 { trust() } else { TrustRoot::new([MemorySigner::from_seed(seed)?.public_key()]) };
    let ledger = Arc::new(Ledger::open(&cx, bucket.clone(), key()).await?);
    let sealer = Sealer::new(Arc::new(MemorySigner::from_seed(seed)?), Arc::new(MemoryBlobs::new())).with_ledger(ledger);
    let streams = Streams::new(bucket, sealer).with_trust(trusted);
    let stream: StreamId = "shop/orders@preflight".parse().unwrap();
    let begun = streams.begin(&cx, &stream, std::iter::once("logs".to_owned()).collect()).await?;
    let mut collection = Collection::of(begun.expected().iter().cloned());
    collection.absent("logs", AbsenceKind::NothingThere, "none");
    let window = Window { from: UnixMillis(0), until: UnixMillis(1) };
    let change_set = "a-change".parse().unwrap();
    let about = SnapshotOf { stream, change_set, occasion: Occasion::Deployed, window, collected_on: UnixMillis(1) };
    let subject = vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))];
    streams.append(&cx, &begun, operation, subject, &collection.finish(about)).await
}

#[tokio::test]
async fn a_snapshot_of_a_stranger_is_neither_published_nor_followed() {
    let (bucket, theirs) = (MemoryBucket::new(), MemoryBucket::new());
    take(&bucket, 1, "a").await.unwrap();
    for operation in ["x", "y"] {
        take(&theirs, 66, operation).await.unwrap();
    }
    let number: ObjectKey = "snapshots/shop/orders/preflight/00000000000000000001".parse().unwrap();
    let planted = theirs.objects()[&number].clone();
    bucket.objects().insert(number.clone(), planted);
    let checkpoint = bucket.objects()[&"log/checkpoint".parse().unwrap()].clone();
    let refused = take(&bucket, 1, "b").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    assert!(refused.to_string().contains(number.as_str()), "{refused}");
    assert_eq!(bucket.objects()[&"log/checkpoint".parse().unwrap()], checkpoint, "it is not published");

    bucket.objects().remove(&number);
    take(&bucket, 1, "b").await.unwrap();
}
