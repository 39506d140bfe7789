//! What Git says of commits and trees.

use pathops_core::{CommitId, TreeId};

/// What Git says about the commits of the expected sources. `None` is "not known", and what is not known never makes a
/// deployment ready.
pub trait History {
    /// Whether `commit` has `ancestor` among its ancestors. A commit is no descendant of itself.
    fn descends(&self, repo_url: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool>;

    /// Whether both commits hold the same tree at `path`.
    fn same_tree(&self, repo_url: &str, path: &str, one: &CommitId, other: &CommitId) -> Option<bool>;

    /// Whether `commit` holds `tree` at `path`. It is asked where a tree is expected by its name; by default nobody knows.
    fn has_tree(&self, repo_url: &str, path: &str, commit: &CommitId, tree: &TreeId) -> Option<bool> {
        let _ = (repo_url, path, commit, tree);
        None
    }
}

/// Knows nothing: only the expected commit itself counts.
#[derive(Clone, Copy, Debug)]
pub struct NoHistory;

impl History for NoHistory {
    fn descends(&self, _: &str, _: &CommitId, _: &CommitId) -> Option<bool> {
        None
    }

    fn same_tree(&self, _: &str, _: &str, _: &CommitId, _: &CommitId) -> Option<bool> {
        None
    }
}
