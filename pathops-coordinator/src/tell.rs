//! What people tell change sets: to stop, to pause, to go on.

use std::collections::BTreeSet;

use pathops_core::lifecycle::{HumanDecision, Recorded};
use pathops_core::policy::Action;
use pathops_core::project::{Project, Role};
use pathops_core::{ChangeSetId, Error, ErrorKind, IdempotencyKey, PersonId, Principal, Result, UnitId};

use crate::change_set::{Stage, State, Told};
use crate::control_plane::{ControlPlane, encode, run_id};

/// What somebody wants of a change set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish<'u> {
    Cancel,
    Pause,
    Resume,
    Retry(&'u UnitId),
    Reset(&'u UnitId, Stage),
}

impl Wish<'_> {
    /// Completes "failed to …".
    fn operation(self) -> &'static str {
        match self {
            Self::Cancel => "cancel a change set",
            Self::Pause => "pause a change set",
            Self::Resume => "resume a change set",
            Self::Retry(_) => "have a step tried again",
            Self::Reset(..) => "reset a change set",
        }
    }

    fn of(self, by: Recorded<HumanDecision>) -> Told {
        match self {
            Self::Cancel => Told::Cancel(by),
            Self::Pause => Told::Pause(by),
            Self::Resume => Told::Resume(by),
            Self::Retry(unit) => Told::Retry { unit: unit.clone(), by },
            Self::Reset(unit, to) => Told::Reset { unit: unit.clone(), to, by },
        }
    }

    /// Why nothing would come of it, as things stand.
    fn objection(self, state: &State) -> Option<String> {
        let goes_back = state.start.recovery.is_some() && !state.is_queued();
        match self {
            _ if state.end.is_some() => Some("it has ended".to_owned()),
            Self::Cancel if goes_back => Some("it takes another one back, and comes to its end".to_owned()),
            Self::Cancel | Self::Pause | Self::Resume => None,
            Self::Retry(unit) => state.objection_to_retry(unit),
            Self::Reset(unit, to) => state.objection_to_reset(unit, to),
        }
    }
}

impl ControlPlane {
    /// Cancels a change set, at any moment. Who drives it begins nothing new; what was begun comes to its end; then its pull requests
    /// are closed, what of it is in preflight goes back, and what is in production goes back by the same door as after a failure, with
    /// evidence and approval. What it built is not promotable any more. That the source was merged stays, and is said. A change set that
    /// takes another one back ([`ControlPlane::take_back`]) can be cancelled as long as it waits for its turn only.
    ///
    /// It may be cancelled, also while it is paused, by who asked for it, and by whom the policy lets stop the line for each of its
    /// units; the host answers for `by`. When this returns it survives a crash, and is done as soon as somebody drives the change set;
    /// one that ends in that very moment does not hear it, and its state says how it ended. Cancelled again, nothing changes. What is
    /// giving way to a newer one is then not carried by that.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Denied` for who may not; `Invalid` without a reason, where it has ended, and where it goes
    /// back for another one; what the Git host and the journal answer.
    pub async fn cancel(&self, change_set: &ChangeSetId, by: &PersonId, reason: &str) -> Result<()> {
        self.tell(change_set, by, reason, Wish::Cancel).await
    }

    /// Pauses a change set: nothing more is done for it until it is resumed, and a success that was posted for a merge into production
    /// is taken back, as far as the Git host takes that. What is being done is dropped, as by a crash, and done again afterwards. Only
    /// its record and its status comments go on, which say so. What others do meanwhile, such as merging into preflight, is found when
    /// it is resumed.
    ///
    /// It may be paused and resumed by whom the policy lets stop the line for each of its units; the host answers for `by`. A stop in
    /// the meta repository is the way to stop a unit or the project whatever changes it, and tests and deployments to preflight go on
    /// then.
    ///
    /// # Errors
    /// As [`ControlPlane::cancel`].
    pub async fn pause(&self, change_set: &ChangeSetId, by: &PersonId, reason: &str) -> Result<()> {
        self.tell(change_set, by, reason, Wish::Pause).await
    }

    /// Lets a change set go on that was paused. One that was not goes on as it did.
    ///
    /// # Errors
    /// As [`ControlPlane::cancel`].
    pub async fn resume(&self, change_set: &ChangeSetId, by: &PersonId, reason: &str) -> Result<()> {
        self.tell(change_set, by, reason, Wish::Resume).await
    }

    /// Pauses every change set that has not ended, and names them. Those that are asked for later are not paused.
    ///
    /// # Errors
    /// As [`ControlPlane::cancel`], the first of them; every other one is paused even so. One that ends meanwhile is no error.
    pub async fn pause_all(&self, by: &PersonId, reason: &str) -> Result<Vec<ChangeSetId>> {
        self.tell_all(by, reason, Wish::Pause).await
    }

