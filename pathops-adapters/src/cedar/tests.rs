use std::fmt::Write as _;

use pathops_core::policy::{
    ChangeSummary, ConditionAnswer, ConditionError, ConditionLanguage as _, EvidenceSummary, FindingsSummary, PreflightSummary,
    Summary, TestsSummary, UnitSummary,
};
use serde_json::Value;

use super::Cedar;
use super::decimal::around;

fn ask(text: &str, summary: &Summary) -> Result<ConditionAnswer, ConditionError> {
    Cedar::new().compile(text)?.evaluate(summary)
}

fn permit(condition: &str) -> String {
    format!("@reason(\"so it is\")\npermit (principal, action, resource) when {{ {condition} }};")
}

fn holds(condition: &str, summary: &Summary) -> bool {
    ask(&permit(condition), summary).unwrap().holds
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let error = Cedar::new().compile(text).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

/// What is built in is what Cargo has chosen.
#[test]
fn the_version_is_that_of_the_engine() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let chosen = format!("name = \"cedar-policy\"\nversion = \"{}\"\n", Cedar::new().version());
    assert!(lock.contains(&chosen), "{chosen}");
}

/// Every number in it is another one.
fn full() -> Summary {
    Summary {
        unit: UnitSummary {
            id: "orders".to_owned(),
            is_app: true,
            class: "service".to_owned(),
            lifecycle: "production".to_owned(),
            owner: "alice".to_owned(),
        },
        environment: "production".to_owned(),
        is_final: true,
        change: ChangeSummary { is_opaque: true, by_agents: true, authors: 1, is_way_back: true },
        at_seconds: 2,
        evidence: EvidenceSummary { total: 3, bad: 4, rejected: 5 },
        tests: [("unit".to_owned(), TestsSummary { passed: 6, failed: 7, skipped: 8, flaky: 9, age_seconds: 10 })].into(),
        findings: FindingsSummary { scanners: 11, critical: 12, high: 13, medium: 14, low: 15 },
        sbom_parts: 16,
        preflight: PreflightSummary { was_ready: true, healthy_seconds: 17 },
        signals: [("rate".to_owned(), 0.5)].into(),
        approvals: 18,
        incidents: 19,
    }
}

/// Every value of a summary's JSON as a comparison in Cedar, by the path to it.
fn comparisons(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if path == "context.tests" => {
            for (suite, fields) in fields {
                comparisons(&format!("{path}.hasTag(\"{suite}\") && {path}.getTag(\"{suite}\")"), fields, found);
            }
        }
        Value::Object(_) if path == "context.signals" => {}
        Value::Object(fields) => fields.iter().for_each(|(name, value)| comparisons(&format!("{path}.{name}"), value, found)),
        value => found.push(format!("{path} == {value}")),
    }
}

#[test]
fn a_condition_can_ask_for_everything_that_a_summary_has() {
    let mut found = Vec::new();
    comparisons("context", &serde_json::to_value(full()).unwrap(), &mut found);
    assert_eq!(found.len(), 30);
    for condition in found {
        assert!(holds(&condition, &full()), "{condition}");
        assert!(!holds(&condition, &Summary::default()), "{condition}");
    }
    let whole = "principal == Unit::\"orders\" && action == Action::\"promote\" && resource == Environment::\"production\"";
    assert!(holds(whole, &full()));
}

#[test]
fn a_signal_lies_between_the_nearest_decimals() {
    let least = |value: f64| around(value).map(|(least, _)| least);
    let most = |value: f64| around(value).map(|(_, most)| most);
    for (value, expected_least, expected_most) in [
        (0.0, "0.0000", "0.0000"),
        (-0.0, "0.0000", "0.0000"),
        (0.01, "0.0100", "0.0100"),
        (0.0003, "0.0003", "0.0003"),
        (0.010_04, "0.0100", "0.0101"),
        (-0.010_04, "-0.0101", "-0.0100"),
        (1e-9, "0.0000", "0.0001"),
        (-1e-300, "-0.0001", "0.0000"),
        (12.5, "12.5000", "12.5000"),
        (-99.999_99, "-100.0000", "-99.9999"),
        (9e14, "900000000000000.0000", "900000000000000.0000"),
    ] {
        assert_eq!((least(value).as_deref(), most(value).as_deref()), (Some(expected_least), Some(expected_most)), "{value}");
    }
    for value in [1e15, -1e15, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(around(value), None, "{value}");
    }
}

