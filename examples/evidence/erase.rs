//! Erasing what has to go.

use pathops_adapters::system::SystemClock;
use pathops_core::adapter::Clock as _;
use pathops_core::evidence::RetentionPolicy;
use pathops_core::{Digest, OpContext};
use pathops_evidence::Sealer;
use pathops_evidence::retention::Disposal;
use pathops_examples::Failure;
use pathops_examples::store::{Open, Store};

use crate::ingest::ORIGIN;

/// The tombstone first, then the key. What was signed and logged stays, and verifies.
pub(crate) async fn erase(cx: &OpContext, payload: &Digest, store: &Store, authority: String) -> Result<String, Failure> {
    store.existing(cx).await?;
    let open = store.open(cx, ORIGIN).await?;
    let (sealed, trust) = (open.sealed()?, store.trust(cx).await?);
    let Open { signer, blobs, ledger, .. } = open;
    let sealer = Sealer::new(signer, blobs.clone()).with_ledger(ledger);
    let disposal = Disposal::new(sealer, trust, blobs)?.with_sealed(sealed);
    // This program knows no retention policy, so no hold of one either; those that were signed into evidence stand.
    let tombstone = disposal.erase(cx, payload, authority, &RetentionPolicy::default(), SystemClock.now()).await?;
    Ok(format!("{payload} is erased, by the tombstone {}\n", tombstone.0.hex()))
}
