//! SARIF 2.1.0 (OASIS, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).
//!
//! * A result is a finding where its `kind` is `fail` (or missing), `review` or `open`, and its `baselineState` is not
//!   `absent`.
//! * It is as bad as the `security-severity` of its rule, a CVSS score, says; else as its level: `error` is high, `warning`
//!   medium, `note` and `none` low. A level that is missing is the one that the rule has by default, and `warning` after all; where
//!   an invocation has set another level for the rule, the worse counts. A rule that is said to be of an extension of the tool is that
//!   one, and where it is not there, its level is not known.
//! * It is suppressed where it has suppressions and all of them are accepted, as section 3.27.23 says.
//! * The scan is incomplete where an invocation failed or notified an error, and where results, or what they depend on, are missing or
//!   elsewhere, in another file or in `inlineExternalProperties`. How bad a notification is, is found as for results: its own level, or
//!   that of its descriptor in the tool and what an invocation has set for it; one that is not known is an error.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use pathops_core::policy::FindingSeverity;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::report::cyclonedx_json::worst;
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

/// The name of a finding that has none, which standards allow.
pub(super) const UNNAMED: &str = "unnamed";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    version: String,
    runs: Vec<Run>,
    #[serde(default, deserialize_with = "or_default")]
    inline_external_properties: Vec<External>,
}

/// What belongs to a run and does not stand in it.
#[derive(Deserialize)]
struct External {
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    invocations: Vec<IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    extensions: Vec<IgnoredAny>,
    driver: Option<IgnoredAny>,
}

