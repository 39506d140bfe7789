//! Findings of scanners: limits by severity, scanners that must have looked, and exceptions that end.

use pathops_core::evidence::Statement;
use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
use serde_json::{Value, json};

use crate::shop::{DAY, Shop, about_this, after};

const ZAP: &str = "https://zaproxy.org";
const TRIVY: &str = "pkg:github/aquasecurity/trivy";

fn asking(rule: Value) -> Shop {
    let mut rule = rule;
    rule["accept"] = json!({"maxAgeSeconds": DAY / 1_000});
    Shop::asking(json!({"id": "scan", "reason": "No known holes.", "asks": {"findings": rule}}))
}

/// A report of so many milliseconds ago.
fn report(scanner: &str, ago: i64, found: &[(&str, &[&str])]) -> Statement {
    let finding = |(id, scores): &(&str, &[&str])| {
        let severity: Vec<_> = scores.iter().map(|score| json!({"method": "nvd", "score": score})).collect();
        json!({"id": id, "severity": severity})
    };
    let result: Vec<_> = found.iter().map(finding).collect();
    let at = after(-ago).to_string();
    let predicate =
        json!({"scanner": {"uri": scanner, "result": result}, "metadata": {"scanStartedOn": at, "scanFinishedOn": at}});
    about_this("https://in-toto.io/attestation/vulns/v0.2", &predicate)
}

#[track_caller]
fn check(rule: Value, reports: &[Statement], verdict: Verdict, because: &str) {
    let mut shop = asking(rule);
    reports.iter().for_each(|report| shop.give(report));
    shop.stands("scan", verdict, because);
}

const CLEAN: &str = "1 report(s), nothing over the limits";

#[test]
fn a_limit_counts_what_is_as_bad_or_worse() {
    let max = json!({"max": {"critical": 0, "high": 1}});
    check(max.clone(), &[report(TRIVY, 1, &[])], Pass, CLEAN);
    check(max.clone(), &[report(TRIVY, 1, &[("A", &["high"]), ("B", &["medium"]), ("C", &["low"])])], Pass, CLEAN);
    let two = report(TRIVY, 1, &[("A", &["high"]), ("B", &["high"])]);
    check(max.clone(), &[two], Fail, "2 high or worse finding(s), and 1 may stay");
    let worst_first = report(TRIVY, 1, &[("A", &["high"]), ("B", &["high"]), ("C", &["critical"])]);
    check(max, &[worst_first], Fail, "1 critical finding(s), and 0 may stay");

    let of = |severity| report(TRIVY, 1, &[("A", &[severity])]);
    for worse in ["high", "critical", "of which nobody knows"] {
        check(json!({"max": {"high": 0}}), &[of(worse)], Fail, "1 high or worse finding(s), and 0 may stay");
        check(json!({"max": {"low": 0}}), &[of(worse)], Fail, "1 low or worse finding(s), and 0 may stay");
    }
    check(json!({"max": {"high": 0}}), &[of("medium")], Pass, CLEAN);
    let mixed = report(TRIVY, 1, &[("A", &["medium"]), ("B", &["critical"]), ("C", &["low"])]);
    check(
        json!({"max": {"critical": 1, "medium": 1}}),
        std::slice::from_ref(&mixed),
        Fail,
        "2 medium or worse finding(s), and 1 may stay",
    );
    check(json!({"max": {"critical": 1, "medium": 2}}), &[mixed], Pass, CLEAN);
}

#[test]
fn severities_are_words_or_scores_by_the_bands_of_cvss() {
    let table: [(&[&str], &str); 18] = [
        (&["Critical"], "critical"),
        (&["9.0"], "critical"),
        (&["10"], "critical"),
        (&["8.9"], "high"),
        (&["7.0"], "high"),
        (&["important"], "high"),
        (&["6.9"], "medium"),
        (&["4"], "medium"),
        (&["Moderate"], "medium"),
        (&["3.9"], "low"),
        (&["negligible"], "low"),
        (&["low", "high", "2.0"], "high"),
        (&[], "critical"),
        (&["serious"], "critical"),
        (&["NaN"], "critical"),
        (&["11"], "critical"),
        (&["-1"], "critical"),
        (&["odd", "low"], "low"),
    ];
    for (scores, severity) in table {
        let max = json!({"max": {"critical": 0, "high": 0, "medium": 0, "low": 0}});
        let worse = if severity == "critical" { "" } else { " or worse" };
        check(max, &[report(TRIVY, 1, &[("A", scores)])], Fail, &format!("1 {severity}{worse} finding(s), and 0 may stay"));
    }
}

