//! Plays Argo CD's controller before a machine that really deploys: the machine makes itself what Git says, and here is written
//! down what becomes of it, as Argo CD writes it down. A state that is new is synced once; the jobs that the machine runs after it
//! are the hooks of that sync.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{Clock, ExpectedDeployment, GitOps, JobResult, Observation, Readiness, Scm, StaleAction};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{CommitId, IdempotencyKey, JobName, OpContext, RepoId, TreeId, UnitId, UnixMillis};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::REFRESH;
use crate::kubernetes::{Cluster, Key, second};

/// How often it looks whether it has something to do.
const PAUSE: Duration = Duration::from_millis(20);

/// One Application, and what the machine calls it.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Where the Application is.
    pub application: Key,
    /// The unit.
    pub unit: UnitId,
    /// Its environment.
    pub target: EnvironmentTarget,
    /// Its desired state.
    pub repo: RepoId,
    /// The repository of its image.
    pub image: String,
    /// Its jobs, and the hooks that they are here.
    pub jobs: Vec<(JobName, String)>,
}

/// A controller that runs until it is dropped.
#[derive(Debug)]
pub struct Controller(JoinHandle<()>);

impl Drop for Controller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The last sync of an Application.
#[derive(Clone, Debug)]
struct Sync {
    commit: CommitId,
    tree: TreeId,
    started: UnixMillis,
    ended: Option<Ended>,
}

#[derive(Clone, Debug)]
struct Ended {
    at: UnixMillis,
    phase: &'static str,
    message: String,
    jobs: Vec<JobResult>,
}

struct App {
    of: Deployed,
    sync: Option<Sync>,
    compare: bool,
    health: Option<(&'static str, UnixMillis)>,
}

struct Playing {
    cluster: Cluster,
    git: Arc<dyn Scm>,
    machine: Arc<dyn GitOps>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Playing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playing").field("machine", &self.machine.name()).finish_non_exhaustive()
    }
}

