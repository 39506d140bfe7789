//! Past decisions: replaying them, and asking what another policy or other facts would have given.

use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::id::{ChangeSetId, EnvironmentId, PersonId, RequirementId, UnitId};
use crate::policy::evaluate::Case;
use crate::policy::render::line;
use crate::policy::{
    Ask, Decision, EvidenceFact, Facts, HypotheticalFacts, Known, Languages, Policy, PolicyLayer, PolicyProblem,
    RequirementResult, Severity, Verdict, evaluate, time_zone_data_version,
};
use crate::time::UnixMillis;

/// A decision with everything it was made of, so that it can be made again.
#[derive(Clone, Debug, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecisionRecord {
    /// The version of this form: 1.
    pub format: u32,
    /// The policy, as people wrote it.
    pub policy: Vec<PolicyLayer>,
    /// The facts.
    pub facts: Facts,
    /// The decision.
    pub decision: Decision,
    /// The decision as it was written, where the record was read: a field that this version does not know, or takes for left
    /// out, makes it another one.
    #[serde(skip)]
    written: Option<Value>,
}

/// Why a decision cannot be replayed, or was not replayed to itself.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A form that this version does not know.
    #[error("the record has the format {0}; this version reads 1")]
    Format(u32),
    /// The policy in the record cannot be read.
    #[error("the policy of the record cannot be read: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Policy(Vec<PolicyProblem>),
    /// Something in the record is not what the decision was made of.
    #[error("the decision was made of another {what}: it names {named}, and the record holds {held}")]
    Other {
        /// What.
        what: &'static str,
        /// The digest that the decision names.
        named: Digest,
        /// The digest of what is there.
        held: Digest,
    },
    /// Another version of the evaluator made the decision: verdicts and texts may have been others.
    #[error("version {was} of the evaluator made the decision, and this is {is}; {}", comes_to(*.agrees))]
    Evaluator {
        /// That of the decision; 0 where it names none.
        was: u32,
        /// That of this version.
        is: u32,
        /// Whether everything else comes to the same.
        agrees: bool,
    },
    /// The facts are of other time zone data: freeze windows may have been elsewhere.
    #[error("the decision was made with time zone data {was}, and this version has {is}; {}", comes_to(*.agrees))]
    TimeZones {
        /// That of the facts.
        was: String,
        /// That of this version.
        is: String,
        /// Whether, with the data that is here, everything comes to the same.
        agrees: bool,
    },
    /// The decision was made with another version of the engine of a language that conditions of the policy are written in.
    #[error("the decision was made with {language} {was}, and here is {is}; {}", comes_to(*.agrees))]
    Engine {
        /// The language.
        language: String,
        /// The version of its engine then.
        was: String,
        /// The version of its engine here.
        is: String,
        /// Whether everything else comes to the same.
        agrees: bool,
    },
    /// The same input gave another decision, or the one that was written holds something else besides.
    #[error("the same policy, facts and instant give another decision now: {} differs", .places.join(", "))]
    Different {
        /// What comes now.
        now: Box<Decision>,
        /// Where the two differ, as JSON pointers.
        places: Vec<String>,
    },
}

fn comes_to(agrees: bool) -> &'static str {
    if agrees { "it comes to the same" } else { "it comes to another one" }
}

impl DecisionRecord {
    /// Puts together what a decision was made of.
    #[must_use]
    pub fn new(policy: &Policy, facts: &Known, decision: Decision) -> Self {
        Self { format: 1, policy: policy.layers().to_vec(), facts: facts.facts().clone(), decision, written: None }
    }

    /// The policy and the facts that the decision was made of.
    fn made_of(&self, languages: &Languages) -> Result<(Policy, HypotheticalFacts), ReplayError> {
        if self.format != 1 {
            return Err(ReplayError::Format(self.format));
        }
        let policy = Policy::new(self.policy.clone(), languages).map_err(ReplayError::Policy)?;
        let facts = HypotheticalFacts::from(self.facts.clone());
        let Decision { policy: named, facts: of, .. } = self.decision;
        for (what, named, held) in [("policy", named, policy.digest()), ("set of facts", of, facts.digest())] {
            if named != held {
                return Err(ReplayError::Other { what, named, held });
            }
        }
        Ok((policy, facts))
    }

    /// Where a decision differs from the one that is recorded, as it is written and as it is read.
    fn differences(&self, again: &Decision) -> Vec<String> {
        let json = |decision: &Decision| serde_json::to_value(decision).unwrap_or_default();
        let (again, read) = (json(again), json(&self.decision));
        let mut places = BTreeSet::new();
        differences(&read, &again, "", &mut places);
        if let Some(written) = &self.written {
            differences(written, &again, "", &mut places);
        }
        places.into_iter().collect()
    }
}

