//! Which images the pods of a unit run, for a verdict on what is live.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use pathops_core::{EnvironmentId, Error, ErrorKind, OpContext, Result, UnitId};

use super::Kubernetes;
use super::list::Place;
use super::pod::Pod;
use crate::argocd::{Pods, RunningImages};

/// One request for each [`Workload`](super::Workload) of the unit, and for each 250 of its pods. [`ROLE`](super::ROLE) grants it. Pods
/// that are on their way out do not count, nor do containers that do not run at this moment.
#[async_trait]
impl Pods for Kubernetes {
    async fn images(&self, cx: &OpContext, unit: &UnitId, environment: &EnvironmentId) -> Result<Option<RunningImages>> {
        let Some(workloads) = self.units.get(&(unit.clone(), environment.clone())) else { return Ok(None) };
        let each = workloads
            .iter()
            .map(|workload| async move { Place { http: self.http(&workload.cluster)?, cx, workload }.images().await });
        Ok(Some(RunningImages::new(try_join_all(each).await?.into_iter().flatten())))
    }
}

impl Place<'_> {
    async fn images(&self) -> Result<Vec<String>> {
        let selector = self.workload.pods();
        let keep = |pod: Pod| Some(pod.images().map(str::to_owned).collect::<Vec<_>>());
        let (pods, more) = self.list("list pods", ("/api/v1", "pods"), Some(&selector), keep).await?;
        if more {
            let error = Error::new(ErrorKind::Invalid, "list pods").on(self.workload);
            return Err(error.because("it has more pods than are read").advise("name its parts as workloads of their own"));
        }
        Ok(pods.into_iter().flatten().collect())
    }
}
