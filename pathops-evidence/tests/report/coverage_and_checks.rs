//! Coverage, and what was probed from outside.

use pathops_evidence::report::{Content, CoverageReport, Covered, Fault, Format, ProbeCheck, recognise};

use crate::fixtures::content;
use crate::{read, refuse};

fn coverage(content: Content) -> CoverageReport {
    let Content::Coverage(coverage) = content else { panic!("{content:?}") };
    coverage
}

fn checks(content: Content) -> Vec<ProbeCheck> {
    let Content::Checks(checks) = content else { panic!("{content:?}") };
    checks
}

fn shown(checks: &[ProbeCheck]) -> Vec<(&str, bool)> {
    checks.iter().map(|check| (check.name.as_str(), check.passed)).collect()
}

#[test]
fn cobertura_and_lcov_count_lines_and_branches() {
    let expected = CoverageReport { lines: Covered::new(3, 4), branches: Covered::new(1, 2) };
    assert_eq!(coverage(content(Format::Cobertura, "good")), expected);
    assert_eq!(coverage(content(Format::Lcov, "good")), expected);
    assert_eq!(coverage(content(Format::Cobertura, "quiet")), CoverageReport::default());
    // What was not measured has no rate, and what is listed counts.
    let not_a_number = read(Format::Cobertura, "<coverage line-rate='NaN' branch-rate='NaN'><packages/></coverage>");
    assert_eq!(coverage(not_a_number), CoverageReport::default());
}

#[test]
fn cobertura_that_claims_more_than_it_lists() {
    let report = |attributes: &str, line: &str| {
        let class = format!("<class><lines><line number='1' hits='0'/><line number='2' {line}/></lines></class>");
        format!("<coverage {attributes}><packages><package><classes>{class}</classes></package></packages></coverage>")
    };
    let refuse = |attributes, line, fault, says| refuse(Format::Cobertura, &report(attributes, line), fault, says);
    refuse("line-rate='0.9'", "hits='1'", Fault::Inconsistent, "its line rate is 0.9, and 1 of 2 lines are listed as hit");
    refuse("line-rate='0.5' lines-valid='3'", "hits='1'", Fault::Inconsistent, "it counts 3 lines, and lists 2");
    refuse("line-rate='1.5'", "hits='1'", Fault::Malformed, "no rate from 0 to 1");
    refuse("line-rate='inf'", "hits='1'", Fault::Malformed, "no rate from 0 to 1");
    refuse("line-rate='0.5'", "", Fault::Malformed, "has no `hits`");
    refuse("line-rate='0.5'", "hits='-1'", Fault::Malformed, "no whole number");
    refuse("line-rate='0.5'", "hits='1' condition-coverage='200% (2/1)'", Fault::Malformed, "not like `50% (1/2)`");
    assert_eq!(coverage(read(Format::Cobertura, &report("line-rate='0.5'", "hits='1'"))).lines, Covered::new(1, 2));
}

#[test]
fn lcov_that_is_cut_or_claims_more() {
    refuse(Format::Lcov, "SF:a\nDA:1,1\n", Fault::Truncated, "the last record has no end");
    refuse(Format::Lcov, "SF:a\nDA:1,1\nSF:b\n", Fault::Truncated, "line 3: a record begins before");
    refuse(Format::Lcov, "SF:a\nDA:1,1\nBRF:1\nend_of_record\n", Fault::Inconsistent, "`BRF` is 1, and 0 are listed");
    refuse(Format::Lcov, "SF:a\nDA:1\nend_of_record\n", Fault::Malformed, "`DA:1` cannot be read");
    refuse(Format::Lcov, "SF:a\nDA:1,-1\nend_of_record\n", Fault::Malformed, "cannot be read");
    refuse(Format::Lcov, "SF:a\nXX:1\nend_of_record\n", Fault::Malformed, "`XX` is not known");
    refuse(Format::Lcov, "DA:1,1\n", Fault::Malformed, "outside of a record");
    refuse(Format::Lcov, "end_of_record\n", Fault::Malformed, "has not begun");
    refuse(Format::Lcov, "TN:unit\n", Fault::Truncated, "it has no record");
    // One line counts once, however often it is listed.
    let twice = read(Format::Lcov, "SF:a\nDA:1,0\nDA:1,3\nDA:2,0\nend_of_record\n");
    assert_eq!(coverage(twice).lines, Covered::new(1, 2));
}

/// llvm-cov counts the lines of a closure in its function, too.
#[test]
fn lcov_totals_of_lines_never_make_it_better() {
    let of = |totals: &str| coverage(read(Format::Lcov, &format!("SF:a\nDA:1,1\nDA:2,1\nDA:3,0\n{totals}end_of_record\n"))).lines;
    for totals in ["", "LF:3\nLH:2\n", "LF:5\nLH:4\n", "LF:5\nLH:5\n", "LF:1\nLH:1\n", "LH:9\n"] {
        assert_eq!(of(totals), Covered::new(2, 3), "{totals}");
    }
    // Lines that were not hit have been lost, or are not listed.
    assert_eq!(of("LF:10\nLH:2\n"), Covered::new(2, 10));
    assert_eq!(of("LF:10\n"), Covered::new(2, 10));
    assert_eq!(of("LF:18446744073709551615\nLH:0\n"), Covered::new(2, u64::MAX));
}

