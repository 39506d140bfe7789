use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::id::{RequirementId, UnitId};
use crate::policy::{
    Accept, ApprovalRule, Ask, Changes, Coverage, DeploymentRule, LifecycleRule, NoTerms, Requirement, Severity,
};
use crate::project::{Lifecycle, Role, Unit};

/// What one document says about promotion, as written under `spec` of a policy.
///
/// Layers lie on each other: what is built in, the organisation's, the project's, those of classes, and those of units. A
/// lower one can add and tighten, and never loosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyLayer {
    /// Whose rules these are.
    #[serde(default)]
    pub layer: LayerName,
    /// Who merges pull requests of the preflight desired state; people where no layer over a unit says it, and wherever the
    /// uppermost layer does not. Those of production are always for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight_merge: Option<MergeBy>,
    /// What becomes of a change set where a newer one changes the same unit; the first goes first where no layer over the unit says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersession: Option<Supersession>,
    /// Who may do what, beside approving.
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub permissions: Permissions,
    /// How people get past a requirement in an emergency; not at all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// What must hold before something is promoted to production. All that apply to a unit must.
    #[serde(default)]
    pub requirements: Vec<Requirement>,
}

/// Whose rules a layer holds, from the top down.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum LayerName {
    /// What every policy asks for; nobody writes it.
    #[serde(skip_deserializing)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    BuiltIn,
    /// The organisation's.
    Organisation,
    /// The project's.
    #[default]
    Project,
    /// Those of a class of units.
    Class(String),
    /// Those of one app or component.
    Unit(UnitId),
}

impl LayerName {
    /// Whether this layer is over a unit.
    #[must_use]
    pub fn is_over(&self, unit: &Unit) -> bool {
        match self {
            LayerName::BuiltIn | LayerName::Organisation | LayerName::Project => true,
            LayerName::Class(class) => unit.class.as_ref() == Some(class),
            LayerName::Unit(id) => *id == unit.id,
        }
    }

    /// Whether a layer of this name may lie above one of that name: whether there are units that both are over.
    pub(super) fn is_above(&self, lower: &LayerName) -> bool {
        self.rank() < lower.rank()
    }

    fn rank(&self) -> u8 {
        match self {
            LayerName::BuiltIn => 0,
            LayerName::Organisation => 1,
            LayerName::Project => 2,
            LayerName::Class(_) => 3,
            LayerName::Unit(_) => 4,
        }
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayerName::BuiltIn => f.write_str("what is built in"),
            LayerName::Organisation => f.write_str("the organisation's policy"),
            LayerName::Project => f.write_str("the project's policy"),
            LayerName::Class(class) => write!(f, "the policy of the class `{class}`"),
            LayerName::Unit(unit) => write!(f, "the policy of `{unit}`"),
        }
    }
}

/// Who merges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum MergeBy {
    /// PathOps.
    Pathops,
    /// A person.
    #[default]
    People,
}

/// What becomes of a change set where a newer one changes the same unit. Whatever is said here, one at a time is under way.
///
/// A change set gives way whole or not at all: with `latest` and `supersede` only where the newer one changes all that it changes, and
/// never while it is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Supersession {
    /// Each has its turn, in the order in which they were asked for.
    #[default]
    FirstCome,
    /// Those that still wait for their turn become part of the newer one: they go together.
    Batch,
    /// Those that still wait for their turn are cancelled.
    Latest,
    /// The one that is under way is cancelled, too, and taken back, unless something of it has a grant, so that people may merge it into
    /// production.
    Supersede,
}

impl fmt::Display for Supersession {
    /// As a policy writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Supersession::FirstCome => "first-come",
            Supersession::Batch => "batch",
            Supersession::Latest => "latest",
            Supersession::Supersede => "supersede",
        })
    }
}

/// Roles that may do something; a lower layer can take roles away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Permissions {
    /// Who may request a feature; every person of the project where no layer says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<BTreeSet<Role>>,
    /// Who may stop the line, and let it go on; owners and reviewers where no layer says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<BTreeSet<Role>>,
    /// Who may change freeze windows, by approving the change, or by proposing it and writing all of it; owners and reviewers where
    /// no layer says it. The check of a policy holds a change against the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<BTreeSet<Role>>,
}

