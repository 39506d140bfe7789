//! `osv-scanner --format json`, versions 1 and 2.
//!
//! Advisories that are aliases of each other are one group, and one finding; it is as bad as the highest CVSS score in the
//! group (`max_severity`), else as the worst vector or word of its advisories, and unknown where there is none. A
//! vulnerability that is in no group is a finding of its own. So is a licence that is not allowed, of which nobody says how bad it is.
//! Generic findings, which are experimental, are not read, and make the scan incomplete.
//!
//! Version 1 writes `{"results": []}` where it found nothing, which says too little to be recognised.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::policy::FindingSeverity;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::severity;
use crate::report::{Content, Format, ReportFinding, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::OsvScanner, look, parse: |input| Ok(Content::Scan(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let first = look.at("/results/0/packages").is_some();
    let nothing =
        look.object().is_some_and(|it| it.len() == 1) && look.at("/results").is_some_and(|it| *it == Value::Array(Vec::new()));
    certain_if(look.has(&["results"]) && (first || look.has(&["experimental_config"])))
        .or(nothing.then_some(Confidence::Possible))
}

#[derive(Deserialize)]
struct Document {
    results: Vec<Target>,
    #[serde(default, deserialize_with = "or_default")]
    experimental_generic_findings: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Target {
    source: Source,
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Source {
    path: String,
}

#[derive(Deserialize)]
struct Entry {
    package: Package,
    #[serde(default, deserialize_with = "or_default")]
    vulnerabilities: Vec<Vulnerability>,
    #[serde(default, deserialize_with = "or_default")]
    groups: Vec<Group>,
    #[serde(default, deserialize_with = "or_default")]
    license_violations: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    summary: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    severity: Vec<Rating>,
    database_specific: Option<DatabaseSpecific>,
}

#[derive(Deserialize)]
struct Rating {
    score: String,
}

#[derive(Deserialize)]
struct DatabaseSpecific {
    severity: Option<Value>,
}

#[derive(Deserialize)]
struct Group {
    ids: Vec<String>,
    max_severity: Option<String>,
}

impl Vulnerability {
    /// How bad it is by its vectors, or by the word of its database.
    fn severity(&self) -> Option<FindingSeverity> {
        let by_vector = self.severity.iter().filter_map(|rating| severity::of_text(&rating.score)).max();
        by_vector.or_else(|| severity::of_word(self.database_specific.as_ref()?.severity.as_ref()?.as_str()?))
    }
}

fn read(input: &Input<'_>) -> Result<ScanReport, Fail> {
    let document: Document = input.json()?;
    let mut report = ScanReport { scanners: vec!["osv-scanner".to_owned()], ..ScanReport::default() };
    if !document.experimental_generic_findings.is_empty() {
        let count = document.experimental_generic_findings.len();
        report.incomplete.push(format!("{count} generic findings are not read"));
    }
    for (r, target) in document.results.iter().enumerate() {
        for (p, entry) in target.packages.iter().enumerate() {
            let named: BTreeMap<_, _> = entry.vulnerabilities.iter().map(|it| (it.id.as_str(), it)).collect();
            let mut grouped = BTreeSet::new();
            for group in &entry.groups {
                let none = || Fail::malformed(pointer!("results", r, "packages", p, "groups"), "a group names no advisory");
                let id = group.ids.first().ok_or_else(none)?;
                grouped.extend(&group.ids);
                let members = || group.ids.iter().filter_map(|id| named.get(id.as_str()));
                let highest = group.max_severity.as_deref().and_then(severity::of_text);
                let severity = highest.or_else(|| members().filter_map(|it| it.severity()).max());
                report.findings.push(entry.finding(target, id, severity, named.get(id.as_str()).copied()));
            }
            let alone = entry.vulnerabilities.iter().filter(|it| !grouped.contains(&it.id));
            report.findings.extend(alone.map(|it| entry.finding(target, &it.id, it.severity(), Some(it))));
            let violations = entry.license_violations.iter().map(|licence| ReportFinding {
                title: Some("the licence is not allowed".to_owned()),
                ..entry.finding(target, licence, None, None)
            });
            report.findings.extend(violations);
        }
    }
    Ok(report)
}

impl Entry {
    fn finding(&self, target: &Target, id: &str, severity: Option<FindingSeverity>, it: Option<&Vulnerability>) -> ReportFinding {
        let version = self.package.version.as_deref().unwrap_or_default();
        ReportFinding {
            id: id.to_owned(),
            severity,
            scanner: "osv-scanner".to_owned(),
            location: Some(format!("{}: {} {version}", target.source.path, self.package.name).trim_end().to_owned()),
            title: it.and_then(|it| it.summary.clone()),
        }
    }
}
