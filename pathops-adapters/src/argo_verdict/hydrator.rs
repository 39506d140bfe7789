//! From the dry commit to the hydrated one.
//!
//! With a source hydrator people change the dry source, and what is applied is another commit, which Argo CD makes of it.

use pathops_core::CommitId;

use super::application::{Application, Hydration, Source, SourceHydrator};
use super::expected::{ExpectedSource, Within};
use super::judge::Step;
use super::operation::AnyOrder;
use super::revision::{Sourced, is_at};
use super::same::same;
use super::verdict::{NotYet, Stale, StaleAction, Verdict};
use crate::live::{History, same_path, same_repository};

impl SourceHydrator {
    /// Whether a comparison was with the source that is hydrated to.
    pub(super) fn syncs(&self, compared: &Source) -> bool {
        compared.text("repoURL") == self.sync_repo()
            && same_path(compared.text("path"), self.sync_source.text("path"))
            && compared.text("targetRevision") == self.sync_source.text("targetBranch")
    }

    /// The repository that is hydrated to: by default the one of the dry source.
    fn sync_repo(&self) -> &str {
        match self.sync_source.text("repoURL") {
            "" => self.dry_source.text("repoURL"),
            own => own,
        }
    }

    /// Whether what is expected is the source that is hydrated to.
    pub(super) fn applies(&self, expected: &ExpectedSource) -> bool {
        let is_own = |path: &str| same_path(path, self.sync_source.text("path"));
        same_repository(self.sync_repo(), &expected.repo_url) && matches!(&expected.within, Within::Path(path) if is_own(path))
    }

    fn same(&self, other: &SourceHydrator) -> bool {
        same(&self.dry_source.0, &other.dry_source.0) && same(&self.sync_source.0, &other.sync_source.0)
    }
}

/// Whether `applied` is what a dry source at the expected commit was hydrated to, or a later commit with the same tree.
pub(super) fn hydrated(
    hydrator: &SourceHydrator,
    expected: &ExpectedSource,
    application: &Application,
    applied: &str,
    history: &impl History,
) -> Step {
    let status = &application.status.source_hydrator;
    let current = status.current_operation.iter().filter(|operation| operation.phase.as_deref() == Some("Hydrated"));
    let ours = |operation: &&Hydration| operation.source_hydrator.as_ref().is_none_or(|of| of.same(hydrator));
    let sourced = Sourced::dry(&hydrator.dry_source, application);
    let at = |dry: Option<&str>| sourced.is_at(expected, &hydrator.dry_source, dry.unwrap_or_default(), history);
    let dry = |operation: &Hydration| at(operation.dry.as_deref());
    let mut done = status.last_successful_operation.iter().chain(current).filter(ours);
    let found = done.clone().find(|operation| dry(operation).is_ok());
    // What would change nothing is not hydrated again.
    let skipped = || {
        at(status.last_compared_dry_revision.as_deref()).ok()?;
        let same = |dry: &str| sourced.is_at(expected, &hydrator.dry_source, dry, &AnyOrder(history)).is_ok();
        done.find(|operation| operation.dry.as_deref().is_some_and(same))
    };
    let Some(done) = found.or_else(skipped) else { return Err(not_hydrated(application, dry)) };
    let Some(made) = done.hydrated.as_deref().and_then(|made| CommitId::parse(made).ok()) else {
        return Err(Verdict::NotYet(NotYet::Hydrating));
    };
    let made = ExpectedSource::git(hydrator.sync_repo(), hydrator.sync_source.text("path"), made);
    // Merged by a pull request it is another commit, which may have nothing of this one but its tree.
    is_at(&made, applied, history).or_else(|elsewhere| is_at(&made, applied, &AnyOrder(history)).map_err(|_| elsewhere))
}

/// Why there is no hydration of what is expected. Argo CD tries one again by itself that failed.
fn not_hydrated(application: &Application, dry: impl Fn(&Hydration) -> Step) -> Verdict {
    let status = &application.status.source_hydrator;
    match &status.current_operation {
        Some(current) if current.phase.as_deref() == Some("Failed") && dry(current).is_ok() => {
            Verdict::NotYet(NotYet::NotHydrated { message: current.message.clone().unwrap_or_default() })
        }
        Some(current) if current.phase.as_deref() == Some("Hydrating") => Verdict::NotYet(NotYet::Hydrating),
        Some(current) => dry(current).err().unwrap_or(Verdict::NotYet(NotYet::Hydrating)),
        None => match &status.last_successful_operation {
            Some(last) => dry(last).err().unwrap_or(Verdict::NotYet(NotYet::Hydrating)),
            None => Verdict::Stale(Stale::NotLooking, StaleAction::Refresh),
        },
    }
}
