//! What people do on the forge. PathOps itself has no way to approve.

use std::sync::Arc;

use pathops_core::adapter::{FileChange, NewCommit, ReviewState};
use pathops_core::{BranchName, CommitId, PersonId, Principal, PullRequestNumber, RepoId, Result};

use super::attempt::Attempt;
use super::repo::Forge;

/// A person at the forge. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Person {
    forge: Arc<Forge>,
    person: PersonId,
}

impl Person {
    pub(super) fn new(forge: Arc<Forge>, person: PersonId) -> Self {
        Self { forge, person }
    }

    /// Reviews an open pull request at the head that the person looked at.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the head is another by now, or the pull request is not open.
    pub async fn review(
        &self,
        repo: &RepoId,
        number: PullRequestNumber,
        state: ReviewState,
        head: &CommitId,
        body: &str,
    ) -> Result<()> {
        let attempt = Attempt::new("review a pull request", format!("{repo}{number}"));
        let (person, head, body) = (self.person.clone(), head.clone(), body.to_owned());
        self.forge.writing(attempt, repo, move |writer| writer.add_review(number, person, state, &head, body)).await
    }

    /// Comments on a pull request.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn comment(&self, repo: &RepoId, number: PullRequestNumber, body: &str) -> Result<()> {
        let attempt = Attempt::new("comment on a pull request", format!("{repo}{number}"));
        let (by, body) = (self.principal(), body.to_owned());
        self.forge.writing(attempt, repo, move |writer| writer.add_comment(number, &by, body)).await
    }

    /// Merges a pull request with a merge commit, and returns it. What is merged already, at that head, gives the same
    /// commit again.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the head is another by now, the merge has conflicts (the message names the files) or
    /// the pull request is closed; `Denied` where the base branch asks for a status or an approval that is missing, or it
    /// is a draft.
    pub async fn merge(&self, repo: &RepoId, number: PullRequestNumber, head: &CommitId) -> Result<CommitId> {
        let attempt = Attempt::new("merge a pull request", format!("{repo}{number}"));
        let (head, by) = (head.clone(), self.principal());
        self.forge.writing(attempt, repo, move |writer| writer.merge(number, &head, &by, None)).await
    }

    /// Makes a commit on a branch that is not protected, by this person and now.
    ///
    /// # Errors
    /// As [`Scm::commit`](pathops_core::adapter::Scm::commit).
    pub async fn commit(
        &self,
        repo: &RepoId,
        branch: &BranchName,
        expected_head: &CommitId,
        message: &str,
        changes: Vec<FileChange>,
    ) -> Result<CommitId> {
        let new = NewCommit {
            branch: branch.clone(),
            expected_head: expected_head.clone(),
            message: message.to_owned(),
            author: self.principal(),
            at: self.forge.clock.now(),
            changes,
        };
        let attempt = Attempt::new("commit to a branch", format!("{repo}@{branch}"));
        self.forge.writing(attempt, repo, move |writer| writer.commit(&new)).await
    }

    fn principal(&self) -> Principal {
        Principal::Human(self.person.clone())
    }
}
