//! The evaluator over facts that nobody thought of: it never panics, and agrees with the rule as it is documented.

use std::cell::Cell;
use std::collections::BTreeSet;

use pathops_core::UnixMillis;
use pathops_core::adapter::ReviewState;
use pathops_core::policy::{Facts, Finding, FreezeTimes, FreezeWindow, Policy, Verdict, Weekday, decide, evaluate};
use pathops_core::project::{Lifecycle, OpenIncident, Role};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::shop::{AT, DAY, KINDS, Shop, agent, by, commit, human, tree};
use crate::spec;

/// One change of a promotion that passes.
#[derive(Clone, Debug)]
struct Blow {
    what: u8,
    which: Index,
    number: u8,
    at: i64,
    text: String,
}

const KINDS_OF_BLOW: u8 = 26;

fn blow() -> impl Strategy<Value = Blow> {
    let near = select(vec![0, -1, 1, -DAY, -DAY - 1, -7 * DAY, -7 * DAY - 1, 60_000, 60_001]).prop_map(|offset| AT.0 + offset);
    let at = prop_oneof![4 => near, 1 => select(vec![i64::MIN, 0, i64::MAX]), 1 => any::<i64>()];
    let text = prop_oneof![select(vec!["orders", "web", "unit", "smoke", "UTC"]).prop_map(str::to_owned), any::<String>()];
    (0..KINDS_OF_BLOW, any::<Index>(), any::<u8>(), at, text).prop_map(|(what, which, number, at, text)| Blow {
        what,
        which,
        number,
        at,
        text,
    })
}

/// What is decided about: policy, facts, instant.
type Case = (Policy, Facts, UnixMillis);

impl Blow {
    fn strike(&self, (policy, facts, at): &mut Case) {
        match self.what {
            0..10 => self.strike_evidence(facts),
            10..18 => self.strike_readings(facts),
            18 => *at = UnixMillis(self.at),
            _ => self.strike_policy(policy),
        }
    }

    fn strike_evidence(&self, facts: &mut Facts) {
        if facts.evidence.is_empty() {
            return;
        }
        let index = self.which.index(facts.evidence.len());
        let mut fact = facts.evidence.swap_remove(index);
        let kept = fact.clone();
        match self.what {
            0 | 1 => fact.at = UnixMillis(self.at),
            2 => fact.unit = self.text.parse().ok(),
            3 => fact.environment = [None, Some("preflight"), Some("production")][self.pick(3)].map(|name| name.parse().unwrap()),
            4 if !fact.subjects.is_empty() => drop(fact.subjects.remove(self.which.index(fact.subjects.len()))),
            5 | 6 => self.strike_finding(&mut fact.says),
            7 => fact.at = UnixMillis(kept.at.0.saturating_add(i64::from(self.number) - 128)),
            8 => return,
            _ => facts.rejected.push(self.text.clone()),
        }
        facts.evidence.push(fact);
        if self.number.is_multiple_of(2) {
            facts.evidence.push(kept);
        }
    }

    fn strike_finding(&self, finding: &mut Finding) {
        match finding {
            Finding::Tests { suite, passed, inconclusive, failed, pipeline_changed } => match self.pick(5) {
                0 => *suite = self.text.clone(),
                1 => *passed = u32::from(self.number % 4),
                2 => *inconclusive = u32::MAX,
                3 => *failed = u32::from(self.number % 4),
                _ => *pipeline_changed = true,
            },
            Finding::Deployment { failure } => *failure = Some(self.text.clone()),
            Finding::Health { healthy, settled_millis } => match self.pick(3) {
                0 => *healthy = false,
                1 => *settled_millis = self.at.unsigned_abs(),
                _ => *settled_millis = 4_999 + u64::from(self.number % 2),
            },
        }
    }

    fn strike_readings(&self, facts: &mut Facts) {
        let readings = &mut facts.readings;
        let name = ["alice", "bob", "carol", "erin"][self.pick(4)];
        let state =
            [ReviewState::Approved, ReviewState::ChangesRequested, ReviewState::Commented, ReviewState::Dismissed][self.pick(4)];
        let author = if self.number > 200 { agent(name) } else { human(name) };
        match self.what {
            10 => readings.unit.lifecycle = [Lifecycle::Prototype, Lifecycle::PathReady, Lifecycle::Production][self.pick(3)],
            11 => {
                let unit = [None, Some("orders"), Some("web")][self.pick(3)].map(|name| name.parse().unwrap());
                let (id, summary) = (self.text.clone(), self.text.clone());
                readings.incidents.push(OpenIncident { id, unit, since: AT, summary });
            }
            12 => drop(readings.authors.insert(author)),
            13 => drop(readings.people.insert(name.parse().unwrap(), roles([[Role::Owner].as_slice(), &[]][self.pick(2)]))),
            14 => readings.source_reviews.push(by(author, state, ['1', '0'][usize::from(self.number % 3 / 2)])),
            15 => match self.pick(6) {
                4 => readings.way_back = true,
                5 => drop(readings.strangers.insert(self.text.clone())),
                0 => readings.artifact = None,
                1 => readings.source = None,
                2 => readings.tested.tree = tree('9'),
                _ => readings.source_head = None,
            },
            _ => {
                let Some(proposal) = &mut readings.proposal else { return };
                match self.number % 8 {
                    0 => proposal.head = commit('5'),
                    1 => proposal.carries_tested = false,
                    2 => readings.proposal = None,
                    _ => proposal.reviews.push(by(author, state, ['4', '5'][usize::from(self.number % 3 / 2)])),
                }
            }
        }
    }

