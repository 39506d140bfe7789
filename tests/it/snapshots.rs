//! Snapshots of a whole control plane: on success, on failure, where a source hangs, and where the process dies over it.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use pathops_coordinator::GivenUp;
use pathops_coordinator::change_set::{Command, End, Stage, State};
use pathops_core::adapter::{
    BlobStore as _, CiConclusion, Collected, IndexedEvidence, Journal as _, LogExcerpt, RuntimeEvent, RuntimeSignals, Seq,
    SignalCapabilities, SignalQuery, Signer as _,
};
use pathops_core::evidence::{
    AbsenceKind, ContractComparison, Envelope, Occasion, Predicate as _, Provenance, Redaction, Reference, Release, RuntimeTrace,
    ScanFinding, ScanSeverity, ScanTimes, Scanner, SignalReading, Snapshot, Statement, TakenReport, TestResult, Treatment,
    TrustRoot, VerificationSummary, VerifiedEvidence, VerifiedProperties, Vulnerabilities, predicate_schemas,
};
use pathops_core::memory::{Fault, Faults, MemoryJournal, MemorySigner, Pipeline, When};
use pathops_core::{Digest, OpContext, Result, UnixMillis};
use pathops_evidence::report::TraceReport;
use pathops_evidence::{Against, EvidenceRecord, Verdict, Verification, verify_ledger};
use serde_json::{Value, json};

use crate::world::{World, cx, feature, feature_of, log_key, wait};

pub(crate) fn verified(world: &World, envelope: &Digest) -> VerifiedEvidence {
    let bytes = wait(world.blobs.get(&cx(), envelope)).unwrap().unwrap();
    TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]).verify(&Envelope::from_slice(&bytes).unwrap()).unwrap()
}

/// What a snapshot says.
pub(crate) fn snapshot(world: &World, record: &EvidenceRecord) -> Snapshot {
    serde_json::from_value(verified(world, &record.envelope).statement().predicate.clone()).unwrap()
}

/// The names of what is there.
pub(crate) fn there(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.references.iter().map(|reference| reference.name.as_str()).collect()
}

/// What is absent, and why.
pub(crate) fn absent(snapshot: &Snapshot) -> BTreeMap<&str, &str> {
    snapshot.extent.absent.iter().map(|absence| (absence.name.as_str(), absence.reason.as_str())).collect()
}

/// Every statement that a change set's snapshots refer to, and they themselves.
pub(crate) fn statements(world: &World, state: &State) -> Vec<Statement> {
    let mut statements = Vec::new();
    for record in state.units.values().flat_map(|progress| &progress.snapshots) {
        statements.push(verified(world, &record.envelope).statement().clone());
        for reference in snapshot(world, record).references {
            if reference.media_type.contains("dsse") {
                let digest = Digest::from_hex(&reference.digest["sha256"]).unwrap();
                statements.push(verified(world, &digest).statement().clone());
            }
        }
    }
    statements
}

