//! Files of a commit: reading them, and making the tree of the next one.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{ErrorCode, ObjectType, Oid, Tree, TreeBuilder, TreeEntry};
use pathops_core::adapter::{FileChange, SourceFile, SourceTree};
use pathops_core::{CommitId, ErrorKind, RepoPath, Result, TreeId};

use super::repo::Repo;

/// How much [`Repo::read_tree`] reads at most.
const READ_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

// Git's modes of tree entries.
const FILE: i32 = 0o100_644;
const EXECUTABLE: i32 = 0o100_755;
const FOLDER: i32 = 0o040_000;

/// What changes in a folder, by name.
#[derive(Default)]
struct Edit<'a> {
    files: BTreeMap<&'a str, Option<&'a SourceFile>>,
    folders: BTreeMap<&'a str, Edit<'a>>,
}

impl<'a> Edit<'a> {
    /// `false` where the file is in it already.
    fn add(&mut self, path: &'a str, file: Option<&'a SourceFile>) -> bool {
        match path.split_once('/') {
            Some((folder, rest)) => self.folders.entry(folder).or_default().add(rest, file),
            None => self.files.insert(path, file).is_none(),
        }
    }
}

/// A tree that was made.
struct Made {
    tree: Oid,
    empty: bool,
}

impl Repo<'_> {
    /// The tree with `changes` done to `base`. Deletions come first, so that a file may make room for a folder.
    pub(super) fn changed_tree(&self, base: Option<Oid>, changes: &[FileChange]) -> Result<Oid> {
        let [mut deletions, mut additions] = [Edit::default(), Edit::default()];
        for FileChange { path, file } in changes {
            let edit = if file.is_some() { &mut additions } else { &mut deletions };
            if path == &RepoPath::root() || !edit.add(path.as_str(), file.as_ref()) {
                return Err(self.error(ErrorKind::Invalid, format_args!("`{path}` is the root, or named twice")));
            }
        }
        let base = self.edited(base, &deletions, "")?.tree;
        Ok(self.edited(Some(base), &additions, "")?.tree)
    }

    fn edited(&self, base: Option<Oid>, edit: &Edit<'_>, folder: &str) -> Result<Made> {
        let base = base.map(|oid| self.git.find_tree(oid)).transpose().map_err(|e| self.refused(e))?;
        let mut builder = self.git.treebuilder(base.as_ref()).map_err(|e| self.refused(e))?;
        for (name, file) in &edit.files {
            self.edit_file(&mut builder, folder, name, *file)?;
        }
        for (name, inner) in &edit.folders {
            self.edit_folder(&mut builder, folder, name, inner)?;
        }
        Ok(Made { tree: builder.write().map_err(|e| self.refused(e))?, empty: builder.is_empty() })
    }

    fn edit_file(&self, builder: &mut TreeBuilder<'_>, folder: &str, name: &str, file: Option<&SourceFile>) -> Result<()> {
        let invalid = |why: &str| self.error(ErrorKind::Invalid, format_args!("`{folder}{name}` {why}"));
        let there = builder.get(name).map_err(|e| self.refused(e))?.map(|entry| entry.kind());
        let is_folder = there == Some(Some(ObjectType::Tree));
        match file {
            Some(_) if is_folder => Err(invalid("is a folder, not a file")),
            Some(file) => {
                let blob = self.git.blob(&file.bytes).map_err(|e| self.refused(e))?;
                let mode = if file.executable { EXECUTABLE } else { FILE };
                let put = builder.insert(name, blob, mode).map(drop);
                put.map_err(|e| invalid("is no name for a file in Git").with_source(e))
            }
            None if there.is_none() || is_folder => Err(invalid("cannot be deleted: there is no such file")),
            None => builder.remove(name).map_err(|e| self.refused(e)),
        }
    }

    fn edit_folder(&self, builder: &mut TreeBuilder<'_>, folder: &str, name: &str, inner: &Edit<'_>) -> Result<()> {
        let invalid = |why: &str| self.error(ErrorKind::Invalid, format_args!("`{folder}{name}` {why}"));
        let below = match builder.get(name).map_err(|e| self.refused(e))? {
            Some(entry) if entry.kind() == Some(ObjectType::Tree) => Some(entry.id()),
            Some(_) => return Err(invalid("is a file, not a folder")),
            None => None,
        };
        let made = self.edited(below, inner, &format!("{folder}{name}/"))?;
        if !made.empty {
            let put = builder.insert(name, made.tree, FOLDER).map(drop);
            return put.map_err(|e| invalid("is no name for a folder in Git").with_source(e));
        }
        if below.is_some() {
            builder.remove(name).map_err(|e| self.refused(e))?;
        }
        Ok(())
    }

    pub(super) fn read_file(&self, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(commit, path)? else { return Ok(None) };
        if !is_file(&entry) {
            return Ok(None);
        }
        let blob = self.git.find_blob(entry.id()).map_err(|e| self.refused(e))?;
        Ok(Some(blob.content().to_vec()))
    }

    pub(super) fn tree_at(&self, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        self.folder(commit, path)?.map(|tree| self.tree_id(tree.id())).transpose()
    }

    pub(super) fn read_tree(&self, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
        let mut files = SourceTree::new();
        if let Some(folder) = self.folder(commit, path)? {
            let mut room = READ_LIMIT_BYTES;
            self.collect(&folder, path, &mut files, &mut room)?;
        }
        Ok(files)
    }

    fn collect(&self, folder: &Tree<'_>, at: &RepoPath, files: &mut SourceTree, room: &mut u64) -> Result<()> {
        for entry in folder {
            let name = String::from_utf8_lossy(entry.name_bytes());
            let path = || at.join(&name).map_err(|e| self.error(ErrorKind::Invalid, e));
            if entry.filemode() == FOLDER {
                let inner = self.git.find_tree(entry.id()).map_err(|e| self.refused(e))?;
                self.collect(&inner, &path()?, files, room)?;
            } else if is_file(&entry) {
                self.reserve(entry.id(), room)?;
                let blob = self.git.find_blob(entry.id()).map_err(|e| self.refused(e))?;
                let executable = entry.filemode() == EXECUTABLE;
                files.insert(path()?, SourceFile { bytes: blob.content().to_vec(), executable });
            }
        }
        Ok(())
    }

    /// Takes a file's size off the room that is left, before it is read.
    fn reserve(&self, blob: Oid, room: &mut u64) -> Result<()> {
        let (size, _) = self.git.odb().and_then(|odb| odb.read_header(blob)).map_err(|e| self.refused(e))?;
        *room = u64::try_from(size).ok().and_then(|size| room.checked_sub(size)).ok_or_else(|| {
            let limit = READ_LIMIT_BYTES / (1024 * 1024);
            self.error(ErrorKind::Invalid, format_args!("the files are larger than {limit} MiB together"))
                .advise("read a smaller folder")
        })?;
        Ok(())
    }

    fn folder(&self, commit: &CommitId, path: &RepoPath) -> Result<Option<Tree<'_>>> {
        let root = self.commit_object(commit)?.tree().map_err(|e| self.refused(e))?;
        if path == &RepoPath::root() {
            return Ok(Some(root));
        }
        match self.entry(commit, path)? {
            Some(entry) if entry.filemode() == FOLDER => self.git.find_tree(entry.id()).map(Some).map_err(|e| self.refused(e)),
            _ => Ok(None),
        }
    }

    fn entry(&self, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeEntry<'static>>> {
        let root = self.commit_object(commit)?.tree().map_err(|e| self.refused(e))?;
        if path == &RepoPath::root() {
            return Ok(None);
        }
        match root.get_path(Path::new(path.as_str())) {
            Ok(entry) => Ok(Some(entry)),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            Err(e) => Err(self.refused(e)),
        }
    }
}

/// Symbolic links and submodules are none.
fn is_file(entry: &TreeEntry<'_>) -> bool {
    matches!(entry.filemode(), FILE | EXECUTABLE)
}
