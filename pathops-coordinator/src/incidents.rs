//! Incidents: each that is open has a run; and what was known of production when something went wrong is kept, while it can still be
//! read.

mod operate;

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use pathops_core::adapter::Lease;
use pathops_core::flow::Machine as _;
use pathops_core::project::OpenIncident;
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Result, RunId, UnitId, UnixMillis};
use pathops_evidence::EvidenceRecord;

use crate::activity::SNAPSHOT;
use crate::activity::facts::read_declarations;
use crate::change_set::{LAST_GOOD, LastGood, last_good_path};
use crate::control_plane::{ControlPlane, encode};
use crate::incident::{Incident, Start, run_id};
use crate::retry::with_retry;

pub use operate::IncidentFilter;

/// The name of the operation that looks at all of them.
const INCIDENTS: &str = "incidents";

/// The turn in which their runs are made; no run can have that name.
const STARTING: &str = "open incidents";

impl ControlPlane {
    /// Begins with each incident that is open in the meta repository and has no run that goes on: makes its [run](crate::incident), which
    /// [`ControlPlane::run`] then drives, and gives those that are new. Of several hosts that do this at once one makes it. An incident
    /// that people have opened again has another run, also where it is since the same instant. [`ControlPlane::run`] does this by itself.
    ///
    /// # Errors
    /// `Invalid` where the project cannot be read; what the Git host and the journal answer. What goes wrong with one of them alone is
    /// logged, and tried the next time.
    pub async fn start_incidents(&self) -> Result<Vec<RunId>> {
        let mut started = Vec::new();
        let going_on = self.going_on().await?;
        for open in self.project().await?.incidents.into_iter().filter(|open| !going_on.contains(&(open.id.clone(), open.since)))
        {
            match self.start_incident(&open).await {
                Ok(new) => started.extend(new),
                Err(error) => tracing::warn!(incident = %open.id, %error, "an incident has no run"),
            }
        }
        Ok(started)
    }

    async fn start_incident(&self, open: &OpenIncident) -> Result<Option<RunId>> {
        let _turn = self.making.lock().await;
        let turn = self.engine.turn(STARTING).await?;
        let started = self.start_incident_under(&turn, open).await;
        self.engine.release(&turn).await?;
        started
    }

    async fn start_incident_under(&self, turn: &Lease, open: &OpenIncident) -> Result<Option<RunId>> {
        let Some((run, again)) = self.next_run(open).await? else { return Ok(None) };
        // Read after those that have ended: what ended because people had closed it is closed here, unless they have opened it again.
        let project = self.project().await?;
        let is_it = |it: &&OpenIncident| it.id == open.id && it.since == open.since;
        let Some(declared) = project.incidents.iter().find(is_it) else { return Ok(None) };
        let summary = self.services().redactor.redact_text(&declared.summary);
        let start = Start {
            apps: declared.unit.iter().cloned().collect(),
            incident: OpenIncident { summary, ..declared.clone() },
            environment: project.environments.production.environment.clone(),
            project: project.id.clone(),
            meta_repo: self.meta_repo().clone(),
            again,
            at: self.services().clock.now(),
        };
        let machine = &**self.machines.get(Incident::NAME)?;
        self.engine.start(turn, machine, &run, &encode(&run, &start)?).await?;
        Ok(Some(run))
    }

    /// The incidents that have a run which goes on, by name and beginning.
    async fn going_on(&self) -> Result<BTreeSet<(String, UnixMillis)>> {
        let open = self.incidents(&IncidentFilter::open(), None, usize::MAX).await?;
        Ok(open.into_iter().map(|(_, state)| (state.start.incident.id, state.start.incident.since)).collect())
    }

    /// The run that an open incident is to have, and how many of its runs have ended before; `None` where one goes on. An engine may
    /// have forgotten those that have ended, so that the first one that it does not know need not be the last; and may not list yet what
    /// has just begun.
    async fn next_run(&self, open: &OpenIncident) -> Result<Option<(RunId, u32)>> {
        if self.going_on().await?.contains(&(open.id.clone(), open.since)) {
            return Ok(None);
        }
        for again in 0.. {
            let run = run_id(self.meta_repo(), open, again)?;
            match self.run_of::<Incident>(&run).await? {
                None => return Ok(Some((run, again))),
                Some(there) if !there.ended => return Ok(None),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    /// Collects a snapshot of each unit in production that has an open incident, its own or one of the whole project: one for each
    /// of its incidents, once, whoever declared it. Gives those that are there now, of all that are open. The runs of incidents collect
    /// the same ones, under the same keys; this is for a host that wants them now.
    ///
    /// A snapshot is of what the meta repository says is in production. What its sources do not give is absent in it, with the
    /// reason; one that cannot be made now is logged, and made the next time.
    ///
    /// # Errors
    /// `Invalid` where the project cannot be read; what the Git host answers.
    pub async fn snapshot_incidents(&self) -> Result<Vec<EvidenceRecord>> {
        let services = self.services();
        let cx = OpContext::new(IdempotencyKey::new(INCIDENTS));
        let project = self.declared().await?;
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
            for open in project.incidents.iter().filter(|it| is_about(it, &unit.id)) {
                let cx = &of_unit(open, &unit.id);
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

    /// Under which keys snapshots of incidents are collected that are open, or have a run that goes on.
    pub(crate) async fn open_incidents_by_key(&self) -> Result<BTreeSet<IdempotencyKey>> {
        let (project, mut keys) = (self.project().await?, BTreeSet::new());
        let mut of = |open: &OpenIncident, units: &mut dyn Iterator<Item = &UnitId>| {
            keys.extend(units.map(|unit| of_unit(open, unit).part(SNAPSHOT).key().clone()));
        };
        for open in &project.incidents {
            of(open, &mut project.units.keys());
        }
        for (_, state) in self.incidents(&IncidentFilter::open(), None, usize::MAX).await? {
            of(&state.start.incident, &mut state.affected.keys());
        }
        Ok(keys)
    }
}

/// Whether an incident is about this unit.
pub(crate) fn is_about(open: &OpenIncident, unit: &UnitId) -> bool {
    open.unit.as_ref().is_none_or(|it| it == unit)
}

/// The operation that collects what is known of a unit at an incident.
pub(crate) fn of_unit(open: &OpenIncident, unit: &UnitId) -> OpContext {
    OpContext::new(IdempotencyKey::new(INCIDENTS)).part(&format!("{}/{}/{unit}", open.id, open.since))
}
