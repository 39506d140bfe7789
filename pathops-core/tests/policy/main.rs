//! The decision: what is let through, what is not, and that nobody gets around it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends where its set-up does not hold")]

mod approvals;
mod dsse;
mod evidence;
mod evidence_history;
mod evidence_signed;
mod freeze;
mod grant;
mod render;
mod replay;
mod rules;
mod shop;
mod way_back;
mod yaml;
