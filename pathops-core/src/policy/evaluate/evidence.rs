//! Requirements that rest on evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Case;
use super::rules::{self, KEEPERS};
use super::standing::{Standing, span};
use crate::id::{ContractId, EnvironmentId};
use crate::policy::finding::FindingKind;
use crate::policy::{
    About, Accept, Ask, ContractsRule, EvidenceFact, Finding, FindingException, FindingSeverity, FindingsRule, SignalRule,
    SoakRule, TestRun, TestsRule, Verdict, Vulnerability,
};
use crate::project::EnvironmentKind;
use crate::time::UnixMillis;

/// How far a clock that made evidence may be ahead of the one that decides. What is dated later proves nothing.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

impl Case<'_> {
    /// The newest word counts: later negative evidence revokes an earlier pass, and at one instant the worse one wins.
    pub(super) fn newest(&self, asks: &Ask) -> Standing {
        let Some(accept) = asks.accept() else { return Standing::new(Verdict::Unknown, "it rests on no evidence") };
        let relevant = self.candidates(asks).filter(|fact| counts(accept, fact) && answers(self, asks, fact));
        // The facts are sorted by time: only those of the last instant can be the newest.
        let mut newest: Option<(&EvidenceFact, Standing)> = None;
        for fact in relevant.rev() {
            if newest.as_ref().is_some_and(|(found, _)| found.at > fact.at) {
                break;
            }
            let standing = self.judge(asks, fact);
            if newest.as_ref().is_none_or(|(_, found)| standing.verdict > found.verdict) {
                newest = Some((fact, standing));
            }
        }
        match newest {
            Some((fact, standing)) => self.in_time(asks, accept, fact, standing),
            None => missing(asks, accept),
        }
    }

    /// All evidence that may answer, oldest first. What is about a policy, or measured in production, names nothing of what would be
    /// promoted.
    fn candidates(&self, asks: &Ask) -> Box<dyn DoubleEndedIterator<Item = &EvidenceFact> + '_> {
        match asks {
            Ask::Policy(_) => self.known.evidence(kind(asks)),
            Ask::Signal(rule) if rule.environment == EnvironmentKind::Production => self.known.evidence(kind(asks)),
            _ => Box::new(self.known.near(kind(asks))),
        }
    }

    /// A good word counts while it is fresh.
    fn in_time(&self, asks: &Ask, accept: &Accept, fact: &EvidenceFact, standing: Standing) -> Standing {
        if self.is_from_the_future(fact) {
            return self.not_yet(accept, fact, |then| then.in_time(asks, accept, fact, standing));
        }
        let is_good = standing.verdict == Verdict::Pass;
        let standing = standing.by(fact);
        if !is_good && !standing.has_a_way() {
            return lacks(standing, asks, "a better ");
        }
        // What is good must be fresh; and what people have yet to believe does not get younger by that.
        if (!is_good && !standing.lacks_something()) || !self.too_old(asks, accept, fact.at) {
            return standing;
        }
        if !is_good {
            return lacks(standing, asks, "a newer ");
        }
        let age = span(self.at.since(fact.at));
        let because = format!("{}, but that was {age} ago, and {} is the limit", standing.because, span(accept.max_age()));
        let old = lacks(Standing::new(Verdict::Unknown, because).by(fact), asks, "a newer ");
        // What is live can be looked at again; tests that were run do not get newer by that.
        if matches!(asks, Ask::Deployment(_) | Ask::Health(_) | Ask::Soak(_)) { old.look_again() } else { old }
    }

    /// What was in production before is tried in preflight once more, but not built again: what is about its build does
    /// not age. Nor do the rules: the way back must not wait for people who look at them.
    fn too_old(&self, asks: &Ask, accept: &Accept, at: UnixMillis) -> bool {
        let of_past = match asks {
            Ask::Tests(rule) => rule.run == TestRun::Build,
            Ask::Sbom(_) | Ask::Contracts(_) | Ask::Policy(_) => true,
            Ask::Evidence(rule) => rule.about != About::Deployment,
            _ => false,
        };
        !(self.facts.readings.way_back && of_past) && self.at.since(at) > accept.max_age()
    }

    /// A piece that is dated in the future says nothing before the clocks are there; what it comes to `then` tells what is
    /// missing, and whether time alone helps. Where clocks stand, it never does; and what is dated further ahead than it would
    /// count for afterwards is by a clock that nobody waits for.
    fn not_yet(&self, accept: &Accept, fact: &EvidenceFact, then: impl FnOnce(&Self) -> Standing) -> Standing {
        let because = format!("the newest evidence is dated {}, which is in the future", fact.at);
        if self.known_at > self.at || fact.at.since(self.at) > accept.max_age() {
            return Standing::new(Verdict::Unknown, because).by(fact);
        }
        let believed = self.moved_to(fact.at - CLOCK_SKEW);
        then(&believed).not_before(believed.at, because)
    }

    fn judge(&self, asks: &Ask, fact: &EvidenceFact) -> Standing {
        match (asks, &fact.says) {
            (Ask::Tests(rule), Finding::Tests { passed, skipped, flaky, failed, pipeline_changed, .. }) => {
                let counts = Counts { passed: *passed, skipped: *skipped, flaky: *flaky, failed: *failed };
                match tests(rule, &counts) {
                    standing if standing.verdict == Verdict::Pass && *pipeline_changed => self.pipeline(&standing.because),
                    standing => standing,
                }
            }
            (Ask::Deployment(_), Finding::Deployment { failure }) => match failure {
                None => Standing::new(Verdict::Pass, "exactly this was live and healthy in preflight"),
                Some(reason) => Standing::new(Verdict::Fail, format!("it was not ready in preflight: {reason}")),
            },
            (Ask::Health(rule), Finding::Health { healthy, settled_millis }) => {
                let (settled, wanted) = (Duration::from_millis(*settled_millis), Duration::from_secs(rule.settled_seconds));
                if !healthy {
                    Standing::new(Verdict::Fail, "it was not healthy in preflight")
                } else if settled < wanted {
                    let because = format!("healthy for {}, and {} s are asked for", span(settled), rule.settled_seconds);
                    Standing::new(Verdict::Unknown, because).from(fact.at + (wanted - settled)).look_again()
                } else {
                    Standing::new(Verdict::Pass, format!("healthy for {} without a gap", span(settled)))
                }
            }
            (Ask::Sbom(_), Finding::Sbom { parts, .. }) => match parts {
                0 => Standing::new(Verdict::Unknown, "it lists nothing"),
                parts => Standing::new(Verdict::Pass, format!("it lists {parts} parts")),
            },
            (Ask::Policy(rule), Finding::Policy { passed, failed, approved_by }) => {
                rules::check(rule, *passed, *failed, approved_by)
            }
            (Ask::Signal(rule), Finding::Signal { value, samples, errors, .. }) => signal(rule, *value, *samples, *errors),
            (Ask::Evidence(_), says) if says.is_bad() => Standing::new(Verdict::Fail, "it speaks against it"),
            (Ask::Evidence(_), _) => Standing::new(Verdict::Pass, "it is there"),
            _ => Standing::new(Verdict::Unknown, "it says something else"),
        }
    }

    /// Of each scanner the newest report counts by each who signs its reports, and all of them together; what two of them say
    /// of one scanner is one. What is over the limits is so whatever else is missing, late or old.
    pub(super) fn findings(&self, asks: &Ask, rule: &FindingsRule) -> Standing {
        let mut reports: BTreeMap<&str, Vec<&EvidenceFact>> = BTreeMap::new();
        let mut late: Option<&EvidenceFact> = None;
        for (scanner, all) in self.known.reports() {
            let mut newest: Vec<&EvidenceFact> = Vec::new();
            // The facts are sorted by time: behind those of the last instant, none is the newest.
            for fact in all.rev().filter(|fact| counts(&rule.accept, fact) && answers(self, asks, fact)) {
                if self.is_from_the_future(fact) {
                    late = late.filter(|late| late.at >= fact.at).or(Some(fact));
                } else if newest.first().is_none_or(|found| found.at == fact.at) {
                    newest.push(fact);
                } else {
                    break;
                }
            }
            if !newest.is_empty() {
                reports.entry(scanner).or_default().append(&mut newest);
            }
        }
        let found = reports.values().flat_map(|newest| all_found(newest));
        let standing = self.limits(rule, found, reports.len());
        let oldest = reports.values().flatten().copied().min_by_key(|fact| fact.at);
        let others = reports.values().flatten().filter(|fact| oldest.is_some_and(|oldest| oldest.id != fact.id));
        let standing = others.fold(standing, |standing, fact| standing.by(fact));
        let absent: Vec<_> = rule.scanners.iter().map(String::as_str).filter(|scanner| !reports.contains_key(scanner)).collect();
        match (oldest, late) {
            (Some(fact), _) if standing.verdict == Verdict::Fail => standing.by(fact),
            (_, Some(fact)) => self.not_yet(&rule.accept, fact, |then| then.findings(asks, rule)),
            (_, None) if !absent.is_empty() => {
                let absent = absent.join(" and of ");
                let absence = Standing::new(Verdict::Unknown, format!("there is no report of {absent}"))
                    .needs(format!("a report of {absent}"), vec!["CI".to_owned()]);
                // Those that are there may be too old besides.
                let there = oldest.map(|fact| self.in_time(asks, &rule.accept, fact, standing));
                there.into_iter().fold(absence, Standing::beside)
            }
            (None, None) => missing(asks, &rule.accept),
            (Some(fact), None) => self.in_time(asks, &rule.accept, fact, standing),
        }
    }

    fn limits<'f>(&self, rule: &FindingsRule, found: impl Iterator<Item = &'f Vulnerability>, reports: usize) -> Standing {
        let (mut counts, mut borne, mut lapsed) = (BTreeMap::new(), 0_u32, None);
        for finding in found {
            let mut exceptions = rule.exceptions.iter().filter(|exception| exception.id == finding.id);
            if exceptions.clone().any(|exception| self.holds_now(exception)) {
                borne = borne.saturating_add(1);
                continue;
            }
            lapsed = exceptions.next().or(lapsed);
            let count: &mut u32 = counts.entry(finding.severity.unwrap_or(FindingSeverity::Critical)).or_default();
            *count = count.saturating_add(1);
        }
        let count = |severity| counts.range(severity..).fold(0_u32, |sum, (_, count)| sum.saturating_add(*count));
        // The worst is told first.
        let over = rule.max.iter().rev().find(|(severity, limit)| count(**severity) > **limit);
        match (over, lapsed) {
            (None, _) => {
                let exceptions = if borne > 0 { format!(", {borne} borne for now") } else { String::new() };
                Standing::new(Verdict::Pass, format!("{reports} report(s), nothing over the limits{exceptions}"))
            }
            (Some((severity, limit)), lapsed) => {
                let exception = lapsed.map_or_else(String::new, |it| {
                    let gone =
                        if it.until <= self.at { format!("ended {}", it.until) } else { "has no owner any more".to_owned() };
                    format!("; the exception for {} {gone}", it.id)
                });
                let worse = if *severity == FindingSeverity::Critical { "" } else { " or worse" };
                let because = format!("{} {severity}{worse} finding(s), and {limit} may stay{exception}", count(*severity));
                Standing::new(Verdict::Fail, because).needs("a report with fewer findings", vec!["a mended artifact".to_owned()])
            }
        }
    }

    /// Whether an exception has not ended, and somebody of the project answers for it.
    fn holds_now(&self, exception: &FindingException) -> bool {
        exception.until > self.at && self.facts.readings.people.contains_key(&exception.owner)
    }

    /// The time for which it is known to have run well, back from the newest piece: as far as what is known touches, but for
    /// the gaps that are allowed, and never back over bad news or another combination, whatever was said later of the time
    /// before. At one instant the worse word wins.
    pub(super) fn soak(&self, asks: &Ask, rule: &SoakRule) -> Standing {
        let gap = Duration::from_secs(rule.max_gap_seconds);
        let all = || self.known.evidence(Some(FindingKind::Running)).rev().filter(|fact| self.is_of_preflight(fact));
        if let Some(fact) = all().next().filter(|fact| self.is_from_the_future(fact)) {
            return self.not_yet(&rule.accept, fact, |then| then.soak(asks, rule));
        }
        // Time after the instant is none in which it ran before; but bad news about this combination is bad news.
        let is_before = |fact: &EvidenceFact| fact.at <= self.at + CLOCK_SKEW;
        let speaks_against = |fact: &EvidenceFact| fact.says.is_bad() && self.is_about(About::Deployment, fact);
        let here = || all().filter(|fact| is_before(fact) || speaks_against(fact));
        let broken = here().find_map(|fact| self.breaks(fact).map(|why| (fact.at, why)));
        let (from, why) = broken.unwrap_or((UnixMillis(i64::MIN), "it has not run in preflight yet"));
        let mut run: Option<Soaked<'_>> = None;
        for fact in here().take_while(|fact| fact.at > from).filter(|fact| counts(&rule.accept, fact)) {
            let since = healthy_since(fact);
            let run = run.get_or_insert(Soaked { since, until: fact.at, last: fact });
            if fact.at + gap >= run.since {
                run.since = run.since.min(since);
            }
        }
        let Some(Soaked { since, until, last }) = run else {
            return Standing::new(Verdict::Unknown, why).needs("health in preflight", vec![GITOPS.to_owned()]);
        };
        let since = since.max(from);
        let (soaked, wanted) = (until.since(since), Duration::from_secs(rule.seconds));
        if soaked < wanted {
            let because = format!("it has run for {} of {}", span(soaked), span(wanted));
            return Standing::new(Verdict::Unknown, because).by(last).from(until + (wanted - soaked)).look_again();
        }
        let standing = Standing::new(Verdict::Pass, format!("it has run for {} without a gap", span(soaked)));
        self.in_time(asks, &rule.accept, last, standing)
    }

    /// Why the time in preflight begins anew here.
    fn breaks(&self, fact: &EvidenceFact) -> Option<&'static str> {
        if fact.says.is_bad() {
            return Some("it was not healthy in preflight");
        }
        (!self.is_about(About::Deployment, fact)).then_some("another combination ran in preflight")
    }

    fn is_of_preflight(&self, fact: &EvidenceFact) -> bool {
        let readings = &self.facts.readings;
        matches!(fact.says, Finding::Deployment { .. } | Finding::Health { .. })
            && fact.unit.as_ref() == Some(&readings.unit.id)
            && fact.environment.as_ref() == Some(&readings.preflight)
    }

    /// Every contract that the unit keeps; the worst of them decide.
    pub(super) fn contracts(&self, asks: &Ask, rule: &ContractsRule) -> Standing {
        let kept = &self.facts.readings.unit.provides;
        let each: Vec<_> = kept.iter().map(|contract| self.contract(asks, rule, contract)).collect();
        let (count, worst) = (each.len(), each.iter().map(|standing| standing.verdict).max());
        match each.into_iter().filter(|standing| Some(standing.verdict) == worst).reduce(Standing::and) {
            None => Standing::new(Verdict::Pass, "it keeps no contract"),
            Some(all) if all.verdict == Verdict::Pass => {
                all.because(format!("{count} contract(s) are compatible with what they were"))
            }
            Some(worst) => worst,
        }
    }

    fn contract(&self, asks: &Ask, rule: &ContractsRule, contract: &ContractId) -> Standing {
        let about = |fact: &&EvidenceFact| {
            let of_this = matches!(&fact.says, Finding::Contract { contract: of, .. } if of == contract);
            of_this && counts(&rule.accept, fact) && answers(self, asks, fact)
        };
        let newest = self.known.near(kind(asks)).filter(about).max_by_key(|fact| (fact.at, fact.says.is_bad()));
        match newest.map(|fact| (fact, &fact.says)) {
            Some((fact, Finding::Contract { breaking, .. })) => {
                let standing = match breaking.as_slice() {
                    [] => Standing::new(Verdict::Pass, format!("{contract} is compatible")),
                    [first, ..] => {
                        Standing::new(Verdict::Fail, format!("{contract} breaks in {} place(s): {first}", breaking.len()))
                    }
                };
                self.in_time(asks, &rule.accept, fact, standing)
            }
            _ => Standing::new(Verdict::Unknown, format!("nobody has compared {contract} with what it was"))
                .needs(format!("a comparison of {contract}"), vec!["CI".to_owned()]),
        }
    }
}

