use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::{
    Deployment, EvidenceId, Health, Predicate, TestResult, TestVerdict, VerificationResult, VerificationSummary, VerifiedEvidence,
};
use crate::id::{ChangeSetId, EnvironmentId, PersonId, UnitId};
use crate::policy::{RequirementResult, Verdict};
use crate::principal::Principal;
use crate::project::Role;
use crate::time::UnixMillis;

/// Something that was proved just now: from verified evidence, from a grant, from what a system around was read back to hold,
/// or by a person who may decide.
///
/// The thing itself is plain data, as it stands in a record. Its proof is not: nobody outside this crate makes one from
/// data, none is read back, and no record gives one, but for what a host has read back itself or whom it has identified, for
/// which it answers. Whoever verifies evidence answers for whose key it was. What a record has of it is [`Recorded`].
///
/// ```compile_fail,E0423
/// use pathops_core::lifecycle::{Granted, Proven};
/// fn forge(granted: Granted) -> Proven<Granted> {
///     Proven(granted) // its field is private
/// }
/// ```
/// ```compile_fail,E0277
/// use pathops_core::lifecycle::{Preflight, Proven};
/// let proof: Proven<Preflight> = serde_json::from_str("{}").unwrap(); // it does not deserialise
/// ```
/// ```compile_fail,E0308
/// use pathops_core::UnixMillis;
/// use pathops_core::lifecycle::{ArtifactLifecycle, Promotion};
/// fn promoted(artifact: &ArtifactLifecycle, promotion: &Promotion) {
///     let _ = artifact.promoted(promotion, UnixMillis(0)); // data is no proof
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven<T>(T);

impl<T> Proven<T> {
    /// For what this crate has checked.
    pub(super) fn checked(it: T) -> Self {
        Self(it)
    }

    /// What was proved.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// What was proved before, as it was written down: in a record, in a journal. Whoever keeps that answers for it.
///
/// A workflow whose steps are pure has no verified thing at hand. It takes up what an activity has proved where that was, and
/// the activity's outcome carries this. With it an *account* follows, which is that of a change set or an app: it tells what
/// its artifacts have come to. An artifact itself moves by [`Proven`] only, and so does every proof that rests on another; so
/// what was only read leads nowhere.
///
/// ```compile_fail,E0308
/// use pathops_core::evidence::VerifiedEvidence;
/// use pathops_core::lifecycle::{Granted, Promotion, Recorded};
/// fn promote(granted: &Recorded<Granted>, deployment: &VerifiedEvidence) {
///     let _ = Promotion::prove(granted, deployment); // that a grant is on record proves none
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    /// For what a record of this crate has.
    pub(super) fn of(it: T) -> Self {
        Self(it)
    }

    /// What was recorded.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }
}

impl<T> From<Proven<T>> for Recorded<T> {
    fn from(Proven(it): Proven<T>) -> Self {
        Self(it)
    }
}

/// What an account goes on with: what is [`Proven`] now, or was and is [`Recorded`]. Nobody else implements it.
///
/// ```compile_fail,E0277
/// use pathops_core::lifecycle::{Promotion, Proof};
/// struct Mine(Promotion);
/// impl Proof<Promotion> for Mine {
///     fn it(&self) -> &Promotion {
///         &self.0
///     }
/// }
/// ```
pub trait Proof<T>: sealed::Sealed {
    /// What it is the proof of.
    fn it(&self) -> &T;
}

impl<T> Proof<T> for Proven<T> {
    fn it(&self) -> &T {
        &self.0
    }
}

impl<T> Proof<T> for Recorded<T> {
    fn it(&self) -> &T {
        &self.0
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Proven<T> {}
    impl<T> Sealed for super::Recorded<T> {}
}

/// Why something proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Another kind of evidence, or its content is not what its kind says.
    #[error("the evidence {evidence} is no {wanted}")]
    Kind {
        /// Its name.
        evidence: EvidenceId,
        /// What was asked for.
        wanted: &'static str,
    },
    /// It says the opposite.
    #[error("the evidence {evidence} says no: {says}")]
    Negative {
        /// Its name.
        evidence: EvidenceId,
        /// What it says.
        says: String,
    },
    /// Evidence of a failure was asked for, and nothing failed.
    #[error("the evidence {0} does not speak of a failure")]
    Positive(EvidenceId),
    /// Its subject is not what it speaks of.
    #[error("the evidence {0} has not the deployment that it speaks of as its subject")]
    Subject(EvidenceId),
    /// Two things that have to be about one are not.
    #[error("the {what} differs: `{one}` and `{other}`")]
    Differ {
        /// What.
        what: &'static str,
        /// In the first.
        one: String,
        /// In the second.
        other: String,
    },
    /// A decision that does not rest on what it is put together with.
    #[error("the decision {decision} does not rest on the evidence {evidence}")]
    Unrelated {
        /// The decision.
        decision: EvidenceId,
        /// The evidence.
        evidence: EvidenceId,
    },
    /// Only people decide.
    #[error("{0} is not a person, and only people decide this")]
    NotAPerson(Principal),
    /// A person without the role.
    #[error("{person} is not declared as {} of the project", role_word(*.role))]
    NoRole {
        /// The person.
        person: PersonId,
        /// The role.
        role: Role,
    },
    /// A decision without a reason.
    #[error("a decision needs a reason")]
    NoReason,
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner => "an owner",
        Role::Reviewer => "a reviewer",
    }
}

