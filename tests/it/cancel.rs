//! A change set is cancelled: at every moment, by those who may, whether somebody drives it or not; and nothing of it is left.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::{End, Role, State, Undo};
use pathops_core::adapter::*;
use pathops_core::flow::Event;
use pathops_core::lifecycle::{ArtifactState, ChangeSetState};
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::project::FeatureRequest;
use pathops_core::{BranchName, ChangeSetId, ErrorKind, IdempotencyKey, Principal, PullRequestNumber, RepoId, Result};

use crate::world::{World, cx, feature_of, id, person, repo, wait};

const ROLES: [Role; 5] = [Role::Source, Role::Preflight, Role::Production, Role::Recovery, Role::Restore];

fn asked(world: &World, plane: &ControlPlane, units: &[&str]) -> ChangeSetId {
    let request: FeatureRequest = feature_of(units, "better", None);
    world.pass(plane.request_feature(request, Some(&IdempotencyKey::new("k")))).unwrap()
}

/// Drives a change set until something is so, while people do what they are asked to. Gives the end, where it comes to one before.
fn driven(world: &World, plane: &ControlPlane, change_set: &ChangeSetId, until: impl Fn() -> bool) -> Option<State> {
    let mut whole = pin!(plane.drive(change_set));
    for _ in 0..200_000 {
        if let Poll::Ready(ended) = whole.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(ended.unwrap());
        }
        if until() {
            return None;
        }
        world.people_act();
        assert!(world.clock.advance_to_next(), "everybody waits for ever");
    }
    panic!("it does not come to an end");
}

fn to_its_end(world: &World, plane: &ControlPlane, change_set: &ChangeSetId) -> State {
    driven(world, plane, change_set, || false).unwrap()
}

fn state(plane: &ControlPlane, change_set: &ChangeSetId) -> State {
    wait(plane.state(change_set)).unwrap().unwrap()
}

fn scm(world: &World) -> Arc<dyn Scm> {
    world.forge.scm(Principal::System)
}

fn pull_requests(world: &World, repo: &RepoId) -> Vec<PullRequest> {
    (1..).map_while(|number| wait(scm(world).pull_request(&cx(), repo, PullRequestNumber(number))).ok()).collect()
}

fn branch(change_set: &ChangeSetId, role: Role) -> BranchName {
    format!("pathops/{change_set}-{role}").parse().unwrap()
}

fn repos(units: &[&str]) -> Vec<RepoId> {
    let of = |unit: &&str| [format!("shop/{unit}-src"), format!("shop/{unit}-gitops")];
    units.iter().flat_map(of).filter(|name| name != "shop/store-src").map(|name| repo(&name)).collect()
}

/// Nothing of it is open, no branch of it is there, nothing that it built may go anywhere, and the journal replays.
fn is_gone(world: &World, plane: &ControlPlane, state: &State, units: &[&str]) {
    let change_set = &state.start.change_set;
    for repo in repos(units) {
        for left in pull_requests(world, &repo) {
            assert_ne!(left.state, PullRequestState::Open, "{repo}{}", left.number);
            let comments = wait(scm(world).comments(&cx(), &repo, left.number)).unwrap();
            let [said] = comments.as_slice() else { panic!("{repo}{}: {comments:?}", left.number) };
            assert!(said.body.contains("Cancelled by alice: nobody wants it"), "{repo}{}: {}", left.number, said.body);
        }
        for role in ROLES {
            let head = wait(scm(world).branch_head(&cx(), &repo, &branch(change_set, role))).unwrap();
            assert_eq!(head, None, "{role} branch of {repo}");
        }
    }
    for (unit, progress) in &state.units {
        let artifact = progress.artifact.as_ref().map(pathops_core::lifecycle::Record::state);
        assert!(matches!(artifact, None | Some(ArtifactState::NotPromotable)), "{unit}: {artifact:?}");
        let stays = progress.production.is_some() && !progress.restored;
        assert!(!stays || state.end == Some(End::Incomplete), "{unit} stays in production, and nobody is told");
    }
    let by = state.cancelled_by().unwrap();
    assert_eq!((by.person.as_str(), by.reason.as_str()), ("alice", "nobody wants it"));
    assert_eq!(state.cancelled.as_ref().unwrap().undo, Undo::Done);
    pathops_simulation::lifecycles_are_kept(state).unwrap();
    assert_eq!(wait(plane.replay(change_set)).unwrap().as_ref(), Some(state));
    let events: Vec<_> = wait(plane.history(change_set, Seq(0), 1_000)).unwrap();
    let told = events.iter().filter(|it| matches!(it.event, Event::Told(_))).count();
    assert_eq!(told, 1, "it is in the history once");
}

