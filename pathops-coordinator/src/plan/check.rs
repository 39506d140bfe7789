//! Holds a plan against its project without planning again: by other means than the planner, so that a mistake of the
//! one is not repeated by the other.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::project::{Lifecycle, Project, Rollback};
use pathops_core::{ContractId, UnitId};

use super::{Before, ExecutionPlan, Impact, Reason};

/// What is wrong with a plan of this project, in words; nothing where it is right.
#[must_use]
pub fn check_plan(project: &Project, plan: &ExecutionPlan) -> Vec<String> {
    let mut wrong = Vec::new();
    let wave_of = places(plan, &mut wrong);
    check_tasks(project, plan, &wave_of, &mut wrong);
    check_order(project, plan, &wave_of, &mut wrong);
    check_placement(plan, &wave_of, &mut wrong);
    check_impact(project, plan, &mut wrong);
    let back: Vec<_> = plan.waves.iter().rev().map(|wave| wave.units.clone()).collect();
    if plan.rollback != back {
        wrong.push("the way back is not the way there reversed".to_owned());
    }
    wrong
}

type Places<'a> = BTreeMap<&'a UnitId, usize>;

/// In which wave each unit is.
fn places<'a>(plan: &'a ExecutionPlan, wrong: &mut Vec<String>) -> Places<'a> {
    let mut wave_of = Places::new();
    for (index, wave) in plan.waves.iter().enumerate() {
        if wave.units.is_empty() || !wave.units.is_sorted() {
            wrong.push(format!("wave {} is empty or not sorted", index + 1));
        }
        for unit in &wave.units {
            if wave_of.insert(unit, index).is_some() {
                wrong.push(format!("`{unit}` is deployed twice"));
            }
        }
    }
    wave_of
}

/// Each task belongs to a unit that is deployed, and each unit that is deployed has its task and waits for its checks.
fn check_tasks(project: &Project, plan: &ExecutionPlan, wave_of: &Places<'_>, wrong: &mut Vec<String>) {
    let tasks: BTreeSet<&UnitId> = plan.tasks.iter().map(|task| &task.unit).collect();
    if tasks.len() != plan.tasks.len() || !tasks.iter().eq(wave_of.keys()) {
        wrong.push("the units with a task are not those that are deployed, once each".to_owned());
    }
    for task in &plan.tasks {
        let Some(unit) = project.units.get(&task.unit) else {
            wrong.push(format!("`{}` is no unit of the project", task.unit));
            continue;
        };
        if task.repository != *unit.source().unwrap_or(&unit.desired_state) {
            wrong.push(format!("the work of `{}` is in a repository that is not its own", task.unit));
        }
        if unit.lifecycle == Lifecycle::Prototype {
            wrong.push(format!("`{}` is a prototype and would be deployed", task.unit));
        }
        if (unit.rollback == Rollback::ForwardOnly) != plan.forward_only.contains(&task.unit) {
            wrong.push(format!("the plan is wrong about whether `{}` can be undone", task.unit));
        }
        let wave = wave_of.get(&task.unit).and_then(|index| plan.waves.get(*index));
        if wave.and_then(|wave| wave.waits_for.get(&task.unit)) != Some(&unit.checks) {
            wrong.push(format!("nothing waits for the checks of `{}`", task.unit));
        }
    }
    if plan.waves.iter().any(|wave| !wave.waits_for.keys().eq(&wave.units)) {
        wrong.push("a wave waits for checks of units that are not in it".to_owned());
    }
}

/// What a unit starts after goes before it, however far away; so does the provider of a contract that changes.
fn check_order(project: &Project, plan: &ExecutionPlan, wave_of: &Places<'_>, wrong: &mut Vec<String>) {
    for (unit, wave) in wave_of {
        for needed in all_needed(project, unit) {
            if wave_of.get(needed).is_some_and(|other| other >= wave) {
                wrong.push(format!("`{unit}` starts after `{needed}` and is not deployed after it"));
            }
        }
        let consumes = project.units.get(*unit).map(|unit| &unit.consumes);
        for (contract, provider) in changing(plan) {
            let relies = *unit != provider && consumes.is_some_and(|consumes| consumes.contains(contract));
            if relies && wave_of.get(provider).is_none_or(|other| other >= wave) {
                wrong.push(format!("`{unit}` relies on `{contract}` and is not deployed after `{provider}`"));
            }
        }
    }
}

fn changing(plan: &ExecutionPlan) -> impl Iterator<Item = (&ContractId, &UnitId)> {
    plan.tasks.iter().flat_map(|task| task.contracts.iter().map(|contract| (contract, &task.unit)))
}

/// All that has to be there before `unit` starts.
fn all_needed<'p>(project: &'p Project, unit: &UnitId) -> BTreeSet<&'p UnitId> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<&UnitId> = project.units.get(unit).into_iter().flat_map(|unit| &unit.depends_on).collect();
    while let Some(next) = open.pop() {
        if needed.insert(next) {
            open.extend(project.units.get(next).into_iter().flat_map(|unit| &unit.depends_on));
        }
    }
    needed
}

/// Each reason is kept, and each unit is in the wave after the last that it has a reason to wait for.
fn check_placement(plan: &ExecutionPlan, wave_of: &Places<'_>, wrong: &mut Vec<String>) {
    for (unit, wave) in wave_of {
        let firsts = plan.order.iter().filter(|before| before.then == **unit).map(|Before { first, .. }| wave_of.get(first));
        let earliest = firsts.map(|wave| wave.map_or(usize::MAX, |wave| wave.saturating_add(1))).max().unwrap_or(0);
        if earliest != *wave {
            wrong.push(format!("`{unit}` is in wave {} without a reason", wave + 1));
        }
    }
}

/// Who has a task is impacted, and who relies on a contract that changes; nobody else.
fn check_impact(project: &Project, plan: &ExecutionPlan, wrong: &mut Vec<String>) {
    let tasks: BTreeSet<&UnitId> = plan.tasks.iter().map(|task| &task.unit).collect();
    let mut expected: BTreeMap<&UnitId, BTreeSet<&ContractId>> = tasks.iter().map(|unit| (*unit, BTreeSet::new())).collect();
    for (contract, provider) in changing(plan) {
        for unit in project.units.values().filter(|unit| unit.id != *provider && unit.consumes.contains(contract)) {
            expected.entry(&unit.id).or_default().insert(contract);
        }
    }
    if !plan.impacted.iter().map(|impact| &impact.unit).eq(expected.keys().copied()) {
        wrong.push("the impacted units are not those that change or rely on what changes".to_owned());
    }
    for Impact { unit, unchanged, because } in &plan.impacted {
        let contracts: BTreeSet<&ContractId> = because
            .iter()
            .filter_map(|reason| match reason {
                Reason::Consumes { contract, .. } => Some(contract),
                Reason::Requested { .. } => None,
            })
            .collect();
        let requested = because.iter().any(|reason| matches!(reason, Reason::Requested { .. }));
        let right = requested == tasks.contains(unit) && *unchanged != requested && expected.get(unit) == Some(&contracts);
        if !right {
            wrong.push(format!("the plan is wrong about why `{unit}` is impacted"));
        }
    }
}
