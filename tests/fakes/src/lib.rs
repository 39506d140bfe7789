//! Stateful fakes of the servers that the adapters speak to, one module and feature each: what the tests of an adapter and the
//! examples run against, on 127.0.0.1. A fake keeps what it is told, answers in the vendor's shapes, and fails on demand; what
//! is asked of it and should never be is a panic.

#[cfg(feature = "argocd")]
pub mod argocd;
#[cfg(feature = "flux")]
pub mod flux;
#[cfg(any(feature = "github", feature = "gitlab"))]
mod git;
#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "gitlab")]
pub mod gitlab;
#[cfg(any(feature = "argocd", feature = "flux"))]
pub mod kubernetes;
