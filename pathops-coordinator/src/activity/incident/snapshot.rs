//! What is known of a unit while something is wrong with it: a snapshot of an incident.

use std::sync::Arc;

use pathops_core::evidence::{AbsenceKind, Incident, IncidentState, Occasion, StreamId, Subject};
use pathops_core::project::{OpenIncident, Project, Unit};
use pathops_core::{EnvironmentId, Error, ErrorKind, OpContext, Result, UnitId};
use pathops_evidence::{Collection, EvidenceRecord, Purpose, SnapshotOf, Source};

use crate::activity::expect::{SIGNALS, incident_of};
use crate::activity::{SNAPSHOT, Services};
use crate::change_set::LastGood;
use crate::incident::{Outcome, Start};
use crate::incidents::of_unit;

impl Services {
    /// The snapshot of a unit at an incident, under the key that it has for ever: one that was made before is not made again.
    pub(super) async fn snapshot_of(&self, of: &Start, unit: &UnitId) -> Result<Outcome> {
        let cx = &of_unit(&of.incident, unit);
        let refused = |why: &str| Error::new(ErrorKind::Invalid, "collect a snapshot of an incident").on(unit).because(why);
        let project = self.project(cx, &of.meta_repo).await?;
        let declared = project.units.get(unit).ok_or_else(|| refused("the project does not declare it any more"))?;
        let good = self.last_good_of(cx, &of.meta_repo, unit).await?;
        let good = good.ok_or_else(|| refused("the meta repository does not say any more what of it is in production"))?;
        self.snapshot_incident(cx, &project, declared, &of.incident, &good).await.map(Outcome::Signed)
    }

    /// A snapshot of what is known of a unit in production at an incident: the incident itself, what runs there says, and all
    /// evidence of what is there. The same key gives the same one, whatever has happened since.
    pub(crate) async fn snapshot_incident(
        &self,
        cx: &OpContext,
        project: &Arc<Project>,
        unit: &Unit,
        open: &OpenIncident,
        good: &LastGood,
    ) -> Result<EvidenceRecord> {
        let target = &project.environments.production;
        let environment = &target.environment;
        let name = incident_of(&unit.id, environment);
        let expected = SIGNALS.iter().map(|part| (*part).to_owned()).chain([name.clone()]);
        let stream = StreamId { project: project.id.clone(), unit: unit.id.clone(), environment: environment.clone() };
        let window = self.collect_limits.window(open.since, self.clock.now());
        let purpose = Purpose {
            name: format!("{} {environment} snapshot ({})", unit.id, Occasion::Incident),
            subjects: vec![known(unit, environment, good)],
            change_set: good.change_set.clone(),
            occasion: Occasion::Incident,
            window,
        };
        let begun = self.streams.begin_for(&cx.part(SNAPSHOT), &stream, expected.collect(), purpose).await?;
        if let Some(snapshot) = begun.done() {
            return Ok(snapshot.clone());
        }
        let subject = self.in_production(cx, unit, project, good).await?;
        let payloads = self.payloads_of(&Ok(project.clone()), window.until)?;
        let mut collection = Collection::of(begun.expected().iter().cloned()).kept(payloads.keeping.clone());
        let incident = Incident {
            id: open.id.clone(),
            change_set: Some(good.change_set.clone()),
            unit: Some(unit.id.clone()),
            environment: Some(environment.clone()),
            summary: self.redactor.redact_text(&open.summary),
            state: IncidentState::Detected,
            since: open.since,
            began: None,
        };
        collection.evidence(&self.sealer.seal(cx, name, vec![subject.clone()], &incident).await?);
        if begun.is_given_up() {
            let times = begun.interruptions();
            for part in SIGNALS {
                let why = format!("collecting was interrupted: the process died {times} times over it");
                collection.absent(part, AbsenceKind::Interrupted, why);
            }
        } else {
            let query = self.collect_limits.query(unit.id.clone(), target.clone(), &window);
            let sources = Source::signals(cx, &*self.signals, &query);
            self.collector(&payloads).gather(cx, &mut collection, sources.into()).await?;
        }
        good.evidence.iter().rev().for_each(|record| collection.evidence(record));
        let (change_set, occasion) = (good.change_set.clone(), Occasion::Incident);
        let about = SnapshotOf { stream, change_set, occasion, window, collected_on: window.until };
        let name = format!("{} {environment} snapshot ({occasion})", unit.id);
        self.streams.append(&cx.part(SNAPSHOT), &begun, &name, vec![subject], &collection.finish(about)).await
    }

    /// What production asks for now, and what the record says runs there.
    async fn in_production(&self, cx: &OpContext, unit: &Unit, project: &Project, good: &LastGood) -> Result<Subject> {
        let (target, repo) = (&project.environments.production, &unit.desired_state);
        let commit = self.head(cx, repo, &target.branch).await?;
        let mut subject = Subject::named(format!("{}@{}", unit.id, target.environment)).with_commit(&commit);
        if let Some(tree) = self.scm.tree_at(cx, repo, &commit, &target.path).await? {
            subject = subject.with_tree(&tree);
        }
        Ok(match &good.artifact {
            Some(artifact) => subject.with_sha256(artifact),
            None => subject,
        })
    }
}

/// What the record says runs there, without a look at what production asks for.
pub(super) fn known(unit: &Unit, environment: &EnvironmentId, good: &LastGood) -> Subject {
    let subject = Subject::named(format!("{}@{environment}", unit.id));
    match (&good.artifact, &good.source) {
        (Some(artifact), _) => subject.with_sha256(artifact),
        (None, Some(source)) => subject.with_commit(&source.commit).with_tree(&source.tree),
        (None, None) => subject,
    }
}
