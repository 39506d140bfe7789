//! CycloneDX in JSON, versions 1.4 to 1.7 (ECMA-424, <https://cyclonedx.org/docs/1.7/json/>).
//!
//! Components inside of components count too. A vulnerability is as bad as the worst of its ratings; where its analysis says
//! that it does not matter here (`not_affected`, `false_positive`, `resolved`), it is suppressed. Its id is optional: without one
//! its `bom-ref` stands for it.

use pathops_core::policy::{FindingSeverity, SbomFormat};
use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::sarif::UNNAMED;
use crate::report::severity;
use crate::report::{Content, Format, ReportFinding, SbomReport, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::CyclonedxJson, look, parse: |input| Ok(Content::Sbom(read(input)?)) };

/// The versions that are read.
pub(super) const VERSIONS: [&str; 4] = ["1.4", "1.5", "1.6", "1.7"];

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.text_at("/bomFormat") == Some("CycloneDX"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    spec_version: String,
    #[serde(default, deserialize_with = "or_default")]
    components: Vec<Component>,
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default, deserialize_with = "or_default")]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: Option<String>,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    ratings: Vec<Rating>,
    analysis: Option<Analysis>,
    #[serde(default, deserialize_with = "or_default")]
    affects: Vec<Affected>,
}

#[derive(Deserialize)]
struct Rating {
    severity: Option<String>,
    score: Option<f64>,
    vector: Option<String>,
}

#[derive(Deserialize)]
struct Analysis {
    state: Option<String>,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref")]
    reference: String,
}

fn read(input: &Input<'_>) -> Result<SbomReport, Fail> {
    let bom: Bom = input.json()?;
    if !VERSIONS.contains(&bom.spec_version.as_str()) {
        let problem = format!("CycloneDX {}, and {} are read", bom.spec_version, VERSIONS.join(", "));
        return Err(Fail::unsupported(pointer!("specVersion"), problem));
    }
    let mut vulnerabilities = bom.vulnerabilities.as_ref().map(|_| ScanReport::default());
    for it in bom.vulnerabilities.iter().flatten() {
        let finding = ReportFinding {
            id: it.id.as_ref().or(it.reference.as_ref()).map_or_else(|| UNNAMED.to_owned(), String::clone),
            severity: worst(it.ratings.iter().map(Rating::severity)),
            scanner: "CycloneDX".to_owned(),
            location: it.affects.first().map(|affected| affected.reference.clone()),
            title: it.description.as_deref().and_then(|text| text.lines().next()).map(str::to_owned),
        };
        let state = it.analysis.as_ref().and_then(|analysis| analysis.state.as_deref());
        push(vulnerabilities.as_mut(), finding, state);
    }
    let components = count(&bom.components);
    Ok(SbomReport { format: SbomFormat::Cyclonedx, version: bom.spec_version, components, vulnerabilities })
}

fn count(components: &[Component]) -> u64 {
    components.iter().map(|component| 1 + count(&component.components)).sum()
}

impl Rating {
    fn severity(&self) -> Option<FindingSeverity> {
        let word = self.severity.as_deref().and_then(severity::of_word);
        let score = self.score.and_then(severity::of_score);
        word.max(score).or_else(|| severity::of_vector(self.vector.as_deref()?))
    }
}

/// The worst of some severities; one that is not known is worse than all.
pub(super) fn worst(severities: impl Iterator<Item = Option<FindingSeverity>>) -> Option<FindingSeverity> {
    severities.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Adds a finding to those that count or to those that the analysis takes out.
pub(super) fn push(report: Option<&mut ScanReport>, finding: ReportFinding, state: Option<&str>) {
    let Some(report) = report else { return };
    if matches!(state, Some("not_affected" | "false_positive" | "resolved" | "resolved_with_pedigree")) {
        report.suppressed.push(finding);
    } else {
        report.findings.push(finding);
    }
}
