//! What runs in Kubernetes, as its API server tells it: logs, events, the state of pods and rollouts, what is used, and how it was
//! verified. Read only.
//!
//! Which pods are a unit in an environment is told by the host ([`Workload`]): a cluster, a namespace and a selector of labels. A unit
//! may have several, also in several clusters.
//!
//! What it guarantees:
//!
//! * **It changes nothing.** It lists pods, events and measurements of one namespace at a time and gets logs and workloads; [`ROLE`]
//!   grants just that. Where a workload is verified by Argo Rollouts, Kargo or GitOps Promoter, it lists their objects as well, which
//!   [`VERIFICATIONS_ROLE`] grants. What it may not do is an error that names the verb and the resource.
//! * **Events are the unit's own.** Those of its pods, of what they belong to (ReplicaSet and Deployment, StatefulSet, DaemonSet, Job), of
//!   pods that these had before, and of objects that the host names ([`Workload::object`]). Kubernetes forgets events after an hour.
//!   With them comes the state of each container as it is now: the digest of the image that runs, restarts, how it ended last, and
//!   what it waits for, such as `CrashLoopBackOff`.
//! * **A rollout has the health that Argo CD would give it.** How each Deployment, StatefulSet and DaemonSet of the unit's pods, or
//!   that the host names, stands now is told with the events: `Healthy`, `Progressing`, `Degraded` or `Suspended`, and why. It is what
//!   people know from Argo CD and no proof that a commit is live. Of what is not there any more, nothing is told. What may not be
//!   read, or cannot be, is told as left out, and the other events are there all the same.
//! * **Logs are shared fairly.** Each container's log, and the one from before its last restart, has an equal part of the bytes that are
//!   asked for, and what some do not need goes to the next. Each begins with a line that says whose it is. Those of containers that
//!   restarted or wait come last, since the end is what is kept. Where not all fits, the beginnings of all come first, and then their ends.
//! * **What is left out is counted**, of each log and of all: 16 MiB are sent for that, or twice what is asked for; past these, and past
//!   60 logs, it is told that there is more. What a node has rotated away, nobody knows of. No more stays in memory than is asked for,
//!   or 4 KiB a log; half a line where one was cut is left out, and so is the rest of a private key: lines of nothing but base64.
//! * **Jobs that the host names are heard.** What a post-deploy job prints is in the logs of its unit ([`Workload::job`]), or it is told
//!   there that it printed nothing, or has no pod. So what a run before this one printed is not taken for its own.
//! * **A slow node takes no other log with it.** A log has a fifth of the time that there is, and 8 s at most; then its end is asked
//!   for. All have two fifths of it together, and those of containers in trouble as much again. Of what broke off, what came is kept.
//! * **Verifications are handed on as they are.** [`Kubernetes::verifications`] picks the objects of a unit and judges nothing: by the
//!   Rollout that owns them, by Stage, by commit or digest. A report holds them byte by byte, all of them or none.
//! * **An absence says why**: no such pod, nothing printed, no metrics API in the cluster, no such kind of objects.
//!
//! Requests are not retried here, but for one: a refused credential is read again, once.
//!
//! A program that builds this feature chooses the version of Kubernetes' types with a feature of `k8s-openapi`, or with the
//! environment variable `K8S_OPENAPI_ENABLED_VERSION`; none of those types is used here.
//!
//! ```
//! use std::sync::Arc;
//! use pathops_adapters::kubernetes::{Access, Kubernetes, Workload};
//! use pathops_core::adapter::{Clock, RuntimeSignals};
//!
//! fn signals(clock: Arc<dyn Clock>) -> Result<Kubernetes, Box<dyn std::error::Error>> {
//!     let kubernetes = Kubernetes::builder(clock)
//!         .cluster("main", Access::in_cluster())
//!         .workload(
//!             "orders".parse()?,
//!             "preflight".parse()?,
//!             // The hook that tests it is heard, and what Argo Rollouts and Kargo have verified of it is read, too.
//!             Workload::new("main", "shop", "orders-preflight").job("orders-smoke").rollout("orders").stage("shop-delivery", "uat"),
//!         )
//!         .build()?;
//!     assert_eq!(kubernetes.name(), "kubernetes");
//!     assert!(kubernetes.capabilities().metrics);
//!     Ok(kubernetes)
//! }
//! # let clock: Arc<dyn Clock> = Arc::new(pathops_core::memory::ManualClock::new(pathops_core::UnixMillis(0)));
//! # signals(clock).unwrap();
//! ```

