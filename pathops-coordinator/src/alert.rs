//! Incidents from alerts: what fires about a unit stops its promotions, until people say that it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{AlertHint, FileChange, Hint, NewCommit, SourceFile, StoredDelivery};
use pathops_core::project::{OpenIncident, Project};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Principal, Result, Retry, UnitId, WebhookSourceName};

use crate::activity::announce::SOURCE_BRANCH;
use crate::activity::moved;
use crate::change_set::incident_file;
use crate::control_plane::ControlPlane;
use crate::gateway::DeliveryHandler;

/// How long is waited before a project is read again that had mistakes.
const MENDED: Duration = Duration::from_secs(300);

impl ControlPlane {
    /// Opens an incident in the meta repository for each unit that one of these alerts is about, where none of it is open: an alert is
    /// about a unit where its subject is the name of one. What else alerts are about is left alone. Gives the names of the incidents
    /// that these alerts belong to.
    ///
    /// An alert is a hint, and believing it errs to the safe side: nothing of the unit is promoted while the incident is open. The first
    /// alert opens it, and those that come while it is open belong to it. People close it, by an instant in its file; that an alert is
    /// resolved closes nothing. Told of an alert that fires after that, it opens another one, whenever the alert began: silence at its
    /// source what is known. A gateway hands each delivery on once, and what Alertmanager repeats of an unchanged group is the same delivery:
    /// an incident that is closed while that fires on is not opened again by it.
    ///
    /// `cx` names what told of the alerts, such as a delivery: told again by the same key, it opens nothing anew. Only what is to stop
    /// promotions is to be sent here. [`OpensIncidents`] is the handler for a gateway.
    ///
    /// # Errors
    /// What the Git host answers, `Conflict` where the meta repository has moved in this moment; `Invalid` where the project has mistakes. Both may
    /// be tried again, which opens nothing twice.
    pub async fn open_incidents(
        &self,
        cx: &OpContext,
        source: &WebhookSourceName,
        alerts: &[AlertHint],
    ) -> Result<BTreeSet<String>> {
        let about = |alert: &AlertHint| Some((alert.subject.as_str().parse().ok()?, alert.clone()));
        let named: Vec<(UnitId, AlertHint)> = alerts.iter().filter_map(about).collect();
        if named.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (services, meta_repo) = (self.services(), self.meta_repo());
        let main = services.main(cx, meta_repo).await?;
        let read = services.project_at(cx, meta_repo, &main).await;
        let project = read.map_err(|error| match error.kind() {
            ErrorKind::Invalid => error.with_retry(Retry::After(MENDED)),
            _ => error,
        })?;
        let mut open = of_units(&project);
        let (mut these, mut changes) = (BTreeSet::new(), Vec::new());
        for (unit, alert) in named.iter().filter(|(unit, _)| project.units.contains_key(unit)) {
            if !open.contains_key(unit) {
                let new = self.incident(cx, source, unit, alert);
                let (path, text) = incident_file(&new).ok_or_else(|| invalid(&new.id))?;
                // It was opened by this, and people have closed it.
                if services.scm.read_file(cx, meta_repo, &main, &path).await?.is_some() {
                    continue;
                }
                open.insert(unit.clone(), new.id);
                changes.push(FileChange { path, file: Some(SourceFile { bytes: text.into_bytes(), executable: false }) });
            }
            these.extend(open.get(unit).cloned());
        }
        if !changes.is_empty() {
            changes.extend(services.checkpoint(cx, meta_repo, &main).await?);
            let new = NewCommit {
                branch: SOURCE_BRANCH.parse().map_err(|_| invalid(SOURCE_BRANCH))?,
                // Nobody else has opened one since that was read.
                expected_head: main,
                message: format!("Open incidents of what {source} alerts of\n"),
                author: Principal::System,
                at: services.clock.now(),
                changes,
            };
            services.scm.commit(&cx.part("incidents"), meta_repo, &new).await.map_err(moved)?;
        }
        Ok(these)
    }

    fn incident(&self, cx: &OpContext, source: &WebhookSourceName, unit: &UnitId, alert: &AlertHint) -> OpenIncident {
        let AlertHint { fingerprint, name, severity, since, .. } = alert;
        let tail: String = Digest::of(cx.key().as_str().as_bytes()).hex().chars().take(10).collect();
        let now = self.services.clock.now();
        let severity = if severity.as_str().is_empty() { String::new() } else { format!(" ({severity})") };
        OpenIncident {
            id: format!("alert-{unit}-{tail}"),
            unit: Some(unit.clone()),
            since: since.as_str().parse().map_or(now, |since| now.min(since)),
            summary: self.services.redactor.redact_text(&format!("{source}: {name}{severity} fires, {fingerprint}")),
        }
    }
}

fn invalid(name: &str) -> Error {
    Error::new(ErrorKind::Invalid, "open an incident").on(name)
}

/// An open incident of each unit that has one, the first by its name.
fn of_units(project: &Project) -> BTreeMap<UnitId, String> {
    let mut open = BTreeMap::new();
    for OpenIncident { id, unit, .. } in &project.incidents {
        if let Some(unit) = unit {
            open.entry(unit.clone()).or_insert_with(|| id.clone());
        }
    }
    open
}

/// Opens incidents for the alerts that a gateway receives. Deliveries without an alert that fires are done with at once.
#[derive(Clone, Debug)]
pub struct OpensIncidents(Arc<ControlPlane>);

impl OpensIncidents {
    /// In the meta repository of this control plane.
    #[must_use]
    pub fn new(plane: Arc<ControlPlane>) -> Self {
        Self(plane)
    }
}

#[async_trait]
impl DeliveryHandler for OpensIncidents {
    async fn handle(&self, cx: &OpContext, delivery: &StoredDelivery) -> Result<()> {
        let firing = |hint: &Hint| if let Hint::AlertFiring(alert) = hint { Some(alert.clone()) } else { None };
        let alerts: Vec<AlertHint> = delivery.delivery.hints.iter().filter_map(firing).collect();
        let opened = self.0.open_incidents(cx, &delivery.delivery.source, &alerts).await?;
        tracing::info!(source = %delivery.delivery.source, alerts = alerts.len(), incidents = ?opened, "alerts were looked at");
        Ok(())
    }
}
