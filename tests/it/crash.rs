//! The whole golden path in memory and virtual time, killed before and after each write of the journal in turn: the end is
//! that of an undisturbed run, with no pull request, deployment or record twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pathops_coordinator::change_set::{End, Role, Stage, State};
use pathops_core::adapter::{BlobCollector as _, BlobStore as _, CheckState, PullRequestState, Signer as _, SourceTree};
use pathops_core::evidence::{BUILD_SUITE, Envelope, Predicate as _, Provenance, TestResult, TrustRoot};
use pathops_core::memory::{Fault, Faults, Interrupt, JournalWrite, MemoryJournal, MemorySigner, When};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::FeatureRequest;
use pathops_core::{Principal, PullRequestNumber, RepoPath};

use crate::retention::erasable;
use crate::world::{LATE_DEFECT, UNITS, World, cx, feature, feature_of, repo, wait};

#[test]
fn a_feature_reaches_production_in_the_deploy_order() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature(None), "k").unwrap();
    assert_eq!((state.end, &state.failure), (Some(End::Live), &None));
    assert!(state.units.values().all(|progress| progress.stage == Stage::Live), "{:?}", stages(&state));
    let deployed = world.deployed.lock().unwrap().clone();
    let place = |what: &str| {
        deployed.iter().position(|it| it == what).unwrap_or_else(|| panic!("{what} was never deployed: {deployed:?}"))
    };
    for environment in ["preflight", "production"] {
        assert!(place(&format!("orders@{environment}")) < place(&format!("web@{environment}")));
        assert!(place(&format!("catalog@{environment}")) < place(&format!("orders@{environment}")));
        assert!(place(&format!("store@{environment}")) < place(&format!("orders@{environment}")));
    }
    let last_in_preflight = UNITS.iter().map(|unit| place(&format!("{unit}@preflight"))).max().unwrap();
    let first_in_production = UNITS.iter().map(|unit| place(&format!("{unit}@production"))).min().unwrap();
    assert!(last_in_preflight < first_in_production, "everything is tried before anything is promoted: {deployed:?}");
}

#[test]
fn a_defect_in_preflight_is_refused_explained_and_reverted() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature(None), "first").unwrap();
    let before = production(&world);
    let tried = UNITS.map(|unit| preflight(&world, unit));
    let state = world.carry_out(feature_of(&UNITS, "even better", Some("orders")), "second").unwrap();
    assert_eq!(state.end, Some(End::Recovered), "{:?} {:?}", stages(&state), state.remarks);
    let failure = state.failure.as_ref().unwrap();
    assert_eq!(failure.unit.as_str(), "orders");
    assert!(failure.reason.contains("it does not"), "{}", failure.reason);
    let orders = &state.units[&failure.unit];
    let decision = &orders.first.as_ref().expect("the refusal is a decision").decision;
    assert!(decision.blocking().any(|requirement| requirement.id.as_str() == "preflight-smoke"), "{}", decision.to_text());
    assert!(state.units.values().all(|progress| progress.not_promotable().is_some()));
    assert_eq!(production(&world), before, "production is what it was");
    assert_eq!(UNITS.map(|unit| preflight(&world, unit)), tried, "preflight is what it was");
}

#[test]
fn a_crash_before_each_journal_write_changes_nothing() {
    crash_everywhere(&feature_of(&["orders", "store"], "better", None), false);
}

#[test]
fn a_crash_after_each_journal_write_changes_nothing() {
    crash_everywhere(&feature_of(&["orders", "store"], "better", None), true);
}

#[test]
fn a_crash_before_each_journal_write_of_a_recovery_changes_nothing() {
    crash_everywhere(&feature_of(&["orders", "store"], "better", Some("orders")), false);
}

#[test]
fn a_crash_after_each_journal_write_of_a_recovery_changes_nothing() {
    crash_everywhere(&feature_of(&["orders", "store"], "better", Some("orders")), true);
}

