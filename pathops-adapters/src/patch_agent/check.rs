//! What the files of a patch may do to a tree, taken together.

use std::collections::BTreeSet;

use pathops_core::adapter::SourceTree;
use pathops_core::{Error, RepoPath, Result};

use super::parse::{EXPECTED, FilePatch, refused};

pub(super) const OTHER_BASE: &str = "the patch was made for other files: make it again from this base";

/// Refuses a patch that contradicts the base, names a path twice, or puts a file where a folder is.
pub(super) fn check(base: &SourceTree, files: &[FilePatch]) -> Result<()> {
    let (mut taken, mut made) = (BTreeSet::new(), BTreeSet::new());
    if files.is_empty() {
        return Err(refused("the patch changes no file").advise(EXPECTED));
    }
    for file in files {
        if file.from.is_none() && file.to.is_none() {
            return Err(refused("a file of the patch has no name").advise(EXPECTED));
        }
        if let Some(from) = &file.from {
            if !base.contains_key(from) {
                return Err(refused(format!("`{from}` does not exist")).advise(OTHER_BASE));
            }
            if !taken.insert(from) {
                return Err(twice(from));
            }
        }
        if let Some(to) = file.to.as_ref().filter(|to| !made.insert(*to)) {
            return Err(twice(to));
        }
    }
    if let Some(path) = made.iter().find(|path| base.contains_key(**path) && !taken.contains(*path)) {
        return Err(refused(format!("`{path}` is to be new, and it exists")).advise(OTHER_BASE));
    }
    let kept = base.keys().filter(|path| !taken.contains(path));
    no_file_is_a_folder(&kept.chain(made).map(RepoPath::as_str).collect())
}

fn no_file_is_a_folder(paths: &BTreeSet<&str>) -> Result<()> {
    for path in paths {
        let mut folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        if let Some(file) = folders.find(|folder| paths.contains(folder)) {
            return Err(refused(format!("`{file}` would be both a file and a folder")).advise(OTHER_BASE));
        }
    }
    Ok(())
}

fn twice(path: &RepoPath) -> Error {
    refused(format!("`{path}` is changed more than once")).advise("make one diff of the whole change, not a series of patches")
}
