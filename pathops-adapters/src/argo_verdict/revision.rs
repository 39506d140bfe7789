//! Whether a source is at what is expected of it.

use pathops_core::CommitId;

use super::application::{Application, Revisions, Source};
use super::beside::{beside, is_read_in};
use super::expected::{At, ExpectedSource, Within};
use super::judge::Step;
use super::verdict::{NotYet, Stale, StaleAction, Verdict};
use crate::live::{History, Stands, same_path, same_repository, stands};

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

    /// Whether every source that is the expected one is where it should be, and there is one. Of sources that others only refer to, those
    /// are taken along that follow the same branch, or of which the folder is read: another may be held at a tag. Where there are only
    /// such, those count of which the folder is read, or else one that is where it should be, with all that follow its branch.
    pub(super) fn at(&self, expected: &ExpectedSource, history: &impl History) -> Step {
        let is_read = |it: &Source| expected.is_referred_to(it) && is_read_in(self, it, expected);
        if self.sources.iter().any(|it| expected.is(it)) {
            let with_folder = |it: &Source| self.sources.iter().any(|own| expected.is(own) && follow_one_branch(own, it));
            let along = |it: &Source| expected.is_referred_to(it) && (with_folder(it) || is_read(it));
            let is_alone = self.sources.len() == 1;
            return self.each(expected, |it| is_alone || expected.is(it) || along(it), history);
        }
        let all = self.each(expected, |it| expected.is_referred_to(it), history);
        if all.is_ok() {
            return all;
        }
        if self.sources.iter().any(is_read) {
            return self.each(expected, is_read, history);
        }
        let mut referred_to = self.sources.iter().filter(|it| expected.is_referred_to(it));
        let with_its_branch =
            |one: &Source| self.each(expected, |it| expected.is_referred_to(it) && follow_one_branch(one, it), history).is_ok();
        if referred_to.any(with_its_branch) { Ok(()) } else { all }
    }

    /// Whether every source that is `meant` is at what is expected, and there is one.
    fn each(&self, expected: &ExpectedSource, meant: impl Fn(&Source) -> bool, history: &impl History) -> Step {
        let mut found = false;
        for (index, source) in self.sources.iter().enumerate().filter(|(_, source)| meant(source)) {
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
    /// Whether `source` is the one that is meant, by its folder or chart.
    pub(super) fn is(&self, source: &Source) -> bool {
        let chart = source.text("chart");
        self.is_of(source)
            && match &self.within {
                Within::Path(expected) => {
                    let path = source.text("path");
                    chart.is_empty() && same_path(expected, path) && (!path.is_empty() || source.text("ref").is_empty())
                }
                Within::Chart(expected) => expected == chart,
            }
    }

    /// Whether `source` is one of its repository that others only refer to. It has no path: any path is meant.
    pub(super) fn is_referred_to(&self, source: &Source) -> bool {
        matches!(self.within, Within::Path(_)) && is_only_referred_to(source) && self.is_of(source)
    }

    /// Whether `source` is of its repository. A commit is the same by whatever name; of versions, case tells repositories apart.
    fn is_of(&self, source: &Source) -> bool {
        let (own, url) = (self.repo_url.as_str(), source.text("repoURL"));
        match self.at {
            At::Commit(_) => same_repository(own, url),
            At::Version(_) => own.trim_end_matches('/') == url.trim_end_matches('/'),
        }
    }
}

fn is_only_referred_to(source: &Source) -> bool {
    source.text("path").is_empty() && source.text("chart").is_empty() && !source.text("ref").is_empty()
}

/// Whether two sources are at one commit, however fast that moves. What `HEAD` is may be any branch.
fn follow_one_branch(one: &Source, other: &Source) -> bool {
    fn branch(source: &Source) -> &str {
        let name = source.text("targetRevision");
        name.strip_prefix("refs/heads/").unwrap_or(name)
    }
    let (one, other) = (branch(one), branch(other));
    one == other || [one, other].iter().any(|name| matches!(*name, "" | "HEAD"))
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
        (At::Version(version), _) if version == revision && is_one_version(revision) => Ok(()),
        (At::Commit(commit), _) if commit.as_str() == revision && expected.tree.is_none() => Ok(()),
        _ if revision.is_empty() => no_revision(),
        // It stands for several, of which nobody knows which it is.
        (At::Version(version), _) if version == revision => no_revision(),
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

/// Whether it is one version and no range of them. Argo CD tells at which it is: of a chart by its number, of an artifact by its digest,
/// and by no name that may stand for another one tomorrow (`latest`).
fn is_one_version(revision: &str) -> bool {
    let number = revision.strip_prefix('v').unwrap_or(revision);
    let release = number.split(['-', '+']).next().unwrap_or_default();
    let is_range = revision.contains(['*', '<', '>', '=', '^', '~', '|', '!', ',', ' '])
        || release.split('.').any(|part| matches!(part, "x" | "X"));
    let is_number = number.starts_with(|first: char| first.is_ascii_digit());
    !is_range && (is_number || revision.contains(':') || CommitId::parse(revision).is_ok())
}
