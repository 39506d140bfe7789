//! What the host does not have.

use super::ScmWorld;
use super::checks::status;
use super::world::{cx, id, new_commit, new_pull};
use crate::adapter::{CheckState, PullRequestUpdate};
use crate::conformance::case::{Answer as _, Case, Outcome, cases};
use crate::error::ErrorKind::NotFound;
use crate::id::{BranchName, CommitId, PullRequestNumber, RepoId, RepoPath};

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        an_unknown_repository_is_not_found,
        an_unknown_commit_is_not_found,
        an_unknown_pull_request_is_not_found,
    ]
}

async fn an_unknown_repository_is_not_found(w: ScmWorld) -> Outcome {
    let (main, at): (BranchName, _) = (id("main")?, w.main().await?);
    let (scm, cx, repo, when) = (&w.scm, &cx("unknown"), &w.missing, "the repository is unknown");
    scm.branch_head(cx, repo, &main).await.fails(NotFound, when)?;
    scm.create_branch(cx, repo, &main, &at).await.fails(NotFound, when)?;
    scm.delete_branch(cx, repo, &main, &at).await.fails(NotFound, when)?;
    scm.commit(cx, repo, &new_commit(&main, &at, Vec::new())).await.fails(NotFound, when)?;
    scm.open_pull_request(cx, repo, &new_pull(&main, "other")?).await.fails(NotFound, when)?;
    scm.pull_requests_from(cx, repo, &main).await.fails(NotFound, when)?;
    commit_is_not_found(&w, repo, &at, when).await?;
    pull_request_is_not_found(&w, repo, when).await
}

async fn an_unknown_commit_is_not_found(w: ScmWorld) -> Outcome {
    let unknown = id(&"0123456789".repeat(4))?;
    commit_is_not_found(&w, &w.repo, &unknown, "the commit is unknown").await
}

async fn an_unknown_pull_request_is_not_found(w: ScmWorld) -> Outcome {
    pull_request_is_not_found(&w, &w.repo, "the pull request is unknown").await
}

async fn commit_is_not_found(w: &ScmWorld, repo: &RepoId, commit: &CommitId, when: &str) -> Outcome {
    let (scm, cx, path) = (&w.scm, &cx("unknown"), RepoPath::root());
    let file = id("README.md")?;
    scm.read_commit(cx, repo, commit).await.fails(NotFound, when)?;
    scm.log(cx, repo, None, commit, 9).await.fails(NotFound, when)?;
    scm.log(cx, repo, Some(commit), &w.main().await?, 9).await.fails(NotFound, when)?;
    scm.read_file(cx, repo, commit, &file).await.fails(NotFound, when)?;
    scm.tree_at(cx, repo, commit, &path).await.fails(NotFound, when)?;
    scm.read_tree(cx, repo, commit, &path).await.fails(NotFound, when)?;
    scm.compare(cx, repo, commit, commit).await.fails(NotFound, when)?;
    scm.compare(cx, repo, &w.main().await?, commit).await.fails(NotFound, when)?;
    scm.checks(cx, repo, commit).await.fails(NotFound, when)?;
    let status = status(commit, "ci/build", CheckState::Success, "good")?;
    scm.post_status(cx, repo, status).await.fails(NotFound, when)
}

async fn pull_request_is_not_found(w: &ScmWorld, repo: &RepoId, when: &str) -> Outcome {
    let (scm, cx, number) = (&w.scm, &cx("unknown"), PullRequestNumber(4711));
    scm.pull_request(cx, repo, number).await.fails(NotFound, when)?;
    scm.update_pull_request(cx, repo, number, &PullRequestUpdate::default()).await.fails(NotFound, when)?;
    scm.close_pull_request(cx, repo, number).await.fails(NotFound, when)?;
    scm.reviews(cx, repo, number).await.fails(NotFound, when)?;
    scm.comments(cx, repo, number).await.fails(NotFound, when)?;
    scm.put_comment(cx, repo, number, "status", "words").await.fails(NotFound, when)
}
