//! Holding facts against a policy.

mod evidence;
mod glass;
mod people;
mod readings;
mod rules;
mod standing;

use std::cell::OnceCell;

use crate::id::RequirementId;
use crate::policy::condition::caught;
use crate::policy::layer::ALWAYS;
use crate::policy::remaining::Remaining;
use crate::policy::stack::Rule;
use crate::policy::{
    About, Ask, Authoring, BreakGlass, Decision, EvidenceFact, Facts, GrantBinding, Known, LayerName, Policy, PromotionGrant,
    Requirement, RequirementResult, Stage, Summary, Verdict, VerifiedFacts,
};
use crate::time::UnixMillis;

pub use evidence::CLOCK_SKEW;
pub(super) use evidence::{answers, counts};
pub(super) use people::Votes;
use standing::Standing;

/// Decides over verified facts; where every requirement passes at the final stage, or the glass was broken by the rules,
/// mints the grant. `nonce` tells grants apart and is no input of the decision.
#[must_use]
pub fn decide(policy: &Policy, facts: &VerifiedFacts, at: UnixMillis, nonce: u128) -> (Decision, Option<PromotionGrant>) {
    let decision = evaluate(policy, facts, at);
    let grant =
        grant_binding(policy, facts).filter(|_| decision.is_granted()).map(|binding| PromotionGrant::mint(binding, at, nonce));
    (decision, grant)
}

/// What a grant under this policy and these facts is bound to; `None` without a production pull request.
pub(super) fn grant_binding(policy: &Policy, facts: &Known) -> Option<GrantBinding> {
    let readings = &facts.facts().readings;
    let proposal = readings.proposal.as_ref()?;
    Some(GrantBinding {
        change_set: readings.change_set.clone(),
        unit: readings.unit.id.clone(),
        environment: readings.environment.clone(),
        repo: proposal.repo.clone(),
        head: proposal.head.clone(),
        artifact: readings.artifact,
        tree: proposal.tree.clone(),
        policy: policy.digest(),
        evidence_root: facts.evidence_root(),
    })
}

/// Whether the facts meet the policy at an instant, with the reasons. Pure and total: it reads nothing else, and there are
/// no facts for which it fails. Its time is linear in the facts for each requirement, and what it returns does not grow
/// with them. Instants that RFC 3339 cannot say, here and in the facts, are taken for the nearest that it can.
#[must_use]
pub fn evaluate(policy: &Policy, facts: &Known, at: UnixMillis) -> Decision {
    let case = Case::new(policy, facts, at);
    let requirements = case.requirements();
    let readings = &case.facts.readings;
    let stage = if readings.proposal.is_some() { Stage::Final } else { Stage::First };
    let counting = requirements.iter().filter(|requirement| requirement.counts());
    let verdict = Verdict::all(counting.map(|requirement| requirement.verdict));
    let overridden = if verdict == Verdict::Pass { None } else { glass::broken(&case, &requirements) };
    Decision {
        format: Decision::FORMAT,
        evaluator: Decision::EVALUATOR,
        change_set: readings.change_set.clone(),
        unit: readings.unit.id.clone(),
        environment: readings.environment.clone(),
        stage,
        verdict,
        at: case.at,
        policy: policy.digest(),
        facts: facts.digest(),
        engines: policy.engines().clone(),
        remaining: Remaining::of(&case, &requirements),
        requirements,
        overridden,
    }
}

/// How one requirement of the policy stands, with every piece of evidence that was looked at for it; `None` where no rule
/// of that name applies. For people: see [`explain`](super::explain).
pub(super) fn hold<'c>(case: &Case<'c>, id: &RequirementId) -> Option<(&'c LayerName, &'c Requirement, RequirementResult)> {
    case.rules()
        .find(|(_, requirement, _)| requirement.id == *id)
        .map(|(layer, requirement, rule)| (layer, requirement, case.hold(requirement, rule)))
}

