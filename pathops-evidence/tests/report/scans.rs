//! Reports of scanners.

use pathops_core::policy::FindingSeverity::{self, Critical, High, Low, Medium};
use pathops_evidence::report::{Content, Fault, Format, ReportFinding, ScanReport};

use crate::fixtures::content;
use crate::{read, refuse};

fn scan(content: Content) -> ScanReport {
    let Content::Scan(scan) = content else { panic!("{content:?}") };
    scan
}

fn fixture(format: Format, name: &str) -> ScanReport {
    scan(content(format, name))
}

fn shown(findings: &[ReportFinding]) -> Vec<(&str, Option<FindingSeverity>)> {
    findings.iter().map(|finding| (finding.id.as_str(), finding.severity)).collect()
}

fn assert_clean(scan: &ScanReport) {
    assert!(scan.findings.is_empty() && scan.suppressed.is_empty() && scan.incomplete.is_empty(), "{scan:?}");
}

#[test]
fn sarif_with_levels_scores_kinds_and_suppressions() {
    assert_clean(&fixture(Format::Sarif, "good"));
    let bad = fixture(Format::Sarif, "bad.sarif");
    assert_eq!(
        shown(&bad.findings),
        [
            ("LX1", Some(Critical)), // the rule's score beats the level
            ("LX2", Some(Low)),      // the rule's level by default
            ("LX3", Some(Medium)),   // no level anywhere
            ("LX3", Some(High)),
            ("LX2", Some(Low)),          // a rule by its place
            ("LX1/sub", Some(Critical)), // a rule by its parent
            ("LX3", None),               // a level that nobody knows
            ("LX2", Some(Low)),          // suppressed, and that is under review
        ]
    );
    assert_eq!(bad.findings[6].counts_as(), Critical);
    assert_eq!(shown(&bad.suppressed), [("LX2", Some(Low))]);
    assert_eq!(bad.findings[0].location.as_deref(), Some("src/cart.py:7"));
    assert_eq!(bad.scanners, ["lynx 3.1.0"]);
}

