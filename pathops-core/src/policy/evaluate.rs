use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::adapter::{Review, ReviewState};
use crate::evidence::EvidenceId;
use crate::id::{CommitId, PersonId, RequirementId};
use crate::policy::{
    ApprovalRule, Calendar, Decision, EvidenceFact, EvidenceKind, EvidenceRule, Facts, Finding, FreezeWindow, GrantBinding,
    IncidentRule, LifecycleRule, Missing, Policy, PromotionGrant, RequirementResult, RuleSet, Stage, Verdict, VerifiedFacts,
};
use crate::principal::Principal;
use crate::project::Role;
use crate::time::UnixMillis;

/// How far a clock that made evidence may be ahead of the one that decides. What is dated later proves nothing.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Decides over verified facts; where every requirement passes at the final stage, mints the grant.
/// `nonce` tells grants apart and is no input of the decision.
#[must_use]
pub fn decide(policy: &Policy, facts: &VerifiedFacts, at: UnixMillis, nonce: u128) -> (Decision, Option<PromotionGrant>) {
    let facts = facts.facts();
    let decision = evaluate(policy, facts, at);
    let grant = match (&facts.readings.proposal, decision.verdict) {
        (Some(_), Verdict::Pass) => grant_binding(policy, facts).map(|binding| PromotionGrant::mint(binding, at, nonce)),
        _ => None,
    };
    (decision, grant)
}