#[test]
fn one_finding_in_several_parts_is_one() {
    let twice = report(TRIVY, 1, &[("A", &["high"]), ("A", &["high"])]);
    check(json!({"max": {"high": 1}}), &[twice], Pass, CLEAN);
}

#[test]
fn of_each_scanner_the_newest_report_counts() {
    let max = json!({"max": {"critical": 0}});
    let (bad, good) = (|ago| report(TRIVY, ago, &[("A", &["critical"])]), |ago| report(TRIVY, ago, &[]));
    check(max.clone(), &[bad(2), good(1)], Pass, CLEAN);
    check(max.clone(), &[good(2), bad(1)], Fail, "1 critical finding(s), and 0 may stay");
    let other = report(ZAP, 1, &[]);
    check(max.clone(), &[bad(2), other.clone()], Fail, "1 critical finding(s), and 0 may stay");
    check(max, &[good(2), other], Pass, "2 report(s), nothing over the limits");
}

/// Whichever of the two comes first in the order of evidence, which is that of its digests.
#[test]
fn two_reports_of_one_instant_are_taken_together() {
    for name in ["A", "B", "C", "D", "E", "F", "G", "H"] {
        let harmless = report(TRIVY, 1, &[("1", &["low"]), ("2", &["low"]), (name, &["low"])]);
        let reports = [harmless, report(TRIVY, 1, &[(name, &["critical"])])];
        check(json!({"max": {"critical": 0}}), &reports, Fail, "1 critical finding(s), and 0 may stay");
    }
}

#[test]
fn every_scanner_that_is_named_must_have_reported() {
    let rule = json!({"max": {"critical": 0}, "scanners": [TRIVY, ZAP]});
    let mut shop = asking(rule.clone());
    shop.stands("scan", Unknown, &format!("there is no report of {ZAP} and of {TRIVY}"));
    let missing = shop.requirement("scan").missing.unwrap();
    assert_eq!((missing.what, missing.from), (format!("a report of {ZAP} and of {TRIVY}"), vec!["CI".to_owned()]));
    shop.give(&report(TRIVY, 1, &[]));
    shop.stands("scan", Unknown, &format!("there is no report of {ZAP}"));
    check(rule.clone(), &[report(TRIVY, 1, &[]), report(ZAP, 2, &[])], Pass, "2 report(s), nothing over the limits");
    // The one that is there does not get younger by the other.
    let mut shop = asking(rule);
    shop.give(&report(TRIVY, DAY + 1, &[]));
    let told: Vec<_> = shop.requirement("scan").all_missing().map(|it| it.what.clone()).collect();
    assert_eq!(told, [format!("a report of {ZAP}"), "a newer report of a scanner".to_owned()]);
}

#[test]
fn every_report_must_be_fresh() {
    let max = json!({"max": {"critical": 0}});
    let because = "2 report(s), nothing over the limits, but that was 1 d 0 h ago, and 1 d 0 h is the limit";
    check(max, &[report(TRIVY, DAY + 1, &[]), report(ZAP, 1, &[])], Unknown, because);
}

#[test]
fn all_reports_that_decided_are_named() {
    for (scores, verdict) in [(["low"], Pass), (["critical"], Fail)] {
        let mut shop = asking(json!({"max": {"critical": 0}}));
        let found: [(&str, &[&str]); 1] = [("A", &scores)];
        [report(TRIVY, 2, &[]), report(ZAP, 1, &found), report(TRIVY, 3, &[])].iter().for_each(|report| shop.give(report));
        let requirement = shop.requirement("scan");
        assert_eq!((requirement.verdict, requirement.evidence.len()), (verdict, 2), "the older one of Trivy decided nothing");
    }
}

