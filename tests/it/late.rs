//! Hosts that are taken for dead and are not: they stand still in the middle of something, another one takes their change set over and
//! calls it off, and then they go on. Nothing of it stays.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::{End, Role, State};
use pathops_core::adapter::{CheckState, NewCommit, NewPullRequest, PullRequestMeta, PullRequestState, Scm};
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::{BranchName, ChangeSetId, CommitId, IdempotencyKey, OpContext, Principal, RepoId};

use crate::world::{World, branch, cx, feature_of, person, repo, wait};

const ROLES: [Role; 5] = [Role::Source, Role::Preflight, Role::Production, Role::Recovery, Role::Restore];

/// Longer than a lease lasts.
const LONG: Duration = Duration::from_secs(60);

fn scm(world: &World) -> Arc<dyn Scm> {
    world.forge.scm(Principal::System)
}

fn own(change_set: &ChangeSetId, role: Role) -> (RepoId, BranchName) {
    let of = if role == Role::Source { "shop/orders-src" } else { "shop/orders-gitops" };
    (repo(of), branch(&format!("pathops/{change_set}-{role}")))
}

/// What is left of a change set on the Git host: its branches, its pull requests that are open, and what is granted to the others; and
/// where the branches are that others look at.
type Left = (Vec<Option<CommitId>>, Vec<String>, Vec<String>, Vec<Option<CommitId>>);

fn left(world: &World, change_set: &ChangeSetId) -> Left {
    let (scm, mut left) = (scm(world), Left::default());
    for role in ROLES {
        let (repo, branch) = own(change_set, role);
        left.0.push(wait(scm.branch_head(&cx(), &repo, &branch)).unwrap());
        for found in wait(scm.pull_requests_from(&cx(), &repo, &branch)).unwrap() {
            let checks = wait(scm.checks(&cx(), &repo, &found.head)).unwrap();
            let is_granted = checks.iter().any(|it| it.name == PROMOTION_CONTEXT && it.state == CheckState::Success);
            match found.state {
                PullRequestState::Open => left.1.push(found.url),
                PullRequestState::Closed { .. } if is_granted => left.2.push(found.url),
                _ => {}
            }
        }
    }
    for (of, name) in [("orders-src", "main"), ("orders-gitops", "preflight"), ("orders-gitops", "production")] {
        left.3.push(wait(scm.branch_head(&cx(), &repo(&format!("shop/{of}")), &branch(name))).unwrap());
    }
    left
}

/// Goes on until it is ready, with people who act.
fn goes_on<T>(world: &World, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    for _ in 0..200_000 {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(answer);
        }
        world.people_act();
        world.clock.advance_to_next();
    }
    None
}

/// A host freezes in the middle of that write, and goes on when all is over. Whether it came there at all.
fn frozen_in(write: u64) -> bool {
    let world = World::new(MemoryJournal::new());
    let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Write(write));
    let faults = Arc::new(faults);
    let (one, two) = (world.through(&faults).plane_of("one"), world.plane_of("two"));
    let change_set = wait(two.request_feature(feature_of(&["orders"], "better", None), None)).unwrap();
    let mut late = Box::pin(one.drive(&change_set));
    while faults.hits().is_empty() {
        if late.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return false;
        }
        if faults.hits().is_empty() {
            world.people_act();
            assert!(world.clock.advance_to_next(), "everybody waits for ever");
        }
    }
    let at = format!("frozen in write {write} ({})", faults.hits()[0].operation);
    world.clock.advance(LONG);
    // What is in production already goes its way to the end.
    let cancelled = wait(two.cancel(&change_set, &person("alice"), "not any more"));
    let state: State =
        goes_on(&world, two.drive(&change_set)).unwrap_or_else(|| panic!("{at}: it does not come to an end")).unwrap();
    assert!(state.ended && (cancelled.is_err() || state.end.is_some()), "{at}: {:?}", state.end);
    let before = left(&world, &change_set);
    assert_eq!((&before.1, &before.2), (&Vec::new(), &Vec::new()), "{at}, before it goes on");
    // That it has lost the run is told, where it notices.
    let _refused = goes_on(&world, late).unwrap_or_else(|| panic!("{at}: it never notices"));
    assert_eq!(left(&world, &change_set), before, "{at}");
    true
}