#[test]
fn at_every_moment_it_can_be_cancelled_and_nothing_of_it_is_left() {
    let units = ["orders", "store"];
    let mut reached = Vec::new();
    // A good combination is in production, so that a way back in production leads somewhere.
    for before in [false, true] {
        // After each transition of its journal.
        for moment in 1.. {
            let world = World::new(MemoryJournal::new());
            if before {
                world.carry_out(feature_of(&units, "good", None), "before").unwrap();
            }
            let plane = world.plane();
            let change_set = asked(&world, &plane, &units);
            let ended = driven(&world, &plane, &change_set, || {
                let run = change_set.as_str().parse().unwrap();
                wait(world.journal.load(&cx(), &run)).unwrap().unwrap().seq >= Seq(moment)
            });
            let cancelled = world.pass(plane.cancel(&change_set, &person("alice"), "nobody wants it"));
            if let Some(state) = ended {
                assert_eq!((state.end, state.cancelled), (Some(End::Live), None));
                assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Conflict, "it is in production");
                break;
            }
            let Ok(_) = cancelled else {
                // Its record is being written.
                assert_eq!(to_its_end(&world, &plane, &change_set).end, Some(End::Live));
                continue;
            };
            let state = to_its_end(&world, &plane, &change_set);
            reached.push((state.lifecycle.state(), state.end, state.units.values().any(|it| it.production.is_some())));
            if !before {
                is_gone(&world, &plane, &state, &units);
            }
        }
    }
    for expected in [
        (ChangeSetState::Cancelled, Some(End::Recovered), false),
        (ChangeSetState::Recovered, Some(End::Recovered), false),
        (ChangeSetState::Recovered, Some(End::Recovered), true),
        (ChangeSetState::LeftToPeople, Some(End::Incomplete), true),
    ] {
        assert!(reached.contains(&expected), "{expected:?} in {reached:?}");
    }
}

#[test]
fn one_that_nobody_drives_is_cancelled_and_the_next_host_takes_it_back() {
    let world = World::new(MemoryJournal::new());
    let change_set = asked(&world, &world.plane(), &["orders"]);
    let plane = world.plane();
    let by = world.pass(plane.cancel(&change_set, &person("alice"), "nobody wants it")).unwrap();
    let waits: Vec<String> = wait(plane.waits(&change_set)).unwrap().unwrap().iter().map(ToString::to_string).collect();
    let expected = "is cancelled by alice: nobody wants it; whoever drives it takes it up within seconds, since 2025-";
    assert!(waits.iter().any(|it| it.starts_with(expected)), "{waits:#?}");
    drop(plane);

    let plane = world.plane_of("another");
    assert_eq!(state(&plane, &change_set).cancelled, None);
    let state = to_its_end(&world, &plane, &change_set);
    assert_eq!((state.cancelled_by(), state.end), (Some(&by), Some(End::Recovered)));
    let opened: usize = repos(&["orders"]).iter().map(|repo| pull_requests(&world, repo).len()).sum();
    assert_eq!(opened, 1, "only what was begun already is made, and closed");
    is_gone(&world, &plane, &state, &["orders"]);
}

