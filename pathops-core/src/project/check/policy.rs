use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::{Findings, Names, Notes};
use crate::id::{PersonId, RepoPath};
use crate::policy::{
    ApprovalRule, Ask, BreakGlass, Coverage, Languages, LayerName, Permissions, Place, Policy, PolicyLayer, PolicyProblem,
    Requirement,
};
use crate::project::Role;
use crate::project::load::{Mistake, Node, read};

/// A document of a policy: its file, and its `spec` as a tree.
pub(crate) struct PolicySheet<'s> {
    pub(crate) file: &'s RepoPath,
    pub(crate) spec: &'s Node,
}

/// The policy that some documents make together. Each rule is held against the names and people of the project, where they
/// are known.
pub(crate) fn policy(
    findings: &mut Findings,
    sheets: &[PolicySheet<'_>],
    names: Option<&Names>,
    people: Option<&BTreeMap<PersonId, BTreeSet<Role>>>,
    languages: &Languages,
) -> Option<Policy> {
    let mut layers = Vec::new();
    for sheet in sheets {
        let layer = layer(&mut findings.of(sheet.file), sheet.spec);
        if let (Some(layer), Some(names)) = (&layer, names) {
            references(&mut findings.of(sheet.file), layer, sheet.spec, names, people);
        }
        layers.push(layer);
    }
    let layers: Option<Vec<PolicyLayer>> = layers.into_iter().collect();
    let layers = layers?;
    if layers.iter().all(|layer| layer.requirements.is_empty())
        && let Some(sheet) = sheets.first()
    {
        let mend = "say what must hold before something is promoted";
        findings.of(sheet.file).note(sheet.spec.line, "there is no requirement for production", mend);
    }
    let written = Written { sheets, layers: layers.iter().map(|layer| layer.layer.clone()).collect() };
    match Policy::new(layers, languages) {
        Ok(policy) => Some(policy),
        Err(problems) => {
            problems.into_iter().for_each(|problem| note(findings, &written, problem));
            None
        }
    }
}

/// Documents of a policy, and the layer that each of them is.
pub(crate) struct Written<'s> {
    sheets: &'s [PolicySheet<'s>],
    layers: Vec<LayerName>,
}

impl<'s> Written<'s> {
    /// Documents that can be read.
    pub(crate) fn of(sheets: &'s [PolicySheet<'s>]) -> Self {
        let layer = |sheet: &PolicySheet<'_>| sheet.spec.get("layer").and_then(|node| read(node, &mut Vec::new()).ok());
        Self { sheets, layers: sheets.iter().map(|sheet| layer(sheet).unwrap_or_default()).collect() }
    }

    /// The file and line of a place. A layer that is there twice is told of where it stands the second time.
    pub(crate) fn line_of(&self, place: &Place) -> Option<(&'s RepoPath, usize)> {
        let sheet = self.sheets.get(self.layers.iter().rposition(|layer| *layer == place.layer)?)?;
        let requirement = |index| sheet.spec.get("requirements").and_then(|list| list.items().get(index));
        let node: Option<&Node> = place.requirement.and_then(requirement);
        Some((sheet.file, node.unwrap_or(sheet.spec).line))
    }
}

/// Notes a problem where it is, and names the other place that it has to do with.
fn note(findings: &mut Findings, written: &Written<'_>, problem: PolicyProblem) {
    let Some((file, line)) = written.line_of(&problem.at) else { return };
    let above = problem.against.as_ref().and_then(|place| written.line_of(place));
    let above = above.map_or_else(String::new, |(file, line)| format!(" ({file}:{line})"));
    findings.of(file).note(line, format!("{}{above}", problem.what), problem.mend);
}

fn layer(notes: &mut Notes<'_>, spec: &Node) -> Option<PolicyLayer> {
    let mut mistakes = Vec::new();
    let layer = match read::<PolicyLayer>(spec, &mut mistakes) {
        Ok(layer) => Some(layer),
        Err(first) => {
            parts(spec, &mut mistakes);
            mistakes.push(first);
            None
        }
    };
    mistakes.into_iter().for_each(|mistake| notes.mistake(mistake));
    layer
}

/// Reads a broken layer in parts, because the whole tells its first mistake only.
fn parts(spec: &Node, mistakes: &mut Vec<Mistake>) {
    fn try_part<T: DeserializeOwned>(node: Option<&Node>, mistakes: &mut Vec<Mistake>) {
        if let Some(Err(mistake)) = node.map(|node| read::<T>(node, mistakes)) {
            mistakes.push(mistake);
        }
    }
    try_part::<Permissions>(spec.get("permissions"), mistakes);
    try_part::<BreakGlass>(spec.get("breakGlass"), mistakes);
    for node in spec.get("requirements").map_or(&[][..], Node::items) {
        try_part::<Coverage>(node.get("covers"), mistakes);
        try_part::<Ask>(node.get("asks"), mistakes);
        try_part::<Requirement>(Some(node), mistakes);
    }
}

fn part<'n>(node: &'n Node, name: &str) -> &'n Node {
    node.get(name).unwrap_or(node)
}

/// Holds what a layer names against the project.
fn references(
    notes: &mut Notes<'_>,
    layer: &PolicyLayer,
    spec: &Node,
    names: &Names,
    people: Option<&BTreeMap<PersonId, BTreeSet<Role>>>,
) {
    if let LayerName::Unit(unit) = &layer.layer {
        names.unit(notes, part(spec, "layer").line, "layer.unit", unit);
    }
    for (requirement, node) in layer.requirements.iter().zip(part(spec, "requirements").items()) {
        for unit in requirement.covers.units.iter().flatten() {
            names.unit(notes, part(node, "covers").line, "covers.units", unit);
        }
        if let (Ask::Approvals(rule), Some(people)) = (&requirement.asks, people) {
            approvals(notes, requirement, rule, part(node, "asks"), people);
        }
    }
}

/// An approval rule that somebody can meet.
fn approvals(
    notes: &mut Notes<'_>,
    requirement: &Requirement,
    rule: &ApprovalRule,
    node: &Node,
    people: &BTreeMap<PersonId, BTreeSet<Role>>,
) {
    let id = &requirement.id;
    for role in &rule.roles {
        if !people.values().any(|roles| roles.contains(role)) {
            let role = format!("{role:?}").to_lowercase();
            let what = format!("`{id}` counts approvals of the role `{role}`, which nobody holds");
            notes.note(node.line, what, format!("give somebody the role in people.yaml, or take `{role}` out"));
        }
    }
    let holders = people.values().filter(|roles| !roles.is_disjoint(&rule.roles)).count();
    if holders > 0 && u32::try_from(holders).is_ok_and(|holders| holders < rule.count.get()) {
        let what = format!("`{id}` asks for {} approvals, and only {holders} hold a role that counts", rule.count);
        notes.note(node.line, what, "ask for fewer, or give more people a role");
    }
}
