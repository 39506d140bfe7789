//! Reads a meta repository: all that it declares, or all that is wrong with it.

mod cases;
mod change;
mod facts;
mod freezes;
mod policy;
mod reader;
mod sheet;
mod signers;
mod tree;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::adapter::SourceTree;
use crate::evidence::RetentionPolicy;
use crate::id::{ContractId, IdError, ProjectId, RepoId, RepoPath, UnitId};
use crate::policy::{Languages, Policy};
use crate::project::check::{self, Findings, Links, Names, Part, People, PolicySheet, Stoppers, mean};
use crate::project::document::{ContractSpec, IncidentSpec, Kind, RequestSpec};
use crate::project::{
    Contract, Environments, FeatureRequest, Identities, OpenIncident, OpenStop, Project, RedactionPolicy, Unit,
};
use crate::time::UnixMillis;

pub use cases::load_policy_tests;
pub use change::{Declared, lint_change};
pub use facts::{load_facts, load_history};
pub use freezes::changed_freezes;
pub use policy::{lint_policy, load_policy};
pub(crate) use reader::{Mistake, read};
use sheet::{Sheet, Sheets};
pub use signers::{StopSigners, stop_signers};
pub(crate) use tree::Node;
pub use units::{declared_lifecycles, lint_units};

/// Reads the project that the files of the meta repository `meta_repo` declare. Its feature requests are checked too;
/// [`load_request`] gives them.
///
/// # Errors
/// Every mistake there is, with file, line and remedy.
pub fn load(files: &SourceTree, meta_repo: RepoId) -> Result<Project, Findings> {
    load_with(files, meta_repo, &Languages::none())
}

/// [`load`], for a host that has engines for conditions of the policy.
///
/// # Errors
/// Every mistake there is, with file, line and remedy.
pub fn load_with(files: &SourceTree, meta_repo: RepoId, languages: &Languages) -> Result<Project, Findings> {
    let mut findings = Findings::default();
    let sheets = Sheets::read(files, &mut findings);
    let (people, identities) = people(&sheets, &mut findings).unzip();
    let mut names = names(&sheets, people.as_ref(), &mut findings);
    let (id, environments) = project(&sheets, &mut findings);
    let mut links = Links::new(&meta_repo);
    let units = units(&sheets, id.as_ref(), &names, &mut links, &mut findings);
    check::loops(&mut findings, &links, &sheets.unit_files());
    let contracts = contracts(&sheets, &links, &mut names, files, &mut findings);
    let incidents = incidents(&sheets, &names, &mut findings);
    let policy = policy(&sheets, &names, people.as_ref(), languages, &mut findings);
    let stoppers = people.as_ref().zip(policy.as_ref()).map(|(people, policy)| Stoppers { people, policy, units: &units });
    let stops = stops(&sheets, &names, stoppers.as_ref(), &mut findings);
    let retention = retention(&sheets, &mut findings);
    let redaction = redaction(&sheets, &mut findings);
    if let Some(policy) = &policy {
        covered(policy, &units, &sheets, &mut findings);
    }
    for sheet in sheets.of(Kind::FeatureRequest) {
        request(sheet, &names, files, &mut findings);
    }
    match (id, environments, people, identities, policy) {
        (Some(id), Some(environments), Some(people), Some(identities), Some(policy)) if findings.is_empty() => Ok(Project {
            id,
            meta_repo,
            environments,
            units,
            contracts,
            people,
            identities,
            incidents,
            stops,
            policy,
            retention,
            redaction,
        }),
        _ => Err(findings),
    }
}

/// The names of all feature requests, sorted.
#[must_use]
pub fn request_names(files: &SourceTree) -> Vec<String> {
    let places = files.keys().filter_map(sheet::place);
    places.filter(|place| place.kind == Kind::FeatureRequest).map(|place| place.name.to_owned()).collect()
}

/// Reads the feature request `name` of a project, with the texts of its patches.
///
/// # Errors
/// Every mistake in it; or that there is no such request, and the one whose name is nearest.
pub fn load_request(files: &SourceTree, project: &Project, name: &str) -> Result<FeatureRequest, Findings> {
    let mut findings = Findings::default();
    let file = RepoPath::parse(format!("requests/{name}.yaml")).ok();
    let Some((path, file)) = file.as_ref().and_then(|path| files.get_key_value(path)) else {
        let known = request_names(files);
        let folder = RepoPath::parse("requests").unwrap_or_else(|_| RepoPath::root());
        let what = format!("there is no feature request `{name}`");
        findings.of(&folder).note(None, what, mean(name, known.iter().map(String::as_str)));
        return Err(findings);
    };
    let sheet = Sheet::read(path, &file.bytes, &mut findings);
    let request = sheet.and_then(|sheet| request(&sheet, &Names::of(project), files, &mut findings));
    request.filter(|_| findings.is_empty()).ok_or(findings)
}