impl Controller {
    /// Begins to play for these Applications of `cluster`, on the runtime around. `git` is where the desired state is read.
    pub fn start(
        cluster: Cluster,
        git: Arc<dyn Scm>,
        machine: Arc<dyn GitOps>,
        clock: Arc<dyn Clock>,
        deployed: Vec<Deployed>,
    ) -> Self {
        cluster.runs().verify();
        let playing = Playing { cluster, git, machine, clock };
        let mut apps: Vec<App> = deployed.into_iter().map(|of| App { of, sync: None, compare: true, health: None }).collect();
        Self(tokio::spawn(async move {
            loop {
                for app in &mut apps {
                    playing.step(app).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("controller"))
}

impl Playing {
    async fn step(&self, app: &mut App) {
        let Some(object) = self.cluster.get(&app.of.application) else { return };
        if app.sync.as_ref().is_some_and(|sync| sync.ended.is_none()) {
            self.go_on(app).await;
        } else if app.compare || object["metadata"]["annotations"].get(REFRESH).is_some() {
            self.compare(app).await;
        }
    }

    /// What the machine says of a state, judged from a look after `since` on.
    async fn observe(&self, of: &Deployed, commit: &CommitId, tree: &TreeId, since: UnixMillis) -> Observation {
        let expected = ExpectedDeployment {
            unit: of.unit.clone(),
            target: of.target.clone(),
            repo: of.repo.clone(),
            commit: commit.clone(),
            tree: tree.clone(),
            artifact: None,
            jobs: of.jobs.iter().map(|(job, _)| job.clone()).collect(),
            settle: Duration::ZERO,
            since,
        };
        self.machine.observe(&cx(), &expected).await.unwrap()
    }

    /// Goes on with a sync, to its end where the machine has come to one.
    async fn go_on(&self, app: &mut App) {
        let sync = app.sync.as_mut().unwrap();
        let seen = self.observe(&app.of, &sync.commit, &sync.tree, sync.started).await;
        let (phase, message) = match seen.readiness {
            Readiness::Ready => ("Succeeded", "successfully synced (all tasks run)".to_owned()),
            Readiness::Failed(failure) => ("Failed", format!("one or more tasks completed unsuccessfully: {failure:?}")),
            Readiness::Stale(_, StaleAction::GiveUp) => ("Failed", "another revision came in between".to_owned()),
            _ => return,
        };
        let jobs = seen.jobs.into_iter().filter(|job| job.tree == sync.tree).collect();
        let ended = Ended { at: self.clock.now(), phase, message, jobs };
        self.cluster.runs().verified(analysis(&app.of, sync.started, &ended));
        sync.ended = Some(ended);
        app.compare = true;
        let (of, sync) = (&app.of, sync.clone());
        self.cluster.edit(&of.application, |object| object["status"]["operationState"] = written(of, &sync, object));
    }

    /// Compares what runs with what Git asks for, and begins to sync what is new there.
    async fn compare(&self, app: &mut App) {
        let (of, began) = (app.of.clone(), self.clock.now());
        let Some(head) = self.git.branch_head(&cx(), &of.repo, &of.target.branch).await.unwrap() else { return };
        let tree = self.git.tree_at(&cx(), &of.repo, &head, &of.target.path).await.unwrap();
        let seen = match &tree {
            Some(tree) => Some(self.observe(&of, &head, tree, UnixMillis(0)).await),
            None => None,
        };
        let tried = tree.is_some() && app.sync.as_ref().map(|sync| &sync.tree) == tree.as_ref();
        let in_sync = tree.is_none() || (tried && seen.as_ref().and_then(|seen| seen.tree.as_ref()) == tree.as_ref());
        let health = health(seen.as_ref());
        if app.health.is_none_or(|(was, _)| was != health) {
            app.health = Some((health, self.clock.now()));
        }
        let since = seen.as_ref().and_then(|seen| seen.healthy_since).or(app.health.map(|(_, since)| since));
        let status = if in_sync { "Synced" } else { "OutOfSync" };
        let resources: Vec<Value> = tree.iter().map(|_| resource(&of, status, None)).collect();
        let image = seen.as_ref().and_then(|seen| seen.artifact).map(|digest| format!("{}@{digest}", of.image));
        let url = seen.and_then(|seen| seen.url);
        self.cluster.edit(&of.application, |object| {
            object["metadata"]["annotations"].as_object_mut().unwrap().remove(REFRESH);
            let spec = object["spec"].clone();
            let said = &mut object["status"];
            said["sync"] = json!({"status": status, "revision": head,
                "comparedTo": {"source": spec["source"], "destination": spec["destination"]}});
            said["health"] = json!({"status": health, "lastTransitionTime": since.map(second)});
            said["reconciledAt"] = second(began);
            said["resources"] = json!(resources);
            said["summary"] = json!({"images": image.as_slice(), "externalURLs": url.as_slice()});
        });
        app.compare = false;
        // It does not sync again to what it has tried.
        let Some(tree) = tree.filter(|_| !tried) else { return };
        let sync = Sync { commit: head, tree, started: self.clock.now(), ended: None };
        self.cluster.edit(&of.application, |object| object["status"]["operationState"] = written(&of, &sync, object));
        app.sync = Some(sync);
        self.machine.refresh(&cx(), &of.unit, &of.target).await.unwrap();
    }
}

/// As Argo CD sums it up.
fn health(seen: Option<&Observation>) -> &'static str {
    match seen {
        None => "Missing",
        Some(seen) if seen.healthy_since.is_some() => "Healthy",
        Some(seen) if matches!(seen.readiness, Readiness::Failed(_)) => "Degraded",
        Some(_) => "Progressing",
    }
}

fn resource(of: &Deployed, status: &str, message: Option<&str>) -> Value {
    let mut resource = json!({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": of.unit,
        "status": status});
    if let Some(message) = message {
        resource["message"] = message.into();
        resource["syncPhase"] = "Sync".into();
    }
    resource
}

/// The analysis of a sync by Argo Rollouts, in the place of the one before: a metric for each job.
fn analysis(of: &Deployed, began: UnixMillis, ended: &Ended) -> Value {
    let (_, name) = &of.application;
    let phase = |passed: bool| if passed { "Successful" } else { "Failed" };
    let metric = |job: &JobResult| {
        let (passed, phase) = (job.passed(), phase(job.passed()));
        json!({"name": job.job, "phase": phase, "count": 1, "successful": u8::from(passed), "failed": u8::from(!passed),
            "measurements": [{"phase": phase, "startedAt": second(began), "finishedAt": second(ended.at)}]})
    };
    let asked = |job: &JobResult| json!({"name": job.job, "count": 1, "provider": {"job": {"spec": {}}}});
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": second(began),
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": name, "uid": name, "controller": true}]},
        "spec": {"metrics": ended.jobs.iter().map(asked).collect::<Vec<_>>()},
        "status": {"phase": phase(ended.phase == "Succeeded"), "startedAt": second(began), "completedAt": second(ended.at),
            "metricResults": ended.jobs.iter().map(metric).collect::<Vec<_>>()}
    })
}

/// The state of an operation, as Argo CD writes it.
fn written(of: &Deployed, sync: &Sync, object: &Value) -> Value {
    let jobs = sync.ended.iter().flat_map(|ended| &ended.jobs);
    let hooks = jobs.filter_map(|job| {
        let (_, hook) = of.jobs.iter().find(|(name, _)| *name == job.job)?;
        let failures: Vec<String> =
            job.checks.iter().filter_map(|check| Some(format!("{}: {}", check.name, check.failure.as_ref()?))).collect();
        let (phase, message) = if job.passed() { ("Succeeded", "ok".to_owned()) } else { ("Failed", failures.join("; ")) };
        Some(json!({"group": "batch", "version": "v1", "kind": "Job", "namespace": "shop", "name": hook, "message": message,
            "hookType": "PostSync", "hookPhase": phase, "syncPhase": "PostSync"}))
    });
    let synced = resource(of, "Synced", Some(&format!("deployment.apps/{} configured", of.unit)));
    let resources: Vec<Value> = std::iter::once(synced).chain(hooks).collect();
    let (phase, message) = match &sync.ended {
        None => ("Running", format!("waiting for healthy state of apps/Deployment/{}", of.unit)),
        Some(ended) => (ended.phase, ended.message.clone()),
    };
    let mut state = json!({
        "phase": phase, "message": message, "startedAt": second(sync.started),
        "operation": {"sync": {"revision": sync.commit}, "initiatedBy": {"automated": true}, "retry": {"limit": 5}},
        "syncResult": {"revision": sync.commit, "source": object["spec"]["source"], "resources": resources}
    });
    if let Some(ended) = &sync.ended {
        state["finishedAt"] = second(ended.at);
    }
    state
}