/// Whether each statement fits the schema of its type, which has to be there, and without any of its fields does not. Gives the types.
pub(crate) fn fit_their_schemas(statements: &[Statement]) -> Vec<String> {
    let schemas: BTreeMap<String, Value> = predicate_schemas()
        .into_iter()
        .map(|(_, schema)| (schema.as_value()["$id"].as_str().unwrap().to_owned(), schema.as_value().clone()))
        .collect();
    let mut seen = Vec::new();
    for statement in statements {
        let Statement { predicate_type, predicate, .. } = statement;
        let id = match predicate_type.as_str() {
            Snapshot::TYPE if statement.is_snapshot() => "https://pathops.dev/snapshot/v4",
            TakenReport::TYPE => "https://pathops.dev/report/v1",
            other => other,
        };
        let schema = schemas.get(id).unwrap_or_else(|| panic!("{predicate_type} has no schema: {predicate:#}"));
        let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(predicate).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{predicate_type}: {predicate:#}");
        for field in schema["required"].as_array().unwrap() {
            let mut broken = predicate.clone();
            broken.as_object_mut().unwrap().remove(field.as_str().unwrap());
            assert!(!validator.is_valid(&broken), "{predicate_type} without {field}");
            broken[field.as_str().unwrap()] = json!({ "no": "such thing" });
            assert!(!validator.is_valid(&broken), "{predicate_type} with another {field}");
        }
        if !seen.contains(predicate_type) {
            seen.push(predicate_type.clone());
        }
    }
    seen.sort();
    seen
}

#[test]
fn each_is_numbered_whole_and_in_the_ledger_on_success_and_on_failure() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    let first = world.carry_out(feature(None), "first").unwrap();
    assert_eq!(first.end, Some(End::Live));
    let second = world.carry_out(feature_of(&["orders", "web"], "even better", Some("orders")), "second").unwrap();
    assert_eq!(second.end, Some(End::Recovered));

    let of = |state: &State, unit: &str| -> Vec<Snapshot> {
        state.units[&unit.parse().unwrap()].snapshots.iter().map(|record| snapshot(&world, record)).collect()
    };
    let mut numbers = Vec::new();
    for state in [&first, &second] {
        for snapshot in of(state, "orders") {
            let place = snapshot.is_whole().unwrap().unwrap();
            numbers.push((place.stream.to_string(), place.sequence, snapshot.extent.occasion));
        }
    }
    let preflight = |sequence, occasion| ("shop/orders@preflight".to_owned(), sequence, occasion);
    let production = ("shop/orders@production".to_owned(), 0, Occasion::Deployed);
    assert_eq!(
        numbers,
        [preflight(0, Occasion::Deployed), production, preflight(1, Occasion::Failed), preflight(2, Occasion::Recovered)]
    );

    let live = &of(&first, "orders")[1];
    let expected = [
        "CI log",
        "events",
        "logs",
        "metrics",
        "orders production approval",
        "orders production decision",
        "orders production deployment",
        "orders production health job",
        "orders production release",
        "orders production smoke job",
        "orders production time of health",
        "orders unit tests",
    ];
    assert_eq!(live.is_whole().unwrap().unwrap().expected.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(absent(live).into_keys().collect::<Vec<_>>(), ["events", "logs", "metrics"]);
    let window = live.is_whole().unwrap().unwrap().window;
    assert!(window.from < window.until && window.until == live.extent.collected_on, "{window:?}");
    let restored = &of(&second, "orders")[1];
    assert!(!restored.is_whole().unwrap().unwrap().expected.contains("CI log"), "another change set has built it");

    let types = fit_their_schemas(&[statements(&world, &first), statements(&world, &second)].concat());
    let own = ["approval", "deployment", "health"].map(|name| format!("https://pathops.dev/predicate/{name}/v0.1"));
    let of_others = [Snapshot::TYPE, Release::TYPE, TestResult::TYPE].map(ToOwned::to_owned);
    let of_slsa = [Provenance::TYPE, VerificationSummary::TYPE].map(ToOwned::to_owned);
    assert_eq!(types, [of_others.as_slice(), &own, &of_slsa].concat());

    let (log, trust) = (log_key().identity(), TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]));
    let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(&*world.blobs), sealed: None };
    let said = wait(verify_ledger(&cx(), &world.streams, against)).unwrap();
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
    let count = [&first, &second].iter().flat_map(|state| state.units.values()).map(|it| it.snapshots.len()).sum::<usize>();
    assert!(said.to_string().contains(&format!("{count} snapshots in 8 streams")), "{said}");
}

