//! The coordinator: from a feature request to production, over many repositories, by policy and evidence.
//!
//! * [`plan`] turns a request into an execution plan: tasks, deploy order in waves, rollback order. Pure.
//! * [`change_set`] is the workflow of one change set as a state machine. Pure.
//! * [`incident`] is the workflow of one incident, as another one. Pure.
//! * [`engine`] journals each transition and only then runs its commands, so that a crash at any moment loses nothing.
//! * [`gateway`] takes webhooks, stores them before it acknowledges them, and has them handled.
//! * [`ControlPlane`] puts the adapters of a host, the workflow and the engine together.
//!
//! The coordinator never sees an adapter: it knows the traits of [`pathops_core::adapter`] only.

mod activity;
mod alert;
mod apps;
mod bells;
mod builder;
pub mod change_set;
mod control_plane;
pub mod desired_state;
mod doctor;
mod doubt;
pub mod engine;
pub mod gate;
pub mod gateway;
pub mod incident;
mod incidents;
mod last_good;
mod leftover;
mod list;
mod operate;
mod outside_evidence;
pub mod plan;
mod policy_change;
mod request;
mod retry;
mod runs;
mod take_back;
mod tell;
mod turn;
mod waits;
mod wake;

pub use activity::Pace;
pub use alert::OpensIncidents;
pub use builder::*;
pub use control_plane::*;
pub use doctor::Finding;
pub use doubt::InProduction;
pub use incidents::IncidentFilter;
pub use leftover::GivenUp;
pub use list::ChangeSetFilter;
pub use operate::*;
pub use policy_change::*;
pub use retry::RetryBudgets;
pub use waits::{Deadline, EndedBy, Wait};
pub use wake::WakesDeployments;
