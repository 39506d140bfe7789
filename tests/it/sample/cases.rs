//! Tests of a policy, and the facts that people write down for them.

use pathops_core::UnixMillis;
use pathops_core::adapter::SourceTree;
use pathops_core::policy::{
    CaseResult, Facts, HypotheticalFacts, Languages, LintContext, LintLevel, Policy, diff, evaluate, lint, run_cases,
    time_zone_data_version,
};
use pathops_core::project::{Findings, load_facts, load_history, load_policy, load_policy_tests};

use super::{path, source, text};

/// 2026-11-20T12:00:00Z.
const AT: UnixMillis = UnixMillis(1_795_176_000_000);

fn tree(files: &[(&str, &str)]) -> SourceTree {
    files.iter().map(|(name, text)| (path(name), source(text))).collect()
}

fn policy() -> Policy {
    load_policy(&tree(&[("policy.yaml", &text("policy/policy.yaml"))]), &Languages::none()).unwrap()
}

fn facts(policy: &Policy) -> Facts {
    load_facts(&path("facts.json"), text("policy/facts.json").as_bytes(), policy).unwrap()
}

/// What comes of a document of tests under the example policy, with the example facts beside it.
fn run(spec: &str) -> Result<Vec<CaseResult>, Findings> {
    let policy = policy();
    let document = format!("apiVersion: pathops.dev/v1alpha1\nkind: PolicyTest\nmetadata: {{name: it}}\nspec:\n{spec}");
    let files = tree(&[("policy-tests/it.yaml", &document), ("policy-tests/it.facts.json", &text("policy/facts.json"))]);
    Ok(load_policy_tests(&files, &policy)?.iter().flat_map(|test| run_cases(&policy, &test.cases)).collect())
}

/// The result of one case: its change and what it expects.
fn one(change: &str, expect: &str) -> CaseResult {
    let spec = format!(
        "  factsFile: it.facts.json\n  cases:\n    - name: it\n      at: 2026-11-20T12:00:00Z\n      change: {change}\n      expect: {expect}\n"
    );
    run(&spec).unwrap_or_else(|findings| panic!("{findings}")).remove(0)
}

#[test]
fn a_case_passes_where_everything_is_as_expected() {
    for (change, expect) in [
        ("{}", "{verdict: pass, granted: true, overridden: false, notAsked: [christmas]}"),
        ("{readings: {proposal: null}}", "{verdict: pass, granted: false}"),
        (
            "{evidence: {unit: null}}",
            "{verdict: unknown, requirements: {unit-tests: {verdict: unknown, because: there is no result}}}",
        ),
        ("{evidence: {unit: {says: {tests: {failed: 2}}}}}", "{verdict: fail, requirements: {unit-tests: {verdict: fail}}}"),
        // Whoever gives the whole list says all of it.
        ("{evidence: []}", "{verdict: unknown, requirements: {no-critical-finding: {verdict: unknown}}}"),
        ("{rejected: [forged]}", "{verdict: fail, requirements: {evidence-integrity: {verdict: fail, because: forged}}}"),
        // Only an agent's changes need two approvals.
        (
            "{readings: {authors: [human: alice], proposal: {reviews: []}}}",
            "{verdict: unknown, requirements: {approval: {verdict: unknown, because: 0 of 1}}}",
        ),
    ] {
        let result = one(change, expect);
        assert!(result.passes(), "{result}");
        assert_eq!(result.to_string(), "pass    it");
    }
}

#[test]
fn a_case_that_fails_says_what_was_expected_what_came_and_why() {
    let result = one(
        "{evidence: {health: null}}",
        "{verdict: pass, granted: true, requirements: {preflight-health: {verdict: pass}, approval: {verdict: pass, because: zoe}, christmas: {verdict: pass}}, notAsked: [unit-tests]}",
    );
    assert!(!result.passes());
    let expected = "\
FAIL    it
  the decision: expected pass, got unknown
  the decision: expected granted, got not granted
  approval: expected a reason with \"zoe\", got \"approved by bob, dora\"
  christmas: expected pass, got that it is not asked for
  preflight-health: expected pass, got unknown
  unit-tests: expected that it is not asked for, got pass
    pass    unit-tests               8 passed, 0 failed
    unknown preflight-health         there is no health in preflight for this
                                     needs health in preflight, from the GitOps controller
                                     people may break the glass for it
    pass    approval                 approved by bob, dora";
    assert_eq!(result.to_string(), expected);
    for (change, expect) in [
        ("{}", "{verdict: fail}"),
        ("{}", "{verdict: pass, granted: false}"),
        ("{}", "{verdict: pass, overridden: true}"),
        ("{}", "{verdict: pass, requirements: {approval: {verdict: fail}}}"),
        ("{}", "{verdict: pass, notAsked: [approval]}"),
    ] {
        assert!(!one(change, expect).passes(), "{change} {expect}");
    }
}