impl<'de> Deserialize<'de> for DecisionRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            format: u32,
            policy: Vec<PolicyLayer>,
            facts: Facts,
            decision: Value,
        }
        let Written { format, policy, facts, decision: written } = Written::deserialize(deserializer)?;
        let decision = Decision::deserialize(&written).map_err(D::Error::custom)?;
        Ok(Self { format, policy, facts, decision, written: Some(written) })
    }
}

/// Puts down where two values differ.
fn differences(one: &Value, other: &Value, at: &str, places: &mut BTreeSet<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for key in one.keys().chain(other.keys()) {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => differences(one, other, &at, places),
                    _ => drop(places.insert(at)),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(one, other, &format!("{at}/{index}"), places);
            }
        }
        (one, other) if one == other => {}
        _ => drop(places.insert(at.to_owned())),
    }
}

/// Makes a decision again, and gives it if it is the same: every field and every value, and no field more.
///
/// # Errors
/// [`ReplayError`] where the record is not what the decision was made of, or the decision is another one. Where something has
/// moved on since (the evaluator, time zone data that matters, the engine of a language), that is said, and whether the decision
/// comes to the same but for that.
pub fn replay(record: &DecisionRecord, languages: &Languages) -> Result<Decision, ReplayError> {
    let (policy, facts) = record.made_of(languages)?;
    let decision = &record.decision;
    let again = evaluate(&policy, &facts, decision.at);
    let places = record.differences(&again);
    if places.is_empty() {
        return Ok(again);
    }
    let (was, is) = (&record.facts.time_zones, time_zone_data_version());
    let here = HypotheticalFacts::but(&facts, |facts| is.clone_into(&mut facts.time_zones));
    let mut alike = Decision { facts: decision.facts, ..evaluate(&policy, &here, decision.at) };
    let zones_matter = alike != again;
    let engine = alike.engines.iter().find_map(|(language, is)| {
        let was = decision.engines.get(language).filter(|was| *was != is)?;
        Some((language.clone(), was.clone(), is.clone()))
    });
    alike.evaluator = decision.evaluator;
    for (language, was) in &decision.engines {
        alike.engines.entry(language.clone()).and_modify(|is| is.clone_from(was));
    }
    if decision.evaluator == 0 && decision.engines.is_empty() {
        // It is from before engines were named.
        alike.engines.clear();
    }
    let agrees = record.differences(&alike).is_empty();
    Err(match engine {
        _ if decision.evaluator != again.evaluator => {
            ReplayError::Evaluator { was: decision.evaluator, is: again.evaluator, agrees }
        }
        _ if zones_matter => ReplayError::TimeZones { was: was.clone(), is: is.to_owned(), agrees },
        Some((language, was, is)) => ReplayError::Engine { language, was, is, agrees },
        None => ReplayError::Different { now: Box::new(again), places },
    })
}

/// What would be decided if the facts were different.
///
/// ```
/// # use pathops_core::policy::{Facts, Known, Policy, Verdict, what_if};
/// # fn ask(policy: &Policy, known: &Known, at: pathops_core::UnixMillis) {
/// let quiet = what_if(policy, known, at, |facts| facts.readings.incidents.clear());
/// println!("without the incident: {}", quiet.verdict);
/// # }
/// ```
#[must_use]
pub fn what_if(policy: &Policy, known: &Known, at: UnixMillis, change: impl FnOnce(&mut Facts)) -> Decision {
    evaluate(policy, &HypotheticalFacts::but(known, change), at)
}

/// A past decision that another policy would have made differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Which of the history, from 0.
    pub index: usize,
    /// The unit.
    pub unit: UnitId,
    /// The instant.
    pub at: UnixMillis,
    /// The verdict under the one policy.
    pub before: Verdict,
    /// The verdict under the other.
    pub after: Verdict,
    /// The requirements that stand differently; on either side `None` where it is not asked for.
    pub requirements: Vec<RequirementDifference>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {}, and {} under the other", self.unit, self.at, self.before, self.after)?;
        let side = |side: &Option<(Verdict, String)>| match side {
            Some((verdict, because)) => format!("{verdict} ({})", line(because)),
            None => "not asked for".to_owned(),
        };
        for RequirementDifference { id, before, after } in &self.requirements {
            write!(f, "\n  {id}: {}, and {}", side(before), side(after))?;
        }
        Ok(())
    }
}

