//! The answer and its reasons.

use std::fmt;

use serde::Serialize;

use crate::live::StaleAction;

/// Is this very commit live and healthy?
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
pub enum Verdict {
    /// Yes.
    Ready,
    /// Not yet. Waiting may help.
    NotYet(NotYet),
    /// What is known says nothing about what is expected. Waiting alone does not help.
    Stale(Stale, StaleAction),
    /// No, and waiting does not change it.
    Failed(Failed),
}

/// Why it is not ready yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum NotYet {
    /// A reconciliation is asked for and has not ended.
    Refreshing {
        /// Of what.
        what: String,
    },
    /// The Kustomization is of another source or path than the expected one.
    NoSuchSource {
        /// What it is of.
        found: String,
    },
    /// What is known is of another generation than the present one.
    OtherSpec {
        /// Of what.
        what: String,
    },
    /// No commit is known of this revision.
    NoRevision {
        /// The revision.
        revision: String,
    },
    /// The source is being fetched.
    Fetching,
    /// The source is at another commit.
    NotSeen {
        /// Where it is.
        revision: String,
    },
    /// The source is there, and the Kustomization is not.
    NotApplied {
        /// Where it is.
        revision: String,
    },
    /// It was never reconciled.
    NotReconciled {
        /// What.
        what: String,
    },
    /// A reconciliation is under way.
    Reconciling {
        /// Of what.
        what: String,
        /// What it does.
        message: String,
    },
    /// The reconciliation lies ahead of our clock.
    ClockAhead,
    /// A condition says that something is amiss.
    Condition {
        /// Its type.
        kind: String,
        /// Its reason.
        why: String,
        /// What it says.
        message: String,
    },
    /// Flux does not check whether what it applied is healthy.
    NotHealthChecked {
        /// What it does not check; empty where it checks nothing.
        what: String,
    },
    /// The HelmRelease has not deployed what it asks for now.
    NotReleased {
        /// Which.
        what: String,
    },
    /// A source, or something that was applied, is not there.
    Missing {
        /// What.
        what: String,
    },
    /// Not all pods are new and available.
    RollingOut {
        /// Of what.
        what: String,
        /// How far it is.
        message: String,
    },
    /// No workload is told in which the expected image could run.
    NotTold {
        /// The image.
        expected: String,
    },
    /// It has not been healthy for long enough.
    Settling {
        /// Milliseconds to go.
        remaining_millis: u64,
    },
}

/// Why what is known says nothing about what is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Stale {
    /// No reconciliation has ended since our request.
    NotLooking,
    /// None has ended since the settle time was over.
    NotLookedAfterSettling,
    /// Somebody keeps it as it is.
    Frozen {
        /// How.
        how: Frozen,
    },
    /// The branch has moved on to another desired state.
    Superseded {
        /// The commit.
        revision: String,
    },
    /// It is not known whether this descendant asks for the same.
    UnknownTree {
        /// The descendant.
        revision: String,
    },
}

/// How something is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
#[non_exhaustive]
pub enum Frozen {
    /// `suspend` is set.
    Suspended {
        /// Of what.
        what: String,
    },
    /// Its rollout is paused.
    Paused {
        /// Of what.
        what: String,
    },
    /// An annotation has Flux leave it alone.
    LeftAlone {
        /// What.
        what: String,
    },
}

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Failed {
    /// It is being deleted.
    Deleting {
        /// What.
        what: String,
    },
    /// It cannot go on as it is.
    Stalled {
        /// What.
        what: String,
        /// What Flux says.
        message: String,
    },
    /// What is expected could not be built, applied or pruned.
    NotApplied {
        /// Flux's reason.
        kind: String,
        /// What Flux says.
        message: String,
    },
    /// What is expected was applied, and did not become healthy in time.
    Unhealthy {
        /// What Flux says.
        message: String,
    },
    /// Nothing was applied at all.
    NoResources,
    /// A release failed, or its test, or it was taken back.
    Release {
        /// Which.
        what: String,
        /// What Flux says.
        message: String,
    },
    /// The pods did not come up in time.
    RolloutFailed {
        /// Of what.
        what: String,
        /// What Kubernetes says.
        message: String,
    },
    /// The expected image does not run, or not everywhere.
    WrongImage {
        /// The expected one.
        expected: String,
        /// Another one of its repository that runs.
        running: Option<String>,
    },
}

