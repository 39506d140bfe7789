//! Incidents as runs: from their declaration, by way of snapshots and of what people are told, to the signed end. In memory and virtual time.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::End as ChangeSetEnd;
use pathops_coordinator::incident::{End, Over, Standing, State, WayBack};
use pathops_coordinator::{ChangeSetFilter, ControlPlane, EndedBy, GivenUp, IncidentFilter};
use pathops_core::adapter::{FileChange, Importance, Notice, Seq};
use pathops_core::evidence::{Incident, Occasion, Predicate as _};
use pathops_core::memory::{Interrupt, MemoryJournal};
use pathops_core::{ChangeSetId, ErrorKind, ObjectKey, RunId, UnixMillis};
use pathops_evidence::EvidenceRecord;

use crate::alerts::{Alerted, BEFORE, alert, close};
use crate::governance::{declare, file, write};
use crate::snapshots::{absent, fit_their_schemas, hanging, snapshot, verified};
use crate::turns::ends;
use crate::world::{World, feature_of, id, person, wait};

/// A host runs, until something is so.
fn until(world: &World, plane: &ControlPlane, what: &str, mut is_so: impl FnMut() -> bool) {
    let mut running = pin!(plane.run(std::future::pending()));
    for _ in 0..20_000 {
        if let Poll::Ready(ended) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            panic!("it stopped: {ended:?}");
        }
        if is_so() {
            return;
        }
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    }
    panic!("it does not come about that {what}");
}

fn all(plane: &ControlPlane) -> Vec<(RunId, State)> {
    wait(plane.incidents(&IncidentFilter::default(), None, 99)).unwrap()
}

/// The only one.
fn only(plane: &ControlPlane) -> Option<State> {
    let all = all(plane);
    assert!(all.len() < 2, "{all:?}");
    all.into_iter().next().map(|(_, state)| state)
}

fn snapshot_of<'s>(state: &'s State, unit: &str) -> Option<&'s EvidenceRecord> {
    match &state.affected.get(&id(unit))?.snapshot {
        Standing::Done(record) => Some(record),
        _ => None,
    }
}

/// Whether there are snapshots of these, and people were told of all that can be taken back.
fn is_told(state: &State, units: &[&str]) -> bool {
    let mut told = state.ways_back.values();
    units.iter().all(|unit| snapshot_of(state, unit).is_some())
        && !state.ways_back.is_empty()
        && told.all(|it| matches!(it, Standing::Done(_)))
}

/// What people were told of incidents.
fn told(world: &World) -> Vec<Notice> {
    world.notifier.delivered().into_iter().filter(|notice| notice.text.starts_with("incident ")).collect()
}

fn declared(world: &World, more: &str) {
    let spec = format!("{{{more}summary: Orders are lost.}}");
    let text = format!("apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {{name: odd}}\nspec: {spec}\n");
    declare(world, "main", "incidents/odd.yaml", &text);
}

const SINCE: &str = "since: \"2025-11-24T08:00:00Z\", ";
const CLOSED: &str = "closed: \"2025-11-24T12:00:00Z\", ";

