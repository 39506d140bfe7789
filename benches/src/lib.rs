//! Benchmarks of PathOps.
