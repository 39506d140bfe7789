//! Evidence of types that no other ask is for, and bills of materials.

use pathops_core::evidence::{Statement, Subject};
use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
use pathops_core::policy::{Languages, Policy};
use serde_json::{Value, json};

use crate::shop::{DAY, Shop, about_this, after, artifact, commit, tree};

const REVIEW: &str = "https://example.com/review/v1";
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

fn asking(predicate_type: &str, about: &str) -> Shop {
    let rule = json!({"predicateType": predicate_type, "about": about, "accept": {"maxAgeSeconds": DAY / 1_000}});
    Shop::asking(json!({"id": "asked", "reason": "It is asked for.", "asks": {"evidence": rule}}))
}

fn dated() -> Value {
    json!({"timestamp": after(-1).to_string()})
}

fn about(subject: Subject) -> Statement {
    Statement::new(vec![subject], REVIEW, &dated()).unwrap()
}

#[test]
fn evidence_is_about_what_the_rule_says() {
    let subjects = [
        ("commit", Subject::named("source").with_commit(&commit('2'))),
        ("tree", Subject::named("source").with_tree(&tree('b'))),
        ("artifact", Subject::named("artifact").with_sha256(&artifact())),
        ("deployment", Subject::named("deployment").with_tree(&tree('c')).with_sha256(&artifact())),
    ];
    for (asked, _) in &subjects {
        for (given, subject) in &subjects {
            let mut shop = asking(REVIEW, asked);
            shop.give(&about(subject.clone()));
            // A deployment names the artifact too.
            let answers = asked == given || (*asked, *given) == ("artifact", "deployment");
            let verdict = if answers { Pass } else { Unknown };
            assert_eq!(shop.requirement("asked").verdict, verdict, "asked for {asked}, given for {given}");
        }
    }
}

#[test]
fn evidence_that_is_not_there_is_named_by_its_type() {
    let shop = asking(REVIEW, "artifact");
    shop.stands("asked", Unknown, &format!("there is no evidence of the type {REVIEW} for this"));
    let missing = shop.requirement("asked").missing.unwrap();
    assert_eq!((missing.what, missing.from), (format!("evidence of the type {REVIEW}"), vec!["who makes it".to_owned()]));
}

#[test]
fn evidence_without_a_date_is_as_old_as_can_be() {
    let mut shop = asking(REVIEW, "artifact");
    shop.give(&about_this(REVIEW, &json!({"words": "looks good"})));
    assert_eq!(shop.requirement("asked").verdict, Unknown);
    shop.give(&about_this(REVIEW, &dated()));
    shop.stands("asked", Pass, "it is there");
}

/// What says in the standard's form that it is a report, and is none, spoils the evidence: it is not left out.
#[test]
fn a_report_that_cannot_be_read_is_not_passed_over() {
    let mut shop = Shop::passing();
    shop.give(&about_this("https://in-toto.io/attestation/vulns/v0.2", &json!({"scanner": 7})));
    assert_eq!(shop.requirement("evidence-integrity").verdict, Fail);
}

/// A decision is made of evidence, and a snapshot bundles it: none of them is a second witness of it.
#[test]
fn what_pathops_made_of_evidence_is_no_evidence() {
    const REFERENCE: &str = "https://in-toto.io/attestation/reference/v0.1";
    const RELEASE: &str = "https://in-toto.io/attestation/release/v0.1";
    let verdict = json!({"timeVerified": after(-1).to_string(), "verificationResult": "PASSED"});
    for (predicate_type, predicate, own) in [
        (SUMMARY, verdict, "https://pathops.dev/decision"),
        (REFERENCE, dated(), "https://pathops.dev/snapshot"),
        (RELEASE, dated(), "https://pathops.dev/release"),
    ] {
        let mut shop = asking(predicate_type, "artifact");
        let mut of_pathops = predicate.clone();
        of_pathops[own] = json!({});
        shop.give(&about_this(predicate_type, &of_pathops));
        shop.stands("asked", Unknown, &format!("there is no evidence of the type {predicate_type} for this"));
        shop.give(&about_this(predicate_type, &predicate));
        shop.stands("asked", Pass, "it is there");
    }
}

#[test]
fn the_verdict_of_others_must_be_a_pass() {
    let summary = |result: Value| {
        let mut shop = asking(SUMMARY, "artifact");
        let times = after(-1).to_string();
        shop.give(&about_this(SUMMARY, &json!({"timeVerified": times, "verificationResult": result})));
        shop
    };
    summary(json!("PASSED")).stands("asked", Pass, "it is there");
    for no in [json!("FAILED"), json!("passed"), json!(null), json!(true)] {
        summary(no).stands("asked", Fail, "it speaks against it");
    }
}

/// What does not hold is not named: where nothing is, the verifier found nothing good.
#[test]
fn a_verifier_that_names_nothing_speaks_against_it() {
    for (kind, verifier) in [
        ("https://in-toto.io/attestation/svr/v0.1", json!({"id": "https://verifier.example/v1"})),
        ("https://in-toto.io/attestation/svr/v0.2", json!({"id": "https://verifier.example/v1", "policies": []})),
    ] {
        for (properties, verdict, told) in
            [(json!(["SLSA_SOURCE_LEVEL_3"]), Pass, "it is there"), (json!([]), Fail, "it speaks against it")]
        {
            let mut shop = asking(kind, "artifact");
            let predicate = json!({"verifier": verifier, "timeCreated": after(-1).to_string(), "properties": properties});
            shop.give(&about_this(kind, &predicate));
            shop.stands("asked", verdict, told);
        }
    }
}

