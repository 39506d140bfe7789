//! Making repositories, from files or from a Git repository. One comes to be at once, by the renaming of its folder.

use std::fs;
use std::path::Path;

use git2::{AutotagOption, ErrorCode, FetchOptions, Repository, RepositoryInitOptions, Status, StatusOptions};
use pathops_core::adapter::{FileChange, SourceTree};
use pathops_core::{BranchName, ErrorKind, Principal, RepoId, Result};

use super::attempt::Attempt;
use super::git::branch_ref;
use super::repo::{Forge, Repo, lock_folder};
use super::store;

/// How many files an error names at most.
const NAMED_FILES: usize = 10;

/// What a repository begins with.
pub(super) struct Start {
    pub(super) default_branch: BranchName,
    pub(super) branches: Vec<(BranchName, SourceTree)>,
    pub(super) message: String,
    pub(super) author: Principal,
}

impl Forge {
    pub(super) fn create(&self, id: &RepoId, start: &Start) -> Result<()> {
        let attempt = Attempt::new("create a repository", id);
        if !start.branches.iter().any(|(branch, _)| branch == &start.default_branch) {
            let reason = format!("its default branch `{}` is not among its branches", start.default_branch);
            return Err(attempt.error(ErrorKind::Invalid, reason));
        }
        self.add(id, &attempt, &branch_ref(&start.default_branch), |repo| {
            for (branch, files) in &start.branches {
                let files = files.clone().into_iter();
                let changes: Vec<_> = files.map(|(path, file)| FileChange { path, file: Some(file) }).collect();
                let tree = repo.changed_tree(None, &changes)?;
                let commit = repo.make_commit(tree, &[], &start.message, &start.author, self.clock.now())?;
                let made = repo.git.reference(&branch_ref(branch), repo.oid(&commit)?, false, "pathops");
                made.map_err(|e| repo.refused(e))?;
            }
            Ok(())
        })
    }

    pub(super) fn import(&self, id: &RepoId, from: &Path) -> Result<()> {
        let attempt = Attempt::new("import a repository", id);
        let no_path = || attempt.error(ErrorKind::Invalid, format_args!("the path `{}` is not UTF-8", from.display()));
        let source = Repository::open(from).map_err(|e| match e.code() {
            ErrorCode::NotFound => attempt.error(ErrorKind::NotFound, format_args!("`{}` is no Git repository", from.display())),
            _ => attempt.git(e),
        })?;
        refuse_dirty(&attempt, &source)?;
        let head = source.head().map_err(|e| match e.code() {
            ErrorCode::UnbornBranch => attempt.error(ErrorKind::NotFound, format_args!("`{}` has no commit", from.display())),
            _ => attempt.git(e),
        })?;
        if !head.is_branch() {
            let error = attempt.error(ErrorKind::Conflict, format_args!("`{}` has no branch checked out", from.display()));
            return Err(error.advise("check out the branch that is to be the default one"));
        }
        let default = head.name().map_err(|e| attempt.git(e))?;
        let url = from.to_str().ok_or_else(no_path)?;
        self.add(id, &attempt, default, |repo| fetch_branches(&repo.git, url).map_err(|e| repo.refused(e)))
    }

    /// Makes a repository aside, lets `fill` put in what it begins with, and moves it to its place.
    fn add(&self, id: &RepoId, attempt: &Attempt, head: &str, fill: impl FnOnce(&Repo<'_>) -> Result<()>) -> Result<()> {
        let (place, state) = (self.git_dir(id), self.state_dir(id));
        let _lock = lock_folder(attempt, &state)?;
        if place.exists() {
            return Err(attempt.error(ErrorKind::AlreadyExists, "there is a repository of that name"));
        }
        let aside = state.join("new.git");
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(|e| attempt.io(&aside, e))?; // A crash left it.
        }
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).initial_head(head);
        let git = Repository::init_opts(&aside, &options).map_err(|e| attempt.git(e))?;
        fill(&self.unplaced(id, git, attempt))?;
        fs::rename(&aside, &place).map_err(|e| attempt.io(&place, e))?;
        let folder = place.parent().unwrap_or(&place);
        store::sync_folder(folder).map_err(|e| attempt.io(folder, e))
    }
}

fn fetch_branches(git: &Repository, url: &str) -> Result<(), git2::Error> {
    let mut options = FetchOptions::new();
    options.download_tags(AutotagOption::None).update_fetchhead(false);
    git.remote_anonymous(url)?.fetch(&["+refs/heads/*:refs/heads/*"], Some(&mut options), None)
}

/// What is not committed would be left behind without a word.
fn refuse_dirty(attempt: &Attempt, source: &Repository) -> Result<()> {
    if source.is_bare() {
        return Ok(());
    }
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false);
    let statuses = source.statuses(Some(&mut options)).map_err(|e| attempt.git(e))?;
    let dirty: Vec<String> = statuses
        .iter()
        .filter(|entry| entry.status() != Status::CURRENT)
        .map(|entry| format!("`{}`", String::from_utf8_lossy(entry.path_bytes())))
        .collect();
    if dirty.is_empty() {
        return Ok(());
    }
    let more = dirty.len().saturating_sub(NAMED_FILES);
    let named: Vec<String> = dirty.into_iter().take(NAMED_FILES).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let error = attempt.error(ErrorKind::Conflict, format_args!("not committed: {}{more}", named.join(", ")));
    Err(error.advise("commit or remove these files"))
}