#[test]
fn cases_of_the_sample_project_pass() {
    let names = ["policy.yaml", "policy-tests/orders.yaml", "policy-tests/orders.facts.yaml", "policy-tests/store.yaml"];
    let texts = names.map(|name| text(&format!("shop/meta/{name}")));
    let files: Vec<_> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
    let policy = load_policy(&tree(&files), &Languages::none()).unwrap();
    let tests = load_policy_tests(&tree(&files), &policy).unwrap_or_else(|findings| panic!("{findings}"));
    let results: Vec<_> = tests.iter().flat_map(|test| run_cases(&policy, &test.cases)).collect();
    assert!(tests.len() == 2 && results.len() >= 12);
    for result in results {
        assert!(result.passes(), "{result}");
    }
}

#[test]
fn mistakes_in_tests_are_told_with_their_line() {
    let case = "    - {name: it, at: 2026-11-20T12:00:00Z, expect: {verdict: pass}}\n";
    for (spec, finding) in [
        (format!("  cases:\n{case}"), "policy-tests/it.yaml:4: there are no facts; write `facts`"),
        (
            format!("  factsFile: that.json\n  cases:\n{case}"),
            "policy-tests/it.yaml:5: there is no file `policy-tests/that.json`",
        ),
        (format!("  factsFile: ../x\n  cases:\n{case}"), "policy-tests/it.yaml:5: `factsFile` cannot be read"),
        (
            format!("  factsFile: it.facts.json\n  facts: {{}}\n  cases:\n{case}"),
            "policy-tests/it.yaml:6: there are `facts` and a `factsFile`",
        ),
        (format!("  facts: {{evidence: []}}\n  cases:\n{case}"), "policy-tests/it.yaml:5: missing field `readings`"),
        ("  factsFile: it.facts.json\n".to_owned(), "policy-tests/it.yaml:4: `cases` is missing"),
        ("  factsFile: it.facts.json\n  cases: []\n".to_owned(), "policy-tests/it.yaml:4: it has no case"),
        (format!("  factsFile: it.facts.json\n  cases:\n{case}{case}"), "policy-tests/it.yaml:4: two cases are called `it`"),
        (
            "  factsFile: it.facts.json\n  cases:\n    - {name: it, at: soon, expect: {verdict: pass}}\n".to_owned(),
            "policy-tests/it.yaml:7: `soon` is not an instant",
        ),
        (
            "  factsFile: it.facts.json\n  cases:\n    - {name: it, at: 2026-11-20T12:00:00Z}\n".to_owned(),
            "policy-tests/it.yaml:7: `expect` is missing",
        ),
        (
            "  factsFile: it.facts.json\n  cases:\n    - {name: it, at: 2026-11-20T12:00:00Z, expect: {verdict: good}}\n"
                .to_owned(),
            "policy-tests/it.yaml:7: `expect` cannot be read: unknown variant `good`",
        ),
    ] {
        let told = run(&spec).unwrap_err().to_string();
        assert!(told.starts_with(finding), "{told}\nshould begin with {finding}");
    }
}

#[test]
fn mistakes_in_a_change_are_told_with_its_line() {
    for (change, finding) in [
        (
            "        readings: {wayback: true}",
            "policy-tests/it.yaml:10: there is no field `wayback` here; did you mean `wayBack`?",
        ),
        ("        readings: {wayBack: null}", "policy-tests/it.yaml:10: missing field `wayBack`"),
        ("        rejected: []\n        rejected: [forged]", "policy-tests/it.yaml:11: `rejected` is there twice"),
        ("        evidence: {health: {at: yesterday}}", "policy-tests/it.yaml:10: `yesterday` is not an instant"),
    ] {
        let spec = format!(
            "  factsFile: it.facts.json\n  cases:\n    - name: it\n      at: 2026-11-20T12:00:00Z\n      change:\n{change}\n      expect: {{verdict: pass}}\n"
        );
        let told = run(&spec).unwrap_err().to_string();
        assert!(told.starts_with(finding), "{told}\nshould begin with {finding}");
    }
}

#[test]
fn facts_are_filled_in_and_nothing_else_is() {
    let policy = policy();
    let facts = facts(&policy);
    assert_eq!(facts.readings.proposal.as_ref().unwrap().shown.policy, policy.digest());
    assert_eq!((facts.evidence.len(), facts.rejected.len()), (4, 0));
    assert!(evaluate(&policy, &HypotheticalFacts::from(facts.clone()), AT).is_granted());
    // Complete facts are what they were.
    let complete = serde_json::to_vec(&facts).unwrap();
    assert_eq!(load_facts(&path("f.json"), &complete, &policy).unwrap(), facts);
    // JSON is YAML.
    assert_eq!(load_facts(&path("f.yaml"), &complete, &policy).unwrap(), facts);
    for (from, to, finding) in [
        ("\"authoring\": \"observed\"", "\"authoring\": 1", "f.json: expected one of `observed`, `opaque`"),
        ("\"source\": {", "\"source\": [], \"s\": {", "f.json: invalid type: sequence, expected a mapping"),
        ("\"strangers\": [],", "", "f.json: missing field `strangers`"),
        ("\"health\": {\n      \"id\"", "\"health\": {\n      \"idd\"", "f.json: missing field `id`"),
        ("\"readings\"", "readings", "f.json:2: this is not JSON"),
    ] {
        let spoilt = text("policy/facts.json").replace(from, to);
        let told = load_facts(&path("f.json"), spoilt.as_bytes(), &policy).unwrap_err().to_string();
        assert!(told.contains(finding), "{told}");
    }
}

