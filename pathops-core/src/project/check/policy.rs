use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::{Names, Notes};
use crate::id::{PersonId, RequirementId};
use crate::policy::{ApprovalRule, Coverage, EvidenceRule, FreezeWindow, IncidentRule, LifecycleRule, Policy, RuleSet};
use crate::project::Role;
use crate::project::load::{Mistake, Node, read};
use crate::time::UnixMillis;

/// The policy; `spec` is its tree. Each rule is held against the names and people of the project.
pub(crate) fn policy(
    notes: &mut Notes<'_>,
    spec: &Node,
    names: &Names,
    people: Option<&BTreeMap<PersonId, BTreeSet<Role>>>,
) -> Option<Policy> {
    let mut mistakes = Vec::new();
    let policy = match read::<Policy>(spec, &mut mistakes) {
        Ok(policy) => Some(policy),
        Err(first) => {
            parts(spec, &mut mistakes);
            mistakes.push(first);
            None
        }
    };
    mistakes.into_iter().for_each(|mistake| notes.mistake(mistake));
    let policy = policy?;
    let sets = spec.get("production").map_or(&[][..], Node::items);
    if policy.production.is_empty() {
        notes.note(spec.line, "there is no rule for production", "say what must hold before something is promoted");
    }
    for (set, node) in policy.production.iter().zip(sets) {
        rule_set(notes, set, node, names);
        if let Some(people) = people {
            approvals(notes, &set.approvals, part(node, "approvals"), people);
        }
    }
    Some(policy)
}

/// Reads a broken policy in parts, because the whole tells its first mistake only.
fn parts(spec: &Node, mistakes: &mut Vec<Mistake>) {
    fn try_part<T: DeserializeOwned>(node: Option<&Node>, mistakes: &mut Vec<Mistake>) {
        if let Some(Err(mistake)) = node.map(|node| read::<T>(node, mistakes)) {
            mistakes.push(mistake);
        }
    }
    for set in spec.get("production").map_or(&[][..], Node::items) {
        try_part::<Coverage>(set.get("covers"), mistakes);
        try_part::<ApprovalRule>(set.get("approvals"), mistakes);
        try_part::<LifecycleRule>(set.get("lifecycle"), mistakes);
        try_part::<IncidentRule>(set.get("incidents"), mistakes);
        for node in set.get("evidence").map_or(&[][..], Node::items) {
            try_part::<EvidenceRule>(Some(node), mistakes);
        }
        for node in set.get("freeze").map_or(&[][..], Node::items) {
            try_part::<FreezeWindow>(Some(node), mistakes);
        }
        for name in ["covers", "approvals", "lifecycle", "incidents"] {
            if set.get(name).is_none() {
                let what = format!("missing field `{name}`");
                mistakes.push(Mistake { line: set.line, what, mend: "correct it".to_owned() });
            }
        }
    }
}

fn part<'n>(set: &'n Node, name: &str) -> &'n Node {
    set.get(name).unwrap_or(set)
}

fn rule_set(notes: &mut Notes<'_>, set: &RuleSet, node: &Node, names: &Names) {
    for unit in set.covers.units.iter().flatten() {
        names.unit(notes, part(node, "covers").line, "covers.units", unit);
    }
    let windows = set.freeze.iter().zip(part(node, "freeze").items());
    for (window, node) in windows.clone() {
        if let Err(error) = window.at(UnixMillis(0)) {
            notes.note(node.line, format!("the freeze window `{}` cannot be read: {error}", window.id), "correct it");
        }
    }
    if set.lifecycle.allowed.is_empty() {
        let line = part(node, "lifecycle").line;
        notes.note(
            line,
            "no lifecycle state is allowed, so nothing is ever promoted",
            "name at least one, for example `production`",
        );
    }
    let evidence = set.evidence.iter().zip(part(node, "evidence").items()).map(|(rule, node)| (&rule.id, node.line));
    let single = [(&set.approvals.id, "approvals"), (&set.lifecycle.id, "lifecycle"), (&set.incidents.id, "incidents")];
    let single = single.into_iter().map(|(id, name)| (id, part(node, name).line));
    let freeze = windows.map(|(window, node)| (&window.id, node.line));
    let mut seen: BTreeSet<&RequirementId> = BTreeSet::new();
    for (id, line) in evidence.chain(single).chain(freeze) {
        if !seen.insert(id) {
            notes.note(line, format!("two requirements of one rule set are named `{id}`"), "give each a name of its own");
        }
    }
}

/// An approval rule that somebody can meet.
fn approvals(notes: &mut Notes<'_>, rule: &ApprovalRule, node: &Node, people: &BTreeMap<PersonId, BTreeSet<Role>>) {
    if rule.roles.is_empty() {
        notes.note(node.line, format!("`{}` names no role, so no approval counts", rule.id), "name `owner`, `reviewer` or both");
        return;
    }
    for role in &rule.roles {
        if !people.values().any(|roles| roles.contains(role)) {
            let role = format!("{role:?}").to_lowercase();
            let what = format!("`{}` counts approvals of the role `{role}`, which nobody holds", rule.id);
            notes.note(node.line, what, format!("give somebody the role in people.yaml, or take `{role}` out"));
        }
    }
    let holders = people.values().filter(|roles| !roles.is_disjoint(&rule.roles)).count();
    if holders > 0 && u32::try_from(holders).is_ok_and(|holders| holders < rule.count.get()) {
        let what = format!("`{}` asks for {} approvals, and only {holders} hold a role that counts", rule.id, rule.count);
        notes.note(node.line, what, "ask for fewer, or give more people a role");
    }
}
