//! A forge, a cluster with one Argo CD, and the adapter on them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pathops_adapters::argocd::{Access, ArgoCd, Instance, ManagedApplication};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock, FileChange, JobKind, NewCommit, Scm, SourceFile, SourceTree};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState, GitOpsFixture, GitOpsWorld};
use pathops_core::memory::MemoryForge;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{BranchName, CommitId, Digest, IdempotencyKey, JobName, OpContext, Principal, RepoId, RepoPath, UnitId};
use pathops_fakes::argocd::{self, Cluster, Servers, key};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::controller::{Controller, HOOKS, IMAGE};
use crate::crd;

pub(crate) const REPO_URL: &str = "https://git.example/shop/orders-gitops.git";

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

pub(crate) fn unit() -> UnitId {
    "orders".parse().unwrap()
}

pub(crate) fn target() -> EnvironmentTarget {
    EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight)
}

pub(crate) fn repo() -> RepoId {
    "shop/orders-gitops".parse().unwrap()
}

pub(crate) fn jobs() -> Vec<JobName> {
    ["smoke", "health"].map(|name| name.parse().unwrap()).into()
}

/// A desired-state repository.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    pub(crate) scm: Arc<dyn Scm>,
}

fn file(text: &str) -> SourceFile {
    SourceFile { bytes: text.as_bytes().to_vec(), executable: false }
}

impl Git {
    pub(crate) fn new() -> Self {
        let forge = MemoryForge::new(Arc::new(SystemClock));
        let files = SourceTree::from([("README.md".parse().unwrap(), file("read me\n"))]);
        forge.create_repo(&repo(), &BTreeMap::from([(target().branch, files)])).unwrap();
        Self { scm: forge.scm(Principal::System) }
    }

    pub(crate) async fn head(&self) -> CommitId {
        self.scm.branch_head(&cx(), &repo(), &target().branch).await.unwrap().unwrap()
    }

    pub(crate) async fn write(&self, files: &[(RepoPath, String)]) -> CommitId {
        let branch: BranchName = target().branch;
        let change = |(path, text): &(RepoPath, String)| FileChange { path: path.clone(), file: Some(file(text)) };
        let new = NewCommit {
            branch,
            expected_head: self.head().await,
            message: "Change files".to_owned(),
            author: Principal::System,
            at: SystemClock.now(),
            changes: files.iter().map(change).collect(),
        };
        self.scm.commit(&cx(), &repo(), &new).await.unwrap()
    }
}

pub(crate) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

#[async_trait]
impl DesiredState for Git {
    async fn commit(&self, desired: Desired) -> Committed {
        let fate = match desired {
            Desired::Healthy { version } => format!("version {version}"),
            other => format!("{other:?}"),
        };
        let within = |name: &str| target().path.join(name).unwrap();
        let commit = if desired == Desired::Unchanged {
            self.write(&[("README.md".parse().unwrap(), format!("{}\n", self.head().await))]).await
        } else {
            self.write(&[(within("desired"), fate.clone()), (within("image"), digest(&fate).to_string())]).await
        };
        let tree = self.scm.tree_at(&cx(), &repo(), &commit, &target().path).await.unwrap().unwrap();
        let image = self.scm.read_file(&cx(), &repo(), &commit, &within("image")).await.unwrap().unwrap();
        let artifact = Some(String::from_utf8(image).unwrap().parse().unwrap());
        Committed { commit, tree, artifact }
    }
}

/// An Application that nobody has looked at yet.
pub(crate) fn application(namespace: &str, name: &str) -> Value {
    argocd::application(&key(namespace, name), REPO_URL, target().path.as_str(), target().branch.as_str())
}

/// A cluster whose objects are held against their definition.
pub(crate) fn cluster() -> Cluster {
    Cluster::new(crd::check)
}

pub(crate) fn kubernetes_access(servers: &Servers) -> Access {
    Access::url(&servers.kubernetes.url).token("first")
}

pub(crate) fn argo_access(servers: &Servers) -> Access {
    Access::url(&servers.argo.url).token("first")
}

/// How the adapter reads and refreshes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// By Kubernetes, refreshed by Argo CD.
    Kubernetes,
    /// By Argo CD alone.
    Server,
    /// By Kubernetes alone.
    Annotation,
}

impl Way {
    pub(crate) fn instance(self, servers: &Servers) -> Instance {
        match self {
            Way::Kubernetes => Instance::cluster(kubernetes_access(servers)).refreshing_through(argo_access(servers)),
            Way::Server => Instance::server(argo_access(servers)),
            Way::Annotation => Instance::cluster(kubernetes_access(servers)).namespace("argocd").refreshing_by_annotation(),
        }
    }
}

pub(crate) fn orders() -> ManagedApplication {
    let [smoke, health] = HOOKS;
    ManagedApplication::new("main", "argocd", "orders-preflight", REPO_URL)
        .image(IMAGE)
        .job("smoke".parse().unwrap(), JobKind::Smoke, smoke)
        .job("health".parse().unwrap(), JobKind::Health, health)
}

pub(crate) fn argo_cd(git: &Git, instance: Instance) -> Arc<ArgoCd> {
    let builder = ArgoCd::builder(git.scm.clone(), Arc::new(SystemClock)).instance("main", instance);
    Arc::new(builder.manage(unit(), target().environment, repo(), orders()).build().unwrap())
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) fn watch(argo: &Arc<ArgoCd>) -> Running {
    let argo = argo.clone();
    Running(tokio::spawn(async move { argo.run(std::future::pending()).await }))
}

/// One unit in one environment, whether the adapter watches or not.
#[derive(Debug)]
pub(crate) struct Conformance {
    pub(crate) way: Way,
    pub(crate) watching: bool,
}

#[async_trait]
impl GitOpsFixture for Conformance {
    async fn fresh(&self) -> GitOpsWorld {
        let (git, servers) = (Git::new(), Servers::start(cluster()).await);
        servers.cluster.put(application("argocd", "orders-preflight"));
        let controller = Controller::start(servers.cluster.clone(), git.scm.clone(), repo());
        let argo = argo_cd(&git, self.way.instance(&servers));
        let watching = self.watching.then(|| watch(&argo));
        let guard: Box<dyn Any + Send + Sync> = Box::new((servers, controller, watching));
        GitOpsWorld {
            gitops: argo,
            git: Arc::new(git),
            clock: Arc::new(SystemClock),
            unit: unit(),
            target: target(),
            repo: repo(),
            jobs: jobs(),
            guard,
        }
    }
}
