//! The documents of a meta repository, as people write them. Every field may be missing or wrong here: what is made of
//! that is the checks' affair.

mod field;
#[cfg(feature = "schema")]
mod schema;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::id::{BranchName, ContractId, EnvironmentId, JobName, PersonId, RepoId, RepoPath, UnitId};
use crate::policy::Expected;
use crate::project::{EnvironmentKind, Lifecycle, Role, Rollback};

pub(crate) use field::{FIELD, Field, List};
#[cfg(feature = "schema")]
pub use schema::{format_schemas, schemas};

/// The version of the format that this crate reads.
pub const API_VERSION: &str = "pathops.dev/v1alpha1";

/// What all documents have.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping", bound = "S: Deserialize<'de>")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Document<S> {
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) api_version: Option<Field<ApiVersion>>,
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) kind: Option<Field<Kind>>,
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) metadata: Option<Field<Metadata>>,
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) spec: Option<Field<S>>,
}

/// The version of the format.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) enum ApiVersion {
    #[serde(rename = "pathops.dev/v1alpha1")]
    V1Alpha1,
}

/// What a document declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) enum Kind {
    Project,
    People,
    Policy,
    Retention,
    Redaction,
    App,
    Component,
    Contract,
    Incident,
    Stop,
    FeatureRequest,
    PolicyTest,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// Who a document is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Metadata {
    /// The name; that of the file without `.yaml`, where there is a folder for the kind.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) name: Option<Field<String>>,
}

/// A product and its environments.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ProjectSpec {
    /// One of each kind.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) environments: List<EnvironmentSpec>,
}

/// An environment and where it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct EnvironmentSpec {
    /// Its name.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) name: Option<Field<EnvironmentId>>,
    /// What it is for.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) kind: Option<Field<EnvironmentKind>>,
    /// The branch of the desired-state repositories that it follows; its name where left out.
    pub(crate) branch: Option<Field<BranchName>>,
    /// The folder there; `environments/<name>` where left out.
    pub(crate) path: Option<Field<RepoPath>>,
    /// The cluster; `local` where left out.
    pub(crate) cluster: Option<Field<String>>,
    /// The namespace; `<project>-<name>` where left out.
    pub(crate) namespace: Option<Field<String>>,
}

/// The people of the project.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PeopleSpec {
    /// Each once.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) people: List<PersonSpec>,
}

/// A person and what they may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PersonSpec {
    /// The name that the Git host knows.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) name: Option<Field<PersonId>>,
    /// What they may do; nothing where left out.
    pub(crate) roles: List<Role>,
    /// Addresses that they commit with, beside those the Git host knows. A commit by an address that nobody knows stops a
    /// promotion.
    pub(crate) emails: List<String>,
    /// Further names by which the Git host knows them: whoever acts under one of these is this person.
    pub(crate) accounts: List<PersonId>,
}

/// A deployable unit with code of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AppSpec {
    /// The person who answers for it.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) owner: Option<Field<PersonId>>,
    /// How far it has come.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) lifecycle: Option<Field<Lifecycle>>,
    /// The class that selects policy rules.
    pub(crate) class: Option<Field<String>>,
    /// For people.
    pub(crate) description: Option<Field<String>>,
    /// What it is for; declared before it is path-ready.
    pub(crate) intent: Option<Field<String>>,
    /// What it may touch and rely on, and what not; declared before it is path-ready.
    pub(crate) boundaries: Option<Field<String>>,
    /// `<project>/<name>-src` and `<project>/<name>-gitops` where left out.
    pub(crate) repositories: Option<Field<AppRepositories>>,
    /// Apps and components that must be ready before it starts.
    pub(crate) depends_on: List<UnitId>,
    /// Contracts that it keeps.
    pub(crate) provides: List<ContractId>,
    /// Contracts that it relies on.
    pub(crate) consumes: List<ContractId>,
    /// How a deployment of it is undone.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) rollback: Option<Field<Rollback>>,
    /// Post-deploy jobs that must pass wherever it is deployed.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) checks: List<JobName>,
}

/// The repositories of an app.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AppRepositories {
    /// Code and `ci/`.
    pub(crate) source: Option<Field<RepoId>>,
    /// Desired state.
    pub(crate) desired_state: Option<Field<RepoId>>,
}