/// A requirement that stands differently under two policies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequirementDifference {
    /// Which.
    pub id: RequirementId,
    /// How it stands under the one policy, and why.
    pub before: Option<(Verdict, String)>,
    /// How it stands under the other.
    pub after: Option<(Verdict, String)>,
}

/// Which past decisions `other` would have made differently than `policy`, and why. A history is facts with the instant
/// that was decided for. What was approved under `policy` is taken as approved under `other`.
pub fn diff<'h>(policy: &Policy, other: &Policy, history: impl IntoIterator<Item = (&'h Known, UnixMillis)>) -> Vec<Difference> {
    let compare = |(index, (facts, at)): (usize, (&Known, UnixMillis))| {
        let (before, after) = (evaluate(policy, facts, at), evaluate(other, &shown(facts, policy, other), at));
        let requirements = requirements(&before, &after);
        let differs = before.verdict != after.verdict || before.is_granted() != after.is_granted();
        differs.then_some(Difference { index, unit: before.unit, at, before: before.verdict, after: after.verdict, requirements })
    };
    history.into_iter().enumerate().filter_map(compare).collect()
}

/// The facts, had the pull request shown `other` where it showed `policy`, and had that been checked: people approved the rules
/// of their day, and that other rules are another policy is no difference that they make.
fn shown(facts: &Known, policy: &Policy, other: &Policy) -> HypotheticalFacts {
    HypotheticalFacts::but(facts, |facts| {
        if let Some(proposal) = facts.readings.proposal.as_mut().filter(|it| it.shown.policy == policy.digest()) {
            proposal.shown.policy = other.digest();
        }
        facts.take_checks_of(&policy.digest(), &other.digest());
    })
}

/// The requirements that stand differently, or that only one of the two has.
fn requirements(before: &Decision, after: &Decision) -> Vec<RequirementDifference> {
    let stands = |decision: &Decision, id: &RequirementId| {
        let found = decision.requirements.iter().find(|it| it.id == *id);
        found.map(|it| (it.severity, it.verdict, it.because.clone()))
    };
    let only_after = after.requirements.iter().filter(|it| stands(before, &it.id).is_none());
    let ids = before.requirements.iter().chain(only_after).map(|it| &it.id);
    let difference = |id: &RequirementId| {
        let (before, after) = (stands(before, id), stands(after, id));
        let weight = |it: &Option<(Severity, Verdict, String)>| it.as_ref().map(|(severity, verdict, _)| (*severity, *verdict));
        let words = |it: Option<(Severity, Verdict, String)>| it.map(|(_, verdict, because)| (verdict, because));
        (weight(&before) != weight(&after)).then(|| RequirementDifference {
            id: id.clone(),
            before: words(before),
            after: words(after),
        })
    };
    ids.filter_map(difference).collect()
}

/// Something in production that would not get there now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[must_use = "somebody has to be told"]
pub struct Doubt {
    /// When it was granted.
    #[serde(with = "crate::time::rfc3339")]
    pub granted_at: UnixMillis,
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it is.
    pub environment: EnvironmentId,
    /// The requirements that were met when the grant was made, or that nobody could tell of and that were got past, and that
    /// are not met now, with the reason.
    pub requirements: Vec<(RequirementId, String)>,
    /// Who could tell more: those who broke the glass, if anybody did.
    pub people: Vec<PersonId>,
}

/// Whether what was granted then is in doubt now: whether it would have been refused, had all been known at that instant that
/// is known `now`. `known` are the facts of the same promotion as they are `now`.
///
/// Clocks stand at the instant of the grant. So what has come to be known since counts, whatever its date: a verification that
/// was repeated and failed, an approval that was taken back, a finding, an incident, a stop. That time has passed counts for
/// nothing: evidence grows old, exceptions end and freezes begin, and none of it says anything about what is in production. Nor
/// does what time alone would mend: health that was looked at again a moment after a restart. To a soak, later news counts
/// only where it is bad.
///
/// A requirement that was met, and of which nobody can tell any more, is in doubt as one that fails is. `policy` is the one that
/// it was granted under: what another one asks for in addition under the same name would be told as a doubt too, and what
/// that one does not ask for would be none. With the record of a decision, [`record_in_doubt`] looks under both.
#[must_use]
pub fn in_doubt(granted: &Decision, policy: &Policy, known: &Known, now: UnixMillis) -> Option<Doubt> {
    let case = Case::new(policy, known, granted.at).known_at(now);
    let is_against = |it: &RequirementResult| {
        let then = granted.requirements.iter().find(|then| then.id == it.id);
        let is_worse = then.is_some_and(|then| match (then.verdict, it.verdict) {
            (_, Verdict::Pass) | (Verdict::Fail, _) | (Verdict::Unknown, Verdict::Unknown) => false,
            (Verdict::Pass | Verdict::Unknown, Verdict::Fail) | (Verdict::Pass, Verdict::Unknown) => true,
        });
        it.counts() && is_worse && it.earliest.is_none()
    };
    let against = case.requirements().into_iter().filter(is_against);
    let requirements: Vec<_> = against.map(|it| (it.id, it.because)).collect();
    let readings = &known.facts().readings;
    (!requirements.is_empty()).then(|| Doubt {
        granted_at: granted.at,
        change_set: readings.change_set.clone(),
        unit: readings.unit.id.clone(),
        environment: readings.environment.clone(),
        requirements,
        people: granted.overridden.iter().flat_map(|it| it.by.keys().cloned()).collect(),
    })
}

