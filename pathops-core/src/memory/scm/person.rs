//! A person in front of the host: what no adapter trait can do.

use super::MemoryForge;
use super::merge::Merging;
use crate::adapter::{NewCommit, Review, ReviewState};
use crate::error::Result;
use crate::id::{CommitId, PersonId, PullRequestNumber, RepoId};
use crate::principal::Principal;

/// A person who uses a [`MemoryForge`].
#[derive(Clone, Debug)]
pub struct MemoryPerson {
    forge: MemoryForge,
    principal: Principal,
}

impl MemoryPerson {
    pub(super) fn new(forge: MemoryForge, person: PersonId) -> Self {
        Self { forge, principal: Principal::Human(person) }
    }

    /// Commits to a branch, with the person as the author whatever `new` says.
    ///
    /// # Errors
    /// As [`Scm::commit`](crate::adapter::Scm::commit).
    pub fn commit(&self, repo: &RepoId, new: &NewCommit) -> Result<CommitId> {
        let new = NewCommit { author: self.principal.clone(), ..new.clone() };
        self.forge.write("commit to a branch", repo, |repository| repository.add_commit(&new))
    }

    /// Reviews a pull request at the commit that the person looked at. [`ReviewState::Dismissed`] takes an earlier word
    /// of the person back.
    ///
    /// # Errors
    /// `NotFound` for what the repository does not have.
    pub fn review(
        &self,
        repo: &RepoId,
        number: PullRequestNumber,
        commit: &CommitId,
        state: ReviewState,
        body: &str,
    ) -> Result<()> {
        let (author, at) = (self.principal.clone(), self.forge.clock.now());
        let review = Review { author, state, commit: commit.clone(), at, body: body.to_owned() };
        self.forge.write("review a pull request", repo, |repository| repository.add_review(number, review))
    }

    /// Writes a comment.
    ///
    /// # Errors
    /// `NotFound` for what the repository does not have.
    pub fn comment(&self, repo: &RepoId, number: PullRequestNumber, body: &str) -> Result<()> {
        let body = body.to_owned();
        self.forge.write("write a comment", repo, |repository| repository.add_comment(number, &self.principal, body))
    }

    /// Merges a pull request into any branch, if its head is still `head` and the branch's rules are met. Returns the
    /// commit that the branch then points to.
    ///
    /// # Errors
    /// `Conflict` where the head moved, the pull request is closed or the merge has conflicts; `Denied` where a required
    /// status or approval is missing, or it is a draft; `NotFound` for what the repository does not have.
    pub fn merge(&self, repo: &RepoId, number: PullRequestNumber, head: &CommitId) -> Result<CommitId> {
        let merging = Merging { number, head, by: &self.principal, at: self.forge.clock.now() };
        self.forge.write("merge a pull request", repo, |repository| repository.merge(&merging))
    }
}