/// What a person decided, in a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HumanDecision {
    /// The person.
    pub person: PersonId,
    /// The role that they decided in.
    pub role: Role,
    /// Why.
    pub reason: String,
    /// When.
    #[serde(with = "crate::time::rfc3339")]
    pub at: UnixMillis,
}

impl HumanDecision {
    /// A decision of `by` in `role`, which `people` of the project gives them. The host answers for `by`: it must have
    /// been told by whoever checked who that is.
    ///
    /// # Errors
    /// [`ProofError`] for an agent and for PathOps itself, for a person without the role, and without a reason.
    pub fn prove(
        by: &Principal,
        role: Role,
        people: &BTreeMap<PersonId, BTreeSet<Role>>,
        reason: impl Into<String>,
        at: UnixMillis,
    ) -> Result<Proven<Self>, ProofError> {
        let Principal::Human(person) = by else { return Err(ProofError::NotAPerson(by.clone())) };
        if !people.get(person).is_some_and(|roles| roles.contains(&role)) {
            return Err(ProofError::NoRole { person: person.clone(), role });
        }
        let reason = reason.into();
        if reason.trim().is_empty() {
            return Err(ProofError::NoReason);
        }
        Ok(Proven(Self { person: person.clone(), role, reason, at }))
    }
}

/// A deployment in preflight that was ready and then healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preflight {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where.
    pub environment: EnvironmentId,
    /// What ran; a component has no artifact.
    pub artifact: Option<Digest>,
    /// Evidence that it was ready.
    pub deployment: EvidenceId,
    /// Evidence that it was healthy.
    pub health: EvidenceId,
}

impl Preflight {
    /// From evidence that the deployment was ready, and that the same one was healthy then or later. For how long it has
    /// to be healthy is for the policy to say.
    ///
    /// # Errors
    /// [`ProofError`] where one of them is something else, says no, or is about something else than the other.
    pub fn prove(deployment: &VerifiedEvidence, health: &VerifiedEvidence) -> Result<Proven<Self>, ProofError> {
        let it = ready(deployment)?;
        let well: Health = read(health, "evidence of health")?;
        if !well.healthy {
            return Err(ProofError::Negative { evidence: health.id(), says: "it was not healthy".to_owned() });
        }
        same("change set", &it.change_set, &well.change_set)?;
        same("app or component", &it.unit, &well.unit)?;
        same("environment", &it.environment, &well.environment)?;
        if !about(health, &it) {
            return Err(ProofError::Subject(health.id()));
        }
        if well.observed_on < it.observed_on {
            return Err(ProofError::Negative { evidence: health.id(), says: "it is older than the deployment".to_owned() });
        }
        let Deployment { change_set, unit, environment, artifact, .. } = it;
        Ok(Proven(Self { change_set, unit, environment, artifact, deployment: deployment.id(), health: health.id() }))
    }
}

/// A decision by which something may be proposed for production, with what was tried in preflight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// What was tried.
    pub preflight: Preflight,
    /// The evidence of the decision.
    pub decision: EvidenceId,
}

/// What is asked of the decision in a verification summary.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ruling {
    change_set: ChangeSetId,
    unit: UnitId,
    verdict: Verdict,
    #[serde(default)]
    requirements: Vec<RequirementResult>,
}

impl Ruling {
    /// Whether it passed, or nothing says no but what people may get past, so that it waits on the production pull request.
    fn lets_on(&self) -> bool {
        let mut blocking = self.requirements.iter().filter(|it| it.counts() && it.verdict != Verdict::Pass).peekable();
        let open = |it: &RequirementResult| it.breakable || it.verdict == Verdict::Unknown;
        self.verdict == Verdict::Pass || (blocking.peek().is_some() && blocking.all(open))
    }
}