/// What reports of one scanner have found, each once.
fn all_found<'f>(reports: &[&'f EvidenceFact]) -> BTreeSet<&'f Vulnerability> {
    let found = |fact: &&'f EvidenceFact| match &fact.says {
        Finding::Vulnerabilities { found, .. } => found.as_slice(),
        _ => &[],
    };
    reports.iter().flat_map(found).collect()
}

#[derive(Clone, Copy)]
struct Soaked<'f> {
    since: UnixMillis,
    until: UnixMillis,
    last: &'f EvidenceFact,
}

/// Since when it was healthy, up to the instant of the piece.
fn healthy_since(fact: &EvidenceFact) -> UnixMillis {
    let settled = match &fact.says {
        Finding::Health { settled_millis, .. } => *settled_millis,
        _ => 0,
    };
    UnixMillis(fact.at.0.saturating_sub(i64::try_from(settled).unwrap_or(i64::MAX)))
}

/// The kind of evidence that can answer; `None` where any can.
fn kind(asks: &Ask) -> Option<FindingKind> {
    match asks {
        Ask::Tests(_) => Some(FindingKind::Tests),
        Ask::Deployment(_) | Ask::Health(_) | Ask::Soak(_) => Some(FindingKind::Running),
        Ask::Findings(_) => Some(FindingKind::Vulnerabilities),
        Ask::Sbom(_) => Some(FindingKind::Sbom),
        Ask::Contracts(_) => Some(FindingKind::Contract),
        Ask::Signal(_) => Some(FindingKind::Signal),
        Ask::Policy(_) => Some(FindingKind::Policy),
        _ => None,
    }
}

