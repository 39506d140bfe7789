//! Everything that a promotion rests on, spoilt in every way, from signed envelopes to the grant: not one may still pass.
//!
//! The few ways that rightly change nothing are listed with the reason, and are tested to change nothing.

use pathops_core::UnixMillis;
use pathops_core::evidence::{Envelope, PAYLOAD_TYPE, Statement};
use pathops_core::policy::{Decision, DependencyState, Policy, Readings, Verdict, VerifiedFacts, decide};
use pathops_core::project::{Lifecycle, OpenIncident, OpenStop, Role, UnitKind};
use serde_json::{Value, json};

use crate::base::{
    AT, DAY, HOUR, PIECES, Piece, commit, layers, policy, read_at, readings, seal, seal_bytes, tree, trust, verified,
};

/// What is done to a piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// It is not there.
    Drop,
    /// Its predicate says nothing at all.
    Empty,
    /// Its predicate is `null`.
    Null,
    /// It says nothing where it has to say something.
    Hollow,
    /// It says no.
    Negative,
    /// It was skipped, or measured over nothing.
    Skipped,
    /// It ended in an error.
    Errored,
    /// A number in it is none: `null`, which is how it is written.
    NotANumber,
    /// A number in it is the text `NaN`.
    NotANumberInWords,
    /// A number in it is greater than any that can be read.
    Overflowing,
    /// A number in it is less than any that can be read.
    Underflowing,
    /// It is too old.
    Aged,
    /// It is from the future.
    Future,
    /// It has no date.
    Undated,
    /// It is about another artifact.
    OtherArtifact,
    /// It is about other trees and commits.
    OtherTrees,
    /// It is about something that has a name alone.
    NoDigest,
    /// It is of another unit.
    OtherUnit,
    /// It is from another environment.
    OtherEnvironment,
    /// It says something of another kind.
    OtherType,
    /// Another producer signed it, who is trusted for other things.
    OtherProducer,
    /// Somebody signed it who is not trusted.
    Stranger,
    /// A bit of the signature is different.
    BrokenSignature,
    /// It has another's signature.
    SwappedSignature,
    /// Its payload was changed after it was signed.
    Tampered,
    /// It has no signature.
    Unsigned,
    /// The envelope says that it holds something else.
    OtherPayloadType,
    /// It is not in the ledger.
    Unlogged,
    /// A later one says no.
    RevokedLater,
    /// One of the same instant says no.
    RevokedAtOnce,
}

const BLOWS: [Blow; 30] = [
    Blow::Drop,
    Blow::Empty,
    Blow::Null,
    Blow::Hollow,
    Blow::Negative,
    Blow::Skipped,
    Blow::Errored,
    Blow::NotANumber,
    Blow::NotANumberInWords,
    Blow::Overflowing,
    Blow::Underflowing,
    Blow::Aged,
    Blow::Future,
    Blow::Undated,
    Blow::OtherArtifact,
    Blow::OtherTrees,
    Blow::NoDigest,
    Blow::OtherUnit,
    Blow::OtherEnvironment,
    Blow::OtherType,
    Blow::OtherProducer,
    Blow::Stranger,
    Blow::BrokenSignature,
    Blow::SwappedSignature,
    Blow::Tampered,
    Blow::Unsigned,
    Blow::OtherPayloadType,
    Blow::Unlogged,
    Blow::RevokedLater,
    Blow::RevokedAtOnce,
];

