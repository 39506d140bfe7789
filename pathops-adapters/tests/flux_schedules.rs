//! The verdict on Flux under random schedules of everything that can happen at once, against a model of its controllers that knows what
//! is true: never ready without its being true, and ready for good where it stays true.
//!
//! The model is ours, made after what Flux's sources do; the objects that it writes have the fields of their definitions.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

#[path = "flux_schedules/controller.rs"]
mod controller;

use std::time::Duration;

use controller::{Commit, Controller, Tree, UNBUILDABLE, UNHEALTHY};
use pathops_adapters::flux::verdict::{
    Expected, History, Kustomization, Objects, Source, Stale, StaleAction, Verdict, Workload, judge,
};
use pathops_core::adapter::IdSource as _;
use pathops_core::memory::SeededIds;
use pathops_core::{CommitId, UnixMillis};
use serde_json::{Value, json};

const REPO: &str = "https://git.example/shop/orders-gitops";
const PATH: &str = "envs/preflight";

fn id(commit: Commit) -> CommitId {
    CommitId::parse(format!("{commit:040x}")).unwrap()
}

fn place(commit: &CommitId) -> Commit {
    usize::from_str_radix(&commit.as_str()[24..], 16).unwrap()
}

struct Branch<'c>(&'c [Tree]);

impl History for Branch<'_> {
    fn descends(&self, _: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
        Some(place(commit) > place(ancestor))
    }

    fn same_tree(&self, _: &str, _: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
        Some(self.0[place(one)] == self.0[place(other)])
    }
}

/// The same numbers for the same seed.
struct Random(SeededIds);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.fresh() % bound as u128).unwrap()
    }

    fn tree(&mut self) -> Tree {
        u8::try_from(self.below(4)).unwrap()
    }
}

/// One schedule: what we expect, the controllers, and when we asked.
struct Schedule {
    random: Random,
    flux: Controller,
    expected: Commit,
    settle: Duration,
    requested_at: i64,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Random(SeededIds::new(seed));
        let mut flux = Controller::new();
        for _ in 0..=random.below(3) {
            let tree = if random.below(10) == 0 { [UNBUILDABLE, UNHEALTHY][random.below(2)] } else { random.tree() };
            flux.branch.push(tree);
        }
        // What is expected may be there already, and only our request is new.
        if random.below(2) == 0 {
            flux.fetch();
            for _ in 0..8 {
                flux.now += 300;
                flux.go_on();
                flux.roll_out();
            }
        }
        let settle = [Duration::ZERO, Duration::from_secs(3)][random.below(2)];
        let (expected, requested_at) = (flux.head(), flux.now);
        // Not every host lets us.
        if random.below(2) == 0 {
            flux.ask();
        }
        Self { random, flux, expected, settle, requested_at }
    }

    fn tree(&self) -> Tree {
        self.flux.branch[self.expected]
    }

    /// Something happens.
    fn step(&mut self) {
        self.flux.now += [0, 1, 200, 999, 1_500][self.random.below(5)];
        let flux = &mut self.flux;
        match self.random.below(24) {
            0..=3 => flux.fetch(),
            4..=10 => flux.go_on(),
            11 | 12 => flux.begin(),
            13..=15 => flux.roll_out(),
            16 => {
                let tree = [UNBUILDABLE, UNHEALTHY, 0, 1, 2, 3, 0, 1][self.random.below(8)];
                flux.branch.push(tree);
            }
            17 => flux.ask(),
            18 => flux.outage = !flux.outage,
            19 => flux.suspend(self.random.below(2) == 0),
            20 => flux.restart(),
            21 => flux.crash(),
            22 => flux.change_spec(),
            _ => flux.wait(self.random.below(3) > 0),
        }
    }

    /// What the rule says, once `edit` has changed what is read.
    fn ask(&self, edit: impl Fn(&mut Value)) -> Verdict {
        let image = controller::image(self.tree()).parse().unwrap();
        let expected = Expected::new(REPO, PATH, id(self.expected), UnixMillis(self.requested_at)).image(image);
        let mut state = self.flux.state();
        edit(&mut state);
        let json = |name: &str| state[name].to_string().into_bytes();
        let source = Source::from_json(&json("source")).unwrap();
        let objects = Objects::new(Kustomization::from_json(&json("kustomization")).unwrap(), Some(source));
        let objects = objects.workload(Workload::from_json(&json("workload")).unwrap());
        let (branch, now) = (Branch(&self.flux.branch), UnixMillis(self.flux.now));
        judge(&expected.settle(self.settle), &objects, &branch, now)
    }

    /// Whether it is true now: what runs is what was asked for and is healthy, and Flux found it so after our request.
    fn is_ready(&self) -> bool {
        let (flux, tree) = (&self.flux, self.tree());
        let found = flux.found.is_some_and(|found| found.at > self.requested_at && found.tree == tree && found.checked);
        found && flux.live == tree && flux.is_up() && flux.goes_on() && flux.healthy_for() >= self.settle
    }

    /// Asks, and holds the answer against what is true.
    fn check(&mut self, seed: u64) -> Verdict {
        let verdict = self.ask(|_| ());
        let false_accept = verdict.is_ready() && !self.is_ready();
        assert!(!false_accept, "seed {seed}: ready, and this is true: {:?}\n{:#}", self.flux, self.flux.state());
        if let Verdict::Stale(_, StaleAction::Refresh) = verdict {
            self.flux.ask();
        }
        verdict
    }

    /// Everything works again, and nobody meddles: the controllers come to rest, and we ask as a workflow does.
    fn come_to_rest(&mut self, seed: u64) -> Verdict {
        let flux = &mut self.flux;
        flux.outage = false;
        flux.suspend(false);
        flux.wait(true);
        let mut verdict = self.check(seed);
        for round in 0..8 {
            let flux = &mut self.flux;
            flux.now += 1_500;
            flux.fetch();
            // Its interval is longer than the settle time, which may begin anew with each look.
            if round < 4 {
                flux.begin();
            }
            for _ in 0..6 {
                flux.now += 300;
                flux.go_on();
                flux.roll_out();
            }
            verdict = self.check(seed);
            let waiting = matches!(verdict, Verdict::NotYet(_) | Verdict::Stale(_, StaleAction::Refresh));
            if verdict.is_ready() || (round > 2 && !waiting) {
                break;
            }
        }
        verdict
    }

    /// What it has to be once all is at rest.
    fn judge_rest(&self, verdict: &Verdict, seed: u64) {
        let (flux, tree) = (&self.flux, self.tree());
        let context = || format!("seed {seed}: {verdict:?}\n{flux:?}\n{:#}", flux.state());
        if flux.branch[flux.head()] != tree {
            assert!(matches!(verdict, Verdict::Stale(Stale::Superseded { .. }, StaleAction::GiveUp)), "{}", context());
        } else if tree == UNBUILDABLE || tree == UNHEALTHY {
            assert!(matches!(verdict, Verdict::Failed(_)), "{}", context());
        } else {
            assert!(verdict.is_ready() && self.is_ready(), "{}", context());
        }
    }
}

