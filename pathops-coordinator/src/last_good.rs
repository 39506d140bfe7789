//! How far back a recovery goes: to the last combination that good evidence stands behind.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use pathops_core::policy::evidence_in_doubt;
use pathops_core::{ChangeSetId, Error, ErrorKind, OpContext, RepoId, Result, Retry, UnitId};

use crate::activity::Services;
use crate::change_set::{Landed, PassedOver, State, promoted};
use crate::retry::with_retry;
use crate::take_back::OPERATION;

impl Services {
    /// Lets units go back further where the evidence of what was there before has come to speak against it, as far as to the last
    /// combination of which that is not so. Gives what is passed over on the way.
    ///
    /// Evidence alone decides that. That an incident is open says nothing of which combination is to blame, and neither do stops and
    /// approvals: the way back has its own. What cannot be looked at is not passed over, since nothing is known against it: like
    /// everything that goes back, it gets into production with evidence that is good by then, or not at all.
    ///
    /// # Errors
    /// `Invalid` where none is left to go back to, with what was passed over; what the journal answers, and while they do not answer,
    /// those who have the evidence.
    pub(crate) async fn to_last_good(
        &self,
        cx: &OpContext,
        landed: &mut BTreeMap<UnitId, Landed>,
    ) -> Result<BTreeMap<UnitId, Vec<PassedOver>>> {
        let mut all = BTreeMap::new();
        for (unit, landed) in landed {
            let passed = self.further(cx, unit, landed).await?;
            if !passed.is_empty() {
                all.insert(unit.clone(), passed);
            }
        }
        Ok(all)
    }

    /// Whether what a change set has brought of a unit is out of production: it is not there, and what is there came upon something else.
    /// Where nobody knows, it is not.
    pub(crate) async fn is_gone(
        &self,
        cx: &OpContext,
        meta_repo: &RepoId,
        unit: &UnitId,
        change_set: &ChangeSetId,
    ) -> Result<bool> {
        let (mut there, mut below) = (self.brought_by(cx, meta_repo, unit).await?, BTreeSet::new());
        let is_known = there.is_some();
        while let Some(by) = there {
            let state = self.state_of(&by).await?;
            let Some(progress) = state.as_ref().and_then(|state| state.units.get(unit)) else { return Ok(false) };
            // Without a record of what was there before, only an environment in which nothing ran is known to have been empty.
            let was_empty = progress.production_before.as_ref().is_some_and(|before| !before.runs);
            if by == *change_set || !below.insert(by) || progress.last_good.is_none() && !was_empty {
                return Ok(false);
            }
            there = progress.last_good.as_ref().map(|good| good.change_set.clone());
        }
        Ok(is_known)
    }

    async fn further(&self, cx: &OpContext, unit: &UnitId, landed: &mut Landed) -> Result<Vec<PassedOver>> {
        let mut passed: Vec<PassedOver> = Vec::new();
        loop {
            let change_set = landed.last_good.change_set.clone();
            let Some(state) = self.state_of(&change_set).await? else { return Ok(passed) };
            let Some(because) = self.speaks_against(cx, &state, unit).await? else { return Ok(passed) };
            let before = match state.units.get(unit) {
                // People may write into the meta repository what they like.
                _ if passed.iter().any(|it| it.change_set == change_set) => {
                    Err("what was there before leads back to it".to_owned())
                }
                Some(progress) => Landed::of(unit, progress),
                None => Err(format!("it has not changed `{unit}`")),
            };
            passed.push(PassedOver { change_set, because });
            match before {
                Ok(before) => *landed = landed.clone().further(before),
                Err(why) => {
                    let passed: Vec<_> = passed.iter().map(PassedOver::to_string).collect();
                    let why = format!("`{unit}` has no good combination to go back to, past {}: {why}", passed.join(" and "));
                    let error = Error::new(ErrorKind::Invalid, OPERATION).because(why);
                    return Err(error.advise("mend it by another change set"));
                }
            }
        }
    }

    /// What the evidence of a change set has come to in a unit that it has brought to production; `None` where nothing is known against
    /// it.
    async fn speaks_against(&self, cx: &OpContext, state: &State, unit: &UnitId) -> Result<Option<String>> {
        let looked = with_retry(&*self.clock, || -> BoxFuture<'_, _> { Box::pin(self.evidence_against(cx, state, unit)) }).await;
        match looked {
            Err(error) if error.retry() == Retry::Never => {
                let change_set = &state.start.change_set;
                tracing::warn!(%change_set, %unit, %error, "what is gone back to could not be looked at before");
                Ok(None)
            }
            looked => looked,
        }
    }

    async fn evidence_against(&self, cx: &OpContext, state: &State, unit: &UnitId) -> Result<Option<String>> {
        let Some(promoted) = promoted(state, unit) else { return Ok(None) };
        let granted = self.granted(cx, promoted.granted).await?;
        let (_, facts) = self.facts_now(cx, state, &promoted).await?;
        let unreadable = |error| Error::new(ErrorKind::Corrupt, "read a decision back").on(unit).with_source(error);
        let doubt =
            evidence_in_doubt(&granted, &self.languages, &facts.facts().evidence, self.clock.now()).map_err(unreadable)?;
        let told = |(id, because): &(_, String)| format!("{id}: {because}");
        Ok(doubt.map(|it| self.redactor.redact_text(&it.requirements.iter().map(told).collect::<Vec<_>>().join("; "))))
    }
}
