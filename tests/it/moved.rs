//! Branches that move under PathOps: the one a pull request is for, while PathOps is down; and its own ones, which people
//! push to and rewrite.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use pathops_coordinator::change_set::{End, Role, State};
use pathops_core::adapter::{
    BranchProtection, FileChange, Journal as _, NewCommit, NewPullRequest, PullRequest, PullRequestMeta, PullRequestState,
    PullRequestUpdate, RunFilter, Scm, SourceFile,
};
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
    let run = wait(world.journal.runs(&cx(), &RunFilter::default().open(), None, 100)).unwrap().pop()?;
    Some(branch(&format!("pathops/{run}-{role}")))
}

fn pull_requests(world: &World, from: &BranchName) -> Vec<PullRequest> {
    wait(scm(world).pull_requests_from(&cx(), &desired(), from)).unwrap()
}

/// Somebody commits a file to a branch of the desired state.
fn commit(world: &World, on: &BranchName, path: &str, text: &str) -> CommitId {
    commit_to(world, &desired(), on, path, text)
}

fn commit_to(world: &World, repo: &RepoId, on: &BranchName, path: &str, text: &str) -> CommitId {
    let file = SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    let new = NewCommit {
        branch: on.clone(),
        expected_head: wait(scm(world).branch_head(&cx(), repo, on)).unwrap().unwrap(),
        message: "By hand".to_owned(),
        author: Principal::System,
        at: crate::world::START,
        changes: vec![FileChange { path: RepoPath::parse(path).unwrap(), file: Some(file) }],
    };
    world.forge.person(person("bob")).commit(repo, &new).unwrap()
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
        meta: PullRequestMeta::default(),
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

/// Some hosts ask for reviews in a call of their own, and PathOps may die before it.
#[test]
fn reviews_that_nobody_was_asked_for_are_asked_for_once_pathops_is_back() {
    for role in [Role::Source, Role::Production] {
        let world = World::new(MemoryJournal::new());
        let request = feature_of(&["orders"], "better", None);
        let at = if role == Role::Source { repo("shop/orders-src") } else { desired() };
        let opened = || wait(scm(&world).pull_requests_from(&cx(), &at, &own(&world, role)?)).unwrap().pop();
        let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always);
        let slow = world.through(&Arc::new(faults));
        assert!(slow.run(request.clone(), "k", || opened().is_some()).is_none(), "{role}");
        let first = opened().unwrap();
        let nobody = PullRequestUpdate { reviewers: Some(Vec::new()), ..PullRequestUpdate::default() };
        wait(scm(&world).update_pull_request(&cx(), &at, first.number, &nobody)).unwrap();
        let state = carry_on(&world, &request);
        assert_eq!((state.end, &state.failure), (Some(End::Live), &None), "{role}");
        let now = wait(scm(&world).pull_request(&cx(), &at, first.number)).unwrap();
        assert!(!first.reviewers.is_empty(), "{role}");
        assert_eq!(now.reviewers, first.reviewers, "{role}");
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

/// Somebody throws a branch away and makes another one of that name, with a file of their own.
fn rewrite(world: &World, repo: &RepoId, own: &BranchName, base: &str, path: &str, text: &str) -> CommitId {
    let scm = world.forge.scm(Principal::Human(person("bob")));
    let at = |name: &BranchName| wait(scm.branch_head(&cx(), repo, name)).unwrap().unwrap();
    let (tip, base) = (at(own), at(&branch(base)));
    wait(scm.delete_branch(&cx(), repo, own, &tip)).unwrap();
    wait(scm.create_branch(&cx(), repo, own, &base)).unwrap();
    commit_to(world, repo, own, path, text)
}

/// Carries a request out, every call of it taking a second; `meddle` is tried until it has done what it wants.
fn meddled(world: &World, meddle: impl Fn() -> bool) -> State {
    let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Slow(Duration::from_secs(1)), When::Always);
    let slow = world.through(&Arc::new(faults));
    let done = Cell::new(false);
    let ended = slow.run(feature_of(&["orders"], "better", None), "k", || {
        done.set(done.get() || meddle());
        false
    });
    assert!(done.get(), "there was no time to meddle");
    ended.unwrap().unwrap()
}

/// The open pull request from the branch of a role.
fn open(world: &World, role: Role) -> Option<PullRequest> {
    pull_requests(world, &own(world, role)?).pop().filter(|found| found.state == PullRequestState::Open)
}

/// Whether the preflight pull request asks for an artifact and is open still.
fn staged(world: &World) -> bool {
    open(world, Role::Preflight).is_some_and(|found| {
        let artifact = RepoPath::parse("environments/preflight/artifact.yaml").unwrap();
        wait(scm(world).read_file(&cx(), &desired(), &found.head, &artifact)).unwrap().is_some()
    })
}

fn nothing_in_production(world: &World) {
    let now = head(world, &branch("production")).unwrap();
    let artifact = RepoPath::parse("environments/production/artifact.yaml").unwrap();
    assert_eq!(wait(scm(world).read_file(&cx(), &desired(), &now, &artifact)).unwrap(), None);
}

#[test]
fn a_source_branch_that_people_rewrite_is_built_anew() {
    let world = World::new(MemoryJournal::new());
    let source = repo("shop/orders-src");
    let state = meddled(&world, || {
        let Some(own) = own(&world, Role::Source) else { return false };
        let worked = wait(scm(&world).pull_requests_from(&cx(), &source, &own)).unwrap().pop().is_some_and(|found| {
            let path = RepoPath::parse("src/feature").unwrap();
            wait(scm(&world).read_file(&cx(), &source, &found.head, &path)).unwrap().is_some()
        });
        if worked {
            rewrite(&world, &source, &own, "main", "src/rewritten", "by hand");
        }
        worked
    });
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
    let orders = &state.units[&id("orders")];
    let merged = &orders.built.as_ref().unwrap().source.commit;
    let at = |path: &str| wait(scm(&world).read_file(&cx(), &source, merged, &RepoPath::parse(path).unwrap())).unwrap();
    assert_eq!((at("src/rewritten").as_deref(), at("src/feature")), (Some(b"by hand".as_slice()), None));
    assert_eq!(orders.payloads.len(), 2, "what the agent had made was built, and then what people made of it");
}

#[test]
fn a_preflight_branch_of_pathops_that_people_rewrite_is_merged_by_people() {
    let world = World::new(MemoryJournal::new());
    let state = meddled(&world, || {
        let (Some(_), Some(own)) = (open(&world, Role::Preflight), own(&world, Role::Preflight)) else { return false };
        rewrite(&world, &desired(), &own, "preflight", "environments/preflight/extra.txt", "by hand");
        true
    });
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
    assert!(state.units[&id("orders")].merged_by_people);
    let extra = RepoPath::parse("environments/production/extra.txt").unwrap();
    let now = head(&world, &branch("production")).unwrap();
    assert!(wait(scm(&world).read_file(&cx(), &desired(), &now, &extra)).unwrap().is_some(), "it was tested with the rest");
}

#[test]
fn what_people_leave_of_a_staged_artifact_is_what_is_tested() {
    let world = World::new(MemoryJournal::new());
    let state = meddled(&world, || {
        let Some(own) = own(&world, Role::Preflight).filter(|_| staged(&world)) else { return false };
        rewrite(&world, &desired(), &own, "preflight", "environments/preflight/extra.txt", "by hand");
        true
    });
    let orders = &state.units[&id("orders")];
    assert_eq!(state.end, Some(End::Recovered), "{:?}", orders.problem);
    assert!(orders.merged_by_people);
    let reason = state.failure.as_ref().map(|failure| failure.reason.clone()).unwrap();
    assert!(reason.contains("no artifact is running") || reason.contains("cannot be applied"), "{reason}");
    nothing_in_production(&world);
}

#[test]
fn a_preflight_branch_that_goes_its_own_way_is_refused_with_the_files_in_conflict() {
    let world = World::new(MemoryJournal::new());
    let state = meddled(&world, || {
        let staged = staged(&world);
        if staged {
            commit(&world, &branch("preflight"), "environments/preflight/artifact.yaml", "by hand");
        }
        staged
    });
    assert_eq!(state.end, Some(End::Recovered));
    let reason = state.failure.unwrap().reason;
    assert!(reason.contains("both sides changed `environments/preflight/artifact.yaml`"), "{reason}");
    let now = head(&world, &branch("preflight")).unwrap();
    let artifact = RepoPath::parse("environments/preflight/artifact.yaml").unwrap();
    let kept = wait(scm(&world).read_file(&cx(), &desired(), &now, &artifact)).unwrap();
    assert_eq!(kept.as_deref(), Some(b"by hand".as_slice()), "what people did stays");
    nothing_in_production(&world);
}

#[test]
fn a_production_branch_of_pathops_that_people_push_to_or_rewrite_is_refused_and_kept() {
    for anew in [false, true] {
        let world = World::new(MemoryJournal::new());
        let made = RefCell::new(None);
        let state = meddled(&world, || {
            let (Some(_), Some(own)) = (open(&world, Role::Production), own(&world, Role::Production)) else { return false };
            let path = "environments/production/extra.txt";
            let head = if anew {
                rewrite(&world, &desired(), &own, "production", path, "by hand")
            } else {
                commit(&world, &own, path, "by hand")
            };
            made.replace(Some((own, head)));
            true
        });
        assert_eq!(state.end, Some(End::Recovered), "rewritten: {anew}");
        let failure = state.failure.unwrap();
        assert!(failure.reason.contains("tested-combination"), "{}", failure.reason);
        let (own, made) = made.into_inner().unwrap();
        assert_eq!(head(&world, &own), Some(made), "nothing of theirs is lost");
        assert!(matches!(pull_requests(&world, &own)[0].state, PullRequestState::Closed { .. }));
        nothing_in_production(&world);
    }
}