/// Whose word counts. A bad word of anybody who is trusted does.
pub(in crate::policy) fn counts(accept: &Accept, fact: &EvidenceFact) -> bool {
    let from = accept.from.as_ref().is_none_or(|from| !from.is_disjoint(&fact.producers));
    fact.says.is_bad() || (from && (fact.in_ledger || !accept.in_ledger))
}

/// Whether a piece of evidence is of the kind that is asked for, and about what would be promoted.
pub(in crate::policy) fn answers(case: &Case<'_>, asks: &Ask, fact: &EvidenceFact) -> bool {
    let readings = &case.facts.readings;
    match (asks, &fact.says) {
        (Ask::Tests(TestsRule { suite, run, .. }), Finding::Tests { suite: of, .. }) => suite == of && case.is_of_run(*run, fact),
        (Ask::Deployment(_), Finding::Deployment { .. })
        | (Ask::Health(_), Finding::Health { .. })
        | (Ask::Soak(_), Finding::Deployment { .. } | Finding::Health { .. }) => case.is_of_trial(fact),
        (Ask::Findings(_), Finding::Vulnerabilities { .. }) => case.is_of_artifact(fact),
        (Ask::Contracts(_), Finding::Contract { contract, .. }) => {
            let of_source = case.is_about(About::Tree, fact) || case.is_about(About::Artifact, fact);
            readings.unit.provides.contains(contract) && case.is_of_unit(fact) && of_source
        }
        (Ask::Policy(_), Finding::Policy { .. }) => case.is_of_policy(fact),
        (Ask::Sbom(rule), Finding::Sbom { format, .. }) => rule.formats.contains(format) && case.is_of_artifact(fact),
        (Ask::Signal(rule), Finding::Signal { name, .. }) => {
            *name == rule.name && case.is_of_unit(fact) && in_environment(case, rule.environment, fact)
        }
        (Ask::Evidence(rule), _) => {
            // What others say names no environment: the bytes tell what it is about.
            let tried = || rule.about == About::Deployment && fact.environment.is_none() && case.names_what_was_tried(fact);
            let of_this = fact.predicate_type == rule.predicate_type && case.is_of_nobody_else(fact);
            of_this && (case.is_about(rule.about, fact) || tried())
        }
        _ => false,
    }
}

