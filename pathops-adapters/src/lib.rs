//! Adapters that connect PathOps to what is there: one feature each, none of them default.
//!
//! `embedded` is everything one machine needs, and no server: a forge on local Git repositories, CI that runs a
//! repository's own script, a reconciler that runs what is declared as processes, SQLite, files and a local key. They
//! are defaults for one machine, no mocks: they implement the same traits and pass the same conformance suites as the
//! adapters of vendors.

#[cfg(feature = "argo-verdict")]
pub mod argo_verdict;
#[cfg(feature = "argocd")]
pub mod argocd;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod call;
#[cfg(feature = "cedar")]
pub mod cedar;
#[cfg(any(feature = "argocd", feature = "flux", feature = "kubernetes"))]
mod cluster;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod evidence_rows;
#[cfg(feature = "flux")]
pub mod flux;
#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "gitlab")]
pub mod gitlab;
#[cfg(feature = "gitops-edit")]
pub mod gitops_edit;
#[cfg(any(feature = "nats", feature = "rabbitmq"))]
mod held;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod inbox_rows;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod journal_rows;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(any(feature = "argo-verdict", feature = "flux"))]
mod live;
#[cfg(feature = "local-ci")]
pub mod local_ci;
#[cfg(feature = "local-forge")]
pub mod local_forge;
#[cfg(feature = "local-gitops")]
pub mod local_gitops;
#[cfg(feature = "local-signer")]
pub mod local_signer;
#[cfg(feature = "loki")]
pub mod loki;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(any(feature = "cedar", feature = "rego"))]
mod nesting;
#[cfg(feature = "object-store")]
pub mod object_store;
#[cfg(feature = "patch-agent")]
pub mod patch_agent;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(any(feature = "loki", feature = "prometheus", feature = "vault", feature = "witness"))]
mod query_api;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "rego")]
pub mod rego;
#[cfg(any(feature = "github", feature = "gitlab"))]
mod rest;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "system")]
pub mod system;
#[cfg(feature = "temporal")]
pub mod temporal;
#[cfg(feature = "vault")]
pub mod vault;
#[cfg(feature = "webhooks")]
pub mod webhook;
#[cfg(feature = "witness")]
pub mod witness;
