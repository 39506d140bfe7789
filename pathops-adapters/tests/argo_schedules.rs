//! The verdict on Argo CD under random schedules of everything that can happen at once, against a model of the controller that
//! knows what is true: never ready without its being true, through the settle time; and ready within one refresh and the settle time
//! where it stays true.
//!
//! The model is ours, made after what Argo CD's sources do; the objects that it writes have the fields of the official CRD.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

#[path = "argo_schedules/controller.rs"]
mod controller;
#[path = "argo_schedules/crd.rs"]
#[expect(dead_code, clippy::print_stdout, reason = "some of it is for other tests; what is skipped says so")]
mod crd;
#[path = "argo_schedules/rest.rs"]
mod rest;

use std::time::Duration;

use controller::{BROKEN, Commit, Controller, Kind, OURS, Tree};
use pathops_adapters::argo_verdict::{
    Application, Expected, ExpectedHook, ExpectedSource, History, Stale, StaleAction, Verdict, judge,
};
use pathops_core::adapter::IdSource as _;
use pathops_core::memory::SeededIds;
use pathops_core::{CommitId, UnixMillis};
use serde_json::{Value, json};

const REPO: &str = "https://git.example/shop/orders-gitops";

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

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

/// The same numbers for the same seed.
struct Random(SeededIds);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        u64::try_from(self.0.fresh() % u128::from(bound)).unwrap()
    }

    fn tree(&mut self) -> Tree {
        u8::try_from(self.below(4)).unwrap()
    }
}

