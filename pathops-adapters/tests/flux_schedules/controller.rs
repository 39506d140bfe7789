//! A model of Flux's controllers: what they do step by step, what they write down, and what is true.
//!
//! Times are in milliseconds; what is written down is cut to seconds, as Kubernetes does. A reconciliation takes a while: it reads its
//! own object and the source's when it begins, and writes what it found when it ends.

use std::time::Duration;

use pathops_core::UnixMillis;
use serde_json::{Value, json};

/// A commit is its place in the branch, a tree is what it asks for.
pub(crate) type Commit = usize;
pub(crate) type Tree = u8;

/// The tree that cannot be built, and the one whose pods never come up.
pub(crate) const UNBUILDABLE: Tree = 7;
pub(crate) const UNHEALTHY: Tree = 9;

/// A check of health that takes more steps has failed.
const CHECKS: u32 = 2;

/// What the last reconciliation that ended well has found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) at: i64,
    pub(crate) tree: Tree,
    pub(crate) checked: bool,
    spec: u32,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Build,
    Apply,
    Check(u32),
}

/// A reconciliation that is under way, with what it read when it began.
#[derive(Clone, Debug)]
struct Attempt {
    commit: Commit,
    stage: Stage,
    asked: u32,
    wait: bool,
    generation: i64,
    spec: u32,
}

/// A condition.
#[derive(Clone, Copy, Debug)]
struct Said {
    status: &'static str,
    reason: &'static str,
    generation: i64,
    at: i64,
}

/// What is told of attempts with one outcome.
#[derive(Clone, Copy, Debug)]
struct Past {
    tree: Tree,
    status: &'static str,
    first: i64,
    last: i64,
}

#[derive(Debug)]
pub(crate) struct Controller {
    pub(crate) now: i64,
    pub(crate) branch: Vec<Tree>,
    pub(crate) outage: bool,
    suspended: bool,
    wait: bool,
    generation: i64,
    /// What else the spec asks for.
    spec: u32,
    asked: u32,
    handled: u32,
    source_handled: u32,
    artifact: Commit,
    fetch_failed: bool,
    attempt: Option<Attempt>,
    ready: Said,
    reconciling: bool,
    healthy: Option<Said>,
    observed: i64,
    /// The generation that the last reconciliation began with.
    tried: i64,
    applied: Commit,
    attempted: Commit,
    history: Vec<Past>,
    pub(crate) live: Tree,
    workload: i64,
    workload_observed: i64,
    up: bool,
    pub(crate) found: Option<Found>,
    /// Since when each look has found the same tree and nothing amiss.
    well_since: Option<i64>,
}

const SUCCEEDED: &str = "ReconciliationSucceeded";

impl Controller {
    /// The first commit is deployed.
    pub(crate) fn new() -> Self {
        let now = 1_795_000_000_000;
        let at = now - 50_000;
        Self {
            now,
            branch: vec![0],
            outage: false,
            suspended: false,
            wait: true,
            generation: 1,
            spec: 0,
            asked: 0,
            handled: 0,
            source_handled: 0,
            artifact: 0,
            fetch_failed: false,
            attempt: None,
            ready: Said { status: "True", reason: SUCCEEDED, generation: 1, at },
            reconciling: false,
            healthy: Some(Said { status: "True", reason: "Succeeded", generation: 1, at }),
            observed: 1,
            tried: 1,
            applied: 0,
            attempted: 0,
            history: vec![Past { tree: 0, status: SUCCEEDED, first: at, last: at }],
            live: 0,
            workload: 1,
            workload_observed: 1,
            up: true,
            found: Some(Found { at, tree: 0, checked: true, spec: 0 }),
            well_since: Some(at),
        }
    }

    pub(crate) fn head(&self) -> Commit {
        self.branch.len() - 1
    }

    /// As we do, where a request is not open already.
    pub(crate) fn ask(&mut self) {
        if self.asked == self.handled {
            self.asked += 1;
        }
    }

    /// Looks at the branch. Where it is out of reach, what was fetched before stays.
    pub(crate) fn fetch(&mut self) {
        self.fetch_failed = self.outage;
        self.source_handled = self.asked;
        if !self.outage {
            self.artifact = self.head();
        }
    }

