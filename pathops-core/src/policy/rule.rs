use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{RequirementId, UnitId};
use crate::policy::FreezeWindow;
use crate::project::{Lifecycle, Role, Unit, UnitKind};

/// The rules of promotion of one project, as written under `spec` of `policy.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// Who merges pull requests of the preflight desired state. Those of production are always for people.
    #[serde(default)]
    pub preflight_merge: MergeBy,
    /// What must hold before something is promoted to production. Every set that covers a unit applies to it.
    pub production: Vec<RuleSet>,
}

/// Who merges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum MergeBy {
    /// A person.
    #[default]
    People,
    /// PathOps.
    Pathops,
}

/// Requirements for some units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleSet {
    /// Which units it covers.
    pub covers: Coverage,
    /// Evidence that must be there.
    #[serde(default)]
    pub evidence: Vec<EvidenceRule>,
    /// Approvals of the production pull request.
    pub approvals: ApprovalRule,
    /// The lifecycle states that may be promoted.
    pub lifecycle: LifecycleRule,
    /// No promotion while an incident of the unit or the project is open.
    pub incidents: IncidentRule,
    /// Times without promotions.
    #[serde(default)]
    pub freeze: Vec<FreezeWindow>,
}

/// Which units a rule set covers: those that every given field matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Apps or components; both where it is left out.
    pub kind: Option<CoveredKind>,
    /// Classes; all where it is left out.
    pub classes: Option<BTreeSet<String>>,
    /// Names; all where it is left out.
    pub units: Option<BTreeSet<UnitId>>,
}

/// Apps or components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CoveredKind {
    /// Apps.
    App,
    /// Components.
    Component,
}

/// One piece of evidence that must be there, pass, be about what is promoted, and be fresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceRule {
    /// The name of the requirement.
    pub id: RequirementId,
    /// Why it is asked for, in words.
    pub reason: String,
    /// What is asked for.
    pub kind: EvidenceKind,
    /// How old it may be, in seconds.
    pub max_age_seconds: u64,
}

impl EvidenceRule {
    /// How old it may be.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_seconds)
    }
}

/// A kind of evidence, with what makes it good enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EvidenceKind {
    /// Tests of the source that the artifact was built from.
    BuildTest {
        /// The suite, for example `unit`.
        suite: String,
        /// How many tests must have passed.
        min_passed: u32,
    },
    /// A post-deploy job in preflight.
    PreflightTest {
        /// The job, for example `smoke`.
        suite: String,
        /// How many of its checks must have passed.
        min_passed: u32,
    },
    /// The exact combination was live in preflight.
    PreflightDeployment,
    /// It was healthy there without a gap.
    PreflightHealth {
        /// For how many seconds.
        settled_seconds: u64,
    },
}

/// How many people must approve, and who counts.
///
/// Separation of duties is no option: the author, co-authors, agents and their sponsors never count (I2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalRule {
    /// The name of the requirement.
    pub id: RequirementId,
    /// Why it is asked for, in words.
    pub reason: String,
    /// How many people; at least 1.
    pub count: std::num::NonZeroU32,
    /// Roles that count, any of them.
    pub roles: BTreeSet<Role>,
}

/// The lifecycle states that may be promoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LifecycleRule {
    /// The name of the requirement.
    pub id: RequirementId,
    /// Why it is asked for, in words.
    pub reason: String,
    /// The states.
    pub allowed: BTreeSet<Lifecycle>,
}

/// No promotion while an incident is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentRule {
    /// The name of the requirement.
    pub id: RequirementId,
    /// Why it is asked for, in words.
    pub reason: String,
}

impl Policy {
    /// The digest of the rules: SHA-256 of their canonical JSON (RFC 8785). Layout and comments of the YAML do not count.
    #[must_use]
    pub fn digest(&self) -> Digest {
        canonical_digest(self)
    }

    /// The rule sets that cover `unit`.
    pub fn covering<'p>(&'p self, unit: &'p Unit) -> impl Iterator<Item = &'p RuleSet> {
        self.production.iter().filter(|set| set.covers.matches(unit))
    }
}

impl Coverage {
    /// Whether `unit` is covered.
    #[must_use]
    pub fn matches(&self, unit: &Unit) -> bool {
        let kind = match unit.kind {
            UnitKind::App { .. } => CoveredKind::App,
            UnitKind::Component { .. } => CoveredKind::Component,
        };
        let class = |classes: &BTreeSet<String>| unit.class.as_ref().is_some_and(|class| classes.contains(class));
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.classes.as_ref().is_none_or(class)
            && self.units.as_ref().is_none_or(|units| units.contains(&unit.id))
    }
}

/// SHA-256 of the canonical JSON of `value`. What canonical JSON cannot hold (no type here has such a field) gives the
/// digest of nothing. Its numbers are doubles: integers beyond 2⁵³ that round to the same one are the same, and at that
/// size no duration of a rule means anything different.
pub(crate) fn canonical_digest(value: &impl Serialize) -> Digest {
    Digest::of(&serde_json_canonicalizer::to_vec(value).unwrap_or_default())
}
