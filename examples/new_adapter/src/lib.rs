//! A notifier that appends each notice to a file, one JSON document a line.
//!
//! It is an adapter as anybody would write one outside of the PathOps workspace: it depends on `pathops-core` alone and
//! shows that it keeps the contract by running the conformance kit (`tests/conformance.rs`).

mod config;
mod error;
mod notifier;

pub use config::FileConfig;
pub use notifier::FileNotifier;
