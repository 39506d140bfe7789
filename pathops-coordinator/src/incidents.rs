//! Incidents: what was known of production when something went wrong is kept, while it can still be read.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use pathops_core::project::OpenIncident;
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Result, UnitId};
use pathops_evidence::EvidenceRecord;

use crate::activity::SNAPSHOT;
use crate::activity::facts::read_declarations;
use crate::change_set::{LAST_GOOD, LastGood, last_good_path};
use crate::control_plane::ControlPlane;
use crate::retry::with_retry;

/// The name of the operation that looks at all of them.
const INCIDENTS: &str = "incidents";

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
        let cx = OpContext::new(IdempotencyKey::new(INCIDENTS));
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
                let cx = &of_unit(&cx, open, &unit.id);
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

    /// Under which keys snapshots of the open incidents are collected.
    pub(crate) async fn open_incidents_by_key(&self) -> Result<BTreeSet<IdempotencyKey>> {
        let (cx, project) = (OpContext::new(IdempotencyKey::new(INCIDENTS)), self.project().await?);
        let of_incident = |open| project.units.keys().map(|unit| of_unit(&cx, open, unit)).collect::<Vec<_>>();
        Ok(project.incidents.iter().flat_map(of_incident).map(|cx| cx.part(SNAPSHOT).key().clone()).collect())
    }
}

/// The operation that collects what is known of a unit at an incident.
fn of_unit(incidents: &OpContext, open: &OpenIncident, unit: &UnitId) -> OpContext {
    incidents.part(&format!("{}/{}/{unit}", open.id, open.since))
}
