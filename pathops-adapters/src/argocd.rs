//! Argo CD as a GitOps controller: what it says of an expected deployment, and nothing that changes one.
//!
//! An [`ArgoCd`] reads `Application` objects of one or several [`Instance`]s of Argo CD, by the API server of Kubernetes or by
//! Argo CD's own, and judges them by the rule of [`argo_verdict`](crate::argo_verdict). Which Applications are a unit in an
//! environment is told by the host ([`ManagedApplication`]); where there are several, all of them have to be ready.
//!
//! What it guarantees:
//!
//! * **Truth by read.** [`ArgoCd::run`] keeps one watch for each instance. What the watch told answers "not yet" without a
//!   request; whatever makes the caller act, above all "ready", is read back from the server first. Without a watch, or with one
//!   that has said nothing for a minute, everything is read. So a late, lost or doubled event costs a request, never a wrong answer.
//! * **It changes nothing.** A refresh is asked for through Argo CD's API, which takes the right to *get* Applications only. By
//!   annotation it is asked for only where the host says so ([`Instance::refreshing_by_annotation`]), since the right to patch
//!   Applications allows much more. It never syncs, and never writes a spec or an operation.
//! * **Why not stands elsewhere, and is read there.** From version 3.0 on, Argo CD leaves the health of single resources out of an
//!   Application, whose own health says what they come to; what ails is then told by the tree of resources. Where a sync is missing, the
//!   project's sync windows say whether one may begin. Both take Argo CD's own API, are not waited for long, and change no verdict: an
//!   instance that is read and refreshed by Kubernetes alone is judged as well, and explained in fewer words.
//! * **Tests count for the commits that they ran for.** A job is a hook of Argo CD; its result is that of the last whole sync of
//!   the expected commit. A commit that changes nothing runs no hook: it is *not tested*.
//! * **What runs is asked of who runs it.** Where the host says who knows the pods ([`Builder::pods`]), an artifact is live once their
//!   nodes say that it runs, and none of its other versions; they are asked once all else holds. Without that, what Argo CD's summary names
//!   has to do, which can still name what is gone, and not name yet what has come.
//! * **Nothing is ready unseen.** Where an Application of a unit manages Applications (an app of apps), each of them has to be named as
//!   one of the same unit, and is judged like the others: Argo CD's own health leaves them out. One that is not named makes the unit
//!   [`Unjudged`](pathops_core::adapter::Stale::Unjudged), with words that name it. So does an ApplicationSet that is managed by an
//!   Application of the unit, since nothing tells which Applications it makes: have it managed from outside the unit, and name what it
//!   makes. So do Applications that are managed in another cluster, until the host says by which instance
//!   ([`ManagedApplication::children_in`]). Applications that came of something else are not seen by versions of Argo CD that do not
//!   write `isAppOfApps`, nor beside an Application that is managed. What an Application manages is to be compared again after its
//!   parent's last operation, so that it is judged by the spec that was applied then.
//! * **Bounded memory.** Of the managed Applications the fields are kept that the rule reads, and nothing of the others.
//!
//! Requests are not retried here, but for one: a refused credential is read again, once. The watch alone begins anew by itself,
//! with growing waits, and after as long as the server says.
//!
//! A program that builds this feature chooses the version of Kubernetes' types with a feature of `k8s-openapi`, or with the
//! environment variable `K8S_OPENAPI_ENABLED_VERSION`; none of those types is used here.
//!
//! ```
//! use std::sync::Arc;
//! use pathops_adapters::argocd::{Access, ArgoCd, Instance, ManagedApplication};
//! use pathops_core::adapter::{Clock, GitOps, JobKind, Scm};
//!
//! fn controller(scm: Arc<dyn Scm>, clock: Arc<dyn Clock>, token: String) -> Result<ArgoCd, Box<dyn std::error::Error>> {
//!     let main = Instance::cluster(Access::in_cluster())
//!         .namespace("argocd")
//!         .refreshing_through(Access::url("https://argocd.example").token(token));
//!     let orders = ManagedApplication::new("main", "argocd", "orders-preflight", "https://git.example/shop/orders-gitops")
//!         .image("registry.example/shop/orders")
//!         .job("smoke".parse()?, JobKind::Smoke, "orders-smoke");
//!     let argo_cd = ArgoCd::builder(scm, clock)
//!         .instance("main", main)
//!         .manage("orders".parse()?, "preflight".parse()?, "shop/orders-gitops".parse()?, orders)
//!         .build()?;
//!     assert_eq!(argo_cd.name(), "argocd");
//!     assert!(argo_cd.capabilities().refresh);
//!     // What a notification tells of that Application is about this.
//!     assert_eq!(argo_cd.units_of("argocd/orders-preflight"), [("orders".parse()?, "preflight".parse()?)]);
//!     Ok(argo_cd)
//! }
//! ```

