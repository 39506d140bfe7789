//! How long payloads are kept: the project says it, evidence is signed with it, and what is let go goes by it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pathops_coordinator::change_set::{Command, End, State};
use pathops_core::adapter::{BlobStore as _, Clock as _, SignalCapabilities, Signer as _};
use pathops_core::evidence::{Reference, RetentionPolicy, TrustRoot};
use pathops_core::memory::{MemoryJournal, MemoryKeys, MemorySignals, MemorySigner};
use pathops_core::{Digest, UnixMillis};
use pathops_evidence::ledger::Ledger;
use pathops_evidence::retention::{Disposal, SealedBlobs};
use pathops_evidence::{Against, ENVELOPE_MEDIA_TYPE, Sealer, Verdict, verify_ledger};
use serde_json::Value;

use crate::governance::{declare, propose_policy};
use crate::snapshots::{absent, snapshot, statements};
use crate::world::{World, cx, feature_of, log_key, wait};

const DAY: Duration = Duration::from_hours(24);

const RETENTION: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Retention\nmetadata: {name: shop}\nspec:\n  classes: {short: {days: 30}}\n  parts: {ci-log: short, reports: short}\n";

fn trust() -> TrustRoot {
    TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()])
}

fn world() -> World {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    world
}

/// The references to payloads in all snapshots of `orders`.
fn payloads(world: &World, state: &State) -> Vec<Reference> {
    let snapshots = state.units[&"orders".parse().unwrap()].snapshots.iter().map(|record| snapshot(world, record));
    let references = snapshots.flat_map(|snapshot| snapshot.references);
    references.filter(|reference| !reference.media_type.contains("dsse")).collect()
}

fn digest(reference: &Reference) -> Digest {
    Digest::from_hex(&reference.digest["sha256"]).unwrap()
}

/// The report that the statement of the unit tests names.
fn report(world: &World, state: &State) -> (Digest, Value) {
    let said = statements(world, state).into_iter().map(|statement| statement.predicate);
    let mut run = said.flat_map(|predicate| predicate["configuration"].as_array().cloned().unwrap_or_default());
    let run = run.rfind(|run| run["digest"]["sha256"].is_string()).unwrap();
    (Digest::from_hex(run["digest"]["sha256"].as_str().unwrap()).unwrap(), run["annotations"].clone())
}

/// The payloads that something refers to with a place where they lie, and what it says of how they are stored.
fn how_stored(said: &Value, found: &mut Vec<(String, Option<bool>)>) {
    match said {
        Value::Array(values) => values.iter().for_each(|value| how_stored(value, found)),
        Value::Object(fields) => {
            let is_statement = said["mediaType"] == ENVELOPE_MEDIA_TYPE;
            if let Some(digest) = said["digest"]["sha256"].as_str().filter(|_| said["mediaType"].is_string() && !is_statement) {
                found.push((digest.to_owned(), said["annotations"]["https://pathops.dev/sealed"].as_bool()));
            }
            fields.values().for_each(|value| how_stored(value, found));
        }
        _ => {}
    }
}

fn let_go(world: &World, policy: &RetentionPolicy, now: UnixMillis) -> BTreeSet<Digest> {
    let ledger = Arc::new(wait(Ledger::open(&cx(), Arc::new(world.streams.clone()), log_key())).unwrap());
    let sealer = Sealer::new(Arc::new(MemorySigner::from_seed(1).unwrap()), world.blobs.clone()).with_ledger(ledger);
    let disposal = Disposal::new(sealer, trust(), world.blobs.clone()).unwrap();
    wait(disposal.collect(&cx(), policy, &BTreeSet::new(), now, DAY)).unwrap().expired
}

fn is_verified(world: &World) {
    let log = log_key().identity();
    let against = Against { log: &log, trust: &trust(), known: &[], blobs: Some(&*world.blobs), sealed: None };
    let said = wait(verify_ledger(&cx(), &world.streams, against)).unwrap();
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
}

#[test]
fn what_has_a_class_is_let_go_when_its_time_is_over_and_not_before() {
    let world = world();
    declare(&world, "main", "retention.yaml", RETENTION);
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    let policy = wait(world.plane().project()).unwrap().retention.unwrap();

    let logs = payloads(&world, &state);
    assert_eq!(logs.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["CI log", "CI log"], "of preflight and production");
    let mut until = UnixMillis(0);
    for log in &logs {
        let retention = log.annotations.as_ref().unwrap().retention.clone().unwrap();
        assert_eq!((retention.class.as_str(), retention.holds.len(), retention.policy), ("short", 0, policy.digest()));
        until = until.max(retention.retain_until);
    }
    let (report, annotations) = report(&world, &state);
    assert_eq!(annotations["https://pathops.dev/retention"]["class"], "short", "{annotations}");

    let (log, there) = (digest(&logs[0]), |digest| wait(world.blobs.get(&cx(), &digest)).unwrap().is_some());
    let before = let_go(&world, &policy, UnixMillis(until.0 - 1));
    assert!(before.contains(&report) && !before.contains(&log), "the report is of the build, and a later snapshot has the log");
    assert!(let_go(&world, &policy, until).contains(&log));
    assert!(there(log) && there(report), "until the time of grace is over");
    let_go(&world, &policy, until + DAY * 2);
    assert!(!there(log) && !there(report));
    is_verified(&world);
}

