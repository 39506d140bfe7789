//! The planner: from a feature request to what is to be done, in which order, and why.
//!
//! Planning is pure: the same project and request give the same plan. Only the units that the request names change;
//! whoever relies on a contract that changes is impacted too, to be verified. What runs against what orders nothing:
//! units are deployed after those they *start* after (also by way of units that do not change), and after the provider
//! of a contract that changes.

mod check;
mod order;
mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pathops_core::order::{Cycle, Graph, TooLarge};
use pathops_core::project::{FeatureRequest, Lifecycle, Project, Rollback, Unit, UnitChange};
use pathops_core::{ChangeSetId, ContractId, JobName, PersonId, ProjectId, RepoId, UnitId};
use serde::{Deserialize, Serialize};

pub use check::check_plan;
pub use render::render;

/// The version of the format in which plans are stored.
pub const PLAN_FORMAT: u32 = 1;

/// What one change set does: who is touched, the work, the deploy order and the way back. Never changed once made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionPlan {
    /// [`PLAN_FORMAT`].
    pub format: u32,
    /// The project.
    pub project: ProjectId,
    /// The change set.
    pub change_set: ChangeSetId,
    /// What is wanted, in one line.
    pub title: String,
    /// Who asks for it.
    pub requested_by: PersonId,
    /// Everything that is touched, by name.
    pub impacted: Vec<Impact>,
    /// The work, by unit; a unit has one task at most.
    pub tasks: Vec<Task>,
    /// The units that have a task, in deploy order.
    pub waves: Vec<Wave>,
    /// Why the order is as it is.
    pub order: Vec<Before>,
    /// The way back: the waves, last first.
    pub rollback: Vec<Vec<UnitId>>,
    /// Units whose deployment cannot be undone; a fix has to follow.
    pub forward_only: BTreeSet<UnitId>,
}

/// A unit that the change set touches, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// The unit.
    pub unit: UnitId,
    /// Whether it has no task: it does not change, and has to work with what does.
    pub unchanged: bool,
    /// Why; at least one reason.
    pub because: Vec<Reason>,
}

/// Why a unit is impacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The request names it.
    Requested {
        /// Why, in the words of the request.
        reason: String,
    },
    /// It relies on a contract that changes.
    Consumes {
        /// The contract.
        contract: ContractId,
        /// The unit that provides it.
        provider: UnitId,
    },
}

/// The work in one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The unit.
    pub unit: UnitId,
    /// Where the work is: the source repository of an app, the desired state of a component.
    pub repository: RepoId,
    /// What is wanted, in words.
    pub objective: String,
    /// Contracts that change for others with it.
    pub contracts: BTreeSet<ContractId>,
    /// A unified diff that does it; without one, a person or an agent with an idea does.
    pub patch: Option<String>,
}

/// Units that may be deployed at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wave {
    /// The units, by name.
    pub units: Vec<UnitId>,
    /// What must pass before the next wave begins: the post-deploy jobs of each unit.
    pub waits_for: BTreeMap<UnitId, BTreeSet<JobName>>,
}

/// Why one unit is deployed before another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// It goes first.
    pub first: UnitId,
    /// It goes in a later wave.
    pub then: UnitId,
    /// Why.
    pub because: Because,
}

/// The reason of an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Because {
    /// The later unit starts only when the earlier one is ready.
    Starts {
        /// Units between them that do not change, from the later one on; mostly none.
        by_way_of: Vec<UnitId>,
    },
    /// The later unit relies on a contract of the earlier one, and it changes.
    ContractChanges {
        /// The contract.
        contract: ContractId,
    },
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Because::Starts { by_way_of } if by_way_of.is_empty() => f.write_str("it starts after it"),
            Because::Starts { by_way_of } => write!(f, "it starts after it, by way of {}", quoted(by_way_of)),
            Because::ContractChanges { contract } => write!(f, "the contract `{contract}` changes"),
        }
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The request changes nothing.
    #[error("the request names no app or component that changes")]
    NothingToChange,
    /// The request names what is no unit of the project.
    #[error("`{0}` is no app or component of the project")]
    UnknownUnit(UnitId),
    /// The request names a unit more than once.
    #[error("the request names `{0}` twice; put what changes in it into one entry")]
    UnitTwice(UnitId),
    /// The request changes a contract along with a unit that does not provide it.
    #[error("`{unit}` does not provide the contract `{contract}`; name the contract under the unit that does")]
    NotProvided {
        /// The unit.
        unit: UnitId,
        /// The contract.
        contract: ContractId,
    },
    /// A prototype may not be deployed.
    #[error("`{0}` is a prototype, and those may not be deployed; declare it path-ready first")]
    Prototype(UnitId),
    /// Units would have to be deployed after each other.
    #[error("there is no deploy order: {0}")]
    Cycle(Box<Cycle<UnitId, Because>>),
    /// More than can be ordered.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// Plans a request.
