//! The rule, step by step.

use pathops_core::UnixMillis;

use super::Step;
use super::expected::Expected;
use super::health::{health_is_checked, released, settled};
use super::kustomization::Kustomization;
use super::object::{Condition, condition};
use super::objects::Objects;
use super::reason::{Failed, NotYet, Stale, Verdict};
use super::running::images_run;
use super::source::Source;
use crate::live::{History, StaleAction, Stands, same_path, same_repository};

/// What `objects`, as they were read at `now`, say about `expected`. The steps are those of the [module](super).
#[must_use]
pub fn judge(expected: &Expected, objects: &Objects, history: &impl History, now: UnixMillis) -> Verdict {
    verdict(expected, objects, history, now).err().unwrap_or(Verdict::Ready)
}

fn verdict(expected: &Expected, objects: &Objects, history: &impl History, now: UnixMillis) -> Step {
    let kustomization = &objects.kustomization;
    kustomization.reconciled().goes_on()?;
    let source = source_of(objects)?;
    source.reconciled().goes_on()?;
    of_what_is_expected(expected, kustomization, source)?;
    source_is_there(expected, source, history)?;
    looked(expected, kustomization, now)?;
    did_not_fail(expected, kustomization, source, history)?;
    applied(expected, kustomization, history)?;
    health_is_checked(kustomization)?;
    released(objects)?;
    images_run(expected, objects)?;
    settled(expected, kustomization, now)
}

fn source_of(objects: &Objects) -> Result<&Source, Verdict> {
    let named = objects.kustomization.source();
    if !Source::is_known(&named.kind) {
        return Err(Verdict::NotYet(NotYet::NoSuchSource { found: named.to_string() }));
    }
    objects.source.as_ref().ok_or_else(|| Verdict::NotYet(NotYet::Missing { what: named.to_string() }))
}

fn of_what_is_expected(expected: &Expected, kustomization: &Kustomization, source: &Source) -> Step {
    let (named, spec, metadata) = (kustomization.source(), &kustomization.spec, &source.fields.metadata);
    let of = |found: String| Err(Verdict::NotYet(NotYet::NoSuchSource { found }));
    if (&named.kind, &named.namespace, &named.name) != (&source.kind, &metadata.namespace, &metadata.name) {
        return of(named.to_string());
    }
    if !same_repository(&expected.repo_url, &source.fields.spec.url) {
        return of(source.fields.spec.url.clone());
    }
    if same_path(&expected.path, &spec.path) { Ok(()) } else { of(format!("the path `{}`", spec.path)) }
}

fn source_is_there(expected: &Expected, source: &Source, history: &impl History) -> Step {
    let of = source.reconciled();
    of.not_stalled()?;
    // Each stands beside `Ready` and says why it is not; what was fetched before stays.
    for kind in ["FetchFailed", "StorageOperationFailed", "IncludeUnavailable", "ArtifactOutdated"] {
        if let Some(amiss) = condition(of.conditions, kind).filter(|it| !it.is("False")) {
            return Err(Verdict::NotYet(amiss.told()));
        }
    }
    of.at_rest().map_err(|_| Verdict::NotYet(NotYet::Fetching))?;
    of.ready()?;
    let Some(commit) = source.commit() else {
        return Err(Verdict::NotYet(NotYet::NoRevision { revision: source.revision().to_owned() }));
    };
    let revision = commit.to_string();
    match expected.stands(&commit, history) {
        Stands::Same => Ok(()),
        Stands::Elsewhere => Err(Verdict::NotYet(NotYet::NotSeen { revision })),
        Stands::Superseded => Err(Verdict::Stale(Stale::Superseded { revision }, StaleAction::GiveUp)),
        Stands::Unknown => Err(Verdict::Stale(Stale::UnknownTree { revision }, StaleAction::ReadGit)),
    }
}

/// A reconciliation sets `Ready` to `Unknown` when it begins, and to something else when it ends.
fn looked(expected: &Expected, kustomization: &Kustomization, now: UnixMillis) -> Step {
    let of = kustomization.reconciled();
    let under_way = |condition: &Condition| {
        let message = condition.message.clone();
        Err(Verdict::NotYet(NotYet::Reconciling { what: of.label(), message }))
    };
    match condition(of.conditions, "Reconciling") {
        // It has failed, and will be tried again.
        Some(waiting) if waiting.reason == "ProgressingWithRetry" => {}
        Some(condition) if !condition.is("False") => return under_way(condition),
        _ => {}
    }
    match condition(of.conditions, "Ready") {
        None => Err(Verdict::NotYet(NotYet::NotReconciled { what: of.label() })),
        Some(ready) if !ready.is("True") && !ready.is("False") => under_way(ready),
        Some(ready) => match ready.at() {
            Some(at) if at > now => Err(Verdict::NotYet(NotYet::ClockAhead)),
            Some(at) if at > expected.requested_at => Ok(()),
            _ => Err(Verdict::Stale(Stale::NotLooking, StaleAction::Refresh)),
        },
    }
}

/// Reasons of failures that do not go away by waiting. Others are waited for: a dependency, an artifact that is not there yet, a check
/// that was broken off.
const FAILURES: [&str; 4] = ["BuildFailed", "ReconciliationFailed", "PruneFailed", "HealthCheckFailed"];

fn did_not_fail(expected: &Expected, kustomization: &Kustomization, source: &Source, history: &impl History) -> Step {
    let of = kustomization.reconciled();
    of.not_stalled()?;
    let Some(failed) = condition(of.conditions, "Ready").filter(|ready| !ready.is("True")) else { return Ok(()) };
    of.current(failed)?;
    if !FAILURES.contains(&failed.reason.as_str()) {
        return Err(Verdict::NotYet(failed.told()));
    }
    let ours = kustomization.attempted(source).is_some_and(|it| expected.stands(&it, history) == Stands::Same);
    if !ours {
        return Err(Verdict::NotYet(NotYet::NotApplied { revision: kustomization.applied_revision().to_owned() }));
    }
    let message = failed.message.clone();
    Err(Verdict::Failed(match failed.reason.as_str() {
        "HealthCheckFailed" => Failed::Unhealthy { message },
        kind => Failed::NotApplied { kind: kind.to_owned(), message },
    }))
}

fn applied(expected: &Expected, kustomization: &Kustomization, history: &impl History) -> Step {
    let status = &kustomization.status;
    let of = kustomization.reconciled();
    // Not even one that is waiting to be tried again: it does not belong beside `Ready`.
    of.at_rest()?;
    of.ready()?;
    let revision = kustomization.applied_revision().to_owned();
    let Some(commit) = kustomization.applied() else { return Err(Verdict::NotYet(NotYet::NoRevision { revision })) };
    if status.last_applied_revision != status.last_attempted_revision {
        return Err(Verdict::NotYet(NotYet::NotApplied { revision }));
    }
    match expected.stands(&commit, history) {
        Stands::Same => Ok(()),
        Stands::Unknown => Err(Verdict::Stale(Stale::UnknownTree { revision }, StaleAction::ReadGit)),
        // Where the source is says what the branch asks for; this is on its way there.
        Stands::Elsewhere | Stands::Superseded => Err(Verdict::NotYet(NotYet::NotApplied { revision })),
    }
}
