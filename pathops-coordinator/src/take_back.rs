//! Taking back what is in production: a recovery, which is a change set of its own and goes to what was there before.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use pathops_core::lifecycle::HumanDecision;
use pathops_core::project::{FeatureRequest, Project, Rollback, Unit, UnitChange};
use pathops_core::{
    ChangeSetId, Error, ErrorKind, IdempotencyKey, OpContext, PersonId, Principal, RepoId, Result, UnitId, UnixMillis,
};

use crate::activity::Services;
use crate::change_set::{End, Flag, Landed, Merging, PassedOver, Recovery, Stage, Start, State, TakeBack, landed};
use crate::control_plane::{ControlPlane, change_set_id, context, decode_state, run_id};
use crate::request::{Wanted, reviewers, settle_millis};
use crate::retry::with_retry;
use crate::tell::{Wish, role_to};
use crate::turn::reach;

pub(crate) const OPERATION: &str = "take a change set back";

impl ControlPlane {
    /// Takes back a change set that is in production, because of an incident or because it is not wanted any more: makes a change set
    /// that goes to what was there before, which [`ControlPlane::run`] then drives. Where the evidence of that has come to speak against
    /// it, it goes back further, to the last combination of which that is not so, and says what it has passed over. Everything of it is
    /// proposed by pull requests that people merge: first preflight goes back and is tried as it was, then production, by the same door
    /// as it went on, with evidence, approval and a grant. An open incident is not in its way. What the change set brought is not
    /// promotable from then on, and in the end the meta repository says that what it has gone back to is in production again. Sources
    /// that were merged stay, and that is said. Once it is going back it comes to its end; one that still waits for its turn can be
    /// cancelled.
    ///
    /// It goes before those that change the same units: they are asked to give way, whatever the policy says of their order, where who asks
    /// may stop the line for all that they change. Others come to their end first, and so do those that may be in production already, are
    /// paused, go back themselves, or only work with these units: [`ControlPlane::waits`] names them, and they can be cancelled. Whoever may
    /// cancel a change set may take it back; they cannot approve the way back themselves.
    ///
    /// The same again gives the same change set as long as that is under way; after one that did not come to its end it makes another one,
    /// of the units that are left. What cannot go back whole is refused. Where several change sets have come one upon the other, the
    /// newest goes first.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Denied` for who may not; `Invalid` without a reason, where it is not in production (one that
    /// is under way is cancelled instead), where another one has changed one of its units there since, or where there is nothing to go back
    /// to: a unit is forward-only by now, was declared to be elsewhere, ran nothing before, or nothing of which the evidence still is good;
    /// what the Git host and the journal answer, and while it cannot be read, those who have the evidence.
    pub async fn take_back(&self, change_set: &ChangeSetId, by: &PersonId, reason: &str) -> Result<ChangeSetId> {
        let refused = |kind, why: &dyn std::fmt::Display| Error::new(kind, OPERATION).on(change_set).because(why);
        let state = self.state(change_set).await?.ok_or_else(|| refused(ErrorKind::NotFound, &"there is none of that name"))?;
        let project = self.declared().await?;
        let role = role_to(Wish::Cancel, &project, &state, by)
            .ok_or_else(|| refused(ErrorKind::Denied, &format!("the policy does not let `{by}` do that")))?;
        let (known, recovery) = self.services.recoveries(change_set).await?;
        if let Some(open) = known.iter().find(|recovery| recovery.end.is_none()) {
            return Ok(open.start.change_set.clone());
        }
        if known.iter().any(|recovery| recovery.end == Some(End::Recovered)) {
            return Err(refused(ErrorKind::Invalid, &"it was taken back already"));
        }
        let at = self.services.clock.now();
        let (person, reason) = (Principal::Human(by.clone()), self.services.redactor.redact_text(reason));
        let decided = HumanDecision::prove(&person, role, &project.people, reason.clone(), at)
            .map_err(|error| refused(ErrorKind::Invalid, &error))?;
        let wanted = Wanted {
            change_set: recovery.clone(),
            request: request(&state, by, &reason),
            carries: Vec::new(),
            take_back: Some(TakeBack { change_set: change_set.clone(), by: decided.into() }),
            at,
        };
        let start = self.services.planned(&context("take back"), &project, wanted).await?;
        self.make(&run_id(&recovery)?, start).await?;
        Ok(recovery)
    }
}

fn title(change_set: &ChangeSetId) -> String {
    format!("Take back {change_set}")
}

