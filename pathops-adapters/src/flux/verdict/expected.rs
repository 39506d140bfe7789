//! What should be live.

use std::time::Duration;

use pathops_core::{CommitId, UnixMillis};

use crate::live::Image;

/// What should be live: nothing less counts as ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub(super) repo_url: String,
    pub(super) path: String,
    pub(super) commit: CommitId,
    pub(super) images: Vec<Image>,
    pub(super) settle: Duration,
    pub(super) requested_at: UnixMillis,
}

impl Expected {
    /// Expects a folder of a repository at a commit, or at a later one with the same tree there, seen by a reconciliation that ended
    /// after `requested_at`. `repo_url` is how the source calls the repository, or the OCI artifact that is made of it.
    #[must_use]
    pub fn new(repo_url: impl Into<String>, path: impl Into<String>, commit: CommitId, requested_at: UnixMillis) -> Self {
        let (repo_url, path) = (repo_url.into(), path.into());
        Self { repo_url, path, commit, images: Vec::new(), settle: Duration::ZERO, requested_at }
    }

    /// Expects this image to run.
    #[must_use]
    pub fn image(mut self, image: Image) -> Self {
        self.images.push(image);
        self
    }

    /// Expects health to have held for so long.
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Whether an image is expected, so that workloads have to be read.
    #[must_use]
    pub fn expects_images(&self) -> bool {
        !self.images.is_empty()
    }
}
