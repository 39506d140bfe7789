use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::EvidenceId;
use crate::id::{ChangeSetId, EnvironmentId, UnitId};
use crate::lifecycle::artifact::standing;
use crate::lifecycle::transition::{same, same_if_any, sealed, something};
use crate::lifecycle::{
    Back, Change, Decided, Failure, Granted, Ground, HumanDecision, Mismatch, Needs, Preflight, Promotion, Proof, Proven, Record,
    Recorded, Step, Subject, TransitionError,
};
use crate::time::UnixMillis;

/// A change set: what its lifecycle is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeSet {
    /// Its id.
    pub id: ChangeSetId,
    /// The units that change.
    pub units: BTreeSet<UnitId>,
    /// Where they are tried.
    pub preflight: EnvironmentId,
    /// Where they are to go.
    pub production: EnvironmentId,
}

/// Where a change set is. Units go in waves: a state in which something moves begins with the first unit, and a state
/// that promises something is reached with the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSetState {
    /// It is known what is wanted, and nothing was touched.
    Declared,
    /// Every unit has its branch.
    Working,
    /// The first unit has a change that people review.
    InReview,
    /// The first unit was merged into preflight.
    InPreflight,
    /// Every unit was tried, and may go on but for its approval.
    Decided,
    /// The first unit has a grant. Unit after unit goes into production.
    Promoting,
    /// Every unit is in production, with evidence.
    Closed,
    /// It does not go on.
    Stopped,
    /// The first unit goes back to what it was.
    Recovering,
    /// Every unit is what it was before.
    Recovered,
    /// Something of it is left, and people look after it.
    LeftToPeople,
    /// A person called it off before anything of it was anywhere.
    Cancelled,
}

impl fmt::Display for ChangeSetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChangeSetState::Declared => "declared",
            ChangeSetState::Working => "working",
            ChangeSetState::InReview => "in-review",
            ChangeSetState::InPreflight => "in-preflight",
            ChangeSetState::Decided => "decided",
            ChangeSetState::Promoting => "promoting",
            ChangeSetState::Closed => "closed",
            ChangeSetState::Stopped => "stopped",
            ChangeSetState::Recovering => "recovering",
            ChangeSetState::Recovered => "recovered",
            ChangeSetState::LeftToPeople => "left-to-people",
            ChangeSetState::Cancelled => "cancelled",
        })
    }
}

/// The lifecycle of a change set.
pub type ChangeSetLifecycle = Record<ChangeSet>;

type Next = Result<ChangeSetLifecycle, TransitionError<ChangeSetState>>;

impl Subject for ChangeSet {
    type State = ChangeSetState;
    const FIRST: ChangeSetState = ChangeSetState::Declared;
    const STEPS: &'static [Step<ChangeSetState>] = {
        use ChangeSetState as S;
        &[
            Step { from: &[S::Declared], to: S::Working, needs: &[Needs::Changes] },
            Step { from: &[S::Working], to: S::InReview, needs: &[Needs::Changes] },
            Step { from: &[S::InReview], to: S::InPreflight, needs: &[Needs::Changes] },
            Step { from: &[S::InPreflight], to: S::Decided, needs: &[Needs::Decisions] },
            Step { from: &[S::Decided], to: S::Promoting, needs: &[Needs::Grant] },
            Step { from: &[S::Promoting], to: S::Promoting, needs: &[Needs::Grant, Needs::TakingBack, Needs::Promotion] },
            Step { from: &[S::Promoting], to: S::Closed, needs: &[Needs::Live] },
            Step { from: &[S::Declared, S::Working, S::InReview], to: S::Cancelled, needs: &[Needs::Person] },
            Step {
                from: &[S::Declared, S::Working, S::InReview, S::InPreflight, S::Decided, S::Promoting],
                to: S::Stopped,
                needs: &[Needs::Failure, Needs::Person, Needs::Reason],
            },
            Step { from: &[S::Stopped], to: S::Recovering, needs: &[Needs::Changes] },
            // Production goes back by the same door as it went on: with a grant.
            Step { from: &[S::Recovering], to: S::Recovering, needs: &[Needs::Grant, Needs::TakingBack, Needs::Promotion] },
            Step { from: &[S::Stopped, S::Recovering], to: S::Recovered, needs: &[Needs::Back] },
            Step { from: &[S::Stopped, S::Recovering], to: S::LeftToPeople, needs: &[Needs::Reason] },
        ]
    };
}