impl Case<'_> {
    fn is_of_unit(&self, fact: &EvidenceFact) -> bool {
        fact.unit.as_ref() == Some(&self.facts.readings.unit.id)
    }

    fn is_of_nobody_else(&self, fact: &EvidenceFact) -> bool {
        fact.unit.as_ref().is_none_or(|unit| *unit == self.facts.readings.unit.id)
    }

    /// Whether it is about the unit in preflight, in exactly the combination that was tried there.
    pub(in crate::policy) fn is_of_trial(&self, fact: &EvidenceFact) -> bool {
        self.is_of_unit(fact) && self.is_about(About::Deployment, fact)
    }

    /// Whether it is about what would be promoted, wherever that is.
    pub(in crate::policy) fn is_of_artifact(&self, fact: &EvidenceFact) -> bool {
        self.is_of_nobody_else(fact) && self.is_about(About::Artifact, fact)
    }

    /// Whether it is about the unit where these tests are run: in the build that made the artifact, or in preflight.
    pub(in crate::policy) fn is_of_run(&self, run: TestRun, fact: &EvidenceFact) -> bool {
        let names_artifact =
            || self.artifact.as_ref().is_some_and(|digest| fact.is_about("sha256", digest) || super::names_no_artifact(fact));
        match run {
            TestRun::Build => {
                let of_source = fact.environment.is_none() && self.is_about(About::Tree, fact);
                self.is_of_unit(fact) && of_source && names_artifact()
            }
            TestRun::Preflight => self.is_of_trial(fact),
        }
    }
}

