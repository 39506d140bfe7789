//! Every ask that rests on evidence, with the evidence spoilt in the same ways: none of it passes (I4).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Checkpoint, ContractComparison, Inclusion, SignalReading, Statement, Subject, TrustRoot};
use pathops_core::memory::MemorySigner;
use pathops_core::policy::Verdict;
use pathops_core::{Digest, UnixMillis};
use serde_json::{Value, json};

use crate::shop::{DAY, Kind, Shop, about_this, after, seal, seal_bytes, signer, stated, trust};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";
const SCAN: &str = "https://in-toto.io/attestation/vulns/v0.2";

/// A change of what a statement says.
type Spoil = fn(&mut Statement);

/// What is asked for, without what evidence it takes; and good evidence of an instant.
struct Asked {
    asks: Value,
    says: fn(UnixMillis) -> Statement,
}

fn asked() -> Vec<Asked> {
    vec![
        Asked { asks: json!({"evidence": {"predicateType": PROVENANCE, "about": "artifact"}}), says: provenance },
        Asked { asks: json!({"tests": {"run": "build", "suite": "unit", "minPassed": 2}}), says: |at| Kind::UnitTests.dated(at) },
        Asked {
            asks: json!({"tests": {"run": "preflight", "suite": "smoke", "minPassed": 2}}),
            says: |at| Kind::Smoke.dated(at),
        },
        Asked { asks: json!({"findings": {"max": {"critical": 0}}}), says: scan },
        Asked { asks: json!({"sbom": {"formats": ["cyclonedx"]}}), says: sbom },
        Asked { asks: json!({"deployment": {}}), says: |at| Kind::Deployment.dated(at) },
        Asked { asks: json!({"health": {"settledSeconds": 5}}), says: |at| Kind::Health.dated(at) },
        Asked { asks: json!({"soak": {"seconds": 5, "maxGapSeconds": 0}}), says: |at| Kind::Health.dated(at) },
        Asked { asks: json!({"contracts": {}}), says: comparison },
        Asked { asks: json!({"signal": {"name": "error-rate", "environment": "preflight", "max": 0.05}}), says: signal },
    ]
}

fn provenance(at: UnixMillis) -> Statement {
    about_this(PROVENANCE, &json!({"runDetails": {"metadata": {"finishedOn": at.to_string()}}}))
}

fn scan(at: UnixMillis) -> Statement {
    let times = json!({"scanStartedOn": at.to_string(), "scanFinishedOn": at.to_string()});
    about_this(SCAN, &json!({"scanner": {"uri": "pkg:scanner", "result": []}, "metadata": times}))
}

fn sbom(at: UnixMillis) -> Statement {
    about_this(CYCLONEDX, &json!({"components": [{"name": "serde"}], "metadata": {"timestamp": at.to_string()}}))
}

fn comparison(at: UnixMillis) -> Statement {
    let (unit, contract) = ("orders".parse().unwrap(), "orders-http".parse().unwrap());
    stated(&ContractComparison { unit, contract, breaking: Vec::new(), compared_on: at })
}

fn signal(at: UnixMillis) -> Statement {
    let (unit, environment) = ("orders".parse().unwrap(), "preflight".parse().unwrap());
    let name = "error-rate".to_owned();
    stated(&SignalReading { unit, environment, name, value: Some(0.01), samples: 10, errors: 0, observed_on: at })
}

impl Asked {
    /// A promotion in which nothing else than this is asked for, and no evidence is there yet.
    fn shop(&self, accept: &Value) -> Shop {
        let mut asks = self.asks.clone();
        let rule = asks.as_object_mut().unwrap().values_mut().next().unwrap();
        rule["accept"] = json!({"maxAgeSeconds": DAY / 1_000});
        rule["accept"].as_object_mut().unwrap().extend(accept.as_object().unwrap().clone());
        let mut shop = Shop::asking(json!({"id": "asked", "reason": "It is asked for.", "asks": asks}));
        shop.layer.requirements.retain(|it| it.id.as_str() == "asked");
        shop.envelopes.clear();
        shop.readings.unit.provides = ["orders-http".parse().unwrap()].into();
        shop
    }

    /// How it stands with this evidence.
    fn with(&self, statement: &Statement) -> Verdict {
        let mut shop = self.shop(&json!({}));
        shop.give(statement);
        shop.requirement("asked").verdict
    }

