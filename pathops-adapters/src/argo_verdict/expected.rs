//! What should be live.

use std::time::Duration;

use pathops_core::{CommitId, TreeId, UnixMillis};

use crate::live::Image;

/// What should be live: nothing less counts as ready. It expects one source at least, so that it cannot be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    sources: Vec<ExpectedSource>,
    images: Vec<Image>,
    hooks: Vec<ExpectedHook>,
    settle: Duration,
    requested_at: UnixMillis,
    judged_apart: Vec<(String, String)>,
}

impl Expected {
    /// Expects `source`, seen by a comparison that began after `requested_at`, the time of our refresh request.
    #[must_use]
    pub fn new(source: ExpectedSource, requested_at: UnixMillis) -> Self {
        let (images, hooks, judged_apart) = (Vec::new(), Vec::new(), Vec::new());
        Self { sources: vec![source], images, hooks, settle: Duration::ZERO, requested_at, judged_apart }
    }

    /// Expects this source as well.
    #[must_use]
    pub fn and(mut self, source: ExpectedSource) -> Self {
        self.sources.push(source);
        self
    }

    /// Expects this image to run.
    #[must_use]
    pub fn image(mut self, image: Image) -> Self {
        self.images.push(image);
        self
    }

    /// Expects this hook to have run, for this state, and succeeded.
    #[must_use]
    pub fn hook(mut self, hook: ExpectedHook) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Expects health to have held for so long.
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// The Application `namespace/name` has a verdict of its own, without which nothing is made of this one. Where this one manages
    /// an Application of which that is not said, it is never ready: Argo CD does not count the health of those it manages.
    #[must_use]
    pub fn judged_apart(mut self, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        self.judged_apart.push((namespace.into(), name.into()));
        self
    }

    pub(super) fn judges_apart(&self, namespace: &str, name: &str) -> bool {
        self.judged_apart.iter().any(|(of, it)| of == namespace && it == name)
    }

    /// The same, but for what was said of Applications that have a verdict of their own.
    #[cfg(feature = "argocd")]
    pub(crate) fn judging_none_apart(mut self) -> Self {
        self.judged_apart.clear();
        self
    }

    /// The same, whatever images run.
    #[cfg(feature = "argocd")]
    pub(crate) fn of_any_image(mut self) -> Self {
        self.images.clear();
        self
    }

    /// The same, seen by a comparison that began after this instant as well.
    #[cfg(feature = "argocd")]
    pub(crate) fn looked_at_after(mut self, at: UnixMillis) -> Self {
        self.requested_at = self.requested_at.max(at);
        self
    }

    pub(super) fn sources(&self) -> &[ExpectedSource] {
        &self.sources
    }

    pub(super) fn images(&self) -> &[Image] {
        &self.images
    }

    pub(super) fn hooks(&self) -> &[ExpectedHook] {
        &self.hooks
    }

    pub(super) fn settle_time(&self) -> Duration {
        self.settle
    }

    pub(super) fn requested_at(&self) -> UnixMillis {
        self.requested_at
    }
}

/// A source at what it should be at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedSource {
    pub(super) repo_url: String,
    pub(super) within: Within,
    pub(super) at: At,
    /// What the folder holds there, where that is said.
    pub(super) tree: Option<TreeId>,
}

/// Which source of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Path(String),
    Chart(String),
}

/// What it should be at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    Commit(CommitId),
    Version(String),
}

impl ExpectedSource {
    /// A folder of a Git repository at a commit, or at a later one with the same tree there. In an application with a source
    /// hydrator the repository and folder may be the dry ones or the hydrated ones.
    #[must_use]
    pub fn git(repo_url: impl Into<String>, path: impl Into<String>, commit: CommitId) -> Self {
        Self { repo_url: repo_url.into(), within: Within::Path(path.into()), at: At::Commit(commit), tree: None }
    }

    /// Its folder holds this tree at the commit. A later commit counts where its folder is known to hold it as well
    /// ([`History::has_tree`](super::History::has_tree)), whatever is known of the commit itself; the commit does not where its folder
    /// is known to hold another. Of a chart or an OCI artifact it says nothing.
    #[must_use]
    pub fn with_tree(self, tree: TreeId) -> Self {
        Self { tree: Some(tree), ..self }
    }

    /// A Helm chart at exactly this version. What may stand for several (`1.2.*`, `latest`) is never where it should be.
    #[must_use]
    pub fn chart(repo_url: impl Into<String>, chart: impl Into<String>, version: impl Into<String>) -> Self {
        Self { repo_url: repo_url.into(), within: Within::Chart(chart.into()), at: At::Version(version.into()), tree: None }
    }

    /// An OCI artifact at exactly this revision, as Argo CD reports it: a digest, for sources by tag too.
    #[must_use]
    pub fn oci(repo_url: impl Into<String>, path: impl Into<String>, revision: impl Into<String>) -> Self {
        Self { repo_url: repo_url.into(), within: Within::Path(path.into()), at: At::Version(revision.into()), tree: None }
    }
}

/// A hook that must have run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedHook {
    /// Hooks of this type, one at least, and all of them: `PreSync`, `Sync`, `PostSync`.
    Type(String),
    /// The hook of this name.
    Named(String),
}