/// In preflight it must be about what was tried there; in production runs what was there before.
fn in_environment(case: &Case<'_>, kind: EnvironmentKind, fact: &EvidenceFact) -> bool {
    let readings = &case.facts.readings;
    let is = |environment: &EnvironmentId| fact.environment.as_ref() == Some(environment);
    match kind {
        EnvironmentKind::Preflight => case.is_about(About::Deployment, fact),
        EnvironmentKind::Production => is(&readings.environment),
        EnvironmentKind::Agents => false,
    }
}

struct Counts {
    passed: u32,
    skipped: u32,
    flaky: u32,
    failed: u32,
}

fn tests(rule: &TestsRule, counts: &Counts) -> Standing {
    let Counts { passed, skipped, flaky, failed } = counts;
    let mut because = format!("{passed} passed, {failed} failed");
    for (count, name) in [(skipped, "skipped"), (flaky, "flaky")] {
        if *count > 0 {
            because.push_str(&format!(", {count} {name}"));
        }
    }
    let wanted = rule.min_passed.max(1);
    if *failed > 0 {
        Standing::new(Verdict::Fail, because)
    } else if *passed < wanted {
        Standing::new(Verdict::Unknown, format!("{because}; at least {wanted} must pass"))
    } else if *skipped > rule.max_skipped {
        Standing::new(Verdict::Unknown, format!("{because}; at most {} may be skipped", rule.max_skipped))
    } else if *flaky > rule.max_flaky {
        Standing::new(Verdict::Unknown, format!("{because}; at most {} may be flaky", rule.max_flaky))
    } else {
        Standing::new(Verdict::Pass, because)
    }
}