fn request(state: &State, by: &PersonId, reason: &str) -> FeatureRequest {
    let changes = state.start.request.changes.iter();
    let back =
        |change: &UnitChange| UnitChange { reason: reason.to_owned(), patch: None, contracts: BTreeSet::new(), ..change.clone() };
    let title = title(&state.start.change_set);
    FeatureRequest { title, text: reason.to_owned(), requested_by: by.clone(), changes: changes.map(back).collect() }
}

/// What a change set that is in production goes back to.
pub(crate) struct GoesBack {
    /// Its units, without those that are back already.
    pub(crate) landed: BTreeMap<UnitId, Landed>,
    passed_over: BTreeMap<UnitId, Vec<PassedOver>>,
    units: BTreeMap<UnitId, Unit>,
}

impl Services {
    /// What a change set goes back to, as things are now. What an earlier recovery has brought back already, or went back past, is left out.
    ///
    /// # Errors
    /// `Invalid` where it cannot go back, with the reason; what the Git host and the journal answer, and those who have the evidence.
    pub(crate) async fn goes_back(&self, cx: &OpContext, project: &Project, back: &State) -> Result<GoesBack> {
        let change_set = &back.start.change_set;
        let invalid = |why: String| Error::new(ErrorKind::Invalid, OPERATION).on(change_set).because(why);
        let mut landed = landed(back).map_err(invalid)?;
        let (earlier, _) = self.recoveries(change_set).await?;
        let is_back = |recovery: &State, unit: &UnitId| {
            recovery.units.get(unit).is_some_and(|it| it.stage == Stage::Recovered && it.restored)
        };
        let is_back = |unit: &UnitId| earlier.iter().any(|recovery| is_back(recovery, unit));
        for unit in landed.keys().cloned().collect::<Vec<_>>() {
            if is_back(&unit) || self.is_gone(cx, &project.meta_repo, &unit, change_set).await? {
                landed.remove(&unit);
            }
        }
        if landed.is_empty() {
            return Err(invalid("it was taken back already".to_owned()));
        }
        self.require_in_production(cx, &project.meta_repo, change_set, landed.keys()).await?;
        let passed_over = self.to_last_good(cx, &mut landed).await.map_err(|error| error.on(change_set))?;
        let units = units(project, &back.start, landed.keys()).map_err(invalid)?;
        Ok(GoesBack { landed, passed_over, units })
    }

    /// What a recovery begins with, as things are now.
    pub(crate) async fn recovery(&self, cx: &OpContext, project: &Project, wanted: Wanted, asked: TakeBack) -> Result<Start> {
        let Wanted { change_set, mut request, at, .. } = wanted;
        let invalid = |why: String| Error::new(ErrorKind::Invalid, OPERATION).on(&asked.change_set).because(why);
        let back = self.state_of(&asked.change_set).await?.ok_or_else(|| invalid("the journal does not know it".to_owned()))?;
        if role_to(Wish::Cancel, project, &back, &request.requested_by).is_none() {
            let why = format!("the policy does not let `{}` do that any more", request.requested_by);
            return Err(Error::new(ErrorKind::Denied, OPERATION).on(&asked.change_set).because(why));
        }
        let GoesBack { landed, passed_over, units } = self.goes_back(cx, project, &back).await?;
        request.changes.retain(|change| units.contains_key(&change.unit));
        let requesters = BTreeSet::from([&request.requested_by]);
        let mut plan = back.start.plan;
        (plan.change_set, plan.title, plan.requested_by) =
            (change_set.clone(), request.title.clone(), request.requested_by.clone());
        plan.waves.iter_mut().for_each(|wave| wave.units.retain(|unit| units.contains_key(unit)));
        plan.rollback.iter_mut().for_each(|wave| wave.retain(|unit| units.contains_key(unit)));
        let mut earliest = back.start.at;
        for passed in passed_over.values().flatten() {
            earliest = self.state_of(&passed.change_set).await?.map_or(earliest, |state| state.start.at.min(earliest));
        }
        let since = self.changed_since(cx, project, &units, earliest).await;
        Ok(Start {
            apps: self.apps(cx, project, &units).await?,
            preflight_merge: Merging::Each(BTreeMap::new()),
            settle_millis: units.values().flat_map(|unit| settle_millis(project, unit)).max().unwrap_or(0),
            limits: self.limits,
            flags: Flag::ALL.into(),
            reviewers: reviewers(project, &requesters),
            change_set,
            project: project.id.clone(),
            meta_repo: project.meta_repo.clone(),
            plan,
            recovery: Some(Box::new(Recovery { since, asked, landed, passed_over })),
            units,
            environments: project.environments.clone(),
            turn: None,
            carries: Vec::new(),
            at,
            request,
        })
    }

