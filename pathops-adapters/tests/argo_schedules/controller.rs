//! A model of Argo CD's controller: what it does step by step, what it writes down, and what is true.
//!
//! Times are in milliseconds; what is written down is cut to seconds, as Kubernetes does. A comparison takes a while: it looks
//! at Git and at the cluster when it begins, which is the time that it writes, and writes when it ends.

use pathops_core::UnixMillis;
use serde_json::{Value, json};

/// A commit is its place in the branch, a tree is what it asks for.
pub(crate) type Commit = usize;
pub(crate) type Tree = u8;

/// The tree that cannot be applied.
pub(crate) const BROKEN: Tree = 7;

/// The folder that is expected.
pub(crate) const OURS: &str = "envs/preflight";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Health {
    Healthy,
    Progressing,
    Degraded,
}

/// What runs.
#[derive(Clone, Copy, Debug)]
struct Live {
    tree: Tree,
    /// When the rollout ends.
    rolled_out_at: i64,
    degraded: bool,
}

impl Live {
    fn health(&self, now: i64) -> Health {
        match self {
            Self { degraded: true, .. } => Health::Degraded,
            live if now < live.rolled_out_at => Health::Progressing,
            _ => Health::Healthy,
        }
    }
}

/// What is true when a comparison looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) looked_at: i64,
    pub(crate) tree: Option<Tree>,
    pub(crate) healthy: bool,
    /// The commit for which a whole sync succeeded last, with its hooks.
    pub(crate) tested: Option<Commit>,
}

#[derive(Clone, Debug)]
struct Comparison {
    at: i64,
    head: Commit,
    path: &'static str,
    live: Live,
    for_refresh: bool,
    truth: Truth,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Whole,
    Selective,
    DryRun,
}

#[derive(Clone, Debug)]
struct Operation {
    kind: Kind,
    commit: Commit,
    phase: &'static str,
    hook: Option<&'static str>,
    started_at: i64,
    finished_at: Option<i64>,
}

/// What it has written down of the last comparison.
#[derive(Clone, Debug)]
struct Written {
    status: &'static str,
    head: Commit,
    path: &'static str,
    at: i64,
    health: Health,
    health_since: i64,
    tree: Tree,
    /// It would sync, and does not try again what failed.
    gives_up: bool,
}

pub(crate) struct Controller {
    pub(crate) now: i64,
    pub(crate) branch: Vec<Tree>,
    pub(crate) refresh: bool,
    pub(crate) outage: bool,
    pub(crate) path: &'static str,
    live: Live,
    comparing: Option<Comparison>,
    written: Option<Written>,
    operation: Option<Operation>,
    requested: Option<(Kind, Commit)>,
    tested: Option<Commit>,
    /// What was true at the comparison that is written down.
    pub(crate) truth: Truth,
}

impl Controller {
    /// The first commit is deployed.
    pub(crate) fn new() -> Self {
        let now = 1_795_000_000_000;
        let (started_at, finished_at) = (now - 60_000, Some(now - 50_000));
        let first =
            Operation { kind: Kind::Whole, commit: 0, phase: "Succeeded", hook: Some("Succeeded"), started_at, finished_at };
        Self {
            now,
            branch: vec![0],
            refresh: false,
            outage: false,
            path: OURS,
            live: Live { tree: 0, rolled_out_at: 0, degraded: false },
            comparing: None,
            written: None,
            operation: Some(first),
            requested: None,
            tested: Some(0),
            truth: Truth::default(),
        }
    }

    pub(crate) fn head(&self) -> Commit {
        self.branch.len() - 1
    }

    /// Looks at Git and at the cluster. Where Git is out of reach, nothing comes of it.
    pub(crate) fn begin_comparison(&mut self) {
        if self.comparing.is_some() || self.outage {
            return;
        }
        let truth = Truth {
            looked_at: self.now,
            tree: Some(self.live.tree),
            healthy: self.live.health(self.now) == Health::Healthy && !self.operating(),
            tested: self.tested,
        };
        let (at, head, path, live) = (self.now, self.head(), self.path, self.live);
        self.comparing = Some(Comparison { at, head, path, live, for_refresh: self.refresh, truth });
    }

    pub(crate) fn end_comparison(&mut self) {
        let Some(done) = self.comparing.take() else { return };
        // The other folder asks for the first tree, always.
        let desired = if done.path == OURS { self.branch[done.head] } else { 0 };
        let health = done.live.health(done.at);
        let health_since = match &self.written {
            Some(written) if written.health == health => written.health_since,
            _ => self.now,
        };
        let status = if desired == done.live.tree { "Synced" } else { "OutOfSync" };
        let (head, path, at, tree) = (done.head, done.path, done.at, done.live.tree);
        let gives_up = status == "OutOfSync" && !self.operating() && self.failed_at_commit(head);
        self.written = Some(Written { status, head, path, at, health, health_since, tree, gives_up });
        self.refresh &= !done.for_refresh;
        self.truth = done.truth;
    }

    /// What was under way is forgotten.
    pub(crate) fn restart(&mut self) {
        self.comparing = None;
    }

    fn operating(&self) -> bool {
        self.requested.is_some() || self.operation.as_ref().is_some_and(|operation| operation.finished_at.is_none())
    }

    fn failed_at_commit(&self, commit: Commit) -> bool {
        self.operation.as_ref().is_some_and(|last| last.phase == "Failed" && last.commit == commit)
    }

