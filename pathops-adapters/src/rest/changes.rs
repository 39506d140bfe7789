//! The changes of a commit by path, checked before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::RepoPath;
use pathops_core::adapter::{FileChange, SourceFile};

/// What a path becomes.
pub(crate) type Changes<'a> = BTreeMap<&'a RepoPath, Option<&'a SourceFile>>;

/// The changes, where each of them can be made to what is `there`: the paths that are no folders. Hosts would put a file in a
/// folder's place and lose what is in it. The error says which cannot be made, and why.
pub(crate) fn checked<'a>(there: BTreeSet<&str>, changes: &'a [FileChange]) -> Result<Changes<'a>, String> {
    let mut by_path = Changes::new();
    for FileChange { path, file } in changes {
        if path == &RepoPath::root() || by_path.insert(path, file.as_ref()).is_some() {
            return Err(format!("`{path}` is the root, or named twice"));
        }
    }
    let mut after = there;
    for (path, _) in by_path.iter().filter(|(_, file)| file.is_none()) {
        if !after.remove(path.as_str()) {
            return Err(format!("`{path}` cannot be deleted: there is no such file"));
        }
    }
    for (path, _) in by_path.iter().filter(|(_, file)| file.is_some()) {
        let below = format!("{path}/");
        if after.range(below.as_str()..).next().is_some_and(|first| first.starts_with(&below)) {
            return Err(format!("`{path}` is a folder, not a file"));
        }
        let mut above = path.as_str().match_indices('/').filter_map(|(end, _)| path.as_str().get(..end));
        if let Some(file) = above.find(|above| after.contains(above)) {
            return Err(format!("`{path}` cannot be below `{file}`, which is a file"));
        }
        after.insert(path.as_str());
    }
    Ok(by_path)
}
