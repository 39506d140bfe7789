use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::evidence::RetentionPolicy;
use crate::id::{BranchName, ContractId, EnvironmentId, JobName, PersonId, ProjectId, RepoId, RepoPath, UnitId};
use crate::policy::Policy;
use crate::project::Identities;
use crate::time::UnixMillis;

/// A product: many apps and components, one meta repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Its name.
    pub id: ProjectId,
    /// The repository that declares it.
    pub meta_repo: RepoId,
    /// Its environments.
    pub environments: Environments,
    /// Its apps and components.
    pub units: BTreeMap<UnitId, Unit>,
    /// What apps promise each other.
    pub contracts: BTreeMap<ContractId, Contract>,
    /// The people and what they may do.
    pub people: BTreeMap<PersonId, BTreeSet<Role>>,
    /// Their further accounts, and their addresses.
    pub identities: Identities,
    /// Incidents that have not been closed.
    pub incidents: Vec<OpenIncident>,
    /// Who has stopped the line.
    pub stops: Vec<OpenStop>,
    /// The rules of promotion.
    pub policy: Policy,
    /// How long payloads are kept; all of them for ever, where it says nothing.
    pub retention: Option<RetentionPolicy>,
    /// What of people is taken out of payloads; what the host says, where it says nothing.
    pub redaction: Option<RedactionPolicy>,
}

/// What of people is taken out of payloads before they are stored: of logs, events, metrics and raw reports. Statements name
/// people by their names in `people.yaml`, which is what they are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RedactionPolicy {
    /// What is done with e-mail addresses, and with the names.
    pub personal: PersonalData,
    /// Names of people, customers too: found as whole words, in any case.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
}

/// What is done with what is of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum PersonalData {
    /// It stays.
    Keep,
    /// It is taken out.
    Mask,
}

/// What a person may do in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Role {
    /// Answers for the project.
    Owner,
    /// Reviews and approves.
    Reviewer,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Owner => "owner",
            Role::Reviewer => "reviewer",
        })
    }
}

/// The environments of a project: one of each kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environments {
    /// Where every deployment is tried and tested.
    pub preflight: EnvironmentTarget,
    /// What the users see.
    pub production: EnvironmentTarget,
    /// Where agents work.
    pub agents: EnvironmentTarget,
}

/// What an environment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EnvironmentKind {
    /// Automatic validation after a deploy.
    Preflight,
    /// What the users see.
    Production,
    /// Where agent jobs run.
    Agents,
}

/// Where an environment is: a branch and folder of each desired-state repository, a cluster and a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentTarget {
    /// Its name.
    pub environment: EnvironmentId,
    /// What it is for.
    pub kind: EnvironmentKind,
    /// The branch of the desired-state repositories that it follows. No other environment follows it.
    pub branch: BranchName,
    /// The folder in it.
    pub path: RepoPath,
    /// The cluster, as its GitOps controller names it; `local` for the embedded one.
    pub cluster: String,
    /// The namespace there.
    pub namespace: String,
}

impl EnvironmentTarget {
    /// An environment on this machine: branch and namespace have its name, its folder is `environments/<name>`.
    ///
    /// # Panics
    /// Never: an environment's name is a valid branch and folder name.
    #[must_use]
    #[expect(clippy::expect_used, reason = "an environment's name (a-z, 0-9, `-`) is a valid branch and folder name")]
    pub fn local(environment: EnvironmentId, kind: EnvironmentKind) -> Self {
        Self {
            kind,
            branch: BranchName::parse(environment.as_str()).expect("a slug is a branch name"),
            path: RepoPath::parse(format!("environments/{environment}")).expect("a slug is a folder name"),
            cluster: "local".to_owned(),
            namespace: environment.to_string(),
            environment,
        }
    }
}

/// An app or a component, where it does not matter which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unit {
    /// Its name.
    pub id: UnitId,
    /// App or component.
    pub kind: UnitKind,
    /// The desired-state repository.
    pub desired_state: RepoId,
    /// What it is for. None where it declares nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// The person who answers for it.
    pub owner: PersonId,
    /// What it may touch and rely on, and what not. None where it declares nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundaries: Option<String>,
    /// How far it has come.
    pub lifecycle: Lifecycle,
    /// The class that selects policy rules, for example `web`.
    pub class: Option<String>,
    /// Units that must be ready before this one starts.
    pub depends_on: BTreeSet<UnitId>,
    /// Contracts that it keeps.
    pub provides: BTreeSet<ContractId>,
    /// Contracts that it relies on.
    pub consumes: BTreeSet<ContractId>,
    /// How a deployment of it is undone.
    pub rollback: Rollback,
    /// Post-deploy jobs that must pass wherever it is deployed.
    pub checks: BTreeSet<JobName>,
}

impl Unit {
    /// Its source repository; a component has none.
    #[must_use]
    pub fn source(&self) -> Option<&RepoId> {
        match &self.kind {
            UnitKind::App { source } => Some(source),
            UnitKind::Component { .. } => None,
        }
    }
}

/// What a unit is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum UnitKind {
    /// A deployable unit with code of its own.
    App {
        /// The repository with the code and `ci/`.
        source: RepoId,
    },
    /// Infrastructure: desired state, and no code of its own.
    Component {
        /// For example `key-value-store`.
        component_type: String,
    },
}

/// How far a unit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Lifecycle {
    /// No guarantees; may not be deployed.
    Prototype,
    /// Intent, owner, rollback path and boundaries are declared.
    PathReady,
    /// In production.
    Production,
}

impl std::fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Lifecycle::Prototype => "prototype",
            Lifecycle::PathReady => "path-ready",
            Lifecycle::Production => "production",
        })
    }
}

/// How a deployment is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Rollback {
    /// By reverting the desired state.
    Revert,
    /// It cannot be; a fix has to follow.
    ForwardOnly,
}

impl std::fmt::Display for Rollback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Rollback::Revert => "revert",
            Rollback::ForwardOnly => "forward-only",
        })
    }
}

/// What one unit promises to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Its name.
    pub id: ContractId,
    /// For example `openapi`.
    pub contract_type: String,
    /// The unit that keeps it.
    pub provider: UnitId,
}

/// An incident that has not been closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenIncident {
    /// Its name.
    pub id: String,
    /// The unit it is about; `None`: the whole project.
    pub unit: Option<UnitId>,
    /// Since when.
    #[serde(with = "crate::time::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: UnixMillis,
    /// What is wrong, in words.
    pub summary: String,
}

/// A stop of the line that has not been lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenStop {
    /// Its name.
    pub id: String,
    /// The unit it is about; `None`: the whole project.
    pub unit: Option<UnitId>,
    /// Who stopped it.
    pub by: PersonId,
    /// Since when.
    #[serde(with = "crate::time::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: UnixMillis,
    /// Why, in words.
    pub reason: String,
}

/// A project-level request, from a person: what is wanted, and which units it touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureRequest {
    /// One line.
    pub title: String,
    /// The rest, in words.
    pub text: String,
    /// Who asks for it; the sponsor of the agents that work on it.
    pub requested_by: PersonId,
    /// What has to change, a unit each.
    pub changes: Vec<UnitChange>,
}

/// What has to change in one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitChange {
    /// The unit.
    pub unit: UnitId,
    /// Why, in words.
    pub reason: String,
    /// Contracts of this unit that change for others with it.
    #[serde(default)]
    pub contracts: BTreeSet<ContractId>,
    /// A unified diff for agents that apply one: of the source repository for an app, of the desired-state repository
    /// for a component.
    pub patch: Option<String>,
}