#[test]
fn from_an_alert_to_a_signed_end() {
    let it = Alerted::new();
    let (world, plane) = (&it.shop.world, &it.shop.plane);
    let (first, second) = (it.shop.ask(&["orders"], "one"), it.shop.ask(&["orders"], "two"));
    assert_eq!(ends(&it.shop.ends()), [Some(ChangeSetEnd::Live); 2]);
    it.notified(&[alert("orders", "a1", BEFORE)]);
    let [incident] = &it.incidents()[..] else { panic!("{:?}", it.incidents()) };
    assert_eq!(all(plane), []);
    until(world, plane, "people are told", || only(plane).is_some_and(|state| is_told(&state, &["orders"])));

    // One snapshot, which is the one that a host without the run makes.
    let (run, state) = all(plane).remove(0);
    let record = snapshot_of(&state, "orders").unwrap();
    assert_eq!(world.wait_with(plane.snapshot_incidents()).unwrap(), std::slice::from_ref(record));
    assert_eq!(snapshot(world, record).extent.occasion, Occasion::Incident);
    // One notice, to those who may do it.
    let to = WayBack::To([(id("orders"), first.clone())].into());
    assert_eq!(state.ways_back, [(second.clone(), Standing::Done(to))].into());
    let [notice] = &told(world)[..] else { panic!("{:?}", told(world)) };
    assert_eq!((&notice.change_set, notice.importance), (&Some(second.clone()), Importance::ActionNeeded));
    let says = format!(
        "incident `{}` is open (alertmanager: Errors (page) fires, a1), and `{second}`, which is in production, can be taken back by \
         alice or bob or carol: orders to what `{first}` brought",
        incident.id
    );
    assert_eq!(notice.text, says);

    // It waits, and says what for.
    let waits = wait(plane.incident_waits(&run)).unwrap().unwrap();
    let [waits] = &waits[..] else { panic!("{waits:?}") };
    assert_eq!((waits.since, &waits.deadline), (state.start.at, &None));
    assert_eq!(waits.ended_by, EndedBy::People(["alice", "bob", "carol"].map(person).into()));
    let why = format!("waits until people have closed it in `incidents/{}.yaml` of shop/meta: {}", incident.id, incident.summary);
    assert_eq!(waits.what, why);
    is_no_change_set(&it, &run);

    // Another host, and later: nothing is done again.
    let another = world.plane_of("another");
    until(world, &another, "it is looked at twice more", {
        let begun = world.clock.clone();
        let end = now(&begun) + Duration::from_secs(1_500);
        move || now(&begun) > end
    });
    assert_eq!((only(plane), told(world).len()), (Some(state), 1));

    close(&it, incident);
    until(world, plane, "it ends", || only(plane).is_some_and(|state| state.has_ended()));
    let state = only(plane).unwrap();
    let signed = is_resolved(world, &state, "2025-11-24T12:00:00Z");
    assert_eq!((signed.id.as_str(), signed.unit), (incident.id.as_str(), Some(id("orders"))));
    assert_eq!(wait(plane.incident_waits(&run)).unwrap(), Some(Vec::new()));
    assert_eq!(wait(plane.replay_incident(&run)).unwrap(), Some(state));
    let history = wait(plane.incident_history(&run, Seq(0), 99)).unwrap();
    assert_eq!(history.iter().map(|it| it.seq.0).collect::<Vec<_>>(), (1..=6).collect::<Vec<_>>());
    assert_eq!(wait(plane.incidents(&IncidentFilter::open(), None, 9)).unwrap(), []);
    assert_eq!((world.wait_with(plane.start_incidents()).unwrap(), told(world).len()), (Vec::new(), 1));
}

fn now(clock: &pathops_core::memory::ManualClock) -> UnixMillis {
    pathops_core::adapter::Clock::now(clock)
}

/// The statement that it is over, which is about what ran and about the commit that says so.
fn is_resolved(world: &World, state: &State, closed: &str) -> Incident {
    let Some(Over { end, signed: Some(Standing::Done(record)) }) = &state.over else { panic!("{:?}", state.over) };
    let (End::Closed { seen_in, .. } | End::Removed { seen_in, .. }) = end else { panic!("{end:?}") };
    let evidence = verified(world, &record.envelope);
    let statement = evidence.statement();
    assert!(statement.subject[0].name.starts_with("shop/meta:incidents/"), "{:?}", statement.subject);
    assert!(statement.subject[0].has("gitCommit", seen_in.as_str()));
    let about: Vec<_> = statement.subject[1..].iter().map(|it| (it.name.clone(), it.digest.contains_key("sha256"))).collect();
    let runs = state.affected.keys().filter(|unit| unit.as_str() != "store").map(|unit| (format!("{unit}@production"), true));
    assert_eq!(about, runs.collect::<Vec<_>>());
    assert_eq!(fit_their_schemas(std::slice::from_ref(statement)), [Incident::TYPE]);
    assert_eq!((&statement.predicate["state"], &statement.predicate["since"]), (&"resolved".into(), &closed.into()));
    assert_eq!(statement.predicate["began"], state.start.incident.since.to_string());
    serde_json::from_value(statement.predicate.clone()).unwrap()
}

