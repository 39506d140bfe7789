//! What operators ask of a change set: what happened to it, why it waits, and whether its journal is what its machine makes.

use std::collections::BTreeMap;

use pathops_core::adapter::{OpId, Run, Seq, Signal};
use pathops_core::flow::{Event, Machine as _};
use pathops_core::lifecycle::HumanDecision;
use pathops_core::policy::{Decision, evaluate};
use pathops_core::{ChangeSetId, Error, ErrorKind, Result, UnitId, UnixMillis};
use serde::Serialize;

use crate::activity::promote::Candidate;
use crate::change_set::{ChangeSet, Command, Outcome, Start, State, Told};
use crate::control_plane::{ControlPlane, context, run_id};
use crate::runs::{PAGE, decode, operation_key};
use crate::tell::who_may_resume;
use crate::waits::{EndedBy, Wait, at_rest, of_budget, of_operation};

/// One transition of a run: of a change set, where nothing else is said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened<S = Start, O = Outcome, T = Told, C = Command> {
    /// Its number: 1 for the first.
    pub seq: Seq,
    /// When.
    pub at: UnixMillis,
    /// What happened.
    pub event: Event<S, O, T>,
    /// What was to be done from then on.
    pub opened: Vec<(OpId, C)>,
}

impl ControlPlane {
    /// At most `limit` transitions of a change set after `after`, in order; none where there are no more.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Corrupt` where its journal is of another version; what the journal answers.
    pub async fn history(&self, change_set: &ChangeSetId, after: Seq, limit: usize) -> Result<Vec<Happened>> {
        self.happened::<ChangeSet>(&run_id(change_set)?, after, limit).await
    }

    /// Everything that a change set waits for now, the units that wait for others included; nothing where it has ended, and `None`
    /// for an unknown one. Where a decision is waited for, it is made as of now, so that it names everybody who could still
    /// end the wait; this reads what the decision would read, and changes nothing. Of what fails at a remote whose
    /// [budget](crate::RetryBudgets) is spent, that is said, where this process performs it.
    ///
    /// # Errors
    /// `Corrupt` where its journal is of another version; what the journal answers. That a decision cannot be made now is no error:
    /// then that is what is waited for.
    pub async fn waits(&self, change_set: &ChangeSetId) -> Result<Option<Vec<Wait>>> {
        let Some(run) = self.load(&run_id(change_set)?).await? else { return Ok(None) };
        let state: State = decode(change_set, &run.state)?;
        let open: BTreeMap<OpId, Command> =
            run.open.iter().map(|open| Ok((open.op, decode(change_set, &open.command)?))).collect::<Result<_>>()?;
        let (opened, settled) = self.times(change_set).await?;
        let mut waits = self.unheard(change_set, &run).await?;
        waits.extend(self.pause_of(&state).await);
        for (op, command) in open.iter().filter(|(_, command)| ChangeSet::goes_on(&state, command)) {
            let since = opened.get(op).copied().unwrap_or(state.start.at);
            waits.push(match self.services.budgets.waits(&operation_key(&run.id, *op)) {
                Some(spent) => of_budget(command.unit().cloned(), since, spent),
                None => self.wait_of(&state, command, since).await,
            });
        }
        let busy: Vec<UnitId> = open.values().filter_map(Command::unit).cloned().collect();
        if !run.ended {
            waits.extend(at_rest(&state, &busy, &settled));
        }
        Ok(Some(waits))
    }

    /// Runs the machine again over all that the journal has of a change set, compares everything that it makes with what is
    /// stored there, and gives the state that it comes to; `None` for an unknown one. It changes nothing.
    ///
    /// # Errors
    /// `Corrupt` where the journal and the machine part, with the transition and the place: the journal was changed, or another
    /// version drove the change set; what the journal answers. One that is driven meanwhile may have moved on: ask again.
    pub async fn replay(&self, change_set: &ChangeSetId) -> Result<Option<State>> {
        self.replayed::<ChangeSet>(&run_id(change_set)?).await
    }

    /// Takes back what somebody did of a change set too late, as a host may that was taken for dead, froze instead, and died before it could
    /// sweep up after itself; and says what that was. A pull request from a branch of the change set that it does not know of is closed, and
    /// a success that stands on a closed one is taken back; once it has ended, a branch is deleted of which nothing was merged. Only where
    /// everything on the branch is of PathOps and its agents: what people have put there is left to them.
    ///
    /// Of a run that a host has lost on the engine that is built in, it does this by itself.
    ///
    /// # Errors
    /// `NotFound` for an unknown change set; `Corrupt` where its journal is of another version; what the journal and the Git host answer.
    pub async fn sweep(&self, change_set: &ChangeSetId) -> Result<Vec<String>> {
        let unknown = || {
            Error::new(ErrorKind::NotFound, "sweep up after a change set").on(change_set).because("there is none of that name")
        };
        let (state, mut swept) = (self.state(change_set).await?.ok_or_else(unknown)?, Vec::new());
        for unit in state.units.keys() {
            swept.extend(self.services.sweep(&context("sweep"), &state, unit).await?);
        }
        Ok(swept)
    }

