//! Work that people do: they push until it is good, and PathOps says what it waits for.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use pathops_coordinator::change_set::{End, Role, Stage, State};
use pathops_core::adapter::{FileChange, NewCommit, PullRequest, PullRequestState, SourceFile};
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::project::FeatureRequest;
use pathops_core::{Principal, PullRequestNumber, RepoPath};

use crate::world::{BROKEN, World, cx, feature_of, id, person, repo, wait};

/// A feature without a patch: people do the work.
fn by_hand(units: &[&str]) -> FeatureRequest {
    let mut request = feature_of(units, "", None);
    request.changes.iter_mut().for_each(|change| change.patch = None);
    request
}

/// The first pull request of a repository, once it is there.
pub(crate) fn first(world: &World, name: &str) -> Option<PullRequest> {
    wait(world.forge.scm(Principal::System).pull_request(&cx(), &repo(name), PullRequestNumber(1))).ok()
}

/// Somebody pushes a file to the first pull request of a repository.
pub(crate) fn push(world: &World, name: &str, path: &str, text: &str) {
    let pull_request = first(world, name).unwrap();
    let file = SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    let new = NewCommit {
        branch: pull_request.head_branch,
        expected_head: pull_request.head,
        message: "Work".to_owned(),
        author: Principal::System,
        at: crate::world::START,
        changes: vec![FileChange { path: RepoPath::parse(path).unwrap(), file: Some(file) }],
    };
    world.forge.person(person("alice")).commit(&repo(name), &new).unwrap();
}

/// What the status comment of the first pull request of a repository says.
fn comment(world: &World, name: &str) -> String {
    let comments = wait(world.forge.scm(Principal::System).comments(&cx(), &repo(name), PullRequestNumber(1)));
    comments.unwrap_or_default().into_iter().map(|comment| comment.body).collect()
}

/// Carries a request out, with somebody who does the next thing as soon as they can: `act` says whether it did it.
fn with_somebody(world: &World, request: FeatureRequest, act: impl Fn(usize) -> bool) -> State {
    let done = Cell::new(0);
    let ended = world.run(request, "k", || {
        done.set(done.get() + usize::from(act(done.get())));
        false
    });
    ended.unwrap().unwrap()
}

#[test]
fn a_person_pushes_until_it_builds() {
    let world = World::new(MemoryJournal::new());
    let source = "shop/orders-src";
    let state = with_somebody(&world, by_hand(&["orders"]), |done| match done {
        0 if comment(&world, source).contains("orders waits for a push to `pathops/show-the-delivery-date-") => {
            push(&world, source, "src/feature", BROKEN);
            true
        }
        1 if comment(&world, source).contains("does not build: ci/run ended with code 1") => {
            assert!(
                comment(&world, source).contains("| 1 | orders | waits for the next push to `pathops/show-the-delivery-date-")
            );
            push(&world, source, "src/other", "other");
            true
        }
        // The mistake is still there: PathOps waits again.
        2 if comment(&world, source).contains("does not build: ci/run ended with code 1") => {
            push(&world, source, "src/feature", "better");
            true
        }
        _ => false,
    });
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
    let orders = &state.units[&id("orders")];
    assert_eq!((orders.payloads.len(), &orders.problem, &orders.not_promotable()), (3, &None, &None));
    let tested: Vec<_> = orders.evidence.iter().filter(|record| record.name == "orders unit tests").collect();
    assert_eq!(tested.len(), 3, "what failed is evidence too");
    assert_eq!(orders.evidence.iter().filter(|record| record.name == "orders provenance").count(), 1, "one came out");
}

