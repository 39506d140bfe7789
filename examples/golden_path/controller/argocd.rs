//! The fake of Argo CD and of the cluster that it is in, and the adapter before them.

use std::sync::Arc;

use pathops_adapters::argocd::{Access, ArgoCd, Instance, ManagedApplication};
use pathops_adapters::kubernetes::{Kubernetes, Workload};
use pathops_adapters::local_forge::LocalForge;
use pathops_adapters::local_gitops::Reconciler;
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{JobKind, Scm};
use pathops_core::project::{EnvironmentTarget, Project, Unit};
use pathops_core::{JobName, Principal};
use pathops_fakes::argocd::{Cluster, Controller as Fake, Deployed, Servers, application, key};
use tokio::task::JoinHandle;

use super::Controller;
use crate::Failure;

/// The name of the one Argo CD, and the credential that its servers take.
const INSTANCE: &str = "fake";
const TOKEN: &str = "first";

/// A task that ends with this.
struct Watching(JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts it on 127.0.0.1, with an Application for each unit in each environment.
pub(super) async fn start(
    project: &Project,
    reconciler: Arc<Reconciler>,
    forge: &LocalForge,
    scm: Arc<dyn Scm>,
) -> Result<Controller, Failure> {
    let clock = Arc::new(SystemClock);
    let servers = Servers::start(Cluster::new(|_| ())).await;
    let access = |url: &str| Access::url(url).token(TOKEN);
    let instance = Instance::cluster(access(&servers.kubernetes.url)).refreshing_through(access(&servers.argo.url));
    let mut builder = ArgoCd::builder(scm, clock.clone()).instance(INSTANCE, instance);
    let mut verifier = Kubernetes::builder(clock.clone()).cluster(INSTANCE, access(&servers.kubernetes.url));
    let mut all = Vec::new();
    for unit in project.units.values() {
        for target in [&project.environments.preflight, &project.environments.production] {
            let deployed = deployed(unit, target);
            let url = format!("https://git.invalid/{}.git", unit.desired_state);
            let (path, branch) = (target.path.as_str(), target.branch.as_str());
            servers.cluster.put(application(&deployed.application, &url, path, branch));
            let managed = managed(&deployed, &url)?;
            builder = builder.manage(unit.id.clone(), target.environment.clone(), unit.desired_state.clone(), managed);
            let workload = Workload::new(INSTANCE, "shop", unit.id.as_str()).rollout(&deployed.application.1);
            verifier = verifier.workload(unit.id.clone(), target.environment.clone(), workload);
            all.push(deployed);
        }
    }
    let argo = Arc::new(builder.build()?);
    let fake = Fake::start(servers.cluster.clone(), forge.scm(Principal::System), reconciler, clock, all);
    let watched = argo.clone();
    let watching = Watching(tokio::spawn(async move { watched.run(std::future::pending()).await }));
    Ok(Controller { gitops: argo, verifier: Some(verifier.build()?), _servers: Box::new((watching, fake, servers)) })
}

fn deployed(unit: &Unit, target: &EnvironmentTarget) -> Deployed {
    Deployed {
        application: key("argocd", &format!("{}-{}", unit.id, target.environment)),
        unit: unit.id.clone(),
        target: target.clone(),
        repo: unit.desired_state.clone(),
        image: format!("registry.invalid/{}", unit.id),
        jobs: unit.checks.iter().map(|job| (job.clone(), format!("{}-{job}", unit.id))).collect(),
    }
}

fn managed(deployed: &Deployed, url: &str) -> Result<ManagedApplication, Failure> {
    let (namespace, name) = &deployed.application;
    let mut managed = ManagedApplication::new(INSTANCE, namespace, name, url).image(&deployed.image);
    for (job, hook) in &deployed.jobs {
        managed = managed.job(job.clone(), kind(job)?, hook);
    }
    Ok(managed)
}

/// Argo CD does not tell what a hook looks at, so here a check is called what it is.
fn kind(job: &JobName) -> Result<JobKind, Failure> {
    let advice = "on the fake of Argo CD a check is called `health`, `smoke` or `contract`";
    serde_json::from_value(job.as_str().into()).map_err(|_| format!("the check `{job}` is of no known kind: {advice}").into())
}