#[test]
fn a_failure_in_production_goes_back_to_the_last_good_combination() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature(None), "first").unwrap();
    let (before, tried) = (production(&world), UNITS.map(|unit| preflight(&world, unit)));
    let state = world.carry_out(late_fault(), "second").unwrap();
    assert_eq!(state.end, Some(End::Recovered), "{:?} {:?}", stages(&state), state.units);
    assert_eq!(production(&world), before, "production is what it was");
    assert_eq!(UNITS.map(|unit| preflight(&world, unit)), tried, "preflight is what it was");
    for progress in state.units.values().filter(|progress| progress.production.is_some()) {
        // The way back took the same door: a grant for its own head.
        let restore = &progress.pull_requests[&Role::Restore];
        let checks = wait(world.forge.scm(Principal::System).checks(&cx(), &restore.repo, &restore.head)).unwrap();
        assert!(checks.iter().any(|check| check.name == PROMOTION_CONTEXT && check.state == CheckState::Success));
        assert!(progress.restored && progress.not_promotable().is_some());
    }
}

#[test]
fn a_first_release_that_fails_in_production_is_left_to_people() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(late_fault(), "first").unwrap();
    assert_eq!(state.end, Some(End::Incomplete));
    let store = &state.units[&"store".parse().unwrap()];
    assert_eq!(store.stage, Stage::LeftToPeople);
    assert!(store.problem.as_ref().unwrap().contains("no combination to go back to"), "{:?}", store.problem);
}

#[test]
fn production_that_anybody_can_merge_is_refused() {
    let world = World::new(MemoryJournal::new());
    world.forge.protect(&repo("shop/orders-gitops"), &"production".parse().unwrap(), Default::default()).unwrap();
    let refused = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap_err();
    assert_eq!(refused.kind(), pathops_core::ErrorKind::Denied);
    assert!(refused.to_string().contains("can be merged without the status `pathops/promotion`"), "{refused}");
}

/// Passes preflight, and fails in production.
fn late_fault() -> FeatureRequest {
    feature_of(&["orders", "store"], &format!("works, with a {LATE_DEFECT}"), None)
}

#[test]
fn a_crash_at_each_journal_write_of_a_restore_changes_nothing() {
    let prepared = |hook: Arc<dyn Fn(JournalWrite) -> Interrupt + Send + Sync>| {
        let world = World::new(MemoryJournal::with_interrupt(hook));
        world.carry_out(feature_of(&["orders", "store"], "better", None), "first").unwrap();
        world
    };
    let clean = prepared(Arc::new(|_| Interrupt::Proceed));
    clean.carry_out(late_fault(), "k").unwrap();
    let expected = account(&clean, &late_fault());
    // Every third write: what lies before the failure is walked through whole by the tests above.
    for at in (0..).step_by(3) {
        let (armed, killed, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
        let (arm, dead) = (armed.clone(), killed.clone());
        let world = prepared(Arc::new(move |_| {
            let hit = arm.load(Ordering::SeqCst) && count.fetch_add(1, Ordering::SeqCst) == at;
            if hit && !dead.swap(true, Ordering::SeqCst) { Interrupt::FailAfter } else { Interrupt::Proceed }
        }));
        armed.store(true, Ordering::SeqCst);
        if world.run(late_fault(), "k", || killed.load(Ordering::SeqCst)).is_some() {
            assert!(at > 50, "only {at} writes were tried");
            break;
        }
        world.carry_out(late_fault(), "k").unwrap();
        assert_eq!(account(&world, &late_fault()), expected, "killed at journal write {at}");
    }
}

/// An app and a component: every kind of operation, and two waves.
fn crash_everywhere(request: &FeatureRequest, after: bool) {
    let clean = World::new(MemoryJournal::new());
    clean.carry_out(request.clone(), "k").unwrap();
    let expected = account(&clean, request);
    let mut at = 0;
    while let Some(world) = killed_at(request, at, after) {
        assert_eq!(account(&world, request), expected, "killed at journal write {at}");
        at += 1;
    }
    assert!(at > 30, "only {at} writes were tried");
}

/// A build is stated once, also where what it printed and reported is encrypted, and CI still has the run when the next process asks.
#[test]
fn a_crash_before_each_journal_write_states_an_erasable_build_once() {
    let request = feature_of(&["orders"], "better", None);
    let mut at = 0;
    loop {
        let (journal, killed) = dying(at, false);
        let world = erasable(journal);
        let ended = world.run(request.clone(), "k", || killed.load(Ordering::SeqCst)).is_some();
        world.carry_out(request.clone(), "k").unwrap();
        assert_eq!(
            builds(&world),
            BTreeMap::from([(Provenance::TYPE, 1), (TestResult::TYPE, 1)]),
            "killed at journal write {at}"
        );
        if ended {
            break;
        }
        at += 1;
    }
    assert!(at > 20, "only {at} writes were tried");
}

/// How many different statements about builds are stored, by type.
fn builds(world: &World) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for blob in wait(world.blobs.list(&cx(), None, 10_000)).unwrap() {
        let bytes = wait(world.blobs.get(&cx(), &blob.digest)).unwrap().unwrap();
        let Ok(envelope) = Envelope::from_slice(&bytes) else { continue };
        let trust = TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]);
        let statement = trust.verify(&envelope).unwrap().statement().clone();
        let of_the_build = statement.predicate["configuration"][0]["name"] == BUILD_SUITE;
        if let Some(kind) = [Provenance::TYPE, TestResult::TYPE].into_iter().find(|kind| statement.predicate_type == *kind) {
            *counts.entry(kind).or_default() += usize::from(kind == Provenance::TYPE || of_the_build);
        }
    }
    counts
}