fn signal(rule: &SignalRule, value: Option<f64>, samples: u64, errors: u64) -> Standing {
    let wanted = rule.min_samples.max(1);
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return Standing::new(Verdict::Unknown, format!("{} has no value, with {errors} failed measurement(s)", rule.name));
    };
    let bound = |name: &str, bound: f64| format!("{} is {value}, and {bound} is the {name}", rule.name);
    if errors > 0 {
        Standing::new(Verdict::Unknown, format!("{errors} measurement(s) of {} gave an error or no number", rule.name))
    } else if samples < wanted {
        Standing::new(Verdict::Unknown, format!("{} rests on {samples} sample(s), and {wanted} are asked for", rule.name))
    } else if let Some(min) = rule.min.filter(|min| value < *min) {
        Standing::new(Verdict::Fail, bound("least", min))
    } else if let Some(max) = rule.max.filter(|max| value > *max) {
        Standing::new(Verdict::Fail, bound("most", max))
    } else {
        Standing::new(Verdict::Pass, format!("{} is {value}", rule.name))
    }
}

fn missing(asks: &Ask, accept: &Accept) -> Standing {
    let (what, _) = wanted(asks);
    let ledger = if accept.in_ledger { " in the ledger" } else { "" };
    let because = match &accept.from {
        Some(from) => {
            let names: Vec<_> = from.iter().map(|name| name.as_str()).collect();
            format!("there is no {what} for this{ledger} from {}", names.join(" or "))
        }
        None => format!("there is no {what} for this{ledger}"),
    };
    lacks(Standing::new(Verdict::Unknown, because), asks, "")
}