/// What rightly changes nothing, and why.
fn why_it_changes_nothing(piece: Piece, blow: Blow) -> Option<&'static str> {
    use Piece::{
        Budget, Contract, Deployment, ErrorRate, Provenance, Rules, Sbom, Scan, Settled, Smoke, Soaked, SourceReview, UnitTests,
    };
    let of_others = matches!(piece, Scan | Sbom | Provenance | SourceReview);
    match (piece, blow) {
        (
            Provenance,
            Blow::Negative | Blow::Hollow | Blow::Skipped | Blow::Errored | Blow::RevokedLater | Blow::RevokedAtOnce,
        ) => Some("what it says is not read: that it is there is what is asked for"),
        (Sbom, Blow::Negative | Blow::RevokedLater | Blow::RevokedAtOnce) => Some("a list of parts says no to nothing"),
        (ErrorRate | Budget | Scan | Settled | Soaked, Blow::Hollow) => Some("it has no list that could be empty"),
        (Scan | Sbom | SourceReview | Contract | Deployment | Settled | Soaked, Blow::Skipped | Blow::Errored) => {
            Some("it has no word for that beside yes and no")
        }
        (
            UnitTests | Smoke | Scan | Sbom | Provenance | SourceReview | Contract | Deployment | Rules,
            Blow::NotANumber | Blow::NotANumberInWords,
        ) => Some("it holds no number"),
        (_, Blow::OtherUnit) if of_others => Some("others name the artifact, not the unit"),
        (_, Blow::OtherEnvironment) if of_others => Some("others name the artifact, not an environment"),
        (Contract, Blow::OtherEnvironment) => Some("a comparison is from no environment"),
        (Contract, Blow::OtherArtifact | Blow::OtherTrees) => {
            Some("it is about the source and the artifact, and one of them is enough")
        }
        (Rules, Blow::OtherTrees) => Some("it is about the policy, whichever commit it came by"),
        (Scan | Sbom | Provenance, Blow::OtherTrees) => Some("it is about the artifact"),
        (SourceReview, Blow::OtherArtifact) => Some("it is about the commit"),
        (Budget, Blow::OtherArtifact | Blow::OtherTrees | Blow::NoDigest) => Some("in production runs what was there before"),
        (Smoke | Deployment | Settled | Soaked | ErrorRate | Budget | Rules, Blow::Unlogged) => {
            Some("it need not be in the ledger")
        }
        _ => None,
    }
}

/// A promotion as it was handed in.
struct Handed {
    policy: Policy,
    readings: Readings,
    envelopes: Vec<Envelope>,
    /// Those that are in the ledger.
    logged: Vec<Envelope>,
}

impl Handed {
    fn passing() -> Self {
        let policy = policy(layers());
        let readings = readings(&policy);
        let envelopes: Vec<_> = PIECES.map(Piece::envelope).into();
        Self { policy, readings, logged: envelopes.clone(), envelopes }
    }

    fn put(&mut self, piece: Piece, envelope: Envelope) {
        self.logged.push(envelope.clone());
        self.envelopes[place(piece)] = envelope;
    }

    fn add(&mut self, envelope: Envelope) {
        self.logged.push(envelope.clone());
        self.envelopes.push(envelope);
    }

    fn edit(&mut self, piece: Piece, change: impl FnOnce(&mut Statement)) {
        let mut statement = piece.statement();
        change(&mut statement);
        self.put(piece, seal(piece.seed(), &statement));
    }

    /// Changes the JSON of an envelope, after it was signed.
    fn tamper(&mut self, piece: Piece, change: impl FnOnce(&mut Value)) {
        let mut json = serde_json::to_value(piece.envelope()).unwrap();
        change(&mut json);
        self.put(piece, serde_json::from_value(json).unwrap());
    }

    fn facts(&self) -> VerifiedFacts {
        VerifiedFacts::new(&trust(&self.logged), &self.envelopes, self.readings.clone(), read_at(AT))
    }

    #[track_caller]
    fn refuses(&self, case: &str) -> Decision {
        let (decision, grant) = decide(&self.policy, &self.facts(), AT, 1);
        assert!(grant.is_none(), "{case}: a grant was minted: {}", decision.to_text());
        assert_ne!(decision.verdict, Verdict::Pass, "{case}");
        decision
    }

    #[track_caller]
    fn grants(&self, case: &str) {
        let (decision, grant) = decide(&self.policy, &self.facts(), AT, 1);
        assert!(grant.is_some(), "{case}: {}", decision.to_text());
    }
}

fn place(piece: Piece) -> usize {
    PIECES.iter().position(|it| *it == piece).unwrap()
}

/// The statement of another date.
fn dated(piece: Piece, at: i64) -> Statement {
    let mut statement = piece.statement();
    *statement.predicate.pointer_mut(piece.date()).unwrap() = json!(UnixMillis(at).to_string());
    statement
}

/// Makes a statement say no.
fn negate(piece: Piece, statement: &mut Statement) {
    let predicate = &mut statement.predicate;
    match piece {
        Piece::UnitTests | Piece::Smoke | Piece::Rules => predicate["failedTests"] = json!(["adds up"]),
        Piece::Scan => predicate["scanner"]["result"] = json!([{"id": "CVE-9", "severity": [{"method": "nvd", "score": "9.8"}]}]),
        Piece::SourceReview => predicate["verificationResult"] = json!("FAILED"),
        Piece::Contract => predicate["breaking"] = json!(["a field is gone"]),
        Piece::Deployment => predicate["ready"] = json!(false),
        Piece::Settled | Piece::Soaked => predicate["healthy"] = json!(false),
        Piece::ErrorRate => predicate["value"] = json!(0.5),
        Piece::Budget => predicate["value"] = json!(0.0),
        Piece::Sbom | Piece::Provenance => {}
    }
}

