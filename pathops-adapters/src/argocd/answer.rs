//! The verdict of the rule in the words of the trait.

use pathops_core::adapter::{self, DeployFailure, ExpectedDeployment, Readiness, StaleAction};
use pathops_core::{Digest, JobName};

use super::jobs::{Runs, ended, failed};
use super::managed::ManagedApplication;
use crate::argo_verdict::{Application, Failed, HookRun, NotYet, RunningImages, Stale, Untested, Verdict};
use crate::live::Said;

/// What a verdict is about.
pub(super) struct About<'a> {
    pub(super) managed: &'a ManagedApplication,
    pub(super) application: &'a Application,
    pub(super) runs: &'a Runs,
    pub(super) expected: &'a ExpectedDeployment,
    pub(super) images: Images<'a>,
}

/// Who tells which images run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Images<'a> {
    /// Each Application.
    Told,
    /// The pods, and they have not been asked.
    Unread,
    /// They have.
    Run(&'a RunningImages),
}

impl Images<'_> {
    /// What runs of the images of an Application, and the `expected` one whatever it is called.
    pub(super) fn running(
        self,
        managed: &ManagedApplication,
        application: &Application,
        expected: Option<Digest>,
    ) -> Vec<Digest> {
        let images = managed.images.iter();
        match self {
            Images::Run(running) => images.flat_map(|image| running.of(image, expected)).collect(),
            Images::Told | Images::Unread => images.flat_map(|image| application.running(image, expected)).collect(),
        }
    }
}

impl About<'_> {
    pub(super) fn said(&self, verdict: &Verdict) -> Said {
        Said::Plainly(match verdict {
            Verdict::Ready => Readiness::Ready,
            Verdict::NotYet(reason) => Readiness::NotYet(self.not_yet(reason)),
            Verdict::Stale(Stale::Superseded { revision }, _) => return Said::Superseded(revision.clone()),
            Verdict::Stale(reason, _) => self.stale(reason),
            Verdict::Failed(reason) => Readiness::Failed(self.failure(reason)),
        })
    }

    fn not_yet(&self, reason: &NotYet) -> adapter::NotYet {
        match reason {
            NotYet::Refreshing | NotYet::Hydrating | NotYet::OtherSpec | NotYet::NoRevision { .. } => adapter::NotYet::Looking,
            NotYet::NotSeen { .. } => adapter::NotYet::NotSeen,
            NotYet::Operating | NotYet::NotSynced => adapter::NotYet::Applying,
            NotYet::Unhealthy { status, .. } if status == "Progressing" => adapter::NotYet::Starting,
            NotYet::Settling { remaining_millis } => adapter::NotYet::Settling { remaining_millis: *remaining_millis },
            NotYet::HookRunning { .. } => adapter::NotYet::JobsRunning { jobs: self.jobs(|runs| !runs.iter().all(ended)) },
            other => adapter::NotYet::Reported { message: other.to_string() },
        }
    }

    fn stale(&self, reason: &Stale) -> Readiness {
        let message = reason.to_string();
        match reason {
            Stale::Frozen => Readiness::Stale(adapter::Stale::Frozen { message }, StaleAction::AskPeople),
            Stale::NotTested { why: Untested::NoHook } => {
                Readiness::Failed(DeployFailure::JobsMissing { jobs: self.jobs(<[_]>::is_empty) })
            }
            Stale::NotTested { .. } => Readiness::Stale(adapter::Stale::NotTested { message }, StaleAction::AskPeople),
            Stale::UnnamedApplications { .. } if !self.managed.knows_where_children_are(self.application) => {
                let message =
                    format!("{message}, and by `children_in` the instance that they are of: it deploys to another cluster");
                Readiness::Stale(adapter::Stale::Unjudged { message }, StaleAction::AskPeople)
            }
            Stale::UnnamedApplications { .. } | Stale::HiddenApplications | Stale::ApplicationSet { .. } => {
                Readiness::Stale(adapter::Stale::Unjudged { message }, StaleAction::AskPeople)
            }
            // Whoever ran it may sync once more, within the time that a deployment has: it has not failed by that. And Git was asked
            // for a tree that is not known, and does not know it either.
            Stale::DryRun | Stale::LocalManifests | Stale::UnknownTree { .. } => {
                Readiness::NotYet(adapter::NotYet::Reported { message })
            }
            Stale::NotLooking | Stale::NotLookedAfterSync | Stale::NotLookedAfterSettling | Stale::Superseded { .. } => {
                let last_look = self.application.looked_at();
                Readiness::Stale(adapter::Stale::NotLooking { last_look }, StaleAction::Refresh)
            }
        }
    }

    fn failure(&self, reason: &Failed) -> DeployFailure {
        let message = reason.to_string();
        match reason {
            Failed::Degraded { .. } => DeployFailure::Unhealthy { message },
            Failed::WrongImage { .. } => {
                let running = self.images.running(self.managed, self.application, self.expected.artifact);
                DeployFailure::WrongArtifact { running: running.into_iter().find(|it| Some(*it) != self.expected.artifact) }
            }
            Failed::Hook { .. } => {
                let jobs = self.jobs(|runs| runs.iter().any(failed));
                if jobs.is_empty() { DeployFailure::NotApplicable { message } } else { DeployFailure::JobsFailed { jobs } }
            }
            _ => DeployFailure::NotApplicable { message },
        }
    }

    fn jobs(&self, are: impl Fn(&[HookRun]) -> bool) -> Vec<JobName> {
        self.runs.expected(self.managed, self.expected, are)
    }
}
