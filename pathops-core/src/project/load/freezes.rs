//! What a change does to the times at which promotions are closed.

use std::collections::BTreeSet;

use super::change::heirs;
use crate::id::RequirementId;
use crate::policy::{Action, Ask, LayerName, Policy, Requirement};
use crate::project::{Project, Role, Unit};

/// The apps and components of `before` whose freeze windows are other ones `after`, or for which others may change them or get
/// past them. What has a repository of one is held to what that was held to, whatever its name; of one that is gone, windows
/// that stand in no layer any more count.
#[must_use]
pub fn changed_freezes<'p>(before: &'p Project, after: &Project) -> Vec<&'p Unit> {
    let changed = |unit: &&Unit| {
        let was = Closing::of(&before.policy, unit);
        let mut heirs = heirs(unit, after).peekable();
        if heirs.peek().is_none() {
            return was.windows.iter().any(|window| !stands(&after.policy, *window));
        }
        heirs.any(|now| Closing::of(&after.policy, now) != was)
    };
    before.units.values().filter(changed).collect()
}

fn stands(policy: &Policy, (layer, window): (&LayerName, &Requirement)) -> bool {
    policy.layers().iter().any(|it| it.layer == *layer && it.requirements.contains(window))
}

/// When promotions of a unit are closed, and who has a say in that.
#[derive(PartialEq)]
struct Closing<'p> {
    windows: Vec<(&'p LayerName, &'p Requirement)>,
    /// Those that a broken glass gets past.
    breakable: BTreeSet<&'p RequirementId>,
    /// Whether people without a role, reviewers and owners may change them.
    may: [bool; 3],
}

impl<'p> Closing<'p> {
    fn of(policy: &'p Policy, unit: &'p Unit) -> Self {
        let mut windows: Vec<_> = policy.requirements(unit).filter(|(_, it)| matches!(it.asks, Ask::Freeze(_))).collect();
        windows.sort_by_key(|(layer, it)| (*layer, &it.id));
        let past = policy.break_glass(unit).map(|glass| &glass.requirements);
        let breakable = windows.iter().map(|(_, it)| &it.id).filter(|id| past.is_some_and(|past| past.contains(*id))).collect();
        let may = |role: Option<Role>| policy.may(Action::Freeze, &role.into_iter().collect(), Some(unit));
        Self { windows, breakable, may: [None, Some(Role::Reviewer), Some(Role::Owner)].map(may) }
    }
}