/// How often each answer came at rest, so that a run that shows nothing is noticed.
#[derive(Debug, Default)]
struct Seen {
    ready: usize,
    ready_under_way: usize,
    stale: usize,
    failed: usize,
}

fn run(seeds: std::ops::Range<u64>) {
    let mut seen = Seen::default();
    for seed in seeds {
        let mut schedule = Schedule::new(seed);
        for step in 0..40 {
            schedule.step();
            if step % 4 == 3 {
                seen.ready_under_way += usize::from(schedule.check(seed).is_ready());
            }
        }
        let verdict = schedule.come_to_rest(seed);
        schedule.judge_rest(&verdict, seed);
        match verdict {
            Verdict::Ready => seen.ready += 1,
            Verdict::Stale(..) => seen.stale += 1,
            Verdict::Failed(_) => seen.failed += 1,
            Verdict::NotYet(_) => {}
        }
    }
    for count in [seen.ready, seen.ready_under_way, seen.stale, seen.failed] {
        assert!(count > 100, "{seen:?}");
    }
}

/// What a rule that leaves out one step takes for granted.
type Lax = fn(&mut Value);

/// Without each of these steps something is said to be ready that is not: the schedules would notice.
const LAX: [(&str, Lax); 7] = [
    ("what was applied", |it| {
        let revision = it["expected"].clone();
        for field in ["lastAppliedRevision", "lastAttemptedRevision"] {
            it["kustomization"]["status"][field] = revision.clone();
        }
        it["source"]["status"]["artifact"]["revision"] = revision;
    }),
    ("the time of our request", |it| {
        it["kustomization"]["status"]["conditions"][0]["lastTransitionTime"] = it["now"].clone();
    }),
    ("that health is checked", |it| {
        it["kustomization"]["spec"]["wait"] = json!(true);
        let ready = it["kustomization"]["status"]["conditions"][0].clone();
        it["kustomization"]["status"]["conditions"][2] = ready;
        it["kustomization"]["status"]["conditions"][2]["type"] = json!("Healthy");
    }),
    ("the generation", |it| {
        let generation = it["kustomization"]["metadata"]["generation"].clone();
        it["kustomization"]["status"]["observedGeneration"] = generation.clone();
        for condition in it["kustomization"]["status"]["conditions"].as_array_mut().unwrap() {
            condition["observedGeneration"] = generation.clone();
        }
    }),
    ("that it is ready", |it| {
        it["kustomization"]["status"]["conditions"][0]["status"] = json!("True");
        it["kustomization"]["status"]["conditions"][1]["status"] = json!("False");
        let ready = it["kustomization"]["status"]["conditions"][0].clone();
        it["kustomization"]["status"]["conditions"][2] = ready;
        it["kustomization"]["status"]["conditions"][2]["type"] = json!("Healthy");
        it["kustomization"]["status"]["lastAppliedRevision"] = it["kustomization"]["status"]["lastAttemptedRevision"].clone();
    }),
    ("that the pods are up", |it| {
        it["workload"]["status"] = json!({"observedGeneration": it["workload"]["metadata"]["generation"], "replicas": 1,
            "updatedReplicas": 1, "availableReplicas": 1});
    }),
    ("how long it has been healthy", |it| {
        it["kustomization"]["status"]["history"] = json!([{"firstReconciled": "2026-01-01T00:00:00Z",
            "lastReconciled": "2026-01-01T00:00:00Z", "lastReconciledStatus": "ReconciliationSucceeded"}]);
    }),
];

#[test]
fn a_rule_that_leaves_out_a_step_is_caught() {
    for (step, lax) in LAX {
        let caught = (0..2_000).any(|seed| {
            let mut schedule = Schedule::new(seed);
            (0..40).any(|_| {
                schedule.step();
                let (expected, now) = (format!("main@sha1:{}", id(schedule.expected)), UnixMillis(schedule.flux.now).to_string());
                let verdict = schedule.ask(|it| {
                    (it["expected"], it["now"]) = (json!(expected), json!(now));
                    lax(it);
                });
                verdict.is_ready() && !schedule.is_ready()
            })
        });
        assert!(caught, "nothing notices a rule that does not look at {step}");
    }
}

const HALF: u64 = 5_000;

#[test]
fn a_first_half_of_10_000_schedules_holds() {
    run(0..HALF);
}

#[test]
fn a_second_half_of_10_000_schedules_holds() {
    run(HALF..2 * HALF);
}