/// A journal whose first process dies at one write and writes nothing after that; and whether it has died.
fn dying(at: u64, after: bool) -> (MemoryJournal, Arc<AtomicBool>) {
    let (killed, count) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
    let dead = killed.clone();
    let hook = move |_| {
        let now = count.fetch_add(1, Ordering::SeqCst);
        if now == at && !dead.swap(true, Ordering::SeqCst) {
            return if after { Interrupt::FailAfter } else { Interrupt::FailBefore };
        }
        Interrupt::Proceed
    };
    (MemoryJournal::with_interrupt(Arc::new(hook)), killed)
}

/// Runs a flow that dies at one journal write, and then a second process that goes on. `None` where there is no such write.
fn killed_at(request: &FeatureRequest, at: u64, after: bool) -> Option<World> {
    let (journal, killed) = dying(at, after);
    let world = World::new(journal);
    if world.run(request.clone(), "k", || killed.load(Ordering::SeqCst)).is_some() {
        return None;
    }
    // What only lived in memory is gone: CI has forgotten its runs.
    world.ci.forget_runs();
    world.carry_out(request.clone(), "k").unwrap();
    Some(world)
}

#[test]
fn every_call_made_twice_changes_nothing() {
    for defect in [None, Some("orders")] {
        disturbed(&feature(defect), || (Fault::Twice, When::Always), None);
    }
}

#[test]
fn every_write_made_twice_in_turn_changes_nothing() {
    in_turn(Fault::Twice);
}

#[test]
fn every_answer_lost_in_turn_changes_nothing() {
    in_turn(Fault::LoseAnswer);
}

/// At each write in turn, of a feature that goes to production and of one that goes back.
fn in_turn(fault: Fault) {
    for defect in [None, Some("orders")] {
        let request = feature_of(&["orders", "store"], "better", defect);
        let clean = World::new(MemoryJournal::new());
        clean.carry_out(request.clone(), "k").unwrap();
        let expected = account(&clean, &request);
        for write in 1.. {
            let world = World::new(MemoryJournal::new());
            let faults = Arc::new(Faults::new(1, Arc::new(world.clock.clone())).with(fault, When::Write(write)));
            world.through(&faults).carry_out(request.clone(), "k").unwrap();
            if faults.hits().is_empty() {
                assert!(write > 25, "only {write} writes were tried");
                break;
            }
            assert_eq!(account(&world, &request), expected, "{fault:?} at write {write}, with {defect:?}");
        }
    }
}

#[test]
fn a_flaky_git_host_changes_nothing() {
    // Whether people have merged the source of the last unit when the one before it fails is a matter of time, which this costs.
    disturbed(&feature(Some("orders")), || (Fault::Flaky, When::PerMille(100)), Some("shop/web-src#1 "));
}

/// It ends as undisturbed, but for the line that begins so.
fn disturbed(request: &FeatureRequest, fault: impl Fn() -> (Fault, When), but: Option<&str>) {
    let clean = World::new(MemoryJournal::new());
    clean.carry_out(request.clone(), "k").unwrap();
    for seed in 0..5 {
        let world = World::new(MemoryJournal::new());
        let (fault, when) = fault();
        let faults = Arc::new(Faults::new(seed, Arc::new(world.clock.clone())).with(fault, when));
        world.through(&faults).carry_out(request.clone(), "k").unwrap();
        assert!(!faults.hits().is_empty());
        let account = |world: &World| {
            let mut lines = account(world, request);
            lines.retain(|line| but.is_none_or(|but| !line.starts_with(but)));
            lines
        };
        assert_eq!(account(&world), account(&clean), "seed {seed}");
    }
}