mod answer;
pub mod hooks;
mod instance;
mod jobs;
mod kubernetes;
mod managed;
mod observe;
mod pods;
mod rights;
mod server;
mod source;
mod watch;
mod window;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use pathops_core::adapter::{Clock, ExpectedDeployment, GitOps, GitOpsCapabilities, Observation, Scm};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{EnvironmentId, Error, ErrorKind, OpContext, RepoId, Result, UnitId};

use self::instance::Connected;
use crate::live::Trees;

pub use self::instance::Instance;
pub use self::managed::ManagedApplication;
pub use self::pods::Pods;
pub use self::rights::{ACCOUNT, ROLE};
pub use crate::argo_verdict::RunningImages;
pub use crate::cluster::{Access, RightsFinding};

/// The adapter's name.
const NAME: &str = "argocd";

/// Argo CD, in one or several instances. See the [module](self).
#[derive(Debug)]
pub struct ArgoCd {
    clock: Arc<dyn Clock>,
    trees: Trees,
    pods: Option<Arc<dyn Pods>>,
    instances: BTreeMap<String, Connected>,
    units: HashMap<(UnitId, EnvironmentId), Unit>,
    /// Git repositories beside the desired state, by how Applications call them.
    repositories: Vec<(String, RepoId)>,
}

/// A unit in an environment.
#[derive(Debug)]
struct Unit {
    repo: RepoId,
    applications: Vec<ManagedApplication>,
}

/// Says which Argo CD there is, and what it manages.
#[derive(Debug)]
pub struct Builder {
    scm: Arc<dyn Scm>,
    clock: Arc<dyn Clock>,
    pods: Option<Arc<dyn Pods>>,
    instances: BTreeMap<String, Instance>,
    managed: Vec<(UnitId, EnvironmentId, RepoId, ManagedApplication)>,
    repositories: Vec<(String, RepoId)>,
}

impl Builder {
    /// An instance of Argo CD, under a name of the host's choice. The last one of a name counts.
    #[must_use]
    pub fn instance(mut self, name: impl Into<String>, instance: Instance) -> Self {
        self.instances.insert(name.into(), instance);
        self
    }

    /// This Application is `unit` in `environment`, or a part of it; `repo` is its desired-state repository on the Git host.
    #[must_use]
    pub fn manage(mut self, unit: UnitId, environment: EnvironmentId, repo: RepoId, application: ManagedApplication) -> Self {
        self.managed.push((unit, environment, repo, application));
        self
    }

    /// What Applications call `url` is `repo` on the Git host: a further Git source, or what a source hydrator writes to. Of
    /// repositories that nobody names here only the expected commit itself counts.
    #[must_use]
    pub fn repository(mut self, url: impl Into<String>, repo: RepoId) -> Self {
        self.repositories.push((url.into(), repo));
        self
    }

    /// What runs is told by these. A verdict on a unit whose pods they know, and of which one Application is expected to run an artifact,
    /// takes one more request where all else holds: with a refresh and a read it is three, where one read gives all pods. Where several
    /// Applications of a unit run it, their own summaries count: nobody says which pods are of which.
    ///
    /// The artifact has to be in a container that goes on running: one of a job or a schedule runs nothing most of the time.
    #[must_use]
    pub fn pods(self, pods: Arc<dyn Pods>) -> Self {
        Self { pods: Some(pods), ..self }
    }

