//! From several answers to one.

use pathops_core::adapter::{NotYet, Readiness, Stale, StaleAction};
use pathops_core::{CommitId, TreeId};

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
pub(crate) fn nothing(commit: &CommitId) -> Option<TreeId> {
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