/// Takes out what it has to say, and leaves the form.
fn hollow(piece: Piece, predicate: &mut Value) {
    match piece {
        Piece::UnitTests | Piece::Smoke | Piece::Rules => predicate["passedTests"] = json!([]),
        Piece::Sbom => predicate["components"] = json!([]),
        Piece::SourceReview => drop(predicate.as_object_mut().unwrap().remove("verificationResult")),
        Piece::Contract => drop(predicate.as_object_mut().unwrap().remove("breaking")),
        Piece::Deployment => drop(predicate.as_object_mut().unwrap().remove("ready")),
        _ => {}
    }
}

fn skip(piece: Piece, predicate: &mut Value) {
    match piece {
        Piece::UnitTests | Piece::Smoke | Piece::Rules => {
            predicate["warnedTests"] = predicate["passedTests"].take();
            predicate["passedTests"] = json!([]);
        }
        Piece::ErrorRate | Piece::Budget => predicate["samples"] = json!(0),
        _ => {}
    }
}

fn err(piece: Piece, predicate: &mut Value) {
    match piece {
        Piece::UnitTests | Piece::Smoke | Piece::Rules => predicate["result"] = json!("FAILED"),
        Piece::ErrorRate | Piece::Budget => predicate["errors"] = json!(1_000),
        _ => {}
    }
}

/// The number that a piece holds.
fn number(piece: Piece, predicate: &mut Value) -> &mut Value {
    match piece {
        Piece::Settled | Piece::Soaked => &mut predicate["settledMillis"],
        _ => &mut predicate["value"],
    }
}

/// Another number, as it stands in the signed bytes: these ones no value of JSON can hold.
fn written(piece: Piece, number_there: &str) -> Envelope {
    const MARK: &str = "the number";
    let mut statement = piece.statement();
    *number(piece, &mut statement.predicate) = json!(MARK);
    let payload = String::from_utf8(statement.to_canonical().unwrap()).unwrap();
    seal_bytes(piece.seed(), payload.replace(&format!("\"{MARK}\""), number_there).as_bytes())
}

/// Gives every subject another digest of these kinds.
fn about_another(statement: &mut Statement, algorithms: &[&str]) {
    for (algorithm, digest) in statement.subject.iter_mut().flat_map(|subject| &mut subject.digest) {
        if algorithms.contains(&algorithm.as_str()) {
            *digest = "9".repeat(digest.len());
        }
    }
}

/// Where a predicate names the unit or the environment.
fn named<'p>(piece: Piece, predicate: &'p mut Value, name: &str) -> &'p mut Value {
    match piece {
        Piece::UnitTests | Piece::Smoke | Piece::Rules => &mut predicate["configuration"][0]["annotations"][name],
        _ => &mut predicate[name],
    }
}

fn strike(handed: &mut Handed, piece: Piece, blow: Blow) {
    let at = |offset: i64| AT.0 + offset;
    match blow {
        Blow::Drop => drop(handed.envelopes.remove(place(piece))),
        Blow::Empty => handed.edit(piece, |it| it.predicate = json!({})),
        Blow::Null => handed.edit(piece, |it| it.predicate = Value::Null),
        Blow::Hollow => handed.edit(piece, |it| hollow(piece, &mut it.predicate)),
        Blow::Negative => handed.edit(piece, |it| negate(piece, it)),
        Blow::Skipped => handed.edit(piece, |it| skip(piece, &mut it.predicate)),
        Blow::Errored => handed.edit(piece, |it| err(piece, &mut it.predicate)),
        Blow::NotANumber => {
            handed.edit(piece, |it| *number(piece, &mut it.predicate) = serde_json::to_value(f64::NAN).unwrap());
        }
        Blow::NotANumberInWords => handed.edit(piece, |it| *number(piece, &mut it.predicate) = json!("NaN")),
        Blow::Overflowing => handed.put(piece, written(piece, "1e999")),
        Blow::Underflowing => handed.put(piece, written(piece, "-1e999")),
        Blow::Aged => handed.put(piece, seal(piece.seed(), &dated(piece, at(-30 * DAY)))),
        Blow::Future => handed.put(piece, seal(piece.seed(), &dated(piece, at(HOUR)))),
        Blow::Undated => handed.edit(piece, |it| *it.predicate.pointer_mut(piece.date()).unwrap() = json!("today")),
        Blow::OtherArtifact => handed.edit(piece, |it| about_another(it, &["sha256"])),
        Blow::OtherTrees => handed.edit(piece, |it| about_another(it, &["gitTree", "gitCommit"])),
        Blow::NoDigest => handed.edit(piece, |it| {
            it.subject = serde_json::from_value(json!([{"name": "orders.tar", "digest": {"md5": "00"}}])).unwrap();
        }),
        Blow::OtherUnit => handed.edit(piece, |it| *named(piece, &mut it.predicate, "unit") = json!("web")),
        Blow::OtherEnvironment => handed.edit(piece, |it| *named(piece, &mut it.predicate, "environment") = json!("agents")),
        Blow::OtherType => handed.edit(piece, |it| "https://example.org/another".clone_into(&mut it.predicate_type)),
        Blow::OtherProducer => handed.put(piece, seal(3 - piece.seed(), &piece.statement())),
        Blow::Stranger => handed.put(piece, seal(9, &piece.statement())),
        Blow::BrokenSignature | Blow::SwappedSignature | Blow::Tampered | Blow::Unsigned | Blow::OtherPayloadType => {
            handed.tamper(piece, |it| spoil_envelope(it, blow));
        }
        Blow::Unlogged => drop(handed.logged.remove(place(piece))),
        Blow::RevokedLater | Blow::RevokedAtOnce => {
            let mut later = if blow == Blow::RevokedLater { dated(piece, at(-1_000)) } else { piece.statement() };
            negate(piece, &mut later);
            handed.add(seal(piece.seed(), &later));
        }
    }
}