fn borne(exceptions: Value) -> Shop {
    let mut shop = asking(json!({"max": {"critical": 0}, "exceptions": exceptions}));
    shop.give(&report(TRIVY, 1, &[("GHSA-1", &["critical"])]));
    shop
}

fn exception(owner: &str, until: i64) -> Value {
    json!({"id": "GHSA-1", "owner": owner, "reason": "It is not reached.", "until": after(until).to_string()})
}

#[test]
fn an_exception_bears_a_finding_until_it_ends() {
    borne(json!([exception("bob", 1)])).stands("scan", Pass, "1 report(s), nothing over the limits, 1 borne for now");
    for until in [0, -1] {
        let because = format!("1 critical finding(s), and 0 may stay; the exception for GHSA-1 ended {}", after(until));
        borne(json!([exception("bob", until)])).stands("scan", Fail, &because);
    }
}

#[test]
fn an_exception_needs_somebody_who_answers_for_it() {
    let because = "1 critical finding(s), and 0 may stay; the exception for GHSA-1 has no owner any more";
    borne(json!([exception("mallory", 1)])).stands("scan", Fail, because);
}

#[test]
fn an_exception_is_for_one_finding() {
    let mut shop = borne(json!([exception("bob", 1)]));
    shop.give(&report(ZAP, 1, &[("GHSA-2", &["critical"])]));
    shop.stands("scan", Fail, "1 critical finding(s), and 0 may stay");
}

#[test]
fn one_exception_that_holds_is_enough() {
    let because = "1 report(s), nothing over the limits, 1 borne for now";
    borne(json!([exception("bob", -1), exception("bob", 1)])).stands("scan", Pass, because);
}

#[test]
fn too_many_findings_are_for_a_mended_artifact() {
    let mut shop = asking(json!({"max": {"low": 0}}));
    shop.give(&report(TRIVY, 1, &[("A", &["low"])]));
    let missing = shop.requirement("scan").missing.unwrap();
    assert_eq!((missing.what.as_str(), missing.from), ("a report with fewer findings", vec!["a mended artifact".to_owned()]));
}

#[test]
fn of_reports_from_the_future_the_latest_is_told() {
    for reports in
        [[report(TRIVY, -DAY, &[]), report(ZAP, -2 * DAY, &[])], [report(TRIVY, -2 * DAY, &[]), report(ZAP, -DAY, &[])]]
    {
        let because = format!("the newest evidence is dated {}, which is in the future", after(2 * DAY));
        check(json!({"max": {"critical": 0}}), &reports, Unknown, &because);
    }
}

/// The last of them tells, where all are good and none is too old by then.
#[test]
fn reports_from_the_future_say_from_when_they_count() {
    let shop = |ahead: i64, other: i64, found: &[(&str, &[&str])]| {
        let mut shop = asking(json!({"max": {"critical": 0}}));
        [report(TRIVY, -ahead, found), report(ZAP, -other, &[])].iter().for_each(|report| shop.give(report));
        shop
    };
    let mut good = shop(DAY, DAY / 2, &[]);
    let counts = after(DAY - 60_000);
    assert_eq!(good.requirement("scan").earliest, Some(counts));
    for (at, verdict) in [(after(DAY - 60_001), Unknown), (counts, Pass)] {
        good.at = at;
        assert_eq!(good.requirement("scan").verdict, verdict, "{at}");
    }
    let missing = |shop: Shop| {
        let it = shop.requirement("scan");
        (it.earliest, it.missing.map(|missing| missing.what).unwrap_or_default())
    };
    assert_eq!(missing(shop(DAY, -DAY / 2, &[])), (None, "a newer report of a scanner".to_owned()));
    assert_eq!(missing(shop(DAY, DAY / 2, &[("A", &["critical"])])), (None, "a report with fewer findings".to_owned()));
    // Nobody waits longer for it than it would count.
    assert_eq!(missing(shop(2 * DAY, DAY / 2, &[])), (None, String::new()));
}
