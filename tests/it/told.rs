//! What people tell a change set while it is under way: cancelled, paused and resumed at every moment, in memory and virtual time.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::{End, Role, Stage, State};
use pathops_core::adapter::{CheckState, Clock as _, Journal as _, PullRequestState, Seq, SourceTree};
use pathops_core::flow::Event;
use pathops_core::lifecycle::ChangeSetState;
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::FeatureRequest;
use pathops_core::{ChangeSetId, ErrorKind, IdempotencyKey, Principal, PullRequestNumber, RepoPath, Result, RunId};

use crate::world::{self, World, cx, feature_of, person, repo, wait};

const UNITS: [&str; 2] = ["orders", "store"];

/// An answer to a wish, where nobody waits for it.
async fn done(plane: &ControlPlane, id: &ChangeSetId) -> Result<()> {
    plane.state(id).await.map(drop)
}

/// A change set that is being driven.
struct Driven {
    world: World,
    plane: ControlPlane,
    change_set: ChangeSetId,
}

impl Driven {
    fn of(world: World, request: FeatureRequest, key: &str) -> Self {
        let plane = world.plane();
        let change_set = wait(plane.request_feature(request, Some(&IdempotencyKey::new(key)))).unwrap();
        Self { world, plane, change_set }
    }

    /// Takes it to its end, and does something at a moment on the way. `None` where it has ended before that was done.
    fn told_at<'d, F>(&'d self, moment: usize, tell: impl FnOnce(&'d ControlPlane, &'d ChangeSetId) -> F) -> Option<State>
    where
        F: Future<Output = Result<()>> + 'd,
    {
        let mut context = Context::from_waker(Waker::noop());
        let (mut tell, mut telling, mut told) = (Some(tell), None, false);
        let mut driven = pin!(self.plane.drive(&self.change_set));
        for now in 0..200_000 {
            if now == moment {
                telling = tell.take().map(|tell| Box::pin(tell(&self.plane, &self.change_set)));
            }
            if let Some(Poll::Ready(answer)) = telling.as_mut().map(|telling| telling.as_mut().poll(&mut context)) {
                told = answer.is_ok();
                // It may have ended meanwhile.
                assert!(answer.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::Invalid), "{answer:?}");
                telling = None;
            }
            if let Poll::Ready(ended) = driven.as_mut().poll(&mut context) {
                return told.then(|| ended.unwrap());
            }
            self.world.people_act();
            assert!(self.world.clock.advance_to_next(), "everybody waits for ever");
        }
        panic!("it does not come to an end");
    }

    fn state(&self) -> State {
        wait(self.plane.state(&self.change_set)).unwrap().unwrap()
    }

    /// The pull requests of the units, with whether a success stands on the head of each.
    fn pull_requests(&self) -> Vec<(String, PullRequestState, bool)> {
        let scm = self.world.forge.scm(Principal::System);
        let mut all = Vec::new();
        for name in world::UNITS.iter().flat_map(|unit| [format!("shop/{unit}-src"), format!("shop/{unit}-gitops")]) {
            let repo = repo(&name);
            for number in 1.. {
                let Ok(read) = wait(scm.pull_request(&cx(), &repo, PullRequestNumber(number))) else { break };
                let checks = wait(scm.checks(&cx(), &repo, &read.head)).unwrap();
                let stands = checks.iter().any(|it| it.name == PROMOTION_CONTEXT && it.state == CheckState::Success);
                all.push((format!("{name}#{number}"), read.state, stands));
            }
        }
        all
    }

    /// The ways to production that anybody could merge.
    fn mergeable(&self) -> usize {
        self.pull_requests().iter().filter(|(_, state, stands)| *stands && *state == PullRequestState::Open).count()
    }

    /// Lets time pass until something holds.
    #[track_caller]
    fn until(&self, driving: &mut Pin<&mut impl Future<Output = Result<State>>>, holds: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if let Poll::Ready(ended) = driving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                panic!("it has ended: {:?}", ended.map(|state| state.end));
            }
            if holds() {
                return;
            }
            self.world.people_act();
            assert!(self.world.clock.advance_to_next(), "everybody waits for ever");
        }
        panic!("that never comes");
    }

    fn desired(&self) -> Vec<SourceTree> {
        let scm = self.world.forge.scm(Principal::System);
        let folders = UNITS.iter().flat_map(|unit| ["preflight", "production"].map(|environment| (unit, environment)));
        let tree = |(unit, environment): (&&str, &str)| {
            let repo = repo(&format!("shop/{unit}-gitops"));
            let head = wait(scm.branch_head(&cx(), &repo, &environment.parse().unwrap())).unwrap().unwrap();
            let folder = RepoPath::parse(format!("environments/{environment}")).unwrap();
            wait(scm.read_tree(&cx(), &repo, &head, &folder)).unwrap()
        };
        folders.map(tree).collect()
    }
}

