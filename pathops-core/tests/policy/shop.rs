//! A promotion that passes, to be spoilt: an app `orders`, written by `alice`, who let an agent of `carol` help, and
//! approved by `bob`.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pathops_core::adapter::{Review, ReviewState, Signer as _};
use pathops_core::evidence::{
    Deployment, Envelope, Health, PAYLOAD_TYPE, Predicate, Statement, Subject, TestAnnotations, TestConfiguration, TestResult,
    TestVerdict, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::MemorySigner;
use pathops_core::policy::{
    Authoring, Decision, GitState, Languages, Policy, PolicyLayer, PromotionGrant, Proposal, ReadAt, Readings, Requirement,
    RequirementResult, Shown, Verdict, VerifiedFacts, decide,
};
use pathops_core::project::{Lifecycle, OpenStop, Role, Rollback, Unit, UnitKind};
use pathops_core::{CommitId, Digest, IdempotencyKey, OpContext, Principal, TreeId, UnixMillis};
use serde_json::{Value, json};

/// 2026-11-20T12:00:00Z, a Friday: when the decision is made. All evidence is a minute old.
pub(crate) const AT: UnixMillis = UnixMillis(1_795_176_000_000);
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;

/// The pieces of evidence that the policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    UnitTests,
    Deployment,
    Health,
    Smoke,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::UnitTests, Kind::Deployment, Kind::Health, Kind::Smoke];

/// A promotion: what is asked for, what was read, what was handed in, and when.
#[derive(Clone)]
pub(crate) struct Shop {
    /// The project's layer.
    pub(crate) layer: PolicyLayer,
    /// The other layers.
    pub(crate) others: Vec<PolicyLayer>,
    pub(crate) readings: Readings,
    /// The pull request shows the policy as it is; not where a test is about what it shows.
    pub(crate) shows_policy: bool,
    pub(crate) envelopes: Vec<(Kind, Envelope)>,
    /// Evidence of other kinds.
    pub(crate) more: Vec<Envelope>,
    pub(crate) trust: TrustRoot,
    pub(crate) at: UnixMillis,
}

impl Shop {
    /// Everything is as it should be.
    pub(crate) fn passing() -> Self {
        let envelopes = KINDS.map(|kind| (kind, seal(&kind.statement()))).to_vec();
        let (layer, others, trust) = (layer(), Vec::new(), trust());
        Self { layer, others, readings: readings(), shows_policy: true, envelopes, more: Vec::new(), trust, at: AT }
    }

    pub(crate) fn first_stage() -> Self {
        let mut shop = Self::passing();
        shop.readings.proposal = None;
        shop
    }

    /// With one more requirement.
    pub(crate) fn asking(requirement: Value) -> Self {
        let mut shop = Self::passing();
        shop.layer.requirements.push(serde_json::from_value(requirement).unwrap());
        shop
    }

    pub(crate) fn policy(&self) -> Policy {
        let layers = std::iter::once(&self.layer).chain(&self.others).cloned().collect();
        Policy::new(layers, &Languages::none()).unwrap()
    }

    pub(crate) fn rule(&mut self, id: &str) -> &mut Requirement {
        self.layer.requirements.iter_mut().find(|it| it.id.as_str() == id).unwrap()
    }

    /// Takes a rule of the project out.
    pub(crate) fn without_rule(&mut self, id: &str) {
        self.layer.requirements.retain(|it| it.id.as_str() != id);
    }

    pub(crate) fn proposal(&mut self) -> &mut Proposal {
        self.readings.proposal.as_mut().unwrap()
    }

    pub(crate) fn reviewed(reviews: Vec<Review>) -> Self {
        let mut shop = Self::passing();
        shop.proposal().reviews = reviews;
        shop
    }

    pub(crate) fn add(&mut self, kind: Kind, statement: &Statement) {
        self.envelopes.push((kind, seal(statement)));
    }

    /// Hands in one more piece of evidence.
    pub(crate) fn give(&mut self, statement: &Statement) {
        self.more.push(seal(statement));
    }

    pub(crate) fn put(&mut self, kind: Kind, envelope: Envelope) {
        self.remove(kind);
        self.envelopes.push((kind, envelope));
    }

    pub(crate) fn remove(&mut self, kind: Kind) {
        self.envelopes.retain(|(of, _)| *of != kind);
    }