/// Facts that are being held against a policy, with what is computed once for all requirements.
pub(super) struct Case<'c> {
    pub(super) policy: &'c Policy,
    pub(super) known: &'c Known,
    pub(super) facts: &'c Facts,
    /// The instant that is decided for: clocks stand there.
    pub(super) at: UnixMillis,
    /// The instant that the facts are of: what is dated later is from the future.
    known_at: UnixMillis,
    artifact: Option<String>,
    glass: Option<&'c BreakGlass>,
    /// What conditions are told, from the first of them on.
    summary: OnceCell<Summary>,
}

impl<'c> Case<'c> {
    pub(super) fn new(policy: &'c Policy, known: &'c Known, at: UnixMillis) -> Self {
        let (facts, at) = (known.facts(), at.writable());
        let glass = policy.break_glass(&facts.readings.unit);
        let artifact = facts.readings.artifact.map(|digest| digest.hex());
        Self { policy, known, facts, glass, at, known_at: at, artifact, summary: OnceCell::new() }
    }

    /// The same, with all that has come to be known up to a later instant.
    pub(super) fn known_at(mut self, instant: UnixMillis) -> Self {
        self.known_at = self.at.max(instant.writable());
        self
    }

    /// The same facts at another instant.
    pub(super) fn moved_to(&self, instant: UnixMillis) -> Self {
        Self::new(self.policy, self.known, instant)
    }

    /// Every requirement that there is for this unit and change, and how it stands.
    pub(super) fn requirements(&self) -> Vec<RequirementResult> {
        let mut requirements = Vec::with_capacity(16);
        requirements.extend(self.of_every_policy());
        requirements.extend(self.rules().map(|(_, requirement, rule)| self.hold(requirement, rule)));
        requirements
    }

    /// Those that are no part of any layer.
    pub(super) fn of_every_policy(&self) -> [RequirementResult; 3] {
        let [covered, integrity, combination] = ALWAYS;
        [
            self.covered().of_built_in(covered),
            self.integrity().of_built_in(integrity),
            self.combination().of_built_in(combination),
        ]
    }

    /// Whether a piece of evidence is dated later than anybody can know of.
    pub(super) fn is_from_the_future(&self, fact: &EvidenceFact) -> bool {
        fact.at > self.known_at + CLOCK_SKEW
    }

    /// The rules for this unit and change.
    fn rules(&self) -> impl Iterator<Item = (&'c LayerName, &'c Requirement, &'c Rule)> {
        self.policy.applying(self.for_this())
    }