/// What a grant under this policy and these facts would be bound to; `None` without a production pull request.
/// [`PromotionGrant::redeem`] takes the binding of facts that were read anew.
#[must_use]
pub fn grant_binding(policy: &Policy, facts: &Facts) -> Option<GrantBinding> {
    let readings = &facts.readings;
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

/// Whether the facts meet the policy at an instant, with the reasons. Pure and total.
#[must_use]
pub fn evaluate(policy: &Policy, facts: &Facts, at: UnixMillis) -> Decision {
    let readings = &facts.readings;
    let stage = if readings.proposal.is_some() { Stage::Final } else { Stage::First };
    let mut requirements = vec![covered(policy, facts), integrity(facts), combination(facts)];
    for set in policy.covering(&readings.unit) {
        requirements.extend(rule_set(set, facts, at));
    }
    let counting = requirements.iter().filter(|requirement| !requirement.deferred);
    Decision {
        format: 1,
        change_set: readings.change_set.clone(),
        unit: readings.unit.id.clone(),
        environment: readings.environment.clone(),
        stage,
        verdict: counting.map(|requirement| requirement.verdict).max().unwrap_or(Verdict::Unknown),
        at,
        policy: policy.digest(),
        facts: facts.digest(),
        requirements,
        inputs: facts.evidence.iter().map(|fact| fact.id).collect(),
    }
}

fn rule_set<'f>(set: &'f RuleSet, facts: &'f Facts, at: UnixMillis) -> impl Iterator<Item = RequirementResult> + 'f {
    let evidence = set.evidence.iter().map(move |rule| evidence(rule, facts, at));
    let others = [approvals(&set.approvals, facts), lifecycle(&set.lifecycle, facts), incidents(&set.incidents, facts)];
    evidence.chain(others).chain(set.freeze.iter().map(move |window| freeze(window, facts, at)))
}

/// Incidents and freezes stop what is new; they never stop the way back to what was there before.
const WAY_BACK: &str = "does not stop the way back to what was there before";

/// How one requirement stands, before it is given its name.
struct Standing {
    verdict: Verdict,
    because: String,
    evidence: Vec<EvidenceId>,
    stale: bool,
    missing: Option<Missing>,
    earliest: Option<UnixMillis>,
}

impl Standing {
    fn new(verdict: Verdict, because: impl Into<String>) -> Self {
        Self { verdict, because: because.into(), evidence: Vec::new(), stale: false, missing: None, earliest: None }
    }

    fn by(mut self, fact: &EvidenceFact) -> Self {
        self.evidence.push(fact.id);
        self
    }

    /// Something that a system has to supply.
    fn needs(mut self, what: impl Into<String>, from: Vec<String>) -> Self {
        self.missing = Some(Missing { what: what.into(), from, by_people: false });
        self
    }

    /// Something that people can supply at any time.
    fn needs_people(mut self, what: impl Into<String>, from: Vec<String>) -> Self {
        self.missing = Some(Missing { what: what.into(), from, by_people: true });
        self
    }

    fn of(self, id: &RequirementId, reason: &str) -> RequirementResult {
        let Self { verdict, because, evidence, stale, missing, earliest } = self;
        let (id, reason) = (id.clone(), reason.to_owned());
        RequirementResult { id, reason, verdict, deferred: false, because, evidence, stale, missing, earliest }
    }
}

/// A requirement of every policy.
fn always(id: &'static str, reason: &str, standing: Standing) -> RequirementResult {
    standing.of(&RequirementId::built_in(id), reason)
}

fn covered(policy: &Policy, facts: &Facts) -> RequirementResult {
    let sets = policy.covering(&facts.readings.unit).count();
    let standing = match sets {
        0 => Standing::new(Verdict::Fail, "no rule of the policy covers it")
            .needs("a rule set that covers it", vec!["a change of the policy".to_owned()]),
        n => Standing::new(
            Verdict::Pass,
            format!("{n} rule set{} cover{} it", if n == 1 { "" } else { "s" }, if n == 1 { "s" } else { "" }),
        ),
    };
    always("covered", "what the rules do not cover is refused", standing)
}

fn integrity(facts: &Facts) -> RequirementResult {
    let standing = match facts.rejected.as_slice() {
        [] => Standing::new(Verdict::Pass, format!("all {} pieces are signed by a trusted key", facts.evidence.len())),
        [first, ..] => Standing::new(Verdict::Fail, format!("{} of the envelopes prove nothing: {first}", facts.rejected.len())),
    };
    always("evidence-integrity", "a decision rests on evidence that nobody could forge", standing)
}

fn combination(facts: &Facts) -> RequirementResult {
    let proposal = facts.readings.proposal.as_ref();
    let standing = match proposal.map(|proposal| proposal.carries_tested) {
        Some(true) => Standing::new(Verdict::Pass, "the pull request asks for exactly what ran in preflight"),
        Some(false) => Standing::new(Verdict::Fail, "merging the pull request gives something else than what ran in preflight"),
        None => Standing::new(Verdict::Unknown, "there is no production pull request yet"),
    };
    let mut result = always("tested-combination", "only what was tested together is promoted together", standing);
    result.deferred = proposal.is_none();
    result
}

fn evidence(rule: &EvidenceRule, facts: &Facts, at: UnixMillis) -> RequirementResult {
    // The newest word counts: later negative evidence revokes an earlier pass, and at one instant the worse one wins.
    let relevant = facts.evidence.iter().filter(|fact| answers(&rule.kind, fact, facts));
    let judged = relevant.map(|fact| (fact, judge(&rule.kind, fact, facts)));
    let newest = judged.max_by_key(|(fact, standing)| (fact.at, standing.verdict));
    let standing = match newest {
        None => {
            let (what, from) = wanted(&rule.kind);
            Standing::new(Verdict::Unknown, format!("there is no {what} for this")).needs(what, vec![from])
        }
        Some((fact, _)) if fact.at > at + CLOCK_SKEW => {
            Standing::new(Verdict::Unknown, format!("the newest evidence is dated {}, which is in the future", fact.at)).by(fact)
        }
        Some((fact, standing)) if standing.verdict == Verdict::Pass && too_old(rule, fact, facts, at) => {
            let because = format!(
                "{}, but that was {} ago, and {} is the limit",
                standing.because,
                span(at.since(fact.at)),
                span(rule.max_age())
            );
            let (what, from) = wanted(&rule.kind);
            let old = Standing::new(Verdict::Unknown, because).by(fact).needs(format!("a newer {what}"), vec![from]);
            // What is live can be looked at again; tests that were run do not get newer by that.
            let stale = matches!(rule.kind, EvidenceKind::PreflightDeployment | EvidenceKind::PreflightHealth { .. });
            Standing { stale, ..old }
        }
        Some((fact, standing)) => standing.by(fact),
    };
    standing.of(&rule.id, &rule.reason)
}

/// What was in production before is tried in preflight once more, but not built again: its tests do not age.
fn too_old(rule: &EvidenceRule, fact: &EvidenceFact, facts: &Facts, at: UnixMillis) -> bool {
    let built_before = facts.readings.way_back && matches!(rule.kind, EvidenceKind::BuildTest { .. });
    !built_before && at.since(fact.at) > rule.max_age()
}

/// Whether a piece of evidence is of the kind that is asked for, and about what would be promoted.
fn answers(kind: &EvidenceKind, fact: &EvidenceFact, facts: &Facts) -> bool {
    let readings = &facts.readings;
    if fact.unit.as_ref() != Some(&readings.unit.id) {
        return false;
    }
    // Good news must be about the very artifact; bad news may have none to name (a process that never came up).
    let artifact = || {
        let digests = || fact.subjects.iter().any(|subject| subject.digest.contains_key("sha256"));
        (fact.says.is_bad() && !digests())
            || readings.artifact.as_ref().is_none_or(|digest| fact.is_about("sha256", &digest.hex()))
    };
    let in_preflight = || {
        fact.environment.as_ref() == Some(&readings.preflight)
            && fact.is_about("gitTree", readings.tested.tree.as_str())
            && artifact()
    };
    match (kind, &fact.says) {
        (EvidenceKind::BuildTest { suite, .. }, Finding::Tests { suite: of, .. }) => {
            let source = readings.source.as_ref().is_some_and(|source| fact.is_about("gitTree", source.tree.as_str()));
            fact.environment.is_none() && suite == of && source && readings.artifact.is_some() && artifact()
        }
        (EvidenceKind::PreflightTest { suite, .. }, Finding::Tests { suite: of, .. }) => suite == of && in_preflight(),
        (EvidenceKind::PreflightDeployment, Finding::Deployment { .. })
        | (EvidenceKind::PreflightHealth { .. }, Finding::Health { .. }) => in_preflight(),
        _ => false,
    }
}

fn judge(kind: &EvidenceKind, fact: &EvidenceFact, facts: &Facts) -> Standing {
    match (kind, &fact.says) {
        (
            EvidenceKind::BuildTest { min_passed, .. } | EvidenceKind::PreflightTest { min_passed, .. },
            Finding::Tests { passed, inconclusive, failed, pipeline_changed, .. },
        ) => {
            let counts = format!("{passed} passed, {failed} failed, {inconclusive} inconclusive");
            match () {
                () if *failed > 0 => Standing::new(Verdict::Fail, counts),
                () if *passed < *min_passed || *passed == 0 => {
                    Standing::new(Verdict::Unknown, format!("{counts}; at least {} must pass", (*min_passed).max(1)))
                }
                () if *pipeline_changed => pipeline(facts, &counts),
                () => Standing::new(Verdict::Pass, counts),
            }
        }
        (EvidenceKind::PreflightDeployment, Finding::Deployment { failure }) => match failure {
            None => Standing::new(Verdict::Pass, "exactly this was live and healthy in preflight"),
            Some(reason) => Standing::new(Verdict::Fail, format!("it was not ready in preflight: {reason}")),
        },
        (EvidenceKind::PreflightHealth { settled_seconds }, Finding::Health { healthy, settled_millis }) => {
            let settled = Duration::from_millis(*settled_millis);
            match () {
                () if !healthy => Standing::new(Verdict::Fail, "it was not healthy in preflight"),
                () if settled < Duration::from_secs(*settled_seconds) => Standing::new(
                    Verdict::Unknown,
                    format!("healthy for {}, and {settled_seconds} s are asked for", span(settled)),
                ),
                () => Standing::new(Verdict::Pass, format!("healthy for {} without a gap", span(settled))),
            }
        }
        _ => Standing::new(Verdict::Unknown, "it says something else"),
    }
}

/// Tests that the change's own pipeline reports are believed once a person has approved that pipeline.
fn pipeline(facts: &Facts, counts: &str) -> Standing {
    let readings = &facts.readings;
    let roles = BTreeSet::from([Role::Owner, Role::Reviewer]);
    let votes = readings.source_head.as_ref().map(|head| Votes::count(&readings.source_reviews, head, &roles, facts));
    match votes {
        Some(votes) if !votes.yes.is_empty() && votes.no.is_empty() => {
            Standing::new(Verdict::Pass, format!("{counts}; the changed pipeline was approved by {}", names(&votes.yes)))
        }
        _ => Standing::new(Verdict::Unknown, format!("{counts}, says a pipeline that this very change touched"))
            .needs("an approval of the source pull request's head before its merge", eligible(&roles, facts)),
    }
}

/// Who has approved a head commit, and who asks for changes; only people that count.
struct Votes {
    yes: BTreeSet<PersonId>,
    no: BTreeSet<PersonId>,
    void: Vec<String>,
}

impl Votes {
    fn count(reviews: &[Review], head: &CommitId, roles: &BTreeSet<Role>, facts: &Facts) -> Self {
        // Comments do not take a vote back.
        let mut newest: BTreeMap<&Principal, &Review> = BTreeMap::new();
        for review in reviews.iter().filter(|review| review.state != ReviewState::Commented) {
            newest.insert(&review.author, review);
        }
        let mut votes = Self { yes: BTreeSet::new(), no: BTreeSet::new(), void: Vec::new() };
        for (author, review) in newest {
            match (review.state, why_void(author, review, head, roles, facts)) {
                (ReviewState::Approved, Some(why)) => votes.void.push(format!("{author} ({why})")),
                (ReviewState::Approved, None) => votes.yes.extend(author.person().cloned()),
                (ReviewState::ChangesRequested, _) if holds(author, roles, facts) => votes.no.extend(author.person().cloned()),
                _ => {}
            }
        }
        votes
    }
}

fn why_void(author: &Principal, review: &Review, head: &CommitId, roles: &BTreeSet<Role>, facts: &Facts) -> Option<&'static str> {
    let Principal::Human(person) = author else { return Some("not a person") };
    match () {
        () if facts.readings.authors.iter().any(|author| author.person() == Some(person)) => Some("has a part in the change"),
        () if !holds(author, roles, facts) => Some("does not hold the role"),
        () if review.commit != *head => Some("for an earlier head"),
        () => None,
    }
}