/// The shop with one change set in production, and another one that is told something.
fn second() -> Driven {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&UNITS, "good", None), "first").unwrap();
    Driven::of(world, feature_of(&UNITS, "better", None), "second")
}

/// The same of one unit, where each call takes a second: between any two of them there is a moment.
fn slow() -> Driven {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders"], "good", None), "first").unwrap();
    let driven = Driven::of(world, feature_of(&["orders"], "better", None), "second");
    let clock = Arc::new(driven.world.clock.clone());
    let faults = Arc::new(Faults::new(1, clock).with(Fault::Slow(Duration::from_secs(1)), When::Always));
    let world = driven.world.through(&faults);
    Driven { plane: world.plane(), world, change_set: driven.change_set }
}

async fn cancel(plane: &ControlPlane, id: &ChangeSetId) -> Result<()> {
    plane.cancel(id, &person("alice"), "nobody wants it").await
}

#[test]
fn cancelled_at_any_moment_nothing_of_it_is_left() {
    let mut ends = Vec::new();
    // Every third: the simulation cancels at the ones between, too.
    for moment in (0..).step_by(3) {
        let driven = slow();
        let (before, deployed) = (driven.desired(), driven.world.deployed.lock().unwrap().len());
        let told = std::cell::Cell::new(driven.world.clock.now());
        let tell = async |plane, id| {
            cancel(plane, id).await?;
            told.set(driven.world.clock.now());
            Ok(())
        };
        let Some(state) = driven.told_at(moment, tell) else { break };
        let since = driven.world.clock.now().0 - told.get().0;
        let at = format!("moment {moment}: {:?} {:?}", state.end, state.remarks);
        pathops_simulation::lifecycles_are_kept(&state).unwrap_or_else(|why| panic!("{at}: {why}"));
        assert_eq!(driven.world.wait_with(driven.plane.replay(&driven.change_set)).unwrap(), Some(state.clone()), "{at}");
        for (name, read, stands) in driven.pull_requests() {
            assert_ne!(read, PullRequestState::Open, "{at}: {name}");
            assert!(!stands || matches!(read, PullRequestState::Merged { .. }), "{at}: a success stands on {name}");
        }
        match state.end.unwrap() {
            // Everything was in production when it was told; or it ended in that moment, while its last outcome was being written.
            End::Live => {
                let said = state.remarks.iter().any(|it| it.contains("cancelled it after it had ended"));
                assert!(said || since <= 4_000, "{at}: it was not heard for {since} ms");
            }
            End::Incomplete => panic!("{at}: {:?}", state.failure),
            end @ (End::Cancelled | End::Recovered) => {
                assert_eq!(driven.desired(), before, "{at}");
                let untouched = driven.world.deployed.lock().unwrap().len() == deployed;
                assert!(end == End::Recovered || untouched, "{at}: it was deployed");
                assert!(state.units.values().all(|it| it.artifact.is_none() || it.not_promotable().is_some()), "{at}");
                let merged = |it: &&PullRequestState| matches!(it, PullRequestState::Merged { .. });
                let source = driven.pull_requests().into_iter().find(|(name, ..)| name == "shop/orders-src#2");
                let stays = state.remarks.iter().any(|it| it.starts_with("orders: its source was merged"));
                assert_eq!(stays, source.is_some_and(|(_, read, _)| merged(&&read)), "{at}");
            }
        }
        ends.push(state.end.unwrap());
    }
    let count = |end| ends.iter().filter(|it| **it == end).count();
    assert!(count(End::Cancelled) > 10 && count(End::Recovered) > 10, "{} and {}", count(End::Cancelled), count(End::Recovered));
}

#[test]
fn cancelled_before_anything_was_merged_its_lifecycle_says_who_did() {
    let driven = slow();
    let state = driven.told_at(20, cancel).unwrap();
    assert_eq!((state.end, state.lifecycle.state()), (Some(End::Cancelled), ChangeSetState::Cancelled));
    let record = |name: &str| {
        let (scm, meta) = (driven.world.forge.scm(Principal::System), repo("shop/meta"));
        let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
        let path = RepoPath::parse(format!("change-sets/{}/{name}", driven.change_set)).unwrap();
        String::from_utf8(wait(scm.read_file(&cx(), &meta, &head, &path)).unwrap().unwrap()).unwrap()
    };
    let status = record("status.json");
    assert!(status.contains("\"end\": \"cancelled\"") && status.contains("\"person\": \"alice\""), "{status}");
    assert!(status.contains("Cancelled; nothing of it was in an environment. alice cancelled it: nobody wants it"), "{status}");
    assert!(record("lifecycles.json").contains("nobody wants it"));
    let (scm, source) =
        (driven.world.forge.scm(Principal::System), &state.units[&"orders".parse().unwrap()].pull_requests[&Role::Source]);
    let comments = wait(scm.comments(&cx(), &source.repo, source.number)).unwrap();
    assert!(comments.iter().any(|it| it.body.contains("nobody wants it")), "{comments:?}");
}