/// Evidence has to come. The policy is checked when people have it checked.
fn lacks(standing: Standing, asks: &Ask, which: &str) -> Standing {
    let (what, from) = wanted(asks);
    let what = format!("{which}{what}");
    if matches!(asks, Ask::Policy(_)) { standing.needs_people(what, vec![from]) } else { standing.needs(what, vec![from]) }
}

const GITOPS: &str = "the GitOps controller";

/// What a kind of evidence is called, and where it comes from.
fn wanted(asks: &Ask) -> (String, String) {
    let (what, from) = match asks {
        Ask::Tests(TestsRule { run: TestRun::Build, suite, .. }) => (format!("result of the {suite} tests"), "CI"),
        Ask::Tests(TestsRule { run: TestRun::Preflight, suite, .. }) => {
            (format!("result of the {suite} job in preflight"), GITOPS)
        }
        Ask::Deployment(_) => ("deployment in preflight".to_owned(), GITOPS),
        Ask::Health(_) | Ask::Soak(_) => ("health in preflight".to_owned(), GITOPS),
        Ask::Findings(_) => ("report of a scanner".to_owned(), "CI"),
        Ask::Sbom(_) => ("bill of materials".to_owned(), "CI"),
        Ask::Contracts(_) => ("comparison of the contract".to_owned(), "CI"),
        Ask::Signal(rule) => (format!("measurement of {}", rule.name), "the monitoring"),
        Ask::Policy(_) => ("check of the policy".to_owned(), KEEPERS),
        Ask::Evidence(rule) => (format!("evidence of the type {}", rule.predicate_type), "who makes it"),
        _ => ("evidence".to_owned(), "who makes it"),
    };
    (what, from.to_owned())
}