/// [`in_doubt`] by the record of the decision: under the policy that it was granted under, and under the `policy` of now, each
/// against how the facts of the record stood under it. So a requirement that has another name since, or only advises, hides
/// nothing; and what the policy of now asks for besides is a doubt only where something has come to be known that speaks
/// against it, not because it is asked for. What was approved under the one is taken as approved under the other, and how the
/// policy of now was checked itself is left out. A doubt under both is told once, as the policy of the grant has it.
///
/// # Errors
/// [`ReplayError`] where the policy of the record cannot be read, or the decision was made of something else than the record
/// holds.
pub fn record_in_doubt(
    granted: &DecisionRecord,
    policy: &Policy,
    languages: &Languages,
    known: &Known,
    now: UnixMillis,
) -> Result<Option<Doubt>, ReplayError> {
    let (then, facts) = granted.made_of(languages)?;
    let Decision { at, ref overridden, .. } = granted.decision;
    // What would have been decided, had the policy been the one of now.
    let otherwise = Decision { overridden: overridden.clone(), ..evaluate(policy, &shown(&facts, &then, policy), at) };
    let of_grant = in_doubt(&granted.decision, &then, &shown(known, policy, &then), now);
    // That the rules of now are not checked yet says nothing of what went by those of then.
    let unit = &known.facts().readings.unit;
    let is_about_rules =
        |id: &RequirementId| policy.requirements(unit).any(|(_, it)| it.id == *id && matches!(it.asks, Ask::Policy(_)));
    let of_now = in_doubt(&otherwise, policy, &shown(known, &then, policy), now).and_then(|mut doubt| {
        doubt.requirements.retain(|(id, _)| !is_about_rules(id));
        (!doubt.requirements.is_empty()).then_some(doubt)
    });
    let Some(mut doubt) = of_grant else { return Ok(of_now) };
    let is_told = |(id, because): &(RequirementId, String)| doubt.requirements.iter().any(|it| it.0 == *id || it.1 == *because);
    let more: Vec<_> = of_now.into_iter().flat_map(|it| it.requirements).filter(|it| !is_told(it)).collect();
    doubt.requirements.extend(more);
    Ok(Some(doubt))
}

/// What has become of the evidence that a decision rests on: [`in_doubt`] by its record, had everything else stayed as it was then.
/// `evidence` is what has come to be known, of which nothing is taken back that the record holds. What was measured where it went to
/// counts only as far as it names what was granted, by the tree of its files where it names one: something else may be there since, also
/// of the same artifact.
///
/// # Errors
/// As [`record_in_doubt`].
pub fn evidence_in_doubt(
    granted: &DecisionRecord,
    languages: &Languages,
    evidence: &[EvidenceFact],
    now: UnixMillis,
) -> Result<Option<Doubt>, ReplayError> {
    let (policy, then) = granted.made_of(languages)?;
    let readings = &then.facts().readings;
    let names = readings.names();
    let granted_tree = readings.proposal.as_ref().map(|proposal| proposal.tree.to_string());
    let names_a_tree = |fact: &EvidenceFact| fact.subjects.iter().any(|subject| subject.digest.contains_key("gitTree"));
    let is_about_it = |fact: &&EvidenceFact| match &granted_tree {
        _ if fact.environment.as_ref() != Some(&readings.environment) => true,
        Some(tree) if names_a_tree(fact) => fact.is_about("gitTree", tree),
        _ => names.iter().any(|(algorithm, value)| fact.is_about(algorithm, value)),
    };
    let news: Vec<EvidenceFact> = evidence.iter().filter(is_about_it).cloned().collect();
    let known = HypotheticalFacts::but(&then, |facts| facts.evidence.extend(news));
    Ok(in_doubt(&granted.decision, &policy, &known, now))
}
