//! One write, all or nothing: what it will do is put down in an intent file, done, and the file removed.
//!
//! The branch moves first, and only from where it was seen: that decides whether the write happens. Everything after it
//! can be done again without harm, so whoever takes the lock after a crash does it again. A branch that has meanwhile
//! gone another way (a plain `git push`) decides against the write, of which nothing else was done yet.

use std::io;

use git2::Oid;
use pathops_core::adapter::ScmEventKind;
use pathops_core::{BranchName, CommitId, Effect, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::git::branch_ref;
use super::repo::{Repo, Writer};
use super::store;

/// What a write does.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Change {
    branch: Option<Move>,
    /// Refs that keep commits from Git's garbage collection.
    keep: Vec<(String, CommitId)>,
    files: Vec<(String, Value)>,
    events: Vec<ScmEventKind>,
}

/// A branch and where it goes; `None` is "not there".
#[derive(Debug, Serialize, Deserialize)]
struct Move {
    branch: BranchName,
    from: Option<CommitId>,
    to: Option<CommitId>,
}

impl Change {
    /// Moves a branch, makes it (`from` nothing) or deletes it (`to` nothing).
    pub(super) fn moving(branch: &BranchName, from: Option<&CommitId>, to: Option<&CommitId>) -> Self {
        let moved = Move { branch: branch.clone(), from: from.cloned(), to: to.cloned() };
        Self { branch: Some(moved), events: vec![ScmEventKind::Pushed(branch.clone())], ..Self::default() }
    }

    /// Tells of it.
    pub(super) fn event(mut self, kind: ScmEventKind) -> Self {
        self.events.push(kind);
        self
    }

    /// Keeps a commit, also when no branch leads to it any more.
    pub(super) fn keep(mut self, name: String, commit: &CommitId) -> Self {
        self.keep.push((name, commit.clone()));
        self
    }

    /// The refs that it writes.
    fn refs(&self) -> Vec<String> {
        let kept = self.keep.iter().map(|(name, _)| name.clone());
        self.branch.iter().map(|moved| branch_ref(&moved.branch)).chain(kept).collect()
    }

    /// Writes a record beside the repository.
    pub(super) fn file<T: Serialize>(mut self, repo: &Repo<'_>, name: String, record: &T) -> Result<Self> {
        self.files.push((name, store::encode(&repo.attempt, record)?));
        Ok(self)
    }
}

impl Writer<'_> {
    /// Does all of `change`, or nothing. After an error with an unknown effect, the next call on this repository does it.
    pub(super) fn apply(&self, change: &Change) -> Result<()> {
        let intent = self.intent_file();
        let content = store::encode(&self.attempt, change)?;
        let written = store::write(&intent, &content).map_err(|e| self.attempt.io(&intent, e));
        let begun = written.and_then(|()| change.branch.as_ref().map_or(Ok(()), |moved| self.move_branch(moved)));
        begun.map_err(|refused| self.give_up(refused))?;
        self.complete(change).map_err(|e| e.with_effect(Effect::Unknown))
    }

    /// Finishes the write that a crash interrupted, if there is one.
    pub(super) fn finish_interrupted(&self) -> Result<()> {
        let Some(change) = store::read::<Change>(&self.attempt, &self.intent_file())? else {
            return Ok(());
        };
        self.clear_stale_locks(&change.refs())?;
        let decided = match &change.branch {
            Some(moved) => self.settle(moved)?,
            None => true,
        };
        if decided { self.complete(&change) } else { self.forget_intent() }
    }

    /// Whether the interrupted move has happened, now at the latest.
    fn settle(&self, moved: &Move) -> Result<bool> {
        let head = self.branch_head(&moved.branch)?;
        let happened = match (&head, &moved.to) {
            (Some(head), Some(to)) => self.has_commit(to)? && self.contains(head, to)?,
            (head, to) => head == to,
        };
        if !happened && head == moved.from && moved.to.as_ref().map_or(Ok(true), |to| self.has_commit(to))? {
            return self.move_branch(moved).map(|()| true);
        }
        Ok(happened)
    }

    fn move_branch(&self, moved: &Move) -> Result<()> {
        let name = branch_ref(&moved.branch);
        let oid = |commit: &Option<CommitId>| commit.as_ref().map(|commit| self.oid(commit)).transpose();
        let done = match (oid(&moved.from)?, oid(&moved.to)?) {
            (Some(from), Some(to)) => self.git.reference_matching(&name, to, true, from, "pathops").map(drop),
            (None, Some(to)) => self.git.reference(&name, to, false, "pathops").map(drop),
            (Some(from), None) => self.delete_ref(&name, from),
            (None, None) => Ok(()),
        };
        done.map_err(|e| match e.code() {
            git2::ErrorCode::Modified | git2::ErrorCode::Exists | git2::ErrorCode::NotFound => {
                self.error(ErrorKind::Conflict, format_args!("`{}` moved meanwhile", moved.branch)).with_source(e)
            }
            _ => self.refused(e),
        })
    }

    fn delete_ref(&self, name: &str, from: Oid) -> Result<(), git2::Error> {
        let mut reference = self.git.find_reference(name)?;
        if reference.target() != Some(from) {
            let (code, class) = (git2::ErrorCode::Modified, git2::ErrorClass::Reference);
            return Err(git2::Error::new(code, class, "it points elsewhere"));
        }
        reference.delete()
    }

    /// Everything but the branch; doing it twice is doing it once, but for events.
    fn complete(&self, change: &Change) -> Result<()> {
        for (name, commit) in &change.keep {
            self.git.reference(name, self.oid(commit)?, true, "pathops").map_err(|e| self.refused(e))?;
        }
        for (name, content) in &change.files {
            let path = self.file(name);
            store::write(&path, content).map_err(|e| self.attempt.io(&path, e))?;
        }
        if !change.events.is_empty() {
            self.forge.feed.append(&self.attempt, &self.id, &change.events)?;
        }
        self.forget_intent()
    }

    /// Takes the intent back, for good: a power cut must not bring back what was answered with a refusal.
    fn give_up(&self, refused: Error) -> Error {
        let intent = self.intent_file();
        let synced = || store::sync_folder(intent.parent().unwrap_or(&intent)).map_err(|e| self.attempt.io(&intent, e));
        match self.forget_intent().and_then(|()| synced()) {
            Ok(()) => refused,
            Err(e) => e.with_effect(Effect::Unknown),
        }
    }

    fn forget_intent(&self) -> Result<()> {
        let intent = self.intent_file();
        store::remove(&intent).map_err(|e: io::Error| self.attempt.io(&intent, e))
    }
}
