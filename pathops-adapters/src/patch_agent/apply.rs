//! Applies a patch whose rules have been checked.

use std::cell::RefCell;

use git2::{ApplyOptions, Diff};
use pathops_core::adapter::{AgentRun, SourceTree};
use pathops_core::{Error, Result};

use super::check::{self, EXPECTED, OTHER_BASE, refused};
use super::{text, tree};

/// Applies `patch` to `base`.
pub(super) fn apply(base: &SourceTree, patch: &str) -> Result<AgentRun> {
    let diff = Diff::from_buffer(text::prepare(patch)?.as_bytes()).map_err(|source| unreadable(&source))?;
    let kept = check::paths(base, &diff)?;
    let repository = tree::repository()?;
    let before = tree::write(&repository, base)?;
    let at = RefCell::new(String::new());
    let applied = {
        let mut options = ApplyOptions::new();
        options.delta_callback(|delta| {
            *at.borrow_mut() = delta.map(|delta| check::name(&delta)).unwrap_or_default();
            true
        });
        repository.apply_to_tree(&before, &diff, Some(&mut options))
    };
    let index = applied.map_err(|source| does_not_apply(&at.borrow(), &source))?;
    let after = tree::read(&repository, &index, &kept)?;
    Ok(AgentRun { changes: tree::changes(base, after), summary: summary(&diff) })
}

fn summary(diff: &Diff<'_>) -> String {
    let Ok(stats) = diff.stats() else { return "applied the patch".to_owned() };
    let (files, more, fewer) = (stats.files_changed(), stats.insertions(), stats.deletions());
    format!("applied the patch (files: {files}, lines added: {more}, lines removed: {fewer})")
}

fn unreadable(source: &git2::Error) -> Error {
    refused(format!("the patch cannot be read: {}", source.message())).advise(EXPECTED)
}

fn does_not_apply(path: &str, source: &git2::Error) -> Error {
    refused(format!("`{path}`: {}", source.message())).advise(OTHER_BASE)
}
