//! What a unit was held to, and is not any more, or not as much.

use crate::id::RequirementId;
use crate::policy::tighten::{breaks_more, loosens};
use crate::policy::{Action, LayerName, Place, Policy, Requirement};
use crate::project::{Role, Unit};

/// Something that is asked of a unit no more, or less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loosened {
    /// Where it was asked, by the layers of the policy before.
    pub at: Place,
    /// The name of the requirement, or of what the layer says beside requirements.
    pub name: String,
    /// What is asked for less, in words.
    pub why: String,
    /// By what.
    pub by: LoosenedBy,
}

/// By what less is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoosenedBy {
    /// Rules say something else than before, where people read it.
    Policy,
    /// The rules say what they said, and the unit is declared so that they are not for it any more: it is of another class, of
    /// another kind, or has another name.
    Declaration,
}

/// What was asked of a unit under a policy, and is asked of it no more, or less, under another policy and as it is declared
/// then. All layers that are over it count, for every kind of change. What another requirement asks for as much is not told,
/// whatever its name.
///
/// ```
/// # use pathops_core::policy::{LoosenedBy, Policy, loosened};
/// # use pathops_core::project::Unit;
/// # fn compare(policy: &Policy, unit: &Unit) {
/// let outside = Unit { class: None, ..unit.clone() };
/// for less in loosened((policy, unit), (policy, &outside)) {
///     println!("{} of {}: {}", less.name, less.at.layer, less.why);
///     assert_eq!(less.by, LoosenedBy::Declaration);
/// }
/// # }
/// ```
#[must_use]
pub fn loosened(before: (&Policy, &Unit), after: (&Policy, &Unit)) -> Vec<Loosened> {
    let mut found = Vec::new();
    for (opaque, by_agents) in [(false, false), (false, true), (true, false), (true, true)] {
        let [was, is, moved] = [before, after, (before.0, after.1)].map(|(policy, unit)| asked(policy, unit, opaque, by_agents));
        for (layer, requirement) in was {
            let Some(why) = less(requirement, &is) else { continue };
            let by = by_what(less(requirement, &moved).is_some());
            let loosened = Loosened { at: place(before.0, layer, &requirement.id), name: requirement.id.to_string(), why, by };
            if !found.iter().any(|it: &Loosened| it.at == loosened.at) {
                found.push(loosened);
            }
        }
    }
    found.extend(allowed(before, after));
    found
}

fn by_what(declaration: bool) -> LoosenedBy {
    if declaration { LoosenedBy::Declaration } else { LoosenedBy::Policy }
}

/// All that is asked of a unit, with what stays in force beside what tightens it.
fn asked<'p>(policy: &'p Policy, unit: &'p Unit, opaque: bool, by_agents: bool) -> Vec<(&'p LayerName, &'p Requirement)> {
    let applies = move |layer: &LayerName, requirement: &Requirement| {
        requirement.changes.are(opaque, by_agents) && requirement.is_for(layer, unit)
    };
    let in_force = policy.applying(applies);
    in_force
        .flat_map(move |(layer, requirement, rule)| {
            let beside = policy.beside(rule, applies).map(|(layer, requirement, _)| (layer, requirement));
            std::iter::once((layer, requirement)).chain(beside)
        })
        .collect()
}

/// What of a requirement none of these asks for; `None` where one asks for as much.
fn less(requirement: &Requirement, others: &[(&LayerName, &Requirement)]) -> Option<String> {
    let mut why = None;
    let (same, rest): (Vec<_>, Vec<_>) = others.iter().partition(|(_, other)| other.id == requirement.id);
    for (_, other) in &same {
        why = Some(loosens(other, requirement)?);
    }
    let is_held = rest.iter().any(|(_, other)| loosens(other, requirement).is_none());
    (!is_held).then(|| why.unwrap_or_else(|| "it is not asked for any more".to_owned()))
}

fn place(policy: &Policy, layer: &LayerName, id: &RequirementId) -> Place {
    let written = policy.layers().iter().find(|it| it.layer == *layer);
    let requirement = written.and_then(|it| it.requirements.iter().position(|it| it.id == *id));
    Place { layer: layer.clone(), requirement }
}

/// What people may do that they might not.
fn allowed(before: (&Policy, &Unit), after: (&Policy, &Unit)) -> Vec<Loosened> {
    let mut found = Vec::new();
    let mut loose = |name: &str, why: String, by| {
        let last = before.0.layers().iter().rfind(|layer| layer.layer.is_over(before.1));
        let layer = last.map_or(LayerName::BuiltIn, |layer| layer.layer.clone());
        found.push(Loosened { at: Place { layer, requirement: None }, name: name.to_owned(), why, by });
    };
    let actions =
        [(Action::Request, "permissions.request"), (Action::Stop, "permissions.stop"), (Action::Freeze, "permissions.freeze")];
    for (action, name) in actions {
        let may =
            |(policy, unit): (&Policy, &Unit), role: Option<Role>| policy.may(action, &role.into_iter().collect(), Some(unit));
        let newly = |now| move |role: &Option<Role>| may(now, *role) && !may(before, *role);
        let roles = [None, Some(Role::Reviewer), Some(Role::Owner)];
        if let Some(role) = roles.into_iter().find(newly(after)) {
            let who = role.map_or("people without a role", |role| if role == Role::Owner { "owners" } else { "reviewers" });
            let declared = newly((before.0, after.1))(&role);
            loose(name, format!("{who} may do it too"), by_what(declared));
        }
    }
    let glass = |(policy, unit): (&Policy, &Unit)| match (before.0.break_glass(before.1), policy.break_glass(unit)) {
        (_, None) => None,
        (None, Some(_)) => Some("nobody got past anything before"),
        (Some(before), Some(now)) => breaks_more(now, before),
    };
    if let Some(why) = glass(after) {
        loose("breakGlass", why.to_owned(), by_what(glass((before.0, after.1)).is_some()));
    }
    found
}
