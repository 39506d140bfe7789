//! Rules that nobody can meet, and exceptions that nobody answers for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{LintLevel, Linter, Spot, names};
use crate::id::{PersonId, RequirementId};
use crate::policy::{ApprovalRule, Ask, BreakGlass, FindingException, FindingsRule, Place, PolicyLayer, PolicyRule};
use crate::project::{Role, Unit};

/// How soon the end of an exception is worth a word.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const GIVE: &str = "give somebody the role in people.yaml, or take it out";

/// What a layer allows to people.
pub(super) fn layer(linter: &mut Linter<'_>, layer: &PolicyLayer) {
    let place = || Place { layer: layer.layer.clone(), requirement: None };
    for (name, roles) in layer.permissions.named() {
        if let Some(roles) = roles
            && holders(linter, roles).is_empty()
        {
            let what = format!("`{name}` is for nobody: no person holds {}", some(roles));
            linter.note(LintLevel::Warning, place(), None, what, "give somebody the role in people.yaml, or name another one");
        }
    }
    if let Some(glass) = &layer.break_glass {
        break_glass(linter, glass, &place);
    }
}

fn break_glass(linter: &mut Linter<'_>, glass: &BreakGlass, place: &impl Fn() -> Place) {
    let (found, wanted) = (holders(linter, &glass.roles).len(), glass.people.get());
    if u32::try_from(found).is_ok_and(|found| found < wanted) {
        let what = format!("nobody can break the glass: it takes {wanted} people, and {found} hold {}", some(&glass.roles));
        linter.note(LintLevel::Error, place(), None, what, "give more people a role that counts, or take `breakGlass` out");
    }
    for role in strange(linter, &glass.roles) {
        let what = format!("`breakGlass` counts the role `{role}`, which nobody holds");
        linter.note(LintLevel::Warning, place(), None, what, GIVE);
    }
    if glass.valid_seconds == 0 {
        let what = "a broken glass holds for 0 seconds".to_owned();
        linter.note(LintLevel::Error, place(), None, what, "let `validSeconds` be long enough for a merge");
    }
    let policy = linter.policy;
    let known = |id: &RequirementId| policy.layers().iter().flat_map(|layer| &layer.requirements).any(|it| it.id == *id);
    for id in glass.requirements.iter().filter(|id| !known(id)) {
        let what = format!("`breakGlass` gets past `{id}`, and no layer has a requirement of that name");
        linter.note(LintLevel::Warning, place(), None, what, "correct the name, or take it out");
    }
}

/// What a requirement asks of people, or lets them bear.
pub(super) fn requirement<'l>(linter: &mut Linter<'l>, spot: Spot<'l>) {
    if spot.requirement.reason.trim().is_empty() {
        let what = format!("`{}` does not say why it is asked for", spot.requirement.id);
        linter.warn(spot, None, what, "write a `reason`, for those whom it stops");
    }
    match &spot.requirement.asks {
        Ask::Approvals(rule) => approvals(linter, spot, rule),
        Ask::Policy(rule) => keepers(linter, spot, rule),
        Ask::Findings(rule) => exceptions(linter, spot, rule),
        _ => {}
    }
}

/// Whoever proposes a policy does not approve it.
fn keepers<'l>(linter: &mut Linter<'l>, spot: Spot<'l>, rule: &PolicyRule) {
    let (id, wanted) = (&spot.requirement.id, rule.approvals);
    let found = u32::try_from(holders(linter, &rule.roles).len()).unwrap_or(u32::MAX);
    if found < wanted {
        let what = format!("`{id}` asks for {wanted} approval(s) of the policy, and {found} people hold {}", some(&rule.roles));
        linter.never(spot, None, what, "ask for fewer, or give more people a role");
    } else if found == wanted && wanted > 0 {
        let what = format!(
            "`{id}` takes everybody who holds {} to approve the policy, so none of them can change it",
            some(&rule.roles)
        );
        linter.warn(spot, None, what, "ask for fewer, or give more people a role");
    }
}

