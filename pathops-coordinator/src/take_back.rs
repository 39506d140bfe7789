//! Taking back what is in production: a recovery, which is a change set of its own and goes to what was there before.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use pathops_core::lifecycle::HumanDecision;
use pathops_core::project::{FeatureRequest, Project, Unit, UnitChange};
use pathops_core::{ChangeSetId, Error, ErrorKind, IdempotencyKey, OpContext, PersonId, Principal, Result, UnitId, UnixMillis};

use crate::activity::Services;
use crate::activity::facts::read_declarations;
use crate::change_set::{End, LAST_GOOD, LastGood, Merging, Recovery, Start, State, TakeBack, landed, last_good_path};
use crate::control_plane::{ControlPlane, change_set_id, context, decode_state, run_id};
use crate::request::{Wanted, reviewers, settle_millis};
use crate::retry::with_retry;
use crate::tell::{Wish, role_to};
use crate::turn::reach;

const OPERATION: &str = "take a change set back";

impl ControlPlane {
    /// Takes back a change set that is in production, because of an incident or because it is not wanted any more: makes a change set
    /// that goes to what was there before, which [`ControlPlane::run`] then drives. Everything of it is proposed by pull requests that
    /// people merge: first preflight goes back and is tried as it was, then production, by the same door as it went on, with evidence,
    /// approval and a grant. An open incident is not in its way. At the end what the change set brought is not promotable any more, and
    /// the meta repository says that what was there before is in production again. Sources that were merged stay, and that is said.
    ///
    /// It goes before those that change the same units: they are asked to give way, whatever the policy says of their order. Those that may be
    /// in production already, are paused or go back themselves come to their end first, and so do those that only work with these units:
    /// [`ControlPlane::waits`] names them, and they can be cancelled. Whoever may cancel a change set may take it back; they cannot
    /// approve the way back themselves.
    ///
    /// The same again gives the same change set as long as that is under way; after one that came to nothing it makes another one.
    /// A change set goes back whole or not at all: the newest first, where several have come one upon the other.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Denied` for who may not; `Invalid` without a reason, where it is not in production (one that
    /// is under way is cancelled instead), where another one has changed one of its units there since, or where there is nothing to go back
    /// to: a unit is forward-only, or ran nothing before; what the Git host and the journal answer.
    pub async fn take_back(&self, change_set: &ChangeSetId, by: &PersonId, reason: &str) -> Result<ChangeSetId> {
        let refused = |kind, why: &dyn std::fmt::Display| Error::new(kind, OPERATION).on(change_set).because(why);
        let state = self.state(change_set).await?.ok_or_else(|| refused(ErrorKind::NotFound, &"there is none of that name"))?;
        let project = self.project().await?;
        let role = role_to(Wish::Cancel, &project, &state, by)
            .ok_or_else(|| refused(ErrorKind::Denied, &format!("the policy does not let `{by}` do that")))?;
        let title = format!("Take back {change_set}");
        let Some(recovery) = self.next_recovery(change_set, &title).await? else {
            return Err(refused(ErrorKind::Invalid, &"it was taken back already"));
        };
        let run = run_id(&recovery)?;
        if self.load(&run).await?.is_some() {
            return Ok(recovery);
        }
        let at = self.services.clock.now();
        let (person, reason) = (Principal::Human(by.clone()), self.services.redactor.redact_text(reason));
        let decided = HumanDecision::prove(&person, role, &project.people, reason.clone(), at)
            .map_err(|error| refused(ErrorKind::Invalid, &error))?;
        let wanted = Wanted {
            change_set: recovery.clone(),
            request: request(&state, title, by, &reason),
            carries: Vec::new(),
            take_back: Some(TakeBack { change_set: change_set.clone(), by: decided.into() }),
            at,
        };
        let start = self.services.planned(&context("take back"), &project, wanted).await?;
        self.make(&run, start).await?;
        Ok(recovery)
    }

    /// The name of the recovery that is under way, or of the next one; `None` where one has brought everything back.
    async fn next_recovery(&self, change_set: &ChangeSetId, title: &str) -> Result<Option<ChangeSetId>> {
        let mut times = 0;
        loop {
            let recovery = change_set_id(title, &IdempotencyKey::new(format!("{change_set}/recovery/{times}")))?;
            match self.state(&recovery).await?.map(|state| state.end) {
                None | Some(None) => return Ok(Some(recovery)),
                Some(Some(End::Recovered)) => return Ok(None),
                Some(Some(_)) => times += 1,
            }
        }
    }
}

