//! The answer and its reasons.

use std::fmt;

use serde::Serialize;

pub use crate::live::StaleAction;

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
    /// A refresh is asked for and has not happened.
    Refreshing,
    /// The manifests are being hydrated.
    Hydrating,
    /// The manifests could not be hydrated, which Argo CD tries again.
    NotHydrated {
        /// What it says.
        message: String,
    },
    /// The comparison lies ahead of our clock.
    ClockAhead,
    /// Argo CD reports an error.
    Condition {
        /// Its type.
        kind: String,
        /// What it says.
        message: String,
    },
    /// What was compared is not what the spec asks for now.
    OtherSpec,
    /// The application has no such source.
    NoSuchSource {
        /// Its repository.
        repo_url: String,
    },
    /// For a source no revision is known: the comparison did not come about.
    NoRevision {
        /// Its repository.
        repo_url: String,
    },
    /// A source is at another revision.
    NotSeen {
        /// Its repository.
        repo_url: String,
        /// Where it is.
        revision: String,
    },
    /// An operation is asked for, or runs.
    Operating,
    /// The operation failed and waits to be tried again.
    Retrying {
        /// What it says.
        message: String,
    },
    /// No operation has ended yet.
    NotSynced,
    /// What is live is not what is desired.
    OutOfSync {
        /// What the status is called, or the resource that is out of sync.
        what: String,
    },
    /// Not healthy.
    Unhealthy {
        /// The status.
        status: String,
        /// Of which resource, or what Argo CD says.
        message: String,
    },
    /// It has not been healthy, or unhealthy, for long enough.
    Settling {
        /// Milliseconds to go.
        remaining_millis: u64,
    },
    /// The image runs, and another of its repository beside it.
    OldImage {
        /// The other one.
        running: String,
    },
    /// Nothing tells that the image runs, nor that another of its repository does.
    NoPod {
        /// The expected one.
        expected: String,
    },
    /// A hook has not ended.
    HookRunning {
        /// Which.
        hook: String,
    },
}

/// Why what is known says nothing about what is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Stale {
    /// Argo CD has not compared since our request.
    NotLooking,
    /// It has not compared since the last operation ended, or in the same second.
    NotLookedAfterSync,
    /// It has not compared since the settle time was over.
    NotLookedAfterSettling,
    /// The application is frozen by `skip-reconcile`.
    Frozen,
    /// The branch has moved on to another desired state.
    Superseded {
        /// Where it is.
        revision: String,
    },
    /// It is not known whether this descendant asks for the same.
    UnknownTree {
        /// The descendant.
        revision: String,
    },
    /// The tests did not run for this state, or failed for what is live.
    NotTested {
        /// How it came about.
        why: Untested,
    },
    /// The last operation took manifests from somebody's machine, with which Argo CD compares since, and not with Git.
    LocalManifests,
    /// The last operation was a dry run: it took the place of what tells when, and how, this was applied.
    DryRun,
    /// It manages Applications that have no verdict of their own, and Argo CD counts the health of none of them.
    UnnamedApplications {
        /// Namespace and name of the first ten.
        applications: Vec<String>,
    },
    /// It manages no Application, and yet Argo CD says that some came of what it manages: which, is told nowhere.
    HiddenApplications,
    /// It manages an ApplicationSet, which tells nothing of the Applications that it makes.
    ApplicationSet {
        /// Its namespace and name.
        application_set: String,
    },
}

