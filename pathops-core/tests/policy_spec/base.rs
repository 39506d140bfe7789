//! A promotion that passes, with a requirement of every kind: the app `orders`, written by `alice` and an agent of `carol`,
//! approved by `bob` and `dave`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::adapter::{Review, ReviewState, Signer as _};
use pathops_core::evidence::{Checkpoint, Envelope, Inclusion, PAYLOAD_TYPE, Statement, TrustRoot, pre_authentication_encoding};
use pathops_core::memory::MemorySigner;
use pathops_core::policy::{
    Authoring, Condition, ConditionAnswer, ConditionError, ConditionLanguage, DependencyState, GitState, Languages, Policy,
    PolicyLayer, Proposal, ReadAt, Readings, Shown, Summary, VerifiedFacts,
};
use pathops_core::project::{Lifecycle, Role, Rollback, Unit, UnitKind};
use pathops_core::{CommitId, Digest, IdempotencyKey, OpContext, Principal, TreeId, UnixMillis};
use serde_json::{Value, json};

/// 2026-11-20T12:00:00Z, a Friday: when the decision is made.
pub(crate) const AT: UnixMillis = UnixMillis(1_795_176_000_000);
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";
const VULNS: &str = "https://in-toto.io/attestation/vulns/v0.2";
const TESTS: &str = "https://in-toto.io/attestation/test-result/v0.1";
const DEPLOYMENT: &str = "https://pathops.dev/predicate/deployment/v0.1";
const HEALTH: &str = "https://pathops.dev/predicate/health/v0.1";
const CONTRACT: &str = "https://pathops.dev/predicate/contract-comparison/v0.1";
const SIGNAL: &str = "https://pathops.dev/predicate/signal/v0.1";

pub(crate) const GRYPE: &str = "https://example.org/grype";

/// A piece of evidence that the policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Piece {
    UnitTests,
    Smoke,
    Scan,
    Sbom,
    Provenance,
    SourceReview,
    Contract,
    Deployment,
    Settled,
    Soaked,
    ErrorRate,
    Budget,
    Rules,
}

pub(crate) const PIECES: [Piece; 13] = [
    Piece::UnitTests,
    Piece::Smoke,
    Piece::Scan,
    Piece::Sbom,
    Piece::Provenance,
    Piece::SourceReview,
    Piece::Contract,
    Piece::Deployment,
    Piece::Settled,
    Piece::Soaked,
    Piece::ErrorRate,
    Piece::Budget,
    Piece::Rules,
];