#[test]
fn what_is_of_an_erasable_class_is_stored_encrypted_and_can_be_erased() {
    let mut world = world();
    let long = "classes: {long: {days: 90}, ";
    let erasable = RETENTION.replace("{days: 30}", "{days: 30, erasable: true}").replace("classes: {", long);
    let erasable = erasable.replace("reports: short", "reports: long");
    declare(&world, "main", "retention.yaml", &erasable);
    // Without a place for keys nothing of it is stored, and nothing goes on.
    let refused = world.carry_out(feature_of(&["orders"], "better", None), "refused").unwrap();
    let why = refused.failure.unwrap().reason;
    assert!(why.contains("this host has no keys to encrypt it with"), "{why}");

    let keys = Arc::new(MemoryKeys::from_seed(1));
    let sealed = SealedBlobs::new(world.blobs.clone(), Arc::new(world.streams.clone()), keys);
    world.sealed = Some(sealed.clone());
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    let of = |name: &str| digest(payloads(&world, &state).iter().find(|payload| payload.name == name).unwrap());
    let (ci_log, (report, annotations)) = (of("CI log"), report(&world, &state));
    assert_eq!(annotations["https://pathops.dev/sealed"], false, "{annotations}");
    let mut said = Vec::new();
    statements(&world, &state).iter().for_each(|statement| how_stored(&statement.predicate, &mut said));
    let (logs, others): (Vec<_>, Vec<_>) = said.into_iter().partition(|(digest, _)| *digest == ci_log.hex());
    assert!(logs.len() > 2 && logs.iter().all(|(_, sealed)| *sealed == Some(true)), "snapshots and the provenance: {logs:?}");
    assert!(!others.is_empty() && others.iter().all(|(_, sealed)| *sealed == Some(false)), "{others:?}");
    let stored = |digest| wait(world.blobs.get(&cx(), &digest)).unwrap().unwrap();
    let opened = |digest| wait(async { sealed.get_stream(&cx(), &digest).await?.unwrap().collect().await });
    assert_eq!(opened(ci_log).unwrap(), b"1 test passed\n");
    assert!(!String::from_utf8_lossy(&stored(ci_log)).contains("passed"));
    assert!(stored(report).starts_with(b"<?xml"), "what is of another class is stored as it is");
    is_verified(&world);

    let policy = wait(world.plane().project()).unwrap().retention.unwrap();
    let ledger = Arc::new(wait(Ledger::open(&cx(), Arc::new(world.streams.clone()), log_key())).unwrap());
    let sealer = Sealer::new(Arc::new(MemorySigner::from_seed(1).unwrap()), world.blobs.clone()).with_ledger(ledger);
    let disposal = Disposal::new(sealer, trust(), world.blobs.clone()).unwrap().with_sealed(sealed.clone());
    wait(disposal.erase(&cx(), &ci_log, "request 17", &policy, UnixMillis(1))).unwrap();
    assert!(opened(ci_log).is_err());
    assert!(wait(disposal.erase(&cx(), &report, "request 17", &policy, UnixMillis(1))).is_err());
    is_verified(&world);
}

/// A world all of whose payloads are of an erasable class, with a place for their keys.
pub(crate) fn erasable(journal: MemoryJournal) -> World {
    let mut world = World::new(journal);
    declare(&world, "main", "retention.yaml", &RETENTION.replace("{days: 30}", "{days: 30, erasable: true}"));
    let keys = Arc::new(MemoryKeys::from_seed(1));
    world.sealed = Some(SealedBlobs::new(world.blobs.clone(), Arc::new(world.streams.clone()), keys));
    world
}