/// Why the hooks say nothing about this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Untested {
    /// The last operation was for another revision: this commit changed nothing.
    OtherRevision,
    /// It was for other settings of the same source.
    OtherSettings,
    /// The last operation was for some resources only, which runs no hooks.
    Selective,
    /// The last operation took manifests from a person and not from Git.
    LocalManifests,
    /// The operation left no result.
    NoResult,
    /// No such hook ran.
    NoHook,
    /// Tests failed after what was applied last, which is what is live.
    TestsFailed,
}

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Failed {
    /// The application is being deleted.
    Deleting,
    /// The operation for this state failed.
    Sync {
        /// What Argo CD says.
        message: String,
    },
    /// A hook failed.
    Hook {
        /// Which.
        hook: String,
        /// What it says.
        message: String,
    },
    /// No resource is there at all.
    NoResources,
    /// Degraded, and not for a moment only.
    Degraded {
        /// What Argo CD says.
        message: String,
    },
    /// The expected image does not run.
    WrongImage {
        /// The expected one.
        expected: String,
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

/// What something is about, and what is said of it, where anything is.
fn told(f: &mut fmt::Formatter<'_>, about: impl fmt::Display, said: &str) -> fmt::Result {
    if said.is_empty() { write!(f, "{about}") } else { write!(f, "{about}: {said}") }
}

impl fmt::Display for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refreshing => f.write_str("a refresh is under way"),
            Self::Hydrating => f.write_str("the manifests are being hydrated"),
            Self::ClockAhead => f.write_str("Argo CD's clock is ahead of ours"),
            Self::NotHydrated { message } => told(f, "the manifests could not be hydrated, which will be tried again", message),
            Self::Condition { kind, message } => told(f, kind, message),
            Self::OtherSpec => f.write_str("what Argo CD compared is not what the spec asks for now"),
            Self::NoSuchSource { repo_url } => write!(f, "the application has no such source of {repo_url}"),
            Self::NoRevision { repo_url } => write!(f, "no revision of {repo_url} is known"),
            Self::NotSeen { repo_url, revision } => write!(f, "{repo_url} is at {revision}, which is not the expected one"),
            Self::Operating => f.write_str("an operation is under way"),
            Self::Retrying { message } => told(f, "the operation failed and will be tried again", message),
            Self::NotSynced => f.write_str("no operation has ended"),
            Self::OutOfSync { what } => told(f, "not in sync", what),
            Self::Unhealthy { status, message } => told(f, status, message),
            Self::Settling { remaining_millis } => write!(f, "settling: {remaining_millis} ms to go"),
            Self::OldImage { running } => write!(f, "{running} runs beside the expected image"),
            Self::NoPod { expected } => write!(f, "no pod runs {expected}"),
            Self::HookRunning { hook } => write!(f, "the hook {hook} has not ended"),
        }
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLooking => f.write_str("Argo CD has not looked since it was asked to"),
            Self::NotLookedAfterSync => f.write_str("Argo CD has not looked since the last operation ended"),
            Self::NotLookedAfterSettling => f.write_str("Argo CD has not looked since the settle time was over"),
            Self::Frozen => f.write_str("the application is frozen by `skip-reconcile`"),
            Self::Superseded { revision } => write!(f, "the branch has moved on to another state, at {revision}"),
            Self::UnknownTree { revision } => write!(f, "it is not known whether {revision} asks for the same"),
            Self::NotTested { why } => write!(f, "not tested: {why}"),
            Self::LocalManifests => f.write_str(
                "the last operation took manifests from somebody's machine, with which Argo CD compares since; sync it once more, from Git",
            ),
            Self::DryRun => {
                f.write_str("the last operation was a dry run, which tells nothing of what is live; sync it once more, not dry")
            }
            Self::UnnamedApplications { applications } => {
                let named = applications.join(", ");
                write!(f, "it manages Applications that nothing here judges: {named}; name each as one of the same unit")
            }
            Self::HiddenApplications => f.write_str(
                "Applications came of what it manages, and it does not tell which; have an Application outside the unit manage what \
                 makes them, and name them as Applications of the unit",
            ),
            Self::ApplicationSet { application_set } => write!(
                f,
                "it manages the ApplicationSet {application_set}, which does not tell of the Applications that it makes; have an \
                 Application outside the unit manage that, and name those that it makes as Applications of the unit"
            ),
        }
    }
}

impl fmt::Display for Untested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherRevision => "the last operation was for another revision",
            Self::OtherSettings => "the last operation was for other settings of the source",
            Self::Selective => "the last operation was for some resources only, which runs no hooks",
            Self::LocalManifests => "the last operation took manifests from a person",
            Self::NoResult => "the last operation left no result",
            Self::NoHook => "no such hook ran",
            Self::TestsFailed => "tests failed after the last operation, and nothing was applied since; sync it once more",
        })
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleting => f.write_str("the application is being deleted"),
            Self::Sync { message } => told(f, "the operation failed", message),
            Self::Hook { hook, message } => told(f, format_args!("the hook {hook} failed"), message),
            Self::NoResources => f.write_str("there are no resources"),
            Self::Degraded { message } => told(f, "degraded", message),
            Self::WrongImage { expected } => write!(f, "{expected} does not run"),
        }
    }
}
