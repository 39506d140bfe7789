//! SPDX 2.2 and 2.3 in JSON (ISO/IEC 5962, <https://spdx.github.io/spdx-spec/v2.3/>).

use pathops_core::policy::SbomFormat;
use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, Format, SbomReport};

pub(super) const SPEC: Spec = Spec { format: Format::Spdx2Json, look, parse: |input| Ok(Content::Sbom(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.text_at("/spdxVersion").is_some_and(|version| version.starts_with("SPDX-2")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: String,
    #[serde(rename = "SPDXID")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "SPDXID")]
    _id: String,
}

fn read(input: &Input<'_>) -> Result<SbomReport, Fail> {
    let document: Document = input.json()?;
    let version = match document.spdx_version.as_str() {
        "SPDX-2.2" => "2.2",
        "SPDX-2.3" => "2.3",
        other => return Err(Fail::unsupported(pointer!("spdxVersion"), format!("{other}, and SPDX-2.2 and SPDX-2.3 are read"))),
    };
    if document.id != "SPDXRef-DOCUMENT" {
        let problem = format!("a document is `SPDXRef-DOCUMENT`, not `{}`", document.id);
        return Err(Fail::malformed(pointer!("SPDXID"), problem));
    }
    let components = u64::try_from(document.packages.len()).unwrap_or(u64::MAX);
    Ok(SbomReport { format: SbomFormat::Spdx, version: version.to_owned(), components, vulnerabilities: None })
}
