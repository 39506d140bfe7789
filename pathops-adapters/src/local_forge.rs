//! A Git host in a folder: real bare Git repositories, with pull requests, reviews, statuses and protection beside them.
//!
//! `<root>/<owner>/<name>.git` is a plain bare repository: `git clone`, `git log` and `git push` work on it. What Git has
//! no place for lies beside it in `<root>/<owner>/<name>.forge/`, one small JSON file an object (`pulls/<n>.json`,
//! `statuses/<commit>.json`, `protection.json`). The feed of events and the grants that were used are the whole forge's,
//! in `<root>/.forge/`.
//!
//! What it guarantees:
//!
//! * **One writer a repository.** Every write holds an exclusive lock on the repository's lock file, so any number of
//!   processes may work on one root. Reads take no lock, unless they find an interrupted write to finish.
//! * **All or nothing.** A write is first put down whole in an intent file, then done. Whoever opens the repository next
//!   after a crash finishes it, or drops it where a branch has moved on in the meantime. A power cut loses what Git's
//!   own defaults lose.
//! * **Constant cost.** No call lists a folder or reads more pull requests than it was asked for.
//! * **Git is the truth.** The head of an open pull request is where its branch points, also after a plain `git push`.
//!   Such a push makes no event, and protection binds only those who come through this module: who can write to the
//!   folder can do anything.
//!
//! It is a default for one machine. Names are not authenticated: whoever holds a [`LocalForge`] may act as anybody.
//!
//! Git is libgit2, in this process: about three times as fast a commit as starting the `git` program, and there is no
//! program's output to parse.

mod attempt;
mod authors;
mod branches;
mod change;
mod checks;
mod create;
mod feed;
mod git;
mod merge;
mod person;
mod pulls;
mod record;
mod repo;
mod scm;
mod stale;
mod store;
#[cfg(test)]
mod tests;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pathops_core::adapter::{BranchProtection, Clock, Merge, Scm, SourceTree};
use pathops_core::{BranchName, PersonId, Principal, RepoId, Result};

use attempt::Attempt;
pub use person::Person;
use repo::Forge;

/// Where a forge lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeConfig {
    /// Its folder; made where it is missing.
    pub root: PathBuf,
}

/// The forge, for whoever runs it. Cheap to clone.
///
/// Its methods need a Tokio runtime around them: files are read and written on its blocking threads.
#[derive(Clone, Debug)]
pub struct LocalForge {
    forge: Arc<Forge>,
}

impl LocalForge {
    /// Opens the forge in `config.root`. It may be open elsewhere too.
    ///
    /// # Errors
    /// `Denied`, `StorageFull` or `Unavailable` where the folder cannot be made.
    pub fn open(config: ForgeConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self { forge: Arc::new(Forge::open(&config.root, clock)?) })
    }

    /// Makes a repository. Each of `branches` begins with one commit of those files, by `author`.
    ///
    /// # Errors
    /// `AlreadyExists`; `Invalid` where `default_branch` is not among the branches or a path cannot be stored.
    pub async fn create_repository(
        &self,
        repo: &RepoId,
        default_branch: &BranchName,
        branches: &[(BranchName, SourceTree)],
        message: &str,
        author: &Principal,
    ) -> Result<()> {
        let start = create::Start {
            default_branch: default_branch.clone(),
            branches: branches.to_vec(),
            message: message.to_owned(),
            author: author.clone(),
        };
        let repo = repo.clone();
        self.forge.blocking(move |forge| forge.create(&repo, &start)).await
    }

    /// Makes a repository with all branches of the Git repository at `from`, which stays as it is.
    ///
    /// # Errors
    /// `AlreadyExists`; `NotFound` where there is no Git repository or it has no commit; `Conflict` where no branch is checked
    /// out, or it has changes that are not committed: the message names the files.
    pub async fn import_repository(&self, repo: &RepoId, from: &Path) -> Result<()> {
        let (repo, from) = (repo.clone(), from.to_owned());
        self.forge.blocking(move |forge| forge.import(&repo, &from)).await
    }

    /// Where the bare repository lies: what to give to `git clone`.
    #[must_use]
    pub fn repository_path(&self, repo: &RepoId) -> PathBuf {
        self.forge.git_dir(repo)
    }

    /// Protects a branch: from now on it moves only by pull requests that meet `rules`.
    ///
    /// # Errors
    /// `NotFound` where there is no such repository or branch.
    pub async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        let attempt = Attempt::new("protect a branch", format!("{repo}@{branch}"));
        let branch = branch.clone();
        self.forge.writing(attempt, repo, move |writer| writer.protect(&branch, rules)).await
    }

    /// The forge as a Git host, for `principal`: what it writes is by them.
    #[must_use]
    pub fn scm(&self, principal: Principal) -> Arc<dyn Scm> {
        Arc::new(scm::LocalScm { forge: self.forge.clone(), principal })
    }

    /// Merging, for `principal`.
    #[must_use]
    pub fn merger(&self, principal: Principal) -> Arc<dyn Merge> {
        Arc::new(scm::LocalMerge { forge: self.forge.clone(), principal })
    }

    /// What a person does on the forge: review, merge, push.
    #[must_use]
    pub fn person(&self, person: PersonId) -> Person {
        Person::new(self.forge.clone(), person)
    }
}
