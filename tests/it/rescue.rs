//! What could not be done is tried again, and units go back to earlier steps, where people want that. In memory and virtual time.

use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::{ChangeSet, Command, End, Flag, Limits, Outcome, Role, Stage, State, Told, headline};
use pathops_coordinator::{ControlPlane, EndedBy, Happened};
use pathops_core::adapter::{Clock as _, Journal as _, OpId, Run, Seq, SignalNumber};
use pathops_core::flow::{Course, Event, Shell};
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::project::FeatureRequest;
use pathops_core::{ChangeSetId, ErrorKind, Principal, Result, RunId, UnitId};

use crate::by_hand::{first, push};
use crate::world::{DEFECT, World, cx, feature_of, id, person, repo, wait};

const DAY: Duration = Duration::from_secs(86_400);
const WHY: &str = "it works again";

/// A shop in which the desired state of orders is out of reach from a command on, until somebody mends that.
struct Shop {
    world: World,
    faults: Arc<Faults>,
    plane: ControlPlane,
    change_set: ChangeSetId,
}

impl Shop {
    fn new(retry: Option<Duration>, request: FeatureRequest, breaks: fn(&Command) -> bool) -> Self {
        let mut world = World::new(MemoryJournal::new());
        world.limits = Limits { retry, ..Limits::default() };
        let faults = Faults::new(1, Arc::new(world.clock.clone()));
        let faults = Arc::new(faults.with(Fault::Refuse, When::Repo(|repo| repo.as_str().ends_with("/orders-gitops"))));
        faults.stop();
        let broken = (faults.clone(), std::sync::atomic::AtomicBool::new(false));
        let world = world.through(&faults).watched(move |command| {
            if breaks(command) && !broken.1.swap(true, std::sync::atomic::Ordering::SeqCst) {
                broken.0.go_on();
            }
        });
        let plane = world.plane();
        let change_set = wait(plane.request_feature(request, None)).unwrap();
        Self { world, faults, plane, change_set }
    }

    fn state(&self) -> State {
        wait(self.plane.state(&self.change_set)).unwrap().unwrap()
    }

    fn stage(&self, unit: &str) -> Stage {
        self.state().units[&id(unit)].stage
    }

    fn is_waiting(&self) -> bool {
        self.state().awaits_retry(&id("orders")).is_some()
    }

    fn history(&self) -> Vec<Happened> {
        wait(self.plane.history(&self.change_set, Seq(0), 10_000)).unwrap()
    }

    /// The operations of a unit that are such.
    fn ops(&self, unit: &str, such: fn(&Command) -> bool) -> Vec<OpId> {
        let opened = self.history().into_iter().flat_map(|it| it.opened);
        opened.filter(|(_, command)| command.unit() == Some(&id(unit)) && such(command)).map(|(op, _)| op).collect()
    }

    /// Goes on, with people who act, until something holds.
    #[track_caller]
    fn until(&self, driving: &mut Pin<&mut impl Future<Output = Result<State>>>, holds: impl Fn() -> bool) {
        for _ in 0..100_000 {
            if let Poll::Ready(ended) = driving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                panic!("it has ended: {:?}", ended.map(|state| (state.end, state.failure)));
            }
            if holds() {
                return;
            }
            self.world.people_act();
            assert!(self.world.clock.advance_to_next(), "everybody waits for ever");
        }
        panic!("that never comes");
    }

    /// Goes on to its end, and is made again from its journal there.
    #[track_caller]
    fn ends(&self, mut driving: Pin<&mut impl Future<Output = Result<State>>>) -> State {
        for _ in 0..200_000 {
            if let Poll::Ready(ended) = driving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                let state = ended.unwrap();
                assert_eq!(wait(self.plane.replay(&self.change_set)).unwrap(), Some(state.clone()));
                return state;
            }
            self.world.people_act();
            assert!(self.world.clock.advance_to_next(), "everybody waits for ever");
        }
        panic!("it does not come to an end");
    }

    fn retry(&self, unit: &str, by: &str) -> Result<()> {
        wait(self.plane.retry(&self.change_set, &id(unit), &person(by), WHY))
    }

    fn reset(&self, unit: &str, to: Stage) -> Result<()> {
        wait(self.plane.reset(&self.change_set, &id(unit), to, &person("alice"), WHY))
    }
}

