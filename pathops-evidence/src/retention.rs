//! Letting payloads go, in a log that keeps every leaf.
//!
//! * What is kept how long is a [`RetentionPolicy`](pathops_core::evidence::RetentionPolicy). A reference to a payload is signed
//!   with what the policy said on that day ([`Collection::payload_for`](crate::Collection::payload_for)); what says nothing is
//!   kept for ever.
//! * [`SealedBlobs`] encrypts payloads that may have to be erased, each with a key of its own. The digest is that of the
//!   ciphertext: without the key it says nothing of what was in it. Whether a payload is encrypted stands in the signed reference
//!   to it ([`StoredPayload::annotate`]); what it begins with, anybody may have written.
//! * [`Disposal`] lets expired payloads go, erases, and collects what nothing refers to. It never touches a leaf, an envelope or
//!   a proof, and whatever goes that evidence refers to gets a signed tombstone in the log first.
//!   [`verify_ledger`](crate::verify_ledger) tells the tombstone in the place of a payload that is gone, and fails where there is
//!   none. A legal hold wins over all of it.
//! * [`redact_stored`] takes out of a payload what was stored with it and should not have been, and states so. What is left is
//!   a payload of its own: erasing the one does not erase the other.
//!
//! A report that may have to be erased is stored encrypted, and referred to by the digest of the ciphertext. Erasing it states so in
//! the log and destroys its key. What was signed and logged stays as it is, and verifies:
//!
//! ```
//! use std::sync::Arc;
//! use pathops_core::adapter::Signer as _;
//! use pathops_core::evidence::{Keeping, RetentionPolicy, Subject, TestAnnotations, TrustRoot};
//! use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemoryKeys, MemorySigner};
//! use pathops_core::{Digest, IdempotencyKey, OpContext, UnixMillis};
//! use pathops_evidence::ledger::{Ledger, LogKey};
//! use pathops_evidence::redact::Redactor;
//! use pathops_evidence::retention::{Disposal, SealedBlobs};
//! use pathops_evidence::{Against, Origin, Sealer, Verdict, ingest, verify_ledger};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cx = &OpContext::new(IdempotencyKey::new("docs"));
//! // Adapters of the host; `keys` is a key service.
//! let (blobs, bucket, keys) = (MemoryBlobs::new(), Arc::new(MemoryBucket::new()), MemoryKeys::from_seed(1));
//! let (signer, log) = (MemorySigner::from_seed(1)?, LogKey::new("shop.example/evidence", &[7; 32])?);
//! let trust = TrustRoot::new([signer.public_key()]);
//! let sealed = SealedBlobs::new(Arc::new(blobs.clone()), bucket.clone(), Arc::new(keys));
//! let ledger = Arc::new(Ledger::open(cx, bucket.clone(), log.clone()).await?);
//! let sealer = Sealer::new(Arc::new(signer), Arc::new(blobs.clone())).with_ledger(ledger).with_erasable(sealed.clone());
//!
//! let origin = Origin {
//!     name: "acceptance".to_owned(),
//!     subjects: vec![Subject::named("orders").with_sha256(&Digest::of(b"the image"))],
//!     attester: "https://ci.example".to_owned(),
//!     at: UnixMillis(0),
//!     suite: "acceptance".to_owned(),
//!     annotations: TestAnnotations::default(),
//!     keeping: Keeping::ForEver("nobody said otherwise".to_owned()),
//! };
//! let taken = ingest(cx, &sealer, &Redactor::new([])?, b"TAP version 14\n1..1\nok 1 - a customer\n", None, &origin).await?;
//! assert!(sealed.get_stream(cx, &taken.payload).await?.is_some());
//!
//! let disposal = Disposal::new(sealer, trust.clone(), Arc::new(blobs.clone()))?.with_sealed(sealed.clone());
//! let (policy, now) = (RetentionPolicy::default(), UnixMillis(1_000));
//! disposal.erase(cx, &taken.payload, "request 17 of the customer", &policy, now).await?;
//! assert!(sealed.get_stream(cx, &taken.payload).await.is_err(), "its key is gone");
//!
//! let against = Against { log: &log.identity(), trust: &trust, known: &[], blobs: Some(&blobs), sealed: Some(&sealed) };
//! assert_eq!(verify_ledger(cx, &*bucket, against).await?.verdict(), Verdict::Verified);
//! # Ok(()) }
//! ```

mod disposal;
mod redacted;
mod run;
mod sealed;
mod store;
mod survey;

pub use disposal::{Disposal, Disposed};
pub use redacted::redact_stored;
pub(crate) use sealed::SEALED;
pub use sealed::SealedBlobs;
pub use store::{PayloadStore, StoredPayload};
pub(crate) use survey::Tombstones;
