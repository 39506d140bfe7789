//! Trivy's JSON report, `trivy … --format json`, schema version 2.
//!
//! A target without findings is clean; a report without targets is incomplete, since nothing was looked at. A
//! misconfiguration counts unless its status is `PASS` or `EXCEPTION`; what a VEX document or an ignore file took out
//! (`ExperimentalModifiedFindings`) is suppressed. Where a target counts more misconfigurations that failed than it lists, some were
//! lost. The text of secrets is not taken over.

use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::severity;
use crate::report::{Content, Format, ReportFinding, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::Trivy, look, parse: |input| Ok(Content::Scan(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.has(&["SchemaVersion"]) && (look.has(&["ArtifactName"]) || look.has(&["Results"])))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    schema_version: u64,
    results: Option<Vec<Target>>,
    trivy: Option<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    target: String,
    vulnerabilities: Option<Vec<Item>>,
    misconf_summary: Option<MisconfSummary>,
    misconfigurations: Option<Vec<Item>>,
    secrets: Option<Vec<Item>>,
    licenses: Option<Vec<Item>>,
    experimental_modified_findings: Option<Vec<Modified>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MisconfSummary {
    failures: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modified {
    finding: Item,
}

/// A vulnerability, misconfiguration, secret or licence: what they have.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    #[serde(rename = "VulnerabilityID")]
    vulnerability_id: Option<String>,
    #[serde(rename = "RuleID")]
    rule_id: Option<String>,
    #[serde(rename = "ID")]
    id: Option<String>,
    /// Of a licence.
    name: Option<String>,
    severity: Option<String>,
    /// Of a misconfiguration: whether it holds.
    status: Option<String>,
    title: Option<String>,
    pkg_name: Option<String>,
}

impl Item {
    /// Whether it is a finding: a test of a setting that passed is none.
    fn is_one(&self) -> bool {
        !matches!(self.status.as_deref(), Some("PASS" | "EXCEPTION"))
    }

    /// The finding; `None` where it has no name.
    fn finding(&self, target: &Target, scanner: &str) -> Option<ReportFinding> {
        let id = [&self.vulnerability_id, &self.rule_id, &self.id, &self.name].into_iter().flatten().next()?;
        let package = self.pkg_name.as_ref().map(|package| format!(" ({package})")).unwrap_or_default();
        Some(ReportFinding {
            id: id.clone(),
            severity: self.severity.as_deref().and_then(severity::of_word),
            scanner: scanner.to_owned(),
            location: Some(format!("{}{package}", target.target)),
            title: self.title.clone(),
        })
    }
}

fn read(input: &Input<'_>) -> Result<ScanReport, Fail> {
    let document: Document = input.json()?;
    if document.schema_version != 2 {
        let problem = format!("schema version {}, and 2 is read", document.schema_version);
        return Err(Fail::unsupported(pointer!("SchemaVersion"), problem));
    }
    let version = document.trivy.and_then(|trivy| trivy.version);
    let scanner = version.map_or_else(|| "Trivy".to_owned(), |version| format!("Trivy {version}"));
    let mut report = ScanReport { scanners: vec![scanner], ..ScanReport::default() };
    let targets = document.results.unwrap_or_default();
    if targets.is_empty() {
        report.incomplete.push("it names no target: nothing was looked at".to_owned());
    }
    for (number, target) in targets.iter().enumerate() {
        let unnamed = || Fail::malformed(pointer!("Results", number), "a finding has no id");
        let failed = target.misconfigurations.iter().flatten().filter(|item| item.is_one()).count();
        if let Some(counted) = target.misconf_summary.as_ref().and_then(|it| it.failures).filter(|counted| *counted > failed) {
            let problem = format!("it counts {counted} misconfigurations that failed, and lists {failed}");
            return Err(Fail::inconsistent(pointer!("Results", number, "MisconfSummary", "Failures"), problem));
        }
        let lists = [&target.vulnerabilities, &target.misconfigurations, &target.secrets, &target.licenses];
        for item in lists.into_iter().flatten().flatten().filter(|item| item.is_one()) {
            report.findings.push(item.finding(target, "Trivy").ok_or_else(unnamed)?);
        }
        for item in target.experimental_modified_findings.iter().flatten() {
            report.suppressed.push(item.finding.finding(target, "Trivy").ok_or_else(unnamed)?);
        }
    }
    Ok(report)
}