/// Whoever asks for change sets does not meet it.
fn is_no_change_set(it: &Alerted, run: &RunId) {
    let (world, plane) = (&it.shop.world, &it.shop.plane);
    let mut asked = it.shop.asked.borrow().clone();
    asked.sort();
    assert_eq!(wait(plane.change_sets(&ChangeSetFilter::default(), None, 99)).unwrap(), asked);
    assert_eq!(wait(plane.change_sets(&ChangeSetFilter::open(), None, 99)).unwrap(), []);
    let as_change_set: ChangeSetId = run.as_str().parse().unwrap();
    assert_eq!(wait(plane.state(&as_change_set)).unwrap(), None);
    assert_eq!(wait(plane.waits(&as_change_set)).unwrap(), None);
    assert_eq!(world.wait_with(plane.replay(&as_change_set)).unwrap(), None);
    let is_unknown = |error: pathops_core::Error| assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    is_unknown(world.wait_with(plane.cancel(&as_change_set, &person("bob"), "it is over")).unwrap_err());
    is_unknown(world.wait_with(plane.take_back(&as_change_set, &person("bob"), "it is over")).unwrap_err());
    is_unknown(wait(plane.history(&as_change_set, Seq(0), 9)).unwrap_err());
    is_unknown(world.wait_with(plane.drive(&as_change_set)).unwrap_err());
    let a_change_set: RunId = asked[0].as_str().parse().unwrap();
    assert_eq!(wait(plane.incident_waits(&a_change_set)).unwrap(), None);
    is_unknown(wait(plane.incident_history(&a_change_set, Seq(0), 9)).unwrap_err());
}