fn holds(author: &Principal, roles: &BTreeSet<Role>, facts: &Facts) -> bool {
    let Principal::Human(person) = author else { return false };
    facts.readings.people.get(person).is_some_and(|held| !held.is_disjoint(roles))
}

/// The people who could approve.
fn eligible(roles: &BTreeSet<Role>, facts: &Facts) -> Vec<String> {
    let readings = &facts.readings;
    let involved = |person: &PersonId| readings.authors.iter().any(|author| author.person() == Some(person));
    readings
        .people
        .iter()
        .filter(|(person, held)| !held.is_disjoint(roles) && !involved(person))
        .map(|(person, _)| person.to_string())
        .collect()
}

fn approvals(rule: &ApprovalRule, facts: &Facts) -> RequirementResult {
    let wanted = usize::try_from(rule.count.get()).unwrap_or(usize::MAX);
    let Some(proposal) = &facts.readings.proposal else {
        let mut result = Standing::new(Verdict::Unknown, "asked for on the production pull request").of(&rule.id, &rule.reason);
        result.deferred = true;
        return result;
    };
    let votes = Votes::count(&proposal.reviews, &proposal.head, &rule.roles, facts);
    let void = if votes.void.is_empty() { String::new() } else { format!("; not counted: {}", votes.void.join(", ")) };
    let standing = match () {
        () if !facts.readings.strangers.is_empty() => strangers(facts),
        () if !votes.no.is_empty() => Standing::new(Verdict::Fail, format!("{} asked for changes", names(&votes.no)))
            .needs_people("their approval", votes.no.iter().map(PersonId::to_string).collect()),
        () if votes.yes.len() >= wanted => Standing::new(Verdict::Pass, format!("approved by {}{void}", names(&votes.yes))),
        () => Standing::new(
            Verdict::Unknown,
            format!("{} of {wanted} approvals of head {}{void}", votes.yes.len(), short(&proposal.head)),
        )
        .needs_people(format!("{} more approval(s)", wanted - votes.yes.len()), eligible(&rule.roles, facts)),
    };
    standing.of(&rule.id, &rule.reason)
}