#[test]
fn k6_checks_and_thresholds() {
    let good = checks(content(Format::K6Summary, "good"));
    assert_eq!(shown(&good), [("status is 200", true), ("cart::total", true), ("http_req_duration: p(95)<500", true)]);
    assert_eq!(good[2].values["p(95)"], 80.1);
    let bad = checks(content(Format::K6Summary, "bad.json"));
    assert_eq!(shown(&bad), [("status is 200", false), ("cart::total", true), ("http_req_duration: p(95)<500", false)]);
}

#[test]
fn k6_says_true_for_a_threshold_that_was_crossed() {
    let export = checks(content(Format::K6Summary, "bad-export"));
    let expected = [("status is 200", true), ("http_req_duration: avg<100", true), ("http_req_duration: p(95)<500", false)];
    assert_eq!(shown(&export), expected);
}

#[test]
fn k6_that_measured_nothing_has_not_passed() {
    let summary = |checks: &str, metrics: &str| {
        format!(r#"{{"root_group": {{"groups": [], "checks": [{checks}]}}, "metrics": {{{metrics}}}}}"#)
    };
    let never = r#"{"name": "a", "path": "::a", "passes": 0, "fails": 0}"#;
    let unmeasured = r#""checks": {"values": {"rate": 0, "passes": 0, "fails": 0}, "thresholds": {"rate>0.9": {"ok": true}}}"#;
    assert_eq!(shown(&checks(read(Format::K6Summary, &summary(never, unmeasured)))), [("a", false), ("checks: rate>0.9", false)]);
    // Trends do not say how often they were measured: k6 writes zeros for those that never were, in both forms of the summary.
    for (zeros, counted) in [
        (r#""avg": 0, "min": 0, "med": 0, "max": 0, "p(95)": 0"#, r#""count": 3, "avg": 0, "p(95)": 0"#),
        (r#""type": "trend", "values": {"avg": 0, "p(95)": 0}"#, r#""type": "trend", "values": {"count": 3, "p(95)": 0}"#),
    ] {
        let held = if zeros.contains("values") { r#"{"ok": true}"# } else { "false" };
        let trend = |values: &str| {
            let metrics = format!(r#""t{{name:pay}}": {{{values}, "thresholds": {{"p(95)<500": {held}}}}}"#);
            checks(read(Format::K6Summary, &summary("", &metrics)))[0].passed
        };
        assert!(!trend(zeros), "{zeros}");
        assert!(trend(counted) && trend(&zeros.replace(r#""avg": 0"#, r#""avg": 0.5"#)), "{counted}");
    }
    for (gauge, held) in [
        (r#""value": 0, "min": 0, "max": 0"#, "false"),
        (r#""type": "gauge", "values": {"value": 0, "min": 0, "max": 0}"#, r#"{"ok": true}"#),
    ] {
        let metrics = format!(r#""queue": {{{gauge}, "thresholds": {{"value==0": {held}}}}}"#);
        assert!(checks(read(Format::K6Summary, &summary("", &metrics)))[0].passed, "{gauge}");
    }
    let no_rate = r#""rate": {"value": 0, "passes": 0, "fails": 0, "thresholds": {"rate<0.1": false}}"#;
    assert!(!checks(read(Format::K6Summary, &summary("", no_rate)))[0].passed);
    assert_eq!(checks(read(Format::K6Summary, &summary("", ""))), []);
    let more = r#""checks": {"values": {"passes": 1, "fails": 1}}"#;
    refuse(Format::K6Summary, &summary("", more), Fault::Inconsistent, "more failed checks than it lists");
    let odd = r#""a": {"thresholds": {"avg<1": "fine"}}"#;
    refuse(Format::K6Summary, &summary("", odd), Fault::Malformed, "`/metrics/a/thresholds/avg<1`");
}

#[test]
fn k6_that_does_not_tell_of_thresholds_is_refused() {
    let summary = r#"{
        "config": {"duration": 30.1, "execution": "local", "script": "smoke.js"},
        "metadata": {"generated_at": "2026-05-04T09:00:00Z", "k6_version": "2.0.0"},
        "results": {
            "checks": {"metrics": [], "results": [{"name": "status is 200", "passes": 9, "fails": 0}]},
            "metrics": [{"contains": "time", "name": "http_req_duration", "type": "trend", "values": {"avg": 81.2}}]
        },
        "version": "1.0.0"
    }"#;
    refuse(Format::K6Summary, summary, Fault::Unsupported, "does not tell whether thresholds held");
    assert_eq!(recognise(summary.as_bytes()).unwrap(), Format::K6Summary);
}

#[test]
fn curl_says_how_a_request_went_and_no_secret() {
    assert_eq!(shown(&checks(content(Format::Curl, "good"))), [("GET https://shop.example.org/health", true)]);
    let bad = checks(content(Format::Curl, "bad-status"));
    assert_eq!(shown(&bad), [("GET https://shop.example.org/cart", true), ("GET https://shop.example.org/health", false)]);
    assert_eq!(bad[1].values["status"], 503.0);
    assert!(!checks(content(Format::Curl, "bad-refused"))[0].passed);
    let request = |code: u16, verified: i64| {
        let url = "https://shop.example.org";
        format!(
            r#"{{"exitcode": 0, "response_code": {code}, "url_effective": "{url}", "ssl_verify_result": {verified}, "time_total": 0.1}}"#
        )
    };
    let passed = |code, verified| checks(read(Format::Curl, &request(code, verified)))[0].passed;
    assert!(passed(200, 0) && passed(204, 0));
    assert!(!passed(199, 0) && !passed(302, 0) && !passed(404, 0) && !passed(200, 18));
}
