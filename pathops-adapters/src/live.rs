//! What every rule on "is this very commit live?" rests on: what Git says, references to images, and JSON of Kubernetes.

mod action;
mod history;
mod images;
mod json;
#[cfg(any(feature = "argocd", feature = "flux"))]
mod readiness;
mod revision;
#[cfg(any(feature = "argocd", feature = "flux"))]
mod trees;

pub use self::action::StaleAction;
pub use self::history::{History, NoHistory};
pub use self::images::{Image, ImageError};

#[cfg(feature = "argo-verdict")]
pub(crate) use self::images::Parts;
pub(crate) use self::images::parts;
pub(crate) use self::json::{Instant, objects, or_default};
#[cfg(any(feature = "argocd", feature = "flux"))]
pub(crate) use self::readiness::{Said, rank, whole};
#[cfg(feature = "argo-verdict")]
pub(crate) use self::revision::plain;
pub(crate) use self::revision::{Stands, same_path, same_repository, stands};
#[cfg(any(feature = "argocd", feature = "flux"))]
pub(crate) use self::trees::{Answers, Asking, Trees};
