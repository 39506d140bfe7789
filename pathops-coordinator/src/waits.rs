//! Why a change set waits: what for, since when, who can end it, and what happens where nobody does.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use pathops_core::policy::{Remaining, Step, Supersession};
use pathops_core::{ChangeSetId, PersonId, UnitId, UnixMillis};
use serde::Serialize;

use crate::activity::Pace;
use crate::change_set::{Ahead, Command, PullRequestRef, Role, Scope, Stage, State, Turn, label};

/// Something that a change set waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// The unit; none for what is about the change set as a whole.
    pub unit: Option<UnitId>,
    /// What for, in words.
    pub what: String,
    /// Since when.
    pub since: UnixMillis,
    /// Who can end it.
    pub ended_by: EndedBy,
    /// What happens where nobody does. Without one it waits for as long as it takes.
    pub deadline: Option<Deadline>,
}

/// Who can end a wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// Any of these people.
    People(Vec<PersonId>),
    /// Everybody who is named, with what they are named for; and time, where it says so.
    Remaining(Remaining),
    /// A system, which is at work or out of reach.
    System(&'static str),
    /// These units, which have to come as far first.
    Units(Vec<UnitId>),
    /// These change sets, which have to end first.
    ChangeSets(Vec<ChangeSetId>),
}

/// When a wait is over in any case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Deadline {
    /// The earliest instant. Of a deployment and of an agent, a host that was restarted counts from then on.
    pub at: UnixMillis,
    /// What happens then.
    pub then: &'static str,
}

impl fmt::Display for Wait {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(unit) = &self.unit {
            write!(f, "{unit}: ")?;
        }
        write!(f, "{}, since {}; {}", self.what, self.since, self.ended_by)?;
        match &self.deadline {
            None => Ok(()),
            Some(Deadline { at, then }) => write!(f, "; at {at} {then}"),
        }
    }
}

impl fmt::Display for EndedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: Vec<&str>| if names.is_empty() { "nobody".to_owned() } else { names.join(" or ") };
        match self {
            EndedBy::People(people) => write!(f, "up to {}", names(people.iter().map(PersonId::as_str).collect())),
            EndedBy::System(system) => write!(f, "up to {system}"),
            EndedBy::Units(units) => write!(f, "up to {}", names(units.iter().map(UnitId::as_str).collect())),
            EndedBy::ChangeSets(all) => {
                write!(f, "up to {}", all.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" and "))
            }
            EndedBy::Remaining(remaining) => f.write_str(&words(remaining)),
        }
    }
}

/// What remains, in words. Where nothing of it is up to anybody, PathOps looks once more by itself.
fn words(Remaining { steps, not_before, without_a_way, .. }: &Remaining) -> String {
    let step = |step: &Step| match &step.from {
        Some(from) => format!("{} from {from}", step.what),
        None => step.what.clone(),
    };
    let list = |what: &str, these: Vec<String>| (!these.is_empty()).then(|| format!("{what}{}", these.join(", ")));
    let parts = [
        list("missing: ", steps.iter().map(step).collect()),
        not_before.map(|at| format!("not before {at}")),
        list("nothing is known that would help ", without_a_way.iter().map(|it| format!("`{it}`")).collect()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "PathOps looks again".to_owned() } else { parts.join("; ") }
}

/// The systems that operations ask.
pub(crate) const GIT_HOST: &str = "the Git host";
pub(crate) const CI: &str = "CI";
pub(crate) const GITOPS: &str = "the GitOps controller";
pub(crate) const AGENT: &str = "the agent";
pub(crate) const SOURCES: &str = "those who have it";
pub(crate) const JOURNAL: &str = "the journal";

/// What an operation asks above all.
pub(crate) fn system_of(command: &Command) -> &'static str {
    match command {
        Command::Build { .. } => CI,
        Command::Observe { .. } => GITOPS,
        Command::Work { patch: Some(_), .. } => AGENT,
        Command::Collect { .. } => SOURCES,
        _ => GIT_HOST,
    }
}

/// An operation that failed at a remote of which too much has failed.
pub(crate) fn of_budget(unit: Option<UnitId>, since: UnixMillis, (remote, until): (String, UnixMillis)) -> Wait {
    let what = format!("could not go on because of {remote}, of which too much fails: its retry budget is spent until {until}");
    let deadline = Some(Deadline { at: until, then: "it is tried again" });
    Wait { unit, what, since, ended_by: EndedBy::System("the systems around"), deadline }
}