impl Decided {
    /// From what was tried, and evidence of a decision that rests on it and passed, or in which nothing says no but what people
    /// may get past.
    ///
    /// # Errors
    /// [`ProofError`] where the decision is something else, says no, is about something else, or does not rest on
    /// the evidence of what was tried.
    pub fn prove(preflight: &Proven<Preflight>, decision: &VerifiedEvidence) -> Result<Proven<Self>, ProofError> {
        let Proven(tried) = preflight;
        let kind = || ProofError::Kind { evidence: decision.id(), wanted: "decision" };
        let summary: VerificationSummary = read(decision, "decision")?;
        let ruling: Ruling = serde_json::from_value(summary.decision).map_err(|_| kind())?;
        // One that contradicts itself says nothing.
        let agrees = (summary.verification_result == VerificationResult::Passed) == (ruling.verdict == Verdict::Pass);
        if !agrees || !ruling.lets_on() {
            return Err(ProofError::Negative { evidence: decision.id(), says: "it did not pass".to_owned() });
        }
        same("change set", &tried.change_set, &ruling.change_set)?;
        same("app or component", &tried.unit, &ruling.unit)?;
        if tried.artifact.is_some_and(|artifact| !names(decision, "sha256", &artifact.hex())) {
            return Err(ProofError::Subject(decision.id()));
        }
        let inputs = &summary.input_attestations;
        for evidence in [tried.deployment, tried.health] {
            let hex = evidence.0.hex();
            if !inputs.iter().any(|input| input.digest.get("sha256") == Some(&hex)) {
                return Err(ProofError::Unrelated { decision: decision.id(), evidence });
            }
        }
        Ok(Proven(Self { preflight: tried.clone(), decision: decision.id() }))
    }
}

/// Something that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The evidence of it.
    pub evidence: EvidenceId,
    /// The artifacts that it has as subjects.
    pub artifacts: BTreeSet<Digest>,
    /// The unit, where it says so.
    pub unit: Option<UnitId>,
    /// What it says.
    pub reason: String,
}

impl Failure {
    /// From evidence that says no: a deployment that was not ready, health that was not there, or a test that failed.
    ///
    /// # Errors
    /// [`ProofError`] for other evidence, and where nothing failed.
    pub fn prove(evidence: &VerifiedEvidence) -> Result<Proven<Self>, ProofError> {
        let (unit, failed) = match evidence.statement().predicate_type.as_str() {
            Health::TYPE => {
                let it: Health = read(evidence, "evidence of health")?;
                (Some(it.unit), (!it.healthy).then(|| "it was not healthy".to_owned()))
            }
            TestResult::TYPE => failed_tests(read(evidence, "test result")?),
            _ => {
                let it: Deployment = read(evidence, "evidence of a deployment, health or tests")?;
                (Some(it.unit.clone()), not_ready(&it))
            }
        };
        let reason = failed.ok_or(ProofError::Positive(evidence.id()))?;
        let digests = evidence.statement().subject.iter().filter_map(|subject| subject.digest.get("sha256"));
        let artifacts = digests.filter_map(|hex| Digest::from_hex(hex).ok()).collect();
        Ok(Proven(Self { evidence: evidence.id(), artifacts, unit, reason }))
    }
}

fn failed_tests(it: TestResult) -> (Option<UnitId>, Option<String>) {
    let failed = it.result == TestVerdict::Failed || !it.failed_tests.is_empty();
    let unit = it.configuration.into_iter().find_map(|configuration| configuration.annotations.unit);
    (unit, failed.then(|| format!("tests failed: {}", it.failed_tests.join(", "))))
}

/// A deployment that was ready, and is the subject of its evidence.
pub(super) fn ready(evidence: &VerifiedEvidence) -> Result<Deployment, ProofError> {
    let it: Deployment = read(evidence, "evidence of a deployment")?;
    match not_ready(&it) {
        Some(says) => Err(ProofError::Negative { evidence: evidence.id(), says }),
        None if !about(evidence, &it) => Err(ProofError::Subject(evidence.id())),
        None => Ok(it),
    }
}

fn not_ready(it: &Deployment) -> Option<String> {
    (!it.ready).then(|| it.reason.clone().unwrap_or_else(|| "it was not ready, and no reason is given".to_owned()))
}

/// Whether evidence has what was deployed as its subject: the artifact, or the desired state of what has none.
fn about(evidence: &VerifiedEvidence, it: &Deployment) -> bool {
    match (&it.artifact, &it.tree) {
        (Some(artifact), _) => names(evidence, "sha256", &artifact.hex()),
        (None, Some(tree)) => names(evidence, "gitTree", tree.as_str()),
        (None, None) => false,
    }
}

pub(super) fn names(evidence: &VerifiedEvidence, algorithm: &str, value: &str) -> bool {
    evidence.statement().subject.iter().any(|subject| subject.has(algorithm, value))
}

pub(super) fn read<P: Predicate + DeserializeOwned>(evidence: &VerifiedEvidence, wanted: &'static str) -> Result<P, ProofError> {
    let statement = evidence.statement();
    let kind = || ProofError::Kind { evidence: evidence.id(), wanted };
    if statement.predicate_type != P::TYPE {
        return Err(kind());
    }
    serde_json::from_value(statement.predicate.clone()).map_err(|_| kind())
}

pub(super) fn same<T: PartialEq + Display>(what: &'static str, one: &T, other: &T) -> Result<(), ProofError> {
    if one == other { Ok(()) } else { Err(ProofError::Differ { what, one: one.to_string(), other: other.to_string() }) }
}
