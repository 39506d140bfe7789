//! Conditions as requirements of a policy: pass, fail and unknown in the decision.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::sync::Arc;

use pathops_adapters::cedar::Cedar;
use pathops_adapters::rego::Rego;
use pathops_core::UnixMillis;
use pathops_core::policy::{Facts, HypotheticalFacts, Languages, Policy, PolicyProblem, RequirementResult, Verdict, evaluate};
use serde_json::{Value, json};

const AT: UnixMillis = UnixMillis(1_795_176_000_000);

const CEDAR: &str = r#"
@reason("few high findings can be borne")
permit (principal, action, resource) when { context.findings.high <= 2 };
@reason("nobody has looked")
forbid (principal, action, resource) when { context.findings.scanners == 0 };
@reason("too many to count")
forbid (principal, action, resource) when { context.findings.scanners > 0 && context.findings.low * 9223372036854775807 > 3 };
"#;

const REGO: &str = r#"
package pathops.condition

default allow := false
allow if input.findings.high <= 2
deny contains "nobody has looked" if input.findings.scanners == 0
deny contains "too many to count" if { input.findings.scanners > 0; 9223372036854775807 * input.findings.low > 3 }
"#;

fn languages() -> Languages {
    Languages::none().with(Arc::new(Cedar::new())).with(Arc::new(Rego))
}

fn policy(language: &str, text: &str) -> Result<Policy, Vec<PolicyProblem>> {
    let layer = json!({"requirements": [{
        "id": "looked-at",
        "reason": "somebody has looked at what is in it",
        "asks": {"condition": {"language": language, "text": text}},
    }]});
    Policy::new(vec![serde_json::from_value(layer).unwrap()], &languages())
}

/// What one scanner found.
fn facts(scanned: bool, found: &Value) -> HypotheticalFacts {
    let (commit, tree, hex) = ("2".repeat(40), "b".repeat(40), "a".repeat(64));
    let digest = format!("sha256:{hex}");
    let git = json!({"commit": commit, "tree": tree});
    let scan = json!({
        "id": digest, "signer": digest, "producers": [], "inLedger": false, "unit": null, "environment": null,
        "predicateType": "https://in-toto.io/attestation/vulns/v0.1", "at": "2026-11-20T11:00:00Z",
        "subjects": [{"name": "orders.tar", "digest": {"sha256": hex}}],
        "says": {"vulnerabilities": {"scanner": "https://scanner.example", "found": found}},
    });
    let facts: Facts = serde_json::from_value(json!({
        "readings": {
            "changeSet": "delivery-date-1",
            "unit": {
                "id": "orders", "kind": {"component": {"component_type": "store"}}, "desired_state": "shop/orders-gitops", "owner": "alice",
                "lifecycle": "production", "class": null, "depends_on": [], "provides": [], "consumes": [], "rollback": "revert",
                "checks": [],
            },
            "environment": "production", "preflight": "preflight", "artifact": digest, "source": git, "tested": git,
            "proposal": null, "authoring": "observed", "authors": [], "strangers": [], "wayBack": false,
            "sourceReviews": [], "sourceHead": null, "people": {}, "dependencies": {}, "incidents": [], "stops": [],
        },
        "evidence": if scanned { json!([scan]) } else { json!([]) },
        "rejected": [],
        "timeZones": "",
    }))
    .unwrap();
    facts.into()
}

fn looked_at(policy: &Policy, facts: &HypotheticalFacts) -> RequirementResult {
    let decision = evaluate(policy, facts, AT);
    assert_eq!(evaluate(policy, facts, AT), decision);
    decision.requirements.into_iter().find(|requirement| requirement.id.as_str() == "looked-at").unwrap()
}

#[test]
fn a_condition_passes_fails_or_is_unknown_in_the_decision() {
    for (language, text, passes, fails, unknown) in [
        ("cedar", CEDAR, "few high findings can be borne", "nobody has looked", "the policy \"too many to count\" fails"),
        ("rego", REGO, "it holds", "nobody has looked", "line 7, column 89: a calculation fails"),
    ] {
        let policy = policy(language, text).unwrap();
        let result = looked_at(&policy, &facts(true, &json!([{"id": "A", "severity": "high"}])));
        assert_eq!((result.verdict, result.because.as_str()), (Verdict::Pass, passes), "{language}");
        let result = looked_at(&policy, &facts(false, &json!([])));
        assert_eq!((result.verdict, result.because.as_str()), (Verdict::Fail, fails), "{language}");
        let low = [("A", "low"), ("B", "low"), ("C", "low")].map(|(id, severity)| json!({"id": id, "severity": severity}));
        let result = looked_at(&policy, &facts(true, &json!(low)));
        assert_eq!(result.verdict, Verdict::Unknown, "{language}");
        assert!(result.because.contains("it cannot be evaluated") && result.because.contains(unknown), "{}", result.because);
    }
}

#[test]
fn a_policy_with_a_condition_that_cannot_be_read_is_none() {
    for (language, text, why) in [
        ("cedar", &*CEDAR.replace("findings.high", "findings.hgh"), "line 3"),
        ("rego", &*REGO.replace("allow if", "allow if ]"), "condition.rego:5"),
        ("cel", "true", "it knows cedar, rego"),
    ] {
        let problems = policy(language, text).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(problem.what.contains("`looked-at` cannot be read") && problem.what.contains(why), "{}", problem.what);
    }
}
