//! The examples of PathOps: `cargo run --example golden_path`, `cargo run --example embed`, `cargo run --example policy`,
//! `cargo run --example argo_verdict`, `cargo run --example gitops_edit`.
