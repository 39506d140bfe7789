//! Letting payloads go, in a log that keeps every leaf.
//!
//! * What is kept how long is a [`RetentionPolicy`](pathops_core::evidence::RetentionPolicy). A reference to a payload is signed
//!   with what the policy said on that day ([`Collection::payload_for`](crate::Collection::payload_for)); what says nothing is
//!   kept for ever.
//! * [`SealedBlobs`] encrypts payloads that may have to be erased, each with a key of its own. The digest is that of the
//!   ciphertext: without the key it says nothing of what was in it.
//! * [`Disposal`] lets expired payloads go, erases, and collects what nothing refers to. It never touches a leaf, an envelope or
//!   a proof, and whatever goes that evidence refers to gets a signed tombstone in the log first.
//!   [`verify_ledger`](crate::verify_ledger) tells the tombstone in the place of a payload that is gone, and fails where there is
//!   none. A legal hold wins over all of it.
//! * [`redact_stored`] takes out of a payload what was stored with it and should not have been, and states so.

mod disposal;
mod redacted;
mod run;
mod sealed;
mod survey;

pub use disposal::{Disposal, Disposed};
pub use redacted::redact_stored;
pub use sealed::SealedBlobs;
pub(crate) use survey::Tombstones;
