use std::collections::{BTreeMap, BTreeSet};

use super::{Names, Notes, list};
use crate::id::{ContractId, JobName, PersonId, ProjectId, RepoId, RepoPath, UnitId};
use crate::order::{Edge, Graph};
use crate::project::document::{AppSpec, ComponentSpec, Field, List};
use crate::project::{Findings, Lifecycle, Rollback, Unit, UnitKind};

/// A unit's place in the project: what it is checked against.
pub(crate) struct Part<'a> {
    pub(crate) id: UnitId,
    /// The line of its `spec`.
    pub(crate) line: usize,
    /// `None` where the project's name cannot be read.
    pub(crate) project: Option<&'a ProjectId>,
    pub(crate) names: &'a Names,
}

/// What units say of each other, taken down also where the rest of a unit cannot be read.
#[derive(Debug)]
pub(crate) struct Links {
    /// Start dependencies with their lines.
    depends_on: Vec<Edge<UnitId, usize>>,
    /// Who says that it keeps a contract, and on which line.
    provides: BTreeMap<ContractId, Vec<(UnitId, usize)>>,
    /// Whether every `provides` can be read.
    complete: bool,
    /// What a repository belongs to.
    repositories: BTreeMap<RepoId, String>,
}

impl Links {
    pub(crate) fn new(meta_repo: &RepoId) -> Self {
        let repositories = BTreeMap::from([(meta_repo.clone(), "the project as a whole".to_owned())]);
        Self { depends_on: Vec::new(), provides: BTreeMap::new(), complete: true, repositories }
    }
}

/// What apps and components have in common, as written.
struct Common {
    owner: Option<Field<PersonId>>,
    lifecycle: Option<Field<Lifecycle>>,
    class: Option<Field<String>>,
    description: Option<Field<String>>,
    intent: Option<Field<String>>,
    boundaries: Option<Field<String>>,
    desired_state: Option<Field<RepoId>>,
    depends_on: List<UnitId>,
    provides: List<ContractId>,
    consumes: List<ContractId>,
    rollback: Option<Field<Rollback>>,
    checks: List<JobName>,
}

pub(crate) fn app(notes: &mut Notes<'_>, part: &Part<'_>, spec: AppSpec, links: &mut Links) -> Option<Unit> {
    let (source, desired_state) = match notes.optional(spec.repositories, "repositories") {
        Some((_, repositories)) => (repositories.source, repositories.desired_state),
        None => (None, None),
    };
    let source = repository(notes, part, source, "source", "src", links);
    let common = Common {
        owner: spec.owner,
        lifecycle: spec.lifecycle,
        class: spec.class,
        description: spec.description,
        intent: spec.intent,
        boundaries: spec.boundaries,
        desired_state,
        depends_on: spec.depends_on,
        provides: spec.provides,
        consumes: spec.consumes,
        rollback: spec.rollback,
        checks: spec.checks,
    };
    unit(notes, part, source.map(|source| UnitKind::App { source }), common, links)
}

pub(crate) fn component(notes: &mut Notes<'_>, part: &Part<'_>, spec: ComponentSpec, links: &mut Links) -> Option<Unit> {
    let desired_state =
        notes.optional(spec.repositories, "repositories").and_then(|(_, repositories)| repositories.desired_state);
    let component_type = notes.text(spec.component_type, part.line, "type", "say what it is, for example `key-value-store`");
    let common = Common {
        owner: spec.owner,
        lifecycle: spec.lifecycle,
        class: spec.class,
        description: spec.description,
        intent: spec.intent,
        boundaries: spec.boundaries,
        desired_state,
        depends_on: spec.depends_on,
        provides: None,
        consumes: None,
        rollback: spec.rollback,
        checks: spec.checks,
    };
    unit(notes, part, component_type.map(|component_type| UnitKind::Component { component_type }), common, links)
}

