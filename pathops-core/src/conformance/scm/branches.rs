//! Branches.

use super::ScmWorld;
use super::world::{cx, id};
use crate::conformance::case::{Answer as _, Case, Outcome, cases, ensure};
use crate::error::ErrorKind;

pub(super) fn cases() -> Vec<Case<ScmWorld>> {
    cases!["scm":
        a_branch_that_is_not_there_has_no_head,
        a_new_branch_points_to_its_commit,
        creating_a_branch_again_is_no_error,
        creating_a_branch_elsewhere_already_exists,
        a_branch_is_not_made_at_an_unknown_commit,
        a_deleted_branch_is_gone,
        deleting_a_branch_that_moved_conflicts,
        pull_requests_outlive_their_branch,
    ]
}

async fn a_branch_that_is_not_there_has_no_head(w: ScmWorld) -> Outcome {
    ensure!(w.head("nowhere").await?.is_none(), "a branch that was never made has a head");
    Ok(())
}

async fn a_new_branch_points_to_its_commit(w: ScmWorld) -> Outcome {
    let (main, topic) = (id("main")?, w.branch("topic").await?);
    let old = w.main().await?;
    let new = w.push(&main, "README.md", "later").await?;
    let at_old = id("at-old")?;
    w.scm.create_branch(&cx("old"), &w.repo, &at_old, &old).await.works()?;
    ensure!(w.head("at-old").await? == Some(old.clone()), "a branch made at an older commit points elsewhere");
    ensure!(w.head(topic.as_str()).await? == Some(old), "a commit on `main` moved another branch");
    ensure!(w.main().await? == new, "making a branch moved `main`");
    Ok(())
}

async fn creating_a_branch_again_is_no_error(w: ScmWorld) -> Outcome {
    let (topic, at) = (w.branch("topic").await?, w.main().await?);
    w.restarted.create_branch(&cx("branch/topic"), &w.repo, &topic, &at).await.works()?;
    w.scm.create_branch(&cx("another key"), &w.repo, &topic, &at).await.works()?;
    ensure!(w.head("topic").await? == Some(at), "making a branch again moved it");
    Ok(())
}

async fn creating_a_branch_elsewhere_already_exists(w: ScmWorld) -> Outcome {
    let (topic, main) = (w.branch("topic").await?, w.main().await?);
    let head = w.push(&topic, "src/b.txt", "b").await?;
    let answer = w.scm.create_branch(&cx("elsewhere"), &w.repo, &topic, &main).await;
    answer.fails(ErrorKind::AlreadyExists, "the branch points elsewhere")?;
    ensure!(w.head("topic").await? == Some(head), "a refused creation moved the branch");
    Ok(())
}

async fn a_branch_is_not_made_at_an_unknown_commit(w: ScmWorld) -> Outcome {
    let (topic, unknown) = (id("topic")?, id(&"0123456789".repeat(4))?);
    let answer = w.scm.create_branch(&cx("unknown"), &w.repo, &topic, &unknown).await;
    answer.fails(ErrorKind::NotFound, "the repository does not have the commit")?;
    ensure!(w.head("topic").await?.is_none(), "a refused creation left a branch");
    Ok(())
}

async fn a_deleted_branch_is_gone(w: ScmWorld) -> Outcome {
    let (topic, at) = (w.branch("topic").await?, w.main().await?);
    w.scm.delete_branch(&cx("delete"), &w.repo, &topic, &at).await.works()?;
    ensure!(w.head("topic").await?.is_none(), "a deleted branch is still there");
    w.restarted.delete_branch(&cx("delete"), &w.repo, &topic, &at).await.works()?;
    w.scm.delete_branch(&cx("delete once more"), &w.repo, &topic, &at).await.works()?;
    ensure!(w.main().await? == at, "deleting a branch moved `main`");
    Ok(())
}

async fn deleting_a_branch_that_moved_conflicts(w: ScmWorld) -> Outcome {
    let (topic, seen) = (w.branch("topic").await?, w.main().await?);
    let head = w.push(&topic, "src/b.txt", "b").await?;
    let answer = w.scm.delete_branch(&cx("delete"), &w.repo, &topic, &seen).await;
    answer.fails(ErrorKind::Conflict, "the branch moved")?;
    ensure!(w.head("topic").await? == Some(head), "a refused deletion touched the branch");
    Ok(())
}

async fn pull_requests_outlive_their_branch(w: ScmWorld) -> Outcome {
    let opened = w.proposal("topic", "src/b.txt", "b").await?;
    w.scm.close_pull_request(&cx("close"), &w.repo, opened.number).await.works()?;
    w.scm.delete_branch(&cx("delete"), &w.repo, &opened.head_branch, &opened.head).await.works()?;
    let read = w.pull(opened.number).await?;
    ensure!(read.head == opened.head, "the head of a pull request went with its branch: {}", read.head);
    let found = w.scm.pull_requests_from(&cx("read"), &w.repo, &opened.head_branch).await.works()?;
    ensure!(found.len() == 1, "a pull request went with its branch");
    Ok(())
}
