//! What pods run, where a host has somebody tell it.

use std::fmt::Debug;

use async_trait::async_trait;
use pathops_core::{EnvironmentId, OpContext, Result, UnitId};

use crate::argo_verdict::RunningImages;

/// Tells which images pods run. The adapter of the feature `kubernetes` does.
#[async_trait]
pub trait Pods: Debug + Send + Sync + 'static {
    /// What the containers of all pods of `unit` in `environment` run now, read from the cluster at this call. `None` where nobody says
    /// which pods these are; a unit whose pods are all gone runs none.
    ///
    /// # Errors
    /// As the cluster answers: `Unavailable`, `Timeout`, `Denied`, `RateLimited`; `Invalid` where not all of them can be read.
    ///
    /// # Cancel safety
    /// It only reads.
    async fn images(&self, cx: &OpContext, unit: &UnitId, environment: &EnvironmentId) -> Result<Option<RunningImages>>;
}
