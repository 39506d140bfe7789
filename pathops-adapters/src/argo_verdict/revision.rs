//! Whether a source is at what is expected of it.

use pathops_core::CommitId;

use super::application::{Application, Revisions, Source};
use super::beside::beside;
use super::expected::{At, ExpectedSource, Within};
use super::judge::Step;
use super::verdict::{NotYet, Stale, StaleAction, Verdict};
use crate::live::{History, Stands, plain, same_repository, stands};

/// Sources with the revision of each.
#[derive(Clone, Copy)]
pub(super) struct Sourced<'a> {
    pub(super) sources: &'a [Source],
    pub(super) revisions: &'a [String],
    /// What all of them are made of, where the application says so ([`Annotations::generate_paths`]).
    made_of: &'a str,
}

impl<'a> Sourced<'a> {
    pub(super) fn new(sources: &'a [Source], at: &'a Revisions, application: &'a Application) -> Self {
        let made_of = application.metadata.annotations.generate_paths.as_deref().unwrap_or_default();
        Self { sources, revisions: at.of(application.spec.has_several_sources()), made_of }
    }

    /// The dry source of an application.
    pub(super) fn dry(source: &'a Source, application: &'a Application) -> Self {
        Self { sources: std::slice::from_ref(source), revisions: &[], ..Self::new(&[], &application.status.sync.at, application) }
    }

    pub(super) fn made_of(&self) -> &'a str {
        self.made_of
    }

    /// Whether every source that is the expected one is where it should be, and there is one.
    pub(super) fn at(&self, expected: &ExpectedSource, history: &impl History) -> Step {
        let mut found = false;
        for (index, source) in self.sources.iter().enumerate().filter(|(_, source)| expected.is(source)) {
            found = true;
            // Not as many revisions as sources: they cannot be told apart.
            let revision = self.revisions.get(index).filter(|_| self.revisions.len() == self.sources.len());
            self.is_at(expected, source, revision.map_or("", String::as_str), history)?;
        }
        let repo_url = || expected.repo_url.clone();
        if found { Ok(()) } else { Err(Verdict::NotYet(NotYet::NoSuchSource { repo_url: repo_url() })) }
    }

    /// Whether `revision` is what is expected of this source: a later commit is where nothing has changed that Argo CD reads for it.
    pub(super) fn is_at(&self, expected: &ExpectedSource, source: &Source, revision: &str, history: &impl History) -> Step {
        is_at_reading(expected, revision, || beside(self, expected, source), history)
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
    is_at_reading(expected, revision, Vec::new, history)
}

/// The same where Argo CD reads of other folders, too: then a later commit asks for the same only where these are the same as well.
/// Where one is not, nobody knows whether it is what is read that has changed. At the expected commit itself they are not asked for.
fn is_at_reading(expected: &ExpectedSource, revision: &str, beside: impl Fn() -> Vec<String>, history: &impl History) -> Step {
    let repo_url = || expected.repo_url.clone();
    let not_seen = || Err(Verdict::NotYet(NotYet::NotSeen { repo_url: repo_url(), revision: revision.to_owned() }));
    let no_revision = || Err(Verdict::NotYet(NotYet::NoRevision { repo_url: repo_url() }));
    match (&expected.at, &expected.within) {
        (At::Version(version), _) if version == revision && !revision.is_empty() => Ok(()),
        (At::Commit(commit), _) if commit.as_str() == revision && expected.tree.is_none() => Ok(()),
        _ if revision.is_empty() => no_revision(),
        (At::Version(_), _) | (At::Commit(_), Within::Chart(_)) => not_seen(),
        (At::Commit(commit), Within::Path(path)) => {
            // Where a comparison fails, it is the name of the branch.
            let Ok(found) = CommitId::parse(revision) else { return no_revision() };
            let unknown = || Err(Verdict::Stale(Stale::UnknownTree { revision: found.to_string() }, StaleAction::ReadGit));
            let same = |folder: &String| history.same_tree(&expected.repo_url, folder, &found, commit) == Some(true);
            match stands(history, (&expected.repo_url, path), &found, commit, expected.tree.as_ref()) {
                Stands::Same if found == *commit || beside().iter().all(same) => Ok(()),
                Stands::Same | Stands::Unknown => unknown(),
                Stands::Elsewhere => not_seen(),
                Stands::Superseded => Err(Verdict::Stale(Stale::Superseded { revision: found.to_string() }, StaleAction::GiveUp)),
            }
        }
    }
}