    /// Whether a requirement of a layer is for this unit and change.
    fn for_this(&self) -> impl Fn(&LayerName, &Requirement) -> bool + Copy + use<'c> {
        let readings = &self.facts.readings;
        let (unit, opaque, by_agents) = (&readings.unit, readings.authoring == Authoring::Opaque, readings.by_agents());
        move |layer, requirement| requirement.changes.are(opaque, by_agents) && requirement.is_for(layer, unit)
    }

    fn hold(&self, requirement: &Requirement, rule: &Rule) -> RequirementResult {
        let mut standing = self.stand(&requirement.asks, rule);
        for (_, upper, rule) in self.policy.beside(rule, self.for_this()) {
            let above = self.stand(&upper.asks, rule);
            standing = if above.verdict > standing.verdict { above.beside(standing) } else { standing.beside(above) };
        }
        let mut result = standing.of(&requirement.id, &requirement.reason);
        result.severity = requirement.severity;
        result.breakable = self.glass.is_some_and(|glass| glass.requirements.contains(&requirement.id));
        result
    }

    fn stand(&self, asks: &Ask, rule: &Rule) -> Standing {
        match asks {
            Ask::Soak(soak) => self.soak(asks, soak),
            Ask::Findings(findings) => self.findings(asks, findings),
            Ask::Contracts(contracts) => self.contracts(asks, contracts),
            Ask::Approvals(approvals) => self.approvals(approvals),
            Ask::Lifecycle(lifecycle) => self.lifecycle(lifecycle),
            Ask::Dependencies(_) => self.dependencies(),
            Ask::Incidents(_) => self.open_incidents(),
            Ask::StopTheLine(_) => self.stops(),
            Ask::Freeze(freeze) => self.freeze(freeze, rule.occurrences.as_ref()),
            Ask::Condition(_) => self.condition(rule),
            Ask::Policy(_) => self.checked(self.newest(asks)),
            asks => self.newest(asks),
        }
    }

    fn covered(&self) -> Standing {
        if self.policy.covers(&self.facts.readings.unit) {
            Standing::new(Verdict::Pass, "the policy has rules for it")
        } else {
            Standing::new(Verdict::Fail, "no rule of the policy covers it")
                .needs("a rule that covers it", vec!["a change of the policy".to_owned()])
        }
    }

    fn integrity(&self) -> Standing {
        match self.facts.rejected.as_slice() {
            [] => Standing::new(Verdict::Pass, format!("all {} pieces are signed by a trusted key", self.facts.evidence.len())),
            [first, ..] => {
                let because = format!("{} of the envelopes prove nothing: {first}", self.facts.rejected.len());
                Standing::new(Verdict::Fail, because)
            }
        }
    }

    fn combination(&self) -> Standing {
        match self.facts.readings.proposal.as_ref().map(|proposal| proposal.carries_tested) {
            Some(true) => Standing::new(Verdict::Pass, "the pull request asks for exactly what ran in preflight"),
            Some(false) => {
                Standing::new(Verdict::Fail, "merging the pull request gives something else than what ran in preflight")
            }
            None => Standing::new(Verdict::Unknown, "there is no production pull request yet").later(),
        }
    }

    fn condition(&self, rule: &Rule) -> Standing {
        let Some(condition) = &rule.condition else { return Standing::new(Verdict::Unknown, "it was not read") };
        let summary = self.summary.get_or_init(|| Summary::new(self));
        match caught(|| condition.evaluate(summary)) {
            Ok(answer) if answer.holds => Standing::new(Verdict::Pass, joined(&answer.reasons, "it holds")),
            Ok(answer) => Standing::new(Verdict::Fail, joined(&answer.reasons, "it does not hold")),
            Err(error) => Standing::new(Verdict::Unknown, format!("it cannot be evaluated: {error}")),
        }
    }

    /// Whether a piece of evidence is about what would be promoted, in any way.
    pub(super) fn is_about_this(&self, fact: &EvidenceFact) -> bool {
        let abouts = [About::Artifact, About::Commit, About::Tree, About::Deployment];
        fact.unit.as_ref().is_none_or(|unit| *unit == self.facts.readings.unit.id)
            && abouts.into_iter().any(|about| self.is_about(about, fact))
    }

    fn is_about(&self, about: About, fact: &EvidenceFact) -> bool {
        let readings = &self.facts.readings;
        match about {
            About::Commit => readings.source.as_ref().is_some_and(|source| fact.is_about("gitCommit", source.commit.as_str())),
            About::Tree => readings.source.as_ref().is_some_and(|source| fact.is_about("gitTree", source.tree.as_str())),
            About::Artifact => self.artifact.as_ref().is_some_and(|digest| fact.is_about("sha256", digest)),
            About::Deployment => fact.environment.as_ref() == Some(&readings.preflight) && self.names_what_was_tried(fact),
        }
    }

    fn names_what_was_tried(&self, fact: &EvidenceFact) -> bool {
        fact.is_about("gitTree", self.facts.readings.tested.tree.as_str())
            && self.artifact.as_ref().is_none_or(|digest| fact.is_about("sha256", digest) || names_no_artifact(fact))
    }
}

/// Good news must be about the very artifact; bad news may have none to name (a process that never came up).
fn names_no_artifact(fact: &EvidenceFact) -> bool {
    fact.says.is_bad() && !fact.subjects.iter().any(|subject| subject.digest.contains_key("sha256"))
}

fn joined(reasons: &[String], otherwise: &str) -> String {
    if reasons.is_empty() { otherwise.to_owned() } else { reasons.join("; ") }
}