/// A bare "it is there" would take an empty report for a good one.
#[test]
fn evidence_that_another_ask_judges_is_not_asked_for_by_its_type() {
    for (predicate_type, ask) in [
        ("https://in-toto.io/attestation/test-result/v0.1", "tests"),
        ("https://in-toto.io/attestation/vulns/v0.2", "findings"),
        ("https://cyclonedx.org/bom", "sbom"),
        ("https://spdx.dev/Document", "sbom"),
        ("https://in-toto.io/attestation/test-result/v0.2", "tests"),
        ("https://in-toto.io/attestation/vulns/v0.1", "findings"),
        ("https://cosign.sigstore.dev/attestation/vuln/v1", "findings"),
        ("cosign.sigstore.dev/attestation/vuln/v1", "findings"),
        ("https://cyclonedx.org/bom/v1.6", "sbom"),
        ("http://www.CycloneDX.org/bom/v1.6", "sbom"),
        ("https://spdx.dev/Document/v2.3", "sbom"),
        ("https://pathops.dev/predicate/deployment/v0.1", "deployment"),
        ("https://pathops.dev/predicate/health/v0.1", "health"),
        ("https://pathops.dev/predicate/contract-comparison/v0.1", "contracts"),
        ("https://pathops.dev/predicate/sbom/v0.1", "sbom"),
        ("https://pathops.dev/predicate/signal/v0.1", "signal"),
    ] {
        let layer = asking(predicate_type, "artifact").layer;
        let problems = Policy::new(vec![layer], &Languages::none()).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{predicate_type}: {problems:?}") };
        assert_eq!(problem.mend, format!("ask for it by `{ask}`"), "{predicate_type}");
    }
}

/// The version in the type makes it no other thing.
#[test]
fn other_versions_are_read_as_what_they_are() {
    let part = json!([{"name": "serde"}]);
    sbom(json!(["cyclonedx"]), "https://cyclonedx.org/bom/v1.6", &json!({"components": part}), Pass, "it lists 1 parts");
    sbom(json!(["spdx"]), "https://spdx.dev/Document/v2.3", &json!({"packages": part}), Pass, "it lists 1 parts");
    sbom(json!(["spdx"]), "https://spdx.dev/Document/v2.3", &json!({}), Unknown, "it lists nothing");
    let counted = |parts| json!({"format": "spdx", "version": "3.0.1", "parts": parts, "observedOn": after(-1).to_string()});
    sbom(json!(["spdx"]), "https://pathops.dev/predicate/sbom/v0.1", &counted(7), Pass, "it lists 7 parts");
    sbom(json!(["spdx"]), "https://pathops.dev/predicate/sbom/v0.1", &counted(0), Unknown, "it lists nothing");
    let verification = "https://slsa.dev/verification_summary/v1.1";
    let mut shop = asking(verification, "artifact");
    let times = after(-1).to_string();
    shop.give(&about_this(verification, &json!({"timeVerified": times, "verificationResult": "FAILED"})));
    shop.stands("asked", Fail, "it speaks against it");

    let rule = json!({"max": {"critical": 0}, "accept": {"maxAgeSeconds": DAY / 1_000}});
    let scanned = |predicate_type: &str, result: Value| {
        let mut shop = Shop::asking(json!({"id": "scan", "reason": "None known.", "asks": {"findings": rule}}));
        let predicate = json!({
            "scanner": {"uri": "https://example.org/scanner", "result": result},
            "metadata": {"scanStartedOn": times, "scanFinishedOn": times},
        });
        shop.give(&about_this(predicate_type, &predicate));
        shop
    };
    let critical = json!([{"id": "CVE-1", "severity": [{"method": "nvd", "score": "critical"}]}]);
    for predicate_type in ["https://in-toto.io/attestation/vulns/v0.1", "https://cosign.sigstore.dev/attestation/vuln/v1"] {
        let told = "1 critical finding(s), and 0 may stay";
        scanned(predicate_type, critical.clone()).stands("scan", Fail, told);
        // What a scanner has written in a form of its own is no report, and proves nothing either way.
        scanned(predicate_type, json!({"Results": []})).stands("scan", Unknown, "there is no report of a scanner for this");
    }
}

#[track_caller]
fn sbom(formats: Value, predicate_type: &str, predicate: &Value, verdict: Verdict, because: &str) {
    let rule = json!({"formats": formats, "accept": {"maxAgeSeconds": DAY / 1_000}});
    let mut shop = Shop::asking(json!({"id": "sbom", "reason": "Known parts.", "asks": {"sbom": rule}}));
    let mut predicate = predicate.clone();
    predicate["timestamp"] = json!(after(-1).to_string());
    shop.give(&about_this(predicate_type, &predicate));
    shop.stands("sbom", verdict, because);
}

#[test]
fn a_bill_of_materials_lists_something_in_a_format_that_counts() {
    let (cyclonedx, spdx) = ("https://cyclonedx.org/bom", "https://spdx.dev/Document");
    let part = json!([{"name": "serde"}]);
    sbom(json!(["cyclonedx"]), cyclonedx, &json!({"components": part}), Pass, "it lists 1 parts");
    sbom(json!(["spdx", "cyclonedx"]), spdx, &json!({"packages": part}), Pass, "it lists 1 parts");
    let none = "there is no bill of materials for this";
    sbom(json!(["cyclonedx"]), spdx, &json!({"packages": part}), Unknown, none);
    for empty in [json!({}), json!({"components": []}), json!({"components": {}}), json!({"packages": part})] {
        sbom(json!(["cyclonedx"]), cyclonedx, &empty, Unknown, "it lists nothing");
    }
}
