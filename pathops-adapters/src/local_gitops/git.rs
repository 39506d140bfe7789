//! What a branch of a desired-state repository asks for, read from its bare repository.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{CommitId, RepoId, RepoPath, TreeId};

const FOLDER_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// What one branch asks for in one folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) commit: CommitId,
    /// The folder's tree; `None` where there is no such folder.
    pub(super) tree: Option<TreeId>,
    /// Its files by name, or why they cannot be read. Sub-folders and links are left out.
    pub(super) files: Result<BTreeMap<String, Vec<u8>>, String>,
}

/// The desired-state repositories, opened once.
pub(super) struct Repositories {
    root: PathBuf,
    open: HashMap<RepoId, Repository>,
}

impl Repositories {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, open: HashMap::new() }
    }

    /// What the branch asks for; `None` where there is no such branch. Where it still points to the commit of `known`,
    /// that is the answer: a look that finds nothing new reads one small file.
    pub(super) fn look(
        &mut self,
        repo: &RepoId,
        target: &EnvironmentTarget,
        known: Option<&Arc<Snapshot>>,
    ) -> Result<Option<Arc<Snapshot>>, String> {
        let said = |e: git2::Error| format!("cannot read `{repo}`: {}", e.message());
        let repository = self.repository(repo)?;
        let Some(head) = head(repository, target).map_err(said)? else { return Ok(None) };
        if let Some(known) = known.filter(|known| known.commit.as_str() == head.to_string()) {
            return Ok(Some(known.clone()));
        }
        snapshot(repository, head, &target.path).map(|read| Some(Arc::new(read))).map_err(said)
    }

    fn repository(&mut self, repo: &RepoId) -> Result<&Repository, String> {
        let path = path(&self.root, repo);
        if !path.is_dir() {
            self.open.remove(repo);
            return Err(format!("there is no repository `{repo}`"));
        }
        match self.open.entry(repo.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let opened = Repository::open_bare(&path).map_err(|e| format!("cannot open `{repo}`: {}", e.message()))?;
                Ok(entry.insert(opened))
            }
        }
    }
}

/// Which of `commits` are `ancestor` or descend from it. What cannot be told counts as `false`.
pub(super) fn descends<const N: usize>(
    root: &Path,
    repo: &RepoId,
    ancestor: &CommitId,
    commits: [Option<&CommitId>; N],
) -> [bool; N] {
    let repository = Repository::open_bare(path(root, repo));
    let (Ok(repository), Ok(ancestor)) = (repository, Oid::from_str(ancestor.as_str())) else { return [false; N] };
    commits.map(|commit| {
        let commit = commit.and_then(|commit| Oid::from_str(commit.as_str()).ok());
        commit.is_some_and(|commit| commit == ancestor || repository.graph_descendant_of(commit, ancestor).unwrap_or(false))
    })
}

fn path(root: &Path, repo: &RepoId) -> PathBuf {
    root.join(format!("{repo}.git"))
}

fn head(repository: &Repository, target: &EnvironmentTarget) -> Result<Option<Oid>, git2::Error> {
    match repository.refname_to_id(&format!("refs/heads/{}", target.branch)) {
        Ok(head) => Ok(Some(head)),
        Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn snapshot(repository: &Repository, head: Oid, folder: &RepoPath) -> Result<Snapshot, git2::Error> {
    let invalid = |e: pathops_core::IdError| git2::Error::from_str(&e.to_string());
    let commit = CommitId::parse(head.to_string()).map_err(invalid)?;
    let root = repository.find_commit(head)?.tree()?;
    let Some(tree) = folder_at(repository, root, folder)? else {
        return Ok(Snapshot { commit, tree: None, files: Ok(BTreeMap::new()) });
    };
    let id = TreeId::parse(tree.id().to_string()).map_err(invalid)?;
    Ok(Snapshot { commit, tree: Some(id), files: files(repository, &tree, folder)? })
}

fn folder_at<'r>(repository: &'r Repository, root: Tree<'r>, folder: &RepoPath) -> Result<Option<Tree<'r>>, git2::Error> {
    if folder.as_str().is_empty() {
        return Ok(Some(root));
    }
    match root.get_path(Path::new(folder.as_str())) {
        Ok(entry) if entry.kind() == Some(ObjectType::Tree) => repository.find_tree(entry.id()).map(Some),
        Ok(_) => Ok(None),
        Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn files(
    repository: &Repository,
    tree: &Tree<'_>,
    folder: &RepoPath,
) -> Result<Result<BTreeMap<String, Vec<u8>>, String>, git2::Error> {
    const LINK: i32 = 0o120_000;
    let mut files = BTreeMap::new();
    let mut bytes = 0;
    for entry in tree.iter().filter(|entry| entry.kind() == Some(ObjectType::Blob) && entry.filemode() != LINK) {
        let blob = repository.find_blob(entry.id())?;
        bytes += blob.content().len();
        if bytes > FOLDER_LIMIT_BYTES {
            return Ok(Err(format!("`{folder}` is larger than {FOLDER_LIMIT_BYTES} bytes: it is no place for artifacts")));
        }
        let Ok(name) = entry.name() else { return Ok(Err(format!("`{folder}` holds a file whose name is not UTF-8"))) };
        files.insert(name.to_owned(), blob.content().to_vec());
    }
    Ok(Ok(files))
}
