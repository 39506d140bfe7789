//! Whether a source is at what is expected of it.

use pathops_core::CommitId;

use super::application::{Revisions, Source};
use super::expected::{At, ExpectedSource, Within};
use super::judge::Step;
use super::verdict::{NotYet, Stale, StaleAction, Verdict};
use crate::live::{History, Stands, plain, same_repository, stands};

/// Sources with the revision of each.
#[derive(Clone, Copy)]
pub(super) struct Sourced<'a> {
    pub(super) sources: &'a [Source],
    pub(super) revisions: &'a [String],
}

impl<'a> Sourced<'a> {
    /// `several` is whether the application has a list of sources.
    pub(super) fn new(sources: &'a [Source], at: &'a Revisions, several: bool) -> Self {
        Self { sources, revisions: at.of(several) }
    }

    /// Whether every source that is the expected one is where it should be, and there is one.
    pub(super) fn at(&self, expected: &ExpectedSource, history: &impl History) -> Step {
        let mut found = false;
        for (index, source) in self.sources.iter().enumerate().filter(|(_, source)| expected.is(source)) {
            found = true;
            // Not as many revisions as sources: they cannot be told apart.
            let revision = self.revisions.get(index).filter(|_| self.revisions.len() == self.sources.len());
            is_at_reading(expected, revision.map_or("", String::as_str), || self.reads_beside(expected, source), history)?;
        }
        let repo_url = || expected.repo_url.clone();
        if found { Ok(()) } else { Err(Verdict::NotYet(NotYet::NoSuchSource { repo_url: repo_url() })) }
    }
}

impl Sourced<'_> {
    /// Whether Argo CD reads files of this source that do not lie in the expected folder, as far as the object names them.
    fn reads_beside(&self, expected: &ExpectedSource, source: &Source) -> bool {
        let Within::Path(folder) = &expected.within else { return false };
        let (folder, name) = (plain(folder), source.text("ref"));
        let is_beside = |path: &str| {
            let inner = path.strip_prefix(folder).is_some_and(|rest| folder.is_empty() || rest.starts_with('/'));
            !inner || path.split('/').any(|part| part == "..")
        };
        let referred = |file: &str| {
            let path = file.strip_prefix('$')?.strip_prefix(name).filter(|_| !name.is_empty())?.strip_prefix('/')?;
            Some(is_beside(path))
        };
        let own = |file: &str| match file.strip_prefix('/') {
            Some(path) => is_beside(path),
            None => !file.starts_with('$') && file.split('/').any(|part| part == ".."),
        };
        self.sources.iter().flat_map(Source::files).any(|file| referred(file) == Some(true)) || source.files().any(own)
    }
}

impl ExpectedSource {
    /// Whether `source` is the one that is meant. A source that others only refer to has no path: any path in its repository
    /// is meant.
    pub(super) fn is(&self, source: &Source) -> bool {
        let (path, chart) = (|| source.text("path"), source.text("chart"));
        let referred_to = || path().is_empty() && !source.text("ref").is_empty();
        same_repository(&self.repo_url, source.text("repoURL"))
            && match &self.within {
                Within::Path(expected) => chart.is_empty() && (plain(expected) == plain(path()) || referred_to()),
                Within::Chart(expected) => expected == chart,
            }
    }
}

/// Whether `revision` is what is expected of the source.
pub(super) fn is_at(expected: &ExpectedSource, revision: &str, history: &impl History) -> Step {
    is_at_reading(expected, revision, || false, history)
}

/// The same where files beside the expected folder may count: then a later commit asks for the same only where all of it is the same.
/// Whether they do is asked only where it matters, since at the expected commit itself it does not.
fn is_at_reading(expected: &ExpectedSource, revision: &str, beside: impl Fn() -> bool, history: &impl History) -> Step {
    let not_seen = || {
        let (repo_url, revision) = (expected.repo_url.clone(), revision.to_owned());
        Err(Verdict::NotYet(NotYet::NotSeen { repo_url, revision }))
    };
    let no_revision = || Err(Verdict::NotYet(NotYet::NoRevision { repo_url: expected.repo_url.clone() }));
    match (&expected.at, &expected.within) {
        (At::Version(version), _) if version == revision && !revision.is_empty() => Ok(()),
        (At::Commit(commit), _) if commit.as_str() == revision && expected.tree.is_none() => Ok(()),
        _ if revision.is_empty() => no_revision(),
        (At::Version(_), _) | (At::Commit(_), Within::Chart(_)) => not_seen(),
        (At::Commit(commit), Within::Path(path)) => {
            // Where a comparison fails, it is the name of the branch.
            let Ok(found) = CommitId::parse(revision) else { return no_revision() };
            let revision = found.to_string();
            let (path, tree) = if beside() { ("", None) } else { (path.as_str(), expected.tree.as_ref()) };
            match stands(history, (&expected.repo_url, path), &found, commit, tree) {
                Stands::Same => Ok(()),
                Stands::Elsewhere => not_seen(),
                Stands::Superseded => Err(Verdict::Stale(Stale::Superseded { revision }, StaleAction::GiveUp)),
                Stands::Unknown => Err(Verdict::Stale(Stale::UnknownTree { revision }, StaleAction::ReadGit)),
            }
        }
    }
}
