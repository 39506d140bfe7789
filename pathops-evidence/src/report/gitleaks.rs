//! gitleaks' JSON report, version 8: `gitleaks … --report-format json`.
//!
//! gitleaks gives no severity, so every finding counts as the worst. The secret and the line it stands in are not taken
//! over. A clean report is `[]`, which says too little to be recognised: name the format.

use serde::Deserialize;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec};
use crate::report::input::{Input, Look};
use crate::report::{Content, Format, ReportFinding, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::Gitleaks, look, parse: |input| Ok(Content::Scan(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    match look.list() {
        Some([]) => Some(Confidence::Possible),
        Some(list) if list.iter().all(|it| it.get("RuleID").is_some() && it.get("File").is_some()) => Some(Confidence::Certain),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Leak {
    #[serde(rename = "RuleID")]
    rule_id: String,
    description: Option<String>,
    file: String,
    start_line: Option<u64>,
}

fn read(input: &Input<'_>) -> Result<ScanReport, Fail> {
    let leaks: Vec<Leak> = input.json()?;
    let finding = |leak: Leak| ReportFinding {
        id: leak.rule_id,
        severity: None,
        scanner: "gitleaks".to_owned(),
        location: Some(leak.start_line.map_or_else(|| leak.file.clone(), |line| format!("{}:{line}", leak.file))),
        title: leak.description,
    };
    let findings = leaks.into_iter().map(finding).collect();
    Ok(ScanReport { scanners: vec!["gitleaks".to_owned()], findings, ..ScanReport::default() })
}
