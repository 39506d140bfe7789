//! Incidents: what was known of production when something went wrong is kept, while it can still be read.

use futures_util::future::BoxFuture;
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Result};
use pathops_evidence::EvidenceRecord;

use crate::activity::facts::read_declarations;
use crate::change_set::{LAST_GOOD, LastGood, last_good_path};
use crate::control_plane::ControlPlane;
use crate::retry::with_retry;

impl ControlPlane {
    /// Collects a snapshot of each unit in production that has an open incident, its own or one of the whole project: one for each
    /// of its incidents, once, whoever declared it. Gives those that are there now, of all that are open.
    /// [`ControlPlane::run`] does it by itself.
    ///
    /// A snapshot is of what the meta repository says is in production. What its sources do not give is absent in it, with the
    /// reason; one that cannot be made now is logged, and made the next time.
    ///
    /// # Errors
    /// `Invalid` where the project cannot be read; what the Git host answers.
    pub async fn snapshot_incidents(&self) -> Result<Vec<EvidenceRecord>> {
        let services = self.services();
        let cx = OpContext::new(IdempotencyKey::new("incidents"));
        let project = self.project().await?;
        if project.incidents.is_empty() {
            return Ok(Vec::new());
        }
        let main = services.main(&cx, self.meta_repo()).await?;
        let records = read_declarations(&*services.scm, &cx, self.meta_repo(), &main, &[LAST_GOOD]).await?;
        let mut snapshots = Vec::new();
        for unit in project.units.values() {
            let invalid = |error| Error::new(ErrorKind::Invalid, "name what is in production").on(&unit.id).because(error);
            let Some(file) = records.get(&last_good_path(&unit.id).map_err(invalid)?) else { continue };
            let good: LastGood = match serde_json::from_slice(&file.bytes) {
                Ok(good) => good,
                Err(error) => {
                    tracing::warn!(unit = %unit.id, %error, "what is in production cannot be read: there is no snapshot of its incident");
                    continue;
                }
            };
            for open in project.incidents.iter().filter(|it| it.unit.as_ref().is_none_or(|it| *it == unit.id)) {
                let cx = &cx.part(&format!("{}/{}/{}", open.id, open.since, unit.id));
                let made = with_retry(&*services.clock, || -> BoxFuture<'_, _> {
                    Box::pin(services.snapshot_incident(cx, &project, unit, open, &good))
                });
                match made.await {
                    Ok(snapshot) => snapshots.push(snapshot),
                    Err(error) => {
                        tracing::warn!(unit = %unit.id, incident = %open.id, %error, "there is no snapshot of an incident")
                    }
                }
            }
        }
        Ok(snapshots)
    }
}