    pub(crate) fn edit(&mut self, kind: Kind, change: impl FnOnce(&mut Statement)) {
        let mut statement = kind.statement();
        change(&mut statement);
        self.put(kind, seal(&statement));
    }

    /// Changes the JSON of an envelope, after it was signed.
    pub(crate) fn tamper(&mut self, kind: Kind, change: impl FnOnce(&mut Value)) {
        let mut json = serde_json::to_value(seal(&kind.statement())).unwrap();
        change(&mut json);
        self.put(kind, serde_json::from_value(json).unwrap());
    }

    pub(crate) fn facts(&self) -> VerifiedFacts {
        let envelopes: Vec<_> = self.envelopes.iter().map(|(_, envelope)| envelope).chain(&self.more).cloned().collect();
        let mut readings = self.readings.clone();
        if let Some(proposal) = readings.proposal.as_mut().filter(|_| self.shows_policy) {
            proposal.shown.policy = self.policy().digest();
        }
        let read = readings.read.take().unwrap_or_else(|| read_at(AT));
        VerifiedFacts::new(&self.trust, &envelopes, readings, read)
    }

    pub(crate) fn decide(&self) -> (Decision, Option<PromotionGrant>) {
        decide(&self.policy(), &self.facts(), self.at, 1)
    }

    pub(crate) fn decision(&self) -> Decision {
        self.decide().0
    }

    /// It passes, and there is a grant where there is a pull request.
    #[track_caller]
    pub(crate) fn passes(&self, case: &str) {
        let (decision, grant) = self.decide();
        assert_eq!(decision.verdict, Verdict::Pass, "{case}: {}", decision.to_text());
        assert_eq!(grant.is_some(), self.readings.proposal.is_some(), "{case}");
    }

    /// It does not pass, there is no grant, and exactly these requirements are in the way.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, expected: &[(&str, Verdict)]) {
        let (decision, grant) = self.decide();
        assert!(grant.is_none(), "{case}: a grant was minted");
        let blocking: Vec<_> = decision.blocking().map(|it| (it.id.as_str(), it.verdict)).collect();
        assert_eq!(blocking, expected, "{case}: {}", decision.to_text());
        assert_eq!(Some(decision.verdict), expected.iter().map(|(_, verdict)| *verdict).max(), "{case}");
    }

    /// A requirement stands like this, for this reason.
    #[track_caller]
    pub(crate) fn stands(&self, id: &str, verdict: Verdict, because: &str) {
        let requirement = self.requirement(id);
        assert_eq!((requirement.verdict, requirement.because.as_str()), (verdict, because), "{id}");
        assert_eq!(self.decide().1.is_some(), self.decision().verdict == Verdict::Pass, "{id}: a grant");
    }

    #[track_caller]
    pub(crate) fn requirement(&self, id: &str) -> RequirementResult {
        self.decision().requirements.into_iter().find(|it| it.id.as_str() == id).unwrap()
    }
}

impl Kind {
    /// The requirement that asks for it.
    pub(crate) fn requirement(self) -> &'static str {
        match self {
            Kind::UnitTests => "unit-tests",
            Kind::Deployment => "preflight-deployment",
            Kind::Health => "preflight-health",
            Kind::Smoke => "preflight-smoke",
        }
    }

    pub(crate) fn is_test(self) -> bool {
        matches!(self, Kind::UnitTests | Kind::Smoke)
    }

    /// How old it may be, in milliseconds.
    pub(crate) fn max_age(self) -> i64 {
        if self == Kind::UnitTests { 7 * DAY } else { DAY }
    }

    pub(crate) fn statement(self) -> Statement {
        let readings = readings();
        let at = UnixMillis(AT.0 - MINUTE);
        let (change_set, unit, environment) = (readings.change_set, readings.unit.id, readings.preflight);
        match self {
            Kind::UnitTests => tests("unit", None, at),
            Kind::Smoke => tests("smoke", Some("preflight"), at),
            Kind::Deployment => stated(&Deployment {
                change_set,
                unit,
                environment,
                ready: true,
                reason: None,
                commit: Some(commit('3')),
                tree: Some(tree('c')),
                artifact: Some(artifact()),
                resource_version: "7".to_owned(),
                observed_on: at,
            }),
            Kind::Health => {
                stated(&Health { change_set, unit, environment, healthy: true, settled_millis: 5_000, observed_on: at })
            }
        }
    }

    /// The date in its predicate.
    pub(crate) fn date(self, predicate: &mut Value) -> &mut Value {
        &mut predicate[if self.is_test() { "finishedOn" } else { "observedOn" }]
    }

    /// `unit` or `environment` in its predicate.
    pub(crate) fn field<'p>(self, predicate: &'p mut Value, name: &str) -> &'p mut Value {
        if self.is_test() { &mut predicate["configuration"][0]["annotations"][name] } else { &mut predicate[name] }
    }

    pub(crate) fn dated(self, at: UnixMillis) -> Statement {
        let mut statement = self.statement();
        *self.date(&mut statement.predicate) = json!(at.to_string());
        statement
    }

    /// Makes a statement of this kind say no.
    pub(crate) fn fail(self, statement: &mut Statement) {
        match self {
            Kind::UnitTests | Kind::Smoke => statement.predicate["failedTests"] = json!(["adds up"]),
            Kind::Deployment => statement.predicate["ready"] = json!(false),
            Kind::Health => statement.predicate["healthy"] = json!(false),
        }
    }
}

