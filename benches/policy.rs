//! What a decision costs, beside Cedar and Rego in the same run: `cargo bench -p pathops-benches --bench policy`, or with
//! `-- --test` few rounds, to see that it works.
//!
//! Each engine is asked whether the same promotion may go on, over 100 pieces of evidence, and for its reasons. Times are
//! those of the process' CPU clock for one decision, in the best of several rounds. Digests belong to the gathering of facts
//! and are in no engine's time; parsing and compiling policies neither. Once the promotion may go on, and once something is in
//! its way. It fails where ours is not so many times as fast as Cedar ([`AGGREGATED`], [`READY`]), where a fact among very many
//! takes longer than one among some ([`STRAIGHT`]), or where a policy takes longer to load than [`LOADED_MS`]; with `--test` it
//! only says so.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a program that prints a table"
)]

use std::hint::black_box;
use std::time::Duration;

use pathops_benches::cpu_time;
use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::evidence::EvidenceId;
use pathops_core::policy::{
    ConditionAnswer, Facts, Finding, HypotheticalFacts, Languages, LayerName, Policy, PolicyLayer, Verdict, evaluate,
};
use pathops_core::project::load;
use pathops_core::{Digest, UnixMillis};
use serde_json::{Value, json};

#[path = "policy/engines.rs"]
mod engines;
#[path = "policy/facts.rs"]
mod facts;

use engines::{RawRego, ReadyCedar, StraightCedar, aggregate};
use facts::{AT, name};

/// How many of our decisions are made in the time of one of Cedar with the aggregation that it needs, at the least.
const AGGREGATED: f64 = 5.0;

/// The same, of Cedar by itself: all that it asks for is ready.
const READY: f64 = 1.0;

/// How many times as long a fact may take among as many as there are at most as among 1,000.
const STRAIGHT: f64 = 2.0;

/// How long a policy of 1,000 requirements may take to load, in milliseconds.
const LOADED_MS: f64 = 50.0;

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let [ready, aggregated] = compare(if test { 2 } else { 2_000 });
    let bent = line(if test { &[100, 1_000] } else { &[100, 1_000, 10_000, 100_000] });
    let loaded = loading(if test { 10 } else { 1_000 });
    println!(
        "\nlimits: {AGGREGATED} × ours with aggregation, more than {READY} × ours with facts ready, {STRAIGHT} × as long for a fact \
         among many, {LOADED_MS} ms to load"
    );
    let holds = aggregated >= AGGREGATED && ready > READY && bent <= STRAIGHT && loaded < LOADED_MS;
    let within = if holds { "within them" } else { "not within them" };
    println!("here: {aggregated:.1} ×, {ready:.1} ×, {bent:.1} ×, {loaded:.1} ms: {within}");
    assert!(holds || test, "ours is to be faster than that");
}

/// What Cedar takes, in times of ours: with ready facts, and with aggregation.
fn compare(decisions: usize) -> [f64; 2] {
    let policy = policy();
    let facts = facts::facts(100, policy.digest());
    let known = HypotheticalFacts::from(facts.clone());
    let decision = evaluate(&policy, &known, AT);
    assert_eq!(decision.verdict, Verdict::Pass, "{}", decision.to_text());
    let ours = time("ours: from 100 pieces of evidence to the decision", decisions, None, || {
        evaluate(&policy, &known, AT).requirements.len()
    });
    let summary = aggregate(known.facts());
    let ready = ReadyCedar::new(&summary);
    assert!(ready.decide().0, "{:?}", ready.decide());
    let of_ours = |it: Duration| it.as_secs_f64() / ours.as_secs_f64();
    let by_itself =
        time("Cedar: from ready facts in its own form to the reasons", decisions, Some(ours), || ready.decide().1.len());
    let cedar = engines::cedar();
    assert_eq!(cedar.evaluate(&summary).map(|answer| answer.holds), Ok(true));
    time("Cedar: from our summary to the reasons", decisions, Some(ours), || cedar.evaluate(&summary).is_ok());
    let aggregated = time("Cedar: from 100 pieces of evidence to the reasons", decisions, Some(ours), || {
        cedar.evaluate(&aggregate(known.facts())).is_ok()
    });
    let straight = StraightCedar::new();
    assert!(straight.decide(known.facts()).0, "{:?}", straight.decide(known.facts()));
    let straightened = time("Cedar: from 100 pieces, straight into its own form, to the reasons", decisions, Some(ours), || {
        straight.decide(known.facts()).1.len()
    });
    let rego = engines::rego();
    assert_eq!(rego.evaluate(&summary).map(|answer| answer.holds), Ok(true));
    time("Rego, bounded: from our summary to the reasons", decisions / 10, Some(ours), || rego.evaluate(&summary).is_ok());
    let raw = RawRego::new(known.facts());
    assert_eq!(raw.deny(), regorus::Value::new_set());
    blocked(&policy, facts, decisions);
    time("Rego, by itself: from 100 pieces in its own form to the reasons", decisions / 10, Some(ours), || raw.deny());
    // Whichever way Cedar is given what it needs.
    [of_ours(by_itself), of_ours(aggregated.min(straightened))]
}