impl Piece {
    /// A requirement that is not met without it.
    pub(crate) fn requirement(self) -> &'static str {
        match self {
            Piece::UnitTests => "unit-tests",
            Piece::Smoke => "smoke",
            Piece::Scan => "scan",
            Piece::Sbom => "sbom",
            Piece::Provenance => "provenance",
            Piece::SourceReview => "source-review",
            Piece::Contract => "contracts",
            Piece::Deployment => "preflight-deployment",
            Piece::Settled | Piece::Soaked => "soak",
            Piece::ErrorRate => "error-rate",
            Piece::Budget => "budget",
            Piece::Rules => "rules",
        }
    }

    /// The key that signs it: that of `ci`, or that of `cluster`.
    pub(crate) fn seed(self) -> u64 {
        match self {
            Piece::UnitTests | Piece::Scan | Piece::Sbom | Piece::Provenance | Piece::SourceReview | Piece::Contract => 1,
            Piece::Smoke
            | Piece::Deployment
            | Piece::Settled
            | Piece::Soaked
            | Piece::ErrorRate
            | Piece::Budget
            | Piece::Rules => 2,
        }
    }

    /// How long before the decision what it says was so.
    fn age(self) -> i64 {
        match self {
            Piece::Deployment => 3 * HOUR + 2 * MINUTE,
            Piece::Soaked => HOUR + MINUTE,
            _ => MINUTE,
        }
    }

    /// Where its predicate holds the date, as a JSON pointer.
    pub(crate) fn date(self) -> &'static str {
        match self {
            Piece::UnitTests | Piece::Smoke | Piece::Rules => "/finishedOn",
            Piece::Scan => "/metadata/scanFinishedOn",
            Piece::Sbom => "/metadata/timestamp",
            Piece::Provenance => "/runDetails/metadata/finishedOn",
            Piece::SourceReview => "/timeVerified",
            Piece::Contract => "/comparedOn",
            Piece::Deployment | Piece::Settled | Piece::Soaked | Piece::ErrorRate | Piece::Budget => "/observedOn",
        }
    }

    fn predicate_type(self) -> &'static str {
        match self {
            Piece::UnitTests | Piece::Smoke | Piece::Rules => TESTS,
            Piece::Scan => VULNS,
            Piece::Sbom => CYCLONEDX,
            Piece::Provenance => PROVENANCE,
            Piece::SourceReview => SUMMARY,
            Piece::Contract => CONTRACT,
            Piece::Deployment => DEPLOYMENT,
            Piece::Settled | Piece::Soaked => HEALTH,
            Piece::ErrorRate | Piece::Budget => SIGNAL,
        }
    }

    fn predicate(self, at: &str) -> Value {
        let here = json!({"changeSet": "delivery-date-1", "unit": "orders", "environment": "preflight", "observedOn": at});
        let with = |more: Value| {
            let mut all = here.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let tests = |suite: &str, environment: Value| {
            let annotations =
                json!({"changeSet": "delivery-date-1", "unit": "orders", "environment": environment, "pipelineChanged": false});
            json!({
                "result": "PASSED",
                "configuration": [{"name": suite, "annotations": annotations}],
                "passedTests": ["adds up", "takes away", "rounds"],
                "warnedTests": [], "failedTests": [], "finishedOn": at,
            })
        };
        match self {
            Piece::UnitTests => tests("unit", Value::Null),
            Piece::Smoke => tests("smoke", json!("preflight")),
            Piece::Rules => {
                let approved_by = json!({"carol": ["owner"], "erin": ["reviewer"]});
                let mut all = tests("policy", Value::Null);
                all["configuration"][0]["annotations"] =
                    json!({"changeSet": "policy-7", "pipelineChanged": false, "policy": {"approvedBy": approved_by}});
                all
            }
            Piece::Scan => json!({
                "scanner": {"uri": GRYPE, "result": [
                    {"id": "CVE-1", "severity": [{"method": "nvd", "score": "critical"}]},
                    {"id": "CVE-2", "severity": [{"method": "nvd", "score": "high"}]},
                ]},
                "metadata": {"scanStartedOn": at, "scanFinishedOn": at},
            }),
            Piece::Sbom => json!({"components": [{"name": "serde"}], "metadata": {"timestamp": at}}),
            Piece::Provenance => json!({"runDetails": {"metadata": {"finishedOn": at}}}),
            Piece::SourceReview => json!({"verificationResult": "PASSED", "timeVerified": at}),
            Piece::Contract => json!({"unit": "orders", "contract": "orders-api", "breaking": [], "comparedOn": at}),
            Piece::Deployment => {
                with(json!({"ready": true, "commit": null, "tree": null, "artifact": null, "resourceVersion": "7"}))
            }
            Piece::Settled => with(json!({"healthy": true, "settledMillis": HOUR})),
            Piece::Soaked => with(json!({"healthy": true, "settledMillis": 2 * HOUR})),
            Piece::ErrorRate => with(json!({"name": "error-rate", "value": 0.001, "samples": 1_000, "errors": 0})),
            Piece::Budget => {
                let mut all = with(json!({"name": "budget", "value": 0.5, "samples": 1_000, "errors": 0}));
                all["environment"] = json!("production");
                all
            }
        }
    }

    /// The statement that passes: about the artifact, and its source or the desired state that was tried.
    pub(crate) fn statement(self) -> Statement {
        if self == Piece::Rules {
            return self.of_policy(&policy(layers()));
        }
        let place = match self.seed() {
            1 => json!({"name": "orders-src", "digest": {"gitCommit": commit('2'), "gitTree": tree('b')}}),
            _ => json!({"name": "orders@preflight", "digest": {"gitTree": tree('c')}}),
        };
        let subjects = json!([{"name": "orders.tar", "digest": {"sha256": artifact().hex()}}, place]);
        let at = UnixMillis(AT.0 - self.age()).to_string();
        let subjects = serde_json::from_value(subjects).unwrap();
        Statement::new(subjects, self.predicate_type(), &self.predicate(&at)).unwrap()
    }

    /// The check of a policy, as of its commit.
    fn of_policy(self, policy: &Policy) -> Statement {
        let digest = json!({"sha256": policy.digest().hex(), "gitCommit": commit('7'), "gitTree": tree('7')});
        let subjects = serde_json::from_value(json!([{"name": "shop/meta:policy", "digest": digest}])).unwrap();
        let at = UnixMillis(AT.0 - self.age()).to_string();
        Statement::new(subjects, self.predicate_type(), &self.predicate(&at)).unwrap()
    }

    pub(crate) fn envelope(self) -> Envelope {
        seal(self.seed(), &self.statement())
    }
}

