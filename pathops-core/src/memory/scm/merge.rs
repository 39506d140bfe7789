//! Merging a pull request, and the rules of its base branch.

use std::collections::BTreeMap;

use super::objects::NewObject;
use super::pulls::Pull;
use super::repository::Repository;
use crate::adapter::{BranchProtection, Commit, PullRequest, PullRequestState, Review, ReviewState, SourceTree};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, PersonId, PullRequestNumber};
use crate::principal::Principal;
use crate::time::UnixMillis;

const OPERATION: &str = "merge a pull request";

/// Who merges what, and when.
pub(super) struct Merging<'a> {
    pub(super) number: PullRequestNumber,
    pub(super) head: &'a CommitId,
    pub(super) by: &'a Principal,
    pub(super) at: UnixMillis,
}

impl Repository {
    /// Makes the merge commit, or returns the one there is.
    pub(super) fn merge(&mut self, merging: &Merging<'_>) -> Result<CommitId> {
        let Merging { number, head, by, at } = *merging;
        let pull = self.pull(OPERATION, number)?;
        if pull.request.head != *head {
            return Err(conflict(number, &format!("its head is {}, not {head}", pull.request.head)));
        }
        match &pull.request.state {
            PullRequestState::Merged { commit, .. } => return Ok(commit.clone()),
            PullRequestState::Closed { .. } => return Err(conflict(number, "it is closed")),
            PullRequestState::Open => self.refuse_unmet(pull)?,
        }
        let (base, made) = (pull.request.base.clone(), self.merge_commit(&pull.request, merging)?);
        let commit = self.objects.keep(made);
        self.set_branch(&base, commit.clone());
        let state = PullRequestState::Merged { by: by.clone(), commit: commit.clone(), at };
        self.touch_pull(OPERATION, number)?.request.state = state;
        Ok(commit)
    }

    fn merge_commit(&self, request: &PullRequest, merging: &Merging<'_>) -> Result<(Commit, SourceTree)> {
        let missing = || conflict(request.number, "its base branch is gone");
        let base = self.branches.get(&request.base).ok_or_else(missing)?;
        let files = self.objects.merge(base, &request.head).map_err(|paths| {
            let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
            conflict(request.number, &format!("both sides changed {}", paths.join(", ")))
        })?;
        let parents = vec![base.clone(), request.head.clone()];
        let message = format!("Merge {}: {}", request.number, request.title);
        let new = NewObject { parents, files, message: &message, at: merging.at };
        self.objects.make(new, merging.by).map_err(|why| why.of(ErrorKind::Conflict, OPERATION, request.number))
    }

    /// Refuses a draft, and where the base branch asks for something that the head commit does not have.
    fn refuse_unmet(&self, pull: &Pull) -> Result<()> {
        let refuse = |reason: String| Err(Error::new(ErrorKind::Denied, OPERATION).on(pull.request.number).because(reason));
        if pull.request.meta.draft {
            return refuse("it is a draft".to_owned());
        }
        let Some(BranchProtection { required_checks, required_approvals, .. }) = self.protection.get(&pull.request.base) else {
            return Ok(());
        };
        if let Some(check) = required_checks.iter().find(|name| !self.is_success(&pull.request.head, name)) {
            return refuse(format!("the required status `{check}` is no success on its head"));
        }
        let approvals = approvals(pull);
        if approvals < *required_approvals as usize {
            return refuse(format!("{approvals} of {required_approvals} required people approved its head"));
        }
        Ok(())
    }
}

/// How many people other than the one behind it approved the head. A comment changes nobody's word.
fn approvals(pull: &Pull) -> usize {
    let mut last: BTreeMap<&PersonId, &Review> = BTreeMap::new();
    for review in pull.reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        if let Principal::Human(person) = &review.author {
            last.insert(person, review);
        }
    }
    let counts = |(person, review): &(&PersonId, &Review)| {
        review.state == ReviewState::Approved
            && review.commit == pull.request.head
            && pull.request.author.person() != Some(*person)
    };
    last.into_iter().filter(counts).count()
}

fn conflict(number: PullRequestNumber, reason: &str) -> Error {
    Error::new(ErrorKind::Conflict, OPERATION).on(number).because(reason)
}
