//! The GitOps controller as PathOps sees it: the embedded reconciler itself, or the fake of Argo CD before it, which the example
//! starts. The reconciler is what deploys either way.

#[cfg(feature = "argocd")]
mod argocd;

use std::any::Any;
use std::sync::Arc;

use clap::ValueEnum;
use pathops_adapters::local_forge::LocalForge;
use pathops_adapters::local_gitops::Reconciler;
use pathops_core::adapter::{GitOps, Scm};
use pathops_core::project::Project;

use crate::Failure;

/// Which controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// The embedded reconciler.
    Local,
    /// A fake of Argo CD; needs `--features argocd`.
    #[value(name = "argocd")]
    ArgoCd,
}

impl Choice {
    /// Refuses one that was not built in.
    pub(crate) fn check(self) -> Result<(), Failure> {
        if self == Choice::Local || cfg!(feature = "argocd") {
            return Ok(());
        }
        Err("this program was built without Argo CD: build it with `--features argocd`".into())
    }
}

/// Tells what others have verified of what runs.
#[cfg(feature = "argocd")]
pub(crate) use pathops_adapters::kubernetes::Kubernetes as Verifier;

/// Nobody: it takes Argo Rollouts, which is beside Argo CD.
#[cfg(not(feature = "argocd"))]
pub(crate) enum Verifier {}

/// A controller, and what has to live as long as it is used.
pub(crate) struct Controller {
    pub(crate) gitops: Arc<dyn GitOps>,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) _servers: Box<dyn Any + Send + Sync>,
}

/// The controller of the project. `scm` is what PathOps asks about commits; the fake itself reads the repositories of `forge`.
pub(crate) async fn open(
    choice: Choice,
    project: &Project,
    reconciler: Arc<Reconciler>,
    forge: &LocalForge,
    scm: Arc<dyn Scm>,
) -> Result<Controller, Failure> {
    choice.check()?;
    #[cfg(feature = "argocd")]
    if choice == Choice::ArgoCd {
        return argocd::start(project, reconciler, forge, scm).await;
    }
    let _ = (project, forge, scm);
    Ok(Controller { gitops: reconciler, verifier: None, _servers: Box::new(()) })
}