#[test]
fn rounding_lets_nothing_through() {
    let rate = |value: f64| Summary { signals: [("rate".to_owned(), value)].into(), ..Summary::default() };
    let atmost = r#"context.signals.hasTag("rate") && context.signals.getTag("rate").atMost.lessThanOrEqual(decimal("0.01"))"#;
    let atleast =
        r#"context.signals.hasTag("rate") && context.signals.getTag("rate").atLeast.greaterThanOrEqual(decimal("0.01"))"#;
    for (value, is_atmost, is_atleast) in [(0.01, true, true), (0.010_001, false, true), (0.009_999, true, false)] {
        assert_eq!((holds(atmost, &rate(value)), holds(atleast, &rate(value))), (is_atmost, is_atleast), "{value}");
    }
    for value in [f64::NAN, f64::INFINITY, 1e20] {
        assert!(!holds(atmost, &rate(value)) && !holds(atleast, &rate(value)), "{value}");
    }
}

#[test]
fn a_mistake_is_refused_with_its_place() {
    refused(&permit("context.findings.critcal == 0"), "line 2, column 45: ");
    refused(&permit("context.findings.critcal == 0"), "did you mean `critical`");
    refused(&permit("context.findings.critical == \"0\""), "line 2, column 45: ");
    refused(&permit("context.tests.getTag(\"unit\").failed == 0"), "line 2, column 45: ");
    refused(&permit("now() > 0"), "`now` is not a valid function");
    refused(&permit(&format!("context{} == 1", ".unit".repeat(399))), "attribute `unit.unit`");
    refused(&permit(&format!("context{} == 1", ".unit".repeat(401))), "more than 400 dots");
    refused(&permit("context.approvals > "), "line 2, column ");
    refused("permit (principal == User::\"alice\", action, resource);", "without a `@reason");
    refused("@reason(\" \") permit (principal, action, resource);", "without a `@reason");
    refused("@reason(\"x\") permit (principal == User::\"alice\", action, resource);", "unrecognized entity type `User`");
    refused("@reason(\"x\") permit (principal, action == Action::\"deploy\", resource);", "unrecognized action");
    refused("@reason(\"x\") permit (principal == ?principal, action, resource);", "template");
    refused("// nothing", "it has no policy");
    refused(&permit("1 == 2"), "policy is impossible");
}

#[test]
fn the_reasons_are_those_of_the_policies_that_decided() {
    let text = r#"
        @reason("b allows") permit (principal, action, resource) when { context.approvals >= 1 };
        @reason("a allows") permit (principal, action, resource) when { context.approvals >= 1 };
        @reason("a allows") permit (principal, action, resource) when { context.approvals >= 2 };
        @reason("d forbids") forbid (principal, action, resource) when { context.incidents > 0 };
        @reason("c forbids") forbid (principal, action, resource) when { context.incidents > 1 };
    "#;
    let answer = |approvals, incidents| ask(text, &Summary { approvals, incidents, ..Summary::default() }).unwrap();
    let expected =
        |holds, reasons: &[&str]| ConditionAnswer { holds, reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect() };
    assert_eq!(answer(2, 0), expected(true, &["a allows", "b allows"]));
    assert_eq!(answer(2, 1), expected(false, &["d forbids"]));
    assert_eq!(answer(0, 2), expected(false, &["c forbids", "d forbids"]));
    assert_eq!(answer(0, 0), expected(false, &["no policy permits it"]));
}

#[test]
fn a_policy_that_fails_makes_the_whole_unknown() {
    let forbids = "@reason(\"no\") forbid (principal, action, resource);";
    let overflow = permit("context.sbomParts + 1 > 0");
    let most = Summary { sbom_parts: u64::MAX, ..Summary::default() };
    for text in [format!("{overflow}{forbids}"), format!("{overflow}{}", permit("true"))] {
        let error = ask(&text, &most).unwrap_err().to_string();
        assert!(error.starts_with("the policy \"so it is\" fails: integer overflow"), "{error}");
    }
}

#[test]
fn what_is_within_the_bounds_is_answered_on_any_stack() {
    let chain = |first: &str, more: &str, count: usize, last: &str| permit(&format!("{first}{}{last}", more.repeat(count)));
    let mut branches = String::new();
    for number in 0..32 {
        write!(branches, "if context.approvals > {number} then true else ").unwrap();
    }
    let texts = [
        chain("true", " && context.approvals > 0", 199, ""),
        chain("false", " || context.approvals > 5", 198, " || true"),
        chain("1", " + 1", 199, " > 0"),
        chain("", "(", 30, &format!("true{}", ")".repeat(30))),
        permit(&format!("{branches}false")),
        format!("@reason(\"x\") permit (principal, action, resource) {};", "when { true }\n".repeat(200)),
    ];
    for text in texts {
        let begin: String = text.chars().take(100).collect();
        let asked = move || ask(&text, &Summary { approvals: 1, ..Summary::default() });
        let answer = std::thread::Builder::new().stack_size(256 * 1024).spawn(asked).unwrap().join().unwrap();
        assert_eq!(answer.map(|answer| answer.holds), Ok(true), "{begin}");
    }
}
