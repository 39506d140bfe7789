//! SARIF 2.1.0 (OASIS, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).
//!
//! * A result is a finding where its `kind` is `fail` (or missing), `review` or `open`, and its `baselineState` is not
//!   `absent`.
//! * It is as bad as the `security-severity` of its rule, a CVSS score, says; else as its level: `error` is high, `warning`
//!   medium, `note` and `none` low. A level that is missing is the one that the rule has by default, and `warning` after all.
//! * It is suppressed where it has suppressions and all of them are accepted, as section 3.27.23 says.
//! * The scan is incomplete where an invocation failed or notified an error, and where results are missing or elsewhere.

use std::collections::BTreeMap;

use pathops_core::policy::FindingSeverity;
use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::severity;
use crate::report::{Content, Format, ReportFinding, ScanReport};

pub(super) const SPEC: Spec = Spec { format: Format::Sarif, look, parse: |input| Ok(Content::Scan(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.has(&["version", "runs"]) && look.at("/runs").is_some_and(serde_json::Value::is_array))
}

/// The name of a finding whose rule is not named, which the standard allows.
const UNNAMED: &str = "unnamed";

#[derive(Deserialize)]
struct Log {
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    results: Option<Vec<SarifResult>>,
    #[serde(default, deserialize_with = "or_default")]
    invocations: Vec<Invocation>,
    external_property_file_references: Option<ExternalFiles>,
}

#[derive(Deserialize)]
struct ExternalFiles {
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Component,
    #[serde(default, deserialize_with = "or_default")]
    extensions: Vec<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    name: String,
    version: Option<String>,
    semantic_version: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Option<Message>,
    default_configuration: Option<Configuration>,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Default, Deserialize)]
struct Properties {
    #[serde(rename = "security-severity")]
    security_severity: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
    kind: Option<String>,
    level: Option<String>,
    baseline_state: Option<String>,
    suppressions: Option<Vec<Suppression>>,
    #[serde(default, deserialize_with = "or_default")]
    locations: Vec<Location>,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
}

#[derive(Deserialize)]
struct Message {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<PhysicalLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Option<ArtifactLocation>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct ArtifactLocation {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    tool_execution_notifications: Vec<Notification>,
    #[serde(default, deserialize_with = "or_default")]
    tool_configuration_notifications: Vec<Notification>,
}

#[derive(Deserialize)]
struct Notification {
    level: Option<String>,
    message: Option<Message>,
}

fn read(input: &Input<'_>) -> Result<ScanReport, Fail> {
    let log: Log = input.json()?;
    if log.version != "2.1.0" {
        return Err(Fail::unsupported(pointer!("version"), format!("SARIF {}, and 2.1.0 is read", log.version)));
    }
    if log.runs.is_empty() {
        return Err(Fail::new(crate::report::Fault::Empty, pointer!("runs"), "it holds no run: nothing was scanned"));
    }
    let mut report = ScanReport::default();
    for (number, run) in log.runs.iter().enumerate() {
        let driver = &run.tool.driver;
        let semantic = driver.semantic_version.as_ref().and_then(|version| version.as_str());
        report.scanners.push(match driver.version.as_deref().or(semantic) {
            Some(version) => format!("{} {version}", driver.name),
            None => driver.name.clone(),
        });
        report.incomplete.extend(run.missing());
        let rules = Rules::of(&run.tool);
        for (at, result) in run.results.iter().flatten().enumerate() {
            let Some(found) = result.finding(&driver.name, &rules) else { continue };
            let finding = found.map_err(|problem| Fail::malformed(pointer!("runs", number, "results", at), problem))?;
            if result.is_suppressed() { report.suppressed.push(finding) } else { report.findings.push(finding) }
        }
    }
    Ok(report)
}

impl Run {
    /// Why its results are not all there is.
    fn missing(&self) -> Vec<String> {
        let name = &self.tool.driver.name;
        let mut missing = Vec::new();
        if self.results.is_none() {
            missing.push(format!("{name}: the run has no results"));
        }
        if self.external_property_file_references.as_ref().is_some_and(|files| !files.results.is_empty()) {
            missing.push(format!("{name}: results are in other files"));
        }
        for invocation in &self.invocations {
            if invocation.execution_successful != Some(true) {
                missing.push(format!("{name}: an invocation did not succeed"));
            }
            let notes = invocation.tool_execution_notifications.iter().chain(&invocation.tool_configuration_notifications);
            for note in notes.filter(|note| note.level.as_deref() == Some("error")) {
                let text = note.message.as_ref().and_then(|message| message.text.as_deref()).unwrap_or("an error");
                missing.push(format!("{name}: {}", first_line(text)));
            }
        }
        missing
    }
}

/// The rules of a tool, by id and by their place in the driver.
struct Rules<'a> {
    by_id: BTreeMap<&'a str, &'a Rule>,
    of_driver: &'a [Rule],
}

