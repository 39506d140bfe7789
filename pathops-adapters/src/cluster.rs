//! An API server of Kubernetes: how it is reached, requests and their answers, and what a credential may do there.

mod access;
mod http;
#[cfg(feature = "argocd")]
mod lines;
#[cfg(feature = "kubernetes")]
mod pour;
mod query;
mod rights;

pub use self::access::Access;
pub use self::rights::RightsFinding;

pub(crate) use self::http::{Ask, Http, PATIENCE};
pub(crate) use self::query::encoded;
pub(crate) use self::rights::{Right, findings};

#[cfg(feature = "argocd")]
pub(crate) use self::lines::Lines;
#[cfg(any(feature = "argocd", feature = "kubernetes"))]
pub(crate) use self::query::query;
#[cfg(feature = "argocd")]
pub(crate) use self::rights::OPERATION;
