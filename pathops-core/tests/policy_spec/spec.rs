//! What a promotion needs, written once more from its documentation: slow, plain, and apart from the evaluator. When a calendar is
//! closed is not worked out again here; that is done beside the tests of freezes.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::policy::{
    About, Accept, Ask, Authoring, BreakGlass, Changes, ContractsRule, Coverage, CoveredKind, DependencyState, DeploymentRule,
    EvidenceFact, EvidenceRule, Facts, Finding, FindingsRule, FreezeState, LayerName, PolicyLayer, Proposal, Readings,
    Requirement, Severity, TestRun, TestsRule, Verdict, Vulnerability, time_zone_data_version,
};
use pathops_core::project::{Lifecycle, Role, UnitKind};
use pathops_core::{Digest, UnixMillis};

use crate::spec_asks::{contracts, deployment, health, is_bearable, policy_check, sbom, signal, soak};
use crate::spec_layers::in_force;
use crate::spec_people::{could_approve, glass_is_broken, has_a_part, votes};
use crate::spec_told::{Held, Lack, Told};

/// What is decided, as far as the documentation settles it.
#[derive(Debug, PartialEq)]
pub(crate) struct Judgement {
    /// The requirements on which the decision depends, and how each stands.
    pub(crate) counting: BTreeMap<String, Verdict>,
    /// Those that are only told.
    pub(crate) advisory: BTreeMap<String, Verdict>,
    /// Those that wait for the production pull request.
    pub(crate) deferred: BTreeSet<String>,
    pub(crate) verdict: Verdict,
    pub(crate) overridden: bool,
    pub(crate) granted: bool,
}

/// What is judged.
#[derive(Clone, Copy)]
pub(crate) struct Question<'q> {
    pub(crate) layers: &'q [PolicyLayer],
    /// The digest of the policy that the layers make.
    pub(crate) policy: Digest,
    pub(crate) facts: &'q Facts,
    pub(crate) at: UnixMillis,
}

/// What is decided, and what may be told of each requirement that is not deferred.
pub(crate) fn judge(question: Question<'_>) -> (Judgement, BTreeMap<String, Held>) {
    let mut told = BTreeMap::new();
    let mut counting = BTreeMap::new();
    let mut advisory = BTreeMap::new();
    let mut deferred = BTreeSet::new();
    for (id, severity, asks) in asked(question) {
        let standing: Option<Vec<_>> = asks.iter().map(|ask| hold(question, ask)).collect();
        let verdict = standing.as_ref().map(|all| worst(all.iter().map(|it| it.verdict)));
        let in_force =
            standing.map(|all| Held::all(all.into_iter().zip(in_force(&asks)).filter(|it| it.1).map(|it| it.0).collect()));
        told.extend(in_force.map(|held| (id.clone(), held)));
        match (verdict, severity) {
            (None, _) => drop(deferred.insert(id)),
            (Some(verdict), Severity::Required) => drop(counting.insert(id, verdict)),
            (Some(verdict), Severity::Advisory) => drop(advisory.insert(id, verdict)),
        }
    }
    let verdict = worst(counting.values().copied());
    let is_final = question.facts.readings.proposal.is_some();
    let blocking = counting.iter().filter(|(_, verdict)| **verdict != Verdict::Pass).map(|(id, _)| id.as_str()).collect();
    let overridden = verdict != Verdict::Pass && is_final && glass_is_broken(question, glass(question), &blocking);
    let granted = is_final && (verdict == Verdict::Pass || overridden);
    (Judgement { counting, advisory, deferred, verdict, overridden, granted }, told)
}

pub(crate) fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut found: Option<Verdict> = None;
    for verdict in verdicts {
        found = match (found, verdict) {
            (_, Verdict::Fail) | (Some(Verdict::Fail), _) => Some(Verdict::Fail),
            (_, Verdict::Unknown) | (Some(Verdict::Unknown), _) => Some(Verdict::Unknown),
            _ => Some(Verdict::Pass),
        };
    }
    found.unwrap_or(Verdict::Unknown)
}