#[test]
fn sarif_of_a_scan_that_failed_is_no_clean_scan() {
    let failed = fixture(Format::Sarif, "bad-failed");
    assert!(failed.findings.is_empty());
    assert_eq!(failed.incomplete, ["lynx: an invocation did not succeed", "lynx: out of memory"]);
    let run = |rest: &str| {
        scan(read(Format::Sarif, &format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"lynx"}}}}{rest}}}]}}"#)))
    };
    assert_eq!(run("").incomplete, ["lynx: the run has no results"]);
    assert_eq!(run(r#","results":null"#).incomplete, ["lynx: the run has no results"]);
    assert_clean(&run(r#","results":[]"#));
    for kind in [r#""results":[{}]"#, r#""invocations":[{}]"#, r#""extensions":[{}]"#, r#""driver":{}"#] {
        let elsewhere = run(&format!(r#","results":[],"externalPropertyFileReferences":{{{kind}}}"#));
        assert_eq!(elsewhere.incomplete, ["lynx: results, or what they depend on, are in other files"], "{kind}");
    }
    assert_clean(&run(r#","results":[],"externalPropertyFileReferences":{"conversion":{}}"#));
    assert_eq!(run(r#","results":[],"invocations":[{}]"#).incomplete.len(), 1);
}

#[test]
fn sarif_notifications_are_as_bad_as_their_descriptors_say() {
    let run = |note: &str, rest: &str| {
        let driver = r#"{"name":"lynx","notifications":[{"id":"N1","defaultConfiguration":{"level":"error"}},{"id":"N2"}]}"#;
        let note = format!(r#"{{{note}"message":{{"text":"no file"}}}}"#);
        let invocation = format!(r#"{{"executionSuccessful":true,"toolExecutionNotifications":[{note}]{rest}}}"#);
        let run = format!(r#"{{"tool":{{"driver":{driver}}},"results":[],"invocations":[{invocation}]}}"#);
        scan(read(Format::Sarif, &format!(r#"{{"version":"2.1.0","runs":[{run}]}}"#)))
    };
    for bad in [
        r#""level":"error","#,
        r#""level":"fatal","#,
        r#""descriptor":{"id":"N1"},"#,
        r#""descriptor":{"index":0},"#,
        r#""descriptor":{"id":"N2","toolComponent":{"index":4}},"#,
    ] {
        assert_eq!(run(bad, "").incomplete, ["lynx: no file"], "{bad}");
    }
    for good in
        ["", r#""level":"warning","descriptor":{"id":"N1"},"#, r#""descriptor":{"id":"N2"},"#, r#""descriptor":{"id":"N3"},"#]
    {
        assert_clean(&run(good, ""));
    }
    let set = r#","notificationConfigurationOverrides":[{"descriptor":{"id":"N2"},"configuration":{"level":"error"}}]"#;
    assert_eq!(run(r#""descriptor":{"id":"N2"},"#, set).incomplete, ["lynx: no file"]);
}

#[test]
fn sarif_that_is_not_right() {
    refuse(Format::Sarif, r#"{"version":"2.0.0","runs":[]}"#, Fault::Unsupported, "`/version`: SARIF 2.0.0, and 2.1.0 is read");
    refuse(Format::Sarif, r#"{"version":"2.1.0","runs":[]}"#, Fault::Empty, "nothing was scanned");
    let result = |result: &str| {
        format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"lynx"}}}},"results":[{result}]}}]}}"#)
    };
    assert_eq!(shown(&scan(read(Format::Sarif, &result("{}"))).findings), [("unnamed", Some(Medium))]);
    refuse(
        Format::Sarif,
        &result(r#"{"ruleId":"a","kind":"odd"}"#),
        Fault::Malformed,
        "`/runs/0/results/0`: its kind `odd` is not known",
    );
    refuse(Format::Sarif, &result(r#"{"ruleId":"a","ruleId":"b"}"#), Fault::Malformed, "`ruleId` stands twice in one object");
    let negative =
        scan(read(Format::Sarif, &result(r#"{"ruleId":"a","ruleIndex":-1,"properties":{"security-severity":"high"}}"#)));
    assert_eq!(shown(&negative.findings), [("a", Some(High))]);
}

#[test]
fn sarif_rules_of_extensions() {
    let run = |result: &str| {
        let driver = r#"{"name":"lynx","rules":[{"id":"meta","properties":{"security-severity":"1.0"}},{"id":"both"}]}"#;
        let one = r#"{"name":"one","rules":[{"id":"rce","properties":{"security-severity":"9.8"}}]}"#;
        let two = r#"{"name":"two","guid":"2","rules":[{"id":"both","defaultConfiguration":{"level":"error"}}]}"#;
        let tool = format!(r#"{{"driver":{driver},"extensions":[{one},{two}]}}"#);
        scan(read(Format::Sarif, &format!(r#"{{"version":"2.1.0","runs":[{{"tool":{tool},"results":[{result}]}}]}}"#)))
    };
    for (result, expected) in [
        (r#"{"rule":{"index":0,"toolComponent":{"index":0}}}"#, ("rce", Some(Critical))),
        (r#"{"ruleIndex":0,"rule":{"toolComponent":{"index":0}}}"#, ("rce", Some(Critical))),
        (r#"{"rule":{"index":0,"toolComponent":{"name":"two"}}}"#, ("both", Some(High))),
        (r#"{"ruleId":"both","rule":{"toolComponent":{"guid":"2"}}}"#, ("both", Some(High))),
        (r#"{"ruleId":"both/sub","rule":{"toolComponent":{"index":1}}}"#, ("both/sub", Some(High))),
        (r#"{"ruleId":"both"}"#, ("both", Some(Medium))),
        (r#"{"rule":{"index":1,"toolComponent":{"name":"lynx"}}}"#, ("both", Some(Medium))),
        (r#"{"rule":{"index":1,"toolComponent":{}}}"#, ("both", Some(Medium))),
        // Nobody knows how bad a rule is that is not there, unless the result says so itself.
        (r#"{"rule":{"index":7,"toolComponent":{"index":0}}}"#, ("unnamed", None)),
        (r#"{"ruleId":"rce","rule":{"toolComponent":{"index":7}}}"#, ("rce", None)),
        (r#"{"ruleId":"rce","level":"note","rule":{"toolComponent":{"guid":"7"}}}"#, ("rce", Some(Low))),
    ] {
        assert_eq!(shown(&run(result).findings), [expected], "{result}");
    }
}

#[test]
fn sarif_levels_that_an_invocation_has_set() {
    let run = |rules: &str, set: &str, result: &str| {
        let driver = format!(r#"{{"name":"lynx","rules":[{rules}]}}"#);
        let invocation = format!(r#"{{"executionSuccessful":true,"ruleConfigurationOverrides":[{set}]}}"#);
        let run = format!(r#"{{"tool":{{"driver":{driver}}},"invocations":[{invocation}],"results":[{result}]}}"#);
        scan(read(Format::Sarif, &format!(r#"{{"version":"2.1.0","runs":[{run}]}}"#))).findings[0].severity
    };
    let set = |descriptor: &str, level: &str| format!(r#"{{"descriptor":{descriptor},"configuration":{{"level":"{level}"}}}}"#);
    let (rule, result) = (r#"{"id":"r"}"#, r#"{"ruleId":"r"}"#);
    assert_eq!(run(rule, "", result), Some(Medium));
    assert_eq!(run(rule, &set(r#"{"index":0}"#, "error"), result), Some(High));
    assert_eq!(run(rule, &set(r#"{"id":"r"}"#, "error"), result), Some(High));
    assert_eq!(run("", &set(r#"{"id":"r"}"#, "error"), result), Some(High), "the rule is not listed");
    assert_eq!(run(rule, &set(r#"{"id":"other"}"#, "error"), result), Some(Medium));
    assert_eq!(run(rule, &set(r#"{"id":"r"}"#, "grave"), result), None);
    // The worse counts, and what the result says itself counts before all.
    assert_eq!(run(rule, &set(r#"{"id":"r"}"#, "note"), result), Some(Medium));
    let twice = [set(r#"{"id":"r"}"#, "error"), set(r#"{"id":"r"}"#, "note")].join(",");
    assert_eq!(run(rule, &twice, result), Some(High));
    assert_eq!(run(rule, &twice, r#"{"ruleId":"r","level":"note"}"#), Some(Low));
}

#[test]
fn sarif_with_results_beside_its_runs_is_no_clean_scan() {
    let log = |beside: &str| {
        let run = r#"{"tool":{"driver":{"name":"lynx"}},"results":[]}"#;
        scan(read(Format::Sarif, &format!(r#"{{"version":"2.1.0","runs":[{run}],"inlineExternalProperties":[{beside}]}}"#)))
    };
    for beside in [
        r#"{"results":[{"ruleId":"r","level":"error"}]}"#,
        r#"{"invocations":[{"executionSuccessful":false}]}"#,
        r#"{"driver":{"name":"lynx"}}"#,
        r#"{"extensions":[{"name":"one"}]}"#,
    ] {
        assert_eq!(log(beside).incomplete, ["results, or what they depend on, are in `inlineExternalProperties`"], "{beside}");
    }
    assert_clean(&log(r#"{"artifacts":[{}],"results":[]}"#));
    assert_clean(&log(""));
}

#[test]
fn trivy_with_all_kinds_of_findings() {
    assert_clean(&fixture(Format::Trivy, "good"));
    let bad = fixture(Format::Trivy, "bad.json");
    let expected = [
        ("CVE-2026-0001", Some(Critical)),
        ("CVE-2026-0002", None),
        ("DS002", Some(High)),
        ("made-up-key", Some(High)),
        ("MIT", Some(Low)),
    ];
    assert_eq!(shown(&bad.findings), expected);
    assert_eq!(shown(&bad.suppressed), [("CVE-2026-0003", Some(High))]);
    assert_eq!(bad.findings[0].location.as_deref(), Some("shop:1 (debian 13.1) (libalpha)"));
    assert_eq!(fixture(Format::Trivy, "bad-no-target").incomplete.len(), 1);
    refuse(Format::Trivy, r#"{"SchemaVersion":3,"ArtifactName":"a"}"#, Fault::Unsupported, "schema version 3, and 2 is read");
    let unnamed = r#"{"SchemaVersion":2,"Results":[{"Target":"t","Vulnerabilities":[{}]}]}"#;
    refuse(Format::Trivy, unnamed, Fault::Malformed, "`/Results/0`: a finding has no id");
}

#[test]
fn trivy_that_counts_more_misconfigurations_than_it_lists() {
    let target = |failures: u32, listed: &str| {
        let summary = format!(r#"{{"Successes":1,"Failures":{failures}}}"#);
        let target = format!(r#"{{"Target":"t","MisconfSummary":{summary},"Misconfigurations":{listed}}}"#);
        format!(r#"{{"SchemaVersion":2,"ArtifactName":"a","Results":[{target}]}}"#)
    };
    let says = "`/Results/0/MisconfSummary/Failures`: it counts 3 misconfigurations that failed, and lists";
    refuse(Format::Trivy, &target(3, "null"), Fault::Inconsistent, &format!("{says} 0"));
    let one = r#"[{"ID":"A","Status":"FAIL","Severity":"LOW"},{"ID":"B","Status":"PASS"}]"#;
    refuse(Format::Trivy, &target(3, one), Fault::Inconsistent, &format!("{says} 1"));
    assert_eq!(shown(&scan(read(Format::Trivy, &target(1, one))).findings), [("A", Some(Low))]);
    assert_clean(&scan(read(Format::Trivy, &target(0, "null"))));
}

#[test]
fn grype_with_ignored_matches() {
    assert_clean(&fixture(Format::Grype, "good"));
    let bad = fixture(Format::Grype, "bad");
    assert_eq!(
        shown(&bad.findings),
        [("GHSA-aaaa-bbbb-cccc", Some(High)), ("CVE-2026-0002", None), ("CVE-2026-0004", Some(Low))]
    );
    assert_eq!(shown(&bad.suppressed), [("CVE-2026-0003", Some(Critical))]);
    assert_eq!(bad.scanners, ["grype 0.104.0"]);
    refuse(Format::Grype, r#"{"descriptor":{"name":"grype"}}"#, Fault::Malformed, "missing field `matches`");
}

#[test]
fn grype_with_a_database_that_is_not_valid() {
    let of = |db: &str| {
        let report = format!(r#"{{"matches":[],"descriptor":{{"name":"grype","version":"0.104.0","db":{db}}}}}"#);
        scan(read(Format::Grype, &report))
    };
    assert_eq!(of(r#"{"status":{"valid":false,"error":"too old"}}"#).incomplete, ["grype: its database: too old"]);
    assert_eq!(of(r#"{"status":{"valid":false}}"#).incomplete, ["grype: its database: it is not valid"]);
    assert_eq!(of(r#"{"built":"2026-11-25T08:00:00Z","error":"no checksum"}"#).incomplete.len(), 1);
    for good in ["null", r#"{"status":{"valid":true}}"#, r#"{"built":"2026-11-25T08:00:00Z","error":null}"#] {
        assert_clean(&of(good));
    }
}

#[test]
fn gitleaks_without_the_secret() {
    let bad = fixture(Format::Gitleaks, "bad");
    assert_eq!(shown(&bad.findings), [("made-up-key", None), ("made-up-token", None)]);
    assert_eq!(bad.findings[1].location.as_deref(), Some("deploy/values.yaml:12"));
    assert!(!format!("{bad:?}").contains("MADE-UP-SECRET"));
    assert_clean(&scan(read(Format::Gitleaks, "[]\n")));
    refuse(Format::Gitleaks, "{}", Fault::Malformed, "expected a sequence");
}

#[test]
fn npm_audit_of_npm_6_and_7() {
    assert_clean(&fixture(Format::NpmAudit, "good-7"));
    assert_clean(&fixture(Format::NpmAudit, "good-6"));
    let seven = fixture(Format::NpmAudit, "bad-7");
    assert_eq!(shown(&seven.findings), [("GHSA-1111-2222-0007", Some(Critical)), ("GHSA-1111-2222-0008", Some(Medium))]);
    assert_eq!(seven.findings[0].location.as_deref(), Some("alpha"));
    assert_eq!(shown(&fixture(Format::NpmAudit, "bad-6").findings), [("npm-advisory-118", Some(High))]);
}

#[test]
fn npm_audit_that_failed_or_lost_something() {
    let failed = r#"{"error": {"code": "ENOLOCK", "summary": "This command requires an existing lockfile.", "detail": ""}}"#;
    refuse(Format::NpmAudit, failed, Fault::ToolFailed, "npm could not audit: ENOLOCK: This command");
    let report = |listed: &str, critical: u32, total: u32| {
        let counts = format!(r#"{{"critical": {critical}, "total": {total}}}"#);
        format!(r#"{{"auditReportVersion": 2, "vulnerabilities": {listed}, "metadata": {{"vulnerabilities": {counts}}}}}"#)
    };
    refuse(Format::NpmAudit, &report("{}", 1, 1), Fault::Inconsistent, "counts 1 packages, and lists 0");
    refuse(Format::NpmAudit, &report("{}", 1, 0), Fault::Inconsistent, "counts what it does not list");
    refuse(
        Format::NpmAudit,
        &report(r#"{"a": {"via": ["b"]}}"#, 1, 1),
        Fault::Inconsistent,
        "`/vulnerabilities/a/via/0`: it names `b`",
    );
    refuse(Format::NpmAudit, &report(r#"{"a": {"via": ["a"]}}"#, 1, 1), Fault::Inconsistent, "and no advisory");
    refuse(
        Format::NpmAudit,
        r#"{"auditReportVersion": 2, "vulnerabilities": {}}"#,
        Fault::Truncated,
        "`/metadata`: it is missing",
    );
    let low = r#"{"a": {"via": [{"source": 1, "name": "a", "severity": "low"}]}}"#;
    refuse(Format::NpmAudit, &report(low, 1, 1), Fault::Inconsistent, "it counts what is critical, and lists nothing as bad");
    assert_eq!(scan(read(Format::NpmAudit, &report(low, 1, 1).replace("critical", "info"))).findings.len(), 1);
    let looked_at = |dependencies: &str| {
        let report = report("{}", 0, 0).replace(r#""total": 0}"#, &format!(r#""total": 0}}, {dependencies}"#));
        scan(read(Format::NpmAudit, &report)).incomplete.len()
    };
    assert_eq!(looked_at(r#""dependencies": {"prod": 0, "total": 0}"#), 1);
    assert_eq!(looked_at(r#""dependencies": 0, "totalDependencies": 0"#), 1);
    assert_eq!(looked_at(r#""dependencies": 0, "totalDependencies": 1"#), 0);
    let three = report("{}", 0, 0).replace(": 2,", ": 3,");
    refuse(Format::NpmAudit, &three, Fault::Unsupported, "report version Some(3)");
}

#[test]
fn cargo_audit_with_vectors_and_warnings() {
    assert_clean(&fixture(Format::CargoAudit, "good"));
    let bad = fixture(Format::CargoAudit, "bad");
    let expected = [
        ("RUSTSEC-2026-0001", Some(Critical)),
        ("RUSTSEC-2026-0002", None),
        ("RUSTSEC-2026-0003", Some(Low)),
        ("RUSTSEC-2026-0004", None),
        ("yanked:delta", Some(Low)),
    ];
    assert_eq!(shown(&bad.findings), expected);
    let report = |found: bool, count: u32, dependencies: u32| {
        let list = format!(r#"{{"found": {found}, "count": {count}, "list": []}}"#);
        format!(r#"{{"lockfile": {{"dependency-count": {dependencies}}}, "vulnerabilities": {list}}}"#)
    };
    refuse(Format::CargoAudit, &report(true, 0, 1), Fault::Inconsistent, "found: true");
    refuse(Format::CargoAudit, &report(false, 1, 1), Fault::Inconsistent, "counts 1 vulnerabilities");
    assert_eq!(scan(read(Format::CargoAudit, &report(false, 0, 0))).incomplete.len(), 1);
    let database =
        |count: u32| report(false, 0, 1).replacen('{', &format!(r#"{{"database": {{"advisory-count": {count}}}, "#), 1);
    assert_clean(&scan(read(Format::CargoAudit, &database(1))));
    let empty = scan(read(Format::CargoAudit, &database(0)));
    assert_eq!(empty.incomplete, ["the database has no advisories: nothing could be found"]);
}

#[test]
fn osv_scanner_by_groups() {
    assert_clean(&fixture(Format::OsvScanner, "good"));
    let bad = fixture(Format::OsvScanner, "bad");
    assert_eq!(shown(&bad.findings), [("GHSA-aaaa-bbbb-cccc", Some(High)), ("MAL-2026-1", None)]);
    assert_eq!(bad.findings[0].title.as_deref(), Some("alpha runs what it is given"));
    let entry =
        |rest: &str| format!(r#"{{"results":[{{"source":{{"path":"p"}},"packages":[{{"package":{{"name":"a"}}{rest}}}]}}]}}"#);
    let alone = scan(read(Format::OsvScanner, &entry(r#","vulnerabilities":[{"id":"X-1"}]"#)));
    assert_eq!(shown(&alone.findings), [("X-1", None)]);
    // Older versions give no score of the group: the advisories in it do.
    let rated = r#","groups":[{"ids":["X-1","X-2"]}],"vulnerabilities":[
        {"id":"X-1","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}]},
        {"id":"X-2","severity":null,"database_specific":{"severity":"HIGH"}}]"#;
    assert_eq!(shown(&scan(read(Format::OsvScanner, &entry(rated))).findings), [("X-1", Some(High))]);
    refuse(Format::OsvScanner, &entry(r#","groups":[{"ids":[]}]"#), Fault::Malformed, "a group names no advisory");
}

#[test]
fn osv_scanner_with_licences_that_are_not_allowed() {
    let package =
        r#"{"package":{"name":"a","version":"1"},"licenses":["GPL-3.0","UNKNOWN"],"license_violations":["GPL-3.0","UNKNOWN"]}"#;
    let found = scan(read(Format::OsvScanner, &format!(r#"{{"results":[{{"source":{{"path":"p"}},"packages":[{package}]}}]}}"#)));
    assert_eq!(shown(&found.findings), [("GPL-3.0", None), ("UNKNOWN", None)]);
    assert_eq!(found.findings[0].location.as_deref(), Some("p: a 1"));
    assert_eq!(found.findings[0].title.as_deref(), Some("the licence is not allowed"));
    let allowed = package.replace(r#"["GPL-3.0","UNKNOWN"]}"#, "null}");
    assert_clean(&scan(read(
        Format::OsvScanner,
        &format!(r#"{{"results":[{{"source":{{"path":"p"}},"packages":[{allowed}]}}]}}"#),
    )));
    let generic = scan(read(Format::OsvScanner, r#"{"results":[],"experimental_generic_findings":[{}]}"#));
    assert_eq!(generic.incomplete, ["1 generic findings are not read"]);
}
