//! What every implementation of [`Merge`] must do.

use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, Case, Fresh, Outcome, abandon, cases, ensure, into_trials};
use super::scm::ScmWorld;
use super::scm::world::{cx, id, new_pull};
use crate::adapter::{Merge, MergeableBranch, PullRequest, PullRequestState};
use crate::error::{ErrorKind, Result as Answer};
use crate::id::{CommitId, PullRequestNumber};
use crate::project::{EnvironmentKind, EnvironmentTarget};

mod rules;

/// A Git host and someone who may merge there, for one case.
#[derive(Debug)]
pub struct MergeWorld {
    /// The implementation under test.
    pub merge: Arc<dyn Merge>,
    /// Another one for the same host with the same credential, as after a restart.
    pub restarted: Arc<dyn Merge>,
    /// The host. Its adapter passes the suite for [`Scm`](crate::adapter::Scm).
    pub host: ScmWorld,
}

/// Makes worlds.
#[async_trait]
pub trait MergeFixture: Send + Sync + 'static {
    /// A fresh world that no other case sees. It panics where there can be none: that is a defect of the set-up.
    async fn fresh(&self) -> MergeWorld;
}

/// The cases. Merging has no optional parts.
#[must_use]
pub fn cases() -> Vec<Case<MergeWorld>> {
    let mut all = cases!["merge":
        a_merge_brings_the_change_into_the_branch,
        merging_again_returns_the_same_commit,
        a_head_that_moved_conflicts,
        conflicting_changes_conflict,
        another_base_branch_is_denied,
        a_closed_pull_request_conflicts,
        what_the_host_does_not_have_is_not_found,
        an_abandoned_merge_settles_when_it_is_made_again,
    ];
    all.extend(rules::cases());
    all
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn MergeFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn MergeFixture>) -> Fresh<MergeWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// A branch that may be merged into, though it is called `main`.
fn main_branch() -> Result<MergeableBranch, String> {
    let mut target = EnvironmentTarget::local(id("preflight")?, EnvironmentKind::Preflight);
    target.branch = id("main")?;
    MergeableBranch::of(&target).ok_or_else(|| "a preflight environment's branch is not mergeable".to_owned())
}

impl MergeWorld {
    /// Merges into `main`.
    async fn try_merge(&self, key: &str, number: PullRequestNumber, head: &CommitId) -> Result<Answer<CommitId>, String> {
        Ok(self.merge.merge(&cx(key), &self.host.repo, number, head, &main_branch()?).await)
    }

    /// Checks that the merge is refused and that neither branch nor pull request changed.
    async fn refuses(&self, key: &str, pull: &PullRequest, kind: ErrorKind, when: &str) -> Outcome {
        let before = (self.host.main().await?, self.host.pull(pull.number).await?);
        self.try_merge(key, pull.number, &pull.head).await?.fails(kind, when)?;
        let after = (self.host.main().await?, self.host.pull(pull.number).await?);
        ensure!(before == after, "a refused merge changed {before:?} to {after:?}");
        Ok(())
    }
}

async fn a_merge_brings_the_change_into_the_branch(w: MergeWorld) -> Outcome {
    let opened = w.host.proposal("topic", "src/b.txt", "theirs").await?;
    let before = w.host.push(&id("main")?, "README.md", "ours").await?;
    let merge = w.try_merge("merge", opened.number, &opened.head).await?.works()?;
    ensure!(w.host.main().await? == merge, "`main` does not point to the commit that was answered");
    let seen = w.host.scm.compare(&cx("read"), &w.host.repo, &before, &merge).await.works()?;
    ensure!(seen.behind == 0, "the merge does not follow what `main` was");
    let (ours, theirs) = (w.host.text(&merge, "README.md").await?, w.host.text(&merge, "src/b.txt").await?);
    let both = (ours.as_deref(), theirs.as_deref()) == (Some("ours"), Some("theirs"));
    ensure!(both, "the merge holds {ours:?} and {theirs:?}, not both sides");
    let state = w.host.pull(opened.number).await?.state;
    let merged = matches!(&state, PullRequestState::Merged { commit, .. } if *commit == merge);
    ensure!(merged, "the pull request is {state:?}");
    Ok(())
}

