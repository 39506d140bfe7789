//! Branches that move under PathOps: the one a pull request is for, while PathOps is down; and its own ones, which people
//! push to and rewrite.

use std::sync::Arc;
use std::time::Duration;

use pathops_coordinator::change_set::{End, Role, State};
use pathops_core::adapter::{BranchProtection, FileChange, NewCommit, NewPullRequest, PullRequest, Scm, SourceFile};
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::project::FeatureRequest;
use pathops_core::{BranchName, CommitId, Principal, RepoId, RepoPath};

use crate::world::{World, cx, feature_of, id, person, repo, wait};

const DESIRED: &str = "shop/orders-gitops";

fn scm(world: &World) -> Arc<dyn Scm> {
    world.forge.scm(Principal::System)
}

fn branch(name: &str) -> BranchName {
    name.parse().unwrap()
}

fn head(world: &World, name: &BranchName) -> Option<CommitId> {
    wait(scm(world).branch_head(&cx(), &desired(), name)).unwrap()
}

fn desired() -> RepoId {
    repo(DESIRED)
}

/// The branch of the change set that `key` gives, in a role.
fn own(world: &World, role: Role) -> Option<BranchName> {
    let run = wait(pathops_core::adapter::Journal::open_runs(&world.journal, &cx())).unwrap().pop()?;
    Some(branch(&format!("pathops/{run}-{role}")))
}

fn pull_requests(world: &World, from: &BranchName) -> Vec<PullRequest> {
    wait(scm(world).pull_requests_from(&cx(), &desired(), from)).unwrap()
}

/// Somebody commits a file to a branch of the desired state.
fn commit(world: &World, on: &BranchName, path: &str, text: &str) -> CommitId {
    let file = SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    let new = NewCommit {
        branch: on.clone(),
        expected_head: head(world, on).unwrap(),
        message: "By hand".to_owned(),
        author: Principal::System,
        at: crate::world::START,
        changes: vec![FileChange { path: RepoPath::parse(path).unwrap(), file: Some(file) }],
    };
    world.forge.person(person("bob")).commit(&desired(), &new).unwrap()
}

/// People change the settings of an environment, which are its own, by a pull request.
fn change_settings(world: &World, environment: &str) -> CommitId {
    let (by_hand, base) = (branch("by-hand"), branch(environment));
    wait(scm(world).create_branch(&cx(), &desired(), &by_hand, &head(world, &base).unwrap())).unwrap();
    let made = commit(world, &by_hand, &format!("environments/{environment}/settings.yaml"), "changed by hand");
    let new = NewPullRequest {
        title: "Settings".to_owned(),
        body: String::new(),
        head: by_hand,
        base: base.clone(),
        author: Principal::Human(person("bob")),
        reviewers: Vec::new(),
    };
    let opened = wait(scm(world).open_pull_request(&cx(), &desired(), &new)).unwrap();
    let rules = wait(scm(world).protection(&cx(), &desired(), &base)).unwrap();
    world.forge.protect(&desired(), &base, BranchProtection::default()).unwrap();
    let merged = world.forge.person(person("bob")).merge(&desired(), opened.number, &made).unwrap();
    world.forge.protect(&desired(), &base, rules).unwrap();
    merged
}

/// How far PathOps has come with a branch when it dies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Died {
    WithBranch,
    WithCommit,
}

/// Carries a request out until PathOps dies between making the branch of `role` and opening its pull request.
fn die(world: &World, request: &FeatureRequest, role: Role, base: &str, died: Died) -> BranchName {
    let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always);
    let slow = world.through(&Arc::new(faults));
    let reached = || {
        let Some(own) = own(world, role) else { return false };
        let (tip, base) = (head(world, &own), head(world, &branch(base)));
        let committed = tip != base;
        tip.is_some() && committed == (died == Died::WithCommit) && pull_requests(world, &own).is_empty()
    };
    assert!(slow.run(request.clone(), "k", reached).is_none(), "{died:?} was never seen");
    own(world, role).unwrap()
}

fn carry_on(world: &World, request: &FeatureRequest) -> State {
    world.carry_out(request.clone(), "k").unwrap()
}

#[test]
fn a_production_branch_that_moves_while_pathops_is_down_is_promoted_to_as_it_is_then() {
    for died in [Died::WithBranch, Died::WithCommit] {
        let world = World::new(MemoryJournal::new());
        let request = feature_of(&["orders"], "better", None);
        let own = die(&world, &request, Role::Production, "production", died);
        let moved = change_settings(&world, "production");
        let state = carry_on(&world, &request);
        assert_eq!((state.end, &state.failure), (Some(End::Live), &None), "{died:?}");
        let opened = pull_requests(&world, &own);
        assert_eq!(opened.len(), 1, "{died:?}");
        assert_eq!(state.units[&id("orders")].pull_requests[&Role::Production].base_commit, moved, "{died:?}");
        let settings = RepoPath::parse("environments/production/settings.yaml").unwrap();
        let now = head(&world, &branch("production")).unwrap();
        let kept = wait(scm(&world).read_file(&cx(), &desired(), &now, &settings)).unwrap();
        assert_eq!(kept.as_deref(), Some(b"changed by hand".as_slice()), "{died:?}");
    }
}

#[test]
fn a_preflight_branch_that_moves_while_pathops_is_down_is_reverted_as_it_is_then() {
    for died in [Died::WithBranch, Died::WithCommit] {
        let world = World::new(MemoryJournal::new());
        let request = feature_of(&["orders"], "better", Some("orders"));
        let own = die(&world, &request, Role::Recovery, "preflight", died);
        let moved = change_settings(&world, "preflight");
        let state = carry_on(&world, &request);
        assert_eq!(state.end, Some(End::Recovered), "{died:?}: {:?}", state.units[&id("orders")].problem);
        assert_eq!(pull_requests(&world, &own).len(), 1, "{died:?}");
        assert_eq!(state.units[&id("orders")].pull_requests[&Role::Recovery].base_commit, moved, "{died:?}");
    }
}

#[test]
fn what_somebody_pushed_to_a_branch_before_its_pull_request_was_there_is_kept_and_refused() {
    let world = World::new(MemoryJournal::new());
    let request = feature_of(&["orders"], "better", None);
    let own = die(&world, &request, Role::Production, "production", Died::WithCommit);
    let pushed = commit(&world, &own, "environments/production/extra.txt", "by hand");
    change_settings(&world, "production");
    let state = carry_on(&world, &request);
    assert_eq!(state.end, Some(End::Recovered));
    let reason = state.failure.unwrap().reason;
    assert!(reason.contains("tested-combination"), "{reason}");
    let opened = pull_requests(&world, &own);
    assert_eq!((opened.len(), &opened[0].head), (1, &pushed), "nothing was rewritten");
}
