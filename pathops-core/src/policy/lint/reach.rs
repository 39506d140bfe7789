//! Rules that reach nothing.

use super::{LintLevel, Linter, Spot, names};
use crate::policy::{LayerName, Place, PolicyLayer};

const CORRECT: &str = "correct `covers`, or take the requirement out";

/// A layer that lies over no unit.
pub(super) fn layer(linter: &mut Linter<'_>, layer: &PolicyLayer) {
    if linter.context.units.values().any(|unit| layer.layer.is_over(unit)) {
        return;
    }
    let (what, mend) = match &layer.layer {
        LayerName::Class(class) => {
            let mend = "correct the class here or in the unit's file, or take the layer out";
            (format!("no app or component is of the class `{class}`"), mend)
        }
        LayerName::Unit(unit) => (format!("there is no app or component `{unit}`"), "correct the name, or take the layer out"),
        _ => return,
    };
    linter.note(LintLevel::Warning, Place { layer: layer.layer.clone(), requirement: None }, None, what, mend);
}

/// What a requirement covers that there is not; whether it is for any unit at all.
pub(super) fn covers<'l>(linter: &mut Linter<'l>, spot: Spot<'l>) -> bool {
    let (id, covers, context) = (&spot.requirement.id, &spot.requirement.covers, linter.context);
    let units = || context.units.values();
    let is_unknown = |class: &&String| !units().any(|unit| unit.class.as_ref() == Some(*class));
    let classes = names(covers.classes.iter().flatten().filter(is_unknown));
    let strangers = names(covers.units.iter().flatten().filter(|id| !context.units.contains_key(*id)));
    if !classes.is_empty() {
        linter.warn(spot, None, format!("`{id}` covers the class {classes}, which no app or component is of"), CORRECT);
    }
    if !strangers.is_empty() {
        linter.warn(spot, None, format!("`{id}` covers {strangers}, and there is no such app or component"), CORRECT);
    }
    let is_for_any = linter.units(spot).next().is_some();
    // That the layer lies over nothing is said of the layer.
    if !is_for_any && classes.is_empty() && strangers.is_empty() && units().any(|unit| spot.layer.is_over(unit)) {
        linter.warn(spot, None, format!("`{id}` is for no app or component"), CORRECT);
    }
    is_for_any
}

/// A requirement in whose place a lower one stands for every unit and every change. The organisation's are for other
/// projects too.
pub(super) fn tightened<'l>(linter: &mut Linter<'l>, spot: Spot<'l>) {
    let policy = linter.policy;
    let applies = |opaque: bool, by_agents: bool| {
        linter.units(spot).any(|unit| {
            let mut rules = policy.applying(move |layer, requirement| {
                requirement.changes.are(opaque, by_agents) && requirement.is_for(layer, unit)
            });
            rules.any(|(layer, requirement, _)| layer == spot.layer && requirement.id == spot.requirement.id)
        })
    };
    let changes = [(false, false), (false, true), (true, false), (true, true)];
    if *spot.layer == LayerName::Organisation || changes.into_iter().any(|(opaque, by_agents)| applies(opaque, by_agents)) {
        return;
    }
    let what = format!("lower layers tighten `{}` for everything that it is for", spot.requirement.id);
    linter.warn(spot, None, what, "take it out here, or out of them");
}
