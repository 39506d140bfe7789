use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::EvidenceId;
use crate::id::{ChangeSetId, EnvironmentId, PersonId, RequirementId, UnitId};
use crate::policy::{Remaining, Severity};
use crate::time::{UnixMillis, rfc3339};

/// Whether something holds. Ordered by what wins when several are put together.
///
/// Three values in the strong logic of Kleene, with *unknown* between the two others. There is no negation: that something
/// is not known to be bad never makes it good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Verdict {
    /// It holds.
    Pass,
    /// Nobody knows. It stops a promotion as a failure does, and may become a pass.
    Unknown,
    /// It does not hold.
    Fail,
}

impl Verdict {
    /// Whether all hold: the greatest of them. Of nothing, nobody knows (I4).
    ///
    /// ```
    /// use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
    /// assert_eq!(Verdict::all([Pass, Unknown, Pass]), Unknown);
    /// assert_eq!(Verdict::all([Pass, Unknown, Fail]), Fail);
    /// assert_eq!(Verdict::all([]), Unknown);
    /// ```
    #[must_use]
    pub fn all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        verdicts.into_iter().max().unwrap_or(Verdict::Unknown)
    }

    /// Whether one holds: the least of them. Of nothing, nobody knows (I4).
    ///
    /// ```
    /// use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
    /// assert_eq!(Verdict::any([Fail, Unknown]), Unknown);
    /// assert_eq!(Verdict::any([Fail, Pass]), Pass);
    /// assert_eq!(Verdict::any([]), Unknown);
    /// ```
    #[must_use]
    pub fn any(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        verdicts.into_iter().min().unwrap_or(Verdict::Unknown)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Unknown => "unknown",
            Verdict::Fail => "fail",
        })
    }
}

/// At which point of a promotion a decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Stage {
    /// Before the production pull request: everything but what is about that pull request (approvals, what it carries) and
    /// what units depend on that are still to come.
    First,
    /// For the head of the production pull request: everything.
    Final,
}

/// One requirement and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequirementResult {
    /// The requirement.
    pub id: RequirementId,
    /// Why it is asked for.
    pub reason: String,
    /// What becomes of the promotion where it does not hold.
    #[serde(default)]
    pub severity: Severity,
    /// How it stands.
    pub verdict: Verdict,
    /// It is about the production pull request, which does not exist at the first decision: it does not count then.
    pub deferred: bool,
    /// Why the verdict is what it is.
    pub because: String,
    /// The evidence that decided it. Of two pieces of one instant that weigh the same, it is one of them.
    pub evidence: Vec<EvidenceId>,
    /// Looking at preflight again gives evidence anew that may be all that it lacks.
    #[serde(default)]
    pub stale: bool,
    /// People may get past it in an emergency, on the production pull request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breakable: bool,
    /// What is missing, and who could supply it.
    pub missing: Option<Missing>,
    /// What is missing besides, of something else or from others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_missing: Vec<Missing>,
    /// The earliest instant at which it could pass if nothing else changes; `None` where time alone does not help. Evidence that
    /// is dated in the future counts when its time has come.
    pub earliest: Option<UnixMillis>,
}

/// What a requirement still needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Missing {
    /// What.
    pub what: String,
    /// Who could supply it: people by name, or a system in words.
    pub from: Vec<String>,
    /// Whether people can supply it at any time, so that waiting makes sense. Version 1 wrote `by_people`.
    #[serde(alias = "by_people")]
    pub by_people: bool,
    /// From how many of them it must come, each once.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
fn is_nothing(version: &u32) -> bool {
    *version == 0
}

/// How people got past what stood in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overridden {
    /// Who, and the reason that each of them gave.
    pub by: BTreeMap<PersonId, String>,
    /// What they got past.
    pub requirements: Vec<RequirementId>,
    /// Until when it holds.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub until: UnixMillis,
}

/// Whether a unit may be promoted, and why. The same policy, facts and instant give the same decision, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    /// The version of this form.
    pub format: u32,
    /// The version of the evaluator that made it; 0 where it is from before these had versions.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub evaluator: u32,
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it would go.
    pub environment: EnvironmentId,
    /// At which point.
    pub stage: Stage,
    /// The greatest verdict of the requirements that count.
    pub verdict: Verdict,
    /// The instant it was made for.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: UnixMillis,
    /// The policy.
    pub policy: Digest,
    /// The facts.
    pub facts: Digest,
    /// The languages that the policy's conditions are written in, with the versions of their engines.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<String, String>,
    /// Every requirement.
    pub requirements: Vec<RequirementResult>,
    /// The least that would let it pass; `None` where nothing stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Remaining>,
    /// People got past what stands in the way. The verdict stays what it is, and an incident has to be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Overridden>,
}

impl Decision {
    /// The version of the form that is written. Version 1 had no severities, nothing remaining and no overriding; it is read. What
    /// came to version 2 later, the evaluator, engines and what is missing besides, is left out where there is none.
    pub const FORMAT: u32 = 2;

    /// The version of the evaluator. It is raised with every change by which the same policy and facts may come to another
    /// verdict or text, so that a decision from before is not taken for one that was changed.
    pub const EVALUATOR: u32 = 3;

    /// Whether a grant follows from it: it passes, or the glass was broken by the rules, for a production pull request.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.stage == Stage::Final && (self.verdict == Verdict::Pass || self.overridden.is_some())
    }

    /// The requirements that stand in the way.
    pub fn blocking(&self) -> impl Iterator<Item = &RequirementResult> {
        self.requirements.iter().filter(|requirement| requirement.counts() && requirement.verdict != Verdict::Pass)
    }

    /// Whether a production pull request may be opened after the first decision: nothing stands in the way but what people
    /// may get past there.
    #[must_use]
    pub fn is_proposable(&self) -> bool {
        self.stage == Stage::First && self.blocking().all(|requirement| requirement.breakable)
    }

    /// Whether everything that stands in the way may be settled by time or by people, so that waiting makes sense.
    #[must_use]
    pub fn can_wait(&self) -> bool {
        self.blocking().all(|it| it.earliest.is_some() || it.is_for_people() || (it.breakable && self.stage == Stage::Final))
    }

    /// Whether newer evidence, time and people are all that stands in the way, and it is time for newer evidence.
    #[must_use]
    pub fn needs_newer_evidence(&self) -> bool {
        let passing = |it: &RequirementResult| it.stale || it.earliest.is_some() || it.is_for_people();
        // What takes time is not looked at before it can have passed.
        let due = |it: &RequirementResult| it.stale && it.earliest.is_none_or(|earliest| earliest <= self.at);
        self.blocking().any(due) && self.blocking().all(passing)
    }
}

impl RequirementResult {
    /// Whether the verdict of the decision depends on it.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.deferred && self.severity == Severity::Required
    }

    /// All that is missing.
    pub fn all_missing(&self) -> impl Iterator<Item = &Missing> {
        self.missing.iter().chain(&self.also_missing)
    }

    fn is_for_people(&self) -> bool {
        self.missing.is_some() && self.all_missing().all(|missing| missing.by_people)
    }
}