fn tests(suite: &str, environment: Option<&str>, at: UnixMillis) -> Statement {
    let readings = readings();
    let annotations = TestAnnotations {
        change_set: Some(readings.change_set),
        unit: Some(readings.unit.id),
        environment: environment.map(|name| name.parse().unwrap()),
        job: None,
        pipeline_changed: false,
        flaky_tests: Vec::new(),
        policy: None,
        report: pathops_core::evidence::ReferenceAnnotations::default(),
    };
    stated(&TestResult {
        result: TestVerdict::Passed,
        configuration: vec![TestConfiguration { name: suite.to_owned(), digest: BTreeMap::new(), annotations }],
        passed_tests: vec!["adds up".to_owned(), "takes away".to_owned()],
        warned_tests: Vec::new(),
        failed_tests: Vec::new(),
        finished_on: at,
    })
}

/// A statement about what is promoted: the artifact, its source and the desired state that was tried.
pub(crate) fn stated<P: Predicate>(predicate: &P) -> Statement {
    about_this(P::TYPE, &serde_json::to_value(predicate).unwrap())
}

/// The same, for a predicate that PathOps has no type for.
pub(crate) fn about_this(predicate_type: &str, predicate: &Value) -> Statement {
    let subjects = vec![
        Subject::named("orders.tar").with_sha256(&artifact()),
        Subject::named("orders-src").with_tree(&tree('b')),
        Subject::named("orders@preflight").with_tree(&tree('c')),
    ];
    Statement::new(subjects, predicate_type, predicate).unwrap()
}

/// The instant so many milliseconds after the decision.
pub(crate) fn after(millis: i64) -> UnixMillis {
    UnixMillis(AT.0 + millis)
}

/// The project's layer. Four of its requirements tighten what is built in.
pub(crate) fn layer() -> PolicyLayer {
    let accept = |kind: Kind| json!({"maxAgeSeconds": kind.max_age() / 1_000});
    let tests = |kind: Kind, run: &str, suite: &str| json!({"tests": {"run": run, "suite": suite, "minPassed": 2, "accept": accept(kind)}});
    let requirement = |(id, reason, asks): (&str, &str, Value)| json!({"id": id, "reason": reason, "asks": asks});
    let mut requirements = [
        ("unit-tests", "Tests guard behaviour.", tests(Kind::UnitTests, "build", "unit")),
        ("preflight-deployment", "It ran there.", json!({"deployment": {"accept": accept(Kind::Deployment)}})),
        ("preflight-health", "It stayed healthy.", json!({"health": {"settledSeconds": 5, "accept": accept(Kind::Health)}})),
        ("preflight-smoke", "It does its work.", tests(Kind::Smoke, "preflight", "smoke")),
        ("approval", "A person answers for it.", json!({"approvals": {"count": 1, "roles": ["owner", "reviewer"]}})),
        ("lifecycle", "A prototype promises nothing.", json!({"lifecycle": {"allowed": ["path-ready", "production"]}})),
        ("no-open-incident", "The ground stands still.", json!({"incidents": {}})),
    ]
    .map(requirement);
    requirements[0]["covers"] = json!({"kind": "app"});
    serde_json::from_value(json!({"requirements": requirements})).unwrap()
}

pub(crate) fn policy() -> Policy {
    Policy::new(vec![layer()], &Languages::none()).unwrap()
}

