//! Performing the commands of an incident.
//!
//! Nothing that goes wrong here says anything of the incident, and none of it may keep the rest waiting: so what cannot be done is an
//! outcome, and no error.

mod proposal;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use pathops_core::adapter::SourceTree;
use pathops_core::evidence::{self, IncidentState, Subject};
use pathops_core::flow::Performer;
use pathops_core::project::{OpenIncident, Project, closed_incident};
use pathops_core::{CommitId, OpContext, RepoPath, Result, Retry, UnitId, UnixMillis};

use crate::activity::Services;
use crate::activity::facts::read_declarations;
use crate::change_set::{LAST_GOOD, LastGood, last_good_path};
use crate::incident::{Command, End, Errand, Incident, Outcome, Reached, Start};
use crate::incidents::is_about;
use crate::retry::with_budget;
use crate::waits::{GIT_HOST, SOURCES};

#[async_trait]
impl Performer<Incident> for Services {
    async fn perform(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        match command {
            Command::Watch { of, known } => self.watch_incident(cx, of, known).await,
            Command::Do { of, errand, .. } => Ok(self.run_errand(cx, of, errand).await),
            // Each try has waited by itself for what passes soon.
            Command::Later { .. } => {
                self.clock.sleep(self.pace.doubts).await;
                Ok(Outcome::Due)
            }
        }
    }

    /// None of it lets others do anything.
    async fn hold(&self, _: &OpContext, _: &Command) -> Result<()> {
        Ok(())
    }
}

impl Services {
    async fn run_errand(&self, cx: &OpContext, of: &Start, errand: &Errand) -> Outcome {
        let system = if let Errand::Snapshot { .. } = errand { SOURCES } else { GIT_HOST };
        let done = with_budget(&*self.clock, self.tries(cx, system), || -> BoxFuture<'_, _> {
            match errand {
                Errand::Snapshot { unit } => Box::pin(self.snapshot_of(of, unit)),
                Errand::Propose { change_set } => Box::pin(self.propose_way_back(cx, of, change_set)),
                Errand::Sign { at, seen_in, about } => Box::pin(self.sign_end(cx, of, *at, seen_in, about)),
            }
        });
        done.await.unwrap_or_else(|error| {
            tracing::warn!(key = %cx.key(), incident = %of.incident.id, %error, "something of an incident could not be done; it is tried again");
            Outcome::Failed { reason: self.redactor.redact_text(&error.to_string()) }
        })
    }

    /// Looks at the meta repository again and again. One that cannot be read, or has mistakes, is looked at again.
    async fn watch_incident(&self, cx: &OpContext, of: &Start, known: &BTreeSet<UnitId>) -> Result<Outcome> {
        let looked_at = Mutex::new(None);
        let look = || -> BoxFuture<'_, _> {
            Box::pin(async {
                let looked = self.look_at_incident(cx, of, known, &looked_at).await;
                looked.map_err(|error| error.with_retry(Retry::Backoff))
            })
        };
        self.poll(self.tries(cx, GIT_HOST), look).await
    }

    /// Nothing where there is nothing new since the last look.
    async fn look_at_incident(
        &self,
        cx: &OpContext,
        of: &Start,
        known: &BTreeSet<UnitId>,
        looked_at: &Mutex<Option<CommitId>>,
    ) -> Result<Option<Outcome>> {
        let last = || looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let main = self.main(cx, &of.meta_repo).await?;
        if last().as_ref() == Some(&main) {
            return Ok(None);
        }
        let project = self.project_at(cx, &of.meta_repo, &main).await?;
        let OpenIncident { id, since, .. } = &of.incident;
        let found = match project.incidents.iter().find(|open| open.id == *id) {
            None => {
                let files = read_declarations(&*self.scm, cx, &of.meta_repo, &main, &["incidents"]).await?;
                let (now, seen_in) = (self.clock.now(), main.clone());
                Some(Outcome::Over(match closed_incident(&files, id) {
                    Some(at) => End::Closed { at, seen_in },
                    None => End::Removed { at: now, seen_in },
                }))
            }
            Some(open) if open.since != *since => Some(Outcome::Over(End::Redeclared { since: open.since })),
            Some(open) => {
                let records = read_declarations(&*self.scm, cx, &of.meta_repo, &main, &[LAST_GOOD]).await?;
                let more = reached(&project, open, &records, known);
                (!more.is_empty()).then_some(Outcome::Reached(more))
            }
        };
        *last() = Some(main);
        Ok(found)
    }

    /// Signs that it is over. The same is signed again where the answer was lost.
    async fn sign_end(
        &self,
        cx: &OpContext,
        of: &Start,
        at: UnixMillis,
        seen_in: &CommitId,
        about: &[Subject],
    ) -> Result<Outcome> {
        let Start { meta_repo, environment, incident: OpenIncident { id, unit, since, summary }, .. } = of;
        let over = evidence::Incident {
            id: id.clone(),
            change_set: None,
            unit: unit.clone(),
            environment: Some(environment.clone()),
            summary: summary.clone(),
            state: IncidentState::Resolved,
            since: at,
            began: Some(*since),
        };
        let declared = Subject::named(format!("{meta_repo}:{}", file_of(id))).with_commit(seen_in);
        let subjects = [declared].into_iter().chain(about.iter().cloned()).collect();
        self.sealer.seal(cx, format!("incident {id} resolved"), subjects, &over).await.map(Outcome::Signed)
    }
}

/// Where an incident is declared.
pub(crate) fn file_of(id: &str) -> String {
    format!("incidents/{id}.yaml")
}

/// What in production an incident is about, as the meta repository says, and is not known.
fn reached(project: &Project, open: &OpenIncident, records: &SourceTree, known: &BTreeSet<UnitId>) -> BTreeMap<UnitId, Reached> {
    let environment = &project.environments.production.environment;
    let about = project.units.values().filter(|unit| is_about(open, &unit.id) && !known.contains(&unit.id));
    let reached = about.filter_map(|unit| {
        let path: RepoPath = last_good_path(&unit.id).ok()?;
        let good: LastGood = match serde_json::from_slice(&records.get(&path)?.bytes) {
            Ok(good) => good,
            Err(error) => {
                tracing::warn!(unit = %unit.id, %error, "what is in production cannot be read: there is no snapshot of its incident");
                return None;
            }
        };
        let runs = snapshot::known(unit, environment, &good);
        Some((unit.id.clone(), Reached { change_set: good.change_set, runs }))
    });
    reached.collect()
}