impl Permissions {
    fn is_empty(&self) -> bool {
        self.named().iter().all(|(_, roles)| roles.is_none())
    }

    /// Each with its name in a policy.
    pub(super) fn named(&self) -> [(&'static str, Option<&BTreeSet<Role>>); 3] {
        let Self { request, stop, freeze } = self;
        [("permissions.request", request.as_ref()), ("permissions.stop", stop.as_ref()), ("permissions.freeze", freeze.as_ref())]
    }
}

/// Something that people need a role for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Request a feature.
    Request,
    /// Stop the line, or let it go on.
    Stop,
    /// Change freeze windows.
    Freeze,
    /// Take a part in breaking the glass.
    BreakGlass,
}

/// How people get past requirements in an emergency.
///
/// Each of them approves the head of the production pull request, so that the approval counts for one of the roles, with a
/// line `break glass: <reason>` in it. Everything that stands in the way must be among the requirements, nobody who holds one
/// of the roles asks for changes, and no stranger is among the authors. The decision stays what it was, is recorded as
/// overridden, and an incident is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BreakGlass {
    /// Requirements that they may get past. What is built in is never among them.
    pub requirements: BTreeSet<RequirementId>,
    /// Roles that count, any of them. Who has a part in the change never counts.
    pub roles: BTreeSet<Role>,
    /// How many people; at least 2.
    pub people: NonZeroU32,
    /// For how many seconds after the last of them it holds; not any more at the end of the last.
    pub valid_seconds: u64,
}

/// What every policy asks for. A layer that uses one of these names tightens it.
pub(super) fn built_in() -> PolicyLayer {
    let accept = Accept { max_age_seconds: u64::MAX, from: None, in_ledger: false };
    let roles = BTreeSet::from([Role::Owner, Role::Reviewer]);
    let allowed = BTreeSet::from([Lifecycle::PathReady, Lifecycle::Production]);
    let asks = [
        (
            "preflight-deployment",
            "what goes to production has run in preflight, byte for byte",
            Ask::Deployment(DeploymentRule { accept }),
        ),
        ("approval", "a person answers for it", Ask::Approvals(ApprovalRule { count: NonZeroU32::MIN, roles })),
        ("lifecycle", "a prototype promises nothing", Ask::Lifecycle(LifecycleRule { allowed })),
        ("dependencies", "what it works with is there first", Ask::Dependencies(NoTerms {})),
        ("no-open-incident", "whoever looks for a fault needs the ground to stand still", Ask::Incidents(NoTerms {})),
        ("stop-the-line", "anybody who may can stop everything", Ask::StopTheLine(NoTerms {})),
    ];
    let requirement = |(id, reason, asks): (&'static str, &str, Ask)| Requirement {
        id: RequirementId::built_in(id),
        reason: reason.to_owned(),
        severity: Severity::Required,
        covers: Coverage::default(),
        changes: Changes::All,
        asks,
    };
    PolicyLayer { layer: LayerName::BuiltIn, requirements: asks.map(requirement).into(), ..PolicyLayer::default() }
}

/// The requirement that is about all evidence.
pub(super) const INTEGRITY: &str = "evidence-integrity";

/// The names of requirements that are no part of any layer, with what they say.
pub(super) const ALWAYS: [(&str, &str); 3] = [
    ("covered", "what the rules do not cover is refused"),
    (INTEGRITY, "a decision rests on evidence that nobody could forge"),
    ("tested-combination", "only what was tested together is promoted together"),
];

/// The last word of the layers, from the top down, on who may do something.
pub(super) fn allowed<'l>(
    layers: impl Iterator<Item = &'l PolicyLayer>,
    pick: impl Fn(&'l PolicyLayer) -> Option<&'l BTreeSet<Role>>,
) -> Option<&'l BTreeSet<Role>> {
    layers.filter_map(pick).last()
}

/// Requirements of a layer by name.
pub(super) fn by_name(layer: &PolicyLayer) -> BTreeMap<&RequirementId, usize> {
    layer.requirements.iter().enumerate().map(|(index, requirement)| (&requirement.id, index)).collect()
}