/// What people wrote. Every kind of requirement is in it, and all three kinds of layers that a unit can have of its own.
pub(crate) fn layers() -> Vec<PolicyLayer> {
    let ci = |seconds: i64| json!({"maxAgeSeconds": seconds, "from": ["ci"], "inLedger": true});
    let cluster = |seconds: i64| json!({"maxAgeSeconds": seconds, "from": ["cluster"]});
    let week = 7 * DAY / 1_000;
    let day = DAY / 1_000;
    let ask = |id: &str, asks: Value| json!({"id": id, "reason": "The team wants it.", "asks": asks});
    let borne = json!([{"id": "CVE-1", "owner": "dave", "reason": "No way to reach it.", "until": "2026-12-01T00:00:00Z"}]);
    let tests = |run: &str, suite: &str, least: u32, accept: Value| json!({"tests": {"run": run, "suite": suite, "minPassed": least, "accept": accept}});
    let limits = json!({"max": {"critical": 0, "high": 1}, "scanners": [GRYPE], "exceptions": borne, "accept": ci(week)});
    let summary = json!({"predicateType": SUMMARY, "about": "commit", "accept": ci(week)});
    let provenance = json!({"predicateType": PROVENANCE, "about": "artifact", "accept": ci(week)});
    let two = json!({"count": 2, "roles": ["owner", "reviewer"]});
    let error_rate =
        json!({"name": "error-rate", "environment": "preflight", "max": 0.01, "minSamples": 100, "accept": cluster(day)});
    let budget = json!({"name": "budget", "environment": "production", "min": 0.1, "accept": cluster(day)});
    let optional = |id: &str, name: &str, value: &str, asks: Value| {
        let mut it = ask(id, asks);
        it[name] = json!(value);
        it
    };
    let all = json!([
        {"layer": "organisation", "breakGlass": glass(), "requirements": [
            ask("scan", json!({"findings": limits})),
            ask("sbom", json!({"sbom": {"formats": ["cyclonedx", "spdx"], "accept": ci(week)}})),
            ask("provenance", json!({"evidence": provenance})),
            ask("source-review", json!({"evidence": summary})),
            ask("closed", json!({"freeze": freeze_on(&["saturday", "sunday"])})),
        ]},
        {"layer": "project", "requirements": [
            ask("unit-tests", tests("build", "unit", 1, ci(week))),
            ask("smoke", tests("preflight", "smoke", 2, cluster(day))),
            ask("contracts", json!({"contracts": {"accept": ci(week)}})),
            ask("preflight-deployment", json!({"deployment": {"accept": cluster(day)}})),
            ask("health", json!({"health": {"settledSeconds": 60, "accept": cluster(day)}})),
            ask("soak", json!({"soak": {"seconds": 3 * HOUR / 1_000, "maxGapSeconds": 120, "accept": cluster(day)}})),
            ask("error-rate", json!({"signal": error_rate})),
            ask("budget", json!({"signal": budget})),
            ask("quiet", json!({"condition": {"language": "word", "text": "calm"}})),
            optional("second-look", "changes", "opaque", json!({"approvals": two})),
            optional("agents-tests", "changes", "by-agents", tests("build", "unit", 3, ci(week))),
            optional("lint", "severity", "advisory", tests("build", "lint", 1, ci(week))),
        ]},
        {"layer": {"class": "web"}, "requirements": [
            ask("unit-tests", tests("build", "unit", 2, ci(week))),
            ask("stop-the-line", json!({"stop-the-line": {}})),
            ask("lifecycle", json!({"lifecycle": {"allowed": ["path-ready"]}})),
        ]},
        {"layer": {"unit": "orders"}, "requirements": [
            ask("approval", json!({"approvals": two})),
            ask("dependencies", json!({"dependencies": {}})),
            ask("no-open-incident", json!({"incidents": {}})),
            ask("rules", json!({"policy": {"approvals": 1, "roles": ["owner"], "accept": cluster(week)}})),
        ]},
    ]);
    serde_json::from_value(all).unwrap()
}

