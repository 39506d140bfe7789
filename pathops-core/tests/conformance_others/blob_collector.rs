use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{BlobCollector, StoredBlob};
use pathops_core::conformance::blob_collector::{BlobCollectorFixture, BlobCollectorWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryBlobs};
use pathops_core::{Digest, OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    RetiresNothing,
    RetiresForGood,
    RestoresNothing,
    PurgesNothing,
    PurgesWhatIsThere,
    ListsAllAtOnce,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryBlobs,
}

#[async_trait]
impl BlobCollector for Planted {
    async fn list<'a>(&self, cx: &OpContext, after: Option<&'a Digest>, limit: usize) -> Result<Vec<StoredBlob>> {
        let limit = if self.defect == Defect::ListsAllAtOnce { 100 } else { limit };
        self.inner.list(cx, after, limit).await
    }

    async fn retire(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        match self.defect {
            Defect::RetiresNothing => Ok(()),
            Defect::RetiresForGood => {
                self.inner.lose(digest);
                Ok(())
            }
            _ => self.inner.retire(cx, digest).await,
        }
    }

    async fn restore(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        if self.defect == Defect::RestoresNothing { Ok(()) } else { self.inner.restore(cx, digest).await }
    }

    async fn purge(&self, cx: &OpContext, digest: &Digest) -> Result<()> {
        if self.defect == Defect::PurgesNothing {
            return Ok(());
        }
        if self.defect == Defect::PurgesWhatIsThere {
            self.inner.lose(digest);
        }
        self.inner.purge(cx, digest).await
    }
}

struct Memory(Defect);

#[async_trait]
impl BlobCollectorFixture for Memory {
    async fn fresh(&self) -> BlobCollectorWorld {
        let inner = MemoryBlobs::new();
        let planted: Arc<dyn BlobCollector> = Arc::new(Planted { defect: self.0, inner: inner.clone() });
        BlobCollectorWorld::new(Arc::new(inner), Arc::new(Faulty::new(planted, no_faults())), ())
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(), &worlds(Arc::new(Memory(defect))))
}

#[test]
fn the_reference_store_does_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let nothing =
        ["a_retired_blob_can_be_read_and_is_not_listed", "a_purged_blob_is_gone", "a_large_blob_goes_with_what_it_needs"];
    assert_eq!(fails(Defect::RetiresNothing), nothing);
    let for_good =
        ["a_retired_blob_can_be_read_and_is_not_listed", "a_restored_blob_is_listed", "a_large_blob_goes_with_what_it_needs"];
    assert_eq!(fails(Defect::RetiresForGood), for_good);
    assert_eq!(fails(Defect::RestoresNothing), ["a_restored_blob_is_listed"]);
    assert_eq!(fails(Defect::PurgesNothing), ["a_purged_blob_is_gone", "a_large_blob_goes_with_what_it_needs"]);
    let there = ["a_restored_blob_is_listed", "what_is_not_retired_is_not_purged", "what_is_stored_anew_outlives_the_purge"];
    assert_eq!(fails(Defect::PurgesWhatIsThere), there);
    assert_eq!(fails(Defect::ListsAllAtOnce), ["blobs_are_listed_page_by_page"]);
}
