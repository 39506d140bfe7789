//! Adapters that are wrong, each in one way, so that it is seen that the schedules tell them from the right one.

use pathops_core::UnixMillis;
use pathops_core::adapter::{NotYet, Observation, Readiness};
use serde_json::{Value, json};

use crate::schedule::Answer as _;

/// What is wrong with an adapter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Defect {
    /// Nothing: it is the real one.
    None,
    /// It takes what it reads for this: a rule that leaves out a step.
    Misreads(fn(&mut Value)),
    /// Where it has said that it is ready, it says so again for as long as its watch is broken off.
    TrustsCache,
    /// It never says that it is ready.
    NeverReady,
}

/// As what it shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shows {
    FalseAccept,
    Overdue,
}

pub(super) const DEFECTS: [(&str, Defect, Shows); 6] = [
    ("schedules::who_ignores_the_phase_of_the_operation_is_found", Defect::Misreads(ignore_phase), Shows::FalseAccept),
    ("schedules::who_takes_a_dry_run_for_a_sync_is_found", Defect::Misreads(take_for_a_sync), Shows::FalseAccept),
    ("schedules::who_ignores_the_same_second_is_found", Defect::Misreads(ignore_same_second), Shows::FalseAccept),
    ("schedules::who_trusts_what_a_broken_watch_told_is_found", Defect::TrustsCache, Shows::FalseAccept),
    ("schedules::who_counts_the_settle_time_from_each_look_is_found", Defect::Misreads(settle_anew), Shows::Overdue),
    ("schedules::who_never_accepts_is_found", Defect::NeverReady, Shows::Overdue),
];

impl Defect {
    /// What it reads.
    pub(super) fn reads(self, application: &mut Value) {
        if let Defect::Misreads(edit) = self {
            edit(application);
        }
    }

    /// What it says instead of asking.
    pub(super) fn remembers(self, last: Option<&Observation>, broken_off: bool) -> Option<Observation> {
        let trusts = matches!(self, Defect::TrustsCache) && broken_off;
        last.filter(|last| trusts && last.readiness.is_ready()).cloned()
    }

    /// What it says of what it has seen.
    pub(super) fn says(self, seen: Observation) -> Observation {
        if matches!(self, Defect::NeverReady) && seen.readiness.is_ready() {
            let readiness = Readiness::NotYet(NotYet::Reported { message: "not yet".to_owned() });
            return Observation { readiness, ..seen };
        }
        seen
    }
}

fn ignore_phase(it: &mut Value) {
    it["operation"] = json!(null);
    let operation = &mut it["status"]["operationState"];
    operation["phase"] = json!("Succeeded");
    if operation["finishedAt"].is_null() {
        operation["finishedAt"] = json!("2026-01-01T00:00:00Z");
    }
}

fn take_for_a_sync(it: &mut Value) {
    it["status"]["operationState"]["operation"]["sync"]["dryRun"] = json!(false);
}

fn ignore_same_second(it: &mut Value) {
    let finished = &mut it["status"]["operationState"]["finishedAt"];
    if let Some(at) = finished.as_str().and_then(|at| at.parse::<UnixMillis>().ok()) {
        *finished = json!(UnixMillis(at.0 - 1_000).to_string());
    }
}

fn settle_anew(it: &mut Value) {
    it["status"]["health"]["lastTransitionTime"] = it["status"]["reconciledAt"].clone();
}
