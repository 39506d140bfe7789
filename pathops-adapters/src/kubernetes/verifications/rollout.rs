//! AnalysisRuns of Argo Rollouts.

use pathops_core::adapter::Collected;
use pathops_core::{Result, UnixMillis};
use serde::Deserialize;

use super::{ANALYSIS_RUNS, Found, Metadata, VerificationQuery, last, objects};
use crate::kubernetes::list::Place;

pub(super) const LIST: &str = "list analysisruns.argoproj.io";

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    metadata: Metadata,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    completed_at: Option<String>,
}

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
        return Ok(Collected::Absent(format!("none was made since {}", query.since)));
    }
    let at = last(runs.iter().map(|(run, _)| run.status.as_ref()?.completed_at.as_deref()), now);
    Ok(Collected::Present(Found { items: runs.into_iter().map(|(_, raw)| raw).collect(), at }))
}
