//! A Git host in memory: the reference for [`Scm`] and [`Merge`].
//!
//! [`MemoryForge`] is the host and its administrator. [`MemoryForge::scm`] and [`MemoryForge::merger`] are what PathOps
//! gets, with a principal as the credential; [`MemoryForge::person`] is a person in front of it. Commits and trees are
//! addressed by their content, so the same history has the same ids in every run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::adapter::{BranchProtection, Clock, EventCursor, Merge, Scm, ScmCapabilities, ScmEvent, SourceTree};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BranchName, PersonId, RepoId};
use crate::op::{IdempotencyKey, OpContext};
use crate::policy::GrantId;
use crate::principal::Principal;

mod adapter;
mod authors;
mod merge;
mod objects;
mod person;
mod pulls;
mod repository;

pub use person::MemoryPerson;

use adapter::Credential;
use objects::NewObject;
use repository::Repository;

/// A Git host in memory. Clones are the same host.
#[derive(Clone)]
pub struct MemoryForge {
    clock: Arc<dyn Clock>,
    capabilities: ScmCapabilities,
    state: Arc<Mutex<State>>,
}

/// Everything that the host keeps.
#[derive(Default)]
struct State {
    repos: BTreeMap<RepoId, Repository>,
    events: Vec<ScmEvent>,
    grants: BTreeMap<GrantId, IdempotencyKey>,
}

impl fmt::Debug for MemoryForge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryForge").finish_non_exhaustive()
    }
}

impl MemoryForge {
    /// What a forge offers unless it is told otherwise: everything, and titles of 256 characters.
    pub const CAPABILITIES: ScmCapabilities = ScmCapabilities {
        check_runs: true,
        branch_protection: true,
        events: true,
        reviewers: true,
        team_reviewers: true,
        drafts: true,
        labels: true,
        assignees: true,
        code_owners: true,
        title_max_chars: Some(256),
        draft_marks: &[],
    };

    /// A host without repositories. Its reviews, merges and first commits bear the time of `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, capabilities: Self::CAPABILITIES, state: Arc::default() }
    }

    /// A host that offers less.
    #[must_use]
    pub fn with_capabilities(self, capabilities: ScmCapabilities) -> Self {
        Self { capabilities, ..self }
    }

    /// The host, as someone with this credential uses it.
    #[must_use]
    pub fn scm(&self, principal: Principal) -> Arc<dyn Scm> {
        Arc::new(Credential { forge: self.clone(), principal })
    }

    /// Merging, for someone with this credential.
    #[must_use]
    pub fn merger(&self, principal: Principal) -> Arc<dyn Merge> {
        Arc::new(Credential { forge: self.clone(), principal })
    }

    /// A person in front of the host.
    #[must_use]
    pub fn person(&self, person: PersonId) -> MemoryPerson {
        MemoryPerson::new(self.clone(), person)
    }

    /// Makes a repository with these branches, each with these files in its first commit.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one of that name; `Invalid` where a path is both a file and a folder.
    pub fn create_repo(&self, repo: &RepoId, branches: &BTreeMap<BranchName, SourceTree>) -> Result<()> {
        const OPERATION: &str = "create a repository";
        let at = self.clock.now();
        let mut made = Repository::default();
        for (branch, files) in branches {
            let first = NewObject { parents: Vec::new(), files: files.clone(), message: "Initial commit", at };
            let commit =
                made.objects.add(first, &Principal::System).map_err(|why| why.of(ErrorKind::Invalid, OPERATION, repo))?;
            made.set_branch(branch, commit);
        }
        let mut state = self.lock();
        if state.repos.contains_key(repo) {
            return Err(Error::new(ErrorKind::AlreadyExists, OPERATION).on(repo));
        }
        state.repos.insert(repo.clone(), made);
        state.publish(repo);
        Ok(())
    }

    /// Protects a branch from now on: it moves by pull requests that meet these rules, and is not deleted.
    ///
    /// # Errors
    /// `NotFound` for an unknown repository.
    pub fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.write("protect a branch", repo, |repository| {
            repository.protection.insert(branch.clone(), rules);
            Ok(())
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a repository.
    fn read<A>(&self, operation: &'static str, repo: &RepoId, look: impl FnOnce(&Repository) -> Result<A>) -> Result<A> {
        look(self.lock().repos.get(repo).ok_or_else(|| unknown(operation, repo))?)
    }

    /// Changes a repository, all or nothing: `change` checks everything before it touches anything.
    fn write<A>(&self, operation: &'static str, repo: &RepoId, change: impl FnOnce(&mut Repository) -> Result<A>) -> Result<A> {
        let mut state = self.lock();
        let answer = change(state.repos.get_mut(repo).ok_or_else(|| unknown(operation, repo))?)?;
        state.publish(repo);
        Ok(answer)
    }

    /// Changes a repository unless this very request was fulfilled under this key before.
    fn once(
        &self,
        cx: &OpContext,
        operation: &'static str,
        repo: &RepoId,
        request: &dyn fmt::Debug,
        change: impl FnOnce(&mut Repository) -> Result<()>,
    ) -> Result<()> {
        let mark = Digest::of(format!("{:?} {operation} {request:?}", cx.key()).as_bytes());
        self.write(operation, repo, |repository| {
            if !repository.fulfilled.contains(&mark) {
                change(repository)?;
                repository.fulfilled.insert(mark);
            }
            Ok(())
        })
    }

    /// Takes note that `key` uses the grant.
    fn use_grant(&self, grant: GrantId, key: &IdempotencyKey) -> Result<()> {
        let mut state = self.lock();
        if state.grants.entry(grant).or_insert_with(|| key.clone()) == key {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Denied, "post a status").because(format!("promotion grant {grant} was used before"));
        Err(error.advise("decide again"))
    }
}

impl State {
    /// Puts what happened in a repository into the feed.
    fn publish(&mut self, repo: &RepoId) {
        let Some(repository) = self.repos.get_mut(repo) else { return };
        for kind in repository.happened.drain(..) {
            let cursor = EventCursor(self.events.last().map_or(0, |event| event.cursor.0) + 1);
            self.events.push(ScmEvent { cursor, repo: repo.clone(), kind });
        }
    }
}

fn unknown(operation: &'static str, repo: &RepoId) -> Error {
    Error::new(ErrorKind::NotFound, operation).on(repo).because("there is no such repository")
}

#[cfg(test)]
mod tests;