/// The people; `None` where not all of them can be read.
fn people(sheets: &Sheets<'_>, findings: &mut Findings) -> Option<(People, Identities)> {
    let sheet = sheets.one(Kind::People, findings)?;
    let before = findings.len();
    let mut notes = findings.of(sheet.file);
    let spec = sheet.spec(&mut notes)?;
    let people = check::people(&mut notes, sheet.line, spec)?;
    (findings.len() == before).then_some(people)
}

fn names(sheets: &Sheets<'_>, people: Option<&People>, findings: &mut Findings) -> Names {
    let apps: BTreeSet<UnitId> = ids(sheets, Kind::App, findings);
    for (path, name) in sheets.places(Kind::Component) {
        if apps.iter().any(|app| app.as_str() == name) {
            findings.of(path).note(None, format!("there is an app `{name}` too"), "give apps and components different names");
        }
    }
    let contracts: BTreeSet<ContractId> = ids(sheets, Kind::Contract, findings);
    Names {
        apps,
        components: ids(sheets, Kind::Component, findings),
        contracts: contracts.into_iter().map(|contract| (contract, None)).collect(),
        people: people.map(|people| people.keys().cloned().collect()),
    }
}

/// The names that the files of a kind give, whether or not the files can be read.
fn ids<T: FromStr<Err = IdError> + Ord>(sheets: &Sheets<'_>, kind: Kind, findings: &mut Findings) -> BTreeSet<T> {
    let mut id = |(path, name): (&RepoPath, &str)| match T::from_str(name) {
        Ok(id) => Some(id),
        Err(error) => {
            findings.of(path).note(None, error.to_string(), "rename the file and what it declares");
            None
        }
    };
    sheets.places(kind).filter_map(&mut id).collect()
}

fn project(sheets: &Sheets<'_>, findings: &mut Findings) -> (Option<ProjectId>, Option<Environments>) {
    let Some(sheet) = sheets.one(Kind::Project, findings) else { return (None, None) };
    let mut notes = findings.of(sheet.file);
    let id = match ProjectId::parse(sheet.name.as_str()) {
        Ok(id) => Some(id),
        Err(error) => {
            notes.note(None, error.to_string(), "correct `metadata.name`");
            None
        }
    };
    let spec = sheet.spec(&mut notes);
    let environments = spec.and_then(|spec| check::environments(&mut notes, sheet.line, spec, id.as_ref()));
    (id, environments)
}

fn units(
    sheets: &Sheets<'_>,
    project: Option<&ProjectId>,
    names: &Names,
    links: &mut Links,
    findings: &mut Findings,
) -> BTreeMap<UnitId, Unit> {
    let mut units = BTreeMap::new();
    for sheet in sheets.of(Kind::App).chain(sheets.of(Kind::Component)) {
        let Ok(id) = UnitId::parse(sheet.name.as_str()) else { continue };
        let mut notes = findings.of(sheet.file);
        let part = Part { id, line: sheet.line, project, names };
        let unit = match sheet.kind {
            Kind::App => sheet.spec(&mut notes).and_then(|spec| check::app(&mut notes, &part, spec, links)),
            _ => sheet.spec(&mut notes).and_then(|spec| check::component(&mut notes, &part, spec, links)),
        };
        units.extend(unit.map(|unit| (part.id, unit)));
    }
    units
}

fn contracts(
    sheets: &Sheets<'_>,
    links: &Links,
    names: &mut Names,
    files: &SourceTree,
    findings: &mut Findings,
) -> BTreeMap<ContractId, Contract> {
    let places = sheets.places(Kind::Contract);
    let places = places.filter_map(|(path, name)| Some((ContractId::parse(name).ok()?, path))).collect();
    let complete = sheets.of(Kind::App).count() == sheets.places(Kind::App).count();
    let providers = check::providers(findings, links, &places, complete);
    for (contract, provider) in &providers {
        names.contracts.insert(contract.clone(), Some(provider.clone()));
    }
    let contract = |sheet: &Sheet<'_>| {
        let mut notes = findings.of(sheet.file);
        let spec: ContractSpec = sheet.spec(&mut notes)?;
        let contract_type = notes.text(spec.contract_type, sheet.line, "type", "say what it is, for example `openapi`");
        let mend = "name the file beside this one that says it";
        let (line, definition) = notes.required(spec.definition, sheet.line, "definition", mend)?;
        if !RepoPath::parse(format!("contracts/{definition}")).is_ok_and(|path| files.contains_key(&path)) {
            notes.note(line, format!("there is no file `contracts/{definition}`"), "add it, or correct `definition`");
        }
        let id = ContractId::parse(sheet.name.as_str()).ok()?;
        let provider = providers.get(&id)?.clone();
        Some((id.clone(), Contract { id, contract_type: contract_type?, provider }))
    };
    sheets.of(Kind::Contract).filter_map(contract).collect()
}