async fn merging_again_returns_the_same_commit(w: MergeWorld) -> Outcome {
    let opened = w.host.proposal("topic", "src/b.txt", "b").await?;
    let first = w.try_merge("merge", opened.number, &opened.head).await?.works()?;
    let later = w.host.push(&id("main")?, "README.md", "later").await?;
    let again = w.restarted.merge(&cx("merge"), &w.host.repo, opened.number, &opened.head, &main_branch()?).await.works()?;
    let other = w.try_merge("another key", opened.number, &opened.head).await?.works()?;
    ensure!((&again, &other) == (&first, &first), "one pull request was merged as {first}, {again} and {other}");
    ensure!(w.host.main().await? == later, "merging again moved the branch");
    Ok(())
}

async fn a_head_that_moved_conflicts(w: MergeWorld) -> Outcome {
    let seen = w.host.proposal("topic", "src/b.txt", "seen").await?;
    let newer = w.host.push(&seen.head_branch, "src/b.txt", "not seen").await?;
    w.refuses("old head", &seen, ErrorKind::Conflict, "the head moved").await?;
    w.try_merge("new head", seen.number, &newer).await?.works()?;
    let answer = w.try_merge("old head of a merged one", seen.number, &seen.head).await?;
    answer.fails(ErrorKind::Conflict, "it was merged at another head")
}

async fn conflicting_changes_conflict(w: MergeWorld) -> Outcome {
    let opened = w.host.proposal("topic", "src/a.txt", "theirs").await?;
    w.host.push(&id("main")?, "src/a.txt", "ours").await?;
    w.refuses("merge", &opened, ErrorKind::Conflict, "both sides changed a file").await
}

async fn another_base_branch_is_denied(w: MergeWorld) -> Outcome {
    let (topic, other) = (w.host.branch("topic").await?, w.host.branch("other").await?);
    w.host.push(&topic, "src/b.txt", "b").await?;
    let new = new_pull(&topic, other.as_str())?;
    let opened = w.host.scm.open_pull_request(&cx("open"), &w.host.repo, &new).await.works()?;
    let before = w.host.head("other").await?;
    w.refuses("merge", &opened, ErrorKind::Denied, "it is for another branch than the one that may be merged").await?;
    ensure!(w.host.head("other").await? == before, "a branch that may not be merged into moved");
    Ok(())
}

async fn a_closed_pull_request_conflicts(w: MergeWorld) -> Outcome {
    let opened = w.host.proposal("topic", "src/b.txt", "b").await?;
    w.host.scm.close_pull_request(&cx("close"), &w.host.repo, opened.number).await.works()?;
    w.refuses("merge", &opened, ErrorKind::Conflict, "it is closed").await
}

async fn what_the_host_does_not_have_is_not_found(w: MergeWorld) -> Outcome {
    let opened = w.host.proposal("topic", "src/b.txt", "b").await?;
    let answer = w.try_merge("unknown number", PullRequestNumber(4711), &opened.head).await?;
    answer.fails(ErrorKind::NotFound, "the pull request is unknown")?;
    let (repo, branch) = (&w.host.missing, main_branch()?);
    let answer = w.merge.merge(&cx("unknown repository"), repo, opened.number, &opened.head, &branch).await;
    answer.fails(ErrorKind::NotFound, "the repository is unknown")
}

async fn an_abandoned_merge_settles_when_it_is_made_again(w: MergeWorld) -> Outcome {
    let branch = main_branch()?;
    for polls in 1..=4 {
        let opened = w.host.proposal(&format!("topic-{polls}"), &format!("src/{polls}.txt"), "b").await?;
        let (before, key) = (w.host.main().await?, cx(&format!("abandoned/{polls}")));
        abandon(w.merge.merge(&key, &w.host.repo, opened.number, &opened.head, &branch), polls).await;
        let merge = w.merge.merge(&key, &w.host.repo, opened.number, &opened.head, &branch).await.works()?;
        ensure!(w.host.main().await? == merge, "after {polls} polls `main` is elsewhere");
        let seen = w.host.scm.compare(&cx("read"), &w.host.repo, &before, &merge).await.works()?;
        ensure!(seen.ahead <= 2 && seen.behind == 0, "after {polls} polls `main` is {} commits ahead", seen.ahead);
    }
    Ok(())
}
