//! The rule, step by step.

use std::time::Duration;

use pathops_core::UnixMillis;

use super::application::{Application, Condition, Health, OperationState, Resource, label};
use super::children::children_are_judged;
use super::expected::Expected;
use super::hydrator::hydrated;
use super::images::{RunningImages, expected_images_run};
use super::operation::{a_sync_may_follow, no_failure_in_doubt, operation_ended_well, something_was_applied};
use super::revision::Sourced;
use super::same::same;
use super::tested::hooks_succeeded;
use super::verdict::{Failed, NotYet, Stale, StaleAction, Verdict};
use crate::live::{History, Instant};

/// A condition that holds, or the verdict where it does not.
pub(super) type Step = Result<(), Verdict>;

/// Instants are cut to the second: what lies this far apart at least lies apart as long as it seems to.
const SECOND: Duration = Duration::from_secs(1);

/// What `application`, as it was read at `now`, says about `expected`. The steps are those of the [module](super).
#[must_use]
pub fn judge(expected: &Expected, application: &Application, history: &impl History, now: UnixMillis) -> Verdict {
    verdict(expected, application, None, history, now).err().unwrap_or(Verdict::Ready)
}

/// The same where it is known what pods run, which is to be read after the `application`: what that says of images is then asked only
/// whether waiting may help.
#[must_use]
pub fn judge_with_pods(
    expected: &Expected,
    application: &Application,
    running: &RunningImages,
    history: &impl History,
    now: UnixMillis,
) -> Verdict {
    verdict(expected, application, Some(running), history, now).err().unwrap_or(Verdict::Ready)
}

fn verdict(
    expected: &Expected,
    application: &Application,
    running: Option<&RunningImages>,
    history: &impl History,
    now: UnixMillis,
) -> Step {
    nothing_in_the_way(application)?;
    looked(expected, application, now)?;
    no_error(application)?;
    compared_what_is_asked_for(application)?;
    compared_with_git(application)?;
    at_what_is_expected(expected, application, history)?;
    operation_ended_well(expected, application, history)?;
    no_error_of_syncs(application)?;
    namespace_is_as_asked_for(application)?;
    a_sync_may_follow(application)?;
    in_sync(application)?;
    something_was_applied(application)?;
    looked_after_the_operation(application)?;
    healthy(expected, application, now)?;
    expected_images_run(expected, application, running)?;
    hooks_succeeded(expected, application, history)?;
    no_failure_in_doubt(expected, application, history)?;
    children_are_judged(expected, application)
}

fn nothing_in_the_way(application: &Application) -> Step {
    let metadata = &application.metadata;
    let annotations = &metadata.annotations;
    if metadata.deletion_timestamp.is_some() {
        return Err(Verdict::Failed(Failed::Deleting));
    }
    // What Go takes for true.
    if matches!(annotations.skip_reconcile.as_deref(), Some("1" | "t" | "T" | "true" | "TRUE" | "True")) {
        return Err(Verdict::Stale(Stale::Frozen, StaleAction::AskPeople));
    }
    if annotations.refresh.is_some() {
        return Err(Verdict::NotYet(NotYet::Refreshing));
    }
    if annotations.hydrate.is_some() { Err(Verdict::NotYet(NotYet::Hydrating)) } else { Ok(()) }
}

/// Where the spec is refused, or it does not know what goes wrong, Argo CD never comes to a comparison: then that is what is said.
fn looked(expected: &Expected, application: &Application, now: UnixMillis) -> Step {
    let keeps_from_it = |it: &&Condition| matches!(it.kind.as_str(), "InvalidSpecError" | "UnknownError");
    match application.status.reconciled_at {
        Some(Instant(at)) if at > now => Err(Verdict::NotYet(NotYet::ClockAhead)),
        Some(Instant(at)) if at > expected.requested_at() => Ok(()),
        _ => {
            let not_looking = Err(Verdict::Stale(Stale::NotLooking, StaleAction::Refresh));
            application.status.conditions.iter().find(keeps_from_it).map_or(not_looking, reported)
        }
    }
}