fn orders() -> FeatureRequest {
    feature_of(&["orders"], "better", None)
}

fn is_stage(command: &Command) -> bool {
    matches!(command, Command::Stage { .. })
}

fn never(_: &Command) -> bool {
    false
}

#[track_caller]
fn is_refused(answer: Result<()>, kind: ErrorKind, why: &str) {
    let error = answer.unwrap_err();
    assert!(error.kind() == kind && error.to_string().contains(why), "{error}");
}

#[test]
fn what_could_not_be_done_waits_and_goes_on_when_somebody_has_it_tried_again() {
    let shop = Shop::new(Some(DAY), orders(), is_stage);
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.is_waiting());
    let (state, since) = (shop.state(), shop.world.clock.now());
    assert_eq!((shop.stage("orders"), &state.failure), (Stage::Staging, &None));
    assert!(
        headline(&state).starts_with("Waits for somebody who has it tried again: orders could not go on: "),
        "{}",
        headline(&state)
    );
    let waits = wait(shop.plane.waits(&shop.change_set)).unwrap().unwrap();
    let waits = waits.iter().find(|it| it.unit == Some(id("orders"))).unwrap();
    assert!(
        waits.what.starts_with("could not go on (") && waits.what.ends_with("waits for somebody who has it tried again"),
        "{waits}"
    );
    assert!(matches!(&waits.ended_by, EndedBy::People(people) if people.contains(&person("alice"))), "{waits}");
    let deadline = waits.deadline.clone().unwrap();
    assert!(
        deadline.at <= since + DAY && deadline.at >= since && deadline.then == "the change set stops and goes back",
        "{waits}"
    );

    is_refused(shop.retry("orders", "mallory"), ErrorKind::Denied, "does not let `mallory`");
    is_refused(shop.retry("store", "alice"), ErrorKind::Invalid, "it does not change `store`");
    is_refused(shop.reset("orders", Stage::Rebuilding), ErrorKind::Invalid, "on its way into preflight");
    // It is still broken, and waits once more; then it is mended, and another host goes on.
    shop.retry("orders", "alice").unwrap();
    shop.until(&mut driving.as_mut(), || shop.state().awaits_retry(&id("orders")).is_some_and(|it| it.attempt == 2));
    shop.faults.stop();
    drop(driving);
    shop.retry("orders", "alice").unwrap();
    let state = shop.ends(pin!(shop.plane.drive(&shop.change_set)));

    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    let ops = shop.ops("orders", is_stage);
    assert_eq!(ops.iter().collect::<BTreeSet<_>>().len(), 3, "each time under a key of its own: {ops:?}");
    let told = |it: &Happened| matches!(&it.event, Event::Heard { told: Told::Retry { by, .. }, .. } if by.get().reason == WHY);
    assert_eq!(shop.history().iter().filter(|it| told(it)).count(), 2);
    assert!(state.remarks.contains(&format!("orders: alice had it tried again: {WHY}")), "{:?}", state.remarks);
    is_refused(shop.retry("orders", "alice"), ErrorKind::Invalid, "it has ended");
    // Nothing was made twice by it.
    for (role, pull_request) in &state.units[&id("orders")].pull_requests {
        let scm = shop.world.forge.scm(Principal::System);
        let of_branch = wait(scm.pull_requests_from(&cx(), &pull_request.repo, &pull_request.branch)).unwrap();
        assert_eq!(of_branch.len(), 1, "{role}");
    }
}

#[test]
fn what_nobody_has_tried_again_goes_back_at_its_limit() {
    let shop = Shop::new(Some(DAY), orders(), is_stage);
    let begun = shop.world.clock.now();
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.is_waiting());
    shop.faults.stop();
    // While it is paused, the limit stands still.
    wait(shop.plane.pause(&shop.change_set, &person("alice"), "a holiday")).unwrap();
    shop.until(&mut driving.as_mut(), || shop.state().paused.is_some());
    shop.world.clock.advance(DAY * 3);
    wait(shop.plane.resume(&shop.change_set, &person("alice"), "back")).unwrap();
    let state = shop.ends(driving.as_mut());
    assert_eq!(state.end, Some(End::Recovered));
    assert!(state.failure.as_ref().unwrap().reason.contains("a planned fault refuses it"), "{:?}", state.failure);
    let took = shop.world.clock.now().since(begun);
    assert!(took >= DAY * 4 && took < DAY * 4 + Duration::from_secs(3_600), "{took:?}");
    assert_eq!(shop.ops("orders", is_stage).len(), 1);
}