/// An incident of what is in production is kept once, with what ran then, and speaks against it.
#[test]
fn an_incident_leaves_one_snapshot_of_each_unit_that_it_is_about() {
    let (mut world, asked) = hanging();
    world.keeps_ledger = true;
    let state = world.carry_out(feature_of(&["orders", "store"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    assert_eq!(wait(world.plane().snapshot_incidents()).unwrap(), []);
    let declare = |of: &str| {
        let text = format!(
            "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {{name: odd}}\nspec: {{{of}since: \"2025-11-24T08:00:00Z\", summary: Orders are lost.}}\n"
        );
        crate::governance::declare(&world, "main", "incidents/odd.yaml", &text);
    };
    declare("unit: orders, ");
    let plane = world.plane();
    // A source hangs: the snapshot waits as long as it may, and no longer.
    let collected = || world.wait_with(plane.snapshot_incidents()).unwrap();
    let first = collected();
    let [record] = first.as_slice() else { panic!("{first:?}") };
    let of_orders = snapshot(&world, record);
    let place = of_orders.is_whole().unwrap().unwrap();
    let extent = &of_orders.extent;
    assert_eq!((extent.occasion, place.sequence, &extent.change_set), (Occasion::Incident, 1, &state.start.change_set));
    assert_eq!(place.stream.to_string(), "shop/orders@production");
    let parts = ["events", "logs", "metrics", "orders production incident"];
    assert_eq!(place.expected.iter().map(String::as_str).collect::<Vec<_>>(), parts);
    assert!(absent(&of_orders)["logs"].contains("did not answer"), "{:?}", absent(&of_orders));
    let names = there(&of_orders);
    assert!(names.contains(&"orders production incident") && names.contains(&"orders production decision"), "{names:?}");
    let signed = verified(&world, &record.envelope);
    let subject = &signed.statement().subject[0];
    let artifact = state.units[&"orders".parse().unwrap()].built_artifact().unwrap();
    assert!(subject.has("sha256", &artifact.hex()), "{subject:?}");
    let facets = IndexedEvidence::new(&signed, record.envelope).facets().unwrap().clone();
    assert_eq!(facets.verdict, pathops_core::policy::Verdict::Fail);
    let incident = of_orders.references.iter().find(|it| it.name == "orders production incident").unwrap();
    let incident = verified(&world, &Digest::from_hex(&incident.digest["sha256"]).unwrap());
    assert_eq!(incident.statement().predicate["summary"], "Orders are lost.");
    assert_eq!(fit_their_schemas(&[signed.statement().clone(), incident.statement().clone()]).len(), 2);

    // Once, also for another process; and another unit of a wider incident has its own.
    let asked_before = asked.load(Ordering::SeqCst);
    assert_eq!(collected(), first);
    assert_eq!(asked.load(Ordering::SeqCst), asked_before, "nobody was asked again");
    declare("");
    let wider = world.wait_with(world.plane().snapshot_incidents()).unwrap();
    assert_eq!((wider.len(), &wider[0]), (2, &first[0]), "{wider:?}");
    let (log, trust) = (log_key().identity(), TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]));
    let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(&*world.blobs), sealed: None };
    let said = wait(verify_ledger(&cx(), &world.streams, against)).unwrap();
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
}

/// The process dies over the snapshot of an incident, and people close that before the next one starts.
#[test]
fn an_incident_that_is_closed_over_a_dead_process_leaves_a_snapshot_all_the_same() {
    let (world, asked) = hanging();
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    let declare = |more: &str| {
        let text = format!(
            "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {{name: odd}}\nspec: {{unit: orders, since: \"2025-11-24T08:00:00Z\", {more}summary: Orders are lost.}}\n"
        );
        crate::governance::declare(&world, "main", "incidents/odd.yaml", &text);
    };
    declare("");
    let before = asked.load(Ordering::SeqCst);
    {
        let plane = world.plane();
        let mut collecting = pin!(plane.snapshot_incidents());
        while asked.load(Ordering::SeqCst) == before {
            assert!(collecting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    let given_up = |world: &World| world.wait_with(world.plane().give_up_snapshots()).unwrap();
    let still_left = GivenUp { left: 1, ..GivenUp::default() };
    assert_eq!(given_up(&world), still_left, "another host may be busy with it");
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(given_up(&world), still_left, "the incident is open: its snapshot is collected when it is looked at");
    declare("closed: \"2025-11-24T12:00:00Z\", ");
    let GivenUp { signed, left } = given_up(&world);
    let [record] = &signed[..] else { panic!("{signed:?}") };
    let of_orders = snapshot(&world, record);
    let expected = of_orders.is_whole().unwrap().unwrap().expected.clone();
    assert_eq!((of_orders.extent.occasion, expected.len(), left), (Occasion::Incident, 4, 0));
    assert!(
        absent(&of_orders).values().all(|why| *why == "the process that collected it has died") && there(&of_orders).is_empty()
    );
    let artifact = state.units[&"orders".parse().unwrap()].built_artifact().unwrap();
    assert!(verified(&world, &record.envelope).statement().subject[0].has("sha256", &artifact.hex()));
    assert_eq!(given_up(&world), GivenUp::default());
    let (log, trust) = (log_key().identity(), TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]));
    let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(&*world.blobs), sealed: None };
    let said = wait(verify_ledger(&cx(), &world.streams, against)).unwrap();
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
}

