//! Incidents from alerts: what fires about a unit stops its promotions, until people say that it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use pathops_core::adapter::{AlertHint, Hint, StoredDelivery};
use pathops_core::project::{OpenIncident, Project};
use pathops_core::{Error, ErrorKind, Hashing, OpContext, Result, UnitId, WebhookSourceName};

use crate::activity::facts::broken;
use crate::activity::record::Record;
use crate::change_set::incident_file;
use crate::control_plane::ControlPlane;
use crate::gateway::DeliveryHandler;
use crate::retry::with_retry;

impl ControlPlane {
    /// Opens an incident in the meta repository for each unit that one of these alerts is about, where none of it is open: an alert is
    /// about a unit where its subject is the name of one. What else alerts are about is left alone. Gives the names of the incidents
    /// that these alerts belong to.
    ///
    /// An alert is a hint, and believing it errs to the safe side: nothing of the unit is promoted while the incident is open. The first
    /// alert opens it, and those that come while it is open belong to it. People close it, by an instant in its file; that an alert is
    /// resolved closes nothing. An alert that has fired since before that opens no other one: it was known.
    ///
    /// Only what is to stop promotions is to be sent here. [`OpensIncidents`] is the handler for a gateway.
    ///
    /// # Errors
    /// What the Git host answers; `Unavailable` where the project has mistakes, until those are mended. Asked again, it opens nothing twice.
    pub async fn open_incidents(
        &self,
        cx: &OpContext,
        source: &WebhookSourceName,
        alerts: &[AlertHint],
    ) -> Result<BTreeSet<String>> {
        let about = |alert: &AlertHint| Some((alert.subject.as_str().parse().ok()?, alert.clone()));
        let named: &Vec<(UnitId, AlertHint)> = &alerts.iter().filter_map(about).collect();
        if named.is_empty() {
            return Ok(BTreeSet::new());
        }
        with_retry(&*self.services.clock, || -> BoxFuture<'_, _> { Box::pin(self.open_of(cx, source, named)) }).await
    }

    async fn open_of(
        &self,
        cx: &OpContext,
        source: &WebhookSourceName,
        named: &[(UnitId, AlertHint)],
    ) -> Result<BTreeSet<String>> {
        let (services, meta_repo) = (self.services(), self.meta_repo());
        let project = self.project().await.map_err(broken)?;
        let main = services.main(cx, meta_repo).await?;
        let mut open: BTreeMap<UnitId, String> = of_units(&project);
        let (mut these, mut files) = (BTreeSet::new(), Vec::new());
        for (unit, alert) in named.iter().filter(|(unit, _)| project.units.contains_key(unit)) {
            if !open.contains_key(unit) {
                let new = self.incident(source, unit, alert);
                let file = incident_file(&new).ok_or_else(|| Error::new(ErrorKind::Invalid, "name an incident").on(&new.id))?;
                // It was closed by people, and fires on.
                if services.scm.read_file(cx, meta_repo, &main, &file.0).await?.is_some() {
                    continue;
                }
                open.insert(unit.clone(), new.id);
                files.push(file);
            }
            these.extend(open.get(unit).cloned());
        }
        if !files.is_empty() {
            let (message, at) = (format!("Open incidents of what {source} alerts of\n"), services.clock.now());
            let record = Record { message, meta_repo, at, files: &[], once: &files, apps: &[], releases: &[] };
            services.record(cx, &record).await?;
        }
        Ok(these)
    }

    /// One alert that fires since one instant has one name, however often it is told.
    fn incident(&self, source: &WebhookSourceName, unit: &UnitId, alert: &AlertHint) -> OpenIncident {
        let AlertHint { fingerprint, name, severity, since, .. } = alert;
        let mut hashing = Hashing::default();
        // No part can pass for two: a source's name has no such byte, and neither has a hint.
        for part in [source.as_str(), fingerprint.as_str(), since.as_str()] {
            hashing.update(part.as_bytes());
            hashing.update(b"\n");
        }
        let tail: String = hashing.digest().hex().chars().take(10).collect();
        let now = self.services.clock.now();
        let severity = if severity.as_str().is_empty() { String::new() } else { format!(" ({severity})") };
        OpenIncident {
            id: format!("alert-{unit}-{tail}"),
            unit: Some(unit.clone()),
            since: since.as_str().parse().map_or(now, |since| now.min(since)),
            summary: format!("{source}: {name}{severity} fires, {fingerprint}"),
        }
    }
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