impl Record<ChangeSet> {
    /// A change set of which nothing is there but what is wanted.
    #[must_use]
    pub fn declared(change_set: ChangeSet) -> Self {
        Self::begin(change_set)
    }

    /// Every unit has a branch: the pull request of each, with its first commit.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not just declared, and where a unit is missing or none of this change set.
    pub fn working(&self, branches: &BTreeMap<UnitId, impl Proof<Change>>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::Working, changes(branches), at)
    }

    /// The first units have a change to review: the pull request of each, with its head.
    ///
    /// # Errors
    /// [`TransitionError`] where nobody works on it yet or it is further, and for units that are none of it.
    pub fn in_review(&self, heads: &BTreeMap<UnitId, impl Proof<Change>>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::InReview, changes(heads), at)
    }

    /// The first units were merged into preflight: the pull request of each, with its merge.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not in review, for units that are none of it, and for a pull request that is not merged.
    pub fn in_preflight(&self, merged: &BTreeMap<UnitId, impl Proof<Change>>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::InPreflight, changes(merged), at)
    }

    /// Every unit was tried in preflight, and a decision that rests on that passed.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not in preflight, and where a unit is missing or none of this change set.
    pub fn decided(&self, decisions: &[impl Proof<Decided>], at: UnixMillis) -> Next {
        let of = |it: &Decided| (it.preflight.unit.clone(), it.clone());
        self.step(ChangeSetState::Decided, Ground::Decided(decisions.iter().map(|it| of(it.it())).collect()), at)
    }

    /// The promotion of a unit is granted, or granted anew; or, where it is recovering, the way back into production.
    ///
    /// # Errors
    /// [`TransitionError`] where not every unit is decided, and for a grant of anything else or one that was recorded before.
    pub fn granted(&self, granted: &impl Proof<Granted>, at: UnixMillis) -> Next {
        self.step(self.promoting(), Ground::Granted(granted.it().clone()), at)
    }

    /// The grant of a unit was taken back.
    ///
    /// # Errors
    /// [`TransitionError`] where nothing is granted for it, and without a reason.
    pub fn taken_back(&self, unit: &UnitId, reason: impl Into<String>, at: UnixMillis) -> Next {
        self.take_back(self.promoting(), unit, reason.into(), at)
    }

    /// A unit was ready in production, by the grant that stands for it.
    ///
    /// # Errors
    /// [`TransitionError`] where nothing is granted, and for a promotion by another grant.
    pub fn live(&self, promotion: &impl Proof<Promotion>, at: UnixMillis) -> Next {
        self.step(self.promoting(), Ground::Promotion(promotion.it().clone()), at)
    }

    /// Every unit is in production, with the evidence that was recorded of each.
    ///
    /// # Errors
    /// [`TransitionError`] where a unit has no evidence yet.
    pub fn closed(&self, at: UnixMillis) -> Next {
        self.step(ChangeSetState::Closed, Ground::Live(self.in_production(ChangeSetState::Promoting)), at)
    }

    /// A person calls it off, before anything of it was anywhere.
    ///
    /// # Errors
    /// [`TransitionError`] once a unit was merged into preflight: then it stops and goes back.
    pub fn cancelled(&self, by: &impl Proof<HumanDecision>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::Cancelled, Ground::Person(by.it().clone()), at)
    }

    /// It stops: a failure of which there is evidence.
    ///
    /// # Errors
    /// [`TransitionError`] where it has stopped or ended already, and for evidence about a unit that is none of it.
    pub fn failed(&self, failure: &Proven<Failure>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::Stopped, Ground::Failure(failure.get().clone()), at)
    }

    /// It stops: a person says so.
    ///
    /// # Errors
    /// [`TransitionError`] where it has stopped or ended already.
    pub fn called_off(&self, by: &impl Proof<HumanDecision>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::Stopped, Ground::Person(by.it().clone()), at)
    }

    /// It stops, for a reason of which there is no evidence: a decision refused it, a pull request was closed.
    ///
    /// # Errors
    /// [`TransitionError`] where it has stopped or ended already, and without a reason.
    pub fn stopped(&self, reason: impl Into<String>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::Stopped, Ground::Reason(reason.into()), at)
    }

    /// The first units go back: the pull request that takes each there, with its head.
    ///
    /// # Errors
    /// [`TransitionError`] where it has not stopped, and for units that are none of it.
    pub fn recovering(&self, heads: &BTreeMap<UnitId, impl Proof<Change>>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::Recovering, changes(heads), at)
    }

    /// Every unit is what it was: with evidence, or with the reason why there is nothing to observe. One that was in
    /// production has to be recorded as live there again ([`live`](Self::live)).
    ///
    /// # Errors
    /// [`TransitionError`] where it has not stopped, a unit is missing, or production did not go back.
    pub fn recovered(&self, observed: &[impl Proof<Preflight>], nothing: BTreeMap<UnitId, String>, at: UnixMillis) -> Next {
        let nothing = nothing.into_iter().map(|(unit, reason)| (unit, Back::Nothing(reason)));
        let observed = observed.iter().map(Proof::it).map(|it| (it.unit.clone(), Back::Observed(it.clone())));
        self.step(ChangeSetState::Recovered, Ground::Back(nothing.chain(observed).collect()), at)
    }

    /// It cannot go back all the way, and people have to look after what is left.
    ///
    /// # Errors
    /// [`TransitionError`] where it has not stopped, and without a reason.
    pub fn left_to_people(&self, reason: impl Into<String>, at: UnixMillis) -> Next {
        self.step(ChangeSetState::LeftToPeople, Ground::Reason(reason.into()), at)
    }

    /// The grant that stands for a unit: the last one, if it was not taken back.
    #[must_use]
    pub fn grant(&self, unit: &UnitId) -> Option<Recorded<Granted>> {
        self.standing_grant(unit)
    }

    /// Where grants are recorded: on the way on, or on the way back.
    fn promoting(&self) -> ChangeSetState {
        if self.state() == ChangeSetState::Recovering { ChangeSetState::Recovering } else { ChangeSetState::Promoting }
    }

    /// The last evidence of each unit that was recorded as live on the way on or on the way back.
    fn in_production(&self, way: ChangeSetState) -> BTreeMap<UnitId, EvidenceId> {
        let live = self.transitions().iter().filter(|transition| transition.from == way);
        let of = |ground: &Ground| match ground {
            Ground::Promotion(it) => Some((it.granted.unit.clone(), it.deployment)),
            _ => None,
        };
        live.filter_map(|transition| of(&transition.ground)).collect()
    }
}