impl External {
    /// Whether what is found depends on it.
    fn matters(&self) -> bool {
        self.driver.is_some() || [&self.results, &self.invocations, &self.extensions].iter().any(|it| !it.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    results: Option<Vec<SarifResult>>,
    #[serde(default, deserialize_with = "or_default")]
    invocations: Vec<Invocation>,
    external_property_file_references: Option<External>,
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
    guid: Option<String>,
    version: Option<String>,
    semantic_version: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<Rule>,
    #[serde(default, deserialize_with = "or_default")]
    notifications: Vec<Rule>,
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

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
    tool_component: Option<ComponentReference>,
}

/// A part of the tool: the driver, or one of its extensions by its place.
#[derive(Deserialize)]
struct ComponentReference {
    index: Option<i64>,
    name: Option<String>,
    guid: Option<String>,
}

#[derive(Deserialize)]
struct Override {
    descriptor: RuleReference,
    configuration: Configuration,
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
    #[serde(default, deserialize_with = "or_default")]
    rule_configuration_overrides: Vec<Override>,
    #[serde(default, deserialize_with = "or_default")]
    notification_configuration_overrides: Vec<Override>,
}

#[derive(Deserialize)]
struct Notification {
    descriptor: Option<RuleReference>,
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
    if log.inline_external_properties.iter().any(External::matters) {
        report.incomplete.push("results, or what they depend on, are in `inlineExternalProperties`".to_owned());
    }
    for (number, run) in log.runs.iter().enumerate() {
        let driver = &run.tool.driver;
        let semantic = driver.semantic_version.as_ref().and_then(|version| version.as_str());
        report.scanners.push(match driver.version.as_deref().or(semantic) {
            Some(version) => format!("{} {version}", driver.name),
            None => driver.name.clone(),
        });
        report.incomplete.extend(run.missing());
        let rules = Rules::of(run, |part| part.rules.as_slice(), |it| it.rule_configuration_overrides.as_slice());
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
        if self.external_property_file_references.as_ref().is_some_and(External::matters) {
            missing.push(format!("{name}: results, or what they depend on, are in other files"));
        }
        let descriptors =
            Rules::of(self, |part| part.notifications.as_slice(), |it| it.notification_configuration_overrides.as_slice());
        for invocation in &self.invocations {
            if invocation.execution_successful != Some(true) {
                missing.push(format!("{name}: an invocation did not succeed"));
            }
            let notes = invocation.tool_execution_notifications.iter().chain(&invocation.tool_configuration_notifications);
            for note in notes.filter(|note| note.is_error(&descriptors)) {
                let text = note.message.as_ref().and_then(|message| message.text.as_deref()).unwrap_or("an error");
                missing.push(format!("{name}: {}", first_line(text)));
            }
        }
        missing
    }
}

impl Notification {
    fn is_error(&self, descriptors: &Rules<'_>) -> bool {
        let reference = self.descriptor.as_ref();
        let (id, index) = (reference.and_then(|it| it.id.as_deref()), reference.and_then(|it| it.index));
        let component = reference.and_then(|it| it.tool_component.as_ref());
        let (rule, set) = descriptors.ruled(id, index, component);
        let level = self.level.as_deref().map_or_else(|| by_default(rule, set, rule.is_none() && component.is_some()), of_level);
        matches!(level, None | Some(FindingSeverity::High))
    }
}

/// The driver (0) or an extension (from 1), and the place of a rule in it.
type RulePlace = (usize, usize);

/// The rules of a tool, or the descriptors of its notifications, by id and by their place, and the levels that invocations have set for
/// them.
struct Rules<'a> {
    tool: &'a Tool,
    listed: fn(&Component) -> &[Rule],
    by_id: BTreeMap<&'a str, RulePlace>,
    by_component: BTreeMap<(usize, &'a str), usize>,
    /// The worst level that was set for a rule; `None` for one that is not known.
    set: BTreeMap<RulePlace, Option<FindingSeverity>>,
    /// The same of rules that are not listed.
    set_by_id: BTreeMap<&'a str, Option<FindingSeverity>>,
}

impl<'a> Rules<'a> {
    fn of(run: &'a Run, listed: fn(&Component) -> &[Rule], overrides: fn(&Invocation) -> &[Override]) -> Self {
        let (by_id, by_component, set, set_by_id) = Default::default();
        let mut rules = Self { tool: &run.tool, listed, by_id, by_component, set, set_by_id };
        // The driver comes last: of rules of one name, its own counts where nothing says which.
        for component in (0..=run.tool.extensions.len()).rev() {
            for (at, rule) in rules.of_component(component).iter().enumerate() {
                rules.by_id.insert(rule.id.as_str(), (component, at));
                rules.by_component.insert((component, rule.id.as_str()), at);
            }
        }
        for it in run.invocations.iter().flat_map(overrides) {
            let Some(level) = it.configuration.level.as_deref().map(of_level) else { continue };
            let id = it.descriptor.id.as_deref();
            match (rules.find(id, it.descriptor.index, it.descriptor.tool_component.as_ref()), id) {
                (Some(place), _) => set_worse(rules.set.entry(place), level),
                (None, Some(id)) => set_worse(rules.set_by_id.entry(id), level),
                (None, None) => {}
            }
        }
        rules
    }

    fn of_component(&self, component: usize) -> &'a [Rule] {
        match component.checked_sub(1) {
            None => (self.listed)(&self.tool.driver),
            Some(extension) => self.tool.extensions.get(extension).map(self.listed).unwrap_or_default(),
        }
    }

    fn at(&self, (component, at): RulePlace) -> Option<&'a Rule> {
        self.of_component(component).get(at)
    }

    /// The rule that is referred to, and the level that was set for it.
    fn ruled(
        &self,
        id: Option<&str>,
        index: Option<i64>,
        component: Option<&ComponentReference>,
    ) -> (Option<&'a Rule>, SetLevel) {
        let place = self.find(id, index, component);
        let set = place.map_or_else(|| self.set_by_id.get(id?), |place| self.set.get(&place)).copied();
        (place.and_then(|place| self.at(place)), set)
    }