mod events;
#[cfg(feature = "argocd")]
mod images;
mod list;
mod logs;
mod pod;
mod rollout;
mod sections;
mod usage;
mod verifications;
mod workload;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use pathops_core::adapter::{
    Clock, Collected, Lack, LogExcerpt, RuntimeEvent, RuntimeSignals, Sample, SignalCapabilities, SignalQuery,
};
use pathops_core::evidence::AbsenceKind;
use pathops_core::{EnvironmentId, Error, ErrorKind, OpContext, Result, UnitId};

use self::list::Place;
use crate::cluster::{self, Http, Right};

pub use self::verifications::{VerificationQuery, VerificationReport};
pub use self::workload::Workload;
pub use crate::cluster::{Access, RightsFinding};

/// The adapter's name.
const NAME: &str = "kubernetes";

/// The least that the credential for a cluster needs, as manifests of Kubernetes.
pub const ROLE: &str = include_str!("kubernetes/role.yaml");

/// What it needs beside that where a workload is verified by others ([`Workload::rollout`], [`Workload::stage`],
/// [`Workload::commit_statuses`]).
pub const VERIFICATIONS_ROLE: &str = include_str!("kubernetes/verifications/role.yaml");

/// What [`ROLE`] grants.
const NEEDED: [Right; 7] = [
    Right { verb: "list", group: "", resource: "pods", part: "" },
    Right { verb: "list", group: "", resource: "events", part: "" },
    Right { verb: "get", group: "", resource: "pods", part: "log" },
    Right { verb: "list", group: "metrics.k8s.io", resource: "pods", part: "" },
    Right { verb: "get", group: "apps", resource: "deployments", part: "" },
    Right { verb: "get", group: "apps", resource: "statefulsets", part: "" },
    Right { verb: "get", group: "apps", resource: "daemonsets", part: "" },
];

/// What runs in one or several clusters. See the [module](self).
#[derive(Debug)]
pub struct Kubernetes {
    clock: Arc<dyn Clock>,
    clusters: BTreeMap<String, Http>,
    units: HashMap<(UnitId, EnvironmentId), Vec<Workload>>,
}

/// Says which clusters there are, and what runs in them.
#[derive(Debug)]
pub struct Builder {
    clock: Arc<dyn Clock>,
    clusters: BTreeMap<String, Access>,
    workloads: Vec<(UnitId, EnvironmentId, Workload)>,
}

impl Builder {
    /// A cluster, under a name of the host's choice. The last one of a name counts.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>, access: Access) -> Self {
        self.clusters.insert(name.into(), access);
        self
    }

    /// This workload is `unit` in `environment`, or a part of it.
    #[must_use]
    pub fn workload(mut self, unit: UnitId, environment: EnvironmentId, workload: Workload) -> Self {
        self.workloads.push((unit, environment, workload));
        self
    }

    /// The adapter. It asks nothing yet.
    ///
    /// # Errors
    /// `Invalid` where a workload is in a cluster that is not there, is named twice for a unit, or has a namespace or an instance that
    /// Kubernetes does not allow.
    pub fn build(self) -> Result<Kubernetes> {
        let mut units: HashMap<(UnitId, EnvironmentId), Vec<Workload>> = HashMap::new();
        for (unit, environment, workload) in self.workloads {
            let invalid = |why: &str| Err(Error::new(ErrorKind::Invalid, "set up Kubernetes").on(&workload).because(why));
            if !self.clusters.contains_key(&workload.cluster) {
                return invalid("there is no such cluster");
            }
            if let Some(why) = workload.mistake() {
                return invalid(why);
            }
            let known = units.entry((unit, environment)).or_default();
            if known.iter().any(|it| it.is_where(&workload)) {
                return invalid("this workload is named twice for its unit");
            }
            known.push(workload);
        }
        let connect = |(name, access)| (name, Http::new(access, self.clock.clone()));
        Ok(Kubernetes { clusters: self.clusters.into_iter().map(connect).collect(), clock: self.clock, units })
    }
}

impl Kubernetes {
    /// Begins to set one up.
    #[must_use]
    pub fn builder(clock: Arc<dyn Clock>) -> Builder {
        Builder { clock, clusters: BTreeMap::new(), workloads: Vec::new() }
    }

    /// Compares what the credentials may do in each namespace with the least that they need ([`ROLE`], and [`VERIFICATIONS_ROLE`] as far
    /// as it is used there), and tells by cluster and namespace (`main/shop`) what is missing and what is too much. Nothing is changed.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Denied` where a server does not answer that.
    pub async fn check_rights(&self, cx: &OpContext) -> Result<Vec<(String, RightsFinding)>> {
        let mut needed: BTreeMap<(&str, &str), BTreeSet<Right>> = BTreeMap::new();
        for Workload { cluster, namespace, verified, .. } in self.units.values().flatten() {
            needed.entry((cluster, namespace)).or_default().extend(NEEDED);
            for source in verified {
                needed.entry((cluster, source.namespace(namespace))).or_default().extend(source.rights());
            }
        }
        let mut all = Vec::new();
        for ((cluster, namespace), rights) in needed {
            let (http, rights) = (self.http(cluster)?, rights.into_iter().collect::<Vec<_>>());
            let findings = cluster::findings(http, cx, Some(namespace), namespace, &rights).await?;
            all.extend(findings.into_iter().map(|finding| (format!("{cluster}/{namespace}"), finding)));
        }
        Ok(all)
    }