/// One schedule: what we expect, the controller, and when we asked.
struct Schedule {
    random: Random,
    argo: Controller,
    expected: Commit,
    with_hooks: bool,
    settle: Duration,
    requested_at: i64,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Random(SeededIds::new(seed));
        let mut argo = Controller::new();
        for _ in 0..=random.below(3) {
            argo.branch.push(random.tree());
        }
        let settle = [Duration::ZERO, Duration::from_secs(3)][usize::try_from(random.below(2)).unwrap()];
        let (with_hooks, expected, requested_at) = (random.below(2) == 0, argo.head(), argo.now);
        argo.refresh = true;
        Self { random, argo, expected, with_hooks, settle, requested_at }
    }

    fn tree(&self) -> Tree {
        self.argo.branch[self.expected]
    }

    /// Something happens.
    fn step(&mut self) {
        self.argo.now += i64::from([0, 1, 200, 999, 1_500][usize::try_from(self.random.below(5)).unwrap()]);
        let argo = &mut self.argo;
        match self.random.below(26) {
            0..=4 => argo.begin_comparison(),
            5..=9 => argo.end_comparison(),
            10 | 11 => {
                argo.sync_if_needed();
            }
            12 | 13 => argo.begin_operation(),
            14 | 15 => {
                let (rollout, pass) = (i64::try_from(self.random.below(2_500)).unwrap(), self.random.below(4) > 0);
                argo.end_operation(rollout, pass);
            }
            16 => {
                let tree = if self.random.below(6) == 0 { BROKEN } else { self.random.tree() };
                argo.branch.push(tree);
            }
            17 => argo.degrade(self.random.below(2) == 0),
            18 => argo.meddle(self.random.tree()),
            19 => argo.request(Kind::Selective, argo.head()),
            20 => {
                let any = usize::try_from(self.random.below(argo.branch.len() as u64)).unwrap();
                argo.request([Kind::DryRun, Kind::Whole][any % 2], any);
            }
            21 => argo.restart(),
            22 => argo.outage = !argo.outage,
            23 => argo.fall_behind(),
            24 => argo.arrive_late(),
            _ => argo.path = if argo.path == OURS { "envs/other" } else { OURS },
        }
    }

    /// What the rule says, once `edit` has changed what is read.
    fn ask(&self, edit: impl Fn(&mut Value)) -> Verdict {
        let source = ExpectedSource::git(REPO, OURS, id(self.expected));
        let image = controller::image(self.tree()).parse().unwrap();
        let mut expected = Expected::new(source, UnixMillis(self.requested_at)).image(image).settle(self.settle);
        if self.with_hooks {
            expected = expected.hook(ExpectedHook::Type("PostSync".to_owned()));
        }
        let mut application = self.argo.application();
        edit(&mut application);
        let application = Application::from_value(&application).unwrap();
        judge(&expected, &application, &Branch(&self.argo.branch), UnixMillis(self.argo.now))
    }

    /// Whether it was true at the comparison that all this was read from.
    fn was_ready(&self) -> bool {
        let truth = self.argo.truth;
        // As far as comparisons have seen it: what comes and goes between two of them is never known.
        let since = truth.healthy_since.max(self.argo.operated_at());
        let settled = since.is_some_and(|since| truth.looked_at - since >= millis(self.settle));
        let tested = || truth.tested.is_some_and(|it| it >= self.expected && self.argo.branch[it] == self.tree());
        truth.looked_at > self.requested_at
            && truth.tree == Some(self.tree())
            && truth.healthy
            && settled
            && !self.argo.failed_at(self.tree())
            && !self.argo.last_was_dry_run()
            && (!self.with_hooks || tested())
    }

    fn hold_against_truth(&self, verdict: &Verdict, seed: u64) {
        let false_accept = verdict.is_ready() && !self.was_ready();
        assert!(!false_accept, "seed {seed}: ready, and this is true: {:?}\n{:#}", self.argo.truth, self.argo.application());
    }

    /// Asks, and holds the answer against what is true.
    fn check(&mut self, seed: u64) -> Verdict {
        let verdict = self.ask(|_| ());
        self.hold_against_truth(&verdict, seed);
        if let Verdict::Stale(_, StaleAction::Refresh) = verdict {
            self.argo.refresh = true;
        }
        verdict
    }

    /// What is said once nothing goes wrong any more, in time and true.
    fn said_at_rest(&mut self, seed: u64) -> Verdict {
        let verdict = self.come_to_rest(|_| ());
        let verdict = verdict.unwrap_or_else(|overdue| panic!("seed {seed}: {overdue:?}\n{:#}", self.argo.application()));
        self.hold_against_truth(&verdict, seed);
        verdict
    }

    /// What it has to be once all is at rest.
    fn judge_rest(&self, verdict: &Verdict, seed: u64) {
        let (argo, tree) = (&self.argo, self.tree());
        let superseded = argo.branch[argo.head()] != tree;
        let context = || format!("seed {seed}: {verdict:?}\n{:#}", argo.application());
        if superseded {
            assert!(matches!(verdict, Verdict::Stale(Stale::Superseded { .. }, StaleAction::GiveUp)), "{}", context());
        } else if argo.failed_at(tree) {
            assert!(matches!(verdict, Verdict::Failed(_)), "{}", context());
        } else if argo.last_was_dry_run() {
            assert_eq!(*verdict, Verdict::Stale(Stale::DryRun, StaleAction::AskPeople), "{}", context());
        } else if verdict.is_ready() {
            assert_eq!(argo.live_tree(), tree, "{}", context());
        } else {
            assert_eq!(argo.live_tree(), tree, "{}", context());
            let tested = argo.tested().is_some_and(|it| it >= self.expected && argo.branch[it] == tree);
            assert!(self.with_hooks && !tested, "it is live and healthy, and not said so: {}", context());
            assert!(matches!(verdict, Verdict::Stale(Stale::NotTested { .. }, StaleAction::AskPeople)), "{}", context());
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
            if seed % 1_000 == 0 {
                crd::check_sent(&schedule.argo.application());
            }
            if step % 8 == 7 {
                seen.ready_under_way += usize::from(schedule.check(seed).is_ready());
            }
        }
        let mut verdict = schedule.said_at_rest(seed);
        if schedule.finish() {
            verdict = schedule.said_at_rest(seed);
        }
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

/// What a rule that leaves out one step takes for granted, of an Application and of what is known beside it: `expected`, `now`, and
/// whether there is a settle time (`settles`).
type Lax = fn(&mut Value);

/// Without each of these steps something is said to be ready that is not: the schedules would notice.
const LAX: [(&str, Lax); 12] = [
    ("the revision", |it| it["status"]["sync"]["revision"] = json!(it["expected"])),
    ("that it is synced", |it| it["status"]["sync"]["status"] = json!("Synced")),
    ("that it is healthy", |it| it["status"]["health"]["status"] = json!("Healthy")),
    ("what was compared", |it| it["status"]["sync"]["comparedTo"] = it["spec"].clone()),
    ("the time of our request", |it| it["status"]["reconciledAt"] = it["now"].clone()),
    ("the same second", |it| {
        let earlier = it["status"]["operationState"]["finishedAt"].as_str().and_then(|at| at.parse::<UnixMillis>().ok());
        it["status"]["operationState"]["finishedAt"] = json!(earlier.map(|at| UnixMillis(at.0 - 1_000).to_string()));
    }),
    ("that an operation runs", |it| {
        it["operation"] = json!(null);
        it["status"]["operationState"]["phase"] = json!("Succeeded");
        if it["status"]["operationState"]["finishedAt"].is_null() {
            it["status"]["operationState"]["finishedAt"] = json!("2026-01-01T00:00:00Z");
        }
    }),
    ("that the operation failed", |it| it["status"]["operationState"]["phase"] = json!("Succeeded")),
    ("that it was a dry run", |it| it["status"]["operationState"]["operation"]["sync"]["dryRun"] = json!(false)),
    ("since when it is healthy", |it| it["status"]["health"]["lastTransitionTime"] = json!("2026-01-01T00:00:00Z")),
    ("the second that is lost by cutting", |it| {
        let since = it["status"]["health"]["lastTransitionTime"].as_str().and_then(|at| at.parse::<UnixMillis>().ok());
        if let Some(since) = since.filter(|_| it["settles"] == true) {
            it["status"]["health"]["lastTransitionTime"] = json!(UnixMillis(since.0 - 1_000).to_string());
        }
    }),
    ("what the hooks found", |it| {
        it["status"]["operationState"]["phase"] = json!("Succeeded");
        it["status"]["operationState"]["syncResult"]["resources"] =
            json!([{"kind": "Job", "hookType": "PostSync", "hookPhase": "Succeeded"}]);
    }),
];

#[test]
fn a_rule_that_leaves_out_a_step_is_caught() {
    for (step, lax) in LAX {
        let caught = (0..4_000).any(|seed| {
            let mut schedule = Schedule::new(seed);
            let (expected, settles) = (json!(id(schedule.expected)), json!(!schedule.settle.is_zero()));
            let edit = |it: &mut Value, now: Value| {
                (it["expected"], it["now"], it["settles"]) = (expected.clone(), now, settles.clone());
                lax(it);
            };
            let under_way = (0..40).any(|_| {
                schedule.step();
                let now = json!(UnixMillis(schedule.argo.now).to_string());
                schedule.ask(|it| edit(it, now.clone())).is_ready() && !schedule.was_ready()
            });
            let at_rest = |mut schedule: Schedule| {
                let verdict = schedule.come_to_rest(|it| edit(it, json!(null)));
                verdict.is_ok_and(|verdict| verdict.is_ready()) && !schedule.was_ready()
            };
            under_way || at_rest(schedule)
        });
        assert!(caught, "nothing notices a rule that does not look at {step}");
    }
}

/// Without these nothing is ever said to be ready that is not, and what is ready is said so too late, or never.
const STRICT: [(&str, Lax); 2] = [
    ("believes no look", |it| it["status"]["reconciledAt"] = json!("2026-01-01T00:00:00Z")),
    ("counts the settle time from the last look", |it| {
        it["status"]["health"]["lastTransitionTime"] = it["status"]["reconciledAt"].clone();
    }),
];

#[test]
fn a_rule_that_waits_for_too_long_is_caught() {
    for (how, strict) in STRICT {
        let caught = (0..400).any(|seed| {
            let mut schedule = Schedule::new(seed);
            (0..40).for_each(|_| schedule.step());
            schedule.come_to_rest(strict).is_err()
        });
        assert!(caught, "nothing notices a rule that {how}");
    }
}

const QUARTER: u64 = 25_000;

#[test]
fn a_first_quarter_of_100_000_schedules_holds() {
    run(0..QUARTER);
}

#[test]
fn a_second_quarter_of_100_000_schedules_holds() {
    run(QUARTER..2 * QUARTER);
}

#[test]
fn a_third_quarter_of_100_000_schedules_holds() {
    run(2 * QUARTER..3 * QUARTER);
}

#[test]
fn a_last_quarter_of_100_000_schedules_holds() {
    run(3 * QUARTER..4 * QUARTER);
}
