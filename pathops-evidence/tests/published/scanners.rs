//! What Trivy, Grype and OSV-Scanner hold their own output against in their tests: files that these programs have written. The findings
//! are counted here once more, in the plainest way.

use pathops_evidence::report::{Content, Format, ScanReport, parse};

use super::*;

fn scan(text: &str, format: Format, name: &str) -> ScanReport {
    let report = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(report.format, format, "{name}");
    let Content::Scan(scan) = report.content else { panic!("{name}: {:?}", report.content) };
    scan
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

fn all(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn trivy() {
    let Some(clone) = clone_of("aquasecurity/trivy") else { return };
    let (mut read, mut findings) = (0, 0);
    for file in files(&clone.join("integration/testdata"), "golden") {
        let (name, text) = (file.display().to_string(), std::fs::read_to_string(&file).unwrap());
        let Ok(written) = serde_json::from_str::<Value>(&text) else { continue };
        if written["SchemaVersion"] != 2 {
            continue;
        }
        let report = scan(&text, Format::Trivy, &name);
        let is_one = |it: &&Value| !["PASS", "EXCEPTION"].contains(&it["Status"].as_str().unwrap_or_default());
        let kinds = ["Vulnerabilities", "Misconfigurations", "Secrets", "Licenses"];
        let results = all(&written["Results"]);
        let items = results.iter().flat_map(|target| kinds.iter().flat_map(|kind| all(&target[kind])));
        let items: Vec<_> = items.filter(is_one).collect();
        let suppressed: usize = results.iter().map(|target| length(&target["ExperimentalModifiedFindings"])).sum();
        assert_eq!((report.findings.len(), report.suppressed.len()), (items.len(), suppressed), "{name}");
        assert_eq!(report.incomplete.is_empty(), !results.is_empty(), "{name}");
        let rated = items.iter().filter(|it| it["Severity"].as_str().is_some_and(|word| word != "UNKNOWN"));
        assert_eq!(report.findings.iter().filter(|it| it.severity.is_some()).count(), rated.count(), "{name}");
        (read, findings) = (read + 1, findings + report.findings.len());
    }
    eprintln!("{read} reports of Trivy, {findings} findings");
    assert!(read >= 80 && findings >= 180, "{read}, {findings}");
}

#[test]
fn grype() {
    let Some(clone) = clone_of("anchore/grype") else { return };
    let (mut read, mut findings) = (0, 0);
    for file in files(&clone.join("grype/presenter/json/testdata/snapshot"), "golden") {
        let (name, bytes) = (file.display().to_string(), std::fs::read(&file).unwrap());
        let Ok(written) = serde_json::from_slice::<Value>(&bytes) else { continue };
        let report = scan(&String::from_utf8(bytes).unwrap(), Format::Grype, &name);
        let counted = (length(&written["matches"]), length(&written["ignoredMatches"]));
        assert_eq!((report.findings.len(), report.suppressed.len()), counted, "{name}");
        (read, findings) = (read + 1, findings + report.findings.len());
    }
    eprintln!("{read} reports of Grype, {findings} findings");
    assert!(read >= 3 && findings >= 4, "{read}, {findings}");
}

#[test]
fn osv_scanner() {
    let Some(clone) = clone_of("google/osv-scanner") else { return };
    let file = clone.join("internal/output/__snapshots__/machinejson_test.snap");
    let (mut read, mut findings) = (0, 0);
    for snapshot in std::fs::read_to_string(file).unwrap().split("\n---\n") {
        let Some((name, text)) = snapshot.trim().split_once('\n') else { continue };
        let written: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        if all(&written["results"]).is_empty() {
            continue;
        }
        let report = scan(text, Format::OsvScanner, name);
        let packages = || all(&written["results"]).iter().flat_map(|target| all(&target["packages"]));
        let grouped = |package: &Value, id: &Value| all(&package["groups"]).iter().any(|group| all(&group["ids"]).contains(id));
        let alone = |package: &Value| all(&package["vulnerabilities"]).iter().filter(|it| !grouped(package, &it["id"])).count();
        let of = |package: &Value| length(&package["groups"]) + alone(package) + length(&package["license_violations"]);
        let counted: usize = packages().map(of).sum();
        assert_eq!(report.findings.len(), counted, "{name}");
        (read, findings) = (read + 1, findings + counted);
    }
    eprintln!("{read} reports of OSV-Scanner, {findings} findings");
    assert!(read >= 20 && findings >= 20, "{read}, {findings}");
}