    /// The recoveries of a change set, the newest last, and the name of the next one.
    pub(crate) async fn recoveries(&self, change_set: &ChangeSetId) -> Result<(Vec<State>, ChangeSetId)> {
        let (mut known, mut number) = (Vec::new(), 0_u64);
        loop {
            let key = IdempotencyKey::new(format!("{change_set}/recovery/{number}"));
            let next = change_set_id(&title(change_set), &key)?;
            let Some(state) = self.state_of(&next).await? else { return Ok((known, next)) };
            // Somebody may have asked for a feature of that name.
            let is_it = state.start.recovery.as_ref().is_some_and(|it| it.asked.change_set == *change_set);
            known.extend(is_it.then_some(state));
            number += 1;
        }
    }

    /// Refuses to take back what is not in production any more. Where no change set is under way that could bring others, it stays so.
    pub(crate) async fn require_in_production(
        &self,
        cx: &OpContext,
        meta_repo: &RepoId,
        change_set: &ChangeSetId,
        units: impl Iterator<Item = &UnitId>,
    ) -> Result<()> {
        for unit in units {
            let error = Error::new(ErrorKind::Invalid, OPERATION).on(change_set);
            match self.brought_by(cx, meta_repo, unit).await? {
                Some(by) if by == *change_set => {}
                Some(by) => {
                    let why = format!("the meta repository says that `{by}` has brought `{unit}` to production");
                    return Err(error.because(why).advise("take that back first, where it was later"));
                }
                None => {
                    return Err(error.because(format!("the meta repository does not say what of `{unit}` is in production")));
                }
            }
        }
        Ok(())
    }

    /// The change set that has brought a unit to production, as the meta repository says.
    pub(crate) async fn brought_by(&self, cx: &OpContext, meta_repo: &RepoId, unit: &UnitId) -> Result<Option<ChangeSetId>> {
        let read = || -> BoxFuture<'_, _> { Box::pin(self.last_good_of(cx, meta_repo, unit)) };
        Ok(with_retry(&*self.clock, read).await?.map(|good| good.change_set))
    }

    /// What works with these units and was brought to production by a change set that was declared later, or nobody can tell when.
    async fn changed_since(
        &self,
        cx: &OpContext,
        project: &Project,
        units: &BTreeMap<UnitId, Unit>,
        at: UnixMillis,
    ) -> BTreeMap<UnitId, Option<ChangeSetId>> {
        let mut since = BTreeMap::new();
        for (id, unit) in project.units.iter().filter(|(id, _)| !units.contains_key(*id)) {
            let works_with = reach(&BTreeMap::from([(id.clone(), unit.clone())]), &project.contracts).touches;
            if !works_with.iter().any(|it| units.contains_key(it)) {
                continue;
            }
            let later = match self.brought_by(cx, &project.meta_repo, id).await {
                Ok(None) => continue,
                Ok(Some(by)) => match self.state_of(&by).await {
                    Ok(Some(state)) if state.start.at <= at => continue,
                    Ok(Some(_)) => Some(by),
                    Ok(None) | Err(_) => None,
                },
                Err(_) => None,
            };
            since.insert(id.clone(), later);
        }
        since
    }

    pub(crate) async fn state_of(&self, change_set: &ChangeSetId) -> Result<Option<State>> {
        self.run_of(change_set).await?.map(|run| decode_state(&run.id, run.state)).transpose()
    }
}

/// The units as they are declared now; an error says why one cannot go back as it was.
fn units<'u>(
    project: &Project,
    before: &Start,
    of: impl Iterator<Item = &'u UnitId>,
) -> std::result::Result<BTreeMap<UnitId, Unit>, String> {
    if project.environments != before.environments {
        return Err("the environments were declared anew since, and what was in the old ones is not looked for".to_owned());
    }
    let unit = |id: &UnitId| {
        let unit = project.units.get(id).ok_or_else(|| format!("the project does not declare `{id}` any more"))?;
        if before.units.get(id).is_none_or(|then| then.desired_state != unit.desired_state) {
            return Err(format!("the desired state of `{id}` has moved to another repository since"));
        }
        match unit.rollback {
            Rollback::ForwardOnly => Err(format!("`{id}` is declared forward-only: a fix has to follow")),
            _ => Ok((id.clone(), unit.clone())),
        }
    };
    of.map(unit).collect()
}
