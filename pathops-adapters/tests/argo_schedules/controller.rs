//! A model of Argo CD's controller: what it does step by step, what it writes down, and what is true.
//!
//! Times are in milliseconds; what is written down is cut to seconds, as Kubernetes does. A comparison takes a while: it looks
//! at Git and at the cluster when it begins, which is the time that it writes, and writes when it ends: all that a comparison says at
//! once. While the shard of the Application moves, a comparison of the one before may still be under way, and be written late.

use pathops_core::{CommitId, Digest, UnixMillis};
use serde_json::{Value, json};

/// A commit is its place in the branch, a tree is what it asks for.
pub(crate) type Commit = usize;
pub(crate) type Tree = u8;

/// The tree that cannot be applied.
pub(crate) const BROKEN: Tree = 7;

/// The folder that is expected.
pub(crate) const OURS: &str = "envs/preflight";

/// What a comparison takes where nothing goes wrong, in milliseconds.
pub(crate) const LOOK: i64 = 150;

/// What an operation takes, and the rollout after it.
const APPLY: i64 = 300;

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
    /// Since which comparison all have found it healthy, in the order in which they began: one that is written late, over those that
    /// came after it, brings back what it knew, and what they had found is not counted.
    pub(crate) healthy_since: Option<i64>,
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
    /// Since when its health is the same, by what was written down when it began.
    health_since: Option<i64>,
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
    /// Of a shard that has lost the Application, and does not know it yet.
    late: Option<Comparison>,
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
            late: None,
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
        let (at, head, path, live) = (self.now, self.head(), self.path, self.live);
        let health = live.health(at);
        let health_since = self.written.as_ref().filter(|it| it.health == health).map(|it| it.health_since);
        let is_healthy = health == Health::Healthy;
        let truth = Truth {
            looked_at: at,
            tree: Some(live.tree),
            healthy: is_healthy && !self.operating(),
            healthy_since: is_healthy.then(|| self.truth.healthy_since.unwrap_or(at)),
            tested: self.tested,
        };
        self.comparing = Some(Comparison { at, head, path, live, for_refresh: self.refresh, truth, health_since });
    }

    pub(crate) fn end_comparison(&mut self) {
        if let Some(done) = self.comparing.take() {
            self.write(&done);
        }
    }

    /// The shard moves: the next comparison does not wait for the one that is under way.
    pub(crate) fn fall_behind(&mut self) {
        if self.late.is_none() {
            self.late = self.comparing.take();
        }
    }

    /// What fell behind is written down at last, over whatever came after it.
    pub(crate) fn arrive_late(&mut self) {
        if let Some(done) = self.late.take() {
            self.write(&done);
        }
    }

    fn write(&mut self, done: &Comparison) {
        // The other folder asks for the first tree, always.
        let desired = if done.path == OURS { self.branch[done.head] } else { 0 };
        let health = done.live.health(done.at);
        let health_since = done.health_since.unwrap_or(self.now);
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

    /// As auto-sync does: the whole of a commit that it has not tried, and what has drifted from one that it has. It does not try again
    /// what failed.
    pub(crate) fn sync_if_needed(&mut self) -> bool {
        let Some(written) = &self.written else { return false };
        let head = written.head;
        let wanted = written.status == "OutOfSync" && written.path == OURS && self.path == OURS && !self.operating();
        if !wanted || self.failed_at_commit(head) {
            return false;
        }
        let tried = self.operation.as_ref().is_some_and(|last| last.commit == head);
        self.requested = Some((if tried { Kind::Selective } else { Kind::Whole }, head));
        true
    }

    /// As a person may.
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

    /// Nothing goes wrong any more, and nobody meddles.
    pub(crate) fn calm_down(&mut self) {
        self.arrive_late();
        (self.outage, self.path, self.live.degraded) = (false, OURS, false);
    }

    /// Goes on with what there is to do, at its own pace, and tells whether it has changed what can be read.
    pub(crate) fn go_on(&mut self) -> bool {
        let (compared, started) = (self.comparing.as_ref().map(|it| it.at), self.operation.as_ref().map(|it| it.started_at));
        let is_over = |began: Option<i64>, takes: i64| began.is_some_and(|began| self.now >= began + takes);
        let (looked, applied) = (is_over(compared, LOOK), is_over(started, APPLY) && self.is_applying());
        if looked {
            self.end_comparison();
        }
        if applied {
            self.end_operation(APPLY, true);
        }
        let begun = self.requested.is_some();
        self.begin_operation();
        let synced = self.sync_if_needed();
        if self.has_to_look() {
            self.begin_comparison();
        }
        looked || applied || begun || synced
    }

    fn is_applying(&self) -> bool {
        self.operation.as_ref().is_some_and(|operation| operation.finished_at.is_none())
    }

    /// Whether we have asked it to look, or something has happened that it looks at by itself.
    fn has_to_look(&self) -> bool {
        let happened = |it: &Written| {
            let known =
                (it.head, it.path, it.tree, it.health) == (self.head(), self.path, self.live.tree, self.live.health(self.now));
            !known || self.operated_at() >= Some(it.at)
        };
        self.refresh || self.written.as_ref().is_none_or(happened)
    }

    /// Whether nothing will change by itself.
    pub(crate) fn is_idle(&self) -> bool {
        !self.operating() && self.comparing.is_none() && !self.has_to_look()
    }

    /// When the last operation ended.
    pub(crate) fn operated_at(&self) -> Option<i64> {
        self.operation.as_ref().and_then(|operation| operation.finished_at)
    }

    /// Whether what runs is healthy, and nothing is done to it.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.operating() && self.live.health(self.now) == Health::Healthy
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

    /// Whether the tests of the last operation failed, whatever it applied.
    pub(crate) fn tests_failed(&self) -> bool {
        self.operation.as_ref().is_some_and(|last| last.hook == Some("Failed"))
    }

    pub(crate) fn last_was_dry_run(&self) -> bool {
        self.operation.as_ref().is_some_and(|last| last.kind == Kind::DryRun)
    }

    /// What it has written down. `id` is what Git calls a commit.
    pub(crate) fn application(&self, id: impl Fn(Commit) -> CommitId) -> Value {
        let source = |path| json!({"repoURL": super::REPO, "path": path, "targetRevision": "main"});
        let destination = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
        let mut status = json!({"resources": [{"kind": "Deployment", "name": "app", "status": "Synced"}]});
        if let Some(written) = &self.written {
            status["sync"] = json!({
                "status": written.status, "revision": id(written.head),
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
            let resources = if last.kind == Kind::Selective {
                json!([{"group": "apps", "kind": "Deployment", "name": "app"}])
            } else {
                json!(null)
            };
            status["operationState"] = json!({
                "phase": last.phase, "startedAt": second(last.started_at), "finishedAt": last.finished_at.map(second),
                "operation": {"sync": {"dryRun": last.kind == Kind::DryRun, "resources": resources}},
                "syncResult": {"revision": id(last.commit), "source": source(OURS), "resources": last.hook.map(|phase| {
                    json!([{"group": "batch", "version": "v1", "kind": "Job", "namespace": "shop", "name": "smoke",
                        "hookType": "PostSync", "hookPhase": phase}])
                })}
            });
        }
        let annotations = if self.refresh { json!({"argocd.argoproj.io/refresh": "normal"}) } else { json!({}) };
        let operation = self.requested.map(|_| json!({"sync": {}}));
        json!({
            "metadata": {"resourceVersion": "1", "annotations": annotations},
            "spec": {"project": "default", "source": source(self.path), "destination": destination,
                "syncPolicy": {"automated": {"selfHeal": true}}},
            "operation": operation, "status": status
        })
    }
}

/// The repository of the image that it runs.
pub(crate) const IMAGE: &str = "registry.example/shop/app";

/// Not every change is one of the image.
pub(crate) fn artifact(tree: Tree) -> Digest {
    Digest::of(&[tree / 2])
}

pub(crate) fn image(tree: Tree) -> String {
    format!("{IMAGE}@{}", artifact(tree))
}

/// Cut to the second.
fn second(millis: i64) -> String {
    UnixMillis(millis - millis.rem_euclid(1_000)).to_string()
}