    /// Lets every change set go on, and names them.
    ///
    /// # Errors
    /// As [`ControlPlane::pause_all`].
    pub async fn resume_all(&self, by: &PersonId, reason: &str) -> Result<Vec<ChangeSetId>> {
        self.tell_all(by, reason, Wish::Resume).await
    }

    /// Has something of a unit tried again that could not be done, where the change set waits for that
    /// ([`Limits::retry`](crate::change_set::Limits::retry)), on its way back, too. It is done by another operation, with a key of its own,
    /// from what is there by then; what comes too late of the one before counts no more. It goes no other way than before: what a policy
    /// asks for, it asks for as before. What CI, a deployment or a decision has refused does not wait for this, and nothing does that may
    /// have let people merge into production.
    ///
    /// Who may resume a change set may do this. The history has who did it, and why; so do its remarks.
    ///
    /// # Errors
    /// As [`ControlPlane::cancel`]; and `Invalid` where nothing of the unit waits for it.
    pub async fn retry(&self, change_set: &ChangeSetId, unit: &UnitId, by: &PersonId, reason: &str) -> Result<()> {
        self.tell(change_set, by, reason, Wish::Retry(unit)).await
    }

    /// Has a unit go back to an earlier step: to `Building`, until its source is merged; from then on to `Rebuilding`, until it is on its way
    /// into preflight; and once it is there to `PreflightDeploy`, until it is proposed for production. It goes on from there as it did, with
    /// all evidence that there is; what was decided of it is decided anew. What is being done of it comes to its end before, and what only
    /// waits is let go of.
    ///
    /// What people have merged is not undone by it, nor is what was proposed or granted: later it is refused, and a change set is cancelled
    /// or taken back instead. Who may resume a change set may do this. Where it comes too late, nothing changes, and the remarks say so.
    ///
    /// # Errors
    /// As [`ControlPlane::cancel`]; and `Invalid` where the unit does not go back there, with the reason.
    pub async fn reset(&self, change_set: &ChangeSetId, unit: &UnitId, to: Stage, by: &PersonId, reason: &str) -> Result<()> {
        self.tell(change_set, by, reason, Wish::Reset(unit, to)).await
    }

    async fn tell_all(&self, by: &PersonId, reason: &str, wish: Wish<'_>) -> Result<Vec<ChangeSetId>> {
        let (mut told, mut failed) = (Vec::new(), None);
        for change_set in self.open_change_sets().await? {
            match self.tell(&change_set, by, reason, wish).await {
                Ok(()) => told.push(change_set),
                Err(_) if matches!(self.state(&change_set).await, Ok(state) if state.as_ref().is_none_or(|it| it.end.is_some())) =>
                    {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(told), Err)
    }

    async fn tell(&self, change_set: &ChangeSetId, by: &PersonId, reason: &str, wish: Wish<'_>) -> Result<()> {
        let refused = |kind, why: &dyn std::fmt::Display| Error::new(kind, wish.operation()).on(change_set).because(why);
        let state = self.state(change_set).await?.ok_or_else(|| refused(ErrorKind::NotFound, &"there is none of that name"))?;
        if let Some(why) = wish.objection(&state) {
            return Err(refused(ErrorKind::Invalid, &why));
        }
        let project = self.project().await?;
        let role = role_to(wish, &project, &state, by)
            .ok_or_else(|| refused(ErrorKind::Denied, &format!("the policy does not let `{by}` do that")))?;
        let (by, reason) = (Principal::Human(by.clone()), self.services.redactor.redact_text(reason));
        let decided = HumanDecision::prove(&by, role, &project.people, reason, self.services.clock.now())
            .map_err(|error| refused(ErrorKind::Invalid, &error))?;
        let key = IdempotencyKey::new(format!("{change_set}/told/{:032x}", self.services.ids.fresh()));
        let run = run_id(change_set)?;
        self.engine.tell(&key, &run, &encode(&run, &wish.of(decided.into()))?).await
    }
}

/// The role in which somebody may have that of a change set.
pub(crate) fn role_to(wish: Wish<'_>, project: &Project, state: &State, by: &PersonId) -> Option<Role> {
    let roles = project.people.get(by)?;
    if wish == Wish::Cancel && *by == state.start.request.requested_by {
        return roles.first().copied();
    }
    let may = |role: &&Role| {
        let role = BTreeSet::from([**role]);
        state.start.units.values().all(|unit| project.policy.may(Action::Stop, &role, Some(unit)))
    };
    roles.iter().find(may).copied()
}

/// Who may let a change set go on.
pub(crate) fn who_may_resume(project: &Project, state: &State) -> Vec<PersonId> {
    who_may(Wish::Resume, project, state)
}

/// Who may take a change set back.
pub(crate) fn who_may_take_back(project: &Project, state: &State) -> Vec<PersonId> {
    who_may(Wish::Cancel, project, state)
}

fn who_may(wish: Wish<'_>, project: &Project, state: &State) -> Vec<PersonId> {
    project.people.keys().filter(|person| role_to(wish, project, state, person).is_some()).cloned().collect()
}