#[test]
fn another_host_cancels_what_this_one_drives() {
    let world = World::new(MemoryJournal::new());
    let plane = world.plane();
    let change_set = asked(&world, &plane, &["orders"]);
    let mut whole = pin!(plane.drive(&change_set));
    // Nobody comes to review it.
    for _ in 0..200 {
        assert!(whole.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(world.clock.advance_to_next());
    }
    let other = world.plane_of("another");
    world.pass(other.cancel(&change_set, &person("alice"), "nobody wants it")).unwrap();
    let asked_at = world.clock.now();
    let state = world.pass(whole).unwrap();
    let taken_up = wait(plane.history(&change_set, Seq(0), 1_000)).unwrap();
    let taken_up = taken_up.iter().find(|it| matches!(it.event, Event::Told(_))).unwrap().at;
    assert!(taken_up.0 - asked_at.0 <= 10_000, "it takes {} ms", taken_up.0 - asked_at.0);
    is_gone(&world, &plane, &state, &["orders"]);
}

#[test]
fn only_those_may_cancel_who_may_request_and_the_first_one_stands() {
    let world = World::new(MemoryJournal::new());
    let plane = world.plane();
    let change_set = asked(&world, &plane, &["orders"]);
    let cancel = |who: &str, why: &str| world.pass(plane.cancel(&change_set, &person(who), why));
    let denied = cancel("mallory", "because").unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied);
    assert!(denied.to_string().contains("`mallory` has no role in this project"), "{denied}");
    assert_eq!(cancel("alice", " ").unwrap_err().kind(), ErrorKind::Invalid);
    let unknown = world.pass(plane.cancel(&"nobody-knows-it".parse().unwrap(), &person("alice"), "because"));
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::NotFound);

    let first = cancel("alice", "nobody wants it").unwrap();
    assert_eq!(cancel("bob", "I do not want it either").unwrap(), first, "before it is taken up");
    let state = to_its_end(&world, &plane, &change_set);
    assert_eq!(cancel("bob", "still not").unwrap(), first, "after it");
    assert_eq!(cancel("mallory", "still not").unwrap_err().kind(), ErrorKind::Denied);
    is_gone(&world, &plane, &state, &["orders"]);
    assert_eq!(wait(plane.waits(&change_set)).unwrap(), Some(Vec::new()));
}

#[test]
fn a_policy_that_keeps_people_from_requesting_keeps_them_from_cancelling() {
    let world = World::new(MemoryJournal::new());
    let plane = world.plane();
    let change_set = asked(&world, &plane, &["orders"]);
    let policy = crate::governance::policy(&world).replace("spec:\n", "spec:\n  permissions: {request: [owner]}\n");
    crate::governance::declare(&world, "main", "policy.yaml", &policy);
    let denied = world.pass(plane.cancel(&change_set, &person("bob"), "because")).unwrap_err();
    assert!(denied.to_string().contains("the policy does not let `bob` request a feature of `orders`"), "{denied}");
    world.pass(plane.cancel(&change_set, &person("alice"), "nobody wants it")).unwrap();
}

/// Each answer of the Git host and of everybody else in turn never arrives, and the process dies over it: what was under way is
/// not known to anybody, and does not stay.
#[test]
fn what_was_under_way_when_a_process_died_does_not_stay() {
    let mut cancelled = 0;
    for write in 1.. {
        let world = World::new(MemoryJournal::new());
        let change_set = asked(&world, &world.plane(), &["orders"]);
        let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
        let faults = Arc::new(Faults::new(1, clock).with(Fault::LoseAnswer, When::Write(write)));
        let before = world.through(&faults).plane();
        driven(&world, &before, &change_set, || !faults.hits().is_empty());
        drop(before);
        let plane = world.plane();
        let Ok(_) = world.pass(plane.cancel(&change_set, &person("alice"), "nobody wants it")) else { break };
        let state = to_its_end(&world, &plane, &change_set);
        is_gone(&world, &plane, &state, &["orders"]);
        cancelled += 1;
    }
    assert!(cancelled > 40, "only {cancelled}");
}

