//! Signals: a measured value within bounds, and everything that is no value.

use pathops_core::evidence::{SignalReading, Statement};
use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
use pathops_core::policy::{EvidenceFact, Finding, evaluate};
use serde_json::{Value, json};

use crate::shop::{Shop, after, stated};

fn measured(environment: &str, ago: i64, value: Option<f64>, samples: u64, errors: u64) -> Statement {
    let (unit, environment) = ("orders".parse().unwrap(), environment.parse().unwrap());
    let name = "error-rate".to_owned();
    stated(&SignalReading { unit, environment, name, value, samples, errors, observed_on: after(-ago) })
}

fn asking(environment: &str, bounds: Value) -> Shop {
    let mut rule = json!({"name": "error-rate", "environment": environment, "accept": {"maxAgeSeconds": 3_600}});
    rule.as_object_mut().unwrap().extend(bounds.as_object().unwrap().clone());
    Shop::asking(json!({"id": "signal", "reason": "Few errors.", "asks": {"signal": rule}}))
}

#[track_caller]
fn check(bounds: Value, reading: (Option<f64>, u64, u64), verdict: Verdict, because: &str) {
    let mut shop = asking("preflight", bounds);
    shop.give(&measured("preflight", 1, reading.0, reading.1, reading.2));
    shop.stands("signal", verdict, because);
}

#[test]
fn a_value_on_the_bound_is_within() {
    let bounds = json!({"min": 0.25, "max": 0.5});
    check(bounds.clone(), (Some(0.25), 1, 0), Pass, "error-rate is 0.25");
    check(bounds.clone(), (Some(0.5), 1, 0), Pass, "error-rate is 0.5");
    check(bounds.clone(), (Some(0.24), 1, 0), Fail, "error-rate is 0.24, and 0.25 is the least");
    check(bounds, (Some(0.51), 1, 0), Fail, "error-rate is 0.51, and 0.5 is the most");
    check(json!({"max": 0.0}), (Some(-0.0), 1, 0), Pass, "error-rate is 0");
}

#[test]
fn what_is_no_value_is_unknown() {
    let max = || json!({"max": 0.5});
    check(max(), (None, 10, 0), Unknown, "error-rate has no value, with 0 failed measurement(s)");
    check(max(), (None, 0, 10), Unknown, "error-rate has no value, with 10 failed measurement(s)");
    check(max(), (Some(0.1), 10, 1), Unknown, "1 measurement(s) of error-rate gave an error or no number");
    check(max(), (Some(0.1), 0, 0), Unknown, "error-rate rests on 0 sample(s), and 1 are asked for");
    let samples = json!({"max": 0.5, "minSamples": 100});
    check(samples.clone(), (Some(0.1), 99, 0), Unknown, "error-rate rests on 99 sample(s), and 100 are asked for");
    check(samples, (Some(0.1), 100, 0), Pass, "error-rate is 0.1");
}

/// JSON has no such numbers; facts that somebody writes down in a program have.
#[test]
fn a_value_that_is_no_number_is_unknown() {
    let mut shop = asking("preflight", json!({"max": 0.5}));
    shop.give(&measured("preflight", 1, Some(0.1), 10, 0));
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let spoil = |fact: &mut EvidenceFact| {
            if let Finding::Signal { value, .. } = &mut fact.says {
                *value = Some(odd);
            }
        };
        let decision = pathops_core::policy::what_if(&shop.policy(), &shop.facts(), shop.at, |facts| {
            facts.evidence.iter_mut().for_each(spoil);
        });
        let signal = decision.requirements.iter().find(|it| it.id.as_str() == "signal").unwrap();
        assert_eq!(signal.verdict, Unknown, "{odd}");
        assert_eq!(signal.because, "error-rate has no value, with 1 failed measurement(s)", "{odd}");
    }
    assert_eq!(evaluate(&shop.policy(), &shop.facts(), shop.at).verdict, Pass);
}

#[test]
fn a_signal_is_of_its_environment() {
    for (asked, given, verdict) in [
        ("preflight", "preflight", Pass),
        ("preflight", "production", Unknown),
        ("production", "production", Pass),
        ("production", "preflight", Unknown),
        ("agents", "agents", Unknown),
    ] {
        let mut shop = asking(asked, json!({"max": 0.5}));
        shop.give(&measured(given, 1, Some(0.1), 10, 0));
        assert_eq!(shop.requirement("signal").verdict, verdict, "asked of {asked}, measured in {given}");
    }
}

/// In production runs what was there before: its readings are about that.
#[test]
fn a_signal_of_production_is_about_whatever_runs_there() {
    let mut reading = measured("production", 1, Some(0.1), 10, 0);
    reading.subject = vec![pathops_core::evidence::Subject::named("before").with_sha256(&pathops_core::Digest::of(b"before"))];
    for (environment, verdict) in [("production", Pass), ("preflight", Unknown)] {
        let mut shop = asking(environment, json!({"max": 0.5}));
        shop.give(&reading);
        assert_eq!(shop.requirement("signal").verdict, verdict, "{environment}");
    }
}

#[test]
fn the_newest_measurement_counts() {
    let mut shop = asking("preflight", json!({"max": 0.5}));
    shop.give(&measured("preflight", 2, Some(0.1), 10, 0));
    shop.give(&measured("preflight", 1, Some(0.9), 10, 0));
    shop.stands("signal", Fail, "error-rate is 0.9, and 0.5 is the most");
    shop.give(&measured("preflight", 0, None, 0, 3));
    shop.stands("signal", Unknown, "error-rate has no value, with 3 failed measurement(s)");
}