/// Something that is asked for.
pub(crate) enum Asked<'q> {
    /// By every policy, without being in any layer.
    Covered,
    Integrity,
    Combination,
    /// By a layer.
    Ask(&'q Ask),
    /// By every policy, in the layer that nobody writes.
    BuiltIn(&'static str),
}

/// Whoever signs it, wherever it is, however old.
pub(crate) const ANY: Accept = Accept { max_age_seconds: u64::MAX, from: None, in_ledger: false };

const BUILT_IN: [&str; 6] =
    ["preflight-deployment", "approval", "lifecycle", "dependencies", "no-open-incident", "stop-the-line"];

/// All that is asked for, each name once: what the lowest layer asks that has a rule of the name that applies, and what those
/// above it ask, unless they only advise.
fn asked(question: Question<'_>) -> Vec<(String, Severity, Vec<Asked<'_>>)> {
    let mut asked = vec![
        ("covered".to_owned(), Severity::Required, vec![Asked::Covered]),
        ("evidence-integrity".to_owned(), Severity::Required, vec![Asked::Integrity]),
        ("tested-combination".to_owned(), Severity::Required, vec![Asked::Combination]),
    ];
    asked.extend(BUILT_IN.map(|name| (name.to_owned(), Severity::Required, vec![Asked::BuiltIn(name)])));
    for layer in layers(question) {
        for requirement in &layer.requirements {
            if applies(requirement, &question.facts.readings) {
                let id = requirement.id.to_string();
                let above = asked.iter().position(|(of, _, _)| *of == id).map(|place| asked.remove(place));
                let mut asks = above.filter(|(_, severity, _)| *severity == Severity::Required).map_or(Vec::new(), |it| it.2);
                asks.push(Asked::Ask(&requirement.asks));
                asked.push((id, requirement.severity, asks));
            }
        }
    }
    asked
}

/// The layers that are over the unit, from the top down.
fn layers(question: Question<'_>) -> Vec<&PolicyLayer> {
    let unit = &question.facts.readings.unit;
    let mut found = Vec::new();
    for rank in 1..=4 {
        for layer in question.layers {
            let (of_rank, over) = match &layer.layer {
                LayerName::BuiltIn => (0, true),
                LayerName::Organisation => (1, true),
                LayerName::Project => (2, true),
                LayerName::Class(class) => (3, unit.class.as_deref() == Some(class)),
                LayerName::Unit(id) => (4, *id == unit.id),
            };
            if rank == of_rank && over {
                found.push(layer);
            }
        }
    }
    found
}

/// The lowest word on how the glass is broken.
fn glass(question: Question<'_>) -> Option<&BreakGlass> {
    layers(question).into_iter().rev().find_map(|layer| layer.break_glass.as_ref())
}

fn covers(coverage: &Coverage, readings: &Readings) -> bool {
    let unit = &readings.unit;
    let kind = match (&coverage.kind, &unit.kind) {
        (None, _)
        | (Some(CoveredKind::App), UnitKind::App { .. })
        | (Some(CoveredKind::Component), UnitKind::Component { .. }) => true,
        (Some(_), _) => false,
    };
    let class = match (&coverage.classes, &unit.class) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(classes), Some(class)) => classes.iter().any(|it| it == class),
    };
    let named = match &coverage.units {
        None => true,
        Some(units) => units.iter().any(|it| *it == unit.id),
    };
    kind && class && named
}

fn applies(requirement: &Requirement, readings: &Readings) -> bool {
    let changes = match requirement.changes {
        Changes::All => true,
        Changes::Opaque => readings.authoring == Authoring::Opaque,
        Changes::ByAgents => readings.authors.iter().any(|it| matches!(it, pathops_core::Principal::Agent { .. })),
    };
    changes && covers(&requirement.covers, readings)
}

pub(crate) fn if_not(holds: bool, otherwise: Verdict) -> Verdict {
    if holds { Verdict::Pass } else { otherwise }
}

