//! Grype's JSON report, `grype … -o json`.
//!
//! Ignored matches are suppressed.

use serde::Deserialize;

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
    let scanner = document.descriptor.map_or_else(
        || "grype".to_owned(),
        |it| it.version.map_or_else(|| it.name.clone(), |version| format!("{} {version}", it.name)),
    );
    Ok(ScanReport {
        scanners: vec![scanner],
        findings: document.matches.iter().map(finding).collect(),
        suppressed: document.ignored_matches.iter().flatten().map(finding).collect(),
        incomplete: Vec::new(),
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
