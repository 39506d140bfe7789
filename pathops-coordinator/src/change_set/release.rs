//! What the meta repository keeps of what a change set has brought to production.

use pathops_core::{RepoPath, UnixMillis};
use pathops_evidence::EvidenceRecord;
use serde::{Deserialize, Serialize};

use crate::change_set::{End, Progress, State};

/// The folder in which the meta repository has the evidence of each release.
const RELEASES: &str = "evidence";

/// A unit of a change set that is in production, and the evidence of that which goes into the meta repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// `evidence/<year>/<month>/<change set>.<unit>`, in UTC.
    pub folder: RepoPath,
    /// The snapshot of its deployment in production.
    pub snapshot: EvidenceRecord,
    /// The decision that let it go there.
    pub decision: EvidenceRecord,
}

/// The releases of a change set: one for each unit, once all are in production.
#[must_use]
pub fn releases(state: &State) -> Vec<Release> {
    let live = state.units.iter().filter(|_| state.end == Some(End::Live));
    live.filter_map(|(unit, progress)| {
        let Progress { snapshots, last, observation, .. } = progress;
        let (year, month) = month(observation.as_ref()?.at)?;
        let folder = format!("{RELEASES}/{year}/{month}/{}.{unit}", state.start.change_set);
        Some(Release {
            folder: RepoPath::parse(folder).ok()?,
            snapshot: snapshots.last()?.clone(),
            decision: last.as_ref()?.record.clone(),
        })
    })
    .collect()
}

/// The year and the month of an instant, in UTC.
fn month(at: UnixMillis) -> Option<(String, String)> {
    let text = at.to_string();
    let mut parts = text.splitn(3, '-');
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_utc() {
        let month = |at: i64| month(UnixMillis(at)).unwrap();
        assert_eq!(month(1_764_547_199_999), ("2025".to_owned(), "11".to_owned()));
        assert_eq!(month(1_764_547_200_000), ("2025".to_owned(), "12".to_owned()));
    }
}