fn strangers(facts: &Facts) -> Standing {
    let names: Vec<_> = facts.readings.strangers.iter().map(String::as_str).collect();
    let because =
        format!("the host does not know who {} is, so nobody can tell whether an approval is somebody else's", names.join(", "));
    Standing::new(Verdict::Unknown, because).needs("commits by people whom the host knows", Vec::new())
}

fn lifecycle(rule: &LifecycleRule, facts: &Facts) -> RequirementResult {
    let state = facts.readings.unit.lifecycle;
    let verdict = if rule.allowed.contains(&state) { Verdict::Pass } else { Verdict::Fail };
    Standing::new(verdict, format!("it is {state}")).of(&rule.id, &rule.reason)
}

fn incidents(rule: &IncidentRule, facts: &Facts) -> RequirementResult {
    let readings = &facts.readings;
    let mut open =
        readings.incidents.iter().filter(|incident| incident.unit.as_ref().is_none_or(|unit| *unit == readings.unit.id));
    let standing = match open.next() {
        _ if readings.way_back => Standing::new(Verdict::Pass, WAY_BACK),
        None => Standing::new(Verdict::Pass, "none is open"),
        Some(incident) => {
            Standing::new(Verdict::Fail, format!("{} has been open since {}: {}", incident.id, incident.since, incident.summary))
                .needs_people("the incident closed", vec![readings.unit.owner.to_string()])
        }
    };
    standing.of(&rule.id, &rule.reason)
}