    #[track_caller]
    fn is(&self, shop: &Shop, verdict: Verdict, case: &str) {
        assert_eq!(shop.requirement("asked").verdict, verdict, "{}: {case}", self.asks);
    }
}

#[test]
fn good_evidence_passes_and_is_named() {
    for asked in asked() {
        let mut shop = asked.shop(&json!({}));
        shop.give(&(asked.says)(after(-1)));
        // What every policy asks for, beside this.
        shop.add(Kind::Deployment, &Kind::Deployment.statement());
        shop.passes(&asked.asks.to_string());
        let id = trust().verify(&seal(&(asked.says)(after(-1)))).unwrap().id();
        assert_eq!(shop.requirement("asked").evidence, [id], "{}", asked.asks);
    }
}

#[test]
fn no_evidence_is_unknown_and_says_who_could_give_some() {
    for asked in asked() {
        let requirement = asked.shop(&json!({})).requirement("asked");
        assert_eq!(requirement.verdict, Verdict::Unknown, "{}", asked.asks);
        let missing = requirement.missing.unwrap();
        assert!(!missing.what.is_empty() && missing.from.len() == 1 && !missing.by_people, "{}: {missing:?}", asked.asks);
        assert_eq!((requirement.earliest, requirement.evidence), (None, Vec::new()), "{}", asked.asks);
    }
}

#[test]
fn evidence_counts_to_the_millisecond() {
    for asked in asked() {
        for (offset, verdict) in [
            (-DAY - 1, Verdict::Unknown),
            (-DAY, Verdict::Pass),
            (0, Verdict::Pass),
            (60_000, Verdict::Pass),
            (60_001, Verdict::Unknown),
        ] {
            assert_eq!(asked.with(&(asked.says)(after(offset))), verdict, "{}: {offset} ms", asked.asks);
        }
    }
}

#[test]
fn spoilt_evidence_is_unknown() {
    let spoil: [(&str, Spoil); 5] = [
        ("about something else", |it| digests(it, |algorithm| (algorithm.to_owned(), 'a'))),
        ("by digests that nobody asked for", |it| digests(it, |_| ("sha512".to_owned(), 'a'))),
        ("of another type", |it| "https://example.org/another".clone_into(&mut it.predicate_type)),
        ("empty", |it| it.predicate = json!({})),
        ("about another unit", another_unit),
    ];
    for asked in asked() {
        for (name, spoil) in spoil {
            let mut statement = (asked.says)(after(-1));
            spoil(&mut statement);
            assert_eq!(asked.with(&statement), Verdict::Unknown, "{}: {name}", asked.asks);
        }
    }
}

/// What names no unit in its predicate is about another one by its subjects.
fn another_unit(statement: &mut Statement) {
    let named = ["/unit", "/configuration/0/annotations/unit"].into_iter().find(|it| statement.predicate.pointer(it).is_some());
    match named.and_then(|pointer| statement.predicate.pointer_mut(pointer)) {
        Some(unit) => *unit = json!("web"),
        None => statement.subject = vec![Subject::named("web").with_sha256(&Digest::of(b"web"))],
    }
}

/// Gives every subject other digests.
fn digests(statement: &mut Statement, other: fn(&str) -> (String, char)) {
    for subject in &mut statement.subject {
        let digests = std::mem::take(&mut subject.digest);
        let change = |(algorithm, value): (String, String)| {
            let (algorithm, digit) = other(&algorithm);
            (algorithm, String::from(digit).repeat(value.len()))
        };
        subject.digest = digests.into_iter().map(change).collect::<BTreeMap<_, _>>();
    }
}

#[test]
fn evidence_that_nobody_trusted_has_signed_stops_everything() {
    for asked in asked() {
        let payload = (asked.says)(after(-1)).to_canonical().unwrap();
        let mut shop = asked.shop(&json!({}));
        shop.more.push(seal_bytes(&MemorySigner::from_seed(2).unwrap(), &payload));
        asked.is(&shop, Verdict::Unknown, "by a stranger");
        assert_eq!(shop.requirement("evidence-integrity").verdict, Verdict::Fail, "{}", asked.asks);
    }
}

