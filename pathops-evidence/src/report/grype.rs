//! Grype's JSON report, `grype … -o json`.
//!
//! Ignored matches are suppressed. Where its database is not valid, or could not be read, the scan is incomplete.

use serde::Deserialize;
use serde_json::Value;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::severity;
use crate::report::{Content, Format, ReportFinding, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::Grype, look, parse: |input| Ok(Content::Scan(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let is_grype = look.text_at("/descriptor/name") == Some("grype");
    certain_if(look.has(&["matches"]) && (is_grype || look.has(&["source", "distro"])))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    matches: Vec<Match>,
    ignored_matches: Option<Vec<Match>>,
    descriptor: Option<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    version: Option<String>,
    db: Option<Value>,
}

impl Descriptor {
    /// What is wrong with the database: in `status`, or beside the rest as older versions have it.
    fn database_fault(&self) -> Option<String> {
        let at = |pointer: &str| self.db.as_ref().and_then(|db| db.pointer(pointer));
        let error =
            ["/status/error", "/error"].into_iter().filter_map(at).filter_map(Value::as_str).find(|text| !text.is_empty());
        let is_invalid = ["/status/valid", "/valid"].into_iter().filter_map(at).any(|valid| valid == &Value::Bool(false));
        let problem = error.or(is_invalid.then_some("it is not valid"))?;
        Some(format!("grype: its database: {}", problem.lines().next().unwrap_or_default()))
    }
}

#[derive(Deserialize)]
struct Match {
    vulnerability: Vulnerability,
    artifact: Artifact,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    severity: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    version: Option<String>,
}

fn read(input: &Input<'_>) -> Result<ScanReport, Fail> {
    let document: Document = input.json()?;
    let incomplete = document.descriptor.as_ref().and_then(Descriptor::database_fault).into_iter().collect();
    let scanner = document.descriptor.map_or_else(
        || "grype".to_owned(),
        |it| it.version.map_or_else(|| it.name.clone(), |version| format!("{} {version}", it.name)),
    );
    Ok(ScanReport {
        scanners: vec![scanner],
        findings: document.matches.iter().map(finding).collect(),
        suppressed: document.ignored_matches.iter().flatten().map(finding).collect(),
        incomplete,
    })
}

fn finding(it: &Match) -> ReportFinding {
    let version = it.artifact.version.as_deref().unwrap_or_default();
    ReportFinding {
        id: it.vulnerability.id.clone(),
        severity: it.vulnerability.severity.as_deref().and_then(severity::of_word),
        scanner: "grype".to_owned(),
        location: Some(format!("{} {version}", it.artifact.name).trim_end().to_owned()),
        title: it.vulnerability.description.as_deref().and_then(|text| text.lines().next()).map(str::to_owned),
    }
}
