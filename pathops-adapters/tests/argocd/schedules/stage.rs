//! The servers, Git and the adapter of one schedule.

use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::argocd::{ArgoCd, ManagedApplication};
use pathops_adapters::kubernetes::{Kubernetes, Workload};
use pathops_core::adapter::{Clock as _, ExpectedDeployment, GitOps as _, JobKind, Observation, Readiness, StaleAction};
use pathops_core::memory::ManualClock;
use pathops_core::project::EnvironmentTarget;
use pathops_core::{CommitId, UnixMillis};
use pathops_fakes::argocd::{Cluster, Key, Servers, container, key, pod};
use serde_json::{Value, json};

use super::defect::Defect;
use super::{Seen, Wrong};
use crate::crd;
use crate::schedule::controller::{IMAGE, OURS, Tree, artifact, image};
use crate::schedule::{Answer as _, REPO, Random, Schedule};
use crate::world::{self, Git, Running, Way, cx, kubernetes_access, repo, unit, watch};

const REFRESH: &str = "argocd.argoproj.io/refresh";

fn target() -> EnvironmentTarget {
    EnvironmentTarget { path: OURS.parse().unwrap(), ..world::target() }
}

fn place() -> Key {
    key("argocd", "app")
}

pub(super) struct Stage {
    servers: Servers,
    git: Git,
    clock: ManualClock,
    argo: Arc<ArgoCd>,
    defect: Defect,
    /// What Git calls the commits of the model.
    commits: Vec<CommitId>,
    /// What summaries say of images where the adapter asks the pods, which is anything.
    summaries: Option<Random>,
    /// What ran when all was quiet last.
    before: Tree,
    runs: Vec<Tree>,
    /// What was written down last, and its version.
    written: (Value, u64),
    watching: Option<Running>,
    broken_off: bool,
    refreshing: Option<Running>,
    last: Option<Observation>,
    pub(super) seen: Seen,
    /// What was said to be ready by what was before, and would have been by what is.
    pub(super) out_of_date: Option<String>,
}

impl Stage {
    pub(super) async fn new(seed: u64, schedule: &Schedule, defect: Defect) -> Self {
        // To hold all objects against their definition takes longer than all else.
        let check: fn(&Value) = if seed.is_multiple_of(25) { crd::check_sent } else { |_| () };
        let (git, servers) = (Git::new(), Servers::start(Cluster::new(check)).await);
        let clock = ManualClock::new(UnixMillis(schedule.argo.now));
        let way = [Way::Kubernetes, Way::Server, Way::Annotation][usize::try_from(seed % 3).unwrap()];
        let managed = ManagedApplication::new("main", "argocd", "app", REPO).image(IMAGE);
        let mut builder = ArgoCd::builder(git.scm.clone(), Arc::new(clock.clone()))
            .instance("main", way.instance(&servers))
            .manage(unit(), target().environment, repo(), managed.job("smoke".parse().unwrap(), JobKind::Smoke, "smoke"));
        let asks_pods = seed % 5 < 3;
        if asks_pods {
            let pods = Kubernetes::builder(Arc::new(clock.clone())).cluster("main", kubernetes_access(&servers));
            let workload = Workload::new("main", "shop", "app");
            builder = builder.pods(Arc::new(pods.workload(unit(), target().environment, workload).build().unwrap()));
        }
        let mut stage = Self {
            servers,
            git,
            clock,
            argo: Arc::new(builder.build().unwrap()),
            defect,
            commits: Vec::new(),
            summaries: asks_pods.then(|| Random::new(seed)),
            before: schedule.argo.live_tree(),
            runs: Vec::new(),
            written: (Value::Null, 0),
            watching: None,
            broken_off: false,
            refreshing: None,
            last: None,
            seen: Seen::default(),
            out_of_date: None,
        };
        stage.write(schedule).await;
        stage.watching = seed.is_multiple_of(2).then(|| watch(&stage.argo));
        let mut faults = stage.servers.cluster.faults();
        (faults.duplicate, faults.reorder) = (seed % 4 == 2, seed % 8 == 2);
        drop(faults);
        stage
    }

    /// The watch breaks off in the middle of the next event, and begins anew. Who takes it for broken off does so until this is said
    /// again.
    pub(super) fn break_off(&mut self, broken_off: bool) {
        self.broken_off = broken_off && self.watching.is_some();
        if self.broken_off {
            self.servers.cluster.faults().cut_after = Some(0);
        }
    }

