//! What operators see of a change set: its history, why it waits at every moment, and that its journal is what its machine makes.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pathops_coordinator::change_set::{ChangeSet, Command, End};
use pathops_coordinator::{ChangeSetFilter, ControlPlane, EndedBy, Wait};
use pathops_core::adapter::{Entry, Journal as _, Run, Seq};
use pathops_core::flow::{Difference, Divergence, Event, Replay};
use pathops_core::memory::MemoryJournal;
use pathops_core::project::FeatureRequest;
use pathops_core::{ChangeSetId, ErrorKind, IdempotencyKey, Result, RunId};
use serde_json::json;

use crate::world::{World, cx, feature_of, id, person, wait};

/// Takes a feature to its end, and calls `look` before each time that people act.
fn observed(world: &World, request: FeatureRequest, look: impl Fn(&ControlPlane, &ChangeSetId)) -> ChangeSetId {
    let plane = world.plane();
    let change_set = wait(plane.request_feature(request, Some(&IdempotencyKey::new("k")))).unwrap();
    let mut driven = pin!(plane.drive(&change_set));
    for _ in 0..200_000 {
        if let Poll::Ready(ended) = driven.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            ended.unwrap();
            return change_set.clone();
        }
        look(&plane, &change_set);
        world.people_act();
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    }
    panic!("it does not come to an end");
}

fn waits(plane: &ControlPlane, change_set: &ChangeSetId) -> Vec<Wait> {
    wait(plane.waits(change_set)).unwrap().unwrap()
}

#[test]
fn at_every_moment_it_is_said_what_every_unit_waits_for() {
    let world = World::new(MemoryJournal::new());
    let request = feature_of(&["orders", "store"], "better", None);
    let seen = std::cell::RefCell::new(Vec::new());
    let change_set = observed(&world, request, |plane, change_set| {
        let waits = waits(plane, change_set);
        let now = pathops_core::adapter::Clock::now(&world.clock);
        for unit in ["orders", "store"] {
            let state = wait(plane.state(change_set)).unwrap().unwrap();
            let is_over = state.units[&id(unit)].stage == pathops_coordinator::change_set::Stage::Live;
            let about = waits.iter().filter(|it| it.unit == Some(id(unit))).count();
            assert_eq!(about, usize::from(!is_over), "{unit}: {waits:?}");
        }
        assert!(waits.iter().all(|it| it.since <= now && it.deadline.as_ref().is_none_or(|end| end.at >= now)), "{waits:?}");
        seen.borrow_mut().extend(waits);
    });
    let lines: Vec<String> = seen.borrow().iter().map(ToString::to_string).collect();
    for expected in [
        "orders: waits until people have merged or closed its source pull request memory://shop/orders-src/pull/1, since 2025-",
        "; up to bob or carol or alice",
        "store: waits until preflight is healthy, since ",
        "; up to the GitOps controller; at 2025-",
        " the deployment counts as failed",
        "orders: is built; waits for its wave, since ",
        "; up to store",
        "orders: waits for its requirement `approval`, since ",
        "; missing: approval of the pull request's head from bob",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected:?} in {lines:#?}");
    }
    assert_eq!(waits(&world.plane(), &change_set), [], "what has ended waits for nothing");
    assert_eq!(wait(world.plane().waits(&"nobody-knows-it".parse().unwrap())).unwrap(), None);
}

