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

/// Whether two addresses are of one Git repository, as Argo CD takes them: `git/x.git/` is `git/x`, upper case is lower case, and
/// `git@host:x` is `ssh://git@host/x`. A commit is the same wherever it lies.
pub(crate) fn same_repository(one: &str, other: &str) -> bool {
    one == other || normal(one).eq(normal(other))
}

fn bare(url: &str) -> &str {
    let url = url.trim().trim_end_matches('/');
    match url.split_at_checked(url.len().saturating_sub(4)) {
        Some((bare, end)) if end.eq_ignore_ascii_case(".git") => bare,
        _ => url,
    }
}

fn normal(url: &str) -> impl Iterator<Item = u8> {
    let url = bare(url);
    let (url, colon) = match url.split_at_checked(6) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ssh://") => (rest, None),
        // Without a scheme, what follows the first colon is no port but the path.
        _ => {
            let is_short = |(user, rest): (&str, &str)| !user.contains(['/', ':']) && !rest.contains('@');
            (url, url.find(':').filter(|_| url.split_once('@').is_some_and(is_short)))
        }
    };
    url.bytes().enumerate().map(move |(index, byte)| if Some(index) == colon { b'/' } else { byte.to_ascii_lowercase() })
}

/// Whether two paths are one to Git: `./envs//preflight/` is `envs/preflight`, and the root is empty.
pub(crate) fn same_path(one: &str, other: &str) -> bool {
    fn parts(path: &str) -> impl Iterator<Item = &str> {
        path.split('/').filter(|part| !matches!(*part, "" | "."))
    }
    one == other || parts(one).eq(parts(other))
}

/// A path as Git has it: `./envs/preflight/` is `envs/preflight`, and the root is empty.
pub(crate) fn plain(path: &str) -> &str {
    let mut path = path.trim_matches('/');
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    if path == "." { "" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_one_name() {
        for (one, other, same) in [
            ("https://git.example/shop/orders", "https://Git.Example/Shop/orders.GIT/", true),
            ("git@git.example:shop/orders.git", "ssh://git@git.example/shop/orders", true),
            ("git@git.example:shop/orders", "SSH://git@git.example/shop/Orders.git", true),
            ("https://git.example/shop/orders", "https://git.example/shop/orders-db", false),
            ("https://git.example/shop/orders", "https://git.example/shop", false),
            ("https://git.example/shop/orders", "https://other.example/shop/orders", false),
            // A port is no path, and another user is another address.
            ("git@git.example:22/orders", "ssh://git@git.example:22/orders", false),
            ("git@git.example:shop/orders", "ssh://other@git.example/shop/orders", false),
            ("https://git.example:8443/orders", "https://git.example/8443/orders", false),
            ("https://me@git.example:8443/orders", "https://me@git.example/8443/orders", false),
            ("", ".git", true),
        ] {
            assert_eq!(same_repository(one, other), same, "{one} {other}");
            assert_eq!(same_repository(other, one), same, "{other} {one}");
        }
    }

    #[test]
    fn a_path_has_one_name() {
        for same in ["envs/preflight", "/envs/preflight/", "./envs//preflight", "envs/./preflight"] {
            assert!(same_path(same, "envs/preflight"), "{same}");
        }
        for other in ["envs", "envs/preflight-2", "envs/preflight/x", "", "envspreflight", "envs/../envs/preflight"] {
            assert!(!same_path(other, "envs/preflight"), "{other}");
        }
        assert!(same_path(".", "") && same_path("/", "./"));
    }
}