fn unit(notes: &mut Notes<'_>, part: &Part<'_>, kind: Option<UnitKind>, spec: Common, links: &mut Links) -> Option<Unit> {
    let (id, names) = (&part.id, part.names);
    let owner = notes.required(spec.owner, part.line, "owner", "name the person who answers for it");
    let owner = owner.filter(|(line, person)| names.person(notes, *line, "owner", person));
    let lifecycle = notes.required(spec.lifecycle, part.line, "lifecycle", "say `prototype`, `path-ready` or `production`");
    let class = notes.optional(spec.class, "class").map(|(_, class)| class);
    notes.optional(spec.description, "description");
    let mut words = |field: Option<Field<String>>, name, mend| notes.text(Some(field?), part.line, name, mend);
    let intent = words(spec.intent, "intent", "say what it is for");
    let boundaries = words(spec.boundaries, "boundaries", "say what it may touch and rely on, and what not");
    let desired_state = repository(notes, part, spec.desired_state, "desiredState", "gitops", links);
    let rollback = notes.required(spec.rollback, part.line, "rollback", "say how it is undone: `revert` or `forward-only`");

    let mut depends_on = notes.names(spec.depends_on, "dependsOn");
    depends_on.retain(|(line, unit)| names.unit(notes, *line, "dependsOn", unit));
    links.depends_on.extend(depends_on.iter().map(|(line, to)| Edge { from: id.clone(), to: to.clone(), because: *line }));
    links.complete &= spec.provides.as_ref().is_none_or(|field| field.value.is_ok());
    let mut contracts = |field: List<ContractId>, name: &str| {
        let mut contracts = notes.names(field, name);
        contracts.retain(|(line, contract)| names.contract(notes, *line, name, contract));
        contracts
    };
    let (provides, consumes) = (contracts(spec.provides, "provides"), contracts(spec.consumes, "consumes"));
    for (line, contract) in &provides {
        links.provides.entry(contract.clone()).or_default().push((id.clone(), *line));
    }
    let checks = checks(notes, part.line, spec.checks);
    Some(Unit {
        id: id.clone(),
        kind: kind?,
        desired_state: desired_state?,
        intent,
        owner: owner?.1,
        boundaries,
        lifecycle: lifecycle?.1,
        class,
        depends_on: values(depends_on),
        provides: values(provides),
        consumes: values(consumes),
        rollback: rollback?.1,
        checks: checks?,
    })
}

fn values<T: Ord>(entries: Vec<(usize, T)>) -> BTreeSet<T> {
    entries.into_iter().map(|(_, value)| value).collect()
}

fn checks(notes: &mut Notes<'_>, line: usize, field: List<JobName>) -> Option<BTreeSet<JobName>> {
    const MEND: &str = "name at least one post-deploy job, for example `health`";
    if field.is_none() {
        notes.note(line, "`checks` is missing", MEND);
        return None;
    }
    let written = field.as_ref().map_or(line, |field| field.line);
    let empty = field.as_ref().is_some_and(|field| field.value.as_ref().is_ok_and(Vec::is_empty));
    if empty {
        notes.note(written, "`checks` is empty", MEND);
        return None;
    }
    Some(values(notes.names(field, "checks")))
}

/// The repository as written or by default, where it belongs to no other unit.
fn repository(
    notes: &mut Notes<'_>,
    part: &Part<'_>,
    field: Option<Field<RepoId>>,
    name: &str,
    suffix: &str,
    links: &mut Links,
) -> Option<RepoId> {
    let (line, repository) = match field {
        Some(field) => notes.optional(Some(field), name)?,
        None => (part.line, RepoId::parse(format!("{}/{}-{suffix}", part.project?, part.id)).ok()?),
    };
    if let Some(other) = links.repositories.insert(repository.clone(), format!("`{}`", part.id)) {
        let what = format!("the repository `{repository}` (`{name}`) belongs to {other} already");
        notes.note(line, what, "give each app and component repositories of its own");
    }
    Some(repository)
}

/// Who keeps each contract: exactly one app. Where not all apps can be read, the one may be among the others.
pub(crate) fn providers(
    findings: &mut Findings,
    links: &Links,
    contracts: &BTreeMap<ContractId, &RepoPath>,
    complete: bool,
) -> BTreeMap<ContractId, UnitId> {
    let mut providers = BTreeMap::new();
    for (contract, file) in contracts {
        let units = links.provides.get(contract).map_or(&[][..], Vec::as_slice);
        match units {
            [] if !(complete && links.complete) => (),
            [] => findings.of(file).note(None, format!("no app provides `{contract}`"), "name it under `provides` of one app"),
            [(unit, _)] => {
                providers.insert(contract.clone(), unit.clone());
            }
            several => {
                let names = list(several.iter().map(|(unit, _)| unit.as_str()));
                findings.of(file).note(None, format!("{names} all provide `{contract}`"), "let one app provide it");
            }
        }
    }
    providers
}

/// Units that can never start because they wait for each other.
pub(crate) fn loops(findings: &mut Findings, links: &Links, files: &BTreeMap<UnitId, RepoPath>) {
    let Ok(graph) = Graph::new([], links.depends_on.iter().cloned()) else { return };
    for cycle in graph.cycles() {
        let Some((first, file)) = cycle.edges.first().and_then(|edge| Some((edge, files.get(&edge.from)?))) else { continue };
        let way: Vec<String> = cycle.edges.iter().map(|edge| format!("`{}`", edge.to)).collect();
        let what = format!("`{}` starts after {}: a loop", first.from, way.join(", which starts after "));
        findings.of(file).note(first.because, what, "take out one `dependsOn` of it");
    }
}
