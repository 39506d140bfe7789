//! A repository opened for reading, and one locked for writing.

use std::fs::{self, File};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Repository;
use pathops_core::adapter::Clock;
use pathops_core::{Effect, ErrorKind, RepoId, Result};
use serde::de::DeserializeOwned;

use super::attempt::Attempt;
use super::feed::Feed;
use super::store;

/// The folder that holds all repositories.
#[derive(Debug)]
pub(super) struct Forge {
    root: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) feed: Feed,
}

impl Forge {
    pub(super) fn open(root: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let attempt = Attempt::new("open the forge", root.display());
        let absolute = fs::create_dir_all(root).and_then(|()| root.canonicalize());
        let root = absolute.map_err(|e| attempt.io(root, e))?;
        Ok(Self { feed: Feed::at(root.join(".forge/events.jsonl")), root, clock })
    }

    /// Runs what touches files on a thread that may block. It runs to its end even where nobody waits any more.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Forge) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let forge = self.clone();
        tokio::task::spawn_blocking(move || work(&forge)).await.unwrap_or_else(|e| {
            let error = Attempt::new("work on the forge", "").error(ErrorKind::Unexpected, "the work was cut off");
            Err(error.with_effect(Effect::Unknown).with_source(e))
        })
    }

    /// Runs `work` on a repository, without a lock.
    pub(super) async fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        attempt: Attempt,
        repo: &RepoId,
        work: impl FnOnce(&Repo<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let repo = repo.clone();
        self.blocking(move |forge| work(&forge.read(&repo, attempt)?)).await
    }

    /// Runs `work` on a repository that nobody else writes to meanwhile.
    pub(super) async fn writing<T: Send + 'static>(
        self: &Arc<Self>,
        attempt: Attempt,
        repo: &RepoId,
        work: impl FnOnce(&Writer<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let repo = repo.clone();
        self.blocking(move |forge| work(&forge.write(&repo, attempt)?)).await
    }

    /// What was interrupted is finished first, so that a reader never sees the half of it.
    fn read(&self, repo: &RepoId, attempt: Attempt) -> Result<Repo<'_>> {
        let opened = self.open_repo(repo, attempt)?;
        if opened.intent_file().exists() {
            return Ok(self.lock(opened)?.repo);
        }
        Ok(opened)
    }

    fn write(&self, repo: &RepoId, attempt: Attempt) -> Result<Writer<'_>> {
        self.lock(self.open_repo(repo, attempt)?)
    }

    fn open_repo(&self, repo: &RepoId, attempt: Attempt) -> Result<Repo<'_>> {
        let git_dir = self.git_dir(repo);
        if !git_dir.exists() {
            return Err(attempt.error(ErrorKind::NotFound, format_args!("there is no repository `{repo}`")));
        }
        let git = Repository::open_bare(git_dir).map_err(|e| attempt.git(e))?;
        Ok(Repo { forge: self, id: repo.clone(), git, state: self.state_dir(repo), attempt })
    }

    /// A repository that is not in its place yet.
    pub(super) fn unplaced(&self, repo: &RepoId, git: Repository, attempt: &Attempt) -> Repo<'_> {
        Repo { forge: self, id: repo.clone(), git, state: self.state_dir(repo), attempt: attempt.clone() }
    }

    fn lock<'f>(&'f self, repo: Repo<'f>) -> Result<Writer<'f>> {
        let lock = lock_folder(&repo.attempt, &repo.state)?;
        let writer = Writer { repo, _lock: lock };
        writer.finish_interrupted()?;
        Ok(writer)
    }

    pub(super) fn git_dir(&self, repo: &RepoId) -> PathBuf {
        self.root.join(format!("{repo}.git"))
    }

    pub(super) fn state_dir(&self, repo: &RepoId) -> PathBuf {
        self.root.join(format!("{repo}.forge"))
    }

    /// Where the use of a grant is noted.
    pub(super) fn grant_file(&self, name: &str) -> PathBuf {
        self.root.join(".forge/grants").join(name)
    }
}

/// Waits until nobody else holds the folder's lock. Dropping the file lets go of it, and so does the end of a process.
pub(super) fn lock_folder(attempt: &Attempt, folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let open = || {
        fs::create_dir_all(folder)?;
        let file = File::options().write(true).create(true).truncate(false).open(&path)?;
        file.lock().map(|()| file)
    };
    open().map_err(|e| attempt.io(&path, e))
}

/// A repository, open for one operation.
pub(super) struct Repo<'f> {
    pub(super) forge: &'f Forge,
    pub(super) id: RepoId,
    pub(super) git: Repository,
    pub(super) attempt: Attempt,
    state: PathBuf,
}

impl Repo<'_> {
    /// A file beside the repository.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    pub(super) fn intent_file(&self) -> PathBuf {
        self.file("intent.json")
    }

    /// The record in a file beside the repository, or `None` where there is no file.
    pub(super) fn record<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        store::read(&self.attempt, &self.file(name))
    }

    /// What Git refused, as an error of this operation.
    pub(super) fn refused(&self, source: git2::Error) -> pathops_core::Error {
        self.attempt.git(source)
    }

    pub(super) fn error(&self, kind: ErrorKind, reason: impl std::fmt::Display) -> pathops_core::Error {
        self.attempt.error(kind, reason)
    }
}

/// A repository that nobody else writes to, as long as this lives.
pub(super) struct Writer<'f> {
    repo: Repo<'f>,
    _lock: File,
}

impl<'f> Deref for Writer<'f> {
    type Target = Repo<'f>;
    fn deref(&self) -> &Repo<'f> {
        &self.repo
    }
}
