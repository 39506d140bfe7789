//! What else the adapter tells of an `Application`.

use pathops_core::{CommitId, Digest, UnixMillis};

use super::application::Application;
use super::expected::{Expected, ExpectedSource};
use super::images::digests;
use super::tested::{hooks_that_ran, is_called};
use crate::live::{History, Instant};

/// A hook that ran in the last operation.
#[derive(Clone, Debug)]
pub(crate) struct HookRun {
    /// Kind and name, for people.
    pub(crate) label: String,
    /// `Succeeded`, `Failed`, `Error` or `Running`.
    pub(crate) phase: String,
    /// What it says.
    pub(crate) message: String,
    /// When the operation began.
    pub(crate) started_at: UnixMillis,
    /// When it ended.
    pub(crate) finished_at: UnixMillis,
}

impl Application {
    /// Namespace and name.
    pub(crate) fn place(&self) -> (&str, &str) {
        (&self.metadata.namespace, &self.metadata.name)
    }

    /// When Argo CD last compared with Git.
    pub(crate) fn looked_at(&self) -> Option<UnixMillis> {
        self.status.reconciled_at.map(|Instant(at)| at)
    }

    /// When its last operation ended.
    pub(crate) fn operated_at(&self) -> Option<UnixMillis> {
        self.status.operation_state.as_ref()?.finished_at.map(|Instant(at)| at)
    }

    /// Whether its operation has begun and is held until a sync window allows it.
    pub(crate) fn waits_for_window(&self) -> bool {
        let said = self.status.operation_state.as_ref().and_then(|operation| operation.message.as_deref());
        said.is_some_and(|said| said.contains("blocked by sync window"))
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> Option<&str> {
        self.status.summary.external_urls.first().map(String::as_str)
    }

    /// Since when it has been healthy, as it was at the last comparison.
    pub(crate) fn healthy_since(&self) -> Option<UnixMillis> {
        let status = &self.status;
        let ended = status.operation_state.as_ref().and_then(|operation| operation.finished_at);
        let since = ended.max(status.health.last_transition_time).map(|Instant(at)| at);
        since.filter(|_| status.health.status.as_deref() == Some("Healthy"))
    }

    /// Which images of this repository run, by digest, as far as it says, and the `expected` one whatever it is called.
    pub(crate) fn running(&self, repository: &str, expected: Option<Digest>) -> impl Iterator<Item = Digest> {
        digests(&self.status.summary.images, repository, expected)
    }

    /// The commit of `source` that is live: of a hydrated source the dry one.
    pub(crate) fn applied(&self, source: &ExpectedSource) -> Option<CommitId> {
        let sync = &self.status.sync;
        if sync.status.as_deref() != Some("Synced") {
            return None;
        }
        let revisions = sync.at.of(self.spec.has_several_sources());
        let applied = match &self.spec.source_hydrator {
            Some(hydrator) if source.is(&hydrator.dry_source) => self.dry_of(revisions.first()?).or(revisions.first()),
            _ => {
                let mut compared = sync.compared_to.sources().iter();
                let referred_to = |it: &super::application::Source| source.is_referred_to(it);
                let index = compared.clone().position(|it| source.is(it)).or_else(|| compared.position(referred_to))?;
                revisions.get(index)
            }
        };
        CommitId::parse(applied?.as_str()).ok()
    }

    /// The dry commit of a hydrated one: that of the hydration which made it, or else the last one's, of which it is a merge.
    fn dry_of(&self, hydrated: &str) -> Option<&String> {
        let status = &self.status.source_hydrator;
        let mut operations = [&status.last_successful_operation, &status.current_operation].into_iter().flatten();
        let made = |operation: &&super::application::Hydration| operation.hydrated.as_deref() == Some(hydrated);
        let last = || status.last_successful_operation.as_ref().filter(|it| it.hydrated.as_deref() != it.dry.as_deref());
        operations.find(made).or_else(last)?.dry.as_ref()
    }

    /// The hooks called `name` that ran for what is expected. None where none ran for it.
    pub(crate) fn hooks(&self, name: &str, expected: &Expected, history: &impl History) -> Vec<HookRun> {
        let operation = self.status.operation_state.as_ref();
        let times = operation.and_then(|it| Some((it.started_at?, it.finished_at?)));
        let (Some((Instant(started_at), Instant(finished_at))), Ok(ran)) = (times, hooks_that_ran(expected, self, history))
        else {
            return Vec::new();
        };
        let named = ran.iter().filter(|it| it.hook_type.is_some() && is_called(name, &it.name));
        let run = |it: &super::application::SyncedResource| {
            let (phase, message) = (it.hook_phase.clone().unwrap_or_default(), it.message.clone());
            HookRun { label: it.label(), phase, message, started_at, finished_at }
        };
        named.map(run).collect()
    }
}
