//! Cancelling a change set: who may, and until when.

use std::collections::BTreeSet;

use pathops_core::flow::Machine as _;
use pathops_core::lifecycle::HumanDecision;
use pathops_core::policy::Action;
use pathops_core::project::{Project, Role};
use pathops_core::{ChangeSetId, Error, ErrorKind, PersonId, Principal, Result, RunId};

use crate::change_set::{ChangeSet, Signal, State};
use crate::control_plane::{ControlPlane, run_id};
use crate::waits::{EndedBy, Wait};

impl ControlPlane {
    /// Calls a change set off, at any moment before all of it is in production. Who it was and why is in the journal then, whoever
    /// drives it and whether anybody does; where it was cancelled before, that stands and is given back.
    ///
    /// Whoever drives it begins nothing new from then on. What is under way comes to its end; then all its pull requests are closed
    /// with a comment that says why, what it built is marked not promotable, what of it was merged into preflight goes back by the
    /// pull request that a failure has, too, and at last its branches are deleted. Where some of its units are in production
    /// already, they go back by the same door as after a failure: with evidence, an approval, a grant and a merge by people. What
    /// cannot be taken back (merged source, production that ran nothing before) is told in [`State::remarks`] and in its end.
    /// Where the last of it reaches production in the very moment, it stays there, and the remarks and the record say so.
    ///
    /// The host answers for `by`: it must have been told by whoever checked who that is. They may where they have a role in the
    /// project, and policy lets them request a feature of each unit that it changes.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Denied` for somebody who may not; `Invalid` without a reason, and where the project
    /// has mistakes; `Conflict` where it has come to its end; what the Git host and the journal answer.
    pub async fn cancel(&self, change_set: &ChangeSetId, by: &PersonId, reason: &str) -> Result<HumanDecision> {
        let error = |kind| Error::new(kind, "cancel a change set").on(change_set);
        let state = self.state(change_set).await?.ok_or_else(|| error(ErrorKind::NotFound))?;
        let project = self.project().await?;
        let role = may_cancel(&project, &state, by).map_err(|why| error(ErrorKind::Denied).because(why))?;
        let (reason, at) = (self.services.redactor.redact_text(reason), self.services.clock.now());
        let decision = HumanDecision::prove(&Principal::Human(by.clone()), role, &project.people, reason, at);
        let decision = decision.map_err(|why| error(ErrorKind::Invalid).because(&why).with_source(why))?;
        if let Some(before) = state.cancelled_by() {
            return Ok(before.clone());
        }
        let over = || {
            let error = error(ErrorKind::Conflict).because("it has come to its end");
            Err(error.advise("where something of it has to go, ask for a change that takes it back"))
        };
        if state.end.is_some() {
            return over();
        }
        let Signal::Cancel(stands) = self.engine.tell(&run_id(change_set)?, &Signal::Cancel(decision.into())).await?;
        match self.state(change_set).await? {
            // Meanwhile.
            Some(state) if state.end.is_some() && state.cancelled_by().is_none() => over(),
            _ => Ok(stands.get().clone()),
        }
    }

    /// What a change set waits for that was cancelled: until whoever drives it has taken that up, and then until it has gone back.
    pub(crate) async fn cancelling(&self, run: &RunId, state: &State) -> Result<Option<Wait>> {
        let told = self.engine.told(run).await?;
        let told = told.filter(|told| ChangeSet::hears(state, told)).map(|Signal::Cancel(by)| by.get().clone());
        let (by, then) = match (told, state.cancelled_by()) {
            (Some(by), _) => (by, "whoever drives it takes it up within seconds"),
            (None, Some(by)) if !state.ended => (by.clone(), "what is under way comes to its end, and then it goes back"),
            (None, _) => return Ok(None),
        };
        let what = format!("is cancelled by {}: {}; {then}", by.person, by.reason);
        Ok(Some(Wait { unit: None, what, since: by.at, ended_by: EndedBy::System("PathOps"), deadline: None }))
    }
}

/// The role that somebody cancels a change set in, or why they may not.
fn may_cancel(project: &Project, state: &State, by: &PersonId) -> std::result::Result<Role, String> {
    let nobody = BTreeSet::new();
    let roles = project.people.get(by).unwrap_or(&nobody);
    let role = [Role::Owner, Role::Reviewer].into_iter().find(|role| roles.contains(role));
    let role = role.ok_or_else(|| format!("`{by}` has no role in this project"))?;
    let denied = state.start.units.values().find(|unit| !project.policy.may(Action::Request, roles, Some(unit)));
    match denied {
        None => Ok(role),
        Some(unit) => Err(format!("the policy does not let `{by}` request a feature of `{}`, and so not cancel one", unit.id)),
    }
}