impl Verdict {
    /// Whether it is live and healthy.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Verdict::Ready)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Ready => f.write_str("live and healthy"),
            Verdict::NotYet(reason) => reason.fmt(f),
            Verdict::Stale(reason, _) => reason.fmt(f),
            Verdict::Failed(reason) => reason.fmt(f),
        }
    }
}

impl fmt::Display for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refreshing { what } => write!(f, "a reconciliation of {what} is asked for"),
            Self::NoSuchSource { found } => write!(f, "the Kustomization is of {found}, which is not the expected source"),
            Self::OtherSpec { what } => write!(f, "what is known of {what} is not about what it asks for now"),
            Self::NoRevision { revision } => write!(f, "no commit is known of the revision `{revision}`"),
            Self::Fetching => f.write_str("the source is being fetched"),
            Self::NotSeen { revision } => write!(f, "the source is at `{revision}`, which is not the expected commit"),
            Self::NotApplied { revision } => write!(f, "what is applied is `{revision}`, which is not the expected commit"),
            Self::NotReconciled { what } => write!(f, "{what} was never reconciled"),
            Self::Reconciling { what, message } => write!(f, "{what} is being reconciled: {message}"),
            Self::ClockAhead => f.write_str("Flux's clock is ahead of ours"),
            Self::Condition { kind, why, message } => write!(f, "{kind}, {why}: {message}"),
            Self::NotHealthChecked { what } => {
                let what = if what.is_empty() { "anything" } else { what };
                write!(f, "Flux does not check whether {what} is healthy: set `wait: true` on the Kustomization")
            }
            Self::NotReleased { what } => write!(f, "{what} has not deployed what it asks for now"),
            Self::Missing { what } => write!(f, "{what} is not there"),
            Self::RollingOut { what, message } => write!(f, "{what} rolls out: {message}"),
            Self::NotTold { expected } => write!(f, "no workload is told that could run {expected}"),
            Self::Settling { remaining_millis } => write!(f, "settling: {remaining_millis} ms to go"),
        }
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLooking => f.write_str("Flux has not looked since it was asked to"),
            Self::NotLookedAfterSettling => f.write_str("Flux has not looked since the settle time was over"),
            Self::Frozen { how } => how.fmt(f),
            Self::Superseded { revision } => write!(f, "the branch has moved on to another state, at {revision}"),
            Self::UnknownTree { revision } => write!(f, "it is not known whether {revision} asks for the same"),
        }
    }
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspended { what } => write!(f, "{what} is suspended"),
            Self::Paused { what } => write!(f, "the rollout of {what} is paused"),
            Self::LeftAlone { what } => write!(f, "Flux leaves {what} alone, by an annotation"),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleting { what } => write!(f, "{what} is being deleted"),
            Self::Stalled { what, message } => write!(f, "{what} is stalled: {message}"),
            Self::NotApplied { kind, message } => write!(f, "{kind}: {message}"),
            Self::Unhealthy { message } => write!(f, "it did not become healthy: {message}"),
            Self::NoResources => f.write_str("nothing was applied"),
            Self::Release { what, message } => write!(f, "{what} failed: {message}"),
            Self::RolloutFailed { what, message } => write!(f, "{what} did not roll out: {message}"),
            Self::WrongImage { expected, running: None } => write!(f, "{expected} does not run"),
            Self::WrongImage { expected, running: Some(running) } => write!(f, "{running} runs where {expected} is expected"),
        }
    }
}