impl sealed::Rules for ChangeSet {
    fn fits(record: &Record<Self>, to: ChangeSetState, ground: &Ground) -> Result<(), Mismatch> {
        let it = record.subject();
        match ground {
            Ground::Changes(changes) => {
                it.as_many(to, changes)?;
                let open = changes.iter().find(|(_, change)| to == ChangeSetState::InPreflight && change.merged.is_none());
                open.map_or(Ok(()), |(unit, _)| Err(Mismatch::Missing(format!("the merge of `{unit}`"))))
            }
            Ground::Commits(commits) => it.as_many(to, commits),
            Ground::Decided(decisions) => {
                decisions.iter().try_for_each(|(unit, decided)| it.tried(unit, &decided.preflight))?;
                it.all_in(decisions)
            }
            Ground::Granted(granted) => {
                it.has(&granted.unit)?;
                same("change set", &it.id, &granted.change_set)?;
                same("environment", &it.production, &granted.environment)
            }
            Ground::TakenBack { unit, grant, .. } => {
                same_if_any("grant", record.grant(unit).map(|standing| standing.get().grant).as_ref(), Some(grant))
            }
            Ground::Promotion(promotion) => standing(record.grant(&promotion.granted.unit), &promotion.granted),
            Ground::Live(evidence) => {
                it.all_in(evidence)?;
                let recorded = record.in_production(ChangeSetState::Promoting);
                (*evidence == recorded).then_some(()).ok_or_else(|| Mismatch::Missing("evidence that was recorded".to_owned()))
            }
            Ground::Failure(failure) => failure.unit.as_ref().map_or(Ok(()), |unit| it.has(unit)),
            Ground::Back(units) => is_back(record, units),
            _ => Ok(()),
        }
    }
}

