//! From what a rule says of one object to the words of the trait, and from several of them to one.

use std::fmt::Display;

use pathops_core::adapter::{NotYet, Readiness, Stale, StaleAction};
use pathops_core::{CommitId, Result, TreeId};

/// What a verdict is in the words of the trait, or what is still missing of them.
pub(crate) enum Said {
    Plainly(Readiness),
    /// The branch has moved on to another state at this revision, whose tree is to be named.
    Superseded(String),
}

impl Said {
    /// The words. `tree` gives that of the environment's folder at a commit, or `None` where there is no such folder or commit;
    /// `told` is the verdict for people.
    pub(crate) async fn in_full(
        self,
        told: impl Display,
        tree: impl AsyncFnOnce(&CommitId) -> Result<Option<TreeId>>,
    ) -> Result<Readiness> {
        let revision = match self {
            Said::Plainly(readiness) => return Ok(readiness),
            Said::Superseded(revision) => revision,
        };
        let tree = match CommitId::parse(revision.as_str()) {
            Ok(commit) => tree(&commit).await?.or_else(|| nothing(&commit)),
            Err(_) => None,
        };
        Ok(match tree {
            Some(tree) => Readiness::Stale(Stale::Superseded { tree }, StaleAction::GiveUp),
            None => Readiness::NotYet(NotYet::Reported { message: told.to_string() }),
        })
    }
}

/// Of several objects the one counts whose answer weighs most: that another state took its place, then a failure, then what
/// somebody has to do, then what is waited for.
pub(crate) fn rank(readiness: &Readiness) -> u8 {
    match readiness {
        Readiness::Stale(_, StaleAction::GiveUp) => 0,
        Readiness::Failed(_) => 1,
        Readiness::Stale(_, StaleAction::AskPeople) => 2,
        Readiness::Stale(_, StaleAction::Refresh) => 3,
        Readiness::NotYet(_) => 4,
        Readiness::Ready => 5,
    }
}

/// Git's empty tree, in the hash of `commit`: what a folder that is gone asks for.
fn nothing(commit: &CommitId) -> Option<TreeId> {
    let empty = match commit.as_str().len() {
        40 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        _ => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    };
    TreeId::parse(empty).ok()
}

/// Whether the environment's whole folder is what is expected wherever something of it is `applied`, which is in `parts` places.
pub(crate) fn whole(applied: &[CommitId], trees: &[Option<TreeId>], parts: usize, expected: &TreeId) -> Readiness {
    if applied.len() != parts {
        let message = "it is not known which commit is live".to_owned();
        return Readiness::NotYet(NotYet::Reported { message });
    }
    for (commit, tree) in applied.iter().zip(trees) {
        if tree.as_ref() != Some(expected) {
            return match tree.clone().or_else(|| nothing(commit)) {
                Some(tree) => Readiness::Stale(Stale::Superseded { tree }, StaleAction::GiveUp),
                None => Readiness::NotYet(NotYet::NotSeen),
            };
        }
    }
    Readiness::Ready
}
