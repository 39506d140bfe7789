//! Commit statuses of GitOps Promoter.

use pathops_core::adapter::Collected;
use pathops_core::evidence::AbsenceKind;
use pathops_core::{Result, UnixMillis};
use serde::Deserialize;

use super::{COMMIT_STATUSES, Found, VerificationQuery, objects};
use crate::kubernetes::list::Place;

#[derive(Deserialize)]
struct CommitStatus {
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    sha: Option<String>,
}

/// They say nothing of when they were so: they are what is so now.
pub(super) async fn read(
    place: &Place<'_>,
    namespace: &str,
    query: &VerificationQuery,
    now: UnixMillis,
) -> Result<Collected<Found>> {
    let is_own =
        |it: &CommitStatus| it.spec.as_ref().and_then(|spec| spec.sha.as_ref()).is_some_and(|sha| query.of.contains(sha));
    let right = (COMMIT_STATUSES, "list commitstatuses.promoter.argoproj.io");
    Ok(match objects(place, namespace, right, None, is_own).await? {
        Collected::Present(found) if found.is_empty() => {
            Collected::absent(AbsenceKind::NothingThere, "none is of what is asked for")
        }
        Collected::Present(found) => {
            Collected::Present(Found { items: found.into_iter().map(|(_, raw)| raw).collect(), at: now })
        }
        Collected::Absent(why) => Collected::Absent(why),
    })
}