fn stages(state: &State) -> BTreeMap<String, Stage> {
    state.units.iter().map(|(unit, progress)| (unit.to_string(), progress.stage)).collect()
}

/// What production asks for, unit by unit.
fn production(world: &World) -> Vec<String> {
    let scm = world.forge.scm(Principal::System);
    let tree = |unit: &&str| {
        let repo = repo(&format!("shop/{unit}-gitops"));
        let head = wait(scm.branch_head(&cx(), &repo, &"production".parse().unwrap())).unwrap().unwrap();
        wait(scm.tree_at(&cx(), &repo, &head, &RepoPath::root())).unwrap().unwrap().to_string()
    };
    UNITS.iter().map(tree).collect()
}

/// What the desired state of preflight is for a unit: the files of its folder.
fn preflight(world: &World, unit: &str) -> SourceTree {
    let scm = world.forge.scm(Principal::System);
    let repo = repo(&format!("shop/{unit}-gitops"));
    let head = wait(scm.branch_head(&cx(), &repo, &"preflight".parse().unwrap())).unwrap().unwrap();
    wait(scm.read_tree(&cx(), &repo, &head, &RepoPath::root())).unwrap()
}

/// Everything that a run leaves behind, without what differs from run to run (times, and ids that follow from them).
pub(crate) fn account(world: &World, request: &FeatureRequest) -> Vec<String> {
    let scm = world.forge.scm(Principal::System);
    let mut lines = Vec::new();
    for unit in UNITS {
        for name in [format!("shop/{unit}-src"), format!("shop/{unit}-gitops")] {
            if name == "shop/store-src" {
                continue;
            }
            let repo = repo(&name);
            for number in 1.. {
                let Ok(pull_request) = wait(scm.pull_request(&cx(), &repo, PullRequestNumber(number))) else { break };
                let state = match &pull_request.state {
                    PullRequestState::Open => "open".to_owned(),
                    PullRequestState::Closed { by } => format!("closed by {by}"),
                    PullRequestState::Merged { by, .. } => format!("merged by {by}"),
                };
                let comments = wait(scm.comments(&cx(), &repo, pull_request.number)).unwrap().len();
                let reviews = wait(scm.reviews(&cx(), &repo, pull_request.number)).unwrap().len();
                let granted = wait(scm.checks(&cx(), &repo, &pull_request.head)).unwrap();
                let checks: Vec<_> =
                    granted.iter().filter(|check| check.state == CheckState::Success).map(|check| check.name.clone()).collect();
                let commits = commits(world, &name, &pull_request.head);
                lines.push(format!(
                    "{name}#{number} {} {state}, {commits} commits, {comments} comments, {reviews} reviews, {checks:?}",
                    pull_request.title
                ));
            }
        }
    }
    let meta = repo("shop/meta");
    let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
    lines.push(format!("{} commits in the meta repository", commits(world, "shop/meta", &head)));
    let released = wait(scm.read_tree(&cx(), &meta, &head, &"evidence".parse().unwrap())).unwrap_or_default();
    // A change set has another name in each run.
    let released = released.keys().map(|path| path.as_str().rsplit_once('.').map_or("", |(_, rest)| rest).to_owned());
    lines.push(format!("{:?} of releases", released.collect::<Vec<_>>()));
    let state = world.carry_out(request.clone(), "k").unwrap();
    for (unit, progress) in &state.units {
        let evidence: Vec<_> = progress.evidence.iter().chain(&progress.snapshots).map(|record| record.name.clone()).collect();
        lines.push(format!("{unit} {:?} {evidence:?}", progress.stage));
    }
    lines.push(format!("{:?} {:?}", state.end, state.failure));
    let mut deployed = world.deployed.lock().unwrap().clone();
    deployed.sort();
    lines.push(format!("{deployed:?}"));
    lines
}

/// How many commits lead to `head` by first parents.
fn commits(world: &World, name: &str, head: &pathops_core::CommitId) -> usize {
    let scm = world.forge.scm(Principal::System);
    let mut count = 0;
    let mut next = Some(head.clone());
    while let Some(commit) = next {
        count += 1;
        next = wait(scm.read_commit(&cx(), &repo(name), &commit)).unwrap().parents.into_iter().next();
    }
    count
}