/// A change set that goes on takes up itself what it has begun.
#[test]
fn what_a_change_set_has_begun_is_left_to_it_until_it_has_ended() {
    let (world, asked) = hanging();
    let request = || feature_of(&["store"], "better", None);
    assert!(world.run(request(), "k", || asked.load(Ordering::SeqCst) == 1).is_none(), "it did not ask for logs");
    world.clock.advance(Duration::from_secs(3_600));
    let given_up = world.wait_with(world.plane().give_up_snapshots()).unwrap();
    assert_eq!(given_up, GivenUp { left: 1, ..GivenUp::default() });
    assert_eq!(world.carry_out(request(), "k").unwrap().end, Some(End::Live));
    assert_eq!(world.wait_with(world.plane().give_up_snapshots()).unwrap(), GivenUp::default());
}

/// Another process ends it while this one finds out whether anybody will: whenever that is, there is nothing to give up.
#[test]
fn what_is_ended_while_that_is_asked_is_not_given_up() {
    for call in 1.. {
        let (world, asked) = hanging();
        let request = || feature_of(&["store"], "better", None);
        assert!(world.run(request(), "k", || asked.load(Ordering::SeqCst) == 1).is_none(), "it did not ask for logs");
        world.clock.advance(Duration::from_secs(3_600));
        let slow = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Call(call));
        let plane = world.through(&Arc::new(slow)).plane();
        let mut giving_up = pin!(plane.give_up_snapshots());
        if giving_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            assert!(call > 3, "it lists what was begun, reads that, and asks for its change set");
            break;
        }
        assert_eq!(world.carry_out(request(), "k").unwrap().end, Some(End::Live));
        assert_eq!(world.wait_with(giving_up).unwrap(), GivenUp::default(), "call {call}");
    }
}

#[test]
fn what_never_came_that_far_is_absent_with_the_reason() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], crate::world::BROKEN, None), "k").unwrap();
    let failed = snapshot(&world, &state.units[&"orders".parse().unwrap()].snapshots[0]);
    failed.is_whole().unwrap().unwrap();
    let absent = absent(&failed);
    assert!(absent["logs"].starts_with("it was not seen to run there: "), "{absent:?}");
    assert!(
        absent.contains_key("orders preflight deployment") && absent.contains_key("orders preflight smoke job"),
        "{absent:?}"
    );
    assert_eq!(there(&failed)[0], "CI log");
}

/// What a change set leaves that ends because something took too long: whole snapshots with their numbers, all of it in the ledger.
fn out_of_time(world: &World, unit: &str) -> Vec<Snapshot> {
    let state = world.carry_out(feature_of(&[unit], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Recovered));
    let snapshots: Vec<_> = state.units[&unit.parse().unwrap()].snapshots.iter().map(|record| snapshot(world, record)).collect();
    assert!(snapshots.iter().all(|snapshot| snapshot.is_whole().unwrap().is_some()));
    let (log, trust) = (log_key().identity(), TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]));
    let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(&*world.blobs), sealed: None };
    let said = wait(verify_ledger(&cx(), &world.streams, against)).unwrap();
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
    assert!(said.to_string().contains(&format!("{} snapshots in 1 streams", snapshots.len())), "{said}");
    snapshots
}

#[test]
fn a_build_that_takes_too_long_is_signed_with_what_is_absent_for_it() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    world.ci = world.ci.with_script(|_, _| Pipeline {
        conclusion: CiConclusion::TimedOut { limit_millis: 900_000 },
        tests: None,
        artifact: None,
        log: b"compiling\n".to_vec(),
    });
    let [failed] = &out_of_time(&world, "orders")[..] else { panic!() };
    assert_eq!(failed.extent.occasion, Occasion::Failed);
    assert!(there(failed).contains(&"CI log"), "what it has printed so far is kept: {:?}", there(failed));
    let absent = absent(failed);
    for part in ["logs", "events", "metrics", "orders preflight deployment", "orders preflight smoke job"] {
        assert!(absent[part].contains("ci/run was stopped after 900 s"), "{part}: {absent:?}");
    }
    assert!(absent.contains_key("orders unit tests"), "{absent:?}");
}