/// What a request does that arrives late: nobody in this process has made it, or will hear of it.
#[test]
fn a_pull_request_that_nobody_has_heard_of_is_found_and_closed() {
    let world = World::new(MemoryJournal::new());
    let plane = world.plane();
    let change_set = asked(&world, &plane, &["orders"]);
    let announced = || state(&plane, &change_set).units[&id("orders")].pull_requests.contains_key(&Role::Preflight);
    assert_eq!(driven(&world, &plane, &change_set, announced), None);
    late(&world, &repo("shop/orders-gitops"), &branch(&change_set, Role::Production), "production").unwrap();
    world.pass(plane.cancel(&change_set, &person("alice"), "nobody wants it")).unwrap();
    let state = to_its_end(&world, &plane, &change_set);
    assert!(state.units[&id("orders")].pull_requests.contains_key(&Role::Production), "it is on record");
    is_gone(&world, &plane, &state, &["orders"]);
}

fn late(world: &World, repo: &RepoId, branch: &BranchName, base: &str) -> Result<PullRequest> {
    let (scm, base) = (scm(world), base.parse::<BranchName>().unwrap());
    let tip = wait(scm.branch_head(&cx(), repo, &base))?.unwrap();
    wait(scm.create_branch(&cx(), repo, branch, &tip))?;
    let commit = NewCommit {
        branch: branch.clone(),
        expected_head: tip,
        message: "Late".to_owned(),
        author: Principal::System,
        at: world.clock.now(),
        changes: Vec::new(),
    };
    wait(scm.commit(&cx(), repo, &commit))?;
    let new = NewPullRequest {
        title: "Late".to_owned(),
        body: String::new(),
        head: branch.clone(),
        base,
        author: Principal::Human(person("alice")),
        reviewers: Vec::new(),
    };
    wait(scm.open_pull_request(&cx(), repo, &new))
}

#[test]
fn what_cannot_be_taken_back_is_told() {
    let world = World::new(MemoryJournal::new());
    let plane = world.plane();
    let change_set = asked(&world, &plane, &["orders"]);
    let gitops = repo("shop/orders-gitops");
    let rules = BranchProtection { required_checks: vec!["ci/build".parse().unwrap()], required_approvals: 0 };
    let in_preflight = || state(&plane, &change_set).units[&id("orders")].preflight.is_some();
    assert_eq!(driven(&world, &plane, &change_set, in_preflight), None);
    world.forge.protect(&gitops, &branch(&change_set, Role::Preflight), rules).unwrap();
    world.pass(plane.cancel(&change_set, &person("alice"), "nobody wants it")).unwrap();
    let state = to_its_end(&world, &plane, &change_set);
    assert_eq!(state.end, Some(End::Recovered));
    let remarks = state.remarks.join("\n");
    assert!(remarks.contains("orders: its source was merged (commit "), "{remarks}");
    let left = format!("it is left as it is: `{}` of shop/orders-gitops: ", branch(&change_set, Role::Preflight));
    assert!(remarks.contains(&left), "{remarks}");
    let main = "main".parse().unwrap();
    let head = wait(scm(&world).branch_head(&cx(), &repo("shop/meta"), &main)).unwrap().unwrap();
    let path = format!("change-sets/{change_set}/status.json").parse().unwrap();
    let record = wait(scm(&world).read_file(&cx(), &repo("shop/meta"), &head, &path)).unwrap().unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["cancelled"]["by"]["person"], "alice");
    assert_eq!(record["remarks"].as_array().unwrap().len(), state.remarks.len());
}

/// States and events from before there was such a thing.
#[test]
fn what_was_never_cancelled_is_written_as_it_was_before() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let written = serde_json::to_value(&state).unwrap();
    assert!(written.get("cancelled").is_none());
    assert_eq!(serde_json::from_value::<State>(written).unwrap(), state);
}