#[test]
fn without_a_limit_for_it_nobody_is_waited_for() {
    let shop = Shop::new(None, orders(), is_stage);
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.state().failure.is_some());
    shop.faults.stop();
    // Its pull requests could not be closed either.
    assert_eq!(shop.ends(driving.as_mut()).end, Some(End::Incomplete));
    assert_eq!(shop.ops("orders", |it| matches!(it, Command::AwaitRetry { .. })), []);
}

#[test]
fn cancelled_while_it_waits_it_goes_back_at_once() {
    let shop = Shop::new(Some(DAY), orders(), is_stage);
    let begun = shop.world.clock.now();
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.is_waiting());
    shop.faults.stop();
    wait(shop.plane.cancel(&shop.change_set, &person("alice"), "not wanted")).unwrap();
    // Told in the same moment, it comes too late.
    let told = shop.retry("orders", "alice");
    let state = shop.ends(driving.as_mut());
    assert!(
        told.is_ok() && state.remarks.iter().any(|it| it.ends_with("tried again: it stops, and goes back")),
        "{:?}",
        state.remarks
    );
    assert_eq!((state.end, &state.failure), (Some(End::Cancelled), &None));
    assert!(shop.world.clock.now().since(begun) < DAY && shop.ops("orders", is_stage).len() == 1);
}

#[test]
fn what_could_not_go_back_is_tried_again() {
    let request = feature_of(&["orders"], DEFECT, Some("orders"));
    let shop = Shop::new(Some(DAY), request, |it| matches!(it, Command::Revert { .. }));
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.is_waiting());
    assert_eq!(shop.stage("orders"), Stage::Reverting);
    let waits = wait(shop.plane.waits(&shop.change_set)).unwrap().unwrap();
    assert!(waits.iter().any(|it| it.deadline.as_ref().is_some_and(|end| end.then == "it is left to people")), "{waits:?}");
    shop.faults.stop();
    shop.retry("orders", "alice").unwrap();
    assert_eq!(shop.ends(driving.as_mut()).end, Some(End::Recovered));
}

/// A success that was posted would stand meanwhile.
#[test]
fn what_may_have_been_granted_does_not_wait() {
    let shop = Shop::new(Some(DAY), orders(), |it| matches!(it, Command::Promote { .. }));
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.state().failure.is_some());
    assert_eq!(shop.state().failure.unwrap().stage, Stage::Promoting);
    // It is closed first, and that waits for nobody either.
    assert_eq!(shop.ends(driving.as_mut()).end, Some(End::Incomplete));
    assert_eq!(shop.ops("orders", |it| matches!(it, Command::AwaitRetry { .. })), []);
}

/// People have merged something else than what was built, and while that is built it is to be built once more.
#[test]
fn what_was_merged_is_what_is_built_again() {
    let shop = Shop::new(None, orders(), never);
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.stage("orders") == Stage::SourceReview);
    let source = "shop/orders-src";
    shop.world.forge.protect(&repo(source), &"main".parse().unwrap(), Default::default()).unwrap();
    push(&shop.world, source, "src/feature", "even better");
    let pushed = first(&shop.world, source).unwrap();
    let merged = shop.world.forge.person(person("bob")).merge(&repo(source), pushed.number, &pushed.head);
    merged.unwrap();
    shop.until(&mut driving.as_mut(), || shop.stage("orders") == Stage::Rebuilding);
    shop.reset("orders", Stage::Rebuilding).unwrap();
    let state = shop.ends(driving.as_mut());
    assert_eq!(state.end, Some(End::Live), "{:?} {:?}", state.failure, state.remarks);
    assert!(shop.ops("orders", |it| matches!(it, Command::Build { .. })).len() >= 3);
    let scm = shop.world.forge.scm(Principal::System);
    let built = state.units[&id("orders")].built.clone().unwrap().source;
    let file = wait(scm.read_file(&cx(), &repo(source), &built.commit, &"src/feature".parse().unwrap())).unwrap();
    assert_eq!(file.as_deref(), Some(b"even better".as_slice()), "what is in production is what was merged");
}

