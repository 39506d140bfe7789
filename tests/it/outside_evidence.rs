//! Evidence of others on the whole control plane in memory: waited for, believed, doubted, and refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pathops_coordinator::InProduction;
use pathops_coordinator::change_set::{Decided, End, State};
use pathops_core::adapter::*;
use pathops_core::evidence::{
    Checkpoint, Envelope, EvidenceId, Inclusion, Logged, PAYLOAD_TYPE, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::{Fault, Faults, MemoryJournal, MemorySigner, When};
use pathops_core::policy::{Decision, Verdict};
use pathops_core::{Digest, Error, ErrorKind, Result};
use pathops_evidence::{Against, Verdict as LedgerVerdict, verify_ledger};
use serde_json::{Value, json};

use crate::governance::{PRODUCTION, declare, is_granted, meddled, policy, proposed};
use crate::world::{PRODUCERS, World, cx, feature_of, id, log_key, person, repo, wait};

const VULNERABILITIES: &str = "https://in-toto.io/attestation/vulns/v0.2";
const TESTS: &str = "https://in-toto.io/attestation/test-result/v0.1";
const DEPLOYMENT: &str = "https://pathops.dev/predicate/deployment/v0.1";
const SCANNER: u64 = PRODUCERS[0].1;
const MONITORING: u64 = PRODUCERS[1].1;

pub(crate) const SCAN: &str = "{id: scan, reason: no known holes, covers: {units: [orders]}, asks: {findings: {max: {critical: 0}, accept: {maxAgeSeconds: 86400, from: [scanner]}}}}";
const BILL: &str = "{id: bill, reason: we know what is in it, covers: {units: [orders]}, asks: {sbom: {formats: [cyclonedx], accept: {maxAgeSeconds: 86400, from: [scanner]}}}}";
const ERRORS: &str = "{id: errors, reason: it works for others too, covers: {units: [orders]}, asks: {signal: {name: error-rate, environment: preflight, max: 0.01, minSamples: 100, accept: {maxAgeSeconds: 86400, from: [monitoring]}}}}";
const PROMISES: &str = "{id: promises, reason: others rely on it, covers: {units: [orders]}, asks: {contracts: {accept: {maxAgeSeconds: 86400, from: [scanner]}}}}";

/// A world whose policy asks for these, too.
fn asking(requirements: &[&str]) -> World {
    let world = World::new(MemoryJournal::new());
    ask(&world, requirements);
    world
}

pub(crate) fn ask(world: &World, requirements: &[&str]) {
    let more: String = requirements.iter().map(|requirement| format!("    - {requirement}\n")).collect();
    declare(world, "main", "policy.yaml", &policy(world).replace("  requirements:\n", &format!("  requirements:\n{more}")));
}

pub(crate) fn key(seed: u64) -> MemorySigner {
    MemorySigner::from_seed(seed).unwrap()
}

pub(crate) fn sign(seed: u64, subject: Subject, predicate_type: &str, predicate: &Value) -> Envelope {
    let payload = Statement::new(vec![subject], predicate_type, predicate).unwrap().to_canonical().unwrap();
    let signature = wait(key(seed).sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload))).unwrap();
    Envelope::new(&payload, &key(seed).public_key(), signature)
}

/// The change set as it is in the journal.
fn state(world: &World) -> State {
    let run = wait(world.journal.runs(&cx(), &RunFilter::default().open(), None, 100)).unwrap().pop().unwrap();
    serde_json::from_value(wait(world.journal.load(&cx(), &run)).unwrap().unwrap().state).unwrap()
}

/// What was built and tried: the artifact and the desired state of preflight.
pub(crate) fn tried(state: &State) -> Subject {
    let orders = &state.units[&id("orders")];
    let tested = orders.preflight.as_ref().unwrap();
    let subject = Subject::named("orders").with_commit(&tested.commit).with_tree(&tested.tree);
    subject.with_sha256(&orders.built_artifact().unwrap())
}

pub(crate) fn report(world: &World, subject: Subject, found: &[&str]) -> Envelope {
    let at = world.clock.now().to_string();
    let finding = |severity: &&str| json!({"id": "CVE-2026-1", "severity": [{"method": "nvd", "score": severity}]});
    let result: Vec<_> = found.iter().map(finding).collect();
    let metadata = json!({"scanStartedOn": at, "scanFinishedOn": at});
    sign(
        SCANNER,
        subject,
        VULNERABILITIES,
        &json!({"scanner": {"uri": "https://scanner.example", "result": result}, "metadata": metadata}),
    )
}

