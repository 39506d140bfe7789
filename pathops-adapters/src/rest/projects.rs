//! Which repositories share a budget as one.

use std::fmt;
use std::sync::Arc;

use pathops_core::{ProjectId, RepoId};

type ProjectOf = dyn Fn(&RepoId) -> Option<ProjectId> + Send + Sync;

/// Tells the project of a repository.
#[derive(Clone, Default)]
pub(crate) struct Projects(Option<Arc<ProjectOf>>);

impl Projects {
    pub(crate) fn new(project_of: impl Fn(&RepoId) -> Option<ProjectId> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(project_of)))
    }

    /// The project, or the repository itself. No project is called as a repository: its name has no slash.
    pub(crate) fn lane(&self, repo: &RepoId) -> String {
        let project = self.0.as_ref().and_then(|project_of| project_of(repo));
        project.map_or_else(|| repo.to_string(), |project| project.to_string())
    }
}

impl fmt::Debug for Projects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Projects")
    }
}