/// What the incident comes to reach is looked after as what it reached at first, and people are told what cannot go back, too.
#[test]
fn what_it_comes_to_reach_is_not_missed() {
    let world = World::new(MemoryJournal::new());
    let change_set = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap().start.change_set;
    let store = world.carry_out(feature_of(&["store"], "better", None), "l").unwrap().start.change_set;
    declared(&world, &format!("unit: orders, {SINCE}"));
    let plane = world.plane();
    let [run] = &world.wait_with(plane.start_incidents()).unwrap()[..] else { panic!() };
    until(&world, &plane, "people are told", || is_told(&only(&plane).unwrap(), &["orders"]));
    let because = |of: &ChangeSetId| match &only(&plane).unwrap().ways_back[of] {
        Standing::Done(WayBack::Nothing { because }) => because.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(because(&change_set), "nothing of `orders` was in production before, so there is no combination to go back to");
    assert_eq!(told(&world).len(), 1);
    declared(&world, SINCE);
    until(&world, &plane, "it reaches the store", || is_told(&only(&plane).unwrap(), &["orders", "store"]));
    assert!(because(&store).contains("nothing of `store`"));
    assert!(told(&world)[1].text.contains("cannot be taken back: nothing of `store`"), "{:?}", told(&world));
    // A mistake in the meta repository keeps it waiting, and loses nothing.
    let rule = file(&world, "apps/orders.yaml").unwrap();
    declare(&world, "main", "apps/orders.yaml", "what is this");
    declared(&world, &format!("{SINCE}{CLOSED}"));
    let later = now(&world.clock) + Duration::from_secs(60);
    until(&world, &plane, "a minute passes", || now(&world.clock) > later);
    let waits = wait(plane.incident_waits(run)).unwrap().unwrap().remove(0);
    assert_eq!(waits.ended_by, EndedBy::System("the systems around"));
    assert!(waits.what.contains("; that cannot be read now: ") && waits.what.contains("apps/orders.yaml"), "{waits}");
    declare(&world, "main", "apps/orders.yaml", &rule);
    until(&world, &plane, "it ends", || only(&plane).unwrap().has_ended());
    is_resolved(&world, &only(&plane).unwrap(), "2025-11-24T12:00:00Z");
    assert_eq!(told(&world).len(), 2);
}

#[test]
fn what_is_open_again_has_another_run_and_what_is_gone_is_over() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    declared(&world, SINCE);
    let (plane, another) = (world.plane(), world.plane_of("another"));
    let started = |plane: &ControlPlane| world.wait_with(plane.start_incidents()).unwrap();
    let mut runs = started(&plane);
    assert_eq!((runs.len(), started(&plane), started(&another)), (1, Vec::new(), Vec::new()), "one has it");
    let state = |run: &RunId| all(&plane).into_iter().find(|(it, _)| it == run).unwrap().1;
    until(&world, &plane, "people are told", || is_told(&state(&runs[0]), &["orders"]));
    declared(&world, &format!("{SINCE}{CLOSED}"));
    until(&world, &plane, "it ends", || state(&runs[0]).has_ended());
    assert_eq!(started(&plane), [], "it is closed");

    declared(&world, SINCE);
    runs.extend(started(&plane));
    until(&world, &plane, "people are told", || is_told(&state(&runs[1]), &["orders"]));
    let [first, second] = [0, 1].map(|run: usize| state(&runs[run]));
    assert_eq!((first.start.again, second.start.again, told(&world).len()), (0, 1, 2));
    assert_eq!(snapshot_of(&first, "orders"), snapshot_of(&second, "orders"), "it is the same incident");

    declared(&world, "since: \"2025-11-24T09:00:00Z\", ");
    until(&world, &plane, "it goes on in another run", || state(&runs[1]).has_ended());
    let since = "2025-11-24T09:00:00Z".parse().unwrap();
    assert_eq!(state(&runs[1]).over, Some(Over { end: End::Redeclared { since }, signed: None }));
    runs.extend(started(&plane));
    until(&world, &plane, "people are told", || is_told(&state(&runs[2]), &["orders"]));
    assert_ne!(snapshot_of(&state(&runs[2]), "orders"), snapshot_of(&second, "orders"), "it is another one");

    write(&world, "main", vec![FileChange { path: "incidents/odd.yaml".parse().unwrap(), file: None }]);
    until(&world, &plane, "it ends", || state(&runs[2]).has_ended());
    let Some(Over { end: End::Removed { at, .. }, .. }) = state(&runs[2]).over else { panic!() };
    is_resolved(&world, &state(&runs[2]), &at.to_string());
}

/// One stream is spoilt: everything else goes on, and that is tried again until it is mended.
#[test]
fn a_snapshot_that_cannot_be_made_keeps_nothing_else_waiting() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders", "store"], "better", None), "k").unwrap();
    let first: ObjectKey = "snapshots/shop/orders/production/00000000000000000000".parse().unwrap();
    let good = world.streams.objects().insert(first.clone(), b"what is this".to_vec()).unwrap();
    declared(&world, SINCE);
    let plane = world.plane();
    let run = world.wait_with(plane.start_incidents()).unwrap().remove(0);
    until(&world, &plane, "people are told", || is_told(&only(&plane).unwrap(), &["store"]));
    assert_eq!(told(&world).len(), 1);
    let waits = wait(plane.incident_waits(&run)).unwrap().unwrap();
    let again = waits.iter().find(|it| it.unit == Some(id("orders"))).unwrap();
    assert!(again.what.starts_with("could not go on (failed to ") && again.what.ends_with("), and tries again"), "{again}");
    world.streams.objects().insert(first, good);
    until(&world, &plane, "it is made", || is_told(&only(&plane).unwrap(), &["orders", "store"]));
    assert_eq!(told(&world).len(), 1);
}