pub(crate) fn take(world: &World, envelope: &Envelope) -> Result<EvidenceId> {
    world.pass(world.plane().take_evidence(envelope, None))
}

fn because(decision: &Decision, id: &str) -> String {
    decision.requirements.iter().find(|it| it.id.as_str() == id).unwrap().because.clone()
}

/// Something to be done at a look at the production pull request; whether it is done.
type Step<'s> = &'s dyn Fn(&World, &PullRequest) -> bool;

/// Runs a feature of `orders`; each step is taken when it says so, and is then over.
fn in_steps(world: &World, steps: &[Step<'_>]) -> State {
    let (step, looks) = (AtomicU32::new(0), AtomicU32::new(0));
    let state = meddled(world, |world, proposed| {
        assert!(looks.fetch_add(1, Ordering::SeqCst) < 500, "it waits for ever, after step {step:?}");
        let now = usize::try_from(step.load(Ordering::SeqCst)).unwrap();
        if steps.get(now).is_some_and(|take| take(world, proposed)) {
            step.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert_eq!(usize::try_from(step.load(Ordering::SeqCst)).unwrap(), steps.len(), "{:?}", state.failure);
    state
}

/// Nothing was granted for a long time.
fn stays_ungranted(looks: &AtomicU32, world: &World, proposed: &PullRequest) -> bool {
    assert!(!is_granted(world, proposed));
    looks.fetch_add(1, Ordering::SeqCst) > 40
}

fn let_people_merge(world: &World, proposed: &PullRequest) -> bool {
    let granted = is_granted(world, proposed);
    if granted {
        world.hesitant.store(false, Ordering::SeqCst);
    }
    granted
}

#[test]
fn what_is_asked_of_others_is_waited_for_and_then_goes_to_production() {
    let world = asking(&[SCAN, BILL, ERRORS, PROMISES]);
    let looks = AtomicU32::new(0);
    let hand_in = |world: &World, proposed: &PullRequest| {
        if !stays_ungranted(&looks, world, proposed) {
            return false;
        }
        for missing in ["no report of a scanner for this from scanner", "no measurement of error-rate for this from monitoring"] {
            assert!(proposed.body.contains(missing), "the pull request says what is missing and from whom: {}", proposed.body);
        }
        let (subject, at) = (tried(&state(world)), world.clock.now().to_string());
        let bill = json!({"bomFormat": "CycloneDX", "metadata": {"timestamp": at}, "components": [{"name": "tokio"}]});
        let rate = json!({"unit": "orders", "environment": "preflight", "name": "error-rate", "value": 0.001, "samples": 1_000, "errors": 0, "observedOn": at});
        let same = json!({"unit": "orders", "contract": "orders-http", "breaking": [], "comparedOn": at});
        for envelope in [
            report(world, subject.clone(), &["low"]),
            sign(SCANNER, subject.clone(), "https://cyclonedx.org/bom", &bill),
            sign(MONITORING, subject.clone(), "https://pathops.dev/predicate/signal/v0.1", &rate),
            sign(SCANNER, subject, "https://pathops.dev/predicate/contract-comparison/v0.1", &same),
        ] {
            take(world, &envelope).unwrap();
        }
        true
    };
    let state = in_steps(&world, &[&hand_in]);
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);

    let orders = &state.units[&id("orders")];
    let (first, last) = (&orders.first.as_ref().unwrap().decision, orders.last.as_ref().unwrap());
    assert_eq!((first.verdict, last.decision.verdict), (Verdict::Unknown, Verdict::Pass));
    assert_eq!(because(first, "promises"), "nobody has compared orders-http with what it was");
    is_stated_with_every_input(&world, last, "PASSED");
}

/// The signed statement of a decision: its result, the policy by its digest, and each piece of evidence that it was given.
#[track_caller]
fn is_stated_with_every_input(world: &World, decided: &Decided, result: &str) {
    let envelope = wait(world.blobs.get(&cx(), &decided.record.envelope)).unwrap().unwrap();
    let summary: Value = serde_json::from_slice(&Envelope::from_slice(&envelope).unwrap().payload().unwrap()).unwrap();
    let predicate = &summary["predicate"];
    assert_eq!(predicate["verificationResult"], result);
    assert_eq!(predicate["policy"]["digest"]["sha256"], decided.decision.policy.hex());
    let inputs: Vec<_> =
        predicate["inputAttestations"].as_array().unwrap().iter().map(|it| it["uri"].as_str().unwrap()).collect();
    assert!(inputs.iter().all(|uri| !uri.is_empty()), "every input has a place: {inputs:?}");
    for entry in world.index.all() {
        assert!(inputs.contains(&world.blobs.location(&entry.envelope()).as_str()), "{entry:?} is not among {inputs:?}");
    }
}

#[test]
fn without_an_index_what_is_asked_of_others_refuses_a_change_as_before() {
    let mut world = asking(&[SCAN]);
    world.takes_evidence = false;
    let state = in_steps(&world, &[]);
    assert_eq!(state.end, Some(End::Recovered), "{:?}", state.failure);
    let error = take(&world, &report(&world, tried(&state), &[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("give an index to the builder"), "{error}");
}

#[test]
fn a_critical_finding_before_the_merge_takes_the_success_back() {
    let world = asking(&[SCAN]);
    world.hesitant.store(true, Ordering::SeqCst);
    let scan =
        |found: &'static [&'static str]| move |world: &World| take(world, &report(world, tried(&state(world)), found)).is_ok();
    let (clean, critical) = (scan(&[]), scan(&["critical"]));
    let state = in_steps(&world, &[&|world, _| clean(world), &|world, proposed| is_granted(world, proposed) && critical(world)]);
    assert_eq!(state.end, Some(End::Recovered), "{:?}", state.failure);
    let proposed = proposed(&world).unwrap();
    assert!(matches!(proposed.state, PullRequestState::Closed { .. }) && !is_granted(&world, &proposed), "{proposed:?}");
    assert!(world.forge.person(person("bob")).merge(&repo(PRODUCTION), proposed.number, &proposed.head).is_err());
    assert!(!world.deployed.lock().unwrap().contains(&"orders@production".to_owned()));
    let last = state.units[&id("orders")].last.as_ref().unwrap();
    assert_eq!(because(&last.decision, "scan"), "1 critical finding(s), and 0 may stay");
    is_stated_with_every_input(&world, last, "FAILED");
}

#[test]
fn a_critical_finding_after_the_merge_is_a_doubt_that_people_are_told_of_once() {
    let world = asking(&[SCAN]);
    let state = in_steps(&world, &[&|world, _| take(world, &report(world, tried(&state(world)), &[])).is_ok()]);
    let (plane, change_set) = (world.plane(), &state.start.change_set);
    assert_eq!((state.end, wait(plane.doubts(change_set)).unwrap()), (Some(End::Live), InProduction::default()));
    let told = world.notifier.delivered().len();

    take(&world, &report(&world, tried(&state), &["critical"])).unwrap();
    for _ in 0..2 {
        let doubts = wait(plane.doubts(change_set)).unwrap().doubts;
        let [doubt] = doubts.as_slice() else { panic!("{doubts:?}") };
        let because: Vec<_> = doubt.requirements.iter().map(|(id, because)| (id.as_str(), because.as_str())).collect();
        assert_eq!((doubt.unit.as_str(), because), ("orders", vec![("scan", "1 critical finding(s), and 0 may stay")]));
        assert_eq!(world.notifier.delivered().len(), told + 1, "it is told once");
    }

    // It was promised when it was granted, whatever is asked for since.
    let looser = [
        policy(&world).replace("{id: scan,", "{id: scan, severity: advisory,"),
        policy(&world).replace("{id: scan,", "{id: look,"),
    ];
    for looser in looser {
        declare(&world, "main", "policy.yaml", &looser);
        let doubts = wait(plane.doubts(change_set)).unwrap().doubts;
        assert_eq!(doubts.len(), 1, "{looser}");
        assert_eq!(doubts[0].requirements[0].0.as_str(), "scan", "{looser}");
    }
}

#[test]
fn what_is_about_another_artifact_changes_nothing() {
    let world = asking(&[SCAN]);
    let other = || Subject::named("orders").with_sha256(&Digest::of(b"another artifact"));
    let looks = AtomicU32::new(0);
    let state = in_steps(
        &world,
        &[
            &|world, _| take(world, &report(world, other(), &[])).is_ok(),
            &|world, proposed| stays_ungranted(&looks, world, proposed),
            &|world, _| take(world, &report(world, tried(&state(world)), &[])).is_ok(),
            &|world, _| take(world, &report(world, other(), &["critical"])).is_ok(),
        ],
    );
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    assert_eq!(wait(world.plane().doubts(&state.start.change_set)).unwrap(), InProduction::default());
}

fn refused(world: &World, envelope: &Envelope, logged: Option<&Logged>, kind: ErrorKind, says: &str) -> Error {
    let error = wait(world.plane().take_evidence(envelope, logged)).unwrap_err();
    assert!(error.kind() == kind && error.to_string().contains(says), "{kind}, `{says}`: {error:?}");
    assert!(world.index.all().is_empty(), "{error}");
    let stored = wait(world.blobs.get(&cx(), &Digest::of(&envelope.to_vec().unwrap()))).unwrap();
    assert!(stored.is_none(), "nothing is stored: {error}");
    error
}

#[test]
fn what_others_may_not_say_or_nobody_can_trust_is_refused_and_not_stored() {
    let world = World::new(MemoryJournal::new());
    let subject = || Subject::named("orders").with_sha256(&Digest::of(b"orders"));
    let stated = |predicate_type: &str, predicate: &Value| sign(SCANNER, subject(), predicate_type, predicate);
    let fine = report(&world, subject(), &[]);
    let payload = fine.payload().unwrap();

    let stranger = sign(9, subject(), VULNERABILITIES, &json!({}));
    refused(&world, &stranger, None, ErrorKind::Denied, "is not in the trust root");
    let forged = Envelope::new(&payload, &key(SCANNER).public_key(), stranger.signature().unwrap().clone());
    refused(&world, &forged, None, ErrorKind::Denied, "does not match the payload");
    let tampered = String::from_utf8(payload).unwrap().replace("scanner.example", "another.example");
    let tampered = Envelope::new(tampered.as_bytes(), &key(SCANNER).public_key(), fine.signature().unwrap().clone());
    refused(&world, &tampered, None, ErrorKind::Denied, "does not match the payload");
    refused(
        &world,
        &stated(VULNERABILITIES, &json!({"scanner": 1})),
        None,
        ErrorKind::Invalid,
        "does not hold what its type says",
    );

    let deployed = json!({"changeSet": "cs", "unit": "orders", "environment": "preflight", "ready": true, "resourceVersion": "1", "observedOn": "2025-11-24T08:00:00Z"});
    refused(&world, &stated(DEPLOYMENT, &deployed), None, ErrorKind::Denied, "it is a deployment, which PathOps states itself");
    let ours = sign(1, subject(), DEPLOYMENT, &deployed);
    refused(&world, &ours, None, ErrorKind::Denied, "which PathOps states itself");
    let tests = |name: &str, environment: Value| {
        let annotations = json!({"unit": "orders", "environment": environment, "pipelineChanged": false});
        let configuration = json!([{"name": name, "annotations": annotations}]);
        stated(
            TESTS,
            &json!({"result": "PASSED", "configuration": configuration, "passedTests": ["it"], "finishedOn": "2025-11-24T08:00:00Z"}),
        )
    };
    refused(&world, &tests("smoke", json!("preflight")), None, ErrorKind::Denied, "the result of a post-deploy job");
    refused(&world, &tests("unit", Value::Null), None, ErrorKind::Denied, "the result of a build's own tests");
    let decided = json!({"verificationResult": "PASSED", "https://pathops.dev/decision": {}});
    refused(
        &world,
        &stated("https://slsa.dev/verification_summary/v1", &decided),
        None,
        ErrorKind::Denied,
        "a decision of PathOps",
    );

    // Nobody would find it again.
    for (algorithm, value) in [("SHA256", "ab"), ("sha512", "ab"), ("sha256", "not hexadecimal")] {
        let mut lost = subject();
        lost.digest = [(algorithm.to_owned(), value.to_owned())].into();
        refused(&world, &report(&world, lost, &["critical"]), None, ErrorKind::Invalid, "no decision would find it");
    }

    // The secret that the host knows, hidden by what JSON makes of it, and one that looks like one.
    for (holds, form) in [
        (json!({"notes": ["before swordfish-1234 after"]}), "`known`"),
        (json!({"swordfish-1234": 1}), "`known`"),
        (json!({"notes": "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"}), "`private-key`"),
        (json!({"login": {"password": "correct horse"}}), "`assignment`"),
    ] {
        let error = refused(&world, &stated("https://example.org/notes", &holds), None, ErrorKind::Invalid, form);
        assert!(!["swordfish", "horse", "abc"].iter().any(|secret| format!("{error:?}").contains(secret)), "{error:?}");
    }
    let elsewhere = log_of(EvidenceId(Digest::of(b"something else")));
    refused(&world, &fine, Some(&elsewhere), ErrorKind::Invalid, "other evidence");
    let broken = Logged { checkpoint: Checkpoint { size: 2, root: Digest::of(b"") }, ..elsewhere };
    refused(&world, &fine, Some(&broken), ErrorKind::Invalid, "is not in the log");

    // What only looks a little like all that is taken.
    let plain = json!({"contact": "https://example.org", "mail": "alice@example.org", "tokens": 7});
    for envelope in [fine, tests("fuzz", Value::Null), stated("https://example.org/notes", &plain)] {
        take(&world, &envelope).unwrap();
    }
}

/// A log of two leaves, of which the second is this evidence.
fn log_of(id: EvidenceId) -> Logged {
    let leaf = |digest: Digest| {
        let digest = base64(digest.as_bytes());
        let data = json!({"algorithm": "SHA2_256", "digest": digest});
        json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {"data": data}}})
            .to_string()
            .into_bytes()
    };
    let hash = |leaf: &[u8]| Digest::of(&[&[0], leaf].concat());
    let (first, second) = (hash(&leaf(Digest::of(b"first"))), leaf(id.0));
    let root = Digest::of(&[&[1], first.as_bytes().as_slice(), hash(&second).as_bytes()].concat());
    Logged { checkpoint: Checkpoint { size: 2, root }, inclusion: Inclusion { leaf: second, index: 1, path: vec![first] } }
}

/// As an envelope writes its payload.
fn base64(bytes: &[u8]) -> String {
    let envelope = Envelope::new(bytes, &key(1).public_key(), wait(key(1).sign(&cx(), b"")).unwrap());
    let json: Value = serde_json::from_slice(&envelope.to_vec().unwrap()).unwrap();
    json["payload"].as_str().unwrap().to_owned()
}

#[test]
fn what_has_to_be_in_the_ledger_counts_once_it_is_shown_there() {
    let world = asking(&[&SCAN.replace("from: [scanner]", "from: [scanner], inLedger: true")]);
    let looks = AtomicU32::new(0);
    let handed_in = std::sync::Mutex::new(None);
    let state = in_steps(
        &world,
        &[
            &|world, proposed| {
                assert!(
                    proposed.body.contains("no report of a scanner for this in the ledger from scanner"),
                    "{}",
                    proposed.body
                );
                let envelope = report(world, tried(&state(world)), &[]);
                *handed_in.lock().unwrap() = Some((take(world, &envelope).unwrap(), envelope));
                true
            },
            &|world, proposed| stays_ungranted(&looks, world, proposed),
            &|world, _| {
                let (id, envelope) = handed_in.lock().unwrap().take().unwrap();
                assert_eq!(wait(world.plane().take_evidence(&envelope, Some(&log_of(id)))).unwrap(), id);
                true
            },
        ],
    );
    assert_eq!((state.end, world.index.all().len()), (Some(End::Live), 1), "{:?}", state.failure);
}

#[test]
fn a_measurement_of_production_is_about_what_runs_there_now() {
    let world = World::new(MemoryJournal::new());
    let before = world.carry_out(feature_of(&["orders"], "better", None), "one").unwrap();
    assert_eq!(before.end, Some(End::Live));
    ask(&world, &[&ERRORS.replace("preflight", "production")]);
    let looks = AtomicU32::new(0);
    let measure = || {
        let look = looks.fetch_add(1, Ordering::SeqCst);
        assert!(look < 500, "it waits for ever");
        if look == 150 {
            assert_eq!(wait(world.journal.runs(&cx(), &RunFilter::default().open(), None, 100)).unwrap().len(), 1, "it waits");
            let artifact = before.units[&id("orders")].built_artifact().unwrap();
            let subject = Subject::named("orders@production").with_sha256(&artifact);
            let rate = json!({"unit": "orders", "environment": "production", "name": "error-rate", "value": 0.001, "samples": 1_000, "errors": 0, "observedOn": world.clock.now().to_string()});
            take(&world, &sign(MONITORING, subject, "https://pathops.dev/predicate/signal/v0.1", &rate)).unwrap();
        }
        false
    };
    let state = world.run(feature_of(&["orders"], "best", None), "two", measure).unwrap().unwrap();
    assert!(state.end == Some(End::Live) && looks.load(Ordering::SeqCst) > 150, "{:?} {looks:?}", state.failure);
}

#[test]
fn a_crash_between_blob_and_index_is_made_good_by_taking_it_again() {
    let world = World::new(MemoryJournal::new());
    let envelope = report(&world, Subject::named("orders").with_sha256(&Digest::of(b"orders")), &[]);
    let through = |fault, when| world.through(&Arc::new(Faults::new(1, Arc::new(world.clock.clone())).with(fault, when)));
    let blob = Digest::of(&envelope.to_vec().unwrap());
    // The first write is the blob, the second one the index.
    let error = take(&through(Fault::Refuse, When::Write(2)), &envelope).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(wait(world.blobs.get(&cx(), &blob)).unwrap().is_some() && world.index.all().is_empty(), "the blob comes first");
    let id = take(&world, &envelope).unwrap();
    for (fault, when) in
        [(Fault::LoseAnswer, 1), (Fault::LoseAnswer, 2), (Fault::LoseRequest, 1), (Fault::LoseRequest, 2), (Fault::Twice, 2)]
    {
        assert_eq!(take(&through(fault, When::Write(when)), &envelope).unwrap(), id, "{fault:?}");
    }
    assert_eq!(world.index.all().iter().map(|it| (it.id(), it.envelope())).collect::<Vec<_>>(), [(id, blob)]);
}

#[test]
fn while_the_index_is_out_of_reach_nothing_passes() {
    let mut world = World::new(MemoryJournal::new());
    let faults = Arc::new(Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Flaky, When::Always));
    world.index_faults = Some(faults.clone());
    let looks = AtomicU32::new(0);
    let heal = || {
        if faults.calls() > 0 && looks.fetch_add(1, Ordering::SeqCst) == 200 {
            faults.stop();
        }
        assert!(looks.load(Ordering::SeqCst) > 200 || proposed(&world).is_none(), "nothing is decided without it");
        false
    };
    let state = world.run(feature_of(&["orders"], "better", None), "k", heal).unwrap().unwrap();
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
}

