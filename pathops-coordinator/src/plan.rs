//! The planner.
use pathops_core::project::*;
use pathops_core::*;
use serde::{Deserialize, Serialize};
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionPlan {
    pub waves: Vec<Wave>,
    pub tasks: Vec<Task>,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wave {
    pub units: Vec<UnitId>,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub unit: UnitId,
    pub objective: String,
    pub patch: Option<String>,
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct PlanError;
pub fn plan(_: &Project, _: &FeatureRequest, _: ChangeSetId) -> std::result::Result<ExecutionPlan, PlanError> {
    Err(PlanError)
}
