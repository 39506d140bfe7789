//! The workflow of one incident, as a pure state machine: from its declaration in the meta repository until people say there that it is
//! over.
//!
//! A run is of one incident, by its name and the instant since which it is, and begins with
//! [`ControlPlane::start_incidents`](crate::ControlPlane::start_incidents). Four things are done in it:
//!
//! 1. It **watches** the meta repository for what the incident reaches: each app and component in production that it is about, those
//!    too that come there later, or that people widen it to.
//! 2. Of each it collects a **snapshot**, all at once. One that cannot be made is tried again after [`Pace::doubts`](crate::Pace::doubts),
//!    and keeps nothing else waiting.
//! 3. It **proposes the way back**: once there are snapshots of what a change set has brought, or there is none for now, those who may take
//!    that change set back are told, once, what it would go back to, or why it cannot.
//! 4. When people have **closed** it, or removed its file, it signs that it is over, as of when they say or that was seen, and ends.
//!
//! # What it does not do
//!
//! * **It takes nothing back.** A recovery is a decision of a person, who is named in it, cannot approve it, and answers for it
//!   ([`ControlPlane::take_back`](crate::ControlPlane::take_back)); it has pull requests from the moment in which it is asked for, and
//!   stops what is under way. No policy says that PathOps may decide that, and which change set an incident is to be blamed on, nobody knows by
//!   then. So what is proposed is a notice; the pull requests follow from the answer.
//! * **It is told nothing.** There is nothing to pause: it holds up nothing and nobody. And it cannot be cancelled: that an incident is over
//!   is said in its file, which is what stops promotions. [`Told`] has no values.
//! * **It ends by nothing else** than the file: neither an alert that is resolved nor a recovery closes an incident.
//! * **It writes no record into the meta repository.** What lies in `incidents/` declares something, and is read as that. The signed
//!   statements and the run are the record.

mod standing;

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::evidence::Subject;
use pathops_core::flow::Machine;
use pathops_core::project::OpenIncident;
use pathops_core::{
    ChangeSetId, CommitId, Digest, EnvironmentId, Error, ErrorKind, ProjectId, RepoId, Result, RunId, UnitId, UnixMillis,
};
use pathops_evidence::EvidenceRecord;
use serde::{Deserialize, Serialize};

pub use standing::*;

/// The machine that drives incidents.
#[derive(Clone, Copy, Debug)]
pub struct Incident;

/// What the run of an incident begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// The project.
    pub project: ProjectId,
    /// The repository that declares the project, and the incident.
    pub meta_repo: RepoId,
    /// Where something is wrong.
    pub environment: EnvironmentId,
    /// The incident, as it was declared then.
    pub incident: OpenIncident,
    /// The app or component that it names; none where it is about the whole project.
    pub apps: BTreeSet<UnitId>,
    /// How many runs of it have ended before: people have opened it again.
    pub again: u32,
    /// When the run began.
    pub at: UnixMillis,
}

/// The id of a run, from which people can read the incident, whatever its name is: the same for the same incident of the same meta
/// repository, and another one each time that it is opened again. No change set has it: theirs end in ten characters after the last `-`,
/// and these in 32.
pub(crate) fn run_id(meta_repo: &RepoId, OpenIncident { id, since, .. }: &OpenIncident, again: u32) -> Result<RunId> {
    const MOST: usize = 20;
    let digest = Digest::of(format!("{meta_repo}\n{since}\n{again}\n{id}").as_bytes()).hex();
    let words: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(MOST).collect();
    let tail: String = digest.chars().take(32).collect();
    let name = match words.trim_matches('-') {
        "" => format!("incident-{tail}"),
        words => format!("incident-{words}-{tail}"),
    };
    RunId::parse(name).map_err(|error| Error::new(ErrorKind::Invalid, "name a run").on(id).because(error))
}

/// How an incident is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum End {
    /// People have closed it.
    Closed {
        /// As of when, as they say.
        at: UnixMillis,
        /// The commit of the meta repository in which that was seen.
        seen_in: CommitId,
    },
    /// Its declaration is gone: nobody says as of when.
    Removed {
        /// When that was seen.
        at: UnixMillis,
        /// In which commit.
        seen_in: CommitId,
    },
    /// People say now that it is since another instant: it goes on in another run, and nothing is signed in this one.
    Redeclared {
        /// Since when.
        since: UnixMillis,
    },
}