/// How it stands; `None` while it waits for the production pull request.
fn hold(question: Question<'_>, asked: &Asked<'_>) -> Option<Held> {
    let readings = &question.facts.readings;
    Some(match asked {
        Asked::Covered => {
            let always = |it: &&Requirement| it.severity == Severity::Required && it.changes == Changes::All;
            let written = layers(question).into_iter().flat_map(|layer| &layer.requirements).filter(always);
            let covered = Held::new(if_not({ written }.any(|it| covers(&it.covers, readings)), Verdict::Fail));
            covered.lacking(&Lack::of(1, ["a change of the policy"]))
        }
        Asked::Integrity => Held::new(if_not(question.facts.rejected.is_empty(), Verdict::Fail)),
        Asked::Combination => Held::new(if_not(readings.proposal.as_ref()?.carries_tested, Verdict::Fail)),
        Asked::Ask(Ask::Approvals(rule)) => approvals(question, readings.proposal.as_ref()?, rule.count.get(), &rule.roles),
        Asked::BuiltIn("approval") => {
            approvals(question, readings.proposal.as_ref()?, 1, &BTreeSet::from([Role::Owner, Role::Reviewer]))
        }
        Asked::Ask(Ask::Dependencies(_)) | Asked::BuiltIn("dependencies") => match dependencies(readings) {
            // What is still to come is told at the first decision, and does not count yet.
            held if held.verdict == Verdict::Unknown && readings.proposal.is_none() => return None,
            held => held,
        },
        Asked::Ask(ask) => of_layer(question, ask),
        Asked::BuiltIn("preflight-deployment") => deployment(question, &ANY),
        Asked::BuiltIn("lifecycle") => lifecycle(readings, &BTreeSet::from([Lifecycle::PathReady, Lifecycle::Production])),
        Asked::BuiltIn("no-open-incident") => incidents(readings),
        Asked::BuiltIn(_) => stops(readings),
    })
}

fn of_layer(question: Question<'_>, ask: &Ask) -> Held {
    let readings = &question.facts.readings;
    match ask {
        Ask::Evidence(rule) => evidence(question, rule),
        Ask::Tests(rule) => tests(question, rule),
        Ask::Findings(rule) => findings(question, rule),
        Ask::Sbom(rule) => sbom(question, rule),
        Ask::Deployment(DeploymentRule { accept }) => deployment(question, accept),
        Ask::Health(rule) => health(question, rule),
        Ask::Soak(rule) => soak(question, rule),
        Ask::Contracts(ContractsRule { accept }) => contracts(question, accept),
        Ask::Approvals(_) => Held::new(Verdict::Unknown),
        Ask::Lifecycle(rule) => lifecycle(readings, &rule.allowed),
        Ask::Dependencies(_) => dependencies(readings),
        Ask::Incidents(_) => incidents(readings),
        Ask::StopTheLine(_) => stops(readings),
        Ask::Freeze(_) if readings.way_back => Held::new(Verdict::Pass),
        Ask::Freeze(_) if question.facts.time_zones != time_zone_data_version() => Held::new(Verdict::Unknown),
        Ask::Freeze(window) => match window.occurrences().and_then(|occurrences| occurrences.at(question.at)) {
            Ok(FreezeState::Open { .. }) => Held::new(Verdict::Pass),
            Ok(FreezeState::Closed { until, .. }) => Held::one(Verdict::Fail, Told::default().from(until.0.into())),
            Err(_) => Held::new(Verdict::Unknown),
        },
        Ask::Signal(rule) => signal(question, rule),
        Ask::Policy(rule) => policy_check(question, rule),
        Ask::Condition(rule) => Held::new(condition(question, &rule.text)),
    }
}

// What was read.

fn lifecycle(readings: &Readings, allowed: &BTreeSet<Lifecycle>) -> Held {
    let held = Held::new(if_not(allowed.contains(&readings.unit.lifecycle), Verdict::Fail));
    held.lacking(&Lack::of(1, [&readings.unit.owner]))
}

/// What did not get there never will; what is still to come has to get there, each of them.
fn dependencies(readings: &Readings) -> Held {
    let states: Vec<_> = readings.dependencies.values().collect();
    if states.contains(&&DependencyState::Failed) {
        return Held::new(Verdict::Fail);
    }
    let pending = readings.dependencies.iter().filter(|(_, state)| **state == DependencyState::Pending);
    let names: Vec<_> = pending.map(|(unit, _)| unit).collect();
    let held = Held::new(if_not(names.is_empty(), Verdict::Unknown));
    held.lacking(&Lack::of(u32::try_from(names.len()).unwrap(), names))
}

pub(crate) fn open_incidents(readings: &Readings) -> usize {
    readings.incidents.iter().filter(|it| it.unit.is_none() || it.unit.as_ref() == Some(&readings.unit.id)).count()
}

