//! Servers that stand for the hosts of others in tests: they keep state, do what Git does by Git, and fail on demand.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::missing_panics_doc, reason = "test code: what is not as a test needs it to be is a panic")]

#[cfg(feature = "gitlab")]
pub mod gitlab;
