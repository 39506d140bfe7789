//! What conditions are told, by name of what once went past them.

use pathops_core::UnixMillis;
use pathops_core::evidence::{Statement, Subject};
use pathops_core::policy::{Ask, Readings, Summary, Verdict, evaluate};
use serde_json::{Value, json};

use crate::base::{self, AT, HOUR, MINUTE, PIECES, Piece, layers, policy, readings, seal, tree, verified};

/// What is told over the pieces, and these statements of `cluster` besides.
fn told(more: &[Statement], read: impl FnOnce(&mut Readings)) -> Summary {
    let policy = policy(layers());
    let mut given = readings(&policy);
    read(&mut given);
    let more: Vec<_> = more.iter().map(|it| seal(2, it)).collect();
    let facts = verified(&[PIECES.map(Piece::envelope).as_slice(), &more].concat(), given);
    let _ = evaluate(&policy, &facts, AT);
    base::told().unwrap()
}

/// A piece as it is, a minute before the decision or so, with some fields of its predicate changed.
fn changed(piece: Piece, ago: i64, fields: &[(&str, Value)]) -> Statement {
    let mut statement = piece.statement();
    *statement.predicate.pointer_mut(piece.date()).unwrap() = json!(UnixMillis(AT.0 - ago).to_string());
    for (name, value) in fields {
        statement.predicate[*name] = value.clone();
    }
    statement
}

#[test]
fn health_and_deployments_of_something_else_are_not_told_as_those_of_preflight() {
    let days = json!(100 * HOUR);
    let of_production = [("environment", json!("production")), ("settledMillis", days.clone())];
    let of_another = [("unit", json!("web")), ("settledMillis", days.clone())];
    let mut another_tree = changed(Piece::Settled, 0, &[("settledMillis", days)]);
    another_tree.subject = vec![Subject::named("a").with_tree(&tree('9')), Subject::named("b").with_sha256(&base::artifact())];
    let statements = [changed(Piece::Settled, 0, &of_production), changed(Piece::Settled, 0, &of_another), another_tree];
    assert_eq!(told(&statements, |_| ()).preflight.healthy_seconds, 3_600);
    let down = changed(Piece::Deployment, MINUTE, &[("ready", json!(false))]);
    assert!(!told(std::slice::from_ref(&down), |_| ()).preflight.was_ready);
    let up = changed(Piece::Deployment, 0, &[("environment", json!("production"))]);
    assert!(!told(&[down, up], |_| ()).preflight.was_ready, "production is ready, and preflight is not");
}

/// The names of pieces are hashes: which of two is last in their order is nobody's business. Twenty are on both sides.
#[test]
fn of_one_instant_the_worse_word_is_told() {
    for number in 0..20 {
        let with = |piece: Piece, name: &'static str, value: Value| changed(piece, 0, &[(name, value), ("note", json!(number))]);
        let pair = |piece, name, bad: Value, good: Value| [with(piece, name, bad), with(piece, name, good)];
        let health = pair(Piece::Settled, "healthy", json!(false), json!(true));
        assert_eq!(told(&health, |_| ()).preflight.healthy_seconds, 0);
        let deployment = pair(Piece::Deployment, "ready", json!(false), json!(true));
        assert!(!told(&deployment, |_| ()).preflight.was_ready);
        let sbom = pair(Piece::Sbom, "components", json!([]), json!([{"name": "a"}]));
        assert_eq!(told(&sbom, |_| ()).sbom_parts, 0);
        let smoke = pair(Piece::Smoke, "passedTests", json!([]), json!(["a", "b"]));
        assert_eq!(told(&smoke, |_| ()).tests["smoke"].passed, 0);
        let signal = pair(Piece::ErrorRate, "value", json!(0.5), json!(0.001));
        assert_eq!(told(&signal, |_| ()).signals.get("error-rate"), None);
    }
}

#[test]
fn tests_that_nobody_has_to_believe_have_not_passed() {
    let mut touched = changed(Piece::UnitTests, 0, &[]);
    touched.predicate["configuration"][0]["annotations"]["pipelineChanged"] = json!(true);
    let unit = |read: fn(&mut Readings)| told(std::slice::from_ref(&touched), read).tests["unit"].clone();
    assert_eq!((unit(|_| ()).passed, unit(|_| ()).failed), (0, u32::MAX));
    let approved = unit(|it| it.source_reviews.push(base::review("bob", pathops_core::adapter::ReviewState::Approved, '1')));
    assert_eq!((approved.passed, approved.failed), (3, 0));
}

/// A number that rests on nothing, or on measurements that failed, is no number.
#[test]
fn a_measurement_without_samples_or_with_errors_is_not_told() {
    let told = |name, count: u64| {
        let measured = changed(Piece::ErrorRate, 0, &[(name, json!(count))]);
        told(&[measured], |_| ()).signals.get("error-rate").copied()
    };
    assert_eq!((told("samples", 0), told("samples", 1)), (None, Some(0.001)));
    assert_eq!((told("errors", 1), told("errors", 0)), (None, Some(0.001)));
}

#[test]
fn what_is_dated_in_the_future_is_told_at_its_worst() {
    let later = |piece| changed(piece, -HOUR, &[]);
    let summary = told(&[Piece::Settled, Piece::Deployment, Piece::Sbom, Piece::Smoke, Piece::Scan].map(later), |_| ());
    assert_eq!((summary.preflight.was_ready, summary.preflight.healthy_seconds, summary.sbom_parts), (false, 0, 0));
    assert_eq!((summary.tests["smoke"].passed, summary.findings.low), (0, u32::MAX));
}

/// A scanner is named by the report: whoever signs the next one must not speak for whoever signed the last.
#[test]
fn a_report_of_another_signer_takes_no_finding_back() {
    let found =
        changed(Piece::Scan, MINUTE, &[("scanner", json!({"uri": base::GRYPE, "result": [{"id": "CVE-9", "severity": []}]}))]);
    let nothing = changed(Piece::Scan, 0, &[("scanner", json!({"uri": base::GRYPE, "result": []}))]);
    let mut layers = layers();
    let scan = layers[0].requirements.iter_mut().find(|it| it.id.as_str() == "scan").unwrap();
    let Ask::Findings(rule) = &mut scan.asks else { panic!("it asks for something else") };
    rule.accept.from = None;
    let policy = policy(layers);
    let decided = |second: u64| {
        let others = PIECES.into_iter().filter(|it| *it != Piece::Scan).map(Piece::envelope);
        let envelopes: Vec<_> = others.chain([seal(1, &found), seal(second, &nothing)]).collect();
        let decision = evaluate(&policy, &verified(&envelopes, readings(&policy)), AT);
        let scan = decision.requirements.iter().find(|it| it.id.as_str() == "scan").unwrap().verdict;
        (scan, base::told().unwrap().findings.critical)
    };
    assert_eq!(decided(1), (Verdict::Pass, 0), "it looked again");
    assert_eq!(decided(2), (Verdict::Fail, 1), "somebody else says that there is nothing");
}