/// Whatever happens meanwhile, it stands where it stood, and comes to the end of an undisturbed run.
#[test]
fn paused_at_any_moment_it_goes_nowhere_and_then_on() {
    let undisturbed = second();
    let expected = undisturbed.told_at(0, done).unwrap();
    assert_eq!(expected.end, Some(End::Live));
    let (mut moment, mut held) = (0, 0);
    loop {
        let driven = second();
        let paused = std::cell::Cell::new(false);
        let pause = |plane: &ControlPlane, id: &ChangeSetId| {
            paused.set(true);
            wait(plane.pause(id, &person("bob"), "wait a moment"))
        };
        let Driven { world, plane, change_set } = &driven;
        let mut driving = pin!(plane.drive(change_set));
        let (mut since, mut seen, mut ended) = (None, None, None);
        for now in 0..200_000 {
            if now == moment {
                pause(plane, change_set).unwrap();
                since = Some(world.clock.now());
            }
            if let Poll::Ready(end) = driving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                ended = Some(end.unwrap());
                break;
            }
            if let Some(at) = since.filter(|_| paused.get()) {
                let run: RunId = change_set.as_str().parse().unwrap();
                let seq = wait(world.journal.load(&cx(), &run)).unwrap().unwrap().seq;
                let state = driven.state();
                if state.end.is_some() {
                    // It was over when it was told.
                    paused.set(false);
                } else if world.clock.now() > at + Duration::from_secs(600) {
                    let (known, deployed) = seen.unwrap();
                    assert_eq!((seq, world.deployed.lock().unwrap().len()), (known, deployed), "moment {moment}: it goes on");
                    let waits = wait(plane.waits(change_set)).unwrap().unwrap();
                    assert!(waits[0].what.contains("is paused by bob: wait a moment"), "{waits:?}");
                    assert!(waits[0].to_string().contains("bob"), "{waits:?}");
                    assert!(state.paused.is_some());
                    wait(plane.resume(change_set, &person("carol"), "go on")).unwrap();
                    paused.set(false);
                } else if world.clock.now() > at + Duration::from_secs(60) {
                    // Its comments and its record have been written by now.
                    if seen.is_none() {
                        held += driven.pull_requests().iter().filter(|(.., stands)| *stands).count();
                        seen = Some((seq, world.deployed.lock().unwrap().len()));
                    }
                    for (name, read, stands) in driven.pull_requests() {
                        assert!(!stands || read != PullRequestState::Open, "moment {moment}: {name} can be merged");
                    }
                }
            }
            world.people_act();
            assert!(world.clock.advance_to_next(), "everybody waits for ever");
        }
        let state = ended.expect("it does not come to an end");
        if since.is_none() {
            break;
        }
        assert_eq!(state.end, Some(End::Live), "moment {moment}: {:?}", state.failure);
        assert_eq!(wait(plane.replay(change_set)).unwrap(), Some(state), "moment {moment}");
        let counted = |driven: &Driven| driven.pull_requests().len();
        assert_eq!(counted(&driven), counted(&undisturbed), "moment {moment}: each pull request once");
        moment += 1;
    }
    assert!(moment > 30 && held > 0, "{moment} moments, {held} merged ones seen");
}

/// Two units of one wave that people could merge into production, and do not.
fn granted() -> Driven {
    let world = World::new(MemoryJournal::new());
    let units = ["catalog", "store"];
    world.carry_out(feature_of(&units, "good", None), "first").unwrap();
    world.hesitant.store(true, Ordering::SeqCst);
    Driven::of(world, feature_of(&units, "better", None), "second")
}

#[test]
fn what_was_granted_is_taken_back_while_it_is_paused_and_stands_again_afterwards() {
    let driven = granted();
    let Driven { world, plane, change_set } = &driven;
    let mut driving = pin!(plane.drive(change_set));
    driven.until(&mut driving, || driven.mergeable() == 2);
    wait(plane.pause(change_set, &person("bob"), "wait a moment")).unwrap();
    let waits = wait(plane.waits(change_set)).unwrap().unwrap();
    assert_eq!(waits[0].what, "is to hear that bob paused it: wait a moment");
    let at = world.clock.now();
    driven.until(&mut driving, || world.clock.now() > at + Duration::from_secs(5));
    assert_eq!(driven.mergeable(), 0);
    wait(plane.resume(change_set, &person("bob"), "go on")).unwrap();
    driven.until(&mut driving, || driven.mergeable() == 2);
    // What stops stays paused: nobody can merge it meanwhile.
    wait(plane.cancel(change_set, &person("alice"), "nobody wants it")).unwrap();
    wait(plane.pause(change_set, &person("bob"), "wait a moment")).unwrap();
    let at = world.clock.now();
    driven.until(&mut driving, || world.clock.now() > at + Duration::from_secs(600));
    assert_eq!(driven.mergeable(), 0);
}

