use pathops_core::policy::{ConditionAnswer, ConditionError, ConditionLanguage as _, Summary, TestsSummary};

use super::Rego;

fn summary() -> Summary {
    let tests = |failed| TestsSummary { passed: 6, failed, ..TestsSummary::default() };
    Summary {
        environment: "production".to_owned(),
        tests: [("smoke".to_owned(), tests(1)), ("unit".to_owned(), tests(0))].into(),
        signals: [("rate".to_owned(), 0.25)].into(),
        approvals: 2,
        ..Summary::default()
    }
}

fn ask(rules: &str) -> Result<ConditionAnswer, ConditionError> {
    Rego.compile(&format!("package pathops.condition\n{rules}\n"))?.evaluate(&summary())
}

#[track_caller]
fn answers(rules: &str, expected: bool) {
    let answer = ask(rules);
    assert_eq!(answer.map(|answer| answer.holds), Ok(expected), "{rules}");
}

#[track_caller]
fn fails(rules: &str, why: &str) {
    let error = ask(rules).unwrap_err().to_string();
    assert!(error.contains(why), "{rules}: {error}");
}

/// What is built in is what Cargo has chosen.
#[test]
fn the_version_is_that_of_the_engine() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let chosen = format!("name = \"regorus\"\nversion = \"{}\"\n", Rego.version());
    assert!(lock.contains(&chosen), "{chosen}");
}

#[test]
fn a_condition_says_what_rego_says() {
    for allowed in [
        "input.approvals == 2",
        "input.environment in {\"production\", \"staging\"}",
        "not input.isFinal",
        "input.tests.unit.failed == 0",
        "input.tests[\"unit\"][\"failed\"] == 0",
        "some suite, result in input.tests; result.failed > 0; suite == \"smoke\"",
        "every suite, result in input.tests { result.passed > 5 }",
        "count([suite | some suite, result in input.tests; result.failed > 0]) == 1",
        "count({suite | some suite, result in input.tests; result.failed == 0}) == 1",
        "{suite: result.failed | some suite, result in input.tests} == {\"unit\": 0, \"smoke\": 1}",
        "sum([result.passed | some result in input.tests]) == 12",
        "max([1, 3, 2]) - min({4, 3}) == 0",
        "input.signals.rate * 4 == 1",
        "input.approvals / 4 == 0.5",
        "7 % 4 == 3",
        "{1, 2, 3} - {2} == {1, 3}",
        "abs(0 - 2) + ceil(0.5) + floor(1.5) + round(0.6) == 5",
        "concat(\", \", [\"a\", \"b\"]) == \"a, b\"",
        "sprintf(\"%v of %s: %d%%\", [1.5, \"a\", 3]) == \"1.5 of a: 3%\"",
        "startswith(input.environment, \"prod\"); endswith(input.environment, \"tion\"); contains(lower(\"ABC\"), \"b\")",
        "object.get(input.tests, \"contract\", null) == null",
        "\"unit\" in object.keys(input.tests)",
        "count(\"äb\") == 2; count(input.tests) == 2; count([]) == 0",
    ] {
        answers(&format!("default allow := false\nallow if {{ {allowed} }}"), true);
        answers(&format!("default allow := true\nallow := false if {{ {allowed} }}"), false);
    }
    answers("allow if helper(input.approvals) == 3\nhelper(n) := n + 1 if n < 5\nhelper(n) := 0 if n >= 5", true);
    answers("allow := false if input.isFinal else := true", true);
}

#[test]
fn the_messages_of_deny_are_the_reasons() {
    let answer = ask(
        "default allow := true\ndeny contains \"b\"\ndeny contains sprintf(\"%s failed\", [suite]) if {\n  some suite, result in input.tests\n  result.failed > 0\n}",
    );
    let reasons = vec!["b".to_owned(), "smoke failed".to_owned()];
    assert_eq!(answer, Ok(ConditionAnswer { holds: false, reasons }));
    let answer = ask("default allow := false\ndeny contains \"never\" if input.isFinal");
    assert_eq!(answer, Ok(ConditionAnswer { holds: false, reasons: vec!["`allow` is false".to_owned()] }));
    let answer = ask("deny contains \"x\"\nallow if input.isFinal");
    assert_eq!(answer, Ok(ConditionAnswer { holds: false, reasons: vec!["x".to_owned()] }));
}

#[test]
fn what_nobody_can_tell_is_an_error() {
    fails("allow if input.isFinal", "`allow` is undefined");
    fails("import data.other\nallow if other.x", "there is no `other`");
    fails("allow := 1", "neither true nor false");
    fails("allow := true\ndeny := \"x\"", "`deny` is no set of strings");
    fails("allow := true\ndeny contains 1", "`deny` is no set of strings");
    for (unknown, why) in [
        ("not input.isFnal", "line 3, column "),
        ("not input.tests.contract.failed > 0", "there is no `contract`"),
        ("not input.approvals.x", "there is no `x`"),
        ("not input.approvals > \"1\"", "different types"),
        ("not input.approvals + \"1\" == 3", "a calculation fails"),
        ("not input.approvals / 0 == 1", "a calculation fails"),
        ("not 9223372036854775807 + 1 == 1", "a calculation fails"),
        ("not count(1) == 1", "does not take values of these types"),
        ("not max([]) == 1", "`max` of nothing"),
        ("not 1 in input.approvals", "no collection"),
        ("not sprintf(\"%d\", []) == \"\"", "more verbs than values"),
        ("not sprintf(\"\", [1]) == \"\"", "more values than verbs"),
        ("not concat(\"\", [1]) == \"\"", "puts strings together"),
    ] {
        fails(&format!("default allow := false\nallow if {{ {unknown} }}"), why);
    }
}

#[test]
fn a_mistake_is_refused_with_its_place() {
    let refused = |text: &str, why: &str| {
        let error = Rego.compile(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    };
    refused("package pathops.condition\nallow if {", "condition.rego:2:");
    refused("package other\nallow := true", "expected is `package pathops.condition`");
    refused("package pathops.condition\ndeny contains \"x\"", "it has no rule `allow`");
    refused("package pathops.condition\nallow if undeclared > 1", "condition.rego:2:");
    refused("package pathops.condition\nallow if array.reverse([1]) == [1]", "`array.reverse`, which conditions cannot");
    refused("package pathops.condition\nallow if data.pathops.condition[input.environment]", "ecursion");
}