#[test]
fn what_a_person_pushes_later_is_built_anew() {
    let world = World::new(MemoryJournal::new());
    let source = "shop/orders-src";
    let state = with_somebody(&world, by_hand(&["orders"]), |done| match done {
        0 if first(&world, source).is_some() => {
            push(&world, source, "src/feature", "better");
            true
        }
        1 if comment(&world, source).contains("is being built and tested") => {
            push(&world, source, "src/feature", "even better");
            true
        }
        _ => false,
    });
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
    let orders = &state.units[&id("orders")];
    assert_eq!(orders.payloads.len(), 2, "both pushes were built");
    let source_now = &orders.built.as_ref().unwrap().source;
    let feature = RepoPath::parse("src/feature").unwrap();
    let scm = world.forge.scm(Principal::System);
    let merged = wait(scm.read_file(&cx(), &repo(source), &source_now.commit, &feature)).unwrap();
    assert_eq!(merged.as_deref(), Some(b"even better".as_slice()));
}

#[test]
fn an_agents_work_that_does_not_build_is_refused() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], BROKEN, None), "k").unwrap();
    assert_eq!(state.end, Some(End::Recovered));
    let failure = state.failure.unwrap();
    assert_eq!((failure.stage, failure.reason.as_str()), (Stage::Building, "ci/run ended with code 1"));
}

#[test]
fn what_people_merge_although_it_does_not_build_is_built_as_it_is_and_refused() {
    let world = World::new(MemoryJournal::new());
    let source = "shop/orders-src";
    world.forge.protect(&repo(source), &"main".parse().unwrap(), Default::default()).unwrap();
    let state = with_somebody(&world, by_hand(&["orders"]), |done| match done {
        0 if first(&world, source).is_some() => {
            push(&world, source, "src/feature", BROKEN);
            true
        }
        1 if comment(&world, source).contains("does not build") => {
            let head = first(&world, source).unwrap().head;
            world.forge.person(person("bob")).merge(&repo(source), PullRequestNumber(1), &head).unwrap();
            true
        }
        _ => false,
    });
    assert_eq!(state.end, Some(End::Recovered));
    assert_eq!(state.failure.unwrap().stage, Stage::Rebuilding);
}

#[test]
fn one_whose_work_is_waited_for_does_not_keep_a_refused_change_set_open() {
    let world = World::new(MemoryJournal::new());
    let mut request = feature_of(&["catalog", "store"], BROKEN, None);
    request.changes.iter_mut().filter(|change| change.unit == id("store")).for_each(|change| change.patch = None);
    let state = world.carry_out(request, "k").unwrap();
    assert_eq!(state.end, Some(End::Recovered));
    let store = first(&world, "shop/store-gitops").unwrap();
    assert_eq!(store.state, PullRequestState::Closed { by: Principal::System });
}

#[test]
fn a_components_pull_request_that_people_merge_before_its_turn_is_refused_and_left_to_people() {
    let world = World::new(MemoryJournal::new());
    let desired = "shop/store-gitops";
    let state = with_somebody(&world, by_hand(&["store"]), |done| match done {
        0 if comment(&world, desired).contains("store waits for a push") => {
            let head = first(&world, desired).unwrap().head;
            world.forge.person(person("bob")).merge(&repo(desired), PullRequestNumber(1), &head).unwrap();
            true
        }
        _ => false,
    });
    assert_eq!(state.end, Some(End::Incomplete));
    let reason = state.failure.unwrap().reason;
    assert!(reason.contains("bob merged the preflight pull request before it was its turn"), "{reason}");
    let store = &state.units[&id("store")];
    assert!(store.pull_requests.contains_key(&Role::Preflight) && store.production.is_none());
    assert!(store.problem.as_ref().unwrap().contains("what was there is not known"), "{:?}", store.problem);
}

#[test]
fn a_push_while_pathops_is_down_is_not_missed() {
    let world = World::new(MemoryJournal::new());
    let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always);
    let source = "shop/orders-src";
    // The pull request is there, and that is not in the journal yet.
    let died = world.through(&Arc::new(faults)).run(by_hand(&["orders"]), "k", || first(&world, source).is_some());
    assert!(died.is_none());
    push(&world, source, "src/feature", "better");
    let state = world.carry_out(by_hand(&["orders"]), "k").unwrap();
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
}