/// While nobody can tell what is to be erasable, a host without keys stores nothing that may be.
#[test]
fn what_may_have_to_be_erasable_is_not_stored_as_it_is() {
    let mut world = world();
    let mut has = SignalCapabilities::default();
    has.logs = true;
    let signals = MemorySignals::new(has);
    let (unit, environment) = ("orders".parse().unwrap(), "preflight".parse().unwrap());
    signals.print(&unit, &environment, UnixMillis(world.clock.now().0 + 1_000), "started\n");
    world.signals = Arc::new(signals);
    declare(&world, "main", "retention.yaml", RETENTION);
    let (broken, other) = (Arc::new(AtomicBool::new(false)), world.clone());
    let says = broken.clone();
    let watched = world.watched(move |command| {
        let (breaks, mends) =
            (matches!(command, Command::Build { .. } | Command::Collect { .. }), matches!(command, Command::Decide { .. }));
        if breaks && !says.swap(true, Ordering::SeqCst) {
            declare(&other, "main", "retention.yaml", "kind: Retention\nspec: {classes: 7}\n");
        } else if mends && says.swap(false, Ordering::SeqCst) {
            declare(&other, "main", "retention.yaml", RETENTION);
        }
    });
    let (log, waited) = (Digest::of(b"1 test passed\n"), Cell::new(0));
    let is_stored = || wait(world.blobs.get(&cx(), &log)).unwrap().is_some();
    let ended = watched.run(feature_of(&["orders"], "better", None), "k", || {
        // So many looks, and then somebody mends it.
        if waited.get() < 20 && broken.load(Ordering::SeqCst) {
            assert!(!is_stored());
            waited.set(waited.get() + 1);
            if waited.get() == 20 {
                declare(&world, "main", "retention.yaml", RETENTION);
                broken.store(false, Ordering::SeqCst);
            }
        }
        false
    });
    let state = ended.unwrap().unwrap();
    assert!(state.end == Some(End::Live) && waited.get() == 20 && is_stored(), "{waited:?} {:?}", state.failure);
    let orders = &state.units[&"orders".parse().unwrap()];
    let snapshot = snapshot(&world, &orders.snapshots[0]);
    let why = &absent(&snapshot)["logs"];
    assert!(why.contains("nobody can tell whether it is to be erasable: the project cannot be read"), "{why}");
}

#[test]
fn what_has_no_class_says_why_it_is_kept_for_ever() {
    let mut world = world();
    let mut has = SignalCapabilities::default();
    has.logs = true;
    world.signals = Arc::new(MemorySignals::new(has));
    let first = world.carry_out(feature_of(&["orders"], "better", None), "first").unwrap();
    let why = |reference: &Reference| {
        let annotations = reference.annotations.clone().unwrap();
        assert_eq!(annotations.retention, None);
        annotations.for_ever.unwrap()
    };
    let all = payloads(&world, &first);
    assert!(!all.is_empty() && all.iter().all(|it| why(it) == "the project has no retention policy"), "{all:?}");

    declare(&world, "main", "retention.yaml", &RETENTION.replace("ci-log: short, ", ""));
    let second = world.carry_out(feature_of(&["orders"], "even better", None), "second").unwrap();
    let policy = wait(world.plane().project()).unwrap().retention.unwrap();
    let none = format!("the retention policy {} has no class for it", policy.digest());
    let all = payloads(&world, &second);
    assert!(!all.is_empty() && all.iter().all(|it| why(it) == none), "{all:?}");
    assert!(!let_go(&world, &policy, UnixMillis(i64::MAX / 2)).contains(&digest(&all[0])));
    is_verified(&world);
}

#[test]
fn a_change_that_keeps_less_long_or_ends_a_hold_is_told() {
    let world = World::new(MemoryJournal::new());
    let hold = "  holds: {case-17: {reason: subpoena, classes: [short]}}\n";
    declare(&world, "main", "retention.yaml", &format!("{RETENTION}{hold}"));
    let change = propose_policy(&world, "less", &crate::governance::policy(&world));
    declare(
        &world,
        "less",
        "retention.yaml",
        &format!("{}  released: [case-17]\n", RETENTION.replace("30", "7, erasable: true")),
    );
    let told = wait(world.plane().check_policy_change(change.number)).unwrap();
    assert_eq!(told.failures, [""; 0]);
    for expected in [
        "retention.yaml: the class `short` keeps for 7 days instead of 30; ",
        "retention.yaml: the hold `case-17` (subpoena) is not there any more; ",
        "retention.yaml: the hold `case-17` is released, on what was signed with it too; ",
        "retention.yaml: what is collected for the class `short` can be erased before its 7 days are over; ",
    ] {
        assert!(told.warnings.iter().any(|it| it.starts_with(expected)), "{:#?}", told.warnings);
    }
    // What cannot be read decides nothing.
    declare(&world, "less", "retention.yaml", &RETENTION.replace("ci-log: short", "ci-log: shorter"));
    let told = wait(world.plane().check_policy_change(change.number)).unwrap();
    assert!(told.failures.iter().any(|it| it.starts_with("retention.yaml:6: `ci-log` is of the class `shorter`")), "{told:?}");
}