#[test]
fn a_deployment_that_takes_too_long_is_signed_with_what_is_absent_for_it() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    let passes = world.rollouts();
    let built: Arc<Mutex<Option<Option<Digest>>>> = Arc::default();
    world.gitops = world.gitops.clone().with_script(move |deploying| {
        let mut rollout = passes(deploying);
        // What the change has built never ends its jobs; what was there before can be put back.
        if deploying.artifact == *built.lock().unwrap().get_or_insert(deploying.artifact) {
            rollout.jobs.iter_mut().for_each(|job| job.checks = None);
        }
        rollout
    });
    let snapshots = out_of_time(&world, "orders");
    let failed = snapshots.iter().find(|it| it.extent.occasion == Occasion::Failed).unwrap();
    let absent = absent(failed);
    assert!(absent["orders preflight smoke job"].contains("has no result for this deployment"), "{absent:?}");
    assert!(there(failed).contains(&"orders preflight deployment"), "that it was not ready is there: {:?}", there(failed));
}

/// Prints nothing for ever, and says that it was asked.
#[derive(Debug)]
struct Hanging(Arc<AtomicU32>);

#[async_trait]
impl RuntimeSignals for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn capabilities(&self) -> SignalCapabilities {
        let mut capabilities = SignalCapabilities::default();
        (capabilities.logs, capabilities.events) = (true, true);
        capabilities
    }

    async fn logs(&self, _cx: &OpContext, _query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn events(&self, _cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        let started = |at| RuntimeEvent { at, reason: "Started".to_owned(), message: "it runs".to_owned() };
        Ok(Collected::Present(vec![started(query.since), started(UnixMillis(query.since.0 + 1))]))
    }
}

pub(crate) fn hanging() -> (World, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let mut world = World::new(MemoryJournal::new());
    world.signals = Arc::new(Hanging(asked.clone()));
    world.keeps_ledger = true;
    (world, asked)
}

#[test]
fn a_source_that_hangs_holds_up_nothing_else() {
    let (world, _) = hanging();
    let state = world.carry_out(feature_of(&["store"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    let deployed = snapshot(&world, &state.units[&"store".parse().unwrap()].snapshots[0]);
    assert_eq!(absent(&deployed)["logs"], "its source did not answer within 30 s");
    assert!(there(&deployed).contains(&"events"), "{:?}", there(&deployed));
}

/// The process dies each time that it asks for logs.
#[test]
fn collecting_that_dies_again_and_again_ends_in_a_signed_snapshot() {
    let (world, asked) = hanging();
    let request = || feature_of(&["store"], "better", None);
    for died in 1..=2 {
        assert!(world.run(request(), "k", || asked.load(Ordering::SeqCst) == died).is_none(), "it did not ask for logs");
    }
    let (seen, asks) = (asked.clone(), asked.load(Ordering::SeqCst));
    let state = world.carry_out(request(), "k").unwrap();
    assert_eq!((state.end, state.units[&"store".parse().unwrap()].stage), (Some(End::Live), Stage::Live));
    assert_eq!(seen.load(Ordering::SeqCst), asks + 1, "it was asked for production, and not for preflight once more");
    let snapshots = &state.units[&"store".parse().unwrap()].snapshots;
    let preflight = snapshot(&world, &snapshots[0]);
    assert_eq!(absent(&preflight)["logs"], "collecting was interrupted: the process died 2 times over it");
    let interrupted = preflight.extent.absent.iter().filter(|absence| absence.kind == Some(AbsenceKind::Interrupted));
    assert_eq!((interrupted.count(), preflight.is_whole().unwrap().unwrap().interruptions), (3, 2));
    assert!(there(&preflight).contains(&"store preflight deployment"), "what PathOps saw itself is there");
    let production = snapshot(&world, &snapshots[1]);
    assert_eq!(production.is_whole().unwrap().unwrap().interruptions, 0);
}

/// State and commands as they were stored before snapshots had numbers.
#[test]
fn what_was_stored_before_is_still_read() {
    fn without(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !["deployingSince", "treated", "began", "approved", "incident"].contains(&name.as_str()));
                fields.values_mut().for_each(without);
            }
            Value::Array(items) => items.iter_mut().for_each(without),
            _ => {}
        }
    }
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let mut stored = serde_json::to_value(&state).unwrap();
    without(&mut stored);
    let read: State = serde_json::from_value(stored.clone()).unwrap();
    let orders = &read.units[&"orders".parse().unwrap()];
    assert_eq!((orders.deploying_since, orders.payloads[0].treated.is_none()), (None, true));
    let run = state.start.change_set.as_str().parse().unwrap();
    let entries = wait(world.journal.entries(&cx(), &run, Seq(0), 1_000)).unwrap();
    let mut collections = 0;
    for mut command in entries.into_iter().flat_map(|entry| entry.opens).map(|open| open.command) {
        without(&mut command);
        if let Command::Collect { began, approved, incident, .. } = serde_json::from_value(command).unwrap() {
            assert!(began.is_none() && approved.is_none() && incident.is_none());
            collections += 1;
        }
    }
    assert_eq!(collections, 2);
}

