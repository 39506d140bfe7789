//! What the last operation did, and whether one is under way.

use pathops_core::{CommitId, TreeId};

use super::application::{Application, OperationState, Revisions, SyncResult};
use super::expected::Expected;
use super::judge::{Step, all_at};
use super::revision::Sourced;
use super::same::same_settings;
use super::verdict::{Failed, NotYet, Stale, StaleAction, Untested, Verdict};
use crate::live::{History, Instant};

/// Whether nothing is under way, and the last operation did not fail at what is expected.
pub(super) fn operation_ended_well(expected: &Expected, application: &Application, history: &impl History) -> Step {
    if application.operation.is_some() {
        return Err(Verdict::NotYet(NotYet::Operating));
    }
    let Some(operation) = &application.status.operation_state else { return Err(Verdict::NotYet(NotYet::NotSynced)) };
    match operation.phase.as_deref() {
        // It failed and waits for its next attempt.
        Some("Running") if operation.finished_at.is_some() => retrying(operation),
        Some("Failed" | "Error" | "Succeeded") if operation.finished_at.is_none() => Err(Verdict::NotYet(NotYet::Operating)),
        Some("Succeeded") => Ok(()),
        Some("Failed" | "Error") => failed_elsewhere(operation, expected, application, history),
        _ => Err(Verdict::NotYet(NotYet::Operating)),
    }
}

/// One that failed at another state is over: whether that state or the expected one is live is what the comparison says.
/// Where an earlier commit with the same trees failed, or other settings, so did what is expected, unless it still differs: then it is yet
/// to be tried. Where nobody knows what failed, it counts if that was since our request. One that fails dry changes nothing, and keeps
/// Argo CD from a sync of its own. Of several sources it takes up again what failed before it knew a revision of any.
fn failed_elsewhere(operation: &OperationState, expected: &Expected, application: &Application, history: &impl History) -> Step {
    let failed = || Err(if is_dry_run(operation) { dry_run() } else { Verdict::Failed(failure(operation)) });
    let is_synced = application.status.sync.status.as_deref() == Some("Synced");
    if !is_synced && failed_without_revisions(operation, application) && application.spec.sync_policy.syncs() {
        return retrying(operation);
    }
    let is_ours = operation.finished_at.is_some_and(|Instant(at)| at > expected.requested_at());
    match failed_for(operation, expected, application, history) {
        None if is_ours => return failed(),
        Some(Ok(())) if has_these_settings(operation, application) => return failed(),
        _ => {}
    }
    match failed_for(operation, expected, application, &AnyOrder(history)) {
        Some(Ok(())) if is_synced => failed(),
        Some(Err(unknown @ Verdict::Stale(Stale::UnknownTree { .. }, _))) => Err(unknown),
        _ => Ok(()),
    }
}

fn retrying(operation: &OperationState) -> Step {
    Err(Verdict::NotYet(NotYet::Retrying { message: operation.message.clone().unwrap_or_default() }))
}

fn failed_without_revisions(operation: &OperationState, application: &Application) -> bool {
    application.spec.has_several_sources() && operation.sync_result.as_ref().is_some_and(|result| result.at.of(true).is_empty())
}

/// Whether what is live is not what failed. Where the tests of another state failed, and nothing was applied since, what they tested is
/// what is live, however it is called now; and where nobody knows what failed, it may be that.
pub(super) fn no_failure_in_doubt(expected: &Expected, application: &Application, history: &impl History) -> Step {
    let has_failed = |it: &&OperationState| matches!(it.phase.as_deref(), Some("Failed" | "Error"));
    let Some(operation) = application.status.operation_state.as_ref().filter(has_failed) else { return Ok(()) };
    let mut applied = operation.sync_result.iter().flat_map(|result| &result.resources);
    let why = if applied.any(|it| it.failed() && it.hook_type.as_deref() == Some("PostSync")) {
        Untested::TestsFailed
    } else if failed_for(operation, expected, application, history).is_none() {
        Untested::NoResult
    } else {
        return Ok(());
    };
    Err(Verdict::Stale(Stale::NotTested { why }, StaleAction::AskPeople))
}