/// What Argo CD says where it does not sync by itself, above all since it did and failed: then the operation says it better.
const SYNC_ERROR: &str = "SyncError";

fn no_error(application: &Application) -> Step {
    let mut conditions = application.status.conditions.iter();
    conditions.find(|it| it.kind.ends_with("Error") && it.kind != SYNC_ERROR).map_or(Ok(()), reported)
}

fn no_error_of_syncs(application: &Application) -> Step {
    application.status.conditions.iter().find(|it| it.kind == SYNC_ERROR).map_or(Ok(()), reported)
}

fn reported(error: &Condition) -> Step {
    Err(Verdict::NotYet(NotYet::Condition { kind: error.kind.clone(), message: error.message.clone() }))
}

fn compared_what_is_asked_for(application: &Application) -> Step {
    let (spec, compared) = (&application.spec, &application.status.sync.compared_to);
    let sources = compared.sources();
    let same_sources = match &spec.source_hydrator {
        Some(hydrator) => matches!(sources, [only] if hydrator.syncs(only)),
        None => {
            let wanted = spec.compared.sources();
            wanted.len() == sources.len() && wanted.iter().zip(sources).all(|(one, other)| same(&one.0, &other.0))
        }
    };
    let same_rest = same(&spec.compared.destination, &compared.destination)
        && same(&spec.compared.ignore_differences, &compared.ignore_differences);
    if same_sources && same_rest { Ok(()) } else { Err(Verdict::NotYet(NotYet::OtherSpec)) }
}

/// Labels and annotations of the namespace are of no comparison: the last operation that went well says which it has set.
fn namespace_is_as_asked_for(application: &Application) -> Step {
    let Some(wanted) = &application.spec.sync_policy.managed_namespace_metadata else { return Ok(()) };
    let result = application.status.operation_state.as_ref().and_then(|operation| operation.sync_result.as_ref());
    let set = result.is_none_or(|result| result.managed_namespace_metadata.as_ref() == Some(wanted));
    if set { Ok(()) } else { Err(Verdict::NotYet(NotYet::OtherSpec)) }
}

/// After a sync of manifests from somebody's machine Argo CD goes on comparing with those.
fn compared_with_git(application: &Application) -> Step {
    let operation = application.status.operation_state.as_ref();
    let local = operation.and_then(|it| it.operation.sync.as_ref()).is_some_and(|sync| !sync.manifests.is_empty());
    if local { Err(Verdict::Stale(Stale::LocalManifests, StaleAction::AskPeople)) } else { Ok(()) }
}

fn at_what_is_expected(expected: &Expected, application: &Application, history: &impl History) -> Step {
    let sync = &application.status.sync;
    let sourced = Sourced::new(sync.compared_to.sources(), &sync.at, application);
    all_at(expected, application, sourced, history)
}

/// Whether `sourced` has each expected source at what is expected; a dry source by what it was hydrated to.
pub(super) fn all_at(expected: &Expected, application: &Application, sourced: Sourced<'_>, history: &impl History) -> Step {
    expected.sources().iter().try_for_each(|source| match &application.spec.source_hydrator {
        Some(hydrator) if source.is(&hydrator.dry_source) => {
            let applied = sourced.revisions.first().map_or("", String::as_str);
            // Both may lie at one path, on two branches.
            hydrated(hydrator, source, application, applied, history).or_else(|reason| {
                let itself = hydrator.applies(source) && sourced.at(source, history).is_ok();
                if itself { Ok(()) } else { Err(reason) }
            })
        }
        _ => sourced.at(source, history),
    })
}

fn managed(application: &Application) -> impl Iterator<Item = &Resource> {
    application.status.resources.iter().filter(|resource| !resource.hook)
}

fn in_sync(application: &Application) -> Step {
    let out_of_sync = |what: String| Err(Verdict::NotYet(NotYet::OutOfSync { what }));
    match application.status.sync.status.as_deref() {
        Some("Synced") => {}
        other => return out_of_sync(other.filter(|status| !status.is_empty()).unwrap_or("Unknown").to_owned()),
    }
    match managed(application).find(|resource| resource.differs()) {
        Some(resource) => out_of_sync(resource.label()),
        None => Ok(()),
    }
}