#[test]
fn a_unit_that_was_tested_is_tested_again_and_decided_by_that() {
    let shop = Shop::new(None, feature_of(&["orders", "store"], "better", None), never);
    let is_preflight = |it: &Command| matches!(it, Command::Observe { target, .. } if target.environment.as_str() == "preflight");
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    // Nothing is done of it then, and it waits for the other one.
    shop.until(&mut driving.as_mut(), || shop.stage("store") == Stage::Tested && shop.stage("orders") == Stage::PreflightDeploy);
    shop.reset("store", Stage::PreflightDeploy).unwrap();
    // What is waited for is let go of.
    shop.reset("orders", Stage::PreflightDeploy).unwrap();
    shop.until(&mut driving.as_mut(), || shop.stage("orders") == Stage::Promoting);
    is_refused(shop.reset("orders", Stage::PreflightDeploy), ErrorKind::Invalid, "it is proposed for production");
    is_refused(shop.reset("orders", Stage::Working), ErrorKind::Invalid, "that is no step to go back to");
    let state = shop.ends(driving.as_mut());

    assert_eq!(state.end, Some(End::Live), "{:?} {:?}", state.failure, state.remarks);
    assert_eq!((shop.ops("store", is_preflight).len(), shop.ops("orders", is_preflight).len()), (2, 2));
    for (unit, snapshots) in [("store", 3), ("orders", 2)] {
        let progress = &state.units[&id(unit)];
        assert_eq!(progress.snapshots.len(), snapshots, "{unit}: what was seen before still counts");
        assert!(progress.artifact.as_ref().unwrap().promotion().is_some() && !progress.replaced.is_empty(), "{unit}");
    }
    let lost: Vec<_> = state.remarks.iter().filter(|it| it.starts_with("the lifecycle of")).collect();
    assert!(lost.is_empty(), "{lost:?}");
    what_was_begun_is_brought_to_its_end_first(&shop.history());
}

/// The same once more, with people who want it while evidence is collected.
fn what_was_begun_is_brought_to_its_end_first(history: &[Happened]) {
    let unit = id("orders");
    let (mut shell, mut told) = (Shell::<ChangeSet>::new(), None);
    let mut events = history.iter().map(|it| (it.at, &it.event));
    let (at, collected) = loop {
        let (at, event) = events.next().unwrap();
        let collects = |state: &State| state.units[&unit].stage == Stage::PreflightEvidence;
        match event {
            Event::Done { op, outcome: Outcome::Collected { .. } } if shell.state().is_some_and(collects) => break (at, *op),
            Event::Heard { told: it @ Told::Reset { unit: of, .. }, .. } if *of == unit => told = Some(it.clone()),
            _ => {}
        }
        let step = shell.step(at, event).unwrap();
        shell.take(step);
    };
    let reset = Event::Heard { number: SignalNumber(shell.heard().0 + 1), told: told.unwrap() };
    let step = shell.step(at, &reset).unwrap();
    assert_eq!(step.opens(), [], "it is still at work");
    shell.take(step);
    assert_eq!(shell.course(collected), Some(Course::Perform));
    let (_, ended) = history
        .iter()
        .map(|it| (it.at, &it.event))
        .find(|(_, event)| matches!(event, Event::Done { op, .. } if *op == collected))
        .unwrap();
    let step = shell.step(at, ended).unwrap();
    assert!(matches!(step.opens(), [(op, Command::Observe { .. })] if *op > collected), "{:?}", step.opens());
    shell.take(step);
    let orders = &shell.state().unwrap().units[&unit];
    assert!(orders.stage == Stage::PreflightDeploy && !orders.snapshots.is_empty() && orders.reset.is_none());
}