/// Infrastructure: desired state, and no code of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ComponentSpec {
    /// For example `key-value-store`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) component_type: Option<Field<String>>,
    /// The person who answers for it.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) owner: Option<Field<PersonId>>,
    /// How far it has come.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) lifecycle: Option<Field<Lifecycle>>,
    /// The class that selects policy rules.
    pub(crate) class: Option<Field<String>>,
    /// For people.
    pub(crate) description: Option<Field<String>>,
    /// What it is for; declared before it is path-ready.
    pub(crate) intent: Option<Field<String>>,
    /// What it may touch and rely on, and what not; declared before it is path-ready.
    pub(crate) boundaries: Option<Field<String>>,
    /// `<project>/<name>-gitops` where left out.
    pub(crate) repositories: Option<Field<ComponentRepositories>>,
    /// Apps and components that must be ready before it starts.
    pub(crate) depends_on: List<UnitId>,
    /// How a deployment of it is undone.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) rollback: Option<Field<Rollback>>,
    /// Post-deploy jobs that must pass wherever it is deployed.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) checks: List<JobName>,
}

/// The repository of a component.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ComponentRepositories {
    /// Desired state.
    pub(crate) desired_state: Option<Field<RepoId>>,
}

/// What one app promises to others.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ContractSpec {
    /// For example `openapi`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) contract_type: Option<Field<String>>,
    /// The file that says it, beside this one.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) definition: Option<Field<RepoPath>>,
}

/// Something that went wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct IncidentSpec {
    /// The app or component; the whole project where left out.
    pub(crate) unit: Option<Field<UnitId>>,
    /// Since when, in RFC 3339.
    #[cfg_attr(feature = "schema", schemars(required, extend("format" = "date-time")))]
    pub(crate) since: Option<Field<String>>,
    /// Until when, in RFC 3339; still open where left out.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub(crate) closed: Option<Field<String>>,
    /// What is wrong, in words.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) summary: Option<Field<String>>,
}

/// A stop of the line: nothing is promoted until a person lifts it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct StopSpec {
    /// The app or component; the whole project where left out.
    pub(crate) unit: Option<Field<UnitId>>,
    /// Who stopped it.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) by: Option<Field<PersonId>>,
    /// Since when, in RFC 3339.
    #[cfg_attr(feature = "schema", schemars(required, extend("format" = "date-time")))]
    pub(crate) since: Option<Field<String>>,
    /// Why, in words.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) reason: Option<Field<String>>,
    /// Who let it go on; still stopped where left out.
    pub(crate) lifted_by: Option<Field<PersonId>>,
}

/// What a person wants, and which units it touches.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RequestSpec {
    /// One line.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) title: Option<Field<String>>,
    /// The rest, in words.
    pub(crate) text: Option<Field<String>>,
    /// Who asks for it.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) requested_by: Option<Field<PersonId>>,
    /// What has to change, a unit each.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) changes: List<ChangeSpec>,
}

/// What has to change in one unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ChangeSpec {
    /// The app or component.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) unit: Option<Field<UnitId>>,
    /// Why, in words.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) reason: Option<Field<String>>,
    /// Contracts of this unit that change for others with it.
    pub(crate) contracts: List<ContractId>,
    /// A patch for agents that apply one, as a path from the top of the repository.
    pub(crate) patch: Option<Field<RepoPath>>,
}

/// Tests of the policy: facts, and what has to be decided over them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PolicyTestSpec {
    /// The facts that all cases begin with.
    #[serde(default, rename = "facts")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    pub(crate) _facts: Option<IgnoredAny>,
    /// The file with these facts, beside this one, where they are not here: `<name>.facts.yaml`, or in JSON.
    pub(crate) facts_file: Option<Field<RepoPath>>,
    /// The cases.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) cases: List<CaseSpec>,
}

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a mapping")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct CaseSpec {
    /// What it shows.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) name: Option<Field<String>>,
    /// The instant of the decision, in RFC 3339.
    #[cfg_attr(feature = "schema", schemars(required, extend("format" = "date-time")))]
    pub(crate) at: Option<Field<String>>,
    /// What is different from the facts of all cases: a JSON merge patch (RFC 7386). A list of evidence is patched as a
    /// mapping whose keys are positions, from 0.
    #[serde(default, rename = "change")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    pub(crate) _change: Option<IgnoredAny>,
    /// What has to be decided.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub(crate) expect: Option<Field<Expected>>,
}
