//! Tests across the crates of PathOps.
