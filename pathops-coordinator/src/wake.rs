//! Wake-ups: who is told that a deployment has got further, or that a pull request moved, reads it at once, and believes nothing else of it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{Hint, StoredDelivery};
use pathops_core::{EnvironmentId, OpContext, PullRequestNumber, RepoId, Result, UnitId};

use crate::control_plane::ControlPlane;
use crate::gateway::DeliveryHandler;

impl ControlPlane {
    /// Something of a unit in an environment may have got further: where a change set that this host drives waits for a deployment there,
    /// the GitOps controller is asked for the truth at once, and not only when the next look is due. Says whether one waits.
    ///
    /// Nothing but the time of that look depends on it, whichever engine drives the change set. What nobody tells is found by the next
    /// look, [`Pace::longest`](crate::Pace::longest) later at most; so is what was told to another host than the one that drives the
    /// change set. Of several that wait for the same, the last is told. However often it is told, hints bring no more than one look
    /// in each [`Pace::shortest`](crate::Pace::shortest), counted anew from each look that is due.
    pub fn deployment_moved(&self, unit: &UnitId, environment: &EnvironmentId) -> bool {
        self.services().deployments.ring(&(unit.clone(), environment.clone()))
    }

    /// A pull request may have been approved, pushed to, merged or closed: where a change set that this host drives waits for people there,
    /// it is looked at at once, and what was approved is decided about. Says whether one waits. Nothing else depends on it, as with
    /// [`ControlPlane::deployment_moved`].
    pub fn pull_request_moved(&self, repo: &RepoId, number: PullRequestNumber) -> bool {
        self.services().pull_requests.ring(&(repo.clone(), number))
    }
}

/// Says which unit in which environment it is that a sender calls by these two names; none where it is nobody's.
type Means = dyn Fn(&str, &str) -> Vec<(UnitId, EnvironmentId)> + Send + Sync;

/// Wakes those who wait for the deployments and the pull requests that a gateway is told of: of all that a delivery says, that it came is
/// used, and what it is about ([`ControlPlane::deployment_moved`], [`ControlPlane::pull_request_moved`]). Other deliveries are done with
/// at once.
///
/// A sender has names of its own for what is deployed and where ([`Hint::Deployment`]); the host says what they mean, such as by
/// `ArgoCd::units_of` of the adapters.
///
/// ```
/// use std::sync::Arc;
/// use pathops_coordinator::{ControlPlane, OpensIncidents, WakesDeployments};
/// use pathops_core::{EnvironmentId, UnitId};
///
/// type Units = Vec<(UnitId, EnvironmentId)>;
///
/// fn handler(plane: Arc<ControlPlane>, units_of: impl Fn(&str) -> Units + Send + Sync + 'static) -> WakesDeployments {
///     let wakes = WakesDeployments::new(plane.clone(), move |application, _| units_of(application));
///     wakes.and(Arc::new(OpensIncidents::new(plane)))
/// }
/// ```
#[derive(Clone)]
pub struct WakesDeployments {
    plane: Arc<ControlPlane>,
    means: Arc<Means>,
    then: Vec<Arc<dyn DeliveryHandler>>,
}

impl WakesDeployments {
    /// Of this control plane. `means` is given what a sender calls what was deployed, and where to.
    #[must_use]
    pub fn new(
        plane: Arc<ControlPlane>,
        means: impl Fn(&str, &str) -> Vec<(UnitId, EnvironmentId)> + Send + Sync + 'static,
    ) -> Self {
        Self { plane, means: Arc::new(means), then: Vec::new() }
    }

    /// Has `handler` handle each delivery, too, after those that were named before it. Where one fails, those behind it wait for the next
    /// try, as the whole delivery does.
    #[must_use]
    pub fn and(mut self, handler: Arc<dyn DeliveryHandler>) -> Self {
        self.then.push(handler);
        self
    }
}

impl fmt::Debug for WakesDeployments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakesDeployments").field("then", &self.then).finish_non_exhaustive()
    }
}

#[async_trait]
impl DeliveryHandler for WakesDeployments {
    async fn handle(&self, cx: &OpContext, delivery: &StoredDelivery) -> Result<()> {
        for hint in &delivery.delivery.hints {
            let source = &delivery.delivery.source;
            match hint {
                Hint::Deployment { subject, environment, .. } => {
                    for (unit, environment) in (self.means)(subject.as_str(), environment.as_str()) {
                        let waits = self.plane.deployment_moved(&unit, &environment);
                        tracing::debug!(%source, %unit, %environment, waits, "a deployment may have got further");
                    }
                }
                Hint::PullRequest { repo, number, .. } => {
                    let Ok(repo) = RepoId::parse(repo.as_str()) else { continue };
                    let waits = self.plane.pull_request_moved(&repo, *number);
                    tracing::debug!(%source, %repo, %number, waits, "a pull request may have moved");
                }
                _ => {}
            }
        }
        for then in &self.then {
            then.handle(cx, delivery).await?;
        }
        Ok(())
    }
}
