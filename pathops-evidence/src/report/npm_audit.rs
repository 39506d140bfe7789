//! `npm audit --json`: report version 2 of npm 7 and later, and the advisories of npm 6.
//!
//! A finding is an advisory with the package that has it, by its GHSA id where its link has one. What npm writes when it
//! failed (no lock file, no answer of the registry) is an error, and so is a count of something worse than all that it lists. Where there
//! were no dependencies to look at, the scan is incomplete.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::policy::FindingSeverity;
use serde::Deserialize;
use serde_json::Value;

use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::severity;
use crate::report::{Content, Fault, Format, ReportFinding, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::NpmAudit, look, parse: |input| Ok(Content::Scan(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let failed = look.at("/error/summary").is_some();
    certain_if(look.has(&["auditReportVersion"]) || look.has(&["advisories", "metadata"]) || failed)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    error: Option<NpmError>,
    message: Option<String>,
    audit_report_version: Option<u64>,
    vulnerabilities: Option<BTreeMap<String, Vulnerable>>,
    advisories: Option<BTreeMap<String, Advisory>>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct NpmError {
    code: Option<String>,
    summary: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    vulnerabilities: BTreeMap<String, u64>,
    #[serde(default)]
    dependencies: Value,
    #[serde(default)]
    total_dependencies: Value,
}

impl Metadata {
    /// How many packages were looked at, where it says: npm 7 has it in `dependencies`, npm 6 beside them.
    fn looked_at(&self) -> Option<u64> {
        self.dependencies.get("total").unwrap_or(&self.total_dependencies).as_u64()
    }
}

#[derive(Deserialize)]
struct Vulnerable {
    via: Vec<Value>,
}

/// What is wrong with a package: npm 7 has it in `via`, npm 6 in `advisories`.
#[derive(Deserialize)]
struct Advisory {
    #[serde(alias = "source")]
    id: Option<u64>,
    #[serde(alias = "module_name")]
    name: String,
    title: Option<String>,
    url: Option<String>,
    severity: String,
}

fn read(input: &Input<'_>) -> Result<ScanReport, Fail> {
    let document: Document = input.json()?;
    if let Some(error) = document.error {
        let what = [error.code, Some(error.summary), document.message].into_iter().flatten().filter(|it| !it.is_empty());
        let problem = format!("npm could not audit: {}", what.collect::<Vec<_>>().join(": "));
        return Err(Fail::new(Fault::ToolFailed, pointer!("error"), problem));
    }
    let metadata = document.metadata.ok_or_else(|| Fail::truncated(pointer!("metadata"), "it is missing"))?;
    let looked_at = metadata.looked_at();
    let counts = metadata.vulnerabilities;
    let found = match (document.audit_report_version, document.vulnerabilities, document.advisories) {
        (Some(2), Some(vulnerable), None) => of_version_2(&vulnerable, &counts)?,
        (None, None, Some(advisories)) => advisories.into_iter().map(|(key, it)| it.finding(&key)).collect(),
        (version, ..) => {
            let problem = format!("report version {version:?}, and those of npm 6 and 7 are read");
            return Err(Fail::unsupported(pointer!("auditReportVersion"), problem));
        }
    };
    let counted_names = || counts.iter().filter(|(name, count)| name.as_str() != "total" && **count > 0).map(|(name, _)| name);
    let counted = counted_names().next().is_some();
    if counted == found.is_empty() {
        return Err(Fail::inconsistent(
            pointer!("metadata", "vulnerabilities"),
            "it counts what it does not list, or not what it lists",
        ));
    }
    let worst_found = found.iter().map(ReportFinding::counts_as).max();
    if let Some(name) = counted_names().find(|name| severity::of_word(name).is_some_and(|counted| Some(counted) > worst_found)) {
        let problem = format!("it counts what is {name}, and lists nothing as bad");
        return Err(Fail::inconsistent(pointer!("metadata", "vulnerabilities", name), problem));
    }
    let nothing = (looked_at == Some(0)).then(|| "there are no dependencies: nothing was looked at".to_owned());
    Ok(ScanReport {
        scanners: vec!["npm audit".to_owned()],
        findings: found.into_iter().collect(),
        incomplete: nothing.into_iter().collect(),
        ..ScanReport::default()
    })
}

/// Advisories are listed with each package that has them; a package that only depends on such a one names it.
fn of_version_2(
    vulnerable: &BTreeMap<String, Vulnerable>,
    counts: &BTreeMap<String, u64>,
) -> Result<BTreeSet<ReportFinding>, Fail> {
    let listed = u64::try_from(vulnerable.len()).unwrap_or(u64::MAX);
    if let Some(total) = counts.get("total").filter(|total| **total != listed) {
        let problem = format!("it counts {total} packages, and lists {listed}");
        return Err(Fail::inconsistent(pointer!("metadata", "vulnerabilities", "total"), problem));
    }
    let mut found = BTreeSet::new();
    for (package, it) in vulnerable {
        for (number, via) in it.via.iter().enumerate() {
            let place = || pointer!("vulnerabilities", package, "via", number);
            match via {
                Value::String(other) if vulnerable.contains_key(other) => {}
                Value::String(other) => {
                    return Err(Fail::inconsistent(place(), format!("it names `{other}`, which is not listed")));
                }
                object => {
                    let advisory = Advisory::deserialize(object).map_err(|error| Fail::malformed(place(), error.to_string()))?;
                    found.insert(advisory.finding(""));
                }
            }
        }
    }
    if found.is_empty() && !vulnerable.is_empty() {
        return Err(Fail::inconsistent(Place::Whole, "it lists packages, and no advisory"));
    }
    Ok(found)
}

impl Advisory {
    fn finding(self, key: &str) -> ReportFinding {
        let ghsa = self.url.as_deref().and_then(|url| url.rsplit('/').next()).filter(|end| end.starts_with("GHSA-"));
        let number = self.id.map_or_else(|| format!("npm-advisory-{key}"), |id| format!("npm-advisory-{id}"));
        // npm calls `info` what is no vulnerability.
        let severity: Option<FindingSeverity> = severity::of_word(&self.severity);
        ReportFinding {
            id: ghsa.map_or(number, str::to_owned),
            severity,
            scanner: "npm audit".to_owned(),
            location: Some(self.name),
            title: self.title,
        }
    }
}
