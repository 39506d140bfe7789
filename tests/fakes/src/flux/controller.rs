//! Plays Flux's controllers, and that of Deployments: sources are fetched, Kustomizations built, applied and checked, and pods come up,
//! each a step at a time. What a commit asks for are two files of its folder: `desired`, which says what becomes of it, and `image`, the
//! digest that it runs.

use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{Clock, Scm};
use pathops_core::{BranchName, CommitId, IdempotencyKey, OpContext, RepoId, RepoPath, UnixMillis};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Objects;
use super::source::{Source, revision};
use super::write::{attempted, condition, mark, open_request, request, unmark};
use crate::kubernetes::{Key, key};

/// How often it does something.
const PAUSE: Duration = Duration::from_millis(20);

/// A check of health that takes more steps has failed.
const CHECKS: u32 = 4;

/// One Kustomization, and where its desired state is.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Where the Kustomization is.
    pub kustomization: Key,
    /// Its source.
    pub source: Key,
    /// Its desired state.
    pub repo: RepoId,
    /// The branch.
    pub branch: BranchName,
    /// The repository of its image.
    pub image: String,
    /// How often Flux looks by itself.
    pub interval: Duration,
}

/// Controllers that run until they are dropped.
#[derive(Debug)]
pub struct Controller(JoinHandle<()>);

impl Drop for Controller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A reconciliation that is under way.
#[derive(Debug)]
struct Attempt {
    commit: CommitId,
    asked: Value,
    stage: Stage,
    fate: String,
    digest: String,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Build,
    Apply,
    Check(u32),
}

#[derive(Debug)]
struct Playing {
    objects: Objects,
    git: Arc<dyn Scm>,
    clock: Arc<dyn Clock>,
    of: Deployed,
    source: Source,
    attempt: Option<Attempt>,
    ended: Option<UnixMillis>,
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("controller"))
}

