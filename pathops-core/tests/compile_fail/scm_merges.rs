//! A Git host's adapter cannot merge and cannot approve.
use pathops_core::adapter::{Merge, Scm};
use pathops_core::{CommitId, OpContext, PullRequestNumber, RepoId};

async fn merges(scm: &dyn Scm, cx: &OpContext, repo: &RepoId, number: PullRequestNumber, head: &CommitId) {
    let _ = scm.merge(cx, repo, number, head).await;
}

async fn approves(scm: &dyn Scm, cx: &OpContext, repo: &RepoId, number: PullRequestNumber, head: &CommitId) {
    let _ = scm.approve(cx, repo, number, head).await;
}

fn takes_a_merger(_: &dyn Merge) {}

fn main() {
    let _ = (merges, approves, |scm: &dyn Scm| takes_a_merger(scm));
}
