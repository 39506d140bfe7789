//! Waiting for one's turn: until all that were there first have ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use pathops_core::adapter::Run;
use pathops_core::flow::Machine as _;
use pathops_core::policy::Supersession;
use pathops_core::project::{FeatureRequest, Project};
use pathops_core::{ChangeSetId, Error, ErrorKind, OpContext, RepoId, Result};

use crate::activity::facts::broken;
use crate::activity::{Services, says_nothing};
use crate::change_set::{Ahead, Carried, ChangeSet, Command, Outcome, Start, State, Told, Turn};
use crate::control_plane::{decode_state, encode, run_id};
use crate::request::Wanted;
use crate::turn::{combined, reach};
use crate::waits::{GIT_HOST, JOURNAL};

impl Services {
    pub(super) async fn await_turn(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::AwaitTurn { change_set, meta_repo, request, turn, take_back, at } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "wait for a turn"));
        };
        let wanted = |request: FeatureRequest, carries: Vec<Carried>| Wanted {
            change_set: change_set.clone(),
            request,
            carries,
            take_back: take_back.as_deref().cloned(),
            at: *at,
        };
        if take_back.is_some() {
            let none = || wanted(request.clone(), Vec::new());
            if let Err(error) = self.clear_the_way(cx, change_set, meta_repo, turn, none).await? {
                let gave_way = self.gave_way(change_set, turn).await?;
                return self.not_begun(error, &gave_way.into_iter().map(|state| state.start.change_set).collect());
            }
        }
        for (other, ahead) in turn.after.iter().filter(|(_, ahead)| ahead.supersession != Supersession::FirstCome) {
            self.ask_to_give_way(cx, change_set, turn, other, ahead.supersession).await?;
        }
        for other in turn.after.keys() {
            self.until_ended(cx, other).await?;
        }
        let carried: Vec<_> = oldest_first(self.carried(change_set, turn).await?)
            .into_iter()
            .map(|state| (state.start.change_set, state.start.request))
            .collect();
        let (request, carries) = combined(request.clone(), &carried);
        match self.begun(cx, meta_repo, turn, wanted(request, carries)).await {
            Ok(start) => Ok(Outcome::Turn(Box::new(start))),
            Err(error) => {
                // Nobody else would say it.
                let gave_way = self.gave_way(change_set, turn).await?.into_iter().map(|state| state.start.change_set);
                self.not_begun(error, &gave_way.chain(carried.into_iter().map(|(carried, _)| carried)).collect())
            }
        }
    }

    /// Of those before a recovery, waits for the ones that change what goes back and are under way, and then asks the others to give way, one
    /// after the other, those that are under way first. Says why, where it has become impossible on the way: what is queued does
    /// not give way to what cannot go back any more.
    async fn clear_the_way(
        &self,
        cx: &OpContext,
        change_set: &ChangeSetId,
        meta_repo: &RepoId,
        turn: &Turn,
        wanted: impl Fn() -> Wanted,
    ) -> Result<std::result::Result<(), Error>> {
        let mut others = Vec::new();
        for (other, Ahead { supersession, .. }) in &turn.after {
            let Some(run) = self.run_of(other).await? else { continue };
            let state = decode_state(&run.id, run.state)?;
            let (asked, is_queued) = (*supersession != Supersession::FirstCome, state.is_queued());
            let changes_it = state.start.units.keys().any(|unit| turn.reach.changes.contains(unit));
            // What only works with it cannot make it impossible, and may itself wait for one that is to give way.
            if asked || changes_it && !is_queued {
                others.push((asked, is_queued, other, *supersession));
            }
        }
        others.sort_unstable_by_key(|(asked, is_queued, ..)| (*asked, *is_queued));
        for (asked, _, other, supersession) in others {
            if asked {
                self.ask_to_give_way(cx, change_set, turn, other, supersession).await?;
            }
            self.until_ended(cx, other).await?;
            match self.begun(cx, meta_repo, turn, wanted()).await {
                Err(error) if says_nothing(&error) => return Err(error),
                Err(error) => return Ok(Err(error)),
                Ok(_) => {}
            }
        }
        Ok(Ok(()))
    }

    /// Why it does not begin, and what is not done either.
    fn not_begun(&self, error: Error, lost: &BTreeSet<ChangeSetId>) -> Result<Outcome> {
        if says_nothing(&error) {
            return Err(error);
        }
        let names: Vec<_> = lost.iter().map(|it| format!("`{it}`")).collect();
        let more =
            if names.is_empty() { String::new() } else { format!("; nor is what gave way to it done: {}", names.join(", ")) };
        Ok(Outcome::Failed { reason: self.redactor.redact_text(&format!("{error}{more}")) })
    }

    async fn until_ended(&self, cx: &OpContext, other: &ChangeSetId) -> Result<()> {
        self.poll(self.tries(cx, JOURNAL), || async move { Ok(self.has_ended(other).await?.then_some(())) }.boxed()).await
    }

    /// Plans it as things are now. A mistake in the meta repository, or a policy that this host does not promote by, says nothing about it:
    /// that is waited out.
    async fn begun(&self, cx: &OpContext, meta_repo: &RepoId, turn: &Turn, wanted: Wanted) -> Result<Start> {
        let read = || async { self.project_for(cx, meta_repo, &wanted).await.map(Some).map_err(broken) }.boxed();
        let (project, change_set) = (self.poll(self.tries(cx, GIT_HOST), read).await?, wanted.change_set.clone());
        let start = self.planned(cx, &project, wanted).await?;
        // Whoever was asked for meanwhile did not wait for that.
        if let Some(unit) = reach(&start.units, &project.contracts).touches.difference(&turn.reach.touches).next() {
            let error = Error::new(ErrorKind::Invalid, "begin a change set").on(change_set);
            let why = format!("what it changes was declared anew while it waited, and works with `{unit}` now");
            return Err(error.because(why).advise("ask for it again"));
        }
        Ok(start)
    }

    async fn project_for(&self, cx: &OpContext, meta_repo: &RepoId, wanted: &Wanted) -> Result<Arc<Project>> {
        let project = self.project(cx, meta_repo).await?;
        // The way back is decided by whatever policy there is.
        let forwards = wanted.request.changes.iter().filter(|_| wanted.take_back.is_none());
        let units = forwards.filter_map(|change| project.units.get(&change.unit));
        match units.filter_map(|unit| self.objection(&project.policy, unit)).next() {
            None => Ok(project),
            Some(objection) => Err(Error::new(ErrorKind::Invalid, "begin a change set").on(meta_repo).because(objection)),
        }
    }

    /// Tells another one that this one takes its place; whether it gives way it decides itself. One that has ended does not hear it.
    async fn ask_to_give_way(
        &self,
        cx: &OpContext,
        change_set: &ChangeSetId,
        turn: &Turn,
        other: &ChangeSetId,
        supersession: Supersession,
    ) -> Result<()> {
        let Some(asked) = turn.by.clone() else { return Ok(()) };
        let (cx, run) = (cx.part(&format!("supersedes/{other}")), run_id(other)?);
        let told = Told::Superseded { by: change_set.clone(), supersession, asked };
        match self.engine.tell(cx.key(), &run, &encode(&run, &told)?).await {
            Err(error) if error.kind() != ErrorKind::Invalid => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) async fn run_of(&self, change_set: &ChangeSetId) -> Result<Option<Run>> {
        Ok(self.engine.load(&run_id(change_set)?).await?.filter(|run| run.machine == ChangeSet::NAME))
    }

    pub(crate) async fn has_ended(&self, change_set: &ChangeSetId) -> Result<bool> {
        Ok(self.run_of(change_set).await?.is_none_or(|run| run.ended))
    }

    /// Those before a change set that gave way to it.
    async fn gave_way(&self, to: &ChangeSetId, turn: &Turn) -> Result<Vec<State>> {
        let mut all = Vec::new();
        for other in turn.after.keys() {
            let Some(run) = self.run_of(other).await? else { continue };
            all.extend(Some(decode_state(&run.id, run.state)?).filter(|state| state.superseded_by.as_ref() == Some(to)));
        }
        Ok(all)
    }

    /// Those that have become part of a change set, with those that had become part of them.
    fn carried<'a>(&'a self, by: &'a ChangeSetId, turn: &'a Turn) -> BoxFuture<'a, Result<Vec<State>>> {
        async move {
            let mut all = Vec::new();
            for state in self.gave_way(by, turn).await? {
                let other = &state.start.change_set;
                if turn.after.get(other).is_none_or(|ahead| ahead.supersession != Supersession::Batch) {
                    continue;
                }
                if let Some(theirs) = &state.start.turn {
                    all.extend(self.carried(other, theirs).await?);
                }
                all.push(state);
            }
            Ok(all)
        }
        .boxed()
    }
}

/// By who waited for whom: the clocks of hosts may differ.
fn oldest_first(mut left: Vec<State>) -> Vec<State> {
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let waits_for = |state: &State, other: &State| {
            state.start.turn.as_ref().is_some_and(|turn| turn.after.contains_key(&other.start.change_set))
        };
        let oldest = left.iter().position(|state| !left.iter().any(|other| waits_for(state, other)));
        ordered.push(left.remove(oldest.unwrap_or(0)));
    }
    ordered
}
