//! What remains, where people are all that is missing, against every set of people that could be tried.

use std::collections::BTreeSet;

use pathops_core::UnixMillis;
use pathops_core::adapter::ReviewState::{Approved, ChangesRequested};
use pathops_core::policy::{HypotheticalFacts, Policy, PolicyLayer, Readings, Verdict, evaluate, what_if};
use pathops_core::project::Role;
use serde_json::{Value, json};

use crate::base::{AT, HOUR, Piece, human, policy, readings, review, verified};
use crate::generate::Dice;

const HEAD: char = '4';
const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

/// One to three requirements of approvals, beside what is built in.
fn asking(dice: &mut Dice) -> Policy {
    let one = |number: usize, dice: &mut Dice| {
        let roles = dice.pick(&[json!(["owner"]), json!(["reviewer"]), json!(["owner", "reviewer"])]);
        let approvals = json!({"count": 1 + dice.below(3), "roles": roles});
        json!({"id": format!("look-{number}"), "reason": "Somebody looks at it.", "asks": {"approvals": approvals}})
    };
    let requirements: Vec<_> = (0..=dice.below(3)).map(|number| one(number, dice)).collect();
    let layer: PolicyLayer = serde_json::from_value(json!({"requirements": requirements})).unwrap();
    policy(vec![layer])
}

fn read(dice: &mut Dice, policy: &Policy) -> Readings {
    let mut readings = readings(policy);
    for name in NAMES {
        readings.people.insert(name.parse().unwrap(), dice.some(&[Role::Owner, Role::Reviewer]));
    }
    readings.authors = dice.some::<_, BTreeSet<_>>(&[human("alice"), crate::base::agent("carol")]);
    let given = dice.some::<_, Vec<_>>(&NAMES).into_iter().filter(|_| dice.one_in(3)).collect::<Vec<_>>();
    readings.proposal.as_mut().unwrap().reviews = given.iter().map(|name| review(name, Approved, HEAD)).collect();
    readings
}

/// Whether it passes once all of these have approved.
fn passes_with(policy: &Policy, known: &HypotheticalFacts, people: &[&str]) -> bool {
    let approve = |readings: &mut Readings| {
        let reviews = &mut readings.proposal.as_mut().unwrap().reviews;
        reviews.extend(people.iter().map(|name| review(name, Approved, HEAD)));
    };
    what_if(policy, known, AT, |facts| approve(&mut facts.readings)).verdict == Verdict::Pass
}

/// The size of a smallest set of people whose approvals are enough.
fn fewest(policy: &Policy, known: &HypotheticalFacts) -> Option<usize> {
    let sets = (0..1_usize << NAMES.len()).map(|set| {
        let chosen = NAMES.iter().enumerate().filter(|(place, _)| set >> place & 1 == 1);
        chosen.map(|(_, name)| *name).collect::<Vec<_>>()
    });
    sets.filter(|people| passes_with(policy, known, people)).map(|people| people.len()).min()
}

fn facts(readings: Readings) -> HypotheticalFacts {
    verified(&[Piece::Deployment.envelope()], readings).facts().clone().into()
}

#[test]
fn what_remains_is_enough_and_as_few_people_as_can_be() {
    let (mut ways, mut none) = (0, 0);
    for seed in 0..120 {
        let mut dice = Dice::new(seed);
        let policy = asking(&mut dice);
        let known = facts(read(&mut dice, &policy));
        let (decision, fewest) = (evaluate(&policy, &known, AT), fewest(&policy, &known));
        let Some(remaining) = decision.remaining else {
            assert_eq!(fewest, Some(0), "seed {seed}: nothing remains, and it does not pass");
            continue;
        };
        assert_eq!(remaining.without_a_way.is_empty(), fewest.is_some(), "seed {seed}: {remaining:?}");
        let Some(fewest) = fewest else {
            none += 1;
            continue;
        };
        ways += 1;
        assert!(remaining.is_smallest, "seed {seed}: so few sets are all tried");
        assert_eq!(remaining.steps.len(), fewest, "seed {seed}: {remaining:?}");
        let people: Vec<_> = remaining.steps.iter().map(|step| step.from.as_deref().unwrap()).collect();
        assert!(passes_with(&policy, &known, &people), "seed {seed}: {remaining:?} is not enough");
    }
    assert!(ways > 20 && none > 20, "{ways} with a way, {none} without");
}

/// Whoever asks for changes is won over, and what is missing then is told with it.
#[test]
fn where_people_ask_for_changes_what_remains_is_enough_and_as_few_as_can_be() {
    let mut more = 0;
    for seed in 0..240 {
        let mut dice = Dice::new(seed);
        let policy = asking(&mut dice);
        let mut read = read(&mut dice, &policy);
        for name in NAMES.into_iter().filter(|_| dice.one_in(4)).collect::<Vec<_>>() {
            read.proposal.as_mut().unwrap().reviews.push(review(name, ChangesRequested, HEAD));
        }
        let known = facts(read);
        let (decision, fewest) = (evaluate(&policy, &known, AT), fewest(&policy, &known));
        let objected = decision.verdict == Verdict::Fail;
        let (Some(remaining), Some(fewest)) = (decision.remaining, fewest) else { continue };
        assert_eq!(remaining.steps.len(), fewest, "seed {seed}: {remaining:?}");
        let people: Vec<_> = remaining.steps.iter().map(|step| step.from.as_deref().unwrap()).collect();
        assert!(passes_with(&policy, &known, &people), "seed {seed}: {remaining:?} is not enough");
        more += u32::from(objected && fewest > 1);
    }
    assert!(more > 20, "{more} in which more than an objection is in the way");
}

/// A longer soak by one producer beside a shorter one by all: time mends the first, and only newer health the second.
#[test]
fn time_alone_does_not_help_where_one_of_two_lacks_something() {
    let soak = |seconds: i64, from: Value| {
        let accept = json!({"maxAgeSeconds": 3_600, "from": from});
        json!({"id": "soak", "reason": "It runs.", "asks": {"soak": {"seconds": seconds, "maxGapSeconds": 120, "accept": accept}}})
    };
    let layers = json!([
        {"layer": "project", "requirements": [soak(60, json!(null))]},
        {"layer": {"unit": "orders"}, "requirements": [soak(36_000, json!(["cluster"]))]},
    ]);
    let policy = policy(serde_json::from_value(layers).unwrap());
    let facts = verified(&crate::base::PIECES.map(Piece::envelope), readings(&policy));
    let earliest = |at| {
        let decision = evaluate(&policy, &facts, at);
        let soak = decision.requirements.iter().find(|it| it.id.as_str() == "soak").unwrap().clone();
        assert_eq!(soak.verdict, Verdict::Unknown, "{}", soak.because);
        soak.earliest
    };
    assert!(earliest(AT).is_some(), "time is all that the longer one lacks");
    assert_eq!(earliest(UnixMillis(AT.0 + 2 * HOUR)), None, "the shorter one lacks newer health");
}
