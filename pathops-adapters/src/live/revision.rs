//! Where a source is, compared with what is expected of it.

use pathops_core::{CommitId, TreeId};

use super::history::History;

/// Where a commit stands that is not the expected one, or is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It is the expected one, or a later one with the same tree.
    Same,
    /// It is no descendant of the expected one, or nobody knows.
    Elsewhere,
    /// It is a later one that asks for something else.
    Superseded,
    /// It is a later one, and nobody knows what it asks for.
    Unknown,
}

/// Where `found` stands, compared with `expected`, which holds this `tree` where that is said.
pub(crate) fn stands(
    history: &impl History,
    (repo_url, path): (&str, &str),
    found: &CommitId,
    expected: &CommitId,
    tree: Option<&TreeId>,
) -> Stands {
    let holds = |tree| history.has_tree(repo_url, plain(path), found, tree);
    if found == expected {
        // Its name says what it holds. Where that is another tree than is said, it is not what is meant.
        return if tree.and_then(holds) == Some(false) { Stands::Elsewhere } else { Stands::Same };
    }
    if history.descends(repo_url, found, expected) != Some(true) {
        return Stands::Elsewhere;
    }
    match tree.map_or_else(|| history.same_tree(repo_url, plain(path), found, expected), holds) {
        Some(true) => Stands::Same,
        Some(false) => Stands::Superseded,
        None => Stands::Unknown,
    }
}

/// `git/x.git/` is `git/x`.
pub(crate) fn same_repository(one: &str, other: &str) -> bool {
    let bare = |url: &str| -> usize {
        let url = url.trim_end_matches('/');
        url.strip_suffix(".git").unwrap_or(url).len()
    };
    one.get(..bare(one)) == other.get(..bare(other))
}

/// A path as Git has it: `./envs/preflight/` is `envs/preflight`, and the root is empty.
pub(crate) fn plain(path: &str) -> &str {
    let mut path = path.trim_matches('/');
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    if path == "." { "" } else { path }
}
