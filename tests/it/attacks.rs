//! Ways around the rule, tried on the whole control plane in memory: each is stopped, and leaves nothing in production.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pathops_coordinator::change_set::{End, Role, State};
use pathops_core::adapter::*;
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::FeatureRequest;
use pathops_core::{CommitId, ErrorKind, Principal, PullRequestNumber, RepoPath};

use crate::world::{START, World, cx, feature_of, person, repo, wait};

/// Runs a feature of the store alone while `meddle` is called again and again.
fn meddled(world: &World, meddle: impl Fn(&World)) -> State {
    let request = feature_of(&["orders"], "better", None);
    world
        .run(request, "k", || {
            meddle(world);
            false
        })
        .unwrap()
        .unwrap()
}

fn pull_request(world: &World, name: &str, number: u64) -> Option<PullRequest> {
    wait(world.forge.scm(Principal::System).pull_request(&cx(), &repo(name), PullRequestNumber(number))).ok()
}

/// Pushes a file to an open pull request, once.
fn push(world: &World, who: &str, name: &str, file: &str, message: &str) {
    let Some(open) = pull_request(world, name, 1).filter(|it| it.state == PullRequestState::Open) else { return };
    let scm = world.forge.scm(Principal::System);
    let path = RepoPath::parse(file).unwrap();
    if wait(scm.read_file(&cx(), &repo(name), &open.head, &path)).unwrap().is_some() || commits(world, name, &open.head) < 3 {
        return;
    }
    let change = NewCommit {
        branch: open.head_branch,
        expected_head: open.head,
        message: message.to_owned(),
        author: Principal::Human(person(who)),
        at: START,
        changes: vec![FileChange { path, file: Some(SourceFile { bytes: b"more".to_vec(), executable: false }) }],
    };
    world.forge.person(person(who)).commit(&repo(name), &change).unwrap();
}

fn commits(world: &World, name: &str, head: &CommitId) -> usize {
    wait(world.forge.scm(Principal::System).log(&cx(), &repo(name), None, head, 100)).unwrap().len()
}

fn promotion_status(world: &World, head: &CommitId) -> Option<CheckState> {
    let checks = wait(world.forge.scm(Principal::System).checks(&cx(), &repo("shop/orders-gitops"), head)).unwrap();
    checks.into_iter().find(|check| check.name == PROMOTION_CONTEXT).map(|check| check.state)
}

fn approval(state: &State) -> String {
    let decided = state.units[&"orders".parse().unwrap()].last.as_ref().unwrap();
    let approval = decided.decision.requirements.iter().find(|requirement| requirement.id.as_str() == "approval").unwrap();
    approval.because.clone()
}

fn nothing_in_production(state: &State) {
    assert!(state.units.values().all(|progress| progress.production.is_none()));
}

#[test]
fn who_pushed_to_the_source_does_not_approve() {
    let world = World::new(MemoryJournal::new());
    let state = meddled(&world, |world| {
        push(world, "carol", "shop/orders-src", "src/by-carol", "Help a little");
        // Somebody else approves as well; without that the change set would wait for ever.
        let Some(proposed) = pull_request(world, "shop/orders-gitops", 2) else { return };
        if proposed.state == PullRequestState::Open {
            world
                .forge
                .person(person("bob"))
                .review(&repo("shop/orders-gitops"), proposed.number, &proposed.head, ReviewState::Approved, "")
                .unwrap();
        }
    });
    assert_eq!(state.end, Some(End::Live));
    assert!(
        approval(&state).starts_with("approved by bob; not counted: carol (has a part in the change)"),
        "{}",
        approval(&state)
    );
}