/// An app or component in production that an incident reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// The change set that has brought it there.
    pub change_set: ChangeSetId,
    /// What runs there, as the meta repository says.
    pub runs: Subject,
}

/// What taking a change set back would come to, as things were when people were told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum WayBack {
    /// Each of its units would go back to what this change set had brought.
    To(BTreeMap<UnitId, ChangeSetId>),
    /// It is being taken back already.
    UnderWay(ChangeSetId),
    /// There is nothing to go back to, or it cannot go back.
    Nothing {
        /// Why.
        because: String,
    },
}

/// Something that is tried again until it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Errand {
    /// Collect a snapshot.
    Snapshot {
        /// Of what.
        unit: UnitId,
    },
    /// Tell people what can be taken back.
    Propose {
        /// Which change set.
        change_set: ChangeSetId,
    },
    /// Sign that it is over.
    Sign {
        /// As of when it is.
        at: UnixMillis,
        /// The commit of the meta repository that says so.
        seen_in: CommitId,
        /// What ran where it was.
        about: Vec<Subject>,
    },
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Command {
    /// Wait until it reaches more than what is known, or is over.
    Watch {
        /// Which incident.
        of: Box<Start>,
        /// What it is known to reach.
        known: BTreeSet<UnitId>,
    },
    /// Do this.
    Do {
        /// For which incident.
        of: Box<Start>,
        /// What.
        errand: Errand,
        /// How often it has failed before.
        tries: u32,
    },
    /// Wait before it is tried again.
    Later {
        /// What.
        errand: Errand,
        /// How often it has failed.
        tries: u32,
        /// Why, the last time.
        reason: String,
    },
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a run has a few of them, which are moved seldom")]
pub enum Outcome {
    /// It reaches these, too.
    Reached(BTreeMap<UnitId, Reached>),
    /// It is over.
    Over(End),
    /// This was signed.
    Signed(EvidenceRecord),
    /// People were told of this.
    Proposed(WayBack),
    /// It could not be done.
    Failed {
        /// Why.
        reason: String,
    },
    /// It is time to try again.
    Due,
    /// It is not wanted any more.
    Dropped,
}

/// What the run of an incident is told: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {}

impl Machine for Incident {
    const NAME: &'static str = "incident";
    const FORMAT: u32 = 1;
    const OLDEST: u32 = 1;
    type Start = Start;
    type Outcome = Outcome;
    type Signal = Told;
    type Command = Command;
    type State = State;

    fn start(start: &Start) -> (State, Vec<Command>) {
        let state = State::new(start);
        let first = state.watch();
        (state, vec![first])
    }

    fn step(mut state: State, command: &Command, outcome: &Outcome, _: UnixMillis) -> (State, Vec<Command>) {
        let mut commands = match (command, outcome) {
            // What an earlier watch says is known.
            (watch @ Command::Watch { .. }, outcome) if state.over.is_none() && *watch == state.watch() => state.seen(outcome),
            (Command::Do { errand, tries, .. }, outcome) => state.tried(errand, *tries, outcome),
            (Command::Later { errand, tries, .. }, Outcome::Due | Outcome::Dropped) => state.rested(errand, *tries),
            _ => Vec::new(),
        };
        commands.extend(state.next());
        (state, commands)
    }

    fn hear(_: State, told: &Told, _: UnixMillis) -> (State, Vec<Command>) {
        match *told {}
    }

    fn goes_on(_: &State, _: &Command) -> bool {
        true
    }

    fn wants(state: &State, command: &Command) -> bool {
        !matches!(command, Command::Later { errand, .. } if !state.goes_on_with(errand))
    }

    fn waits(command: &Command) -> bool {
        matches!(command, Command::Watch { .. } | Command::Later { .. })
    }

    fn dropped() -> Outcome {
        Outcome::Dropped
    }

    fn has_ended(state: &State) -> bool {
        state.has_ended()
    }
}

#[cfg(test)]
mod tests;
