//! Webhooks: what their senders send is taken, and what anybody else makes of it is not.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a skip is told")]

mod bombs;
mod forged;
mod mutated;
mod octokit;
mod recorded;
mod request;
mod said;
