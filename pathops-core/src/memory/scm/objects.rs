//! Commits and trees, addressed by their content, and what follows from their history alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::authors;
use crate::adapter::{Commit, Comparison, FileChange, SourceFile, SourceTree};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::id::{CommitId, RepoPath, TreeId};
use crate::principal::Principal;
use crate::time::UnixMillis;

/// The commits of a repository, each with all its files.
#[derive(Default)]
pub(super) struct Objects {
    commits: BTreeMap<CommitId, Stored>,
}

struct Stored {
    commit: Commit,
    files: SourceTree,
    /// One more than the greatest of its parents: a commit's descendants all have a greater one.
    generation: u64,
}

/// A commit to be made.
pub(super) struct NewObject<'a> {
    pub(super) parents: Vec<CommitId>,
    pub(super) files: SourceTree,
    pub(super) message: &'a str,
    pub(super) at: UnixMillis,
}

/// Why files do not make a tree.
pub(super) enum BadTree {
    /// A file that is to be deleted is not there.
    NothingToDelete(RepoPath),
    /// A path is a file and a folder.
    FileAndFolder(RepoPath),
}

impl BadTree {
    /// The error of an operation on `subject` that would have made the tree.
    pub(super) fn of(self, kind: ErrorKind, operation: &'static str, subject: impl Display) -> Error {
        let reason = match self {
            BadTree::NothingToDelete(path) => format!("the file to delete, `{path}`, does not exist"),
            BadTree::FileAndFolder(path) => format!("`{path}` would be both a file and a folder"),
        };
        Error::new(kind, operation).on(subject).because(reason)
    }
}

impl Objects {
    /// The commit with its files.
    pub(super) fn get(&self, id: &CommitId) -> Option<(&Commit, &SourceTree)> {
        self.commits.get(id).map(|stored| (&stored.commit, &stored.files))
    }

    /// The commit, without keeping it.
    pub(super) fn make(&self, new: NewObject<'_>, author: &Principal) -> Result<(Commit, SourceTree), BadTree> {
        let NewObject { parents, files, message, at } = new;
        check(&files)?;
        let tree = tree_id(&files, &RepoPath::root());
        let (authors, message) = (authors::of(author, message), message.to_owned());
        let author = authors::signature(author);
        let id = commit_id(&tree, &parents, &message, &author, at);
        Ok((Commit { id, tree, parents, message, author, authors, at }, files))
    }

    /// Keeps a commit.
    pub(super) fn keep(&mut self, (commit, files): (Commit, SourceTree)) -> CommitId {
        let parents = commit.parents.iter().filter_map(|parent| self.commits.get(parent));
        let generation = parents.map(|parent| parent.generation + 1).max().unwrap_or(0);
        let id = commit.id.clone();
        self.commits.insert(id.clone(), Stored { commit, files, generation });
        id
    }

    /// Makes a commit and keeps it.
    pub(super) fn add(&mut self, new: NewObject<'_>, author: &Principal) -> Result<CommitId, BadTree> {
        let made = self.make(new, author)?;
        Ok(self.keep(made))
    }

    /// Whether `ancestor` is `commit` or comes before it.
    pub(super) fn contains(&self, commit: &CommitId, ancestor: &CommitId) -> bool {
        self.history(commit).contains(ancestor)
    }

    /// How `head` differs from `base`, both of which are here.
    pub(super) fn compare(&self, base: &CommitId, head: &CommitId) -> Comparison {
        let (old, new) = (self.history(base), self.history(head));
        let merge_base = self.merge_base(base, head);
        let files = changed(&self.files(merge_base.as_ref()), &self.files(Some(head)));
        let count = |one: &BTreeSet<CommitId>, other: &BTreeSet<CommitId>| one.difference(other).count() as u64;
        Comparison { merge_base, ahead: count(&new, &old), behind: count(&old, &new), files: files.into_iter().collect() }
    }

    /// What is reachable from `head` and not from `base`, each commit before its parents.
    pub(super) fn log(&self, base: Option<&CommitId>, head: &CommitId) -> Vec<Commit> {
        let known = base.map(|base| self.history(base)).unwrap_or_default();
        let history = self.history(head);
        let mut log: Vec<_> = history.difference(&known).filter_map(|id| self.commits.get(id)).collect();
        log.sort_by_key(|stored| Reverse((stored.generation, stored.commit.at)));
        log.into_iter().map(|stored| stored.commit.clone()).collect()
    }