#[test]
fn a_host_that_freezes_in_each_write_and_goes_on_too_late_leaves_nothing() {
    let came_to = (1..).take_while(|write| frozen_in(*write)).count();
    assert!(came_to > 30, "it came to {came_to} writes");
}

fn context(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

/// Makes a branch of a change set that is over once more, and a pull request from it.
fn opened_again(world: &World, change_set: &ChangeSetId, role: Role, by: Principal) -> (RepoId, BranchName) {
    let (scm, (repo, own)) = (scm(world), own(change_set, role));
    let base = branch(if role == Role::Source { "main" } else { "production" });
    let at = wait(scm.branch_head(&cx(), &repo, &base)).unwrap().unwrap();
    let key = |what: &str| context(&format!("late/{role}/{what}"));
    wait(scm.create_branch(&key("branch"), &repo, &own, &at)).unwrap();
    let message = format!("Declare intent\n\nPathOps-Change-Set: {change_set}\nPathOps-Branch: {own}\n");
    let commit = |message: String, expected_head: CommitId, author: Principal| NewCommit {
        branch: own.clone(),
        expected_head,
        message,
        author,
        at: crate::world::START,
        changes: Vec::new(),
    };
    let ours = wait(scm.commit(&key("commit"), &repo, &commit(message, at, Principal::System))).unwrap();
    if by != Principal::System {
        wait(scm.commit(&key("more"), &repo, &commit("More of it\n".to_owned(), ours, by.clone()))).unwrap();
    }
    let (title, body) = ("Show the delivery date".to_owned(), String::new());
    let new = NewPullRequest {
        title,
        body,
        head: own.clone(),
        base,
        author: by,
        reviewers: Vec::new(),
        meta: PullRequestMeta::default(),
    };
    wait(scm.open_pull_request(&key("pull-request"), &repo, &new)).unwrap();
    (repo, own)
}

/// A host that dies before it could sweep up leaves that to whoever is asked for it; what people have put there is theirs.
#[test]
fn what_was_opened_too_late_is_closed_and_what_people_made_is_left_alone() {
    let world = World::new(MemoryJournal::new());
    let plane = world.plane();
    let change_set = wait(plane.request_feature(feature_of(&["orders"], "better", None), None)).unwrap();
    wait(plane.cancel(&change_set, &person("alice"), "not any more")).unwrap();
    assert_eq!(goes_on(&world, plane.drive(&change_set)).unwrap().unwrap().end, Some(End::Cancelled));
    assert_eq!(wait(plane.sweep(&change_set)).unwrap(), [] as [String; 0], "nothing is left to sweep up");
    let (late, late_branch) = opened_again(&world, &change_set, Role::Source, Principal::System);
    let (theirs, their_branch) = opened_again(&world, &change_set, Role::Production, Principal::Human(person("bob")));
    let swept = wait(plane.sweep(&change_set)).unwrap();
    assert!(swept.len() == 2 && swept[0].starts_with("the pull request ") && swept[1].starts_with("the branch "), "{swept:?}");
    assert_eq!(wait(scm(&world).branch_head(&cx(), &late, &late_branch)).unwrap(), None);
    let found = wait(scm(&world).pull_requests_from(&cx(), &late, &late_branch)).unwrap();
    assert!(found.iter().all(|it| matches!(it.state, PullRequestState::Closed { .. })), "{found:?}");
    assert!(wait(scm(&world).branch_head(&cx(), &theirs, &their_branch)).unwrap().is_some());
    let found = wait(scm(&world).pull_requests_from(&cx(), &theirs, &their_branch)).unwrap();
    assert!(found.iter().any(|it| it.state == PullRequestState::Open), "{found:?}");
    assert_eq!(wait(plane.sweep(&change_set)).unwrap(), [] as [String; 0]);
}