fn freeze(window: &FreezeWindow, facts: &Facts, at: UnixMillis) -> RequirementResult {
    let mut earliest = None;
    let standing = match window.at(at) {
        _ if facts.readings.way_back => Standing::new(Verdict::Pass, WAY_BACK),
        Ok(Calendar::Open) => Standing::new(Verdict::Pass, "open"),
        Ok(Calendar::Closed { since, until }) => {
            earliest = Some(until);
            Standing::new(Verdict::Fail, format!("closed since {since}, open again at {until} ({})", window.time_zone))
        }
        Err(error) => Standing::new(Verdict::Unknown, format!("the window cannot be read: {error}")),
    };
    Standing { earliest, ..standing }.of(&window.id, &window.reason)
}

/// What a kind of evidence is called, and where it comes from.
fn wanted(kind: &EvidenceKind) -> (String, String) {
    match kind {
        EvidenceKind::BuildTest { suite, .. } => (format!("result of the {suite} tests"), "CI".to_owned()),
        EvidenceKind::PreflightTest { suite, .. } => {
            (format!("result of the {suite} job in preflight"), "the GitOps controller".to_owned())
        }
        EvidenceKind::PreflightDeployment => ("deployment in preflight".to_owned(), "the GitOps controller".to_owned()),
        EvidenceKind::PreflightHealth { .. } => ("health in preflight".to_owned(), "the GitOps controller".to_owned()),
    }
}

fn names(people: &BTreeSet<PersonId>) -> String {
    people.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")
}

fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..12).unwrap_or_default()
}

/// A duration for people: its two greatest units.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
