//! Tests of the workspace as a whole, in one binary.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

mod alerts;
mod argo_verdict_command;
mod attacks;
mod by_hand;
mod comments;
mod crash;
mod evidence_certified;
mod evidence_command;
mod evidence_killed;
mod evidence_logs;
mod evidence_slow;
mod evidence_witness;
mod gitops_edit_command;
mod golden_path;
mod governance;

mod graphs;
mod hosts;
mod invariants;
mod jumps;
mod layering;
mod lifecycles;
mod limits;
mod moved;
mod operate;
mod outside_evidence;
mod payloads;
mod policy_changes;
mod policy_command;
mod program;
mod provenance;
mod releases;
mod requests;
mod retention;
mod s3;
mod sample;
mod snapshots;
mod take_back;
mod third_party;
mod tidy;
mod told;
mod turns;
mod way_back;
mod webhook_command;
mod world;
