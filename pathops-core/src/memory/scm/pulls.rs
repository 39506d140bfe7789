//! Pull requests of a repository, with their reviews and comments.

use super::repository::Repository;
use crate::adapter::{
    Comment, NewPullRequest, PullRequest, PullRequestState, PullRequestUpdate, Review, ScmCapabilities, ScmEventKind,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BranchName, CommitId, PullRequestNumber, RepoId};
use crate::op::IdempotencyKey;
use crate::principal::Principal;

/// A pull request and everything said about it.
pub(super) struct Pull {
    pub(super) request: PullRequest,
    /// The key that opened it.
    key: IdempotencyKey,
    pub(super) reviews: Vec<Review>,
    pub(super) comments: Vec<Comment>,
}

impl Repository {
    pub(super) fn pull(&self, operation: &'static str, number: PullRequestNumber) -> Result<&Pull> {
        self.pulls.iter().find(|pull| pull.request.number == number).ok_or_else(|| no_pull(operation, number))
    }

    /// The pull request, about to be changed: that goes into the feed.
    pub(super) fn touch_pull(&mut self, operation: &'static str, number: PullRequestNumber) -> Result<&mut Pull> {
        let pull = self.pulls.iter_mut().find(|pull| pull.request.number == number);
        let pull = pull.ok_or_else(|| no_pull(operation, number))?;
        self.happened.push(ScmEventKind::PullRequest(number));
        Ok(pull)
    }

    /// Opens a pull request, or returns the one that this key opened, whatever became of it.
    pub(super) fn open_pull(&mut self, key: &IdempotencyKey, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        const OPERATION: &str = "open a pull request";
        let mut same = self.pulls.iter().filter(|pull| pull.request.head_branch == new.head && pull.request.base == new.base);
        if let Some(pull) = same.clone().find(|pull| pull.key == *key) {
            return Ok(pull.request.clone());
        }
        if let Some(pull) = same.find(|pull| pull.request.state == PullRequestState::Open) {
            let reason = format!("{} is open, from the same branch into the same branch", pull.request.number);
            return Err(Error::new(ErrorKind::AlreadyExists, OPERATION).on(&new.head).because(reason));
        }
        let head = self.branch_of(OPERATION, &new.head)?;
        self.branch_of(OPERATION, &new.base)?;
        let number = PullRequestNumber(self.pulls.len() as u64 + 1);
        let request = PullRequest {
            number,
            title: new.title.clone(),
            body: new.body.clone(),
            author: new.author.clone(),
            head_branch: new.head.clone(),
            head,
            base: new.base.clone(),
            reviewers: new.reviewers.clone(),
            meta: new.meta.clone(),
            state: PullRequestState::Open,
            url: format!("memory://{repo}/pull/{}", number.0),
        };
        let pull = Pull { request: request.clone(), key: key.clone(), reviews: Vec::new(), comments: Vec::new() };
        self.pulls.push(pull);
        self.happened.push(ScmEventKind::PullRequest(number));
        Ok(request)
    }

    pub(super) fn update_pull(&mut self, number: PullRequestNumber, update: &PullRequestUpdate) -> Result<()> {
        let request = &mut self.touch_pull("update a pull request", number)?.request;
        let PullRequestUpdate { title, body, reviewers, draft, labels, assignees, teams } = update.clone();
        request.title = title.unwrap_or_else(|| std::mem::take(&mut request.title));
        request.body = body.unwrap_or_else(|| std::mem::take(&mut request.body));
        request.reviewers = reviewers.unwrap_or_else(|| std::mem::take(&mut request.reviewers));
        let meta = &mut request.meta;
        meta.draft = draft.unwrap_or(meta.draft);
        meta.labels.extend(labels);
        meta.assignees = assignees.unwrap_or_else(|| std::mem::take(&mut meta.assignees));
        meta.teams = teams.unwrap_or_else(|| std::mem::take(&mut meta.teams));
        Ok(())
    }

