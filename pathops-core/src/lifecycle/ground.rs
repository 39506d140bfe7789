use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::EvidenceId;
use crate::id::{CommitId, PersonId, UnitId};
use crate::lifecycle::{Change, Decided, Failure, Granted, HumanDecision, Preflight, Promotion, Reported};
use crate::policy::GrantId;
use crate::project::Unit;

/// What a transition rests on, as it stands in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ground {
    /// A person decided.
    Person(HumanDecision),
    /// An owner took an app onto the path, with what was declared for it.
    Declared {
        /// What was declared.
        declarations: Declarations,
        /// Who decided.
        by: HumanDecision,
    },
    /// An incident.
    Incident(Reported),
    /// Pull requests that were read back, a unit each.
    Changes(BTreeMap<UnitId, Change>),
    /// Commits, a unit each: what records of format 1 have where those of today have pull requests. It is read, and made by
    /// nothing.
    Commits(BTreeMap<UnitId, CommitId>),
    /// A deployment in preflight that was ready and healthy.
    Preflight(Preflight),
    /// Decisions that passed, a unit each.
    Decided(BTreeMap<UnitId, Decided>),
    /// A promotion was granted.
    Granted(Granted),
    /// A grant was taken back: what it rested on is gone.
    TakenBack {
        /// The unit.
        unit: UnitId,
        /// The grant.
        grant: GrantId,
        /// Why.
        reason: String,
    },
    /// What was granted is where it was to go.
    Promotion(Promotion),
    /// Every unit is in production: the evidence that the record has of each.
    Live(BTreeMap<UnitId, EvidenceId>),
    /// Something failed.
    Failure(Failure),
    /// Every unit is what it was before.
    Back(BTreeMap<UnitId, Back>),
    /// Words alone: enough to stop, and never to go on.
    Reason(String),
}

/// What stands behind a path-ready app; none of it is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declarations {
    /// What it is for.
    pub intent: String,
    /// The person who answers for it.
    pub owner: PersonId,
    /// How a deployment of it is undone.
    pub rollback: String,
    /// What it may touch and rely on, and what not.
    pub boundaries: String,
}

impl Declarations {
    /// What a unit declares of itself.
    ///
    /// # Errors
    /// The names of what it does not declare.
    pub fn of(unit: &Unit) -> Result<Self, Vec<&'static str>> {
        let (owner, rollback) = (unit.owner.clone(), unit.rollback.to_string());
        match (unit.intent.clone(), unit.boundaries.clone()) {
            (Some(intent), Some(boundaries)) => Ok(Self { intent, owner, rollback, boundaries }),
            (intent, boundaries) => {
                let all = [("intent", intent), ("boundaries", boundaries)];
                Err(all.into_iter().filter(|(_, text)| text.is_none()).map(|(name, _)| name).collect())
            }
        }
    }

    /// The first that is empty.
    pub(super) fn empty(&self) -> Option<&'static str> {
        let words = [("intent", &self.intent), ("rollback path", &self.rollback), ("boundaries", &self.boundaries)];
        words.into_iter().find(|(_, text)| text.trim().is_empty()).map(|(name, _)| name)
    }
}

/// How a unit is back to what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Back {
    /// It was observed, ready and healthy.
    Observed(Preflight),
    /// There is nothing to observe, and why.
    Nothing(String),
}

/// What a transition needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Needs {
    /// [`Ground::Person`].
    Person,
    /// [`Ground::Declared`].
    Declarations,
    /// [`Ground::Incident`].
    Incident,
    /// [`Ground::Changes`], or [`Ground::Commits`] of a record from before.
    Changes,
    /// [`Ground::Preflight`].
    Preflight,
    /// [`Ground::Decided`].
    Decisions,
    /// [`Ground::Granted`].
    Grant,
    /// [`Ground::TakenBack`].
    TakingBack,
    /// [`Ground::Promotion`].
    Promotion,
    /// [`Ground::Live`].
    Live,
    /// [`Ground::Failure`].
    Failure,
    /// [`Ground::Back`].
    Back,
    /// [`Ground::Reason`].
    Reason,
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Needs::Person => "a person's decision",
            Needs::Declarations => "intent, owner, rollback path and boundaries, and an owner's decision",
            Needs::Incident => "an incident",
            Needs::Changes => "pull requests of its units",
            Needs::Preflight => "evidence of readiness and health in preflight",
            Needs::Decisions => "a decision that passed, of every unit",
            Needs::Grant => "a promotion grant",
            Needs::TakingBack => "a reason to take the grant back",
            Needs::Promotion => "a grant and evidence of readiness in production",
            Needs::Live => "evidence of readiness in production, of every unit",
            Needs::Failure => "evidence of a failure",
            Needs::Back => "evidence of what is back, of every unit",
            Needs::Reason => "a reason",
        })
    }
}

impl Ground {
    /// What it fulfils.
    #[must_use]
    pub fn fulfils(&self) -> Needs {
        match self {
            Ground::Person(_) => Needs::Person,
            Ground::Declared { .. } => Needs::Declarations,
            Ground::Incident(_) => Needs::Incident,
            Ground::Changes(_) | Ground::Commits(_) => Needs::Changes,
            Ground::Preflight(_) => Needs::Preflight,
            Ground::Decided(_) => Needs::Decisions,
            Ground::Granted(_) => Needs::Grant,
            Ground::TakenBack { .. } => Needs::TakingBack,
            Ground::Promotion(_) => Needs::Promotion,
            Ground::Live(_) => Needs::Live,
            Ground::Failure(_) => Needs::Failure,
            Ground::Back(_) => Needs::Back,
            Ground::Reason(_) => Needs::Reason,
        }
    }

    /// The person who decided.
    #[must_use]
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Ground::Person(decision) | Ground::Declared { by: decision, .. } => Some(&decision.person),
            _ => None,
        }
    }

    /// Why, in words, where it has words.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Ground::Person(decision) | Ground::Declared { by: decision, .. } => Some(&decision.reason),
            Ground::Incident(it) => Some(&it.incident.summary),
            Ground::TakenBack { reason, .. } | Ground::Reason(reason) => Some(reason),
            Ground::Failure(failure) => Some(&failure.reason),
            _ => None,
        }
    }

    /// The evidence it names.
    #[must_use]
    pub fn evidence(&self) -> Vec<EvidenceId> {
        let tried = |it: &Preflight| [it.deployment, it.health];
        match self {
            Ground::Preflight(it) => tried(it).to_vec(),
            Ground::Decided(units) => {
                units.values().flat_map(|it| [it.preflight.deployment, it.preflight.health, it.decision]).collect()
            }
            Ground::Promotion(it) => vec![it.deployment],
            Ground::Live(units) => units.values().copied().collect(),
            Ground::Failure(it) => vec![it.evidence],
            Ground::Back(units) => {
                let observed = |back: &Back| if let Back::Observed(it) = back { tried(it).to_vec() } else { Vec::new() };
                units.values().flat_map(observed).collect()
            }
            _ => Vec::new(),
        }
    }
}