    /// What Argo Rollouts, Kargo and GitOps Promoter have verified of the unit, each as a report for whoever takes reports in, or why
    /// there is none. It is empty where no workload of the unit is verified by any of them.
    ///
    /// A host hands each report to `pathops_evidence::ingest` as it would a file: with [`VerificationReport::bytes`], the format that
    /// [`VerificationReport::format`] names, and [`VerificationReport::at`] as the time of its origin.
    ///
    /// # Errors
    /// `Denied` where [`VERIFICATIONS_ROLE`] is not granted; `Invalid` where more objects belong to the unit than a report may hold, or AnalysisRuns
    /// of several revisions of a Rollout;
    /// `Unavailable`, `Timeout`, `RateLimited` and their like as the server answers; `Unexpected` where an answer cannot be read.
    pub async fn verifications(&self, cx: &OpContext, query: &VerificationQuery) -> Result<Vec<Collected<VerificationReport>>> {
        let now = self.clock.now();
        let Some(workloads) = self.units.get(&(query.unit.clone(), query.environment.clone())) else {
            return Ok(vec![not_configured(&query.unit, &query.environment)]);
        };
        let mut reports = Vec::new();
        for workload in workloads {
            let place = Place { http: self.http(&workload.cluster)?, cx, workload };
            for source in &workload.verified {
                reports.push(source.read(&place, query, now).await?);
            }
        }
        Ok(reports)
    }

    fn http(&self, cluster: &str) -> Result<&Http> {
        self.clusters.get(cluster).ok_or_else(|| Error::new(ErrorKind::Unexpected, "find a cluster").on(cluster))
    }

    /// Where the unit runs, or why that is not known.
    fn places<'a>(&'a self, cx: &'a OpContext, query: &SignalQuery) -> Result<Collected<Vec<Place<'a>>>> {
        match self.units.get(&(query.unit.clone(), query.target.environment.clone())) {
            Some(workloads) => {
                let place = |workload: &'a Workload| Ok(Place { http: self.http(&workload.cluster)?, cx, workload });
                workloads.iter().map(place).collect::<Result<_>>().map(Collected::Present)
            }
            None => Ok(not_configured(&query.unit, &query.target.environment)),
        }
    }
}

#[async_trait]
impl RuntimeSignals for Kubernetes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> SignalCapabilities {
        let mut capabilities = SignalCapabilities::default();
        (capabilities.logs, capabilities.events, capabilities.metrics) = (true, true, true);
        capabilities
    }

    async fn logs(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        match self.places(cx, query)? {
            Collected::Present(places) => logs::read(&places, query, &*self.clock).await,
            Collected::Absent(why) => Ok(Collected::Absent(why)),
        }
    }

    async fn events(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        let now = self.clock.now();
        match self.places(cx, query)? {
            Collected::Present(places) => {
                let all = try_join_all(places.iter().map(|place| events::read(place, query.since, now))).await?;
                Ok(joined(all, |event| event.at))
            }
            Collected::Absent(why) => Ok(Collected::Absent(why)),
        }
    }

    async fn metrics(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<Sample>>> {
        match self.places(cx, query)? {
            Collected::Present(places) => {
                let all = try_join_all(places.iter().map(|place| usage::read(place, query.since))).await?;
                Ok(joined(all, |sample| sample.at))
            }
            Collected::Absent(why) => Ok(Collected::Absent(why)),
        }
    }
}

/// What there is in any place, in the order of time; where there is none in any, why.
fn joined<T, K: Ord>(all: Vec<Collected<Vec<T>>>, at: impl Fn(&T) -> K) -> Collected<Vec<T>> {
    let (mut items, mut reasons) = (Vec::new(), Vec::new());
    for one in all {
        match one {
            Collected::Present(some) => items.extend(some),
            Collected::Absent(why) => reasons.push(why),
        }
    }
    items.sort_by_key(at);
    match Lack::of_all(reasons) {
        Some(lack) if items.is_empty() => Collected::Absent(lack),
        _ => Collected::Present(items),
    }
}

fn not_configured<T>(unit: &UnitId, environment: &EnvironmentId) -> Collected<T> {
    Collected::absent(AbsenceKind::NotConfigured, format!("no workload is configured for `{unit}` in {environment}"))
}
