//! One repository: branches, commits on them, and what was reported about commits.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{self, NewObject, Objects};
use super::pulls::Pull;
use crate::adapter::{BranchProtection, Check, CheckState, Commit, NewCommit, PullRequestState, ScmEventKind, SourceTree};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BranchName, CommitId, StatusContext};

/// A repository. Every change of it either happens whole or fails before anything is touched.
#[derive(Default)]
pub(super) struct Repository {
    pub(super) objects: Objects,
    pub(super) branches: BTreeMap<BranchName, CommitId>,
    pub(super) protection: BTreeMap<BranchName, BranchProtection>,
    pub(super) pulls: Vec<Pull>,
    /// What was reported, newest last.
    pub(super) reports: Vec<(CommitId, Check)>,
    /// Requests that were fulfilled, with their keys.
    pub(super) fulfilled: BTreeSet<Digest>,
    /// What happened and is not in the feed yet.
    pub(super) happened: Vec<ScmEventKind>,
}

impl Repository {
    /// The commit with its files.
    pub(super) fn commit(&self, operation: &'static str, id: &CommitId) -> Result<(&Commit, &SourceTree)> {
        let missing = || Error::new(ErrorKind::NotFound, operation).on(id).because("the repository has no such commit");
        self.objects.get(id).ok_or_else(missing)
    }

    pub(super) fn create_branch(&mut self, branch: &BranchName, at: &CommitId) -> Result<()> {
        const OPERATION: &str = "create a branch";
        self.commit(OPERATION, at)?;
        match self.branches.get(branch) {
            Some(head) if head == at => Ok(()),
            Some(head) => Err(Error::new(ErrorKind::AlreadyExists, OPERATION).on(branch).because(format!("it points to {head}"))),
            None => {
                self.set_branch(branch, at.clone());
                Ok(())
            }
        }
    }

    pub(super) fn delete_branch(&mut self, branch: &BranchName, expected: &CommitId) -> Result<()> {
        const OPERATION: &str = "delete a branch";
        let Some(head) = self.branches.get(branch) else { return Ok(()) };
        self.refuse_protected(OPERATION, branch)?;
        if head != expected {
            return Err(moved(OPERATION, branch, head, expected));
        }
        self.branches.remove(branch);
        self.happened.push(ScmEventKind::Pushed(branch.clone()));
        Ok(())
    }

    /// Makes a commit. One that the branch already contains is recognised by its id, which follows from the request.
    pub(super) fn add_commit(&mut self, new: &NewCommit) -> Result<CommitId> {
        const OPERATION: &str = "commit to a branch";
        let NewCommit { branch, expected_head, message, author, at, changes } = new;
        let missing = || Error::new(ErrorKind::NotFound, OPERATION).on(branch).because("there is no such branch");
        let head = self.branches.get(branch).ok_or_else(missing)?;
        let Some((_, files)) = self.objects.get(expected_head) else {
            return Err(moved(OPERATION, branch, head, expected_head));
        };
        let made = objects::apply(files.clone(), changes).and_then(|files| {
            let new = NewObject { parents: vec![expected_head.clone()], files, message, at: *at };
            self.objects.make(new, author)
        });
        if let Ok((commit, _)) = &made
            && self.objects.contains(head, &commit.id)
        {
            return Ok(commit.id.clone());
        }
        self.refuse_protected(OPERATION, branch)?;
        if head != expected_head {
            return Err(moved(OPERATION, branch, head, expected_head));
        }
        let commit = self.objects.keep(made.map_err(|why| why.of(ErrorKind::Invalid, OPERATION, branch))?);
        self.set_branch(branch, commit.clone());
        Ok(commit)
    }

    /// Points a branch to a commit. Open pull requests from it follow.
    pub(super) fn set_branch(&mut self, branch: &BranchName, commit: CommitId) {
        let from_here = |pull: &&mut Pull| pull.request.head_branch == *branch && pull.request.state == PullRequestState::Open;
        for pull in self.pulls.iter_mut().filter(from_here) {
            pull.request.head = commit.clone();
        }
        self.branches.insert(branch.clone(), commit);
        self.happened.push(ScmEventKind::Pushed(branch.clone()));
    }

    /// Replaces what was reported under that name, by that mechanism.
    pub(super) fn report(&mut self, operation: &'static str, commit: &CommitId, check: Check) -> Result<()> {
        self.commit(operation, commit)?;
        self.reports.retain(|(of, old)| of != commit || old.name != check.name || old.source != check.source);
        self.reports.push((commit.clone(), check));
        self.happened.push(ScmEventKind::Check(commit.clone()));
        Ok(())
    }

    pub(super) fn checks(&self, commit: &CommitId) -> impl Iterator<Item = &Check> {
        self.reports.iter().filter(move |(of, _)| of == commit).map(|(_, check)| check)
    }

    /// Whether everything of that name is a success on the commit, and there is something.
    pub(super) fn is_success(&self, commit: &CommitId, name: &StatusContext) -> bool {
        let mut named = self.checks(commit).filter(|check| check.name == name.as_str()).peekable();
        named.peek().is_some() && named.all(|check| check.state == CheckState::Success)
    }

    fn refuse_protected(&self, operation: &'static str, branch: &BranchName) -> Result<()> {
        if !self.protection.contains_key(branch) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Denied, operation).on(branch).because("the branch is protected");
        Err(error.advise("open a pull request"))
    }
}

fn moved(operation: &'static str, branch: &BranchName, head: &CommitId, expected: &CommitId) -> Error {
    Error::new(ErrorKind::Conflict, operation).on(branch).because(format!("it points to {head}, not to {expected}"))
}