#[test]
fn only_the_word_of_the_named_producers_counts() {
    let named = |name: &str| TrustRoot::default().with_producer(name.parse().unwrap(), signer().public_key());
    for asked in asked() {
        let mut shop = asked.shop(&json!({"from": ["ci", "audit"]}));
        shop.give(&(asked.says)(after(-1)));
        asked.is(&shop, Verdict::Unknown, "by a key without a name");
        for (name, verdict) in [("laptop", Verdict::Unknown), ("ci", Verdict::Pass), ("audit", Verdict::Pass)] {
            shop.trust = named(name);
            asked.is(&shop, verdict, name);
        }
        let mut shop = asked.shop(&json!({"from": []}));
        shop.trust = named("ci");
        shop.give(&(asked.says)(after(-1)));
        asked.is(&shop, Verdict::Unknown, "nobody's word counts");
    }
}

/// One statement that two have signed is one piece of evidence, and the word of both.
#[test]
fn another_signature_takes_nobodys_word_away() {
    // One whose key comes before in the order of keys, and one whose key comes after.
    for order in [Ordering::Less, Ordering::Greater] {
        let signers = (2..).map(|seed| MemorySigner::from_seed(seed).unwrap());
        let ours = signer().public_key().id();
        let other = signers.into_iter().find(|other| other.public_key().id().cmp(&ours) == order).unwrap();
        let trust = TrustRoot::new([other.public_key()]).with_producer("ci".parse().unwrap(), signer().public_key());
        for asked in asked() {
            let mut shop = asked.shop(&json!({"from": ["ci"]}));
            shop.trust = trust.clone();
            let statement = (asked.says)(after(-1));
            shop.more.push(seal_bytes(&other, &statement.to_canonical().unwrap()));
            asked.is(&shop, Verdict::Unknown, "the other one alone");
            shop.give(&statement);
            asked.is(&shop, Verdict::Pass, "both");
        }
    }
}

#[test]
fn evidence_outside_of_the_ledger_does_not_count_where_it_must_be_there() {
    for asked in asked() {
        let mut shop = asked.shop(&json!({"inLedger": true}));
        let statement = (asked.says)(after(-1));
        shop.give(&statement);
        asked.is(&shop, Verdict::Unknown, "in no ledger");
        shop.trust = logged(&(asked.says)(after(-2)));
        asked.is(&shop, Verdict::Unknown, "something else is in the ledger");
        shop.trust = logged(&statement);
        asked.is(&shop, Verdict::Pass, "in the ledger");
    }
}

/// A trust root with a ledger of which this is the only leaf.
fn logged(statement: &Statement) -> TrustRoot {
    let id = trust().verify(&seal(statement)).unwrap().id();
    let data = json!({"algorithm": "SHA2_256", "digest": BASE64.encode(id.0.as_bytes())});
    let leaf = json!({"kind": "hashedrekord", "spec": {"hashedRekordV002": {"data": data}}}).to_string().into_bytes();
    let checkpoint = Checkpoint { size: 1, root: Digest::of(&[&[0], leaf.as_slice()].concat()) };
    trust().with_log(&checkpoint, &[Inclusion { leaf, index: 0, path: Vec::new() }]).unwrap()
}

/// Bad news needs no ledger, and may come from anybody who is trusted.
#[test]
fn a_bad_word_of_anybody_who_is_trusted_counts() {
    let bad: [(usize, Spoil); 5] = [
        (1, |it| Kind::UnitTests.fail(it)),
        (2, |it| Kind::Smoke.fail(it)),
        (5, |it| Kind::Deployment.fail(it)),
        (6, |it| Kind::Health.fail(it)),
        (8, |it| it.predicate["breaking"] = json!(["a field is gone"])),
    ];
    for (index, spoil) in bad {
        let asked = &asked()[index];
        let (good, mut bad) = ((asked.says)(after(-2)), (asked.says)(after(-1)));
        spoil(&mut bad);
        let mut shop = asked.shop(&json!({"inLedger": true, "from": ["ci"]}));
        let ci = MemorySigner::from_seed(3).unwrap();
        shop.trust = logged(&good).with_producer("ci".parse().unwrap(), ci.public_key());
        shop.more.push(seal_bytes(&ci, &good.to_canonical().unwrap()));
        asked.is(&shop, Verdict::Pass, "good news of ci in the ledger");
        shop.give(&bad);
        asked.is(&shop, Verdict::Fail, "bad news of somebody else, not in the ledger");
    }
}
