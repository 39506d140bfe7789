//! What reports become: predicates that core knows.

use pathops_core::UnixMillis;
use pathops_core::evidence::{Predicate as _, Statement, Subject, TestAnnotations, TestVerdict, Vulnerabilities};
use pathops_evidence::report::{Content, Format, INCOMPLETE_SCAN, MetricReport, Report, ReportReference, SeveralSeries, parse};

use crate::fixtures;

fn report(format: Format, name: &str) -> Report {
    let fixture = fixtures::all().into_iter().find(|it| it.format == format && it.name.starts_with(name)).unwrap();
    parse(&fixture.bytes).unwrap()
}

const AT: UnixMillis = UnixMillis(1_795_593_600_000);

#[test]
fn tests_become_a_test_result_with_the_digest_of_the_report() {
    let surefire = report(Format::Junit, "bad-surefire");
    let Content::Tests(tests) = &surefire.content else { panic!() };
    let result = tests.to_predicate(&surefire, "unit", TestAnnotations::default(), AT);
    assert_eq!((result.result, result.finished_on), (TestVerdict::Failed, AT));
    assert_eq!(result.configuration[0].digest["sha256"], surefire.digest.hex());
    assert_eq!(result.warned_tests, ["shop.CartTest::later", "shop.CartTest::price"]);
    assert_eq!(result.configuration[0].annotations.flaky_tests, ["shop.CartTest::price"]);
    assert_eq!((result.passed_tests.len(), result.failed_tests.len()), (1, 1));
}

#[test]
fn no_test_becomes_no_passed_result() {
    for (format, name) in [(Format::Tap, "quiet"), (Format::Junit, "quiet")] {
        let report = report(format, name);
        let Content::Tests(tests) = &report.content else { panic!() };
        assert_eq!(tests.to_predicate(&report, "unit", TestAnnotations::default(), AT).result, TestVerdict::Warned);
    }
}

#[test]
fn a_scan_becomes_vulnerabilities_and_what_is_unknown_stays_so() {
    let Content::Scan(scan) = report(Format::Grype, "bad").content else { panic!() };
    let made: Vulnerabilities = scan.to_predicate_at("https://example.org/grype", AT);
    let shown: Vec<_> = made.scanner.result.iter().map(|it| (it.id.as_str(), it.severity[0].score.as_str())).collect();
    assert_eq!(shown, [("GHSA-aaaa-bbbb-cccc", "high"), ("CVE-2026-0002", "unknown"), ("CVE-2026-0004", "low")]);
    assert_eq!(made.scanner.version.as_deref(), Some("grype 0.104.0"));
}

#[test]
fn a_scan_that_failed_becomes_a_finding_without_a_severity() {
    let Content::Scan(scan) = report(Format::Sarif, "bad-failed").content else { panic!() };
    let made = scan.to_predicate_at("https://example.org/lynx", AT);
    assert_eq!(made.scanner.result.len(), 1);
    assert_eq!((made.scanner.result[0].id.as_str(), made.scanner.result[0].severity.len()), (INCOMPLETE_SCAN, 0));
    let Content::Scan(clean) = report(Format::Sarif, "good").content else { panic!() };
    assert!(clean.to_predicate_at("https://example.org/lynx", AT).scanner.result.is_empty());
}

#[test]
fn a_query_becomes_a_reading_of_its_last_number() {
    let reading = |metrics: &MetricReport| {
        let made = metrics.to_predicate("orders".parse().unwrap(), "preflight".parse().unwrap(), "error-rate", AT);
        made.map(|made| (made.value, made.samples, made.errors))
    };
    let of = |name: &str| {
        let Content::Metrics(metrics) = report(Format::PrometheusQuery, name).content else { panic!() };
        metrics
    };
    assert_eq!(reading(&of("good-vector")), Ok((Some(0.02), 1, 0)));
    assert_eq!(reading(&of("good-matrix")), Ok((Some(0.5), 3, 1)));
    assert_eq!(reading(&of("bad-nan")), Ok((None, 1, 1)));
    assert_eq!(reading(&of("bad-histogram")), Ok((None, 1, 2)));
    assert_eq!(reading(&of("quiet")), Ok((None, 0, 0)));
    let mut two = of("good-vector");
    two.series.extend(of("good-vector").series);
    assert_eq!(reading(&two), Err(SeveralSeries(2)));
    // A warning says that the answer may lack something: its value is not to be relied on.
    let mut warned = of("good-vector");
    warned.warnings.push("a store did not answer".to_owned());
    assert_eq!(reading(&warned), Ok((None, 1, 1)));
}

#[test]
fn a_bill_of_materials_stands_in_a_statement_as_it_is() {
    for (format, expected, list) in [
        (Format::CyclonedxJson, "https://cyclonedx.org/bom", "components"),
        (Format::Spdx2Json, "https://spdx.dev/Document", "packages"),
    ] {
        let fixture = fixtures::all().into_iter().find(|it| it.format == format && !it.is_bad()).unwrap();
        let predicate_type = parse(&fixture.bytes).unwrap().document_predicate_type().unwrap();
        assert_eq!(predicate_type, expected);
        let document: serde_json::Value = serde_json::from_slice(&fixture.bytes).unwrap();
        let subject = Subject::named("orders").with_sha256(&pathops_core::Digest::of(b"orders"));
        let statement = Statement::new(vec![subject], predicate_type, &document).unwrap();
        assert_eq!(statement.predicate[list].as_array().unwrap().len(), 2);
    }
    assert_eq!(report(Format::CyclonedxXml, "good").document_predicate_type(), None);
}

#[test]
fn any_report_can_be_referred_to() {
    for fixture in fixtures::all().iter().filter(|fixture| fixture.recognisable()) {
        let report = parse(&fixture.bytes).unwrap();
        let made = serde_json::to_value(report.reference("a report", "blobs/1")).unwrap();
        assert_eq!(made["references"][0]["digest"]["sha256"], report.digest.hex());
        assert_eq!(made["references"][0]["mediaType"], fixture.format.media_type());
        assert_eq!(made["references"][0]["downloadLocation"], "blobs/1");
        assert!(made["attester"]["id"].as_str().unwrap().starts_with("https://"));
    }
    assert_eq!(ReportReference::TYPE, "https://in-toto.io/attestation/reference/v0.1");
}