#[test]
fn work_by_a_person_is_waited_for_by_name_and_without_a_deadline() {
    let world = World::new(MemoryJournal::new());
    let mut request = feature_of(&["orders"], "better", None);
    request.changes[0].patch = None;
    let plane = world.plane();
    let change_set = wait(plane.request_feature(request, Some(&IdempotencyKey::new("k")))).unwrap();
    let mut driven = pin!(plane.drive(&change_set));
    for _ in 0..20 {
        assert!(driven.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        world.clock.advance_to_next();
    }
    let waits = waits(&plane, &change_set);
    let work = waits.iter().find(|it| it.what.contains("waits for a push to `pathops/")).unwrap();
    assert_eq!(work.deadline, None);
    assert_eq!(work.ended_by, EndedBy::People(["bob", "carol", "alice"].map(person).into()));
}

#[test]
fn the_history_of_a_change_set_comes_page_by_page_and_makes_the_same_state_again() {
    for defect in [None, Some("orders")] {
        let world = World::new(MemoryJournal::new());
        let request = feature_of(&["orders", "store"], "better", defect);
        let change_set = observed(&world, request, |plane, change_set| {
            assert_eq!(wait(plane.replay(change_set)).unwrap(), wait(plane.state(change_set)).unwrap());
        });
        let plane = world.plane();
        let (mut after, mut all) = (Seq(0), Vec::new());
        while let Some(last) = wait(plane.history(&change_set, after, 7)).unwrap().last().cloned() {
            all.extend(wait(plane.history(&change_set, after, 7)).unwrap());
            after = last.seq;
        }
        assert!(matches!(all[0].event, Event::Started(_)) && all.len() > 20, "{}", all.len());
        assert!(all.iter().zip(1..).all(|(it, number)| it.seq == Seq(number)));
        assert!(all.iter().flat_map(|it| &it.opened).any(|(_, command)| matches!(command, Command::Build { .. })));
        assert_eq!(wait(plane.replay(&change_set)).unwrap(), wait(plane.state(&change_set)).unwrap());
        let that = |filter: ChangeSetFilter| wait(plane.change_sets(&filter, None, 9)).unwrap() == [change_set.clone()];
        let (any, end) = (ChangeSetFilter::default(), if defect.is_some() { End::Recovered } else { End::Live });
        assert!(
            that(any.clone()) && that(ChangeSetFilter { ended: Some(true), ..any.clone() }) && !that(ChangeSetFilter::open())
        );
        assert!(that(ChangeSetFilter { end: Some(end), paused: Some(false), ..any.clone() }));
        assert!(!that(ChangeSetFilter { end: Some(End::Cancelled), ..any.clone() }));
        assert!(!that(ChangeSetFilter { paused: Some(true), ..any }));
        assert_eq!(wait(plane.replay(&"nobody-knows-it".parse().unwrap())).unwrap(), None);
    }
}

#[test]
fn what_has_ended_is_archived_and_is_read_as_before() {
    let world = World::new(MemoryJournal::new());
    let (request, key) = (feature_of(&["orders"], "better", None), IdempotencyKey::new("k"));
    let state = world.carry_out(request.clone(), "k").unwrap();
    let (plane, change_set) = (world.plane(), state.start.change_set.clone());
    let history = wait(plane.history(&change_set, Seq(0), 1_000)).unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    assert_eq!(wait(plane.archive(hour)).unwrap(), 0, "it has just ended");
    world.clock.advance(hour * 2);
    assert_eq!(wait(plane.archive(hour)).unwrap(), 1);
    assert_eq!(wait(plane.archive(hour)).unwrap(), 0, "it is archived once");

    let list = |filter: ChangeSetFilter| wait(plane.change_sets(&filter, None, 9)).unwrap();
    let archived = ChangeSetFilter { archived: true, ..ChangeSetFilter::default() };
    assert_eq!(list(ChangeSetFilter::default()), []);
    assert_eq!(list(archived.clone()), std::slice::from_ref(&change_set));
    assert_eq!(list(ChangeSetFilter { end: Some(End::Live), ..archived.clone() }), std::slice::from_ref(&change_set));
    assert_eq!(list(ChangeSetFilter { end: Some(End::Cancelled), ..archived }), []);
    assert_eq!(wait(plane.state(&change_set)).unwrap(), Some(state.clone()));
    assert_eq!(wait(plane.history(&change_set, Seq(0), 1_000)).unwrap(), history);
    assert_eq!(wait(plane.replay(&change_set)).unwrap(), Some(state));
    assert_eq!(wait(plane.waits(&change_set)).unwrap(), Some(Vec::new()));
    assert_eq!(wait(plane.request_feature(request, Some(&key))).unwrap(), change_set, "its name is its own for ever");
    let late = wait(plane.cancel(&change_set, &person("alice"), "not wanted")).unwrap_err();
    assert!(late.kind() == ErrorKind::Invalid && late.to_string().contains("it has ended"), "{late}");
    assert_eq!(wait(plane.doubts_in_production()).unwrap().unseen, [""; 0], "what brought it there is still known");
}

/// A run that has ended, and its journal.
fn recorded() -> (Run, Vec<Entry>) {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let run: RunId = wait(world.journal.runs(&cx(), &pathops_core::adapter::RunFilter::default(), None, 1)).unwrap().remove(0);
    let entries = wait(world.journal.entries(&cx(), &run, Seq(0), 1_000)).unwrap();
    (wait(world.journal.load(&cx(), &run)).unwrap().unwrap(), entries)
}

fn replay(run: &Run, entries: &[Entry]) -> Result<(), Divergence> {
    let mut replay = Replay::<ChangeSet>::new();
    entries.iter().try_for_each(|entry| replay.follow(entry))?;
    replay.finish(run).map(drop)
}

#[test]
fn a_journal_that_was_changed_is_told_from_what_the_machine_makes() {
    let (run, entries) = recorded();
    replay(&run, &entries).unwrap();
    let opening = |at: usize| entries.iter().skip(at).position(|entry| !entry.opens.is_empty()).unwrap() + at;
    let parted = |change: &dyn Fn(&mut Run, &mut Vec<Entry>)| {
        let (mut run, mut entries) = (run.clone(), entries.clone());
        change(&mut run, &mut entries);
        replay(&run, &entries).unwrap_err()
    };

    let at = opening(3);
    let other = parted(&|_, entries| {
        let command = entries[at].opens[0].command.as_object_mut().unwrap().values_mut().next().unwrap();
        command["scope"]["title"] = json!("Another title");
    });
    assert_eq!(other.seq, entries[at].seq);
    let Difference::Other { what, pointer } = &other.difference else { panic!("{other}") };
    assert!(what.starts_with("command of operation ") && pointer.ends_with("/scope/title"), "{other}");

    let lost = parted(&|_, entries| drop(entries[at].opens.pop()));
    assert!(matches!(lost.difference, Difference::Lost { .. }), "{lost}");
    let invented = parted(&|_, entries| {
        let mut more = entries[at].opens[0].clone();
        more.op.0 += u64::try_from(entries[at].opens.len()).unwrap();
        entries[at].opens.push(more);
    });
    assert!(matches!(invented.difference, Difference::NotMade { .. }), "{invented}");
    let gap = parted(&|_, entries| drop(entries.remove(at)));
    assert_eq!(gap.difference, Difference::Missing { expected: entries[at].seq });
    let twice = parted(&|_, entries| entries[1].event = entries[0].event.clone());
    assert_eq!((twice.seq, twice.difference), (Seq(2), Difference::StartedTwice));
    let unstarted = parted(&|_, entries| entries[0].event = entries[1].event.clone());
    assert_eq!((unstarted.seq, unstarted.difference), (Seq(1), Difference::NotStarted));
    let open = parted(&|_, entries| entries[1].closes = Some(pathops_core::adapter::OpId(999)));
    assert!(matches!(open.difference, Difference::NotOpen { .. }), "{open}");
    let format = parted(&|_, entries| entries[2].format += 1);
    assert!(matches!(format.difference, Difference::Format { .. }), "{format}");
    let torn = parted(&|_, entries| entries[2].event = json!({"done": {"op": 1}}));
    assert!(matches!(torn.difference, Difference::Unreadable { .. }), "{torn}");

    let state = parted(&|run, _| run.state["start"]["request"]["title"] = json!("Another title"));
    assert_eq!(state.difference, Difference::Other { what: "state".to_owned(), pointer: "/start/request/title".to_owned() });
    let end = parted(&|run, _| run.ended = false);
    assert_eq!(end.difference, Difference::End { stored: false });
    let machine = parted(&|run, _| run.machine = "another".to_owned());
    assert_eq!(machine.difference, Difference::Machine { stored: "another".to_owned() });
    let cut = parted(&|_, entries| drop(entries.pop()));
    assert_eq!(cut.difference, Difference::Missing { expected: run.seq });
    let more = parted(&|run, entries| run.open.extend(entries[at].opens.first().cloned()));
    assert!(matches!(more.difference, Difference::NotOpen { .. }), "{more}");
}
