use serde::{Deserialize, Serialize};

use crate::evidence::{EvidenceId, Predicate};
use crate::id::{ChangeSetId, CommitId, EnvironmentId, PersonId, PullRequestNumber, RepoId, RequirementId, UnitId};
use crate::principal::Principal;
use crate::time::{UnixMillis, rfc3339};

/// That somebody approved a commit that was proposed for an environment, as it was read back from the Git host.
///
/// It says who, and not that it was enough: that is for a decision. The subject is the commit.
///
/// No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approval {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it was to go.
    pub environment: EnvironmentId,
    /// The repository of the pull request.
    pub repo: RepoId,
    /// The pull request.
    pub pull_request: PullRequestNumber,
    /// The head that was approved.
    pub commit: CommitId,
    /// By whom, by the name that the project has for them.
    pub approver: Principal,
    /// When.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub approved_on: UnixMillis,
}

impl Predicate for Approval {
    const TYPE: &'static str = "https://pathops.dev/predicate/approval/v0.1";
}

/// That something is wrong, or was.
///
/// PathOps states one for what went to production over a broken glass, and with the snapshot of each incident; the subject is what runs
/// there. And it states one when people have closed an incident; its subjects are the commit that declares that, and what ran.
///
/// No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Incident {
    /// Its name, as the meta repository has it.
    pub id: String,
    /// The change set that it follows from, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<ChangeSetId>,
    /// The app or component; the whole project where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// Where; everywhere where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
    /// What is wrong, in words.
    pub summary: String,
    /// Whether it began or ended.
    pub state: IncidentState,
    /// When it did.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: UnixMillis,
    /// When it began, where this says that it ended.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub began: Option<UnixMillis>,
}

/// How an incident is, as CDEvents calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum IncidentState {
    /// Something is wrong.
    Detected,
    /// It is not any more.
    Resolved,
}

impl Predicate for Incident {
    const TYPE: &'static str = "https://pathops.dev/predicate/incident/v0.1";
}

/// That what went to production would not get there by what has come to be known since: the event behind a
/// [`Doubt`](crate::policy::Doubt).
///
/// The subject is what was granted. No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InDoubt {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it is.
    pub environment: EnvironmentId,
    /// The signed decision that is in doubt.
    pub decision: EvidenceId,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub granted_on: UnixMillis,
    /// What is not met any more.
    pub requirements: Vec<Unmet>,
    /// Those who broke the glass, where that was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonId>,
    /// When that was seen.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub seen_on: UnixMillis,
}

/// A requirement that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unmet {
    /// Its name.
    pub id: RequirementId,
    /// Why, in words.
    pub because: String,
}

impl Predicate for InDoubt {
    const TYPE: &'static str = "https://pathops.dev/predicate/in-doubt/v0.1";
}
