//! The verdict of the rule in the words of the trait.

use pathops_core::adapter::{self, DeployFailure, Readiness, StaleAction};
use pathops_core::{Digest, UnixMillis};

use super::verdict::{Failed, NotYet, Stale, Verdict};
use crate::live::Said;

/// What a verdict is about.
pub(super) struct About {
    /// When Flux last looked.
    pub(super) last_look: Option<UnixMillis>,
    /// What runs instead of the expected artifact.
    pub(super) running: Option<Digest>,
}

impl About {
    pub(super) fn said(&self, verdict: &Verdict) -> Said {
        Said::Plainly(match verdict {
            Verdict::Ready => Readiness::Ready,
            Verdict::NotYet(reason) => Readiness::NotYet(not_yet(reason)),
            Verdict::Stale(Stale::Superseded { revision }, _) => return Said::Superseded(revision.clone()),
            Verdict::Stale(reason, _) => self.stale(reason),
            Verdict::Failed(reason) => Readiness::Failed(self.failure(reason)),
        })
    }

    fn stale(&self, reason: &Stale) -> Readiness {
        let message = reason.to_string();
        match reason {
            Stale::Frozen { .. } => Readiness::Stale(adapter::Stale::Frozen { message }, StaleAction::AskPeople),
            // Git was asked, and does not know it either.
            Stale::UnknownTree { .. } => Readiness::NotYet(adapter::NotYet::Reported { message }),
            Stale::NotLooking | Stale::NotLookedAfterSettling | Stale::Superseded { .. } => {
                Readiness::Stale(adapter::Stale::NotLooking { last_look: self.last_look }, StaleAction::Refresh)
            }
        }
    }

    fn failure(&self, reason: &Failed) -> DeployFailure {
        let message = reason.to_string();
        match reason {
            Failed::Unhealthy { .. } | Failed::RolloutFailed { .. } => DeployFailure::Unhealthy { message },
            Failed::WrongImage { .. } => DeployFailure::WrongArtifact { running: self.running },
            _ => DeployFailure::NotApplicable { message },
        }
    }
}

fn not_yet(reason: &NotYet) -> adapter::NotYet {
    match reason {
        NotYet::Refreshing { .. } | NotYet::OtherSpec { .. } | NotYet::Fetching => adapter::NotYet::Looking,
        NotYet::NotSeen { .. } => adapter::NotYet::NotSeen,
        NotYet::NotApplied { .. } | NotYet::NotReconciled { .. } | NotYet::Reconciling { .. } | NotYet::NotReleased { .. } => {
            adapter::NotYet::Applying
        }
        NotYet::RollingOut { .. } => adapter::NotYet::Starting,
        NotYet::Settling { remaining_millis } => adapter::NotYet::Settling { remaining_millis: *remaining_millis },
        other => adapter::NotYet::Reported { message: other.to_string() },
    }
}