/// Whoever wrote it may press the button once others have approved it. Before, the host refuses, whatever they say themselves.
#[test]
fn the_author_merges_nothing_that_nobody_else_has_approved() {
    let world = World::new(MemoryJournal::new());
    let (refused, merged) = (AtomicU32::new(0), AtomicU32::new(0));
    let state = meddled(&world, |world| {
        push(world, "alice", "shop/orders-src", "src/by-alice", "Help a little");
        let (gitops, alice) = (repo("shop/orders-gitops"), world.forge.person(person("alice")));
        let open = pull_request(world, "shop/orders-gitops", 2).filter(|it| it.state == PullRequestState::Open);
        let Some(PullRequest { number, head, .. }) = open else { return };
        let is_granted = promotion_status(world, &head) == Some(CheckState::Success);
        alice.review(&gitops, number, &head, ReviewState::Approved, "mine").unwrap();
        match alice.merge(&gitops, number, &head) {
            Ok(_) => {
                assert!(is_granted, "alice merged what nobody else had approved");
                merged.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                assert_eq!((is_granted, error.kind()), (false, ErrorKind::Denied), "{error}");
                refused.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    assert_eq!((state.end, merged.load(Ordering::SeqCst)), (Some(End::Live), 1));
    assert!(refused.load(Ordering::SeqCst) > 0);
    assert!(
        approval(&state).starts_with("approved by carol; not counted: alice (has a part in the change)"),
        "{}",
        approval(&state)
    );
}

#[test]
fn a_co_author_whom_nobody_knows_stops_the_promotion() {
    let world = World::new(MemoryJournal::new());
    let state = meddled(&world, |world| {
        push(world, "bob", "shop/orders-src", "src/together", "Pair up\n\nCO-AUTHORED-BY: Carol Smith <carol@example.com>\n");
    });
    assert_eq!(state.end, Some(End::Recovered));
    assert!(approval(&state).contains("Carol Smith"), "{}", approval(&state));
    nothing_in_production(&state);
}

#[test]
fn desired_state_that_a_person_pushed_is_not_merged_unseen() {
    let world = World::new(MemoryJournal::new());
    let pathops_merged = AtomicU32::new(0);
    let state = meddled(&world, |world| {
        push_early(world);
        let merged = pull_request(world, "shop/orders-gitops", 1).map(|it| it.state);
        if matches!(merged, Some(PullRequestState::Merged { by: Principal::System, .. })) {
            pathops_merged.fetch_add(1, Ordering::SeqCst);
        }
        let waiting = pull_request(world, "shop/orders-gitops", 1).filter(|it| it.state == PullRequestState::Open);
        // A person looks at it and merges, once the artifact is in it.
        if let Some(open) = waiting.filter(|open| commits(world, "shop/orders-gitops", &open.head) >= 4) {
            world.forge.person(person("bob")).merge(&repo("shop/orders-gitops"), open.number, &open.head).unwrap();
        }
    });
    assert_eq!(pathops_merged.load(Ordering::SeqCst), 0, "PathOps does not merge what a person pushed");
    assert_eq!(state.end, Some(End::Live));
}

/// Weakens the deployment's description on the preflight branch, before anything is staged.
fn push_early(world: &World) {
    let Some(open) = pull_request(world, "shop/orders-gitops", 1).filter(|it| it.state == PullRequestState::Open) else { return };
    if commits(world, "shop/orders-gitops", &open.head) != 2 {
        return;
    }
    let path = RepoPath::parse("environments/preflight/extra.txt").unwrap();
    let change = NewCommit {
        branch: open.head_branch,
        expected_head: open.head,
        message: "Fewer checks".to_owned(),
        author: Principal::Human(person("alice")),
        at: START,
        changes: vec![FileChange { path, file: Some(SourceFile { bytes: b"x".to_vec(), executable: false }) }],
    };
    world.forge.person(person("alice")).commit(&repo("shop/orders-gitops"), &change).unwrap();
}

#[test]
fn an_incident_after_the_grant_takes_it_back_until_it_is_closed() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let (seen, looks) = (AtomicU32::new(0), AtomicU32::new(0));
    let state = meddled(&world, |world| {
        let Some(proposed) = pull_request(world, "shop/orders-gitops", 2) else { return };
        let status = promotion_status(world, &proposed.head);
        match (seen.load(Ordering::SeqCst), status) {
            (0, Some(CheckState::Success)) => incident(world, "closed: null"),
            (1, Some(CheckState::Pending)) => incident(world, "closed: 2025-11-24T09:00:00Z"),
            (2, Some(CheckState::Success)) => world.hesitant.store(false, Ordering::SeqCst),
            _ => {
                assert!(looks.fetch_add(1, Ordering::SeqCst) < 5_000, "the status does not follow the incident");
                return;
            }
        }
        seen.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!((state.end, seen.load(Ordering::SeqCst)), (Some(End::Live), 3));
}

/// The decision takes a while to be written down; meanwhile carol thinks better of it.
#[test]
fn an_approval_that_is_taken_back_while_the_decision_is_written_grants_nothing() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always);
    let faults = Arc::new(faults);
    let looks = AtomicU32::new(0);
    let state = meddled(&world.through(&faults), |world| {
        let Some(proposed) = pull_request(world, "shop/orders-gitops", 2) else { return };
        let says = |state| {
            world.forge.person(person("carol")).review(&repo("shop/orders-gitops"), proposed.number, &proposed.head, state, "")
        };
        let granted = promotion_status(world, &proposed.head) == Some(CheckState::Success);
        match looks.load(Ordering::SeqCst) {
            0 => {
                let reviews =
                    wait(world.forge.scm(Principal::System).reviews(&cx(), &repo("shop/orders-gitops"), proposed.number));
                // The engine may ask its journal for something meanwhile.
                let engine = ["take a lease", "read what a run was told", "add a transition"];
                let hits = faults.hits();
                let is_signed =
                    hits.iter().rev().find(|hit| !engine.contains(&hit.operation)).is_some_and(|hit| hit.operation == "sign");
                if reviews.unwrap().is_empty() || !is_signed {
                    return;
                }
                says(ReviewState::ChangesRequested).unwrap();
            }
            1..200 => assert!(!granted, "nobody approves"),
            200 => {
                says(ReviewState::Approved).unwrap();
                world.hesitant.store(false, Ordering::SeqCst);
            }
            _ => {}
        }
        looks.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!((state.end, looks.load(Ordering::SeqCst) > 200), (Some(End::Live), true));
}

/// Writes an incident of the unit into the meta repository.
fn incident(world: &World, closed: &str) {
    let text = format!(
        "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {{name: inc-1}}\nspec:\n  unit: orders\n  since: 2025-11-24T08:00:00Z\n  {closed}\n  summary: it burns\n"
    );
    declare(world, "incidents/inc-1.yaml", &text);
}

/// Writes a file into the meta repository.
fn declare(world: &World, path: &str, text: &str) {
    let scm = world.forge.scm(Principal::System);
    let meta = repo("shop/meta");
    let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
    let change = NewCommit {
        branch: "main".parse().unwrap(),
        expected_head: head,
        message: "Declare it".to_owned(),
        author: Principal::Human(person("alice")),
        at: START,
        changes: vec![FileChange {
            path: RepoPath::parse(path).unwrap(),
            file: Some(SourceFile { bytes: text.as_bytes().to_vec(), executable: false }),
        }],
    };
    world.forge.person(person("alice")).commit(&meta, &change).unwrap();
}

#[test]
fn a_grant_does_not_outlive_its_change_set() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let state = meddled(&world, |world| {
        let Some(proposed) = pull_request(world, "shop/orders-gitops", 2) else { return };
        let open = proposed.state == PullRequestState::Open;
        if open && promotion_status(world, &proposed.head) == Some(CheckState::Success) {
            let scm = world.forge.scm(Principal::Human(person("bob")));
            wait(scm.close_pull_request(&cx(), &repo("shop/orders-gitops"), proposed.number)).unwrap();
        }
    });
    assert_eq!(state.end, Some(End::Recovered));
    let proposed = &state.units[&"orders".parse().unwrap()].pull_requests[&Role::Production];
    assert_eq!(promotion_status(&world, &proposed.head), Some(CheckState::Failure), "the head cannot be proposed again");
    nothing_in_production(&state);
}

#[test]
fn what_people_merge_during_a_failure_is_taken_back_too() {
    let world = World::new(MemoryJournal::new());
    let request: FeatureRequest = feature_of(&["orders", "store"], "better", Some("store"));
    // The store fails in preflight; meanwhile a person merges the other unit's preflight pull request by hand.
    let state = world
        .run(request, "k", || {
            if let Some(open) = pull_request(&world, "shop/orders-gitops", 1).filter(|it| it.state == PullRequestState::Open) {
                let failed = world.deployed.lock().unwrap().iter().any(|it| it == "store@preflight");
                if failed {
                    let _ = world.forge.person(person("bob")).merge(&repo("shop/orders-gitops"), open.number, &open.head);
                }
            }
            false
        })
        .unwrap()
        .unwrap();
    let orders = &state.units[&"orders".parse().unwrap()];
    assert!(orders.preflight.is_some(), "the merge was noticed");
    assert_eq!(state.end, Some(End::Incomplete), "and nobody claims that everything is back: {:?}", state.units);
}

#[test]
fn a_mistake_in_the_meta_repository_holds_a_change_set_and_does_not_refuse_it() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let (step, looks) = (AtomicU32::new(0), AtomicU32::new(0));
    let state = meddled(&world, |world| {
        let Some(proposed) = pull_request(world, "shop/orders-gitops", 2) else { return };
        match step.load(Ordering::SeqCst) {
            0 if promotion_status(world, &proposed.head) == Some(CheckState::Success) => {
                incident(world, "closed: [not an instant")
            }
            // A while later, somebody mends it.
            1 if looks.fetch_add(1, Ordering::SeqCst) == 50 => incident(world, "closed: 2025-11-24T09:00:00Z"),
            2 => world.hesitant.store(false, Ordering::SeqCst),
            _ => return,
        }
        step.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!((state.end, state.failure), (Some(End::Live), None));
}

/// Lets people use further accounts and addresses.
fn declare_identities(world: &World) {
    declare(
        world,
        "people.yaml",
        "apiVersion: pathops.dev/v1alpha1\nkind: People\nmetadata: {name: people}\nspec:\n  people:\n    \
         - {name: alice, roles: [owner], accounts: [alice-two]}\n    \
         - {name: bob, roles: [reviewer]}\n    \
         - {name: carol, roles: [reviewer], emails: [carol@example.com], accounts: [carol-two]}\n",
    );
}

/// Approves the production pull request, if it is open.
fn approve(world: &World, who: &str) {
    let Some(proposed) = pull_request(world, "shop/orders-gitops", 2) else { return };
    if proposed.state == PullRequestState::Open {
        let desired = repo("shop/orders-gitops");
        world.forge.person(person(who)).review(&desired, proposed.number, &proposed.head, ReviewState::Approved, "").unwrap();
    }
}

#[test]
fn a_co_author_by_an_address_that_people_declare_is_that_person() {
    let world = World::new(MemoryJournal::new());
    declare_identities(&world);
    let state = meddled(&world, |world| {
        push(world, "alice", "shop/orders-src", "src/together", "Pair up\n\nCo-authored-by: Carol Smith <Carol@Example.com>\n");
        approve(world, "bob");
    });
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
    let approval = approval(&state);
    assert!(approval.starts_with("approved by bob; not counted: carol (has a part in the change)"), "{approval}");
}

#[test]
fn two_accounts_of_a_person_approve_once() {
    let world = World::new(MemoryJournal::new());
    declare_identities(&world);
    let policy = RepoPath::parse("policy.yaml").unwrap();
    let scm = world.forge.scm(Principal::System);
    let head = wait(scm.branch_head(&cx(), &repo("shop/meta"), &"main".parse().unwrap())).unwrap().unwrap();
    let text = String::from_utf8(wait(scm.read_file(&cx(), &repo("shop/meta"), &head, &policy)).unwrap().unwrap()).unwrap();
    declare(&world, "policy.yaml", &text.replace("count: 1", "count: 2"));
    let looks = AtomicU32::new(0);
    let state = meddled(&world, |world| {
        let Some(proposed) = pull_request(world, "shop/orders-gitops", 2) else { return };
        // Carol approves by herself; the requester has a second account too.
        match looks.fetch_add(1, Ordering::SeqCst) {
            10 => ["carol-two", "alice-two"].iter().for_each(|account| approve(world, account)),
            60 => {
                assert_eq!(promotion_status(world, &proposed.head), Some(CheckState::Pending), "one person approved");
                approve(world, "bob");
            }
            _ => {}
        }
    });
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
    let approval = approval(&state);
    assert!(approval.starts_with("approved by bob, carol; not counted: alice (has a part in the change)"), "{approval}");
}