    /// When each operation was begun, and when the last one of each unit ended.
    async fn times(&self, change_set: &ChangeSetId) -> Result<(BTreeMap<OpId, UnixMillis>, BTreeMap<UnitId, UnixMillis>)> {
        let (mut opened, mut settled, mut units) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut after = Seq(0);
        loop {
            let page = self.history(change_set, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok((opened, settled)) };
            after = last.seq;
            for Happened { at, event, opened: new, .. } in page {
                if let Event::Done { op, .. } = event {
                    settled.extend(units.remove(&op).map(|unit| (unit, at)));
                }
                for (op, command) in new {
                    opened.insert(op, at);
                    units.extend(command.unit().map(|unit| (op, unit.clone())));
                }
            }
        }
    }

    /// What it was told and has not heard, because nobody drives it now, or not yet.
    async fn unheard(&self, change_set: &ChangeSetId, run: &Run) -> Result<Vec<Wait>> {
        let told = self.engine.told(&run.id, run.heard, PAGE).await?;
        let wait = |signal: &Signal| {
            let (verb, by) = match decode::<Told>(change_set, &signal.told)? {
                Told::Cancel(by) => ("cancelled", by),
                Told::Pause(by) => ("paused", by),
                Told::Resume(by) => ("resumed", by),
                Told::Retry { by, .. } => ("had something tried again of", by),
                Told::Reset { by, .. } => ("reset", by),
                Told::Superseded { asked, .. } => ("superseded", asked),
            };
            let HumanDecision { person, reason, at, .. } = by.get();
            let what = format!("is to hear that {person} {verb} it: {reason}");
            Ok(Wait { unit: None, what, since: *at, ended_by: EndedBy::System("a host that drives it"), deadline: None })
        };
        if run.ended { Ok(Vec::new()) } else { told.iter().map(wait).collect() }
    }

    /// That it is paused. Where the project cannot be read, nobody is named who can end it.
    async fn pause_of(&self, state: &State) -> Option<Wait> {
        let HumanDecision { person, reason, at, .. } = state.paused.as_ref()?.get();
        let people = self.declared().await.map(|project| who_may_resume(&project, state)).unwrap_or_default();
        let what = format!("is paused by {person}: {reason}");
        Some(Wait { unit: None, what, since: *at, ended_by: EndedBy::People(people), deadline: None })
    }

    async fn wait_of(&self, state: &State, command: &Command, since: UnixMillis) -> Wait {
        let wait = of_operation(state, command, since, &self.services.pace);
        if let Command::AwaitRetry { .. } = command {
            let people = self.declared().await.map(|project| who_may_resume(&project, state)).unwrap_or_default();
            return Wait { ended_by: EndedBy::People(people), ..wait };
        }
        if let EndedBy::ChangeSets(before) = &wait.ended_by {
            return match (self.not_ended(before).await, self.declared().await) {
                (left, _) if !left.is_empty() => Wait { ended_by: EndedBy::ChangeSets(left), ..wait },
                (_, Ok(_)) => {
                    Wait { what: "is being planned, as things are now".to_owned(), ended_by: EndedBy::System("PathOps"), ..wait }
                }
                (_, Err(error)) => {
                    let what = self.services.redactor.redact_text(&format!("cannot be planned: {error}"));
                    Wait { what, ended_by: EndedBy::System("the systems around"), ..wait }
                }
            };
        }
        match self.decision_now(command).await {
            None => wait,
            Some(Err(error)) => {
                let what = self.services.redactor.redact_text(&format!("cannot be decided: {error}"));
                Wait { what, ended_by: EndedBy::System("the systems around"), ..wait }
            }
            Some(Ok(decision)) => {
                let blocking: Vec<_> = decision.blocking().map(|it| format!("`{}`", it.id)).collect();
                // Where nothing stands in the way of it, nothing but a merge is missing.
                let Some(remaining) = decision.remaining else { return wait };
                let what = match blocking.as_slice() {
                    [one] => format!("waits for its requirement {one}"),
                    many => format!("waits for its requirements {}", many.join(", ")),
                };
                Wait { what, ended_by: EndedBy::Remaining(remaining), ..wait }
            }
        }
    }

    /// Those that have not ended, as far as that can be told.
    async fn not_ended(&self, change_sets: &[ChangeSetId]) -> Vec<ChangeSetId> {
        let mut left = Vec::new();
        for change_set in change_sets {
            if !matches!(self.services.has_ended(change_set).await, Ok(true)) {
                left.push(change_set.clone());
            }
        }
        left
    }

    /// The decision that an operation waits for, as it would be made now.
    async fn decision_now(&self, command: &Command) -> Option<Result<Decision>> {
        let cx = &context("wait");
        let made = match command {
            Command::Decide { scope, combination, .. } => self.services.facts(cx, scope, combination, None).await,
            Command::Promote { scope, role, target, preflight, combination, pull_request, shown, .. } => {
                let candidate =
                    Candidate { scope, role: *role, target, preflight, combination, pull_request, shown, merged: None };
                self.services.facts(cx, scope, combination, Some(&candidate)).await
            }
            _ => return None,
        };
        Some(made.map(|(policy, facts)| evaluate(&policy, &facts, self.services.clock.now())))
    }
}