    /// As auto-sync does, and not again at a commit that failed.
    pub(crate) fn sync_if_needed(&mut self) {
        let Some(written) = &self.written else { return };
        let failed = self.failed_at_commit(written.head);
        if written.status == "OutOfSync" && written.path == OURS && self.path == OURS && !self.operating() && !failed {
            self.requested = Some((Kind::Whole, written.head));
        }
    }

    /// As a person or self-heal may.
    pub(crate) fn request(&mut self, kind: Kind, commit: Commit) {
        if !self.operating() {
            self.requested = Some((kind, commit));
        }
    }

    pub(crate) fn begin_operation(&mut self) {
        let Some((kind, commit)) = self.requested.take() else { return };
        // Only the last operation is remembered.
        self.tested = None;
        let hook = (kind == Kind::Whole).then_some("Running");
        let started_at = self.now;
        self.operation = Some(Operation { kind, commit, phase: "Running", hook, started_at, finished_at: None });
    }

    /// Applies and ends: `rollout` more milliseconds until what was applied is healthy.
    pub(crate) fn end_operation(&mut self, rollout: i64, tests_pass: bool) {
        let Some(operation) = self.operation.as_mut().filter(|operation| operation.finished_at.is_none()) else { return };
        let tree = self.branch[operation.commit];
        let applies = tree != BROKEN;
        operation.finished_at = Some(self.now);
        operation.phase = if applies { "Succeeded" } else { "Failed" };
        if operation.kind == Kind::DryRun || !applies {
            operation.hook = None;
            return;
        }
        if self.live.tree != tree {
            self.live = Live { tree, rolled_out_at: self.now + rollout, degraded: false };
        }
        if operation.kind == Kind::Whole {
            // Hooks after the sync wait until all is healthy.
            self.live.rolled_out_at = self.live.rolled_out_at.min(self.now);
            let passed = tests_pass && !self.live.degraded;
            operation.hook = Some(if passed { "Succeeded" } else { "Failed" });
            operation.phase = if passed { "Succeeded" } else { "Failed" };
            self.tested = passed.then_some(operation.commit);
        }
    }

    /// Somebody changes what runs, past Git.
    pub(crate) fn meddle(&mut self, tree: Tree) {
        if self.live.tree != tree {
            self.live = Live { tree, rolled_out_at: self.now + 700, degraded: false };
        }
    }

    pub(crate) fn degrade(&mut self, degraded: bool) {
        self.live.degraded = degraded;
    }

    pub(crate) fn live_tree(&self) -> Tree {
        self.live.tree
    }

    pub(crate) fn tested(&self) -> Option<Commit> {
        self.tested
    }

    /// Whether the last operation failed at a commit with this tree.
    pub(crate) fn failed_at(&self, tree: Tree) -> bool {
        self.operation.as_ref().is_some_and(|last| last.phase == "Failed" && self.branch[last.commit] == tree)
    }

    pub(crate) fn last_was_dry_run(&self) -> bool {
        self.operation.as_ref().is_some_and(|last| last.kind == Kind::DryRun)
    }

    pub(crate) fn application(&self) -> Value {
        let source = |path| json!({"repoURL": super::REPO, "path": path, "targetRevision": "main"});
        let destination = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
        let mut status = json!({"resources": [{"kind": "Deployment", "name": "app"}]});
        if let Some(written) = &self.written {
            status["sync"] = json!({
                "status": written.status, "revision": super::id(written.head),
                "comparedTo": {"source": source(written.path), "destination": destination}
            });
            status["health"] = json!({
                "status": match written.health {
                    Health::Healthy => "Healthy",
                    Health::Progressing => "Progressing",
                    Health::Degraded => "Degraded",
                },
                "lastTransitionTime": second(written.health_since)
            });
            status["reconciledAt"] = json!(second(written.at));
            status["summary"] = json!({"images": [image(written.tree)]});
            if written.gives_up {
                status["conditions"] = json!([{"type": "SyncError", "message": "Failed last sync attempt"}]);
            }
        }
        if let Some(last) = &self.operation {
            let resources = if last.kind == Kind::Selective { json!([{"kind": "Deployment"}]) } else { json!(null) };
            status["operationState"] = json!({
                "phase": last.phase, "startedAt": second(last.started_at), "finishedAt": last.finished_at.map(second),
                "operation": {"sync": {"dryRun": last.kind == Kind::DryRun, "resources": resources}},
                "syncResult": {"revision": super::id(last.commit), "source": source(OURS), "resources": last.hook.map(|phase| {
                    json!([{"kind": "Job", "name": "smoke", "hookType": "PostSync", "hookPhase": phase}])
                })}
            });
        }
        let annotations = if self.refresh { json!({"argocd.argoproj.io/refresh": "normal"}) } else { json!({}) };
        let operation = self.requested.map(|_| json!({"sync": {}}));
        json!({
            "metadata": {"resourceVersion": "1", "annotations": annotations},
            "spec": {"source": source(self.path), "destination": destination},
            "operation": operation, "status": status
        })
    }
}

/// Not every change is one of the image.
pub(crate) fn image(tree: Tree) -> String {
    format!("reg/app@sha256:{}", tree / 2)
}

/// Cut to the second.
fn second(millis: i64) -> String {
    UnixMillis(millis - millis.rem_euclid(1_000)).to_string()
}
