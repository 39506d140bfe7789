//! What a patch may do to a tree. libgit2 does more than that, and some of it without a word: it deletes a file that has
//! changed since, and puts a file where a folder is.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Delta, Diff, DiffDelta, DiffFile, FileMode, Patch};
use pathops_core::adapter::SourceTree;
use pathops_core::{Error, ErrorKind, RepoPath, Result};

use super::RUN;

pub(super) const EXPECTED: &str = "expected is a unified diff, as `git diff` or `git format-patch` writes it";
pub(super) const OTHER_BASE: &str = "the patch was made for other files: make it again from this base";

/// The paths that a patch takes away and makes; changing a file is both.
#[derive(Default)]
struct Moves {
    taken: BTreeSet<RepoPath>,
    made: BTreeSet<RepoPath>,
}

/// Refuses what reaches out of the tree, contradicts the base, or names a path twice.
///
/// Gives the files whose mode the patch leaves alone, by their new path, and whether they are executable: libgit2 makes
/// them plain files.
pub(super) fn paths(base: &SourceTree, diff: &Diff<'_>) -> Result<BTreeMap<RepoPath, bool>> {
    let mut moves = Moves::default();
    let mut kept = BTreeMap::new();
    for (at, delta) in diff.deltas().enumerate() {
        let (old, new) = (delta.old_file(), delta.new_file());
        match delta.status() {
            Delta::Added => make(&mut moves, inside(&new)?)?,
            Delta::Deleted => {
                let path = take(base, &mut moves, inside(&old)?)?;
                deletes_what_is_there(base, diff, at, &path)?;
            }
            Delta::Modified | Delta::Renamed => {
                let from = take(base, &mut moves, inside(&old)?)?;
                let to = inside(&new)?;
                make(&mut moves, to.clone())?;
                if matches!(new.mode(), FileMode::Unreadable) || new.mode() == old.mode() {
                    kept.insert(to, base.get(&from).is_some_and(|file| file.executable));
                }
            }
            other => {
                return Err(refused(format!("`{}`: a change of the kind {other:?} is refused", name(&delta))).advise(EXPECTED));
            }
        }
    }
    if moves.made.is_empty() && moves.taken.is_empty() {
        return Err(refused("the patch changes no file").advise(EXPECTED));
    }
    match moves.made.iter().find(|path| base.contains_key(*path) && !moves.taken.contains(*path)) {
        Some(path) => Err(refused(format!("`{path}` is to be new, and it exists")).advise(OTHER_BASE)),
        None => no_file_is_a_folder(base, &moves).map(|()| kept),
    }
}

fn no_file_is_a_folder(base: &SourceTree, moves: &Moves) -> Result<()> {
    let kept = base.keys().filter(|path| !moves.taken.contains(*path));
    let after: BTreeSet<&str> = kept.chain(&moves.made).map(RepoPath::as_str).collect();
    for path in &after {
        let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        if let Some(file) = folders.into_iter().find(|folder| after.contains(folder)) {
            return Err(refused(format!("`{file}` would be both a file and a folder")).advise(OTHER_BASE));
        }
    }
    Ok(())
}

/// The path by which people know the file.
pub(super) fn name(delta: &DiffDelta<'_>) -> String {
    text(&if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() })
}

/// The patch cannot be done as it is.
pub(super) fn refused(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, RUN).because(reason)
}

fn text(file: &DiffFile<'_>) -> String {
    file.path_bytes().map(|path| String::from_utf8_lossy(path).into_owned()).unwrap_or_default()
}

fn inside(file: &DiffFile<'_>) -> Result<RepoPath> {
    let text = text(file);
    let refuse = |rule: &str| refused(format!("the path `{text}` is refused: {rule}"));
    match RepoPath::parse(text.clone()) {
        Ok(path) if path == RepoPath::root() => Err(refuse("it names no file")),
        Ok(path) => Ok(path),
        Err(error) => Err(refuse(error.rule())),
    }
}

fn take(base: &SourceTree, moves: &mut Moves, path: RepoPath) -> Result<RepoPath> {
    if !base.contains_key(&path) {
        return Err(refused(format!("`{path}` does not exist")).advise(OTHER_BASE));
    }
    if moves.taken.insert(path.clone()) { Ok(path) } else { Err(twice(&path)) }
}

fn make(moves: &mut Moves, path: RepoPath) -> Result<()> {
    if moves.made.insert(path.clone()) { Ok(()) } else { Err(twice(&path)) }
}

fn twice(path: &RepoPath) -> Error {
    refused(format!("`{path}` is changed more than once")).advise("make one diff of the whole change, not a series of patches")
}

/// libgit2 deletes a file whatever is in it; the patch says what it saw.
fn deletes_what_is_there(base: &SourceTree, diff: &Diff<'_>, at: usize, path: &RepoPath) -> Result<()> {
    let unreadable = |source: git2::Error| refused(format!("`{path}`: {}", source.message())).advise(EXPECTED);
    let Some(mut patch) = Patch::from_diff(diff, at).map_err(unreadable)? else { return Ok(()) };
    if patch.delta().flags().is_binary() {
        return Ok(());
    }
    let seen = patch_text(&mut patch).map_err(unreadable)?;
    let same = base.get(path).is_some_and(|file| file.bytes == seen);
    if same {
        Ok(())
    } else {
        Err(refused(format!("`{path}` is to be deleted, and holds something else by now")).advise(OTHER_BASE))
    }
}

/// The lines that a patch removes.
fn patch_text(patch: &mut Patch<'_>) -> Result<Vec<u8>, git2::Error> {
    let mut bytes = Vec::new();
    for hunk in 0..patch.num_hunks() {
        for line in 0..patch.num_lines_in_hunk(hunk)? {
            let line = patch.line_in_hunk(hunk, line)?;
            if line.origin() == '-' {
                bytes.extend_from_slice(line.content());
            }
        }
    }
    Ok(bytes)
}