fn glass() -> Value {
    let requirements =
        ["scan", "sbom", "unit-tests", "smoke", "soak", "health", "error-rate", "budget", "closed", "quiet", "agents-tests"];
    json!({"requirements": requirements, "roles": ["owner", "reviewer"], "people": 2, "validSeconds": 3_600})
}

/// A window that closes on these days: the one place that says how windows are written.
pub(crate) fn freeze_on(days: &[&str]) -> Value {
    // The week of Monday, 2026-01-05: the rule begins with the first of its days.
    let week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let places: Vec<_> = week.iter().enumerate().filter(|(_, day)| days.contains(day)).collect();
    let first = places.first().map_or(5, |(place, _)| place + 5);
    let names: Vec<_> = places.iter().map(|(_, day)| day[..2].to_uppercase()).collect();
    json!({
        "timeZone": "Europe/Berlin",
        "from": format!("2026-01-{first:02}T09:00"),
        "until": format!("2026-01-{first:02}T18:00"),
        "repeat": format!("FREQ=WEEKLY;BYDAY={}", names.join(",")),
    })
}

pub(crate) fn policy(layers: Vec<PolicyLayer>) -> Policy {
    Policy::new(layers, &languages()).unwrap()
}

/// A language of one word.
#[derive(Debug)]
struct Word;

#[derive(Debug)]
struct Said(String);

impl ConditionLanguage for Word {
    fn name(&self) -> &'static str {
        "word"
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn compile(&self, text: &str) -> Result<std::sync::Arc<dyn Condition>, ConditionError> {
        Ok(std::sync::Arc::new(Said(text.to_owned())))
    }
}

thread_local! {
    /// What a condition was first told.
    static TOLD: RefCell<Option<Summary>> = const { RefCell::new(None) };
}

/// What conditions were first told since this was asked before, which is of the instant of the decision: what remains is of
/// later ones. `None` where none was evaluated.
pub(crate) fn told() -> Option<Summary> {
    TOLD.take()
}

impl Condition for Said {
    fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError> {
        TOLD.with_borrow_mut(|told| {
            told.get_or_insert_with(|| summary.clone());
        });
        let holds = match self.0.as_str() {
            "yes" => true,
            "no" => false,
            "approved" => summary.approvals > 0,
            "calm" => summary.incidents == 0,
            "falls" => panic!("over a {}", "word"),
            "falls hard" => std::panic::panic_any(7),
            _ => return Err(ConditionError::new("nobody knows the word")),
        };
        let reasons = if self.0 == "no" { vec!["somebody said no".to_owned(), "twice".to_owned()] } else { Vec::new() };
        Ok(ConditionAnswer { holds, reasons })
    }
}

pub(crate) fn languages() -> Languages {
    Languages::none().with(std::sync::Arc::new(Word))
}