    /// Which part of the tool this is (section 3.54); `None` where it is not there.
    fn component(&self, reference: &ComponentReference) -> Option<usize> {
        let ComponentReference { index, name, guid } = reference;
        let is_it = |it: &Component| if guid.is_some() { it.guid == *guid } else { name.as_ref() == Some(&it.name) };
        match index.and_then(|index| usize::try_from(index).ok()) {
            Some(extension) => extension.checked_add(1),
            None if name.is_none() && guid.is_none() || is_it(&self.tool.driver) => Some(0),
            None => self.tool.extensions.iter().position(is_it).map(|extension| extension + 1),
        }
    }

    /// The rule of a result: by its id, by the part of it before a `/` (section 3.52.4), or by its place. In a part of the tool that is
    /// named, its place comes first.
    fn find(&self, id: Option<&str>, index: Option<i64>, component: Option<&ComponentReference>) -> Option<RulePlace> {
        let component = component.map(|reference| self.component(reference));
        let known = |id: &str| match component {
            Some(component) => Some((component?, *self.by_component.get(&(component?, id))?)),
            None => self.by_id.get(id).copied(),
        };
        let by_id = id.and_then(|id| known(id).or_else(|| known(id.rsplit_once('/')?.0)));
        let by_index = index.and_then(|index| usize::try_from(index).ok()).and_then(|at| {
            let place = (component.unwrap_or(Some(0))?, at);
            self.at(place).map(|_| place)
        });
        if component.is_some() { by_index.or(by_id) } else { by_id.or(by_index) }
    }
}

/// The level that was set for a rule, if one was; `Some(None)` where it is not known.
type SetLevel = Option<Option<FindingSeverity>>;

/// How bad it is what says nothing of its own: as its rule has it, and the worse where an invocation has set another level.
fn by_default(rule: Option<&Rule>, set: SetLevel, is_lost: bool) -> Option<FindingSeverity> {
    let level = rule.and_then(|rule| rule.default_configuration.as_ref()?.level.as_deref()).unwrap_or("warning");
    let level = if is_lost { None } else { of_level(level) };
    worst(std::iter::once(level).chain(set))
}

/// Keeps the worse of two levels; one that is not known is worse than all.
fn set_worse<K: Ord>(set: Entry<'_, K, Option<FindingSeverity>>, level: Option<FindingSeverity>) {
    set.and_modify(|it| *it = worst([*it, level].into_iter())).or_insert(level);
}

/// How bad a level is; `None` where it is not known.
fn of_level(level: &str) -> Option<FindingSeverity> {
    match level {
        "error" => Some(FindingSeverity::High),
        "warning" => Some(FindingSeverity::Medium),
        "note" | "none" => Some(FindingSeverity::Low),
        _ => None,
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
        let component = reference.and_then(|reference| reference.tool_component.as_ref());
        let (rule, set) = rules.ruled(id, self.rule_index.or_else(|| reference?.index), component);
        let is_lost = rule.is_none() && component.is_some();
        let id = id.or_else(|| rule.map(|rule| rule.id.as_str())).unwrap_or(UNNAMED);
        // Messages may hold what was found, a secret for example: the rule's own words do not.
        let described = rule.and_then(|rule| rule.short_description.as_ref()).and_then(|words| words.text.as_deref());
        Some(Ok(ReportFinding {
            id: id.to_owned(),
            severity: self.severity(rule, set, is_lost),
            scanner: scanner.to_owned(),
            location: self.locations.first().and_then(Location::shown),
            title: described.map(first_line),
        }))
    }

    /// How bad it is: `set` is what an invocation has set for its rule, and a rule that is lost may have any level.
    fn severity(&self, rule: Option<&Rule>, set: SetLevel, is_lost: bool) -> Option<FindingSeverity> {
        let scores = [self.properties.as_ref(), rule.and_then(|rule| rule.properties.as_ref())];
        if let Some(score) = scores.into_iter().flatten().find_map(|properties| properties.security_severity.as_ref()) {
            return match score {
                serde_json::Value::String(score) => severity::of_text(score),
                score => score.as_f64().and_then(severity::of_score),
            };
        }
        self.level.as_deref().map_or_else(|| by_default(rule, set, is_lost), of_level)
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