/// Closed on the day of the decision, from 12:00 to 14:30 in Berlin: from 11:00 to 13:30 UTC.
pub(crate) fn closed_window() -> Value {
    json!({"freeze": {"timeZone": "Europe/Berlin", "from": "2026-11-20T12:00", "until": "2026-11-20T14:30"}})
}

/// The declarations were read at that instant.
pub(crate) fn read_at(at: UnixMillis) -> ReadAt {
    ReadAt { meta: commit('8'), at }
}

pub(crate) fn readings() -> Readings {
    Readings {
        change_set: "delivery-date-1".parse().unwrap(),
        unit: unit(),
        environment: "production".parse().unwrap(),
        preflight: "preflight".parse().unwrap(),
        artifact: Some(artifact()),
        source: Some(GitState { commit: commit('2'), tree: tree('b') }),
        tested: GitState { commit: commit('3'), tree: tree('c') },
        proposal: Some(Proposal {
            repo: "shop/orders-gitops".parse().unwrap(),
            head: commit('4'),
            tree: tree('d'),
            carries_tested: true,
            shown: Shown { policy: policy().digest(), since: AT },
            reviews: vec![review("bob", ReviewState::Approved, '4')],
        }),
        authoring: Authoring::Observed,
        authors: BTreeSet::from([human("alice"), agent("carol"), Principal::System]),
        strangers: BTreeSet::new(),
        way_back: false,
        source_reviews: Vec::new(),
        source_head: Some(commit('1')),
        people: [("alice", Some(Role::Owner)), ("bob", Some(Role::Reviewer)), ("carol", Some(Role::Owner)), ("erin", None)]
            .map(|(name, role)| (name.parse().unwrap(), role.into_iter().collect()))
            .into(),
        accounts: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        incidents: Vec::new(),
        stops: Vec::new(),
        read: None,
    }
}

pub(crate) fn unit() -> Unit {
    Unit {
        id: "orders".parse().unwrap(),
        kind: UnitKind::App { source: "shop/orders-src".parse().unwrap() },
        desired_state: "shop/orders-gitops".parse().unwrap(),
        intent: None,
        boundaries: None,
        owner: "alice".parse().unwrap(),
        lifecycle: Lifecycle::PathReady,
        class: None,
        depends_on: BTreeSet::new(),
        provides: BTreeSet::new(),
        consumes: BTreeSet::new(),
        rollback: Rollback::Revert,
        checks: BTreeSet::new(),
    }
}

pub(crate) fn artifact() -> Digest {
    Digest::of(b"orders.tar")
}

/// A commit id of one digit, forty times.
pub(crate) fn commit(digit: char) -> CommitId {
    String::from(digit).repeat(40).parse().unwrap()
}

pub(crate) fn tree(digit: char) -> TreeId {
    String::from(digit).repeat(40).parse().unwrap()
}

pub(crate) fn human(name: &str) -> Principal {
    Principal::Human(name.parse().unwrap())
}

pub(crate) fn agent(sponsor: &str) -> Principal {
    Principal::Agent { agent: "patch".parse().unwrap(), sponsor: sponsor.parse().unwrap() }
}

pub(crate) fn review(person: &str, state: ReviewState, head: char) -> Review {
    by(human(person), state, head)
}

pub(crate) fn by(author: Principal, state: ReviewState, head: char) -> Review {
    Review { author, state, commit: commit(head), at: AT, body: String::new() }
}

/// A stop of the line, of one unit or of the project.
pub(crate) fn stop(unit: Option<&str>) -> OpenStop {
    let unit = unit.map(|name| name.parse().unwrap());
    OpenStop { id: "STOP-1".to_owned(), unit, by: "bob".parse().unwrap(), since: AT, reason: "prices are wrong".to_owned() }
}

pub(crate) fn signer() -> MemorySigner {
    MemorySigner::from_seed(1).unwrap()
}

pub(crate) fn trust() -> TrustRoot {
    TrustRoot::new([signer().public_key()])
}

pub(crate) fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

/// Signs a statement with the trusted key.
pub(crate) fn seal(statement: &Statement) -> Envelope {
    seal_bytes(&signer(), &statement.to_canonical().unwrap())
}

pub(crate) fn seal_bytes(signer: &MemorySigner, payload: &[u8]) -> Envelope {
    let message = pre_authentication_encoding(PAYLOAD_TYPE, payload);
    Envelope::new(payload, &signer.public_key(), ready(signer.sign(&cx("sign"), &message)).unwrap())
}

/// The answer of a future that waits for nothing.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}
