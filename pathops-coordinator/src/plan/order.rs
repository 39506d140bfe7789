use std::collections::{BTreeMap, VecDeque};

use pathops_core::UnitId;
use pathops_core::order::Edge;
use pathops_core::project::Project;

use super::{Because, Changed};

/// Which of the changed units is deployed after which.
pub(super) fn edges(project: &Project, changed: &Changed<'_>) -> Vec<Edge<UnitId, Because>> {
    let starts = changed.keys().flat_map(|unit| starts_after(project, changed, unit));
    starts.chain(contract_changes(changed)).collect()
}

/// The nearest changed units that `unit` starts after, directly or by way of units that do not change.
fn starts_after(project: &Project, changed: &Changed<'_>, unit: &UnitId) -> Vec<Edge<UnitId, Because>> {
    let mut edges = Vec::new();
    let mut reached_from: BTreeMap<&UnitId, Option<&UnitId>> = BTreeMap::new();
    let mut queue: VecDeque<Option<&UnitId>> = VecDeque::from([None]);
    while let Some(between) = queue.pop_front() {
        let depends_on = project.units.get(between.unwrap_or(unit)).map(|unit| &unit.depends_on);
        for to in depends_on.into_iter().flatten() {
            if reached_from.contains_key(to) {
                continue;
            }
            reached_from.insert(to, between);
            if changed.contains_key(to) {
                let by_way_of = way(&reached_from, between);
                edges.push(Edge { from: unit.clone(), to: to.clone(), because: Because::Starts { by_way_of } });
            } else {
                queue.push_back(Some(to));
            }
        }
    }
    edges
}

/// The units from the start of the walk to `last`.
fn way(reached_from: &BTreeMap<&UnitId, Option<&UnitId>>, last: Option<&UnitId>) -> Vec<UnitId> {
    let steps = std::iter::successors(last, |unit| reached_from.get(unit).copied().flatten());
    let mut way: Vec<UnitId> = steps.cloned().collect();
    way.reverse();
    way
}

/// The provider of a contract that changes goes before those that rely on it.
fn contract_changes(changed: &Changed<'_>) -> impl Iterator<Item = Edge<UnitId, Because>> {
    let contracts = changed.values().flat_map(|(unit, change)| change.contracts.iter().map(move |contract| (unit, contract)));
    contracts.flat_map(|(provider, contract)| {
        let consumers = changed.values().map(|(unit, _)| unit);
        let consumers = consumers.filter(move |unit| unit.id != provider.id && unit.consumes.contains(contract));
        consumers.map(move |unit| Edge {
            from: unit.id.clone(),
            to: provider.id.clone(),
            because: Because::ContractChanges { contract: contract.clone() },
        })
    })
}
