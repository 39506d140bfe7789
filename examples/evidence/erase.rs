//! Erasing what has to go.

use std::path::Path;

use pathops_adapters::system::SystemClock;
use pathops_core::adapter::Clock as _;
use pathops_core::evidence::RetentionPolicy;
use pathops_core::{Digest, OpContext};
use pathops_evidence::Sealer;
use pathops_evidence::retention::Disposal;
use pathops_examples::Failure;
use pathops_examples::store::{Open, Store};
use serde::Deserialize;

use crate::ingest::ORIGIN;

/// The tombstone first, then the key. What was signed and logged stays, and verifies.
pub(crate) async fn erase(
    cx: &OpContext,
    payload: &Digest,
    store: &Store,
    authority: String,
    retention: Option<&Path>,
) -> Result<String, Failure> {
    let policy = retention.map(policy).transpose()?;
    store.existing(cx).await?;
    let open = store.open(cx, ORIGIN).await?;
    let (sealed, trust) = (open.sealed()?, store.trust(cx).await?);
    let Open { signer, blobs, ledger, .. } = open;
    let sealer = Sealer::new(signer, blobs.clone()).with_ledger(ledger);
    let disposal = Disposal::new(sealer, trust, blobs)?.with_sealed(sealed);
    let rules = policy.clone().unwrap_or_default();
    let tombstone = disposal.erase(cx, payload, authority, &rules, SystemClock.now()).await?;
    let unknown = match policy {
        Some(_) => "",
        None => "no retention policy was given: holds were looked for in evidence only; give --retention\n",
    };
    Ok(format!("{payload} is erased, by the tombstone {}\n{unknown}", tombstone.0.hex()))
}

/// The policy in a file.
fn policy(file: &Path) -> Result<RetentionPolicy, Failure> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| told(&error))?;
    let Document { spec } = serde_saphyr::from_str(&text).map_err(|error| told(&error))?;
    Ok(spec)
}

/// `retention.yaml`; what else is in it is for whoever checks the meta repository.
#[derive(Deserialize)]
struct Document {
    spec: RetentionPolicy,
}