/// One unit is in production and being looked at: what that takes is no time in which another one could still follow.
#[test]
fn once_it_is_cancelled_nothing_more_can_be_merged_while_what_was_begun_comes_to_its_end() {
    let driven = granted();
    let Driven { world, plane, change_set } = &driven;
    let mut driving = pin!(plane.drive(change_set));
    driven.until(&mut driving, || driven.mergeable() == 2);
    let catalog = driven.state().units[&"catalog".parse().unwrap()].pull_requests[&Role::Production].clone();
    world.forge.person(person("bob")).merge(&catalog.repo, catalog.number, &catalog.head).unwrap();
    let stage = || driven.state().units[&"catalog".parse().unwrap()].stage;
    driven.until(&mut driving, || stage() == Stage::ProductionDeploy);
    wait(plane.cancel(change_set, &person("alice"), "nobody wants it")).unwrap();
    driven.until(&mut driving, || driven.state().cancelled.is_some());
    driven.until(&mut driving, || driven.mergeable() == 0);
    assert_eq!(stage(), Stage::ProductionDeploy);
    world.hesitant.store(false, Ordering::SeqCst);
    let ended = loop {
        if let Poll::Ready(ended) = driving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            break ended.unwrap();
        }
        world.people_act();
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    };
    assert_eq!(ended.end, Some(End::Recovered));
    let back = &ended.units[&"catalog".parse().unwrap()].pull_requests[&Role::Recovery];
    let body = wait(world.forge.scm(Principal::System).pull_request(&cx(), &back.repo, back.number)).unwrap().body;
    assert!(body.contains("alice cancelled the change set: nobody wants it"), "{body}");
}

/// Another host tells it: who drives it looks by themselves.
#[test]
fn told_by_another_process_it_hears_it_within_seconds() {
    let driven = second();
    let other = driven.world.plane_of("another");
    let at = std::cell::Cell::new(None);
    let state = driven.told_at(4, async |_, id| {
        at.set(Some(driven.world.clock.now()));
        other.cancel(id, &person("bob"), "nobody wants it").await
    });
    let state = state.unwrap();
    let heard = wait(driven.plane.history(&driven.change_set, Seq(0), 1_000)).unwrap().into_iter();
    let heard = heard.filter(|it| matches!(it.event, Event::Heard { .. })).map(|it| it.at).next().unwrap();
    assert!(state.cancelled.is_some() && heard.0 - at.get().unwrap().0 <= 10_000, "it was heard at {heard}");
}

#[test]
fn it_is_told_before_anybody_drives_it_and_not_twice() {
    let driven = second();
    for _ in 0..2 {
        wait(driven.plane.cancel(&driven.change_set, &person("alice"), "nobody wants it")).unwrap();
    }
    let state = driven.told_at(0, done).unwrap();
    assert_eq!(state.end, Some(End::Cancelled));
    let ended = wait(driven.plane.cancel(&driven.change_set, &person("alice"), "again")).unwrap_err();
    assert!(ended.kind() == ErrorKind::Invalid && ended.to_string().contains("it has ended"), "{ended}");
}

#[test]
fn not_everybody_may_and_nobody_without_a_reason() {
    let driven = second();
    let (plane, id) = (&driven.plane, &driven.change_set);
    let refused = |answer: Result<()>, kind, why: &str| {
        let error = answer.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(why), "{error}");
    };
    refused(wait(plane.cancel(id, &person("mallory"), "no")), ErrorKind::Denied, "does not let `mallory`");
    refused(wait(plane.pause(id, &person("mallory"), "no")), ErrorKind::Denied, "does not let `mallory`");
    refused(wait(plane.cancel(id, &person("alice"), " ")), ErrorKind::Invalid, "reason");
    let unknown = "nobody-knows-it".parse().unwrap();
    refused(wait(plane.cancel(&unknown, &person("alice"), "no")), ErrorKind::NotFound, "there is none");
}

#[test]
fn all_are_paused_and_resumed_at_once() {
    let driven = second();
    let paused = wait(driven.plane.pause_all(&person("bob"), "wait")).unwrap();
    assert_eq!(paused, std::slice::from_ref(&driven.change_set), "and not the one that has ended");
    assert_eq!(wait(driven.plane.resume_all(&person("bob"), "go on")).unwrap(), paused);
    let state = driven.told_at(0, done).unwrap();
    assert_eq!(state.end, Some(End::Live));
}
