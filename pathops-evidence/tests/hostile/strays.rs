//! Batches that somebody has put among those of a log: what the log has is found all the same, and the verifier names them.

use std::sync::Arc;

use pathops_core::adapter::IndexedEvidence;
use pathops_core::memory::MemoryBucket;
use pathops_core::{Digest, ErrorKind, ObjectKey};
use pathops_evidence::Verdict;
use pathops_evidence::ledger::Ledger;

use crate::{cx, items, key, trust, verify};

fn batch(start: u64) -> ObjectKey {
    format!("log/batch/{start:020}").parse().unwrap()
}

#[tokio::test]
async fn what_a_log_has_is_found_among_batches_that_are_none_of_it() {
    let (bucket, items) = (MemoryBucket::new(), items(20).await);
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    for part in [0..10, 10..18, 18..20] {
        ledger.append(&cx(), items[part].to_vec()).await.unwrap();
    }
    let text = String::from_utf8(bucket.objects()[&batch(10)].clone()).unwrap();
    let moved = |start: u64| text.replacen("\"start\":10,", &format!("\"start\":{start},"), 1).into_bytes();
    let unnamed: ObjectKey = format!("{}.old", batch(14)).parse().unwrap();
    let strays =
        [(batch(11), moved(11)), (batch(12), text.clone().into_bytes()), (batch(13), b"{}".to_vec()), (unnamed, moved(14))];
    let names: Vec<_> = strays.iter().map(|(name, _)| name.to_string()).collect();
    bucket.objects().extend(strays);

    let reader = ledger.reader();
    for (place, item) in items.iter().enumerate() {
        let (leaf, end) = (place as u64, [10, 18, 20].into_iter().find(|end| *end > place).unwrap());
        assert_eq!(reader.item(&cx(), leaf).await.unwrap().as_ref(), Some(item), "leaf {leaf}");
        assert_eq!(reader.items_from(&cx(), leaf).await.unwrap(), items[place..end], "from leaf {leaf}");
        assert_eq!(reader.find(&cx(), item.id()).await.unwrap(), Some((leaf, item.clone())), "leaf {leaf}");
        let blob = Digest::of(&item.envelope().to_vec().unwrap());
        let entry = IndexedEvidence::new(&trust().verify(item.envelope()).unwrap(), blob).with_leaf(leaf);
        assert_eq!(reader.holds(&cx(), &entry).await.unwrap().as_ref(), Some(item), "leaf {leaf}");
    }
    assert!(reader.items_from(&cx(), 20).await.unwrap().is_empty());
    let verification = verify(&bucket, &[]).await;
    let parts: Vec<_> = verification.failures.iter().map(|(part, _)| part.clone()).collect();
    assert_eq!((verification.verdict(), parts), (Verdict::Failed, names), "{verification}");

    // Where the right one is away, none of them is taken for it.
    bucket.objects().remove(&batch(10)).unwrap();
    assert_eq!(reader.item(&cx(), 12).await.unwrap_err().kind(), ErrorKind::Corrupt);
}
