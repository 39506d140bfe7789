//! Flux as a GitOps controller: what it says of an expected deployment, and nothing that changes one.
//!
//! A [`Flux`] reads `Kustomization` objects of Flux with their sources, in one or several [`Cluster`]s, and judges them by the rule of
//! [`verdict`]. Which Kustomizations are a unit in an environment is told by the host ([`ManagedKustomization`]); where there are
//! several, all of them have to be ready.
//!
//! What it guarantees:
//!
//! * **Truth by read.** Each observation reads what it needs. What makes the caller act, above all "ready", is said only where no
//!   Kustomization has changed while the rest was read; Flux writes into one before it applies anything.
//! * **Ready means healthy.** A Kustomization for which Flux checks no health is never ready: set `wait: true`, or name each workload
//!   in `healthChecks`.
//! * **Images by what runs.** Flux lists no images. Where an artifact is expected, the Deployments, StatefulSets and DaemonSets are
//!   read that the inventories of the Kustomization and of its HelmReleases name: all have to be rolled out, with the expected digest
//!   in their pods. A HelmRelease tells its inventory since Flux 2.8. Where no artifact is expected no workload is read.
//! * **It changes nothing.** Flux is asked to look at Git only where the host says so ([`Cluster::refreshing_by_annotation`]), since the
//!   right to patch Kustomizations allows much more; else [`GitOps::refresh`] is `Unsupported`. It never suspends or resumes, and never
//!   writes a spec.
//! * **No jobs.** Flux runs none after a deployment, and says nothing of what others ran; to expect one is `Unsupported`.
//!
//! Requests are not retried here, but for one: a refused credential is read again, once.
//!
//! A program that builds this feature chooses the version of Kubernetes' types with a feature of `k8s-openapi`, or with the
//! environment variable `K8S_OPENAPI_ENABLED_VERSION`; none of those types is used here.
//!
//! ```
//! use std::sync::Arc;
//! use pathops_adapters::flux::{Access, Cluster, Flux, ManagedKustomization};
//! use pathops_core::adapter::{Clock, GitOps, Scm};
//!
//! fn controller(scm: Arc<dyn Scm>, clock: Arc<dyn Clock>) -> Result<Flux, Box<dyn std::error::Error>> {
//!     let orders = ManagedKustomization::new("main", "flux-system", "orders", "https://git.example/shop/orders-gitops")
//!         .image("registry.example/shop/orders");
//!     let flux = Flux::builder(scm, clock)
//!         .cluster("main", Cluster::new(Access::in_cluster()))
//!         .manage("orders".parse()?, "preflight".parse()?, "shop/orders-gitops".parse()?, orders)
//!         .build()?;
//!     assert_eq!(flux.name(), "flux");
//!     assert!(!flux.capabilities().refresh && !flux.capabilities().jobs);
//!     Ok(flux)
//! }
//! ```

mod answer;
mod connected;
mod managed;
mod observe;
mod rights;
pub mod verdict;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use pathops_core::adapter::{Clock, ExpectedDeployment, GitOps, GitOpsCapabilities, Observation, Scm};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{EnvironmentId, Error, ErrorKind, OpContext, RepoId, Result, UnitId};

use self::connected::Connected;
use self::rights::Needs;
use self::verdict::{Kustomization, Source};
use crate::live::Trees;

pub use self::connected::Cluster;
pub use self::managed::ManagedKustomization;
pub use self::rights::{REFRESH_ROLE, ROLE};
pub use crate::cluster::{Access, RightsFinding};

/// The adapter's name.
const NAME: &str = "flux";

const OBSERVE: &str = "observe a deployment";
const REFRESH: &str = "refresh a deployment";

/// Flux, in one or several clusters. See the [module](self).
#[derive(Debug)]
pub struct Flux {
    clock: Arc<dyn Clock>,
    trees: Trees,
    clusters: BTreeMap<String, Connected>,
    units: HashMap<(UnitId, EnvironmentId), Unit>,
}

/// A unit in an environment.
#[derive(Debug)]
struct Unit {
    repo: RepoId,
    kustomizations: Vec<ManagedKustomization>,
}

/// Says which clusters there are, and what Flux manages there.
#[derive(Debug)]
pub struct Builder {
    scm: Arc<dyn Scm>,
    clock: Arc<dyn Clock>,
    clusters: BTreeMap<String, Cluster>,
    managed: Vec<(UnitId, EnvironmentId, RepoId, ManagedKustomization)>,
}

