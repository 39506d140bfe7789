//! What the examples of PathOps share: a store of evidence, in a folder or at S3.
//!
//! The examples: `cargo run --example golden_path`, `cargo run --example embed`, `cargo run --example evidence`, `cargo run
//! --example policy`, `cargo run --example argo_verdict`, `cargo run --example gitops_edit`. `golden_path` runs on fakes of vendors'
//! servers too: `cargo run --features github,argocd --example golden_path -- --scm github --gitops argocd`, or
//! `cargo run --features gitlab --example golden_path -- --scm gitlab`.

mod address;
mod local;
pub mod store;

/// What ends an example, for people to read.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A variable of this program's environment: a host may read it, and hands on what the libraries need.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the host: it reads its environment and passes values on")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
