//! The verdict on Argo CD under random schedules of everything that can happen at once, against a model of the controller that
//! knows what is true: never ready without its being true, through the settle time; and ready within one refresh and the settle time
//! where it stays true.
//!
//! The model is ours, made after what Argo CD's sources do; the objects that it writes have the fields of the official CRD.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

#[path = "argo_schedules/crd.rs"]
#[expect(dead_code, clippy::print_stdout, reason = "some of it is for other tests; what is skipped says so")]
mod crd;
#[path = "argo_schedules/schedule.rs"]
mod schedule;

use futures_util::FutureExt as _;
use pathops_adapters::argo_verdict::{
    Application, Expected, ExpectedHook, ExpectedSource, History, NotYet, Stale, StaleAction, Verdict, judge,
};
use pathops_core::{CommitId, TreeId, UnixMillis};
use serde_json::{Value, json};

use schedule::controller::{self, Commit, OURS, Tree};
use schedule::{Answer, Overdue, REPO, Schedule};

fn id(commit: Commit) -> CommitId {
    CommitId::parse(format!("{commit:040x}")).unwrap()
}

fn place(commit: &CommitId) -> Commit {
    usize::from_str_radix(&commit.as_str()[24..], 16).unwrap()
}

fn tree_id(tree: Tree) -> TreeId {
    TreeId::parse(format!("{tree:040x}")).unwrap()
}

struct Branch<'c>(&'c [Tree]);

impl History for Branch<'_> {
    fn descends(&self, _: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
        Some(place(commit) > place(ancestor))
    }

    fn same_tree(&self, _: &str, _: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
        Some(self.0[place(one)] == self.0[place(other)])
    }

    fn has_tree(&self, _: &str, _: &str, commit: &CommitId, tree: &TreeId) -> Option<bool> {
        Some(tree_id(self.0[place(commit)]) == *tree)
    }
}

/// As one that takes every later commit for the same.
struct AnyTree<'c>(Branch<'c>);

impl History for AnyTree<'_> {
    fn descends(&self, repo: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
        self.0.descends(repo, commit, ancestor)
    }

    fn same_tree(&self, _: &str, _: &str, _: &CommitId, _: &CommitId) -> Option<bool> {
        Some(true)
    }

    fn has_tree(&self, _: &str, _: &str, _: &CommitId, _: &TreeId) -> Option<bool> {
        Some(true)
    }
}

impl Answer for Verdict {
    fn is_ready(&self) -> bool {
        Verdict::is_ready(self)
    }

    fn waits(&self) -> bool {
        matches!(self, Verdict::NotYet(_) | Verdict::Stale(_, StaleAction::Refresh))
    }

    fn settles_in(&self) -> Option<u64> {
        match self {
            Verdict::NotYet(NotYet::Settling { remaining_millis }) => Some(*remaining_millis),
            _ => None,
        }
    }
}

impl Schedule {
    /// What the rule says, once `edit` has changed what is read.
    fn ask(&self, edit: impl Fn(&mut Value)) -> Verdict {
        self.ask_by(edit, &Branch(&self.argo.branch))
    }

    /// Whether the tree that is expected is named, too.
    fn names_tree(&self) -> bool {
        self.expected % 2 == 1
    }

    /// The same by what somebody knows of Git.
    fn ask_by(&self, edit: impl Fn(&mut Value), history: &impl History) -> Verdict {
        let mut source = ExpectedSource::git(REPO, OURS, id(self.expected));
        if self.names_tree() {
            source = source.with_tree(tree_id(self.tree()));
        }
        let image = controller::image(self.tree()).parse().unwrap();
        let mut expected = Expected::new(source, UnixMillis(self.requested_at)).image(image).settle(self.settle);
        if self.with_hooks {
            expected = expected.hook(ExpectedHook::Type("PostSync".to_owned()));
        }
        let mut application = self.argo.application(id);
        edit(&mut application);
        let application = Application::from_value(&application).unwrap();
        judge(&expected, &application, history, UnixMillis(self.argo.now))
    }

    fn hold_against_truth(&self, verdict: &Verdict, seed: u64) {
        let false_accept = verdict.is_ready() && !self.was_ready();
        assert!(!false_accept, "seed {seed}: ready, and this is true: {:?}\n{:#}", self.argo.truth, self.argo.application(id));
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

    /// Comes to rest, as a workflow asks that is told at once.
    fn rest(&mut self, edit: impl Fn(&mut Value)) -> Result<Verdict, Overdue<Verdict>> {
        let rested = self.come_to_rest(async |schedule: &mut Schedule| {
            let verdict = schedule.ask(&edit);
            schedule.argo.refresh |= matches!(verdict, Verdict::Stale(_, StaleAction::Refresh));
            verdict
        });
        rested.now_or_never().unwrap()
    }

    /// What is said once nothing goes wrong any more, in time and true.
    fn said_at_rest(&mut self, seed: u64) -> Verdict {
        let verdict = self.rest(|_| ());
        let verdict = verdict.unwrap_or_else(|overdue| panic!("seed {seed}: {overdue:?}\n{:#}", self.argo.application(id)));
        self.hold_against_truth(&verdict, seed);
        verdict
    }

    /// What it has to be once all is at rest.
    fn judge_rest(&self, verdict: &Verdict, seed: u64) {
        let (argo, tree) = (&self.argo, self.tree());
        let superseded = argo.branch[argo.head()] != tree;
        let context = || format!("seed {seed}: {verdict:?}\n{:#}", argo.application(id));
        if superseded {
            assert!(matches!(verdict, Verdict::Stale(Stale::Superseded { .. }, StaleAction::GiveUp)), "{}", context());
        } else if argo.failed_at(tree) {
            assert!(matches!(verdict, Verdict::Failed(_)), "{}", context());
        } else if argo.tests_failed() {
            assert_eq!(argo.live_tree(), tree, "{}", context());
            assert!(matches!(verdict, Verdict::Stale(Stale::NotTested { .. }, StaleAction::AskPeople)), "{}", context());
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
                crd::check_sent(&schedule.argo.application(id));
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
                let verdict = schedule.rest(|it| edit(it, json!(null)));
                verdict.is_ok_and(|verdict| verdict.is_ready()) && !schedule.was_ready()
            };
            under_way || at_rest(schedule)
        });
        assert!(caught, "nothing notices a rule that does not look at {step}");
    }
}

/// With the tree named, and without.
#[test]
fn a_rule_that_does_not_look_at_trees_is_caught() {
    for named in [false, true] {
        let caught = (0..4_000).map(Schedule::new).filter(|schedule| schedule.names_tree() == named).any(|mut schedule| {
            (0..40).any(|_| {
                schedule.step();
                let said = schedule.ask_by(|_| (), &AnyTree(Branch(&schedule.argo.branch)));
                said.is_ready() && !schedule.was_ready()
            })
        });
        assert!(caught, "nothing notices a rule that takes any later tree, named: {named}");
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
            schedule.rest(strict).is_err()
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