fn spoil_envelope(envelope: &mut Value, blow: Blow) {
    let other = Piece::Scan.envelope();
    let other = if envelope["payload"] == json!(serde_json::to_value(&other).unwrap()["payload"]) {
        Piece::Sbom.envelope()
    } else {
        other
    };
    let other = serde_json::to_value(other).unwrap();
    match blow {
        Blow::BrokenSignature => {
            let mut signature = envelope["signatures"][0]["sig"].as_str().unwrap().to_owned();
            let last = if signature.contains("A") { ("A", "B") } else { ("B", "C") };
            signature = signature.replacen(last.0, last.1, 1);
            envelope["signatures"][0]["sig"] = json!(signature);
        }
        Blow::SwappedSignature => envelope["signatures"][0]["sig"] = other["signatures"][0]["sig"].clone(),
        Blow::Tampered => envelope["payload"] = other["payload"].clone(),
        Blow::Unsigned => envelope["signatures"] = json!([]),
        _ => envelope["payloadType"] = json!(format!("{PAYLOAD_TYPE}+x")),
    }
}

#[test]
fn no_spoilt_piece_of_evidence_passes() {
    for piece in PIECES {
        for blow in BLOWS {
            let mut handed = Handed::passing();
            strike(&mut handed, piece, blow);
            let case = format!("{piece:?}, {blow:?}");
            match why_it_changes_nothing(piece, blow) {
                None => {
                    let decision = handed.refuses(&case);
                    let blocks = decision.blocking().any(|it| it.id.as_str() == piece.requirement());
                    assert!(blocks, "{case}: {}", decision.to_text());
                }
                Some(why) => handed.grants(&format!("{case} ({why})")),
            }
        }
    }
}

