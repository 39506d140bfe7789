//! What can happen in a simulated world, as it really happened.

use pathops_coordinator::change_set::{Command, Outcome, State};
use pathops_core::adapter::{
    AgentTask, CheckState, NewCommit, NewPullRequest, PullRequest, Seq, SignalNumber, StoredDelivery, Transition,
};
use pathops_core::policy::GrantId;
use pathops_core::project::FeatureRequest;
use pathops_core::{CommitId, IdempotencyKey, Principal, PullRequestNumber, RepoId, RunId};

use crate::alarms::Alarm;

/// One step. Invariants see each as soon as it is done, and before anybody else acts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'s> {
    /// PathOps is about to change something outside.
    Writes { key: &'s IdempotencyKey, operation: &'static str },
    /// A pull request is open.
    Opened { repo: &'s RepoId, new: &'s NewPullRequest, opened: &'s PullRequest },
    /// There is a commit by PathOps.
    Committed { repo: &'s RepoId, new: &'s NewCommit },
    /// A status stands.
    Posted { repo: &'s RepoId, commit: &'s CommitId, state: CheckState, grant: Option<GrantId>, says: &'s str },
    /// A comment, a description or a check says something.
    Said { says: &'s str },
    /// A pull request is merged, at the head that whoever merged it had looked at.
    Merged { repo: &'s RepoId, number: PullRequestNumber, head: &'s CommitId, by: &'s Principal },
    /// A blob is stored.
    Stored { bytes: &'s [u8] },
    /// People are told under this key; `more` where it reached them.
    Told { key: &'s IdempotencyKey, says: &'s str, more: bool },
    /// An agent has its task.
    Tasked { task: &'s AgentTask },
    /// A run has begun.
    Began { run: &'s RunId, transition: &'s Transition },
    /// A run is told something.
    Signalled { run: &'s RunId, number: SignalNumber },
    /// A run is moved to the archive.
    Archived { run: &'s RunId },
    /// A transition is acknowledged.
    Journaled { run: &'s RunId, seq: Seq, transition: &'s Transition },
    /// The engine goes on from an outcome.
    Settled { command: &'s Command, outcome: &'s Outcome, state: &'s State },
    /// An alarm is acknowledged by the gateway.
    Acknowledged { alarm: &'s Alarm },
    /// A delivery is handed on.
    Handles { delivery: &'s StoredDelivery },
    /// A feature was asked for, and taken or not.
    Asked { request: &'s FeatureRequest, taken: bool },
}