fn request(state: &State, title: String, by: &PersonId, reason: &str) -> FeatureRequest {
    let changes = state.start.request.changes.iter();
    let back =
        |change: &UnitChange| UnitChange { reason: reason.to_owned(), patch: None, contracts: BTreeSet::new(), ..change.clone() };
    FeatureRequest { title, text: reason.to_owned(), requested_by: by.clone(), changes: changes.map(back).collect() }
}

impl Services {
    /// What a recovery begins with, as things are now.
    pub(crate) async fn recovery(&self, cx: &OpContext, project: &Project, wanted: Wanted, asked: TakeBack) -> Result<Start> {
        let Wanted { change_set, request, at, .. } = wanted;
        let invalid = |why: String| Error::new(ErrorKind::Invalid, OPERATION).on(&asked.change_set).because(why);
        let back = self.state_of(&asked.change_set).await?.ok_or_else(|| invalid("the journal does not know it".to_owned()))?;
        let landed = landed(&back).map_err(invalid)?;
        let units: BTreeMap<UnitId, Unit> = landed
            .keys()
            .map(|id| project.units.get_key_value(id).map(|(id, unit)| (id.clone(), unit.clone())).ok_or(id))
            .collect::<Result<_, _>>()
            .map_err(|unit: &UnitId| invalid(format!("the project does not declare `{unit}` any more")))?;
        let there = self.in_production_by(cx, project).await?;
        for unit in units.keys() {
            match there.get(unit) {
                Some(by) if *by == asked.change_set => {}
                Some(by) => {
                    return Err(
                        invalid(format!("`{by}` has brought `{unit}` to production since")).advise("take that back first")
                    );
                }
                None => return Err(invalid(format!("the meta repository does not say what of `{unit}` is in production"))),
            }
        }
        let since = self.changed_since(project, &units, &there, back.start.at).await?;
        let requesters = BTreeSet::from([&request.requested_by]);
        let mut plan = back.start.plan;
        (plan.change_set, plan.title, plan.requested_by) =
            (change_set.clone(), request.title.clone(), request.requested_by.clone());
        Ok(Start {
            apps: self.apps(cx, project, &units).await?,
            preflight_merge: Merging::Each(BTreeMap::new()),
            settle_millis: units.values().flat_map(|unit| settle_millis(project, unit)).max().unwrap_or(0),
            limits: self.limits,
            reviewers: reviewers(project, &requesters),
            change_set,
            project: project.id.clone(),
            meta_repo: project.meta_repo.clone(),
            plan,
            recovery: Some(Box::new(Recovery { since, asked, landed })),
            units,
            environments: project.environments.clone(),
            turn: None,
            carries: Vec::new(),
            at,
            request,
        })
    }

    /// The change set that has brought each unit to production, as the meta repository says.
    async fn in_production_by(&self, cx: &OpContext, project: &Project) -> Result<BTreeMap<UnitId, ChangeSetId>> {
        let files = with_retry(&*self.clock, || -> BoxFuture<'_, _> {
            Box::pin(async move {
                let main = self.main(cx, &project.meta_repo).await?;
                read_declarations(&*self.scm, cx, &project.meta_repo, &main, &[LAST_GOOD]).await
            })
        });
        let files = files.await?;
        let mut there = BTreeMap::new();
        for unit in project.units.keys() {
            let invalid =
                |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, "read what is in production").on(unit).because(why);
            let Some(file) = files.get(&last_good_path(unit).map_err(|error| invalid(&error))?) else { continue };
            let good: LastGood = serde_json::from_slice(&file.bytes).map_err(|error| invalid(&error))?;
            there.insert(unit.clone(), good.change_set);
        }
        Ok(there)
    }

    /// What works with these units and was brought to production by a change set that was declared later.
    async fn changed_since(
        &self,
        project: &Project,
        units: &BTreeMap<UnitId, Unit>,
        there: &BTreeMap<UnitId, ChangeSetId>,
        at: UnixMillis,
    ) -> Result<BTreeMap<UnitId, ChangeSetId>> {
        let mut since = BTreeMap::new();
        for (id, unit) in project.units.iter().filter(|(id, _)| !units.contains_key(*id)) {
            let works_with = reach(&BTreeMap::from([(id.clone(), unit.clone())]), &project.contracts).touches;
            let Some(by) = there.get(id).filter(|_| works_with.iter().any(|it| units.contains_key(it))) else { continue };
            if self.state_of(by).await?.is_some_and(|later| later.start.at > at) {
                since.insert(id.clone(), by.clone());
            }
        }
        Ok(since)
    }

    pub(crate) async fn state_of(&self, change_set: &ChangeSetId) -> Result<Option<State>> {
        self.run_of(change_set).await?.map(|run| decode_state(&run.id, run.state)).transpose()
    }
}
