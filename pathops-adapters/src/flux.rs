//! Flux: what it says of an expected deployment.

pub mod verdict;