impl Controller {
    /// Begins to play for one Kustomization, on the runtime around. `git` is where the desired state is read.
    #[must_use]
    pub fn start(objects: Objects, git: Arc<dyn Scm>, clock: Arc<dyn Clock>, of: Deployed) -> Self {
        let mut playing = Playing { objects, git, clock, of, source: Source::default(), attempt: None, ended: None };
        Self(tokio::spawn(async move {
            loop {
                playing.step().await;
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }
}

impl Playing {
    async fn step(&mut self) {
        let now = self.clock.now();
        let head = self.git.branch_head(&cx(), &self.of.repo, &self.of.branch).await.unwrap();
        let head = head.ok_or("the branch is not there");
        self.source.step(&self.objects.sources, &self.of.source, head, self.of.interval, now);
        self.roll_out();
        match self.attempt.take() {
            None => self.begin(now).await,
            Some(attempt) => self.attempt = self.go_on(attempt, now),
        }
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.objects.kustomizations.edit(&self.of.kustomization, change);
    }

    async fn begin(&mut self, now: UnixMillis) {
        let Some(object) = self.objects.kustomizations.get(&self.of.kustomization) else { return };
        let asked = request(&object);
        if object["spec"]["suspend"] == true {
            if open_request(&object) {
                self.edit(|object| object["status"]["lastHandledReconcileAt"] = asked);
            }
            return;
        }
        let Some(found) = self.objects.sources.get(&self.of.source).map(|it| it["status"]["artifact"]["revision"].clone()) else {
            return;
        };
        let Some(commit) =
            found.as_str().and_then(|it| it.rsplit_once(':')).map(|(_, commit)| commit.parse::<CommitId>().unwrap())
        else {
            return;
        };
        let due = self.ended.is_none_or(|ended| now >= ended + self.of.interval);
        let status = &object["status"];
        let is_done = status["lastAttemptedRevision"] == found && condition(&object, "Ready").is_some();
        let seen =
            status["observedGeneration"] == object["metadata"]["generation"] || condition(&object, "Reconciling").is_some();
        if is_done && seen && !due && !open_request(&object) {
            return;
        }
        let path: RepoPath = object["spec"]["path"].as_str().unwrap().trim_start_matches("./").parse().unwrap();
        let file = async |name: &str| {
            let read = self.git.read_file(&cx(), &self.of.repo, &commit, &path.join(name).unwrap()).await.unwrap();
            read.map(|bytes| String::from_utf8(bytes).unwrap()).unwrap_or_default()
        };
        let (fate, digest) = (file("desired").await, file("image").await);
        self.edit(|object| {
            mark(object, "Reconciling", "True", "Progressing", &format!("Fetching manifests for revision {found}"), now);
            mark(object, "Ready", "Unknown", "Progressing", "Reconciliation in progress", now);
        });
        self.attempt = Some(Attempt { commit, asked, stage: Stage::Build, fate, digest });
    }

    /// A step further, where that is not the last.
    fn go_on(&mut self, attempt: Attempt, now: UnixMillis) -> Option<Attempt> {
        let revision = revision(&attempt.commit);
        match attempt.stage {
            Stage::Build => {
                self.edit(|object| object["status"]["lastAttemptedRevision"] = json!(revision));
                if attempt.fate.is_empty() {
                    return self.end(&attempt, Err(("BuildFailed", "kustomization path not found")), now);
                }
                Some(Attempt { stage: Stage::Apply, ..attempt })
            }
            Stage::Apply => {
                self.apply(&attempt);
                self.edit(|object| {
                    let id = format!("shop_{}_apps_Deployment", self.of.kustomization.1);
                    object["status"]["inventory"] = json!({"entries": [{"id": id, "v": "v1"}]});
                    mark(object, "Healthy", "Unknown", "Progressing", "Running health checks", now);
                });
                Some(Attempt { stage: Stage::Check(0), ..attempt })
            }
            Stage::Check(_) if self.is_rolled_out() => self.end(&attempt, Ok(()), now),
            Stage::Check(CHECKS) => {
                let message = format!("timeout waiting for: [Deployment/shop/{} status: 'InProgress']", self.of.kustomization.1);
                self.end(&attempt, Err(("HealthCheckFailed", &message)), now)
            }
            Stage::Check(times) => Some(Attempt { stage: Stage::Check(times + 1), ..attempt }),
        }
    }

    fn end(&mut self, attempt: &Attempt, outcome: Result<(), (&str, &str)>, now: UnixMillis) -> Option<Attempt> {
        let (revision, digest) = (revision(&attempt.commit), format!("sha256:{}{}", attempt.fate, attempt.digest));
        self.ended = Some(now);
        self.edit(|object| {
            match outcome {
                Ok(()) => {
                    object["status"]["lastAppliedRevision"] = json!(revision);
                    mark(object, "Healthy", "True", "Succeeded", "Health check passed in 40ms", now);
                    mark(object, "Ready", "True", "ReconciliationSucceeded", &format!("Applied revision: {revision}"), now);
                    attempted(object, &digest, "ReconciliationSucceeded", now);
                    unmark(object, "Reconciling");
                    object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
                }
                Err((reason, message)) => {
                    mark(object, "Ready", "False", reason, message, now);
                    mark(object, "Reconciling", "True", "ProgressingWithRetry", message, now);
                    if reason == "HealthCheckFailed" {
                        mark(object, "Healthy", "False", reason, message, now);
                        attempted(object, &digest, reason, now);
                    }
                }
            }
            object["status"]["lastHandledReconcileAt"] = attempt.asked.clone();
        });
        None
    }

    fn deployment(&self) -> Key {
        key("shop", &self.of.kustomization.1)
    }

    fn apply(&self, attempt: &Attempt) {
        let image = format!("{}@{}", self.of.image, attempt.digest);
        let spec = json!({"replicas": 2, "template": {
            "metadata": {"annotations": {"fate": attempt.fate}},
            "spec": {"containers": [{"name": "app", "image": image}]}}});
        let deployment = self.deployment();
        match self.objects.deployments.get(&deployment) {
            Some(there) if there["spec"] == spec => {}
            Some(_) => {
                self.objects.deployments.edit(&deployment, |object| object["spec"] = spec);
            }
            None => {
                let (namespace, name) = &deployment;
                self.objects.deployments.put(json!({"apiVersion": "apps/v1", "kind": "Deployment",
                    "metadata": {"namespace": namespace, "name": name}, "spec": spec, "status": {}}));
            }
        }
    }

    /// The pods of a Deployment get a step further: all there are new, then all are available where they ever will be.
    fn roll_out(&self) {
        let Some(object) = self.objects.deployments.get(&self.deployment()) else { return };
        let (generation, status) = (object["metadata"]["generation"].clone(), &object["status"]);
        let next = if status["observedGeneration"] != generation {
            json!({"observedGeneration": generation, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2, "readyReplicas": 2})
        } else if status["updatedReplicas"] == 1 && object["spec"]["template"]["metadata"]["annotations"]["fate"] != "Broken" {
            json!({"observedGeneration": generation, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2})
        } else {
            return;
        };
        self.objects.deployments.edit(&self.deployment(), |object| object["status"] = next);
    }

    fn is_rolled_out(&self) -> bool {
        self.objects.deployments.get(&self.deployment()).is_some_and(|object| {
            let status = &object["status"];
            status["observedGeneration"] == object["metadata"]["generation"]
                && status["updatedReplicas"] == object["spec"]["replicas"]
        })
    }
}