fn approvals<'l>(linter: &mut Linter<'l>, spot: Spot<'l>, rule: &ApprovalRule) {
    let (id, wanted) = (&spot.requirement.id, rule.count.get());
    for role in strange(linter, &rule.roles) {
        linter.warn(spot, None, format!("`{id}` counts approvals of the role `{role}`, which nobody holds"), GIVE);
    }
    let holders = holders(linter, &rule.roles);
    let found = u32::try_from(holders.len()).unwrap_or(u32::MAX);
    if found < wanted {
        let what = format!("`{id}` asks for {wanted} approval(s), and {found} people hold {}", some(&rule.roles));
        linter.never(spot, None, what, "ask for fewer, or give more people a role");
    } else if found == wanted {
        // A person never approves what they have a part in.
        for unit in linter.units(spot).filter(|unit| holders.contains(&unit.owner)) {
            let what = format!("`{id}` needs `{}`, who answers for it: what they have a part in can never pass", unit.owner);
            linter.warn(spot, Some(unit), what, "give one more person a role that counts");
        }
    }
}

/// The approvals that every policy asks for, where no layer says more.
pub(super) fn built_in<'l>(linter: &mut Linter<'l>, unit: &'l Unit) {
    let Some(top) = linter.top() else { return };
    let rule = linter.of_unit(unit).into_iter().find_map(|(requirement, spot)| match &requirement.asks {
        Ask::Approvals(rule) if spot.is_none() => Some((&requirement.id, rule)),
        _ => None,
    });
    let Some((id, rule)) = rule else { return };
    let (holders, wanted) = (holders(linter, &rule.roles), rule.count.get());
    let found = u32::try_from(holders.len()).unwrap_or(u32::MAX);
    let (level, what) = if found < wanted {
        let what = format!("`{id}`, which is built in, asks for {wanted} approval(s), and {found} people hold");
        (LintLevel::Error, format!("{what} {}", some(&rule.roles)))
    } else if found == wanted && holders.contains(&unit.owner) {
        let what = format!("`{id}`, which is built in, needs `{}`, who answers for it", unit.owner);
        (LintLevel::Warning, format!("{what}: what they have a part in can never pass"))
    } else {
        return;
    };
    linter.note(level, top, Some(unit), what, "give more people a role that counts in people.yaml");
}

fn exceptions<'l>(linter: &mut Linter<'l>, spot: Spot<'l>, rule: &FindingsRule) {
    let mut seen = BTreeSet::new();
    for exception in &rule.exceptions {
        let FindingException { id, owner, until, reason } = exception;
        let at = linter.context.at;
        if !linter.context.people.contains_key(owner) {
            let mend = "name a person of people.yaml who answers for bearing it";
            linter.never(spot, None, format!("the exception for {id} bears nothing: its owner `{owner}` is nobody here"), mend);
        }
        if *until <= at {
            linter.warn(spot, None, format!("the exception for {id} has ended: {until}"), "mend the finding, and take it out");
        } else if *until <= at + SOON {
            let mend = "mend the finding, or decide anew until when it can be borne";
            linter.warn(spot, None, format!("the exception for {id} ends soon: {until}"), mend);
        }
        if reason.trim().is_empty() {
            linter.warn(spot, None, format!("the exception for {id} does not say why it can be borne"), "write a `reason`");
        }
        if !seen.insert(id) {
            let mend = "keep one of them: the first one counts";
            linter.warn(spot, None, format!("there are two exceptions for {id}"), mend);
        }
    }
}

/// The people who hold one of these roles.
fn holders<'l>(linter: &Linter<'l>, roles: &BTreeSet<Role>) -> BTreeSet<&'l PersonId> {
    let people = linter.context.people.iter();
    people.filter(|(_, held)| !held.is_disjoint(roles)).map(|(person, _)| person).collect()
}

/// Roles that nobody holds, where some others among them are held.
fn strange(linter: &Linter<'_>, roles: &BTreeSet<Role>) -> Vec<Role> {
    let held = |role: &&Role| linter.context.people.values().any(|held| held.contains(*role));
    let strange: Vec<Role> = roles.iter().filter(|role| !held(role)).copied().collect();
    if strange.len() == roles.len() { Vec::new() } else { strange }
}

fn some(roles: &BTreeSet<Role>) -> String {
    match roles.is_empty() {
        true => "a role that counts".to_owned(),
        false => format!("one of the roles {}", names(roles)),
    }
}
