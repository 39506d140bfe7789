//! Files as a Git tree in memory, and back.

use std::collections::BTreeMap;

use git2::{FileMode, Index, IndexEntry, IndexTime, Odb, Oid, Repository, Tree};
use pathops_core::adapter::{FileChange, SourceFile, SourceTree};
use pathops_core::{Error, ErrorKind, RepoPath, Result};

use super::RUN;

/// An object database without a folder.
pub(super) fn repository() -> Result<Repository> {
    let open = || {
        let objects = Odb::new()?;
        objects.add_new_mempack_backend(1)?;
        Repository::from_odb(objects)
    };
    open().map_err(internal)
}

/// Stores `files` and gives their tree.
pub(super) fn write<'r>(repository: &'r Repository, files: &SourceTree) -> Result<Tree<'r>> {
    let write = || {
        let mut index = Index::new()?;
        for (path, file) in files {
            index.add(&entry(path, mode(file), repository.blob(&file.bytes)?))?;
        }
        let tree = index.write_tree_to(repository)?;
        repository.find_tree(tree)
    };
    write().map_err(internal)
}

/// The files in `index`. Where `kept` says whether a file is executable, that counts and not the index.
pub(super) fn read(repository: &Repository, index: &Index, kept: &BTreeMap<RepoPath, bool>) -> Result<SourceTree> {
    let mut files = SourceTree::new();
    for entry in index.iter() {
        let path = str::from_utf8(&entry.path).ok().and_then(|text| RepoPath::parse(text).ok());
        let path =
            path.ok_or_else(|| Error::new(ErrorKind::Unexpected, RUN).because("the result has a path outside the tree"))?;
        let bytes = repository.find_blob(entry.id).map_err(internal)?.content().to_vec();
        let executable = kept.get(&path).copied().unwrap_or(entry.mode == u32::from(FileMode::BlobExecutable));
        files.insert(path, SourceFile { bytes, executable });
    }
    Ok(files)
}

/// What differs between two trees, in the order of the paths.
pub(super) fn changes(base: &SourceTree, after: SourceTree) -> Vec<FileChange> {
    let deleted = base.keys().filter(|path| !after.contains_key(*path)).map(|path| FileChange { path: path.clone(), file: None });
    let mut changes: Vec<_> = deleted.collect();
    let changed = after.into_iter().filter(|(path, file)| base.get(path) != Some(file));
    changes.extend(changed.map(|(path, file)| FileChange { path, file: Some(file) }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

fn mode(file: &SourceFile) -> FileMode {
    if file.executable { FileMode::BlobExecutable } else { FileMode::Blob }
}

fn entry(path: &RepoPath, mode: FileMode, id: Oid) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode: mode.into(),
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_str().as_bytes().to_vec(),
    }
}

fn internal(source: git2::Error) -> Error {
    Error::new(ErrorKind::Unexpected, RUN).because(source.message()).with_source(source)
}