    pub(crate) fn suspend(&mut self, on: bool) {
        self.generation += i64::from(self.suspended != on);
        self.suspended = on;
    }

    pub(crate) fn wait(&mut self, on: bool) {
        self.generation += i64::from(self.wait != on);
        self.wait = on;
    }

    /// Something is asked for that no other field says.
    pub(crate) fn change_spec(&mut self) {
        self.generation += 1;
        self.spec += 1;
    }

    /// What was under way is forgotten.
    pub(crate) fn restart(&mut self) {
        self.attempt = None;
    }

    /// The pods are gone.
    pub(crate) fn crash(&mut self) {
        self.up = false;
    }

    /// The pods get a step further.
    pub(crate) fn roll_out(&mut self) {
        if self.workload_observed == self.workload {
            self.up |= self.live != UNHEALTHY;
        }
        self.workload_observed = self.workload;
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up && self.workload_observed == self.workload
    }

    /// Whether it goes on by itself, with what it asks for now.
    pub(crate) fn goes_on(&self) -> bool {
        !self.suspended && self.found.is_some_and(|found| found.spec == self.spec)
    }

    pub(crate) fn healthy_for(&self) -> Duration {
        let millis = self.well_since.map_or(0, |since| self.now - since);
        Duration::from_millis(u64::try_from(millis).unwrap())
    }

    /// Begins to reconcile, at its interval.
    pub(crate) fn begin(&mut self) {
        if self.suspended {
            // It tells all the same what it was asked, and calls what was ready before ready.
            self.handled = self.asked;
            if self.ready.status == "True" {
                self.observed = self.generation;
            }
        } else if self.attempt.is_none() {
            let (commit, asked, wait, generation, spec) = (self.artifact, self.asked, self.wait, self.generation, self.spec);
            self.attempt = Some(Attempt { commit, stage: Stage::Build, asked, wait, generation, spec });
            self.ready = Said { status: "Unknown", reason: "Progressing", generation, at: self.now };
            (self.reconciling, self.tried) = (true, generation);
        }
    }

    /// Goes on with what is under way, or begins where there is something to do.
    pub(crate) fn go_on(&mut self) {
        let Some(attempt) = self.attempt.take() else {
            let something = self.artifact != self.attempted || self.asked != self.handled || self.tried != self.generation;
            if something {
                self.begin();
            }
            return;
        };
        let tree = self.branch[attempt.commit];
        let next = match attempt.stage {
            Stage::Build => {
                self.attempted = attempt.commit;
                if tree == UNBUILDABLE {
                    return self.fail(&attempt, "BuildFailed");
                }
                Stage::Apply
            }
            Stage::Apply => {
                if self.live != tree {
                    (self.live, self.up) = (tree, false);
                    self.workload += 1;
                }
                let checking = Said { status: "Unknown", reason: "Progressing", generation: attempt.generation, at: self.now };
                self.healthy = attempt.wait.then_some(checking);
                Stage::Check(0)
            }
            Stage::Check(_) if !attempt.wait || self.is_up() => return self.succeed(&attempt),
            Stage::Check(times) if times + 1 == CHECKS => return self.fail(&attempt, "HealthCheckFailed"),
            Stage::Check(times) => Stage::Check(times + 1),
        };
        self.attempt = Some(Attempt { stage: next, ..attempt });
    }

    fn succeed(&mut self, attempt: &Attempt) {
        let (generation, at, tree) = (attempt.generation, self.now, self.branch[attempt.commit]);
        let same = self.history.first().is_some_and(|last| last.tree == tree && last.status == SUCCEEDED);
        self.well_since = self.well_since.filter(|_| same).or(Some(at));
        self.ready = Said { status: "True", reason: SUCCEEDED, generation, at };
        self.healthy = attempt.wait.then_some(Said { status: "True", reason: "Succeeded", generation, at });
        (self.reconciling, self.observed, self.handled) = (false, generation, attempt.asked);
        self.applied = attempt.commit;
        self.remember(tree, SUCCEEDED);
        self.found = Some(Found { at, tree, checked: attempt.wait, spec: attempt.spec });
    }