/// What has to be asked for a decision is out of reach after the grant: the success does not outlast it for long.
#[test]
fn a_success_is_taken_back_while_the_index_stays_out_of_reach() {
    let mut world = World::new(MemoryJournal::new());
    let faults = Arc::new(Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Flaky, When::Always));
    faults.stop();
    world.index_faults = Some(faults.clone());
    world.hesitant.store(true, Ordering::SeqCst);
    let looks = AtomicU32::new(0);
    let out_of_reach = |world: &World, proposed: &PullRequest| {
        let granted = is_granted(world, proposed);
        if granted {
            faults.go_on();
        }
        granted
    };
    let healed = |world: &World, proposed: &PullRequest| {
        let over = !is_granted(world, proposed) && stays_ungranted(&looks, world, proposed);
        if over {
            faults.stop();
        }
        over
    };
    let state = in_steps(&world, &[&out_of_reach, &healed, &let_people_merge]);
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
}

#[test]
fn an_envelope_that_is_gone_stops_everything_until_it_is_back() {
    let world = asking(&[SCAN]);
    world.hesitant.store(true, Ordering::SeqCst);
    let looks = AtomicU32::new(0);
    let handed_in = std::sync::Mutex::new(None);
    let lost = || world.index.all()[0].envelope();
    let state = in_steps(
        &world,
        &[
            &|world, _| {
                let envelope = report(world, tried(&state(world)), &[]);
                take(world, &envelope).unwrap();
                handed_in.lock().unwrap().replace(envelope).is_none()
            },
            &|world, proposed| is_granted(world, proposed) && world.blobs.lose(&lost()),
            &|world, proposed| !is_granted(world, proposed),
            &|world, proposed| stays_ungranted(&looks, world, proposed),
            &|world, _| take(world, &handed_in.lock().unwrap().take().unwrap()).is_ok(),
            &let_people_merge,
        ],
    );
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    world.blobs.lose(&lost());
    let InProduction { doubts, unseen } = wait(world.plane().doubts(&state.start.change_set)).unwrap();
    let says = unseen.join("\n");
    assert_eq!((doubts.len(), unseen.len()), (0, 1), "{says}");
    assert!(says.contains(&format!("the blob {} is gone", lost())) && says.contains("hand the envelope in again"), "{says}");
}