impl Builder {
    /// A cluster, under a name of the host's choice. The last one of a name counts.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>, cluster: Cluster) -> Self {
        self.clusters.insert(name.into(), cluster);
        self
    }

    /// This Kustomization is `unit` in `environment`, or a part of it; `repo` is its desired-state repository on the Git host.
    #[must_use]
    pub fn manage(mut self, unit: UnitId, environment: EnvironmentId, repo: RepoId, kustomization: ManagedKustomization) -> Self {
        self.managed.push((unit, environment, repo, kustomization));
        self
    }

    /// The adapter. It asks nothing yet.
    ///
    /// # Errors
    /// `Invalid` where a Kustomization is of a cluster that is not there or is named twice for a unit, or where a unit has two
    /// desired-state repositories in one environment.
    pub fn build(self) -> Result<Flux> {
        let mut units: HashMap<(UnitId, EnvironmentId), Unit> = HashMap::new();
        let mut needs: BTreeMap<String, Needs> = BTreeMap::new();
        for (unit, environment, repo, managed) in self.managed {
            let on = format!("{} of cluster {}", managed.place, managed.cluster);
            let invalid = |why: &str| Err(Error::new(ErrorKind::Invalid, "set up Flux").on(&on).because(why));
            let applied = managed.applied_cluster().to_owned();
            if [&managed.cluster, &applied].into_iter().any(|name| !self.clusters.contains_key(name)) {
                return invalid("there is no such cluster");
            }
            needs.entry(managed.cluster.clone()).or_default().flux = true;
            let there = needs.entry(applied).or_default();
            there.applied = true;
            there.workloads |= !managed.images.is_empty();
            let known =
                units.entry((unit, environment)).or_insert_with(|| Unit { repo: repo.clone(), kustomizations: Vec::new() });
            if known.repo != repo {
                return invalid("its unit has another desired-state repository already");
            }
            if known.kustomizations.iter().any(|it| it.cluster == managed.cluster && it.place == managed.place) {
                return invalid("this Kustomization is named twice for its unit");
            }
            known.kustomizations.push(managed);
        }
        let connect = |(name, cluster): (String, Cluster)| {
            let needs = needs.get(&name).copied().unwrap_or_default();
            (name, cluster.connect(&self.clock, needs))
        };
        let clusters = self.clusters.into_iter().map(connect).collect();
        Ok(Flux { clock: self.clock.clone(), trees: Trees::new(self.scm), clusters, units })
    }
}

impl Flux {
    /// Begins to set one up. `scm` is asked what Git says of commits and trees.
    #[must_use]
    pub fn builder(scm: Arc<dyn Scm>, clock: Arc<dyn Clock>) -> Builder {
        Builder { scm, clock, clusters: BTreeMap::new(), managed: Vec::new() }
    }

    /// Compares what the credentials of all clusters may do with the least that they need ([`ROLE`], [`REFRESH_ROLE`]), and tells by
    /// the name of the cluster what is missing and what is too much. Nothing is changed.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Denied` where a server does not answer that.
    pub async fn check_rights(&self, cx: &OpContext) -> Result<Vec<(String, RightsFinding)>> {
        let mut all = Vec::new();
        for (name, cluster) in &self.clusters {
            all.extend(cluster.check_rights(cx).await?.into_iter().map(|finding| (name.clone(), finding)));
        }
        Ok(all)
    }

    fn unit(&self, operation: &'static str, unit: &UnitId, target: &EnvironmentTarget) -> Result<&Unit> {
        self.units.get(&(unit.clone(), target.environment.clone())).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, operation)
                .on(format!("{unit} in {}", target.environment))
                .because("no Kustomization is configured for it")
                .advise("tell the adapter which Kustomizations are that unit there")
        })
    }

    fn connected(&self, cluster: &str) -> Result<&Connected> {
        self.clusters.get(cluster).ok_or_else(|| Error::new(ErrorKind::Unexpected, "find a cluster").on(cluster))
    }

    /// Has Flux fetch the source and apply what it finds. What it was asked for and has not done yet is not asked for again: a
    /// reconciliation that is asked for begins after this.
    async fn ask(&self, cx: &OpContext, managed: &ManagedKustomization) -> Result<()> {
        let at = self.connected(&managed.cluster)?;
        let kustomization = at.get(cx, &managed.place, Kustomization::from_json).await?;
        let (named, request) = (kustomization.source(), self.clock.now().to_string());
        if Source::is_known(&named.kind) {
            let source = at.find(cx, &named, Source::from_json).await?;
            if source.is_some_and(|source| !source.is_asked()) {
                at.ask(cx, &named, &request).await?;
            }
        }
        if kustomization.is_asked() { Ok(()) } else { at.ask(cx, &managed.place, &request).await }
    }
}

#[async_trait]
impl GitOps for Flux {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> GitOpsCapabilities {
        let mut flux = self.units.values().flat_map(|unit| &unit.kustomizations);
        let mut capabilities = GitOpsCapabilities::default();
        capabilities.refresh = flux.all(|it| self.clusters.get(&it.cluster).is_some_and(Connected::can_refresh));
        capabilities
    }

    async fn observe(&self, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
        observe::observe(self, cx, expected).await
    }

    async fn refresh(&self, cx: &OpContext, unit: &UnitId, target: &EnvironmentTarget) -> Result<()> {
        let unit = self.unit(REFRESH, unit, target)?;
        if !self.capabilities().refresh {
            return Err(Error::unsupported(REFRESH));
        }
        let asked = join_all(unit.kustomizations.iter().map(|managed| self.ask(cx, managed))).await;
        asked.into_iter().collect()
    }
}