/// As of when people say that an incident is over; `None` where it is open, is not declared, or its file cannot be read.
#[must_use]
pub fn closed_incident(files: &SourceTree, incident: &str) -> Option<UnixMillis> {
    let (path, file) = files.get_key_value(&RepoPath::parse(format!("incidents/{incident}.yaml")).ok()?)?;
    let mut findings = Findings::default();
    let sheet = Sheet::read(path, &file.bytes, &mut findings)?;
    let spec: IncidentSpec = sheet.spec(&mut findings.of(path))?;
    spec.closed?.value.ok()?.parse().ok()
}

fn incidents(sheets: &Sheets<'_>, names: &Names, findings: &mut Findings) -> Vec<OpenIncident> {
    sheets.of(Kind::Incident).filter_map(|sheet| incident(sheet, names, findings)).collect()
}

/// An incident, where it is still open.
fn incident(sheet: &Sheet<'_>, names: &Names, findings: &mut Findings) -> Option<OpenIncident> {
    let mut notes = findings.of(sheet.file);
    let spec: IncidentSpec = sheet.spec(&mut notes)?;
    let unit = notes.optional(spec.unit, "unit").filter(|(line, unit)| names.unit(&mut notes, *line, "unit", unit));
    let summary = notes.text(spec.summary, sheet.line, "summary", "say what is wrong");
    let since = notes.required(spec.since, sheet.line, "since", "say since when, in RFC 3339");
    let closed = notes.optional(spec.closed, "closed");
    let mut instant = |(line, text): (usize, String)| match text.parse::<UnixMillis>() {
        Ok(at) => Some((line, at)),
        Err(error) => {
            notes.note(line, error.to_string(), "correct it");
            None
        }
    };
    let still_open = closed.is_none();
    let (since, closed) = (since.and_then(&mut instant), closed.and_then(instant));
    if let (Some((_, since)), Some((line, closed))) = (since, closed)
        && closed < since
    {
        notes.note(line, "it is closed before it began", "correct `since` or `closed`");
    }
    let unit = unit.map(|(_, unit)| unit);
    let incident = OpenIncident { id: sheet.name.clone(), unit, since: since?.1, summary: summary? };
    still_open.then_some(incident)
}

fn stops(sheets: &Sheets<'_>, names: &Names, stoppers: Option<&Stoppers<'_>>, findings: &mut Findings) -> Vec<OpenStop> {
    let stop = |sheet: &Sheet<'_>| {
        let mut notes = findings.of(sheet.file);
        let spec = sheet.spec(&mut notes)?;
        check::stop(&mut notes, sheet.line, &sheet.name, spec, names, stoppers)
    };
    sheets.of(Kind::Stop).filter_map(stop).collect()
}

/// The policy: `policy.yaml` is the project's, and other layers lie in `policies`.
fn policy(
    sheets: &Sheets<'_>,
    names: &Names,
    people: Option<&People>,
    languages: &Languages,
    findings: &mut Findings,
) -> Option<Policy> {
    sheets.one(Kind::Policy, findings)?;
    if sheets.of(Kind::Policy).count() < sheets.places(Kind::Policy).count() {
        return None;
    }
    let sheets: Vec<_> = sheets.of(Kind::Policy).map(|sheet| PolicySheet { file: sheet.file, spec: &sheet.spec }).collect();
    check::policy(findings, &sheets, Some(names), people, languages)
}

/// How long payloads are kept: `retention.yaml`, where there is one.
fn retention(sheets: &Sheets<'_>, findings: &mut Findings) -> Option<RetentionPolicy> {
    let sheet = sheets.of(Kind::Retention).next()?;
    let mut notes = findings.of(sheet.file);
    let policy = sheet.spec(&mut notes)?;
    check::retention(&mut notes, &sheet.spec, &policy);
    Some(policy)
}

/// What of people is taken out of payloads: `redaction.yaml`, where there is one.
fn redaction(sheets: &Sheets<'_>, findings: &mut Findings) -> Option<RedactionPolicy> {
    let sheet = sheets.of(Kind::Redaction).next()?;
    let mut notes = findings.of(sheet.file);
    let policy = sheet.spec(&mut notes)?;
    check::redaction(&mut notes, &sheet.spec, &policy);
    Some(policy)
}

/// What no rule covers is refused (I11), so a unit without a rule is a mistake.
fn covered(policy: &Policy, units: &BTreeMap<UnitId, Unit>, sheets: &Sheets<'_>, findings: &mut Findings) {
    let files = sheets.unit_files();
    for unit in units.values().filter(|unit| !policy.covers(unit)) {
        if let Some(file) = files.get(&unit.id) {
            findings.of(file).note(
                None,
                format!("no rule of policy.yaml covers `{}`", unit.id),
                "cover it there; what no rule covers is never promoted",
            );
        }
    }
}

fn request(sheet: &Sheet<'_>, names: &Names, files: &SourceTree, findings: &mut Findings) -> Option<FeatureRequest> {
    let mut notes = findings.of(sheet.file);
    let spec: RequestSpec = sheet.spec(&mut notes)?;
    check::request(&mut notes, sheet.line, spec, names, files)
}
