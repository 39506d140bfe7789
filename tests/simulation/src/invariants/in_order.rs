//! At the end: nothing is left lying about, and everything that happened is on record and happened once.

use std::collections::BTreeSet;

use pathops_coordinator::change_set::{End, LastGood, PullRequestRef, Role, State, last_good_path};
use pathops_core::adapter::PullRequestState;
use pathops_core::{CommitId, Principal, RepoId, RepoPath};

use super::lifecycles::lifecycles_are_kept;
use super::{AT_THE_END, Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Truth, cx, wait};

pub(super) struct InOrder;

impl Invariant for InOrder {
    fn name(&self) -> &'static str {
        AT_THE_END
    }

    fn see(&mut self, _: &Truth, _: &Step<'_>) -> Found {
        Ok(())
    }

    fn end(&mut self, truth: &Truth, states: &[State]) -> Found {
        for repo in truth.repos() {
            let opened = truth.pull_requests(&repo);
            for left in &opened {
                holds!(left.state != PullRequestState::Open, "{repo}{} of an ended change set is still open", left.number);
            }
            // A branch without a pull request is one that nobody would ever find.
            let from: BTreeSet<_> = opened.iter().map(|it| &it.head_branch).collect();
            for state in states {
                for role in [Role::Source, Role::Preflight, Role::Production, Role::Recovery, Role::Restore] {
                    let branch = format!("pathops/{}-{role}", state.start.change_set).parse().map_err(|_| "no branch name")?;
                    let orphan = truth.head(&repo, &branch).is_some() && !from.contains(&branch);
                    holds!(!orphan, "{branch} of {repo} is left over");
                }
            }
        }
        states.iter().try_for_each(|state| ended(truth, state, states).and_then(|()| branches(truth, state)))?;
        on_record(truth, states)
    }
}

/// What runs in production is what the meta repository says, unless something was left to people.
fn on_record(truth: &Truth, states: &[State]) -> Found {
    let units: BTreeSet<_> = states.iter().flat_map(|state| state.units.keys()).collect();
    let (meta, head) = meta(truth)?;
    for unit in units {
        let path = last_good_path(unit).map_err(|_| "no path")?;
        let file = wait(truth.scm.read_file(&cx(), &meta, &head, &path)).map_err(|error| error.to_string())?;
        let Some(file) = file else { continue };
        let LastGood { artifact, change_set, .. } = serde_json::from_slice(&file).map_err(|error| error.to_string())?;
        let runs = truth.rolled(unit, true).and_then(|rollout| rollout.artifact);
        let left = states.iter().any(|state| state.units.contains_key(unit) && state.end == Some(End::Incomplete));
        holds!(left || artifact == runs, "{unit} runs {runs:?}, and the record says {artifact:?} of {change_set}");
    }
    Ok(())
}

fn meta(truth: &Truth) -> Result<(RepoId, CommitId), String> {
    let meta = "shop/meta".parse().map_err(|_| "no repository")?;
    let main = "main".parse().map_err(|_| "no branch")?;
    let head = truth.head(&meta, &main).ok_or("the meta repository has no branch")?;
    Ok((meta, head))
}

/// Of what is closed no branch is left, unless people have pushed to it. A way back that people have closed is left to them.
fn branches(truth: &Truth, state: &State) -> Found {
    let pull_requests = state.units.values().flat_map(|progress| &progress.pull_requests);
    let forwards = pull_requests.filter(|(role, _)| matches!(role, Role::Source | Role::Preflight | Role::Production));
    for (_, PullRequestRef { repo, number, branch, base_commit, .. }) in forwards {
        let read = wait(truth.scm.pull_request(&cx(), repo, *number)).map_err(|error| error.to_string())?;
        let (PullRequestState::Closed { .. }, Some(head)) = (read.state, truth.head(repo, branch)) else { continue };
        let commits = wait(truth.scm.log(&cx(), repo, Some(base_commit), &head, 1_000)).map_err(|error| error.to_string())?;
        let mut authors = commits.iter().flat_map(|commit| &commit.authors);
        let by_people = authors.any(|author| !matches!(author.principal, Some(Principal::System | Principal::Agent { .. })));
        holds!(by_people, "the branch of {repo}{number}, which is closed, is still there");
    }
    Ok(())
}

fn ended(truth: &Truth, state: &State, states: &[State]) -> Found {
    let change_set = &state.start.change_set;
    let end = state.end.ok_or_else(|| format!("{change_set} has not ended"))?;
    for (unit, progress) in &state.units {
        let live = truth.rolled(unit, true);
        let brought = live.filter(|live| live.artifact.is_some() && live.artifact == progress.built_artifact());
        holds!(end != End::Live || progress.production.is_some(), "{change_set} ended live without {unit}");
        // What several change sets have built alike is deployed again and again, and what was there before comes back.
        let alike = states.iter().filter(|other| {
            let theirs = other.units.get(unit);
            theirs.is_some_and(|it| it.built_artifact() == progress.built_artifact() || it.restored)
        });
        let rollouts = truth.records.lock().unwrap().rollouts.clone();
        let times = rollouts
            .iter()
            .filter(|it| it.unit == *unit && it.production && it.artifact.is_some() && it.artifact == progress.built_artifact());
        let times = times.count();
        holds!(times <= 1 || alike.count() > 1, "{unit} was deployed {times} times");
        // What it built stays where another one has built the same and brought it there for itself.
        let brought_by_another = states.iter().filter(|other| other.start.change_set != *change_set).any(|other| {
            let theirs = other.units.get(unit);
            theirs.is_some_and(|it| it.built_artifact() == progress.built_artifact() && it.production.is_some() && !it.restored)
        });
        let back = end == End::Recovered && brought.is_some() && !progress.restored && !brought_by_another;
        holds!(!back, "{change_set} was taken back, and {unit} still runs in production");
    }
    let (meta, head) = meta(truth)?;
    let folder = RepoPath::parse(format!("change-sets/{change_set}")).map_err(|_| "no path")?;
    let record = wait(truth.scm.read_tree(&cx(), &meta, &head, &folder)).map_err(|error| error.to_string())?;
    holds!(!record.is_empty(), "there is no record of {change_set}");
    lifecycles_are_kept(state)
}
