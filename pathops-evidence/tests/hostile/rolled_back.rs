//! A log that was put back to an older state, or taken away: its writer knows what it has signed, and signs no second history.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pathops_core::memory::MemoryBucket;
use pathops_core::{ErrorKind, ObjectKey, OpContext, Result};
use pathops_evidence::Verdict;
use pathops_evidence::ledger::{CheckpointKeeper, Item, Known, Ledger, LogKey};

use crate::{cx, items, key, trust, verify};

/// A place beside the key.
#[derive(Clone, Debug, Default)]
struct Beside(Arc<Mutex<Option<String>>>);

impl Beside {
    fn note(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CheckpointKeeper for Beside {
    async fn kept(&self, _: &OpContext) -> Result<Option<String>> {
        Ok(self.note().clone())
    }

    async fn keep(&self, _: &OpContext, note: &str) -> Result<()> {
        *self.note() = Some(note.to_owned());
        Ok(())
    }
}

fn checkpoint() -> ObjectKey {
    "log/checkpoint".parse().unwrap()
}

fn note(bucket: &MemoryBucket) -> String {
    String::from_utf8(bucket.objects()[&checkpoint()].clone()).unwrap()
}

async fn open(bucket: &MemoryBucket, kept: &Beside) -> Result<Ledger> {
    let known = Known::default().trusting(trust()).keeping(Arc::new(kept.clone()));
    Ledger::open_knowing(&cx(), Arc::new(bucket.clone()), key(), known).await
}

async fn append(bucket: &MemoryBucket, kept: &Beside, some: &[Item]) {
    open(bucket, kept).await.unwrap().append(&cx(), some.to_vec()).await.unwrap();
}

#[tokio::test]
async fn a_log_that_was_put_back_or_taken_away_is_not_gone_on_with() {
    let (bucket, kept, items) = (MemoryBucket::new(), Beside::default(), items(600).await);
    append(&bucket, &kept, &items[..300]).await;
    let older = bucket.objects().clone();
    append(&bucket, &kept, &items[300..590]).await;
    assert_eq!(kept.note().clone(), Some(note(&bucket)));
    let newest = bucket.objects().clone();

    let forked = MemoryBucket::new();
    append(&forked, &Beside::default(), &items[..300]).await;
    append(&forked, &Beside::default(), &items[301..595]).await;
    let forked = forked.objects().clone();
    let gone = std::collections::BTreeMap::new();
    for (what, state) in [("put back", older), ("taken away", gone), ("another", forked)] {
        *bucket.objects() = state.clone();
        let refused = open(&bucket, &kept).await.map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{what}: {refused}");
        assert_eq!(bucket.objects().get(&checkpoint()), state.get(&checkpoint()), "{what}: nothing is signed");
        // A checkpoint from elsewhere does the same.
        let known = Known::default().extending([kept.note().clone().unwrap()]);
        let refused = Ledger::open_knowing(&cx(), Arc::new(bucket.clone()), key(), known).await.map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{what}: {refused}");
    }

    // Once the newest state is there again, it goes on.
    *bucket.objects() = newest;
    append(&bucket, &kept, &items[590..]).await;
    let known = kept.note().clone().unwrap();
    assert_eq!(verify(&bucket, &[known]).await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn whatever_a_crash_leaves_of_it_goes_on() {
    let (bucket, kept, items) = (MemoryBucket::new(), Beside::default(), items(9).await);
    append(&bucket, &kept, &items[..3]).await;
    let (first, earlier) = (kept.note().clone(), note(&bucket));
    append(&bucket, &kept, &items[3..6]).await;
    // It died between signing and keeping, or nothing was ever kept.
    for left in [first, None] {
        *kept.note() = left;
        open(&bucket, &kept).await.unwrap();
        assert_eq!(kept.note().clone(), Some(note(&bucket)));
    }
    // The machine has lost the checkpoint and what was kept is there: the batches lead to it.
    for left in [Some(earlier.into_bytes()), Some(Vec::new()), None] {
        match left {
            Some(bytes) => drop(bucket.objects().insert(checkpoint(), bytes)),
            None => drop(bucket.objects().remove(&checkpoint())),
        }
        open(&bucket, &kept).await.unwrap();
        assert_eq!(kept.note().clone(), Some(note(&bucket)));
    }
    append(&bucket, &kept, &items[6..]).await;
    assert_eq!(verify(&bucket, &[]).await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn what_was_kept_of_another_log_is_refused() {
    let other = LogKey::new("shop.example/evidence", &[8; 32]).unwrap();
    let (bucket, kept, theirs) = (MemoryBucket::new(), Beside::default(), MemoryBucket::new());
    let ledger = Ledger::open(&cx(), Arc::new(theirs.clone()), other).await.unwrap();
    ledger.append(&cx(), items(1).await).await.unwrap();
    *kept.note() = Some(note(&theirs));
    assert_eq!(open(&bucket, &kept).await.map(drop).unwrap_err().kind(), ErrorKind::Invalid);
}