    pub(super) fn close_pull(&mut self, number: PullRequestNumber, by: &Principal) -> Result<()> {
        const OPERATION: &str = "close a pull request";
        match self.pull(OPERATION, number)?.request.state {
            PullRequestState::Closed { .. } => Ok(()),
            PullRequestState::Merged { .. } => Err(Error::new(ErrorKind::Conflict, OPERATION).on(number).because("it is merged")),
            PullRequestState::Open => {
                self.touch_pull(OPERATION, number)?.request.state = PullRequestState::Closed { by: by.clone() };
                Ok(())
            }
        }
    }

    pub(super) fn add_review(&mut self, number: PullRequestNumber, review: Review) -> Result<()> {
        const OPERATION: &str = "review a pull request";
        self.commit(OPERATION, &review.commit)?;
        self.touch_pull(OPERATION, number)?.reviews.push(review);
        Ok(())
    }

    pub(super) fn add_comment(&mut self, number: PullRequestNumber, author: &Principal, body: String) -> Result<()> {
        let comments = &mut self.touch_pull("write a comment", number)?.comments;
        comments.push(Comment { id: comments.len() as u64 + 1, author: author.clone(), body });
        Ok(())
    }

    /// Writes the comment that `author` marks with `marker`.
    pub(super) fn put_comment(&mut self, number: PullRequestNumber, author: &Principal, marker: &str, body: &str) -> Result<()> {
        let body = format!("{}\n{body}", first_line(marker));
        let Some(id) = self.marked_comment(number, author, marker)? else {
            return self.add_comment(number, author, body);
        };
        let comments = self.touch_pull("write a comment", number)?.comments.iter_mut();
        comments.filter(|comment| comment.id == id).for_each(|comment| comment.body.clone_from(&body));
        Ok(())
    }

    /// The number of the comment that `author` marked with `marker`.
    pub(super) fn marked_comment(&self, number: PullRequestNumber, author: &Principal, marker: &str) -> Result<Option<u64>> {
        let line = first_line(marker);
        let marked = |comment: &&Comment| comment.author == *author && comment.body.lines().next() == Some(&line);
        Ok(self.pull("read comments", number)?.comments.iter().find(marked).map(|comment| comment.id))
    }

    fn branch_of(&self, operation: &'static str, branch: &BranchName) -> Result<CommitId> {
        let missing = || Error::new(ErrorKind::Invalid, operation).on(branch).because("there is no such branch");
        self.branches.get(branch).cloned().ok_or_else(missing)
    }
}

/// Refuses what the host does not offer in a pull request.
pub(super) fn refuse_beyond(
    offered: ScmCapabilities,
    operation: &'static str,
    title: Option<&str>,
    lack: Option<&'static str>,
) -> Result<()> {
    if let Some(lack) = lack {
        return Err(Error::unsupported(operation).because(lack));
    }
    if let Some(mark) = title.and_then(|title| offered.draft_mark(title)) {
        return Err(Error::new(ErrorKind::Invalid, operation).because(format!("a title that begins with `{mark}` is a draft's")));
    }
    let chars = title.map_or(0, |title| title.chars().count());
    match offered.title_max_chars {
        Some(max) if chars > max => {
            let reason = format!("the title has {chars} characters, and {max} are allowed");
            Err(Error::new(ErrorKind::Invalid, operation).because(reason).advise("shorten it"))
        }
        _ => Ok(()),
    }
}

/// Refuses a marker that could not be kept in a comment.
pub(super) fn refuse_marker(marker: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/:.".contains(c);
    if !marker.is_empty() && marker.chars().all(allowed) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Invalid, "write a comment").on(marker).because("it is no marker");
    Err(error.advise("use letters, digits, `-`, `_`, `/`, `:` and `.`"))
}

fn first_line(marker: &str) -> String {
    format!("<!-- pathops:{marker} -->")
}

fn no_pull(operation: &'static str, number: PullRequestNumber) -> Error {
    Error::new(ErrorKind::NotFound, operation).on(number).because("the repository has no such pull request")
}