fn incidents(readings: &Readings) -> Held {
    let held = Held::new(if_not(readings.way_back || open_incidents(readings) == 0, Verdict::Fail));
    held.lacking(&Lack::of(1, [&readings.unit.owner]))
}

/// Whoever stopped the line lifts the stop.
fn stops(readings: &Readings) -> Held {
    let stops: Vec<_> =
        readings.stops.iter().filter(|it| it.unit.is_none() || it.unit.as_ref() == Some(&readings.unit.id)).collect();
    let held = Held::new(if_not(stops.is_empty(), Verdict::Fail));
    stops.iter().fold(held, |held, stop| held.lacking(&Lack::of(1, [&stop.by])))
}

/// Everybody who asks for changes has to be won over, which gives an approval where they have no part in the change; what is
/// still missing may come from any others who can.
fn approvals(question: Question<'_>, proposal: &Proposal, count: u32, roles: &BTreeSet<Role>) -> Held {
    let readings = &question.facts.readings;
    let votes = votes(question, proposal, roles);
    let enough = usize::try_from(count).is_ok_and(|count| votes.yes.len() >= count);
    let held = Held::new(match (readings.strangers.is_empty(), votes.no.is_empty()) {
        (false, _) => Verdict::Unknown,
        (true, false) => Verdict::Fail,
        (true, true) => if_not(enough, Verdict::Unknown),
    });
    let mut lacks = Vec::new();
    if !readings.strangers.is_empty() {
        lacks.push(Lack::of(1, [""; 0]));
    }
    if !votes.no.is_empty() {
        lacks.push(Lack::of(u32::try_from(votes.no.len()).unwrap(), &votes.no));
    }
    let won_over = votes.no.iter().filter(|who| !has_a_part(readings, who)).count();
    let given = u32::try_from(votes.yes.len() + won_over).unwrap();
    if given < count {
        let others =
            could_approve(readings, roles).into_iter().filter(|who| !votes.yes.contains_key(who) && !votes.no.contains(who));
        lacks.push(Lack::of(count - given, others));
    }
    lacks.iter().fold(held, Held::lacking)
}

/// The language of the tests: `yes`, `no`, `error`, `approved`, `calm`.
fn condition(question: Question<'_>, text: &str) -> Verdict {
    let readings = &question.facts.readings;
    let all_roles = BTreeSet::from([Role::Owner, Role::Reviewer]);
    match text {
        "yes" => Verdict::Pass,
        "no" => Verdict::Fail,
        "approved" => {
            let approvals = readings.proposal.as_ref().map_or(0, |it| votes(question, it, &all_roles).yes.len());
            if_not(approvals > 0, Verdict::Fail)
        }
        "calm" => if_not(open_incidents(readings) == 0, Verdict::Fail),
        _ => Verdict::Unknown,
    }
}

// Evidence.

/// Whose word counts, and whether it must be in the ledger. A "no" is taken from everybody who is trusted.
pub(crate) fn is_accepted(accept: &Accept, fact: &EvidenceFact) -> bool {
    let from = match &accept.from {
        None => true,
        Some(from) => fact.producers.iter().any(|producer| from.contains(producer)),
    };
    is_bad(&fact.says) || (from && (fact.in_ledger || !accept.in_ledger))
}

pub(crate) fn age(question: Question<'_>, fact: &EvidenceFact) -> i128 {
    i128::from(question.at.0) - i128::from(fact.at.0)
}

/// From when on a piece that is dated in the future is believed: clocks may differ by a minute.
fn believed_at(fact: &EvidenceFact) -> UnixMillis {
    UnixMillis(fact.at.0.saturating_sub(60_000))
}

/// Nobody waits longer for it than it would count.
fn is_too_far_ahead(question: Question<'_>, accept: &Accept, fact: &EvidenceFact) -> bool {
    -age(question, fact) > i128::from(accept.max_age_seconds) * 1_000
}