#[test]
fn what_was_built_is_built_again_until_it_is_on_its_way() {
    let shop = Shop::new(None, feature_of(&["orders", "store"], "better", None), never);
    let is_build = |it: &Command| matches!(it, Command::Build { .. });
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    is_refused(shop.reset("orders", Stage::Rebuilding), ErrorKind::Invalid, "it has not come as far");
    shop.until(&mut driving.as_mut(), || shop.stage("orders") == Stage::SourceReview);
    shop.reset("orders", Stage::Building).unwrap();
    shop.until(&mut driving.as_mut(), || shop.stage("orders") == Stage::Built);
    is_refused(shop.reset("orders", Stage::Building), ErrorKind::Invalid, "its source was merged");
    let before = shop.state().units[&id("orders")].built.clone().unwrap();
    shop.reset("orders", Stage::Rebuilding).unwrap();
    let state = shop.ends(driving.as_mut());
    assert_eq!(state.end, Some(End::Live), "{:?} {:?}", state.failure, state.remarks);
    assert_eq!((shop.ops("orders", is_build).len(), shop.ops("store", is_build).len()), (3, 0));
    let orders = &state.units[&id("orders")];
    assert_eq!(orders.built.as_ref().unwrap().source, before.source, "what was merged is what was built");
    assert_eq!(orders.pull_requests.keys().filter(|role| **role == Role::Source).count(), 1);
}

#[test]
fn one_that_began_before_keeps_to_what_it_knew_and_one_from_after_is_refused() {
    let shop = Shop::new(Some(DAY), orders(), is_stage);
    let (run, unit): (RunId, UnitId) = (shop.change_set.as_str().parse().unwrap(), id("orders"));
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.stage("orders") == Stage::SourceReview);
    let mut state = shop.state();
    assert_eq!(state.start.flags, BTreeSet::from(Flag::ALL));
    assert_eq!(state.objection_to_reset(&unit, Stage::Building), None);
    state.start.flags.clear();
    assert!(state.objection_to_reset(&unit, Stage::Building).unwrap().contains("under a version that could not do that"));

    let stored = wait(shop.world.journal.load(&cx(), &run)).unwrap().unwrap();
    Shell::<ChangeSet>::resume(&stored, OpId(99)).unwrap();
    let mut newer = stored;
    newer.state["start"]["flags"] = serde_json::json!([1, 2]);
    let error = Shell::<ChangeSet>::resume(&newer, OpId(99)).unwrap_err();
    assert!(error.to_string().contains("it has flag 2, which this version does not know"), "{error}");
}

/// Beside those of the simulation, in which nobody has anything tried again: `tests/simulation/tests/histories.rs` makes all of them again.
#[test]
#[ignore = "writes into the source tree"]
fn writes_histories_of_this_version() {
    let write = |shop: &Shop, name: &str| {
        let run: RunId = shop.change_set.as_str().parse().unwrap();
        let Run { machine, seq, format, state, open, heard, ended, .. } =
            wait(shop.world.journal.load(&cx(), &run)).unwrap().unwrap();
        let entries = wait(shop.world.journal.entries(&cx(), &run, Seq(0), usize::MAX)).unwrap();
        let history = serde_json::json!({
            "machine": machine, "seq": seq, "format": format, "state": state, "open": open, "heard": heard, "ended": ended, "entries": entries,
        });
        let file = format!("{}/simulation/histories/format-{format}-{name}.json", env!("CARGO_MANIFEST_DIR"));
        if !std::fs::exists(&file).unwrap() {
            std::fs::write(file, format!("{history:#}\n")).unwrap();
        }
    };
    let shop = Shop::new(Some(DAY), orders(), is_stage);
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.is_waiting());
    shop.faults.stop();
    shop.retry("orders", "alice").unwrap();
    shop.until(&mut driving.as_mut(), || shop.stage("orders") == Stage::PreflightDeploy);
    shop.reset("orders", Stage::PreflightDeploy).unwrap();
    assert_eq!(shop.ends(driving.as_mut()).end, Some(End::Live));
    write(&shop, "live-retried-reset");

    let shop = Shop::new(Some(DAY), orders(), is_stage);
    let mut driving = Box::pin(shop.plane.drive(&shop.change_set));
    shop.until(&mut driving.as_mut(), || shop.is_waiting());
    shop.faults.stop();
    assert_eq!(shop.ends(driving.as_mut()).end, Some(End::Recovered));
    write(&shop, "recovered-given-up");
}