#[test]
fn a_history_holds_facts_and_records() {
    let policy = policy();
    let history = load_history(&path("h.jsonl"), text("policy/history.jsonl").as_bytes(), &policy).unwrap();
    let known: Vec<_> = history.into_iter().map(|(facts, at)| (HypotheticalFacts::from(facts), at)).collect();
    assert_eq!(
        known.iter().map(|(facts, at)| evaluate(&policy, facts, *at).is_granted()).collect::<Vec<_>>(),
        [true, false, true]
    );
    // What was approved under the rules of the day is approved, and only the rules make a difference.
    let other = text("policy/policy.yaml").replace("settledSeconds: 60", "settledSeconds: 601");
    let other = load_policy(&tree(&[("policy.yaml", &other)]), &Languages::none()).unwrap();
    let found = diff(&policy, &other, known.iter().map(|(facts, at)| (&**facts, *at)));
    assert_eq!(found.iter().map(|it| it.index).collect::<Vec<_>>(), [0, 2]);
    assert!(
        found.iter().all(|it| it.requirements.len() == 1 && it.requirements[0].id.as_str() == "preflight-health"),
        "{found:?}"
    );
    assert_eq!(diff(&policy, &policy, known.iter().map(|(facts, at)| (&**facts, *at))), []);
    for (line, finding) in [
        ("{", "h.jsonl:2: this line is not JSON"),
        ("{\"facts\": {}}", "h.jsonl:2: it has no `facts`, or no `at`"),
        ("{\"facts\": {}, \"at\": 1}", "h.jsonl:2: `at` is no text"),
        ("{\"facts\": {}, \"at\": \"2026-11-20T12:00:00Z\"}", "h.jsonl:2: missing field `readings`"),
        ("{\"decision\": {}}", "h.jsonl:2: this is no decision record"),
    ] {
        let told = load_history(&path("h.jsonl"), format!("\n{line}\n").as_bytes(), &policy).unwrap_err().to_string();
        assert!(told.starts_with(finding), "{told}");
    }
}

/// Facts that pass do not pass a policy that the linter has an error in, and do pass once it is mended.
#[test]
fn what_the_linter_calls_an_error_never_passes() {
    let facts = facts(&policy());
    let units = [(facts.readings.unit.id.clone(), facts.readings.unit.clone())].into();
    let context =
        LintContext { units: &units, people: &facts.readings.people, producers: None, kinds: None, build_suites: None, at: AT };
    let some = "accept: {maxAgeSeconds: 86400}";
    let signal = |max: u32| format!("signal: {{name: load, environment: agents, max: {max}, {some}}}");
    for (wrong, right) in [
        (
            "approvals: {count: 5, roles: [owner, reviewer]}".to_owned(),
            "approvals: {count: 2, roles: [owner, reviewer]}".to_owned(),
        ),
        ("lifecycle: {allowed: [prototype]}".to_owned(), "lifecycle: {allowed: [path-ready]}".to_owned()),
        ("deployment: {accept: {maxAgeSeconds: 0}}".to_owned(), format!("deployment: {{{some}}}")),
        (
            format!("tests: {{run: preflight, suite: load, minPassed: 1, {some}}}"),
            format!("tests: {{run: build, suite: unit, minPassed: 1, {some}}}"),
        ),
        (format!("evidence: {{predicateType: vulns, about: artifact, {some}}}"), "incidents: {}".to_owned()),
        (signal(1), "stop-the-line: {}".to_owned()),
        (
            "freeze: {timeZone: UTC, from: \"2026-01-01T00:00\", until: \"2090-01-01T00:00\"}".to_owned(),
            "freeze: {timeZone: UTC, from: \"2026-01-01T00:00\", until: \"2026-01-02T00:00\", repeat: FREQ=YEARLY}".to_owned(),
        ),
    ] {
        let decides = |asks: &str| {
            let text = format!(
                "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {{name: it}}\nspec:\n  requirements:\n    - {{id: it, reason: why, asks: {{{asks}}}}}\n"
            );
            let policy = load_policy(&tree(&[("policy.yaml", &text)]), &Languages::none()).unwrap_or_else(|it| panic!("{it}"));
            let errors = lint(&policy, &context).iter().filter(|note| note.level == LintLevel::Error).count();
            let mut facts = facts.clone();
            facts.time_zones = time_zone_data_version().to_owned();
            facts.readings.proposal.as_mut().unwrap().shown.policy = policy.digest();
            (errors, evaluate(&policy, &HypotheticalFacts::from(facts), AT).is_granted())
        };
        assert_eq!(decides(&wrong), (1, false), "{wrong}");
        assert_eq!(decides(&right), (0, true), "{right}");
    }
}
