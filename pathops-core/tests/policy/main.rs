//! The decision: what is let through, what is not, and that nobody gets around it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends where its set-up does not hold")]

mod approvals;
mod ask_contracts;
mod ask_evidence;
mod ask_findings;
mod ask_policy;
mod ask_signal;
mod ask_soak;
mod ask_tests;
mod asks;
mod break_glass;
mod cases;
mod changes;
mod digest;
mod doubts;
mod dsse;
mod evidence;
mod evidence_history;
mod evidence_signed;
mod explain;
mod freeze;
mod grant;
mod history;
mod layers;
mod permissions;
mod remaining;
mod render;
mod replay;
mod rules;
mod shop;
mod standing_still;
mod tighten;
mod way_back;