/// The engines are asked the same: a failure of the newest smoke tests is a reason for all of them. Ours also tells what remains to
/// be done, which the others are not asked for.
fn blocked(policy: &Policy, mut facts: Facts, decisions: usize) {
    let mut failed = facts.evidence.iter().find(|fact| fact.environment.is_some()).expect("smoke tests").clone();
    let Finding::Tests { failed: count, .. } = &mut failed.says else { panic!("{failed:?}") };
    *count = 1;
    (failed.id, failed.at) = (EvidenceId(Digest::of(b"failed")), UnixMillis(AT.0 - 1_000));
    facts.evidence.push(failed);
    let known = HypotheticalFacts::from(facts);
    assert_eq!(evaluate(policy, &known, AT).verdict, Verdict::Fail);
    let summary = aggregate(known.facts());
    let reasons = vec!["the smoke tests must have passed".to_owned()];
    assert_eq!(ReadyCedar::new(&summary).decide(), (false, reasons.clone()));
    for condition in [engines::cedar(), engines::rego()] {
        assert_eq!(condition.evaluate(&summary), Ok(ConditionAnswer { holds: false, reasons: reasons.clone() }));
    }
    assert_eq!(RawRego::new(known.facts()).deny().to_string(), r#"["the smoke tests must have passed"]"#);
    let straight = StraightCedar::new();
    assert_eq!(straight.decide(known.facts()), (false, vec!["the smoke tests must have passed".to_owned()]));
    let ready = ReadyCedar::new(&summary);
    let ours =
        time("ours, blocked: with what remains to be done", decisions, None, || evaluate(policy, &known, AT).requirements.len());
    time("Cedar, blocked: from ready facts", decisions, Some(ours), || ready.decide().1.len());
    time("Cedar, blocked: from 101 pieces, straight", decisions, Some(ours), || straight.decide(known.facts()).1.len());
}

/// How many times as long a fact takes among the most of these as among 1,000, where it takes longest.
fn line(sizes: &[u64]) -> f64 {
    println!(
        "\nCPU time as facts grow: a decision; one where all but the oldest few pieces are about another combination; and, not"
    );
    println!("a part of it, sorting, indexing and digesting the facts before it.");
    let (decision, crowded, gathering) = ("µs a decision", "µs, crowded", "µs, gathering");
    println!(
        "{:>10} {decision:>14} {:>10} {crowded:>14} {:>10} {gathering:>14} {:>10}",
        "facts", "ns a fact", "ns a fact", "ns a fact"
    );
    let policy = policy();
    let mut a_fact: Vec<[f64; 3]> = Vec::new();
    for size in sizes {
        let rounds = usize::try_from(200_000 / size).unwrap_or(1).max(1);
        let (mut columns, mut costs) = (String::new(), Vec::new());
        let mut column = |once: Duration| {
            let each = micros(once) * 1_000.0 / f64::from(u32::try_from(*size).unwrap_or(1));
            columns.push_str(&format!(" {:>14.1} {each:>10.0}", micros(once)));
            costs.push(each);
        };
        let given = facts::facts(*size, policy.digest());
        for facts in [given.clone(), facts::crowded(*size, policy.digest())] {
            let known = HypotheticalFacts::from(facts);
            assert_eq!(evaluate(&policy, &known, AT).verdict, Verdict::Pass);
            column(best(rounds, || evaluate(&policy, &known, AT).requirements.len()));
        }
        let copying = best((rounds / 20).max(1), || given.clone().evidence.len());
        let gathering = best((rounds / 20).max(1), || HypotheticalFacts::from(given.clone()).digest());
        column(gathering.saturating_sub(copying));
        println!("{size:>10}{columns}");
        a_fact.extend(<[f64; 3]>::try_from(costs));
    }
    let (Some(some), Some(many)) = (a_fact.get(1), a_fact.last()) else { return f64::INFINITY };
    many.iter().zip(some).map(|(many, some)| many / some).fold(0.0, f64::max)
}

/// The longest that loading took, in milliseconds.
fn loading(requirements: usize) -> f64 {
    let all: Vec<_> = (0..requirements).map(requirement).collect();
    let layer = layer(LayerName::Project, &all);
    let from_layers = best(1, || Policy::new(vec![layer.clone()], &Languages::none()).is_ok());
    println!("\n{requirements} requirements from layers: {:.1} ms", micros(from_layers) / 1_000.0);
    let half = requirements / 2;
    let layers = [(LayerName::Organisation, 0, half), (LayerName::Project, half, requirements)];
    let layers = layers.map(|(name, from, to)| self::layer(name, &all[from..to]));
    let from_two = best(1, || Policy::new(layers.to_vec(), &Languages::none()).is_ok());
    println!("{requirements} requirements from two layers: {:.1} ms", micros(from_two) / 1_000.0);
    let files = |requirements: &[Value]| -> SourceTree {
        let of = |kind: &str, spec: Value| {
            json!({"apiVersion": "pathops.dev/v1alpha1", "kind": kind, "metadata": {"name": "shop"}, "spec": spec}).to_string()
        };
        let environments = ["preflight", "production", "agents"].map(|kind| json!({"name": kind, "kind": kind}));
        [
            ("project.yaml", of("Project", json!({"environments": environments}))),
            ("people.yaml", of("People", json!({"people": [{"name": "alice", "roles": ["owner"]}]}))),
            ("policy.yaml", of("Policy", json!({"requirements": requirements}))),
        ]
        .map(|(path, text)| (name(path), SourceFile { bytes: text.into_bytes(), executable: false }))
        .into()
    };
    let files = files(&all);
    let project = load(&files, name("shop/meta")).map_err(|findings| findings.to_string());
    assert_eq!(project.map(|project| project.policy.layers()[0].requirements.len()), Ok(requirements));
    let from_yaml = best(1, || load(&files, name("shop/meta")).is_ok());
    println!(
        "{requirements} requirements from YAML, with all that a meta repository is checked for: {:.1} ms",
        micros(from_yaml) / 1_000.0
    );
    [from_layers, from_two, from_yaml].map(micros).into_iter().fold(0.0, f64::max) / 1_000.0
}

fn requirement(number: usize) -> Value {
    json!({
        "id": format!("tests-{number}"),
        "reason": "tests guard behaviour",
        "asks": {"tests": {"run": "build", "suite": format!("suite-{number}"), "minPassed": 1, "accept": {"maxAgeSeconds": 604_800}}},
    })
}

/// The rule that the other engines have as text. What is built in asks for the rest of it.
fn policy() -> Policy {
    let accept = |seconds: u32| json!({"maxAgeSeconds": seconds});
    let tests = |suite: &str, run: &str, seconds| json!({"tests": {"run": run, "suite": suite, "minPassed": 100, "accept": accept(seconds)}});
    let asks = [
        ("unit-tests", "the unit tests must have passed", tests("unit", "build", 604_800)),
        ("smoke-tests", "the smoke tests must have passed", tests("smoke", "preflight", 86_400)),
        ("health", "it must have been healthy", json!({"health": {"settledSeconds": 300, "accept": accept(86_400)}})),
        (
            "findings",
            "nothing bad may be open",
            json!({"findings": {"max": {"critical": 0, "high": 0}, "accept": accept(86_400)}}),
        ),
        ("sbom", "its parts must be known", json!({"sbom": {"formats": ["cyclonedx"], "accept": accept(604_800)}})),
        (
            "error-rate",
            "it must keep within the error budget",
            json!({"signal": {"name": "error-rate", "environment": "preflight", "max": 0.01, "accept": accept(86_400)}}),
        ),
    ];
    let requirement = |(id, reason, asks): (&str, &str, Value)| json!({"id": id, "reason": reason, "asks": asks});
    Policy::new(vec![layer(LayerName::Project, &asks.map(requirement))], &Languages::none()).expect("a policy")
}

fn layer(layer: LayerName, requirements: &[Value]) -> PolicyLayer {
    let read = serde_json::from_value(json!({"requirements": requirements})).expect("a layer");
    PolicyLayer { layer, ..read }
}

/// Prints what one decision takes, and how many of ours that is.
fn time<T>(what: &str, decisions: usize, ours: Option<Duration>, decide: impl FnMut() -> T) -> Duration {
    let once = best(decisions.max(1), decide);
    let ratio = ours.map(|ours| format!("{:>8.2} × ours", once.as_secs_f64() / ours.as_secs_f64()));
    println!("{what:<66} {:>10.2} µs {}", micros(once), ratio.unwrap_or_default());
    once
}

/// The CPU time of one call, in the best of seven rounds of so many.
fn best<T>(calls: usize, mut work: impl FnMut() -> T) -> Duration {
    let mut round = || {
        let begin = cpu_time();
        for _ in 0..calls {
            black_box(work());
        }
        cpu_time().saturating_sub(begin) / u32::try_from(calls).unwrap_or(u32::MAX)
    };
    (0..7).map(|_| round()).min().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000_000.0
}
