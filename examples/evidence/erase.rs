//! Erasing what has to go.

use std::sync::Arc;

use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_adapters::system::{SystemClock, SystemKeys};
use pathops_core::adapter::{Bucket, Clock as _};
use pathops_core::evidence::RetentionPolicy;
use pathops_core::{Digest, ObjectKey, OpContext};
use pathops_evidence::Sealer;
use pathops_evidence::retention::{Disposal, SealedBlobs};
use pathops_examples::Failure;
use pathops_examples::store::{Open, Store};

use crate::ingest::ORIGIN;

/// Where this program keeps what is to be erasable: the keys lie in the store, and nothing wraps them.
pub(crate) fn sealed(blobs: &Arc<ObjectStoreBlobs>, bucket: &Arc<dyn Bucket>) -> Result<SealedBlobs, Failure> {
    let folder = ObjectKey::parse("payload-keys")?;
    Ok(SealedBlobs::new(blobs.clone(), bucket.clone(), Arc::new(SystemKeys)).with_folder(&folder))
}

/// The tombstone first, then the key. What was signed and logged stays, and verifies.
pub(crate) async fn erase(cx: &OpContext, payload: &Digest, store: &Store, authority: String) -> Result<String, Failure> {
    store.existing(cx).await?;
    let Open { signer, bucket, blobs, ledger, .. } = store.open(cx, ORIGIN).await?;
    let (sealed, trust) = (sealed(&blobs, &bucket)?, store.trust(cx).await?);
    let sealer = Sealer::new(signer, blobs.clone()).with_ledger(ledger);
    let disposal = Disposal::new(sealer, trust, blobs)?.with_sealed(sealed);
    // This program knows no retention policy, so no hold of one either; those that were signed into evidence stand.
    let tombstone = disposal.erase(cx, payload, authority, &RetentionPolicy::default(), SystemClock.now()).await?;
    Ok(format!("{payload} is erased, by the tombstone {}\n", tombstone.0.hex()))
}