    fn fail(&mut self, attempt: &Attempt, reason: &'static str) {
        let (generation, at) = (attempt.generation, self.now);
        self.ready = Said { status: "False", reason, generation, at };
        self.handled = attempt.asked;
        if reason == "HealthCheckFailed" {
            self.healthy = Some(Said { status: "False", reason, generation, at });
            self.remember(self.branch[attempt.commit], reason);
            self.well_since = None;
        }
    }

    fn remember(&mut self, tree: Tree, status: &'static str) {
        let same = self.history.iter().position(|past| past.tree == tree && past.status == status);
        let first = same.map_or(self.now, |place| self.history.remove(place).first);
        self.history.insert(0, Past { tree, status, first, last: self.now });
        self.history.truncate(5);
    }

    /// The objects, as they can be read now.
    pub(crate) fn state(&self) -> Value {
        let asked =
            |handled: u32| (self.asked > 0).then(|| json!({"asked": self.asked.to_string(), "handled": handled.to_string()}));
        let annotations = json!({"reconcile.fluxcd.io/requestedAt": asked(0).map(|it| it["asked"].clone())});
        let handled = |handled: u32| asked(handled).map(|it| it["handled"].clone());
        let condition = |kind: &str, said: Said| {
            json!({"type": kind, "status": said.status, "reason": said.reason, "message": said.reason,
                "observedGeneration": said.generation, "lastTransitionTime": second(said.at)})
        };
        let failing = self.ready.status == "False";
        let reconciling = Said {
            status: if self.reconciling { "True" } else { "False" },
            reason: if failing { "ProgressingWithRetry" } else { "Progressing" },
            ..self.ready
        };
        let past = |past: &Past| {
            json!({"digest": past.tree.to_string(), "firstReconciled": second(past.first), "lastReconciled": second(past.last),
                "lastReconciledStatus": past.status})
        };
        let fetched =
            Said { status: if self.fetch_failed { "False" } else { "True" }, reason: "Git", generation: 1, at: self.now };
        let failed = Said { status: if self.fetch_failed { "True" } else { "False" }, ..fetched };
        json!({
            "kustomization": {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "metadata": {"namespace": "flux-system", "name": "app", "generation": self.generation, "annotations": annotations},
                "spec": {"path": super::PATH, "wait": self.wait, "suspend": self.suspended,
                    "sourceRef": {"kind": "GitRepository", "name": "desired"}},
                "status": {
                    "observedGeneration": self.observed, "lastHandledReconcileAt": handled(self.handled),
                    "lastAppliedRevision": revision(self.applied), "lastAttemptedRevision": revision(self.attempted),
                    "inventory": {"entries": [{"id": "shop_app_apps_Deployment", "v": "v1"}]},
                    "conditions": [condition("Ready", self.ready), condition("Reconciling", reconciling),
                self.healthy.map_or(json!({"type": "Unused"}), |healthy| condition("Healthy", healthy))],
                    "history": self.history.iter().map(past).collect::<Vec<_>>()
                }
            },
            "source": {
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
                "metadata": {"namespace": "flux-system", "name": "desired", "generation": 1, "annotations": annotations},
                "spec": {"url": super::REPO},
                "status": {
                    "observedGeneration": 1, "lastHandledReconcileAt": handled(self.source_handled),
                    "artifact": {"revision": revision(self.artifact)},
                    "conditions": [condition("Ready", fetched), condition("FetchFailed", failed)]
                }
            },
            "workload": {
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"namespace": "shop", "name": "app", "generation": self.workload},
                "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": image(self.live)}]}}},
                "status": {"observedGeneration": self.workload_observed, "replicas": 1, "updatedReplicas": 1,
                    "availableReplicas": i64::from(self.up)}
            }
        })
    }
}

fn revision(commit: Commit) -> String {
    format!("main@sha1:{}", super::id(commit))
}

/// Not every change is one of the image.
pub(crate) fn image(tree: Tree) -> String {
    format!("reg/app@sha256:{}", tree / 2)
}

/// Cut to the second.
fn second(millis: i64) -> String {
    UnixMillis(millis - millis.rem_euclid(1_000)).to_string()
}
