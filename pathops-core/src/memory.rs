//! In-memory reference implementations of every adapter trait, and seeded fault wrappers.
//!
//! They are complete and pass the conformance kit: use them in tests, and read them to learn what a trait means.

mod agent;
mod blob;
mod bucket;
mod ci;
mod clock;
mod conditions;
mod data_keys;
mod event_bus;
mod evidence_index;
mod faults;
mod gitops;
mod ids;
mod inbox;
mod journal;
mod notifier;
mod scm;
mod signals;
mod signer;

pub use agent::*;
pub use blob::*;
pub use bucket::*;
pub use ci::*;
pub use clock::*;
pub use conditions::*;
pub use data_keys::*;
pub use event_bus::*;
pub use evidence_index::*;
pub use faults::*;
pub use gitops::*;
pub use ids::*;
pub use inbox::*;
pub use journal::*;
pub use notifier::*;
pub use scm::*;
pub use signals::*;
pub use signer::*;
