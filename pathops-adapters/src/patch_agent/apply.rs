//! Applies a patch to files in memory.

use pathops_core::adapter::{AgentRun, FileChange, SourceFile, SourceTree};
use pathops_core::{RepoPath, Result};

use super::check::{OTHER_BASE, check};
use super::parse::{FilePatch, Hunk, parse, refused};

/// Applies `patch` to `base`.
pub(super) fn apply(base: &SourceTree, patch: &str) -> Result<AgentRun> {
    let files = parse(patch)?;
    check(base, &files)?;
    let mut after = base.clone();
    for path in files.iter().filter_map(|file| file.from.as_ref()) {
        after.remove(path);
    }
    for file in &files {
        if let Some((path, file)) = change(base, file)? {
            after.insert(path, file);
        }
    }
    Ok(AgentRun { changes: differences(base, after), summary: summary(&files) })
}

/// What one file becomes; `None` where it is deleted.
fn change(base: &SourceTree, patch: &FilePatch) -> Result<Option<(RepoPath, SourceFile)>> {
    let before = patch.from.as_ref().and_then(|path| base.get(path));
    let name = patch.to.as_ref().or(patch.from.as_ref()).map(RepoPath::as_str).unwrap_or_default();
    let bytes = rewrite(name, before.map_or(&[], |file| &file.bytes), &patch.hunks)?;
    match &patch.to {
        None if bytes.is_empty() => Ok(None),
        None => Err(refused(format!("`{name}` is to be deleted, and holds more than the patch removes")).advise(OTHER_BASE)),
        Some(path) => {
            let executable = patch.executable.unwrap_or(before.is_some_and(|file| file.executable));
            Ok(Some((path.clone(), SourceFile { bytes, executable })))
        }
    }
}

/// The content after all hunks. Every line that a hunk removes or shows has to be where the hunk says.
fn rewrite(name: &str, before: &[u8], hunks: &[Hunk]) -> Result<Vec<u8>> {
    let mut lines = before.split_inclusive(|byte| *byte == b'\n');
    let mut passed = 0;
    let mut bytes = Vec::with_capacity(before.len());
    for hunk in hunks {
        let misfit = || refused(format!("`{name}`: the hunk `{}` does not apply", hunk.header)).advise(OTHER_BASE);
        while passed < hunk.skip {
            append(&mut bytes, lines.next().ok_or_else(misfit)?).ok_or_else(misfit)?;
            passed += 1;
        }
        if passed > hunk.skip {
            return Err(misfit());
        }
        for line in &hunk.lines {
            if line.old {
                lines.next().filter(|there| *there == line.text.as_bytes()).ok_or_else(misfit)?;
                passed += 1;
            }
            if line.new {
                append(&mut bytes, line.text.as_bytes()).ok_or_else(misfit)?;
            }
        }
    }
    for line in lines {
        append(&mut bytes, line)
            .ok_or_else(|| refused(format!("`{name}`: a line without an end is not the last")).advise(OTHER_BASE))?;
    }
    Ok(bytes)
}

/// Adds a line, provided that the one before it has ended.
fn append(bytes: &mut Vec<u8>, line: &[u8]) -> Option<()> {
    let ended = bytes.last().is_none_or(|byte| *byte == b'\n');
    ended.then(|| bytes.extend_from_slice(line))
}

/// What differs between two trees, in the order of the paths.
fn differences(base: &SourceTree, after: SourceTree) -> Vec<FileChange> {
    let deleted = base.keys().filter(|path| !after.contains_key(*path)).map(|path| FileChange { path: path.clone(), file: None });
    let mut changes: Vec<_> = deleted.collect();
    let changed = after.into_iter().filter(|(path, file)| base.get(path) != Some(file));
    changes.extend(changed.map(|(path, file)| FileChange { path, file: Some(file) }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

fn summary(files: &[FilePatch]) -> String {
    let lines = || files.iter().flat_map(|file| &file.hunks).flat_map(|hunk| &hunk.lines);
    let (added, removed) = (lines().filter(|line| !line.old).count(), lines().filter(|line| !line.new).count());
    format!("applied the patch (files: {}, lines added: {added}, lines removed: {removed})", files.len())
}
