//! AnalysisRuns of Argo Rollouts.

use std::collections::BTreeSet;

use pathops_core::adapter::Collected;
use pathops_core::evidence::AbsenceKind;
use pathops_core::{ErrorKind, Result, UnixMillis};
use serde::Deserialize;

use super::{ANALYSIS_RUNS, Found, Metadata, VerificationQuery, objects};
use crate::kubernetes::list::Place;

pub(super) const LIST: &str = "list analysisruns.argoproj.io";

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    metadata: Metadata,
    status: Option<RunStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunStatus {
    completed_at: Option<String>,
}

/// When a run ended, or was made, where that is not told: Rollouts before 1.7 do not.
pub(super) fn ended(metadata: &Metadata, status: Option<&RunStatus>) -> Option<UnixMillis> {
    let ended = status.and_then(|status| status.completed_at.as_ref());
    ended.or(metadata.creation_timestamp.as_ref())?.parse().ok()
}

/// On a run: which revision of its Rollout it is of.
const REVISION: &str = "rollouts-pod-template-hash";

impl Run {
    fn is_owned_by(&self, rollout: &str) -> bool {
        self.metadata.owner_references.iter().flatten().any(|owner| owner.kind == "Rollout" && owner.name == rollout)
    }

    /// One that does not say when it was made could be of now.
    fn was_made_since(&self, since: UnixMillis) -> bool {
        let made = self.metadata.creation_timestamp.as_ref().and_then(|at| at.parse::<UnixMillis>().ok());
        // The server tells whole seconds.
        made.is_none_or(|made| made.0 >= since.0 - since.0.rem_euclid(1000))
    }
}

pub(super) async fn read(
    place: &Place<'_>,
    rollout: &str,
    query: &VerificationQuery,
    now: UnixMillis,
) -> Result<Collected<Found>> {
    let is_own = |run: &Run| run.is_owned_by(rollout) && run.was_made_since(query.since);
    let runs = match objects(place, &place.workload.namespace, (ANALYSIS_RUNS, LIST), None, is_own).await? {
        Collected::Present(runs) => runs,
        Collected::Absent(why) => return Ok(Collected::Absent(why)),
    };
    if runs.is_empty() {
        return Ok(Collected::absent(AbsenceKind::NothingThere, format!("none was made since {}", query.since)));
    }
    let revisions: BTreeSet<_> = runs.iter().filter_map(|(run, _)| run.metadata.labels.as_ref()?.get(REVISION)).collect();
    if revisions.len() > 1 {
        let error = place.ask_in(&place.workload.namespace, LIST, "", "").error(ErrorKind::Invalid);
        let why = format!(
            "since {} they are of {} revisions of the Rollout, and name none that a host knows",
            query.since,
            revisions.len()
        );
        return Err(error
            .because(why)
            .advise("ask once the newest was deployed, for what was made since its desired state was changed"));
    }
    let at = runs.iter().filter_map(|(run, _)| ended(&run.metadata, run.status.as_ref())).max().unwrap_or(now);
    Ok(Collected::Present(Found { items: runs.into_iter().map(|(_, raw)| raw).collect(), at }))
}