///
/// # Errors
/// [`PlanError`]; the request asks for what the project does not have or may not do.
pub fn plan(project: &Project, request: &FeatureRequest, change_set: ChangeSetId) -> Result<ExecutionPlan, PlanError> {
    let changed = changed(project, request)?;
    let edges = order::edges(project, &changed);
    let graph = Graph::new(changed.keys().map(|unit| (*unit).clone()), edges)?;
    let waves: Vec<Wave> = graph
        .waves()
        .map_err(|cycle| PlanError::Cycle(Box::new(cycle)))?
        .iter()
        .map(|wave| self::wave(&changed, wave.nodes().cloned().collect()))
        .collect();
    let order =
        graph.edges().map(|edge| Before { first: edge.to.clone(), then: edge.from.clone(), because: edge.because.clone() });
    let forward_only = changed.values().filter(|(unit, _)| unit.rollback == Rollback::ForwardOnly);
    Ok(ExecutionPlan {
        format: PLAN_FORMAT,
        project: project.id.clone(),
        change_set,
        title: request.title.clone(),
        requested_by: request.requested_by.clone(),
        impacted: impacted(project, &changed),
        tasks: changed.values().map(|(unit, change)| task(request, unit, change)).collect(),
        rollback: waves.iter().rev().map(|wave| wave.units.clone()).collect(),
        forward_only: forward_only.map(|(unit, _)| unit.id.clone()).collect(),
        order: order.collect(),
        waves,
    })
}

/// The units that change, each with what the request says of it.
type Changed<'a> = BTreeMap<&'a UnitId, (&'a Unit, &'a UnitChange)>;

fn changed<'a>(project: &'a Project, request: &'a FeatureRequest) -> Result<Changed<'a>, PlanError> {
    let mut changed = Changed::new();
    for change in &request.changes {
        let unit = project.units.get(&change.unit).ok_or_else(|| PlanError::UnknownUnit(change.unit.clone()))?;
        if unit.lifecycle == Lifecycle::Prototype {
            return Err(PlanError::Prototype(unit.id.clone()));
        }
        if let Some(contract) = change.contracts.iter().find(|contract| !unit.provides.contains(*contract)) {
            return Err(PlanError::NotProvided { unit: unit.id.clone(), contract: contract.clone() });
        }
        if changed.insert(&unit.id, (unit, change)).is_some() {
            return Err(PlanError::UnitTwice(unit.id.clone()));
        }
    }
    if changed.is_empty() { Err(PlanError::NothingToChange) } else { Ok(changed) }
}

fn wave(changed: &Changed<'_>, units: Vec<UnitId>) -> Wave {
    let checks = units.iter().filter_map(|id| changed.get(id)).map(|(unit, _)| (unit.id.clone(), unit.checks.clone()));
    Wave { waits_for: checks.collect(), units }
}

fn impacted(project: &Project, changed: &Changed<'_>) -> Vec<Impact> {
    let contracts: BTreeMap<&ContractId, &UnitId> =
        changed.values().flat_map(|(unit, change)| change.contracts.iter().map(|contract| (contract, &unit.id))).collect();
    let mut impacted = Vec::new();
    for unit in project.units.values() {
        let change = changed.get(&unit.id).map(|(_, change)| change);
        let requested = change.map(|change| Reason::Requested { reason: change.reason.clone() });
        let relied_on = unit.consumes.iter().filter_map(|contract| contracts.get_key_value(contract));
        let consumes = relied_on
            .filter(|(_, provider)| **provider != &unit.id)
            .map(|(contract, provider)| Reason::Consumes { contract: (*contract).clone(), provider: (*provider).clone() });
        let because: Vec<Reason> = requested.into_iter().chain(consumes).collect();
        if !because.is_empty() {
            impacted.push(Impact { unit: unit.id.clone(), unchanged: change.is_none(), because });
        }
    }
    impacted
}

fn task(request: &FeatureRequest, unit: &Unit, change: &UnitChange) -> Task {
    let parts = [request.title.trim(), request.text.trim()].into_iter().filter(|part| !part.is_empty());
    let wanted: Vec<&str> = parts.collect();
    Task {
        unit: unit.id.clone(),
        repository: unit.source().unwrap_or(&unit.desired_state).clone(),
        objective: format!("{}\n\nIn `{}`: {}", wanted.join("\n\n"), unit.id, change.reason.trim()),
        contracts: change.contracts.clone(),
        patch: change.patch.clone(),
    }
}

/// `a`, `b`.
fn quoted<'a, T: fmt::Display + 'a>(names: impl IntoIterator<Item = &'a T>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
