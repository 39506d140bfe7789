//! CycloneDX in XML, versions 1.4 to 1.7 (ECMA-424, <https://cyclonedx.org/docs/1.7/xml/>): the same as in JSON.

use pathops_core::policy::{FindingSeverity, SbomFormat};

use crate::report::cyclonedx_json::{VERSIONS, push, worst};
use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::sarif::UNNAMED;
use crate::report::severity;
use crate::report::xml::Element;
use crate::report::{Content, Format, ReportFinding, SbomReport, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::CyclonedxXml, look, parse: |input| Ok(Content::Sbom(read(input)?)) };

const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(matches!(look, Look::Xml(root) if root.name == "bom" && version(root).is_some()))
}

/// The version, from the namespace of the root.
fn version(root: &Element) -> Option<&str> {
    root.attributes.iter().find_map(|(name, value)| value.strip_prefix(NAMESPACE).filter(|_| name.starts_with("xmlns")))
}

fn read(input: &Input<'_>) -> Result<SbomReport, Fail> {
    let root = input.xml(&["bom"])?;
    let version = version(root).unwrap_or("of no namespace");
    if !VERSIONS.contains(&version) {
        return Err(Fail::unsupported(root.place(), format!("CycloneDX {version}, and {} are read", VERSIONS.join(", "))));
    }
    let components = root.child("components").map_or(0, count);
    let vulnerabilities = root.child("vulnerabilities").map(vulnerabilities);
    Ok(SbomReport { format: SbomFormat::Cyclonedx, version: version.to_owned(), components, vulnerabilities })
}

fn count(components: &Element) -> u64 {
    components.children_named("component").map(|it| 1 + it.child("components").map_or(0, count)).sum()
}

fn vulnerabilities(list: &Element) -> ScanReport {
    let mut report = ScanReport::default();
    for it in list.children_named("vulnerability") {
        let id = it.text_of("id").or_else(|| it.attribute("bom-ref")).unwrap_or(UNNAMED);
        let ratings = it.child("ratings").into_iter().flat_map(|ratings| ratings.children_named("rating"));
        let affected = it.child("affects").and_then(|affects| affects.child("target"));
        let finding = ReportFinding {
            id: id.to_owned(),
            severity: worst(ratings.map(rating)),
            scanner: "CycloneDX".to_owned(),
            location: affected.and_then(|target| target.text_of("ref")).map(str::to_owned),
            title: it.text_of("description").and_then(|text| text.lines().next()).map(str::to_owned),
        };
        let state = it.child("analysis").and_then(|analysis| analysis.text_of("state"));
        push(Some(&mut report), finding, state);
    }
    report
}

fn rating(it: &Element) -> Option<FindingSeverity> {
    let word = it.text_of("severity").and_then(severity::of_word);
    let score = it.text_of("score").and_then(|score| severity::of_score(score.parse().ok()?));
    word.max(score).or_else(|| severity::of_vector(it.text_of("vector")?))
}