    /// Time, Git, what runs, and the Application become what they are in the model.
    pub(super) async fn write(&mut self, schedule: &Schedule) {
        let argo = &schedule.argo;
        self.clock.advance(Duration::from_millis(u64::try_from(argo.now - self.clock.now().0).unwrap()));
        while let Some(tree) = argo.branch.get(self.commits.len()) {
            let number = self.commits.len();
            let files = [(format!("{OURS}/desired"), usize::from(*tree)), ("number".to_owned(), number)];
            let files = files.map(|(path, text)| (path.parse().unwrap(), text.to_string()));
            self.commits.push(self.git.write(&files).await);
        }
        self.roll_out(schedule);
        let mut object = argo.application(|commit| self.commits[commit].clone());
        if object == self.written.0 {
            return;
        }
        self.written.0 = object.clone();
        (object["metadata"]["namespace"], object["metadata"]["name"]) = (json!("argocd"), json!("app"));
        if let Some(random) = &mut self.summaries {
            object["status"]["summary"] = json!({"images": [image(random.tree())]});
        }
        self.defect.reads(&mut object);
        self.written.1 = self.servers.cluster.put(object);
    }

    /// Old pods go once all is quiet.
    fn roll_out(&mut self, schedule: &Schedule) {
        let live = schedule.argo.live_tree();
        if schedule.argo.is_quiet() {
            self.before = live;
        }
        self.runs = vec![self.before, live];
        let mut runs = self.servers.cluster.runs();
        for (name, tree) in ["app-7b9f-a", "app-7b9f-b"].into_iter().zip(&self.runs) {
            let running = json!({"running": {"startedAt": "2026-11-22T11:45:50Z"}});
            let containers = json!([container("app", &image(*tree), 0, &running, &json!({}))]);
            runs.pod(pod(&key("shop", name), "app", &containers));
        }
    }

    async fn expected(&self, schedule: &Schedule) -> ExpectedDeployment {
        let (commit, path) = (self.commits[schedule.expected].clone(), target().path);
        ExpectedDeployment {
            unit: unit(),
            target: target(),
            repo: repo(),
            tree: self.git.scm.tree_at(&cx(), &repo(), &commit, &path).await.unwrap().unwrap(),
            commit,
            artifact: Some(artifact(schedule.tree())),
            jobs: if schedule.with_hooks { vec!["smoke".parse().unwrap()] } else { Vec::new() },
            settle: schedule.settle,
            since: UnixMillis(schedule.requested_at),
        }
    }

    /// What is said now, once the watch has told of all that was written down. What is said until then has to be true as well.
    pub(super) async fn ask(&mut self, schedule: &mut Schedule) -> Result<Observation, Wrong> {
        self.write(schedule).await;
        let expected = self.expected(schedule).await;
        let seen = loop {
            let seen = self.observe(&expected).await;
            self.hold_against_truth(&seen, schedule)?;
            if !seen.readiness.waits() || seen.resource_version == self.written.1.to_string() {
                break seen;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        self.seen.note(&seen.readiness);
        if matches!(seen.readiness, Readiness::Stale(_, StaleAction::Refresh)) {
            self.refresh(schedule).await;
        }
        Ok(seen)
    }

    async fn observe(&mut self, expected: &ExpectedDeployment) -> Observation {
        if let Some(remembered) = self.defect.remembers(self.last.as_ref(), self.broken_off) {
            return remembered;
        }
        let seen = self.defect.says(self.argo.observe(&cx(), expected).await.unwrap());
        self.last = Some(seen.clone());
        seen
    }

    /// Asks for a look, which is under way from then on.
    async fn refresh(&mut self, schedule: &mut Schedule) {
        let is_asked = || self.servers.cluster.get(&place()).unwrap()["metadata"]["annotations"].get(REFRESH).is_some();
        if !is_asked() {
            let argo = self.argo.clone();
            let refresh = async move { argo.refresh(&cx(), &unit(), &target()).await.unwrap() };
            self.refreshing = Some(Running::begin(refresh));
        }
        while !is_asked() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        schedule.argo.refresh = true;
        self.written.0 = Value::Null;
    }

    /// That nothing is said to be ready without its being true, by what was written down last.
    fn hold_against_truth(&mut self, said: &Observation, schedule: &Schedule) -> Result<(), Wrong> {
        if !said.readiness.is_ready() {
            return Ok(());
        }
        let good = artifact(schedule.tree());
        let runs = self.summaries.is_none() || self.runs.iter().all(|tree| artifact(*tree) == good);
        if !schedule.was_ready() || !runs || said.artifact != Some(good) {
            let (truth, runs, written) = (&schedule.argo.truth, &self.runs, &self.written.0);
            return Err(Wrong::FalseAccept(format!("{said:?}, where {runs:?} runs and this is true: {truth:?}\n{written:#}")));
        }
        if said.resource_version != self.written.1.to_string() {
            self.out_of_date = Some(format!("{said:?}, and not of version {}", self.written.1));
        }
        Ok(())
    }
}