/// How something stands whose newest piece is dated in the future: nobody knows, and what it comes to when its time has come
/// tells what is missing, or that time alone helps.
pub(crate) fn not_yet(
    question: Question<'_>,
    accept: &Accept,
    late: &[&EvidenceFact],
    then: impl Fn(Question<'_>) -> Held,
) -> Option<Held> {
    let newest = late.iter().max_by_key(|it| it.at)?;
    if is_too_far_ahead(question, accept, newest) {
        let newest = late.iter().filter(|it| it.at == newest.at);
        return Some(Held { verdict: Verdict::Unknown, ways: newest.map(|it| Told::by(&[it])).collect() });
    }
    let at = believed_at(newest);
    let held = then(Question { at, ..question });
    let passes = held.verdict == Verdict::Pass;
    let ways = held.ways.into_iter().map(|told| if passes { told.from(at.0.into()) } else { told });
    Some(Held { verdict: Verdict::Unknown, ways: ways.collect() })
}

/// What a piece of evidence says by itself.
pub(crate) struct Word {
    pub(crate) verdict: Verdict,
    /// What would help, if it is not more of the same kind.
    pub(crate) told: Option<Told>,
}

impl From<Verdict> for Word {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, told: None }
    }
}

/// Which evidence is looked for, and who could supply it.
pub(crate) struct Wanted<'q> {
    pub(crate) question: Question<'q>,
    pub(crate) accept: &'q Accept,
    pub(crate) ages: bool,
    /// Whether it can be looked at again.
    pub(crate) lives: bool,
    pub(crate) from: &'static str,
}

pub(crate) const CI: &str = "CI";
pub(crate) const GITOPS: &str = "the GitOps controller";
const MAKER: &str = "who makes it";
pub(crate) const KEEPERS: &str = "those who keep the policy";

impl Wanted<'_> {
    /// The newest word counts, and at one instant the worse one: a later "no" revokes an earlier "yes". A "yes" must be fresh;
    /// a "no" does not grow old. What is from the future tells nothing yet.
    pub(crate) fn newest(&self, answers: impl Fn(&EvidenceFact) -> bool, judge: impl Fn(&EvidenceFact) -> Word) -> Held {
        let found = self.question.facts.evidence.iter().filter(|it| answers(it) && is_accepted(self.accept, it));
        let found: Vec<_> = found.collect();
        let Some(newest) = found.iter().map(|it| it.at).max() else {
            return Held::new(Verdict::Unknown).lacking(&Lack::of(1, [self.from]));
        };
        let words = found.iter().filter(|it| it.at == newest).map(|it| self.one(it, judge(it))).collect();
        // Any of the worst may be told.
        let words: Vec<Held> = words;
        let verdict = worst(words.iter().map(|it| it.verdict));
        Held { verdict, ways: words.into_iter().filter(|it| it.verdict == verdict).flat_map(|it| it.ways).collect() }
    }

    fn one(&self, fact: &EvidenceFact, word: Word) -> Held {
        let by = Told::by(&[fact]);
        let more = Lack::of(1, [self.from]);
        if age(self.question, fact) < -60_000 {
            // When its time has come, it says what it says.
            let told = match word {
                _ if is_too_far_ahead(self.question, self.accept, fact) => by,
                Word { verdict: Verdict::Pass, .. } => by.from(believed_at(fact).0.into()),
                Word { told: None, .. } => by.lacking(more),
                Word { told: Some(told), .. } => Told { evidence: by.evidence, ..told },
            };
            return Held::one(Verdict::Unknown, told);
        }
        let is_old = self.ages && age(self.question, fact) > i128::from(self.accept.max_age_seconds) * 1_000;
        match word {
            Word { verdict: Verdict::Pass, .. } if is_old => {
                let told = by.lacking(more);
                Held::one(Verdict::Unknown, if self.lives { told.looking_again() } else { told })
            }
            Word { verdict: Verdict::Pass, .. } => Held::one(Verdict::Pass, by),
            Word { verdict, told: None } => Held::one(verdict, by.lacking(more)),
            Word { verdict, told: Some(told) } => {
                let told = Told { evidence: by.evidence, ..told };
                // What people have yet to believe does not get younger by that.
                let old_too = is_old && !told.lacks.is_empty();
                Held::one(verdict, if old_too { told.lacking(more) } else { told })
            }
        }
    }
}

pub(crate) fn names(fact: &EvidenceFact, algorithm: &str, value: &str) -> bool {
    fact.subjects.iter().any(|subject| subject.digest.iter().any(|(of, is)| of == algorithm && is == value))
}

pub(crate) fn is_of_unit(question: Question<'_>, fact: &EvidenceFact) -> bool {
    fact.unit.as_ref() == Some(&question.facts.readings.unit.id)
}