/// Puts an envelope into store and index past the control plane.
fn smuggle(world: &World, seed: u64, envelope: &Envelope) {
    let verified = TrustRoot::new([key(seed).public_key()]).verify(envelope).unwrap();
    let blob = wait(world.blobs.put(&cx(), envelope.to_vec().unwrap())).unwrap();
    wait(world.index.add(&cx(), &IndexedEvidence::new(&verified, blob))).unwrap();
}

#[test]
fn evidence_by_a_key_that_is_not_trusted_any_more_refuses_the_promotion_and_says_so() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let smuggled = |world: &World, proposed: &PullRequest| {
        let granted = is_granted(world, proposed);
        if granted {
            smuggle(world, 9, &sign(9, tried(&state(world)), "https://example.org/notes", &json!({})));
        }
        granted
    };
    let state = in_steps(&world, &[&smuggled]);
    assert_eq!(state.end, Some(End::Recovered), "{:?}", state.failure);
    let last = state.units[&id("orders")].last.as_ref().unwrap();
    let why = because(&last.decision, "evidence-integrity");
    assert!(why.contains("1 of the envelopes prove nothing") && why.contains("is not in the trust root"), "{why}");
}

#[test]
fn a_key_for_scans_does_not_speak_for_the_cluster_through_the_index_either() {
    let world = World::new(MemoryJournal::new());
    let smuggled = |world: &World, _: &PullRequest| {
        let at = world.clock.now().to_string();
        for ready in [true, false] {
            let seen = json!({"changeSet": "cs", "unit": "orders", "environment": "preflight", "ready": ready, "resourceVersion": "1", "observedOn": at});
            smuggle(world, SCANNER, &sign(SCANNER, tried(&state(world)), DEPLOYMENT, &seen));
        }
        true
    };
    let state = in_steps(&world, &[&smuggled]);
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    assert_eq!(
        wait(world.plane().doubts(&state.start.change_set)).unwrap(),
        InProduction::default(),
        "a bad word of theirs does not count either"
    );
}

