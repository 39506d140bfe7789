//! SPDX 3.0 in JSON-LD (<https://spdx.github.io/spdx-spec/v3.0.1/serializations/>).
//!
//! It is read as the JSON that its schema asks for, not as linked data: the context must be that of SPDX itself. A package is
//! a `software_Package` or one of its kinds, of AI and of data.
//!
//! Of the security profile, each vulnerability that is listed, assessed or associated with something is a finding, as bad as the worst
//! of its CVSS assessments, and unknown where it has none. What VEX says takes nothing out. Other elements of that profile make it
//! incomplete.

use std::collections::BTreeMap;

use pathops_core::policy::{FindingSeverity, SbomFormat};
use serde::Deserialize;
use serde_json::Value;

use crate::report::cyclonedx_json::worst;
use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::sarif::UNNAMED;
use crate::report::severity;
use crate::report::{Content, Format, ReportFinding, SbomReport, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::Spdx3Json, look, parse: |input| Ok(Content::Sbom(read(input)?)) };

/// The class of packages, and its subclasses.
const PACKAGES: [&str; 3] = ["software_Package", "ai_AIPackage", "dataset_DatasetPackage"];

const CONTEXT: &str = "https://spdx.org/rdf/3.";

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.text_at("/@context").is_some_and(|context| context.starts_with(CONTEXT)) && look.has(&["@graph"]))
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@context")]
    context: String,
    #[serde(rename = "@graph")]
    graph: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(rename = "type", alias = "@type")]
    kind: String,
    spec_version: Option<String>,
    spdx_id: Option<String>,
    name: Option<String>,
    summary: Option<String>,
    external_identifier: Option<Value>,
    relationship_type: Option<String>,
    from: Option<Value>,
    to: Option<Value>,
    #[serde(rename = "security_score")]
    score: Option<Value>,
    #[serde(rename = "security_severity")]
    severity: Option<String>,
    #[serde(rename = "security_vectorString")]
    vector: Option<String>,
}

/// How the names of the elements of the security profile begin, and those of assessments end.
const SECURITY: &str = "security_";
const ASSESSMENT: &str = "VulnAssessmentRelationship";

/// Assessments that say how bad a vulnerability is.
const RATINGS: [&str; 3] = [
    "security_CvssV2VulnAssessmentRelationship",
    "security_CvssV3VulnAssessmentRelationship",
    "security_CvssV4VulnAssessmentRelationship",
];

/// What is said of a vulnerability.
#[derive(Default)]
struct Vulnerability<'a> {
    element: Option<&'a Node>,
    ratings: Vec<Option<FindingSeverity>>,
    of: Option<&'a str>,
}

fn read(input: &Input<'_>) -> Result<SbomReport, Fail> {
    let document: Document = input.json()?;
    if !document.context.starts_with("https://spdx.org/rdf/3.0") {
        return Err(Fail::unsupported(pointer!("@context"), format!("`{}`, and SPDX 3.0 is read", document.context)));
    }
    let version = document.graph.iter().find(|node| node.kind == "CreationInfo").and_then(|node| node.spec_version.clone());
    let version = version.ok_or_else(|| Fail::malformed(pointer!("@graph"), "no `CreationInfo` says the version"))?;
    if !document.graph.iter().any(|node| node.kind == "SpdxDocument") {
        return Err(Fail::malformed(pointer!("@graph"), "there is no `SpdxDocument`"));
    }
    let components = document.graph.iter().filter(|node| PACKAGES.contains(&node.kind.as_str())).count();
    let components = u64::try_from(components).unwrap_or(u64::MAX);
    Ok(SbomReport { format: SbomFormat::Spdx, version, components, vulnerabilities: security(&document.graph) })
}

/// What the security profile says; `None` where it is not used.
fn security(graph: &[Node]) -> Option<ScanReport> {
    let mut found: BTreeMap<&str, Vulnerability<'_>> = BTreeMap::new();
    let mut report = ScanReport::default();
    for node in graph {
        let kind = node.kind.as_str();
        if kind == "security_Vulnerability" {
            found.entry(node.spdx_id.as_deref().unwrap_or(UNNAMED)).or_default().element = Some(node);
        } else if kind.starts_with(SECURITY) && kind.ends_with(ASSESSMENT) {
            let it = found.entry(elements(node.from.as_ref()).next().unwrap_or(UNNAMED)).or_default();
            it.of = it.of.or(elements(node.to.as_ref()).next());
            it.ratings.extend(RATINGS.contains(&kind).then(|| node.rating()));
        } else if kind.starts_with(SECURITY) {
            report.incomplete.push(format!("`{kind}` is not read"));
        } else if node.relationship_type.as_deref() == Some("hasAssociatedVulnerability") {
            for id in elements(node.to.as_ref()) {
                let it = found.entry(id).or_default();
                it.of = it.of.or(elements(node.from.as_ref()).next());
            }
        }
    }
    let named: BTreeMap<_, _> = graph.iter().filter_map(|node| Some((node.spdx_id.as_deref()?, node.name.as_deref()?))).collect();
    report.findings = found.into_iter().map(|(id, it)| it.finding(id, &named)).collect();
    (report != ScanReport::default()).then_some(report)
}

/// What a property holds: one value or several.
fn each(property: Option<&Value>) -> impl Iterator<Item = &Value> {
    property.into_iter().flat_map(|it| it.as_array().map_or(std::slice::from_ref(it), Vec::as_slice))
}

/// The ids of the elements that a property names, each by its id or written out.
fn elements(property: Option<&Value>) -> impl Iterator<Item = &str> {
    each(property).filter_map(|it| it.as_str().or_else(|| it.get("spdxId")?.as_str()))
}

impl Node {
    fn rating(&self) -> Option<FindingSeverity> {
        let word = self.severity.as_deref().and_then(severity::of_word);
        let score = self.score.as_ref().and_then(|score| match score {
            Value::String(score) => severity::of_text(score),
            score => score.as_f64().and_then(severity::of_score),
        });
        word.max(score).or_else(|| severity::of_vector(self.vector.as_deref()?))
    }

    /// The id that the world knows it by.
    fn known_as(&self) -> Option<&str> {
        let all = || each(self.external_identifier.as_ref());
        let is_cve = |it: &&Value| it.get("externalIdentifierType").and_then(Value::as_str) == Some("cve");
        all().find(is_cve).or_else(|| all().next())?.get("identifier")?.as_str()
    }
}

impl Vulnerability<'_> {
    fn finding(self, id: &str, named: &BTreeMap<&str, &str>) -> ReportFinding {
        let known = self.element.and_then(|it| it.known_as().or(it.name.as_deref()));
        ReportFinding {
            id: known.unwrap_or(id).to_owned(),
            severity: worst(self.ratings.into_iter()),
            scanner: "SPDX".to_owned(),
            location: self.of.map(|of| named.get(of).copied().unwrap_or(of).to_owned()),
            title: self.element.and_then(|it| it.summary.as_deref()?.lines().next()).map(str::to_owned),
        }
    }
}