pub(crate) fn is_of_artifact(question: Question<'_>, fact: &EvidenceFact) -> bool {
    let of_unit = fact.unit.is_none() || is_of_unit(question, fact);
    of_unit && question.facts.readings.artifact.is_some_and(|artifact| names(fact, "sha256", &artifact.hex()))
}

/// Bad news may have no artifact to name.
fn names_artifact_or_none(fact: &EvidenceFact, artifact: Digest) -> bool {
    let names_none = fact.subjects.iter().all(|subject| !subject.digest.contains_key("sha256"));
    names(fact, "sha256", &artifact.hex()) || (is_bad(&fact.says) && names_none)
}

/// The tree and the artifact; a component has none.
pub(crate) fn names_what_was_tried(question: Question<'_>, fact: &EvidenceFact) -> bool {
    let readings = &question.facts.readings;
    names(fact, "gitTree", readings.tested.tree.as_str())
        && readings.artifact.is_none_or(|artifact| names_artifact_or_none(fact, artifact))
}

pub(crate) fn is_of_preflight(question: Question<'_>, fact: &EvidenceFact) -> bool {
    let here = fact.environment.as_ref() == Some(&question.facts.readings.preflight);
    is_of_unit(question, fact) && here && names_what_was_tried(question, fact)
}

pub(crate) fn is_bad(finding: &Finding) -> bool {
    match finding {
        Finding::Tests { failed, .. } => *failed != 0,
        Finding::Deployment { failure } => failure.is_some(),
        Finding::Policy { failed, .. } => *failed != 0,
        Finding::Health { healthy, .. } => !healthy,
        Finding::Contract { breaking, .. } => !breaking.is_empty(),
        Finding::Verified { passed } => !passed,
        Finding::Vulnerabilities { .. } | Finding::Sbom { .. } | Finding::Signal { .. } | Finding::Stated {} => false,
    }
}

fn evidence(question: Question<'_>, rule: &EvidenceRule) -> Held {
    let readings = &question.facts.readings;
    let about = |fact: &EvidenceFact| match rule.about {
        About::Commit => readings.source.as_ref().is_some_and(|it| names(fact, "gitCommit", it.commit.as_str())),
        About::Tree => readings.source.as_ref().is_some_and(|it| names(fact, "gitTree", it.tree.as_str())),
        About::Artifact => is_of_artifact(question, fact),
        About::Deployment => {
            let here = fact.environment.as_ref().is_none_or(|environment| *environment == readings.preflight);
            here && names_what_was_tried(question, fact)
        }
    };
    let of_unit = |fact: &EvidenceFact| fact.unit.is_none() || is_of_unit(question, fact);
    let answers = |fact: &EvidenceFact| fact.predicate_type == rule.predicate_type && of_unit(fact) && about(fact);
    let ages = !readings.way_back || rule.about == About::Deployment;
    let wanted = Wanted { question, accept: &rule.accept, ages, lives: false, from: MAKER };
    wanted.newest(answers, |it| if_not(!is_bad(&it.says), Verdict::Fail).into())
}

/// In the build that made the artifact from its source.
pub(crate) fn is_of_build(question: Question<'_>, fact: &EvidenceFact) -> bool {
    let readings = &question.facts.readings;
    let tree = readings.source.as_ref().is_some_and(|it| names(fact, "gitTree", it.tree.as_str()));
    let artifact = readings.artifact.is_some_and(|artifact| names_artifact_or_none(fact, artifact));
    is_of_unit(question, fact) && fact.environment.is_none() && tree && artifact
}