    fn strike_policy(&self, policy: &mut Policy) {
        let Some(set) = policy.production.first_mut() else { return };
        let rule = self.which.index(set.evidence.len().max(1));
        match self.what {
            19 => set.covers = serde_json::from_value(coverage(self.pick(5))).unwrap(),
            20 => set.freeze.push(self.window()),
            21 => set.approvals.count = u32::from(self.number % 3 + 1).try_into().unwrap(),
            22 => set.approvals.roles = roles([[Role::Owner].as_slice(), &[Role::Reviewer], &[]][self.pick(3)]),
            23 => {
                if let Some(rule) = set.evidence.get_mut(rule) {
                    rule.max_age_seconds = [0, 60, u64::MAX][self.pick(3)];
                }
            }
            24 if rule < set.evidence.len() => drop(set.evidence.remove(rule)),
            _ => {
                let mut another = set.clone();
                another.covers = serde_json::from_value(coverage(self.pick(5))).unwrap();
                policy.production.push(another);
            }
        }
    }

    fn window(&self) -> FreezeWindow {
        let (from, until) = ("2026-11-20T12:00".to_owned(), "2026-11-20T12:01".to_owned());
        let when = match self.pick(4) {
            0 => FreezeTimes::Once { from, until },
            1 => FreezeTimes::Once { from: until, until: "2026-11-21T00:00".to_owned() },
            2 => FreezeTimes::Once { from: self.text.clone(), until },
            _ => {
                let days = if self.number > 128 { Weekday::Friday } else { Weekday::Monday };
                FreezeTimes::Weekly { days: [days].into(), from: "12:00".to_owned(), until: "12:00".to_owned() }
            }
        };
        let time_zone = if self.number.is_multiple_of(3) { self.text.clone() } else { "UTC".to_owned() };
        FreezeWindow { id: "window".parse().unwrap(), reason: self.text.clone(), time_zone, when }
    }

    fn pick(&self, of: usize) -> usize {
        usize::from(self.number) % of
    }
}

fn roles(held: &[Role]) -> BTreeSet<Role> {
    held.iter().copied().collect()
}

fn coverage(which: usize) -> Value {
    match which {
        0 => json!({}),
        1 => json!({"kind": "app"}),
        2 => json!({"kind": "component"}),
        3 => json!({"classes": ["web"]}),
        _ => json!({"units": ["orders"]}),
    }
}

#[test]
fn the_evaluator_agrees_with_the_documented_rule() {
    let shop = Shop::passing();
    let passing: Case = (shop.policy.clone(), shop.facts().facts().clone(), shop.at);
    let (passed, stopped) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: 3_000, failure_persistence: None, ..Config::default() };
    let blows = proptest::collection::vec(blow(), 0..6);
    TestRunner::new(config)
        .run(&blows, |blows| {
            let mut case = passing.clone();
            blows.iter().for_each(|blow| blow.strike(&mut case));
            let (policy, facts, at) = case;
            let decision = evaluate(&policy, &facts, at);
            let meets = spec::meets(&policy, &facts, at);
            prop_assert_eq!(decision.verdict == Verdict::Pass, meets, "{}", decision.to_text());
            prop_assert_eq!(decision.blocking().next().is_none(), meets);
            let tally = if meets { &passed } else { &stopped };
            tally.set(tally.get() + 1);
            replays(&policy, &facts, at);
            Ok(())
        })
        .unwrap();
    let (passed, stopped) = (passed.get(), stopped.get());
    assert!(passed > 300 && stopped > 300, "one side is hardly tried: {passed} passed, {stopped} did not");
}

/// Stored and read back, the facts give the same bytes; and what is shown to people can be made of any decision.
fn replays(policy: &Policy, facts: &Facts, at: UnixMillis) {
    let decision = evaluate(policy, facts, at);
    let read: Facts = serde_json::from_slice(&serde_json::to_vec(facts).unwrap()).unwrap();
    let again = evaluate(policy, &read, at);
    assert_eq!(serde_json::to_vec(&again).unwrap(), serde_json::to_vec(&decision).unwrap());
    let rows = decision.to_markdown().lines().filter(|line| line.starts_with('|')).count();
    assert_eq!(rows, decision.requirements.len() + 2, "{}", decision.to_markdown());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The predicate's own members, and one that no predicate has.
const MEMBERS: [&str; 9] =
    ["result", "configuration", "passedTests", "failedTests", "finishedOn", "unit", "ready", "healthy", "extra"];

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn signed_nonsense_is_read_without_a_panic_and_never_passes_for_evidence(
        kind in select(KINDS.to_vec()),
        member in select(MEMBERS.to_vec()),
        whole in any::<bool>(),
        nonsense in any_json(),
    ) {
        let mut shop = Shop::passing();
        shop.edit(kind, |statement| {
            if whole { statement.predicate = nonsense } else { statement.predicate[member] = nonsense }
        });
        let facts = shop.facts();
        let (decision, grant) = decide(&shop.policy, &facts, shop.at, 1);
        prop_assert_eq!(decision.verdict == Verdict::Pass, spec::meets(&shop.policy, facts.facts(), shop.at));
        prop_assert_eq!(grant.is_some(), decision.verdict == Verdict::Pass);
        prop_assert!(!whole || grant.is_none());
    }
}