/// The process dies while it collects, and people close the incident: whoever goes on with its run ends that, and nobody gives it up.
#[test]
fn what_a_run_has_begun_is_left_to_it() {
    let (world, asked) = hanging();
    world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    declared(&world, &format!("unit: orders, {SINCE}"));
    let before = asked.load(Ordering::SeqCst);
    let plane = world.plane();
    world.wait_with(plane.start_incidents()).unwrap();
    until(&world, &plane, "logs are asked for", || asked.load(Ordering::SeqCst) > before);
    drop(plane);
    declared(&world, &format!("unit: orders, {SINCE}{CLOSED}"));
    world.clock.advance(Duration::from_secs(3_600));
    let plane = world.plane();
    let given_up = || world.wait_with(plane.give_up_snapshots()).unwrap();
    assert_eq!(given_up(), GivenUp { left: 1, ..GivenUp::default() });
    until(&world, &plane, "it ends", || only(&plane).unwrap().has_ended());
    let of_orders = snapshot(&world, snapshot_of(&only(&plane).unwrap(), "orders").unwrap());
    assert_eq!(of_orders.is_whole().unwrap().unwrap().interruptions, 1);
    assert!(absent(&of_orders)["logs"].contains("did not answer"), "{:?}", absent(&of_orders));
    assert_eq!((given_up(), told(&world)), (GivenUp::default(), Vec::new()), "it was over before there was anything to tell");
}

/// Whenever the process dies, before a write of the journal or after it: one run, one snapshot, one notice, one end.
#[test]
fn a_crash_at_each_journal_write_changes_nothing() {
    let mut at = 0;
    while killed_at(at) {
        at += 1;
    }
    assert!(at > 12, "only {at} writes were tried");
}

/// Whether there was such a write. Every other one is made before the process dies, and the answer lost.
fn killed_at(at: u64) -> bool {
    let (armed, killed, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
    let (arm, dead) = (armed.clone(), killed.clone());
    let world = World::new(MemoryJournal::with_interrupt(Arc::new(move |_| {
        let hit = arm.load(Ordering::SeqCst) && count.fetch_add(1, Ordering::SeqCst) == at;
        match hit && !dead.swap(true, Ordering::SeqCst) {
            true if at.is_multiple_of(2) => Interrupt::FailBefore,
            true => Interrupt::FailAfter,
            false => Interrupt::Proceed,
        }
    })));
    world.carry_out(feature_of(&["store"], "better", None), "k").unwrap();
    declared(&world, &format!("unit: store, {SINCE}"));
    armed.store(true, Ordering::SeqCst);
    let is_closed = AtomicBool::new(false);
    for lives in 1..=2 {
        let plane = world.plane();
        let mut whole = pin!(async {
            plane.start_incidents().await.unwrap();
            plane.run(std::future::pending()).await
        });
        for moment in 0.. {
            assert!(moment < 20_000, "killed at journal write {at}, it does not come to an end");
            assert!(whole.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it stopped");
            if lives == 1 && killed.load(Ordering::SeqCst) {
                break;
            }
            let state = only(&plane);
            if state.as_ref().is_some_and(State::has_ended) {
                break;
            }
            // People close it once they were told what can be done.
            if state.is_some_and(|state| is_told(&state, &["store"])) && !is_closed.swap(true, Ordering::SeqCst) {
                declared(&world, &format!("unit: store, {SINCE}{CLOSED}"));
            }
            assert!(world.clock.advance_to_next(), "everybody waits for ever");
        }
    }
    let (plane, was_killed) = (world.plane(), killed.load(Ordering::SeqCst));
    let state = only(&plane).unwrap();
    is_resolved(&world, &state, "2025-11-24T12:00:00Z");
    assert_eq!(told(&world).len(), 1, "killed at journal write {at}");
    let numbers = "snapshots/shop/store/production/0";
    let snapshots = world.streams.objects().keys().filter(|key| key.as_str().starts_with(numbers)).count();
    assert_eq!(snapshots, 2, "of the deployment, and of the incident; killed at journal write {at}");
    assert_eq!(wait(plane.replay_incident(&all(&plane)[0].0)).unwrap(), Some(state));
    was_killed
}