/// Whoever verifies the host's ledger sees what others have stated, each once, and that it is theirs.
#[test]
fn what_others_state_is_in_the_ledger_like_what_pathops_states() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    let orders = || Subject::named("orders").with_sha256(&Digest::of(b"orders"));
    let (report, later) = (report(&world, orders(), &["low"]), sign(MONITORING, orders(), "https://example.org/x", &json!({})));
    let id = take(&world, &report).unwrap();
    assert_eq!(take(&world, &report).unwrap(), id);
    take(&world, &later).unwrap();
    let leaf = |envelope: &Envelope| {
        let blob = Digest::of(&envelope.to_vec().unwrap());
        world.index.all().into_iter().find(|entry| entry.envelope() == blob).unwrap().leaf()
    };
    assert_eq!((leaf(&report), leaf(&later)), (Some(0), Some(1)), "the same again is no other leaf");

    let log = log_key().identity();
    let verified = |trust: TrustRoot| {
        let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(&*world.blobs), sealed: None };
        wait(verify_ledger(&cx(), &world.streams, against)).unwrap()
    };
    let named = PRODUCERS.iter().fold(TrustRoot::new([key(1).public_key()]), |trust, (name, seed)| {
        trust.with_producer(name.parse().unwrap(), key(*seed).public_key())
    });
    let said = verified(named);
    assert!(said.verdict() == LedgerVerdict::Verified && said.evidence.contains(&id), "{said}");
    assert_eq!(verified(TrustRoot::new([key(1).public_key()])).verdict(), LedgerVerdict::Failed, "their keys are not trusted");
}