fn looked_after_the_operation(application: &Application) -> Step {
    let ended = application.status.operation_state.as_ref().and_then(|operation| operation.finished_at);
    match (application.status.reconciled_at, ended) {
        (Some(looked), Some(ended)) if looked > ended => Ok(()),
        _ => Err(Verdict::Stale(Stale::NotLookedAfterSync, StaleAction::Refresh)),
    }
}

fn healthy(expected: &Expected, application: &Application, now: UnixMillis) -> Step {
    let status = &application.status;
    if !managed(application).any(Resource::is_live) {
        return Err(Verdict::Failed(Failed::NoResources));
    }
    match status.health.status.as_deref() {
        Some("Healthy") => {}
        Some("Degraded") => {
            settled(expected, application, now)?;
            return Err(Verdict::Failed(Failed::Degraded { message: cause(application) }));
        }
        other => {
            let status = other.filter(|status| !status.is_empty()).unwrap_or("Unknown").to_owned();
            return Err(Verdict::NotYet(NotYet::Unhealthy { status, message: cause(application) }));
        }
    }
    if let Some((resource, health)) = managed(application).find_map(|resource| resource.ailing().map(|health| (resource, health)))
    {
        return Err(Verdict::NotYet(NotYet::Unhealthy { status: health.to_owned(), message: resource.label() }));
    }
    settled(expected, application, now)
}

/// Health is what it is since the last operation ended, or since it last changed. Health that never left `Healthy` while
/// something else was applied counts from then on only, and the end of the window has to be looked at as well.
fn settled(expected: &Expected, application: &Application, now: UnixMillis) -> Step {
    let settle = expected.settle_time();
    if settle.is_zero() {
        return Ok(());
    }
    let status = &application.status;
    let ended = status.operation_state.as_ref().and_then(|operation: &OperationState| operation.finished_at);
    let since = ended.max(status.health.last_transition_time).map_or(UnixMillis(i64::MAX), |Instant(at)| at);
    let settled_at = since + settle + SECOND;
    match status.reconciled_at {
        Some(Instant(looked)) if looked >= settled_at => Ok(()),
        _ if now > settled_at => Err(Verdict::Stale(Stale::NotLookedAfterSettling, StaleAction::Refresh)),
        _ => {
            let remaining_millis = u64::try_from(settled_at.since(now).as_millis()).unwrap_or(u64::MAX);
            Err(Verdict::NotYet(NotYet::Settling { remaining_millis }))
        }
    }
}

/// What ails: the resource that is worst off, as far as it is told, else what the application says.
fn cause(application: &Application) -> String {
    fn told(health: &Health) -> &str {
        health.message.as_deref().unwrap_or_default()
    }
    match managed(application).find(|resource| resource.ailing().is_some()) {
        None => told(&application.status.health).to_owned(),
        Some(worst) if told(&worst.health).is_empty() => worst.label(),
        Some(worst) => format!("{}: {}", worst.label(), told(&worst.health)),
    }
}

impl Resource {
    /// Whether it is not what is desired. What is left over and may stay is out of sync without the application being so.
    pub(super) fn differs(&self) -> bool {
        !self.requires_pruning && self.status.as_deref().is_some_and(|status| !matches!(status, "" | "Synced"))
    }

    /// Whether it is what was asked for. What is left over from what was is not, and neither is what Argo CD lists without having
    /// compared it: what only looks like its own, and what it was told to skip.
    pub(super) fn is_live(&self) -> bool {
        !self.requires_pruning && self.status.as_deref() == Some("Synced")
    }

    /// Its health, where that is told and not `Healthy`.
    pub(super) fn ailing(&self) -> Option<&str> {
        self.health.status.as_deref().filter(|status| !matches!(*status, "" | "Healthy"))
    }

    /// Kind and name.
    fn label(&self) -> String {
        label(&self.kind, &self.name)
    }
}