    /// The adapter. It asks nothing yet.
    ///
    /// # Errors
    /// `Invalid` where an Application, or what it manages, is of an instance that is not there, where one is named twice for a unit, or
    /// where a unit has two desired-state repositories in one environment, or no Application with a source there.
    pub fn build(self) -> Result<ArgoCd> {
        let mut units: HashMap<(UnitId, EnvironmentId), Unit> = HashMap::new();
        let mut places: BTreeMap<String, HashSet<source::Place>> = BTreeMap::new();
        for (unit, environment, repo, application) in self.managed {
            let on = format!("{} of instance {}", application.place, application.instance);
            let invalid = |why: &str| Err(Error::new(ErrorKind::Invalid, "set up Argo CD").on(&on).because(why));
            let named = [application.instance.as_str(), application.instance_of_children()];
            if !named.iter().all(|name| self.instances.contains_key(*name)) {
                return invalid("there is no such instance");
            }
            places.entry(application.instance.clone()).or_default().insert(application.place.clone());
            let known = units.entry((unit, environment)).or_insert_with(|| Unit { repo: repo.clone(), applications: Vec::new() });
            if known.repo != repo {
                return invalid("its unit has another desired-state repository already");
            }
            if known.applications.iter().any(|it| it.instance == application.instance && it.place == application.place) {
                return invalid("this Application is named twice for its unit");
            }
            known.applications.push(application);
        }
        let elsewhere = |unit: &Unit| !unit.applications.iter().any(ManagedApplication::has_desired_state);
        if let Some(((unit, environment), _)) = units.iter().find(|(_, unit)| elsewhere(unit)) {
            let error = Error::new(ErrorKind::Invalid, "set up Argo CD").on(format!("{unit} in {environment}"));
            return Err(error.because("none of its Applications has a source in its desired-state repository"));
        }
        let connect = |(name, instance): (String, Instance)| {
            let managed = places.remove(&name).unwrap_or_default();
            (name, instance.connect(&self.clock, managed))
        };
        let instances = self.instances.into_iter().map(connect).collect();
        let (trees, clock) = (Trees::new(self.scm), self.clock.clone());
        Ok(ArgoCd { clock, trees, pods: self.pods, instances, units, repositories: self.repositories })
    }
}

impl ArgoCd {
    /// Begins to set one up. `scm` is asked what Git says of commits and trees.
    #[must_use]
    pub fn builder(scm: Arc<dyn Scm>, clock: Arc<dyn Clock>) -> Builder {
        Builder { scm, clock, pods: None, instances: BTreeMap::new(), managed: Vec::new(), repositories: Vec::new() }
    }

    /// Watches all instances until `stop` is done. Without it each observation reads what it needs.
    ///
    /// # Cancel safety
    /// Dropping the future stops the watches.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let watches = join_all(self.instances.values().map(Connected::keep_watching));
        tokio::select! {
            _ = watches => {}
            () = stop => {}
        }
    }

    /// Compares what the credentials of all instances may do with the least that they need ([`ROLE`], [`ACCOUNT`]), and tells
    /// by the name of the instance what is missing and what is too much. Nothing is changed.
    ///
    /// Of Argo CD's own policies it finds rights in all projects. It does not find those in some projects alone, nor those to some
    /// actions or resources of Applications alone (`action/*`, `update/*`, `delete/*`), for which Argo CD refuses to be asked; and it
    /// misses the right to get Applications of an account that has it in some projects alone.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Denied` where a server does not answer that.
    pub async fn check_rights(&self, cx: &OpContext) -> Result<Vec<(String, RightsFinding)>> {
        let mut all = Vec::new();
        for (name, instance) in &self.instances {
            all.extend(instance.check_rights(cx).await?.into_iter().map(|finding| (name.clone(), finding)));
        }
        Ok(all)
    }

    /// Which units in which environments an Application is, or is a part of: `namespace/name`, as its notifications call it
    /// by `webhook::ARGO_CD_TEMPLATE`. Of which instance it is they do not say, so it may be one of any.
    #[must_use]
    pub fn units_of(&self, application: &str) -> Vec<(UnitId, EnvironmentId)> {
        let is_of = |unit: &Unit| unit.applications.iter().any(|it| it.place.to_string() == application);
        self.units.iter().filter(|(_, unit)| is_of(unit)).map(|(place, _)| place.clone()).collect()
    }

    fn unit(&self, operation: &'static str, unit: &UnitId, target: &EnvironmentTarget) -> Result<&Unit> {
        self.units.get(&(unit.clone(), target.environment.clone())).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, operation)
                .on(format!("{unit} in {}", target.environment))
                .because("no Application is configured for it")
                .advise("tell the adapter which Applications are that unit there")
        })
    }

    fn connected(&self, application: &ManagedApplication) -> Result<&Connected> {
        let missing = || Error::new(ErrorKind::Unexpected, "find an instance of Argo CD").on(&application.instance);
        self.instances.get(&application.instance).ok_or_else(missing)
    }
}

#[async_trait]
impl GitOps for ArgoCd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> GitOpsCapabilities {
        let mut capabilities = GitOpsCapabilities::default();
        capabilities.refresh = self.instances.values().all(Connected::can_refresh);
        capabilities.jobs = true;
        capabilities
    }

    async fn observe(&self, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
        observe::observe(self, cx, expected).await
    }

    async fn refresh(&self, cx: &OpContext, unit: &UnitId, target: &EnvironmentTarget) -> Result<()> {
        let unit = self.unit("refresh a deployment", unit, target)?;
        let asked = unit
            .applications
            .iter()
            .map(|application| async move { self.connected(application)?.refresh(cx, &application.place).await });
        join_all(asked).await.into_iter().collect()
    }
}