/// What was read, for a pull request that shows this policy.
pub(crate) fn readings(policy: &Policy) -> Readings {
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
            shown: Shown { policy: policy.digest(), since: UnixMillis(AT.0 - HOUR) },
            reviews: vec![review("bob", ReviewState::Approved, '4'), review("dave", ReviewState::Approved, '4')],
        }),
        authoring: Authoring::Observed,
        authors: BTreeSet::from([human("alice"), agent("carol"), Principal::System]),
        strangers: BTreeSet::new(),
        way_back: false,
        source_reviews: Vec::new(),
        source_head: Some(commit('1')),
        people: people(),
        accounts: BTreeMap::from([("bob-2", "bob"), ("alice-2", "alice")].map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap()))),
        dependencies: BTreeMap::from([("stock".parse().unwrap(), DependencyState::Live)]),
        incidents: Vec::new(),
        stops: Vec::new(),
        read: None,
    }
}

fn people() -> BTreeMap<pathops_core::PersonId, BTreeSet<Role>> {
    let roles = [
        ("alice", Some(Role::Owner)),
        ("bob", Some(Role::Reviewer)),
        ("carol", Some(Role::Owner)),
        ("dave", Some(Role::Owner)),
        ("erin", Some(Role::Reviewer)),
        ("frank", None),
    ];
    roles.map(|(name, role)| (name.parse().unwrap(), role.into_iter().collect())).into()
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
        class: Some("web".to_owned()),
        depends_on: BTreeSet::from(["stock".parse().unwrap()]),
        provides: BTreeSet::from(["orders-api".parse().unwrap()]),
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
    Review { author, state, commit: commit(head), at: UnixMillis(AT.0 - MINUTE), body: String::new() }
}

pub(crate) fn key(seed: u64) -> MemorySigner {
    MemorySigner::from_seed(seed).unwrap()
}

/// Trusts `ci` and `cluster`, and takes these envelopes for logged.
pub(crate) fn trust(envelopes: &[Envelope]) -> TrustRoot {
    let named = [("ci", 1), ("cluster", 2)];
    let trusted = named
        .into_iter()
        .fold(TrustRoot::default(), |trust, (name, seed)| trust.with_producer(name.parse().unwrap(), key(seed).public_key()));
    envelopes.iter().filter_map(|it| it.signed_bytes().ok()).fold(trusted, |trust, signed| {
        let digest = BASE64.encode(Digest::of(&signed).as_bytes());
        let data = json!({"algorithm": "SHA2_256", "digest": digest});
        let leaf = json!({"kind": "hashedrekord", "spec": {"hashedRekordV002": {"data": data}}}).to_string().into_bytes();
        // A log of one leaf.
        let root = Digest::of(&[[0_u8].as_slice(), &leaf].concat());
        trust.with_log(&Checkpoint { size: 1, root }, &[Inclusion { leaf, index: 0, path: Vec::new() }]).unwrap()
    })
}

/// The check of another policy than the one that the pieces are for.
pub(crate) fn check_of(policy: &Policy) -> Envelope {
    seal(Piece::Rules.seed(), &Piece::Rules.of_policy(policy))
}

/// The declarations were read at that instant.
pub(crate) fn read_at(at: UnixMillis) -> ReadAt {
    ReadAt { meta: commit('8'), at }
}

pub(crate) fn verified(envelopes: &[Envelope], readings: Readings) -> VerifiedFacts {
    VerifiedFacts::new(&trust(envelopes), envelopes, readings, read_at(AT))
}

pub(crate) fn seal(seed: u64, statement: &Statement) -> Envelope {
    seal_bytes(seed, &statement.to_canonical().unwrap())
}

pub(crate) fn seal_bytes(seed: u64, payload: &[u8]) -> Envelope {
    let signer = key(seed);
    let message = pre_authentication_encoding(PAYLOAD_TYPE, payload);
    let cx = OpContext::new(IdempotencyKey::new("sign"));
    Envelope::new(payload, &signer.public_key(), ready(signer.sign(&cx, &message)).unwrap())
}

/// The answer of a future that waits for nothing.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}