impl<'a> Rules<'a> {
    fn of(tool: &'a Tool) -> Self {
        let all = tool.extensions.iter().flat_map(|extension| &extension.rules).chain(&tool.driver.rules);
        Self { by_id: all.map(|rule| (rule.id.as_str(), rule)).collect(), of_driver: &tool.driver.rules }
    }

    /// The rule of a result: by its id, by the part of it before a `/` (section 3.52.4), or by its place.
    fn find(&self, id: Option<&str>, index: Option<i64>) -> Option<&'a Rule> {
        let by_id = id.and_then(|id| {
            let parent = id.rsplit_once('/').and_then(|(parent, _)| self.by_id.get(parent));
            self.by_id.get(id).or(parent).copied()
        });
        by_id.or_else(|| self.of_driver.get(usize::try_from(index?).ok()?))
    }
}

impl SarifResult {
    /// What it found; `None` where it is no finding.
    fn finding(&self, scanner: &str, rules: &Rules<'_>) -> Option<Result<ReportFinding, String>> {
        let is_one = matches!(self.kind.as_deref(), None | Some("fail" | "review" | "open"));
        let is_known = is_one || matches!(self.kind.as_deref(), Some("pass" | "notApplicable" | "informational"));
        if !is_known {
            return Some(Err(format!("its kind `{}` is not known", self.kind.as_deref().unwrap_or_default())));
        }
        if !is_one || self.baseline_state.as_deref() == Some("absent") {
            return None;
        }
        let reference = self.rule.as_ref();
        let id = self.rule_id.as_deref().or_else(|| reference?.id.as_deref());
        let rule = rules.find(id, self.rule_index.or_else(|| reference?.index));
        let id = id.or_else(|| rule.map(|rule| rule.id.as_str())).unwrap_or(UNNAMED);
        // Messages may hold what was found, a secret for example: the rule's own words do not.
        let described = rule.and_then(|rule| rule.short_description.as_ref()).and_then(|words| words.text.as_deref());
        Some(Ok(ReportFinding {
            id: id.to_owned(),
            severity: self.severity(rule),
            scanner: scanner.to_owned(),
            location: self.locations.first().and_then(Location::shown),
            title: described.map(first_line),
        }))
    }

    fn severity(&self, rule: Option<&Rule>) -> Option<FindingSeverity> {
        let scores = [self.properties.as_ref(), rule.and_then(|rule| rule.properties.as_ref())];
        if let Some(score) = scores.into_iter().flatten().find_map(|properties| properties.security_severity.as_ref()) {
            return match score {
                serde_json::Value::String(score) => severity::of_text(score),
                score => score.as_f64().and_then(severity::of_score),
            };
        }
        let by_default = rule.and_then(|rule| rule.default_configuration.as_ref()?.level.as_deref());
        match self.level.as_deref().or(by_default).unwrap_or("warning") {
            "error" => Some(FindingSeverity::High),
            "warning" => Some(FindingSeverity::Medium),
            "note" | "none" => Some(FindingSeverity::Low),
            _ => None,
        }
    }

    fn is_suppressed(&self) -> bool {
        let accepted = |it: &Suppression| matches!(it.status.as_deref(), None | Some("accepted"));
        self.suppressions.as_ref().is_some_and(|all| !all.is_empty() && all.iter().all(accepted))
    }
}

impl Location {
    fn shown(&self) -> Option<String> {
        let place = self.physical_location.as_ref()?;
        let uri = place.artifact_location.as_ref()?.uri.as_deref()?;
        let line = place.region.as_ref().and_then(|region| region.start_line);
        Some(line.map_or_else(|| uri.to_owned(), |line| format!("{uri}:{line}")))
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}