/// A change of what was read.
type Change = (&'static str, fn(&mut Readings));

/// Of everything that is read, each way in which it may be wrong.
const SPOILT_READINGS: [Change; 30] = [
    ("another unit", |it| it.unit.id = "web".parse().unwrap()),
    ("a prototype", |it| it.unit.lifecycle = Lifecycle::Prototype),
    ("a state that a layer took away", |it| it.unit.lifecycle = Lifecycle::Production),
    ("a contract that nobody compared", |it| {
        it.unit.provides.insert("orders-events".parse().unwrap());
    }),
    ("another environment", |it| it.environment = "agents".parse().unwrap()),
    ("another preflight", |it| it.preflight = "agents".parse().unwrap()),
    ("another artifact", |it| it.artifact = Some(pathops_core::Digest::of(b"another"))),
    ("no artifact", |it| it.artifact = None),
    ("no source", |it| it.source = None),
    ("another commit of the source", |it| it.source.as_mut().unwrap().commit = commit('9')),
    ("another tree of the source", |it| it.source.as_mut().unwrap().tree = tree('9')),
    ("another desired state was tried", |it| it.tested.tree = tree('9')),
    ("no production pull request", |it| it.proposal = None),
    ("another head", |it| it.proposal.as_mut().unwrap().head = commit('9')),
    ("it carries something else", |it| it.proposal.as_mut().unwrap().carries_tested = false),
    ("another policy is shown", |it| it.proposal.as_mut().unwrap().shown.policy = pathops_core::Digest::of(b"x")),
    ("the policy is shown since now", |it| it.proposal.as_mut().unwrap().shown.since = AT),
    ("no reviews", |it| it.proposal.as_mut().unwrap().reviews.clear()),
    ("one review of two", |it| drop(it.proposal.as_mut().unwrap().reviews.pop())),
    ("an approver is an author", |it| {
        it.authors.insert(crate::base::human("bob"));
    }),
    ("an approver answers for an agent", |it| {
        it.authors.insert(crate::base::agent("dave"));
    }),
    ("a stranger among the authors", |it| {
        it.strangers.insert("B. Ob".to_owned());
    }),
    ("nobody is known", |it| it.people.clear()),
    ("an approver lost the role", |it| drop(it.people.insert("bob".parse().unwrap(), [].into()))),
    ("an approver is another name of the other", |it| drop(it.accounts.insert("dave".parse().unwrap(), "bob".parse().unwrap()))),
    ("whoever bears a finding has left", |it| {
        it.people.remove(&"dave".parse().unwrap());
        it.people.insert("erin".parse().unwrap(), [Role::Owner].into());
        it.proposal.as_mut().unwrap().reviews[1].author = crate::base::human("erin");
    }),
    ("a dependency is pending", |it| {
        it.dependencies.insert("stock".parse().unwrap(), DependencyState::Pending);
    }),
    ("a dependency failed", |it| {
        it.dependencies.insert("stock".parse().unwrap(), DependencyState::Failed);
    }),
    ("an incident", |it| {
        it.incidents.push(OpenIncident { id: "INC-1".to_owned(), unit: None, since: AT, summary: String::new() });
    }),
    ("a stop", |it| {
        let (by, reason) = ("mallory".parse().unwrap(), String::new());
        it.stops.push(OpenStop { id: "s".to_owned(), unit: Some("orders".parse().unwrap()), by, since: AT, reason });
    }),
];

#[test]
fn no_spoilt_reading_passes() {
    for (case, change) in SPOILT_READINGS {
        let mut handed = Handed::passing();
        change(&mut handed.readings);
        // But for the first decision, which grants nothing in any case.
        if handed.readings.proposal.is_some() {
            handed.refuses(case);
        } else {
            assert!(decide(&handed.policy, &handed.facts(), AT, 1).1.is_none(), "{case}");
        }
    }
}

#[test]
fn what_was_read_and_has_no_part_in_the_rules_changes_nothing() {
    let changes: [Change; 9] = [
        ("another change set: what evidence is about decides", |it| it.change_set = "another".parse().unwrap()),
        ("another owner, who is told and not asked", |it| it.unit.owner = "mallory".parse().unwrap()),
        ("a component, to which the same rules are for", |it| {
            it.unit.kind = UnitKind::Component { component_type: "store".to_owned() };
        }),
        ("no class: fewer layers are over it", |it| it.unit.class = None),
        ("an incident of another unit", |it| {
            let unit = Some("web".parse().unwrap());
            it.incidents.push(OpenIncident { id: "INC-1".to_owned(), unit, since: AT, summary: String::new() });
        }),
        ("another commit of the desired state with the same tree", |it| it.tested.commit = commit('9')),
        ("another tree in the production pull request, which carries what was tested", |it| {
            it.proposal.as_mut().unwrap().tree = tree('9');
        }),
        ("an unknown head of a source whose pipeline nobody touched", |it| it.source_head = None),
        ("no agent had a part", |it| it.authors = [crate::base::human("alice")].into()),
    ];
    for (case, change) in changes {
        let mut handed = Handed::passing();
        change(&mut handed.readings);
        handed.grants(case);
    }
}

#[test]
fn one_envelope_that_proves_nothing_is_enough_to_refuse() {
    let mut handed = Handed::passing();
    handed.envelopes.push(seal(9, &Piece::Smoke.statement()));
    handed.refuses("beside everything that is asked for");
    let facts = VerifiedFacts::new(&trust(&[]), &PIECES.map(Piece::envelope), handed.readings.clone(), read_at(AT));
    assert!(facts.facts().evidence.iter().all(|fact| !fact.in_ledger), "nothing is in a ledger that nobody has seen");
    assert_eq!(verified(&handed.envelopes, handed.readings.clone()).facts().rejected.len(), 1);
}