/// What an open operation waits for, as far as that follows from what is written down.
pub(crate) fn of_operation(state: &State, command: &Command, since: UnixMillis, pace: &Pace) -> Wait {
    let (what, ended_by, deadline) = match command {
        Command::AwaitTurn { turn, .. } => (of_turn(turn), EndedBy::ChangeSets(turn.after.keys().cloned().collect()), None),
        Command::Announce { role, .. } | Command::Propose { role, .. } => {
            (format!("opens its {role} pull request"), EndedBy::System(GIT_HOST), None)
        }
        Command::Work { scope, pull_request, patch, .. } => work(state, scope, pull_request, patch.is_some(), pace),
        Command::Build { commit, .. } => (format!("waits for the build of {commit}"), EndedBy::System(CI), None),
        Command::AwaitMerge { scope, role, pull_request, .. } => {
            (merge_of(*role, pull_request), EndedBy::People(people(state, scope)), None)
        }
        Command::Stage { .. } | Command::MergePreflight { .. } => {
            ("is being put into preflight".to_owned(), EndedBy::System(GIT_HOST), None)
        }
        Command::Observe { target, .. } => {
            let then = (pace.deploy_limit, "the deployment counts as failed");
            (format!("waits until {} is healthy", target.environment), EndedBy::System(GITOPS), Some(then))
        }
        Command::Collect { .. } => ("collects evidence".to_owned(), EndedBy::System(SOURCES), None),
        Command::Decide { .. } => ("is being decided".to_owned(), EndedBy::System("PathOps"), None),
        Command::Promote { scope, role, pull_request, .. } => {
            (merge_of(*role, pull_request), EndedBy::People(people(state, scope)), None)
        }
        Command::AwaitRetry { reason, .. } => {
            let what = format!("could not go on ({reason}), and waits for somebody who has it tried again");
            (what, EndedBy::People(Vec::new()), None)
        }
        Command::Close { .. } => ("closes its pull requests".to_owned(), EndedBy::System(GIT_HOST), None),
        Command::Revert { .. } => ("opens the pull request that goes back".to_owned(), EndedBy::System(GIT_HOST), None),
        Command::Comment { .. } => ("writes its status comments".to_owned(), EndedBy::System(GIT_HOST), None),
        Command::Record { .. } => ("writes its record".to_owned(), EndedBy::System(GIT_HOST), None),
    };
    let deadline = deadline.map(|(after, then)| Deadline { at: since + after, then });
    let deadline = deadline.or_else(|| limit(state, command));
    Wait { unit: command.unit().cloned(), what, since, ended_by, deadline }
}

/// The limit of a step, as it is by now.
fn limit(state: &State, command: &Command) -> Option<Deadline> {
    let progress = state.units.get(command.unit()?)?;
    let goes_back = progress.stage > Stage::Judging;
    let then = if goes_back { "it is left to people" } else { "the change set stops and goes back" };
    Some(Deadline { at: progress.limited?.until, then })
}

fn of_turn(turn: &Turn) -> String {
    let before = |(change_set, Ahead { supersession, because }): (&ChangeSetId, &Ahead)| match supersession {
        Supersession::FirstCome => format!("after `{change_set}` ({because})"),
        asked => format!("after `{change_set}`, which is asked to give way ({asked}: {because})"),
    };
    format!("waits for its turn: {}", turn.after.iter().map(before).collect::<Vec<_>>().join(", "))
}

/// What for, who can end it, and what happens after so long.
type Parts = (String, EndedBy, Option<(Duration, &'static str)>);

fn work(state: &State, scope: &Scope, pull_request: &PullRequestRef, has_patch: bool, pace: &Pace) -> Parts {
    if scope.by_agent || has_patch {
        let then = (pace.agent_limit, "the task counts as failed");
        return ("waits for the agent's work".to_owned(), EndedBy::System(AGENT), Some(then));
    }
    let PullRequestRef { repo, branch, .. } = pull_request;
    (format!("waits for a push to `{branch}` of {repo}"), EndedBy::People(people(state, scope)), None)
}

fn merge_of(role: Role, pull_request: &PullRequestRef) -> String {
    format!("waits until people have merged or closed its {role} pull request {}", pull_request.url)
}

/// Those who were asked, and who asked.
fn people(state: &State, scope: &Scope) -> Vec<PersonId> {
    state.start.reviewers.iter().chain(&scope.co_sponsors).chain([&scope.sponsor]).cloned().collect()
}

/// What units wait for that have nothing to do themselves, each since it came to where it is.
pub(crate) fn at_rest(state: &State, busy: &[UnitId], settled: &BTreeMap<UnitId, UnixMillis>) -> Vec<Wait> {
    let rests = |stage| matches!(stage, Stage::Built | Stage::Tested | Stage::Decided | Stage::Proposed | Stage::Closed);
    let resting = state.units.iter().filter(|(unit, progress)| rests(progress.stage) && !busy.contains(unit));
    resting
        .map(|(unit, progress)| Wait {
            unit: Some(unit.clone()),
            what: label(progress.stage).to_owned(),
            since: settled.get(unit).copied().unwrap_or(state.start.at),
            ended_by: EndedBy::Units(busy.to_vec()),
            deadline: None,
        })
        .collect()
}