fn tests(question: Question<'_>, rule: &TestsRule) -> Held {
    let readings = &question.facts.readings;
    let answers = |fact: &EvidenceFact| {
        let of_suite = matches!(&fact.says, Finding::Tests { suite, .. } if *suite == rule.suite);
        of_suite
            && match rule.run {
                TestRun::Build => is_of_build(question, fact),
                TestRun::Preflight => is_of_preflight(question, fact),
            }
    };
    let judge = |fact: &EvidenceFact| match &fact.says {
        Finding::Tests { passed, skipped, flaky, failed, pipeline_changed, .. } => {
            let enough = *passed >= 1 && *passed >= rule.min_passed;
            let clean = *skipped <= rule.max_skipped && *flaky <= rule.max_flaky;
            let believed = !pipeline_changed || crate::spec_people::pipeline_is_approved(readings);
            let doubted = enough && clean && !believed;
            let roles = BTreeSet::from([Role::Owner, Role::Reviewer]);
            let people = doubted.then(|| Told::default().lacking(Lack::of(1, could_approve(readings, &roles))));
            let verdict = if *failed != 0 { Verdict::Fail } else { if_not(enough && clean && believed, Verdict::Unknown) };
            Word { verdict, told: people.filter(|_| *failed == 0) }
        }
        _ => Verdict::Unknown.into(),
    };
    // What was in production before is not built again.
    let ages = !(readings.way_back && rule.run == TestRun::Build);
    let from = match rule.run {
        TestRun::Build => CI,
        TestRun::Preflight => GITOPS,
    };
    Wanted { question, accept: &rule.accept, ages, lives: false, from }.newest(answers, judge)
}

/// A report of a scanner: who, and what it found.
fn report(fact: &EvidenceFact) -> Option<(&String, &Vec<Vulnerability>)> {
    match &fact.says {
        Finding::Vulnerabilities { scanner, found } => Some((scanner, found)),
        _ => None,
    }
}

/// Whose word it is: the names of those who signed it, or the key where it has none.
pub(crate) fn said_by(fact: &EvidenceFact) -> (BTreeSet<String>, Option<String>) {
    let names: BTreeSet<_> = fact.producers.iter().map(ToString::to_string).collect();
    let key = names.is_empty().then(|| format!("{:?}", fact.signer));
    (names, key)
}

/// The newest report of each scanner by each who signs them: none stands in place of somebody else's. What is from the future
/// waits, unless there is too much without it.
fn findings(question: Question<'_>, rule: &FindingsRule) -> Held {
    let answers =
        |fact: &&EvidenceFact| is_of_artifact(question, fact) && is_accepted(&rule.accept, fact) && report(fact).is_some();
    let all: Vec<_> = question.facts.evidence.iter().filter(answers).collect();
    let is_late = |fact: &EvidenceFact| age(question, fact) < -60_000;
    let newest_of = |(scanner, by): &(&String, _)| {
        let these =
            || all.iter().filter(|it| report(it).is_some_and(|(of, _)| of == *scanner) && said_by(it) == *by && !is_late(it));
        let newest = these().map(|it| it.at).max();
        these().filter(|it| Some(it.at) == newest).copied().collect::<Vec<_>>()
    };
    let voices: BTreeSet<_> = all.iter().filter_map(|it| Some((report(it)?.0, said_by(it)))).collect();
    let current: Vec<&EvidenceFact> = voices.iter().flat_map(newest_of).collect();
    let is_fresh = |it: &&EvidenceFact| age(question, it) <= i128::from(rule.accept.max_age_seconds) * 1_000;
    let late: Vec<_> = all.iter().copied().filter(|it| is_late(it)).collect();
    let reported = rule.scanners.iter().all(|wanted| current.iter().any(|it| report(it).is_some_and(|(of, _)| of == wanted)));
    // The same finding in two reports of one scanner is one.
    let found: BTreeSet<_> = current
        .iter()
        .filter_map(|it| report(it))
        .flat_map(|(scanner, found)| found.iter().map(move |it| (scanner, it)))
        .collect();
    let found: Vec<_> = found.into_iter().map(|(_, found)| found).collect();
    let by_any = |these: &[&EvidenceFact]| these.iter().map(|it| Told::by(&[it])).collect::<Vec<_>>();
    if !is_bearable(question, rule, &found) {
        return Held::one(Verdict::Fail, Told::by(&current)).lacking(&Lack::of(1, ["a mended artifact"]));
    }
    if let Some(held) = not_yet(question, &rule.accept, &late, |then| findings(then, rule)) {
        return held;
    }
    // Where one is not there, none that is there decides.
    if current.is_empty() || !reported {
        return Held::new(Verdict::Unknown).lacking(&Lack::of(1, [CI]));
    }
    let old: Vec<_> = current.iter().copied().filter(|it| !is_fresh(it)).collect();
    if old.is_empty() {
        return Held::one(Verdict::Pass, Told::by(&current));
    }
    Held { verdict: Verdict::Unknown, ways: by_any(&old) }.lacking(&Lack::of(1, [CI]))
}
