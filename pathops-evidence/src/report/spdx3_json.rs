//! SPDX 3.0 in JSON-LD (<https://spdx.github.io/spdx-spec/v3.0.1/serializations/>).
//!
//! It is read as the JSON that its schema asks for, not as linked data: the context must be that of SPDX itself. A package is
//! a `software_Package` or one of its kinds, of AI and of data.

use pathops_core::policy::SbomFormat;
use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, Format, SbomReport};

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
    Ok(SbomReport { format: SbomFormat::Spdx, version, components, vulnerabilities: None })
}