    /// The files of `head` merged into those of `base`, or the paths that both changed in different ways.
    pub(super) fn merge(&self, base: &CommitId, head: &CommitId) -> Result<SourceTree, BTreeSet<RepoPath>> {
        let origin = self.files(self.merge_base(base, head).as_ref());
        let (ours, theirs) = (self.files(Some(base)), self.files(Some(head)));
        let (by_us, by_them) = (changed(&origin, &ours), changed(&origin, &theirs));
        let conflicts: BTreeSet<_> =
            by_us.intersection(&by_them).filter(|path| ours.get(*path) != theirs.get(*path)).cloned().collect();
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let mut merged = ours;
        for path in by_them {
            match theirs.get(&path) {
                Some(file) => drop(merged.insert(path, file.clone())),
                None => drop(merged.remove(&path)),
            }
        }
        Ok(merged)
    }

    /// The newest commit that both contain.
    fn merge_base(&self, one: &CommitId, other: &CommitId) -> Option<CommitId> {
        let generation = |id: &&CommitId| self.commits.get(*id).map(|stored| stored.generation);
        self.history(one).intersection(&self.history(other)).max_by_key(generation).cloned()
    }

    /// The commit and everything before it.
    fn history(&self, of: &CommitId) -> BTreeSet<CommitId> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![of]);
        while let Some(stored) = next.pop().and_then(|id| self.commits.get(id)) {
            if seen.insert(stored.commit.id.clone()) {
                next.extend(&stored.commit.parents);
            }
        }
        seen
    }

    fn files(&self, of: Option<&CommitId>) -> SourceTree {
        of.and_then(|id| self.commits.get(id)).map(|stored| stored.files.clone()).unwrap_or_default()
    }
}

/// The files with `changes` made.
pub(super) fn apply(mut files: SourceTree, changes: &[FileChange]) -> Result<SourceTree, BadTree> {
    for FileChange { path, file } in changes {
        match file {
            Some(file) => drop(files.insert(path.clone(), file.clone())),
            None => drop(files.remove(path).ok_or_else(|| BadTree::NothingToDelete(path.clone()))?),
        }
    }
    Ok(files)
}

/// The files below a folder, with their paths in it.
pub(super) fn below<'a>(files: &'a SourceTree, folder: &'a RepoPath) -> impl Iterator<Item = (&'a RepoPath, &'a SourceFile)> {
    files.iter().filter(move |(path, _)| *path != folder && path.is_within(folder))
}

/// The tree of a folder: equal for folders with equal content.
pub(super) fn tree_id(files: &SourceTree, folder: &RepoPath) -> TreeId {
    let skipped = if folder.as_str().is_empty() { 0 } else { folder.as_str().len() + 1 };
    let mut bytes = b"tree".to_vec();
    for (path, file) in below(files, folder) {
        field(&mut bytes, path.as_str().get(skipped..).unwrap_or_default().as_bytes());
        field(&mut bytes, &[u8::from(file.executable)]);
        field(&mut bytes, &file.bytes);
    }
    parsed(TreeId::parse(Digest::of(&bytes).hex()))
}

fn commit_id(tree: &TreeId, parents: &[CommitId], message: &str, author: &str, at: UnixMillis) -> CommitId {
    let mut bytes = b"commit".to_vec();
    for text in [tree.as_str(), message, author, &at.to_string()].into_iter().chain(parents.iter().map(CommitId::as_str)) {
        field(&mut bytes, text.as_bytes());
    }
    parsed(CommitId::parse(Digest::of(&bytes).hex()))
}

/// Fields with their lengths, so that no two lists of fields have the same bytes.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}

#[expect(clippy::expect_used, reason = "the 64 hexadecimal digits of a digest are an object id")]
fn parsed<Id, E: std::fmt::Debug>(id: Result<Id, E>) -> Id {
    id.expect("a digest is an object id")
}

fn check(files: &SourceTree) -> Result<(), BadTree> {
    for path in files.keys() {
        let folders = path.as_str().match_indices('/').filter_map(|(end, _)| path.as_str().get(..end));
        let taken = |folder: &str| files.keys().any(|other| other.as_str() == folder);
        if path.as_str().is_empty() || folders.into_iter().any(taken) {
            return Err(BadTree::FileAndFolder(path.clone()));
        }
    }
    Ok(())
}

fn changed(old: &SourceTree, new: &SourceTree) -> BTreeSet<RepoPath> {
    old.keys().chain(new.keys()).filter(|path| old.get(*path) != new.get(*path)).cloned().collect()
}
