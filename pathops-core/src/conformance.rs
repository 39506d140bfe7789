//! The conformance kit: what every implementation of an adapter trait must do, as one named trial a behaviour.
//!
//! Each trait has a module with a fixture trait (about ten lines for an adapter's author) and `trials`, which gives the
//! cases for [`libtest_mimic`]. Which cases there are follows from the adapter's declared capabilities, and the kit is
//! honest about it: what is *not* declared is called too and must answer `Unsupported` without effect, so declaring less
//! is no way to pass.
//!
//! The kit itself is tested: the reference implementations of [`crate::memory`] pass every case, and with one planted
//! defect they fail exactly the cases that name it.

mod case;
mod step;

pub mod agent;
pub mod blob;
pub mod blob_collector;
pub mod bucket;
pub mod ci;
pub mod condition;
pub mod data_keys;
pub mod engine;
pub mod event_bus;
pub mod evidence_index;
pub mod gitops;
pub mod inbox;
pub mod journal;
pub mod merge;
pub mod notifier;
pub mod scm;
pub mod signals;
pub mod signer;
pub mod time;
pub mod witness;

pub use case::*;
