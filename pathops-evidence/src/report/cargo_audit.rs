//! `cargo audit --json`.
//!
//! A vulnerability is as bad as its CVSS vector says. Warnings are findings too: crates that are unmaintained, yanked or have
//! a notice are low, and any other kind (`unsound`) is as bad as its vector says, or unknown. Without dependencies, or without
//! advisories to hold them against, the scan is incomplete.

use std::collections::BTreeMap;

use pathops_core::policy::FindingSeverity;
use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::severity;
use crate::report::{Content, Format, ReportFinding, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::CargoAudit, look, parse: |input| Ok(Content::Scan(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.has(&["lockfile", "vulnerabilities"]) && look.at("/vulnerabilities/found").is_some())
}

#[derive(Deserialize)]
struct Document {
    database: Option<Database>,
    lockfile: Lockfile,
    vulnerabilities: Vulnerabilities,
    #[serde(default, deserialize_with = "or_default")]
    warnings: BTreeMap<String, Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Database {
    advisory_count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lockfile {
    dependency_count: u64,
}

#[derive(Deserialize)]
struct Vulnerabilities {
    found: bool,
    count: usize,
    list: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    advisory: Option<Advisory>,
    package: Package,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    title: Option<String>,
    cvss: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

fn read(input: &Input<'_>) -> Result<ScanReport, Fail> {
    let document: Document = input.json()?;
    let Vulnerabilities { found, count, list } = document.vulnerabilities;
    if count != list.len() || found == list.is_empty() {
        let problem = format!("it counts {count} vulnerabilities (found: {found}), and lists {}", list.len());
        return Err(Fail::inconsistent(pointer!("vulnerabilities"), problem));
    }
    let mut report = ScanReport { scanners: vec!["cargo-audit".to_owned()], ..ScanReport::default() };
    if document.lockfile.dependency_count == 0 {
        report.incomplete.push("the lock file has no dependencies: nothing was looked at".to_owned());
    }
    if document.database.is_some_and(|database| database.advisory_count == Some(0)) {
        report.incomplete.push("the database has no advisories: nothing could be found".to_owned());
    }
    report.findings = list.into_iter().map(|item| item.finding("vulnerability")).collect();
    for (kind, items) in document.warnings {
        report.findings.extend(items.into_iter().map(|item| item.finding(&kind)));
    }
    Ok(report)
}

impl Item {
    fn finding(self, kind: &str) -> ReportFinding {
        let vector = self.advisory.as_ref().and_then(|advisory| advisory.cvss.clone());
        let known_low = matches!(kind, "unmaintained" | "yanked" | "notice").then_some(FindingSeverity::Low);
        let (id, title) = match self.advisory {
            Some(advisory) => (advisory.id, advisory.title),
            None => (format!("{kind}:{}", self.package.name), None),
        };
        ReportFinding {
            id,
            severity: vector.as_deref().map_or(known_low, severity::of_vector),
            scanner: "cargo-audit".to_owned(),
            location: Some(format!("{} {}", self.package.name, self.package.version)),
            title: title.or_else(|| Some(kind.to_owned())),
        }
    }
}
