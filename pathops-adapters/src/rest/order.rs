//! The order of a log.

use std::collections::{BinaryHeap, HashMap};

use pathops_core::adapter::Commit;
use pathops_core::{CommitId, UnixMillis};

/// Each before its parents, newer ones first where that leaves a choice.
pub(crate) fn sorted(commits: Vec<Commit>) -> Vec<Commit> {
    let mut children: HashMap<CommitId, usize> = commits.iter().map(|commit| (commit.id.clone(), 0)).collect();
    for parent in commits.iter().flat_map(|commit| &commit.parents) {
        if let Some(count) = children.get_mut(parent) {
            *count = count.saturating_add(1);
        }
    }
    let mut waiting: HashMap<CommitId, Commit> = commits.into_iter().map(|commit| (commit.id.clone(), commit)).collect();
    let ready = waiting.values().filter(|commit| children.get(&commit.id) == Some(&0));
    let mut ready: BinaryHeap<(UnixMillis, CommitId)> = ready.map(|commit| (commit.at, commit.id.clone())).collect();
    let mut sorted = Vec::with_capacity(waiting.len());
    while let Some(commit) = ready.pop().and_then(|(_, id)| waiting.remove(&id)) {
        for parent in &commit.parents {
            let Some(count) = children.get_mut(parent) else { continue };
            *count = count.saturating_sub(1);
            if let (0, Some(parent)) = (*count, waiting.get(parent)) {
                ready.push((parent.at, parent.id.clone()));
            }
        }
        sorted.push(commit);
    }
    sorted
}