/// Types that no change set states by itself.
#[test]
fn what_is_stated_elsewhere_fits_its_schema() {
    let of = |predicate_type: &str, predicate: Value| {
        let subject = pathops_core::evidence::Subject::named("orders").with_sha256(&Digest::of(b"orders"));
        Statement::new(vec![subject], predicate_type, &predicate).unwrap()
    };
    let compared = ContractComparison {
        unit: "orders".parse().unwrap(),
        contract: "orders-http".parse().unwrap(),
        breaking: vec!["a field is gone".to_owned()],
        compared_on: UnixMillis(1_000),
    };
    let reading = SignalReading {
        unit: "orders".parse().unwrap(),
        environment: "production".parse().unwrap(),
        name: "error-rate".to_owned(),
        value: Some(0.5),
        samples: 3,
        errors: 0,
        observed_on: UnixMillis(1_000),
    };
    let redacted = Redaction {
        authority: "report 17".to_owned(),
        treatment: Treatment { ruleset: Digest::of(b"rules"), removed: [("known".to_owned(), 1)].into(), cut: None },
        replacement: Reference {
            name: "logs".to_owned(),
            download_location: "file:///logs".to_owned(),
            digest: [("sha256".to_owned(), Digest::of(b"logs").hex())].into(),
            media_type: "text/plain".to_owned(),
            annotations: None,
        },
        redacted_on: UnixMillis(1_000),
    };
    let held = Verification { checked: vec!["all of it".to_owned()], ..Verification::default() };
    let verified = held.to_predicate("https://verifier.example/v1", UnixMillis(1_000)).unwrap();
    let mut traces = TraceReport { spans: 1, ..TraceReport::default() };
    traces.traces.insert("5b8efff798038103d269b633813fc60c".to_owned());
    let traced = traces.to_predicate("https://ci.example", "acceptance", UnixMillis(1_000)).unwrap();
    let finding = ScanFinding {
        id: "CVE-2026-1234".to_owned(),
        severity: vec![ScanSeverity { method: "nvd".to_owned(), score: "7.5".to_owned() }],
    };
    let scanned = Vulnerabilities {
        scanner: Scanner { uri: "https://scanner.example".to_owned(), version: None, result: vec![finding] },
        metadata: ScanTimes { scan_started_on: UnixMillis(1_000), scan_finished_on: UnixMillis(2_000) },
    };
    // Another tool may say more than PathOps reads.
    let mut more = serde_json::to_value(&scanned).unwrap();
    more["scanner"]["db"] = json!({"uri": "https://scanner.example/db"});
    let report = json!({
        "attester": {"id": "https://ci.example"},
        "references": [redacted.replacement],
        "https://pathops.dev/redaction": {"ruleset": {"sha256": "00"}, "removed": {"known": 1}},
        "https://pathops.dev/report": {"format": "tap", "finishedOn": "2026-11-22T12:00:00Z", "changeSet": "dates-1", "unit": "orders"},
    });
    let statements = [
        of(TakenReport::TYPE, report),
        of(Vulnerabilities::TYPE, more),
        of(Redaction::TYPE, serde_json::to_value(&redacted).unwrap()),
        of(ContractComparison::TYPE, serde_json::to_value(&compared).unwrap()),
        of(SignalReading::TYPE, serde_json::to_value(&reading).unwrap()),
        of(VerifiedProperties::TYPE, serde_json::to_value(&verified).unwrap()),
        of(RuntimeTrace::TYPE, serde_json::to_value(&traced).unwrap()),
    ];
    let of_others = [TakenReport::TYPE, RuntimeTrace::TYPE, VerifiedProperties::TYPE, Vulnerabilities::TYPE];
    let types = [ContractComparison::TYPE, Redaction::TYPE, SignalReading::TYPE];
    assert_eq!(fit_their_schemas(&statements), [&of_others[..], &types].concat());
}