impl ChangeSet {
    fn has(&self, unit: &UnitId) -> Result<(), Mismatch> {
        if self.units.contains(unit) {
            return Ok(());
        }
        let wanted = self.units.iter().map(UnitId::as_str).collect::<Vec<_>>().join("`, `");
        Err(Mismatch::Another { what: "app or component", found: unit.to_string(), wanted })
    }

    fn all_in<T>(&self, units: &BTreeMap<UnitId, T>) -> Result<(), Mismatch> {
        self.units
            .iter()
            .find(|unit| !units.contains_key(*unit))
            .map_or(Ok(()), |unit| Err(Mismatch::Missing(format!("`{unit}`"))))
    }

    /// Whether there is something of every unit, or of one at least where the first begins.
    fn as_many<T>(&self, to: ChangeSetState, units: &BTreeMap<UnitId, T>) -> Result<(), Mismatch> {
        units.keys().try_for_each(|unit| self.has(unit))?;
        match to {
            ChangeSetState::Working => self.all_in(units),
            _ if units.is_empty() => Err(Mismatch::Missing("the pull request of a unit".to_owned())),
            _ => Ok(()),
        }
    }

    /// Whether something was tried as the unit of this change set that it is recorded for.
    fn tried(&self, unit: &UnitId, preflight: &Preflight) -> Result<(), Mismatch> {
        self.has(unit)?;
        same("app or component", unit, &preflight.unit)?;
        same("change set", &self.id, &preflight.change_set)?;
        same("environment", &self.preflight, &preflight.environment)
    }
}

fn changes(of: &BTreeMap<UnitId, impl Proof<Change>>) -> Ground {
    Ground::Changes(of.iter().map(|(unit, change)| (unit.clone(), change.it().clone())).collect())
}

fn is_back(record: &Record<ChangeSet>, units: &BTreeMap<UnitId, Back>) -> Result<(), Mismatch> {
    for (unit, back) in units {
        match back {
            Back::Observed(preflight) => record.subject().tried(unit, preflight)?,
            Back::Nothing(reason) => {
                record.subject().has(unit)?;
                something("a reason", reason)?;
            }
        }
    }
    record.subject().all_in(units)?;
    let tried = record.transitions().iter().any(|transition| transition.to == ChangeSetState::InPreflight);
    if tried && record.state() == ChangeSetState::Stopped {
        return Err(Mismatch::Missing("the way back of what was merged into preflight".to_owned()));
    }
    let again = record.in_production(ChangeSetState::Recovering);
    let left = record.in_production(ChangeSetState::Promoting).into_keys().find(|unit| !again.contains_key(unit));
    left.map_or(Ok(()), |unit| Err(Mismatch::Missing(format!("evidence of `{unit}` in production as it was"))))
}
