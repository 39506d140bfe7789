//! The commit to build, read from a bare repository.

use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{Commit, FileMode, ObjectType, Oid, Repository, Tree};
use pathops_core::adapter::CiRequest;
use pathops_core::{CommitId, Error, ErrorKind, Result, TreeId};

/// The script that a pipeline is.
pub(super) const SCRIPT: &str = "ci/run";

const FIND: &str = "find the commit to build";

/// A commit that is there.
#[derive(Clone, Debug)]
pub(super) struct Source {
    repository: PathBuf,
    commit: Oid,
    /// The tree it holds.
    pub(super) tree: TreeId,
    /// Whether `ci/` differs from the base.
    pub(super) pipeline_changed: bool,
    /// Why the script cannot be run, in words for people.
    pub(super) obstacle: Option<String>,
}

/// Finds what a request names below the folder of repositories.
pub(super) fn find(repositories: &Path, request: &CiRequest) -> Result<Source> {
    let path = repositories.join(format!("{}.git", request.repo));
    let repository = Repository::open_bare(&path).map_err(|source| failed(request.repo.as_str(), source))?;
    let commit = commit(&repository, request, &request.commit)?;
    let base = self::commit(&repository, request, &request.base)?;
    let tree_of =
        |commit: &Commit<'_>| commit.tree().map(|tree| tree.id()).map_err(|source| failed(request.repo.as_str(), source));
    let tree = repository.find_tree(tree_of(&commit)?).map_err(|source| failed(request.repo.as_str(), source))?;
    let before = repository.find_tree(tree_of(&base)?).map_err(|source| failed(request.repo.as_str(), source))?;
    Ok(Source {
        tree: TreeId::parse(tree.id().to_string())
            .map_err(|source| Error::new(ErrorKind::Unexpected, FIND).with_source(source))?,
        pipeline_changed: pipeline(&tree) != pipeline(&before),
        obstacle: obstacle(&tree, request),
        commit: commit.id(),
        repository: path,
    })
}

impl Source {
    /// Writes the commit's files, as they are in Git, into an empty folder.
    pub(super) fn check_out(&self, folder: &Path) -> Result<(), git2::Error> {
        let repository = Repository::open_bare(&self.repository)?;
        let commit = repository.find_commit(self.commit)?;
        let mut options = CheckoutBuilder::new();
        options.target_dir(folder).force().update_index(false).disable_filters(true);
        repository.checkout_tree(commit.as_object(), Some(&mut options))
    }
}

fn commit<'r>(repository: &'r Repository, request: &CiRequest, id: &CommitId) -> Result<Commit<'r>> {
    let subject = || format!("{}@{id}", request.repo);
    let oid = Oid::from_str(id.as_str()).map_err(|source| failed(&subject(), source))?;
    repository.find_commit(oid).map_err(|source| failed(&subject(), source))
}

/// What `ci` is in a tree: its id says all about its content.
fn pipeline(tree: &Tree<'_>) -> Option<(Oid, i32)> {
    tree.get_name("ci").map(|entry| (entry.id(), entry.filemode()))
}

fn obstacle(tree: &Tree<'_>, request: &CiRequest) -> Option<String> {
    let Ok(entry) = tree.get_path(Path::new(SCRIPT)) else {
        return Some(format!("`{SCRIPT}` does not exist in {}: add an executable script that builds and tests", request.repo));
    };
    match (entry.kind(), entry.filemode()) {
        (Some(ObjectType::Blob), mode) if mode == i32::from(FileMode::BlobExecutable) => None,
        (Some(ObjectType::Blob), mode) if mode != i32::from(FileMode::Link) => {
            Some(format!("`{SCRIPT}` is not executable: run `git update-index --chmod=+x {SCRIPT}` and commit"))
        }
        _ => Some(format!("`{SCRIPT}` is no ordinary file: make it an executable script")),
    }
}

fn failed(subject: &str, source: git2::Error) -> Error {
    let missing = matches!(source.code(), git2::ErrorCode::NotFound | git2::ErrorCode::InvalidSpec);
    let kind = if missing { ErrorKind::NotFound } else { ErrorKind::Unavailable };
    Error::new(kind, FIND).on(subject).because(source.message().to_owned()).with_source(source)
}