/// Whether an operation that failed was for what is expected. One that failed before it knew a commit was for what it was asked for;
/// `None` where that is not known either.
fn failed_for(
    operation: &OperationState,
    expected: &Expected,
    application: &Application,
    history: &impl History,
) -> Option<Step> {
    let (result, sync) = (operation.sync_result.as_ref(), operation.operation.sync.as_ref());
    let tried = [result.map(|result| &result.at), sync.map(|sync| &sync.at)].into_iter().flatten();
    let mut tried = tried.map(|at| was_at(at, result, expected, application, history));
    tried.find(|step| !matches!(step, Err(Verdict::NotYet(NotYet::NoRevision { .. }))))
}

/// Whether the sources of an operation had the settings that were compared with since, as far as it tells.
pub(super) fn has_these_settings(operation: &OperationState, application: &Application) -> bool {
    let of = operation.sync_result.as_ref().map_or([].as_slice(), |result| result.compared.sources());
    let compared = application.status.sync.compared_to.sources();
    of.is_empty() || (of.len() == compared.len() && of.iter().zip(compared).all(|(one, other)| same_settings(&one.0, &other.0)))
}

/// Trees alone, whichever commit came first.
pub(super) struct AnyOrder<'h, H>(pub(super) &'h H);

#[deny(clippy::missing_trait_methods)]
impl<H: History> History for AnyOrder<'_, H> {
    fn descends(&self, _: &str, _: &CommitId, _: &CommitId) -> Option<bool> {
        Some(true)
    }

    fn same_tree(&self, repo_url: &str, path: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
        self.0.same_tree(repo_url, path, one, other)
    }

    fn has_tree(&self, repo_url: &str, path: &str, commit: &CommitId, tree: &TreeId) -> Option<bool> {
        self.0.has_tree(repo_url, path, commit, tree)
    }
}

/// Whether the operation was for what is expected. One that failed before it knew what for counts.
pub(super) fn was_for(
    operation: &OperationState,
    expected: &Expected,
    application: &Application,
    history: &impl History,
) -> Step {
    let Some(result) = &operation.sync_result else { return Ok(()) };
    was_at(&result.at, Some(result), expected, application, history)
}

/// Whether an operation at these revisions is for what is expected.
fn was_at(
    at: &Revisions,
    result: Option<&SyncResult>,
    expected: &Expected,
    application: &Application,
    history: &impl History,
) -> Step {
    let own = result.map_or([].as_slice(), |result| result.compared.sources());
    let sources = if own.is_empty() { application.spec.compared.sources() } else { own };
    all_at(expected, application, Sourced::new(sources, at, application), history)
}

/// Whether the last operation applied something. Where all is in sync, and the last one was dry, no other will follow by itself.
pub(super) fn something_was_applied(application: &Application) -> Step {
    if application.status.operation_state.as_ref().is_some_and(is_dry_run) { Err(dry_run()) } else { Ok(()) }
}

/// Whether a sync may follow where not all is in sync. Of a revision that was tried, dry or not, none does by itself, unless Argo CD
/// takes back what drifts.
pub(super) fn a_sync_may_follow(application: &Application) -> Step {
    let status = &application.status;
    let tried =
        |it: &&OperationState| is_dry_run(it) && it.sync_result.as_ref().is_some_and(|result| result.at == status.sync.at);
    let dry = status.operation_state.as_ref().filter(tried).is_some();
    if dry && !application.spec.sync_policy.heals() { Err(dry_run()) } else { Ok(()) }
}

fn dry_run() -> Verdict {
    Verdict::Stale(Stale::DryRun, StaleAction::AskPeople)
}

fn is_dry_run(operation: &OperationState) -> bool {
    operation.operation.sync.as_ref().is_some_and(|sync| sync.dry_run)
}

/// The hook that failed says more than the operation does.
fn failure(operation: &OperationState) -> Failed {
    let resources = operation.sync_result.iter().flat_map(|result| &result.resources);
    let hook = resources.into_iter().find(|it| it.failed());
    match hook {
        Some(hook) => Failed::Hook { hook: hook.label(), message: hook.message.clone() },
        None => Failed::Sync { message: operation.message.clone().unwrap_or_default() },
    }
}
