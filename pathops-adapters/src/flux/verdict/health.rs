//! Whether what was applied is healthy, and for how long.

use std::time::Duration;

use pathops_core::UnixMillis;

use super::Step;
use super::expected::Expected;
use super::kustomization::{Kustomization, Named};
use super::object::condition;
use super::objects::{Objects, Reference};
use super::reason::{Failed, NotYet, Stale, Verdict};
use crate::live::{Instant, StaleAction};

/// Times are cut to the second: what lies this far apart at least lies apart as long as it seems to.
const SECOND: Duration = Duration::from_secs(1);

/// Something was applied, Flux looks whether it is healthy, and it is.
pub(super) fn health_is_checked(kustomization: &Kustomization) -> Step {
    let (of, spec) = (kustomization.reconciled(), &kustomization.spec);
    if kustomization.status.inventory.entries.is_empty() {
        return Err(Verdict::Failed(Failed::NoResources));
    }
    let unchecked = |what: String| Err(Verdict::NotYet(NotYet::NotHealthChecked { what }));
    if !spec.wait {
        let inventory = kustomization.inventory();
        let mut parts = inventory.iter().filter(|it| it.is_workload() || it.is_release()).peekable();
        if parts.peek().is_none() {
            return unchecked(String::new());
        }
        if let Some(part) = parts.find(|part| !spec.health_checks.iter().any(|check| check.is(part))) {
            return unchecked(part.to_string());
        }
    }
    match condition(of.conditions, "Healthy") {
        None => unchecked(String::new()),
        Some(healthy) => {
            of.current(healthy)?;
            if healthy.is("True") { Ok(()) } else { Err(Verdict::NotYet(healthy.told())) }
        }
    }
}

impl Named {
    fn is(&self, part: &Reference) -> bool {
        (&self.kind, &self.namespace, &self.name) == (&part.kind, &part.namespace, &part.name)
    }
}

/// Each HelmRelease has deployed what it asks for.
pub(super) fn released(objects: &Objects) -> Step {
    for reference in objects.kustomization.inventory().iter().filter(|it| it.is_release()) {
        match objects.releases.iter().find(|release| release.is(reference)) {
            Some(release) => release.is_deployed()?,
            None => return Err(Verdict::NotYet(NotYet::Missing { what: reference.to_string() })),
        }
    }
    Ok(())
}

impl Kustomization {
    /// Since when each look has found it healthy, as far as that is known. It is healthy where it is `Ready`.
    #[must_use]
    pub fn healthy_since(&self) -> Option<UnixMillis> {
        let ready = condition(&self.status.conditions, "Ready").filter(|ready| ready.is("True"))?.at()?;
        Some(self.successes_since().filter(|since| *since <= ready).unwrap_or(ready))
    }

    /// Of the attempts that have succeeded last, the first, where nothing else came in between.
    fn successes_since(&self) -> Option<UnixMillis> {
        let (last, before) = self.status.history.split_first()?;
        let Instant(first) = last.first_reconciled.filter(|_| last.last_reconciled_status == "ReconciliationSucceeded")?;
        let between = before.iter().any(|it| it.last_reconciled.is_none_or(|Instant(at)| at >= first));
        (!between).then_some(first)
    }
}

/// Health has held for long enough, and the end of that time was looked at: by Flux, or by ourselves where workloads were read.
pub(super) fn settled(expected: &Expected, kustomization: &Kustomization, now: UnixMillis) -> Step {
    if expected.settle.is_zero() {
        return Ok(());
    }
    let since = kustomization.healthy_since().unwrap_or(UnixMillis(i64::MAX));
    let settled_at = since + expected.settle + SECOND;
    let looked = if expected.expects_images() { Some(now) } else { kustomization.looked_at() };
    if looked.is_some_and(|looked| looked >= settled_at) {
        return Ok(());
    }
    if now > settled_at {
        return Err(Verdict::Stale(Stale::NotLookedAfterSettling, StaleAction::Refresh));
    }
    let remaining_millis = u64::try_from(settled_at.since(now).as_millis()).unwrap_or(u64::MAX);
    Err(Verdict::NotYet(NotYet::Settling { remaining_millis }))
}
