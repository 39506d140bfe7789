//! The invariants of the design, each with a test of its name, on the whole control plane in memory. What holds one in a
//! single place is tested there too; the handbook's page on invariants lists all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use pathops_coordinator::change_set::{Command, End, PullRequestRef, Role, State};
use pathops_core::adapter::*;
use pathops_core::evidence::{Envelope, TrustRoot};
use pathops_core::memory::{MemoryForge, MemoryJournal, MemorySigner, Pipeline, Rollout};
use pathops_core::policy::{CommitStatus, Decision, GrantRequired, PROMOTION_CONTEXT, Verdict};
use pathops_core::project::EnvironmentKind;
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Principal, RepoId, RepoPath};

use crate::world::{SECRET, UNITS, World, cx, feature, feature_of, id, person, repo, target, wait};

fn live() -> (World, State) {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature(None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    (world, state)
}

#[test]
fn i1_production_needs_a_grant() {
    let world = World::new(MemoryJournal::new());
    let (forge, refused) = (world.forge.clone(), Arc::<Mutex<BTreeMap<RepoId, Error>>>::default());
    let refusals = refused.clone();
    // Before the final decision all that is missing is the status: with an approval, too, nobody can merge.
    let world = world.watched(move |command| {
        let Command::Promote { pull_request: PullRequestRef { repo, number, .. }, until_merged: false, .. } = command else {
            return;
        };
        let now = wait(forge.scm(Principal::System).pull_request(&cx(), repo, *number)).unwrap();
        forge.person(person("carol")).review(repo, *number, &now.head, ReviewState::Approved, "fine").unwrap();
        let error = forge.person(person("bob")).merge(repo, *number, &now.head).unwrap_err();
        refusals.lock().unwrap().entry(repo.clone()).or_insert(error);
    });
    let state = world.carry_out(feature(None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    let scm = world.forge.scm(Principal::System);
    for progress in state.units.values() {
        let proposed = &progress.pull_requests[&Role::Production];
        let error = &refused.lock().unwrap()[&proposed.repo];
        assert!(error.kind() == ErrorKind::Denied && error.to_string().contains(PROMOTION_CONTEXT), "{error}");
        let checks = wait(scm.checks(&cx(), &proposed.repo, &proposed.head)).unwrap();
        assert!(checks.iter().any(|check| check.name == PROMOTION_CONTEXT && check.state == CheckState::Success));
        // Without a grant the status cannot be made at all, in whatever spelling.
        for spelling in [PROMOTION_CONTEXT.to_owned(), PROMOTION_CONTEXT.to_uppercase()] {
            let made = CommitStatus::new(proposed.head.clone(), spelling.parse().unwrap(), CheckState::Success, "yes");
            assert_eq!(made, Err(GrantRequired));
        }
    }
}

#[test]
fn i2_nobody_who_has_a_part_in_it_approves() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature(None), "k").unwrap();
    let requester = &state.start.request.requested_by;
    for (unit, progress) in &state.units {
        let decision = &progress.last.as_ref().unwrap().decision;
        let approval = decision.requirements.iter().find(|requirement| requirement.id.as_str() == "approval").unwrap();
        assert_eq!(approval.because, "approved by carol", "{unit}");
        assert!(!approval.because.contains(requester.as_str()));
        let proposed = &progress.pull_requests[&Role::Production];
        let now = wait(world.forge.scm(Principal::System).pull_request(&cx(), &proposed.repo, proposed.number)).unwrap();
        assert!(matches!(now.state, PullRequestState::Merged { by: Principal::Human(_), .. }), "{unit} was merged by a person");
    }
    assert!(MergeableBranch::of(&target(EnvironmentKind::Production)).is_none());
    assert!(MergeableBranch::of(&target(EnvironmentKind::Preflight)).is_some());
}

#[test]
fn i3_evidence_is_signed_and_never_changed() {
    let (world, state) = live();
    let trust = TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]);
    let read = |envelope| wait(world.blobs.get(&cx(), envelope));
    let mut seen = BTreeSet::new();
    for record in state.evidence() {
        let bytes = read(&record.envelope).unwrap().expect("evidence is kept");
        let verified = trust.verify(&Envelope::from_slice(&bytes).unwrap()).unwrap();
        assert_eq!(verified.id(), record.id);
        assert!(seen.insert(record.id), "{} stands once", record.name);
        // What was changed is not signed, and does not take the place of what it was.
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        assert!(!Envelope::from_slice(&changed).is_ok_and(|it| trust.verify(&it).is_ok()), "{}", record.name);
        wait(world.blobs.put(&cx(), changed)).unwrap();
        assert_eq!(read(&record.envelope).unwrap(), Some(bytes));
        // Changed where it lies, it is not given out.
        assert!(world.blobs.corrupt(&record.envelope));
        assert_eq!(read(&record.envelope).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert!(seen.len() > 40);
}

#[test]
fn i4_what_is_absent_is_never_a_pass() {
    let skipped = "<testsuite name=\"unit\"><testcase classname=\"orders\" name=\"works\"><skipped/></testcase></testsuite>";
    let reports = [None, Some("<testsuites/>"), Some("<testsuite name=\"unit\"/>"), Some(skipped)];
    for report in reports {
        let mut world = World::new(MemoryJournal::new());
        world.ci = world.ci.clone().with_script(move |request, files| {
            let mut pipeline = Pipeline::passing(request, files);
            pipeline.tests = report.map(|text| text.as_bytes().to_vec());
            pipeline
        });
        is_no_pass(&world, "unit-tests");
    }
    for checks in [None, Some(Vec::new())] {
        let mut world = World::new(MemoryJournal::new());
        world.gitops = world.gitops.clone().with_script(move |deploying| {
            let mut rollout = Rollout::passing(deploying);
            rollout.jobs.iter_mut().filter(|job| job.kind == JobKind::Smoke).for_each(|job| job.checks.clone_from(&checks));
            rollout
        });
        is_no_pass(&world, "preflight-smoke");
    }
}

/// With everything else as it has to be, the requirement is not met, and nothing comes near production.
#[track_caller]
fn is_no_pass(world: &World, requirement: &str) {
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Recovered), "{requirement}");
    let orders = &state.units[&id("orders")];
    assert!(orders.production.is_none() && !orders.pull_requests.contains_key(&Role::Production));
    let decision = &orders.first.as_ref().unwrap().decision;
    let asked = decision.requirements.iter().find(|it| it.id.as_str() == requirement).unwrap();
    assert!(asked.verdict != Verdict::Pass && decision.verdict != Verdict::Pass, "{}", decision.to_text());
}

#[test]
fn i5_a_decision_is_the_same_on_every_run() {
    let decisions = || -> Vec<Decision> {
        let (_, state) = live();
        state
            .units
            .values()
            .flat_map(|progress| [&progress.first, &progress.last])
            .flatten()
            .map(|decided| decided.decision.clone())
            .collect()
    };
    let (one, other) = (decisions(), decisions());
    assert_eq!(serde_json::to_vec(&one).unwrap(), serde_json::to_vec(&other).unwrap());
}

#[test]
fn i6_an_effect_happens_once() {
    let world = World::new(MemoryJournal::new());
    let first = world.carry_out(feature(None), "k").unwrap();
    // Asking again, with the same key, is the same change set: nothing more happens.
    let again = world.carry_out(feature(None), "k").unwrap();
    assert_eq!(first, again);
    for unit in UNITS {
        let scm = world.forge.scm(Principal::System);
        let gitops = repo(&format!("shop/{unit}-gitops"));
        assert!(
            wait(scm.pull_request(&cx(), &gitops, pathops_core::PullRequestNumber(3))).is_err(),
            "{unit} has two pull requests"
        );
    }
    assert_eq!(world.deployed.lock().unwrap().len(), 8, "each unit is deployed once to each environment");
}

#[test]
fn i7_a_hint_changes_nothing_and_the_truth_is_read_back() {
    let mut quiet = World::new(MemoryJournal::new());
    let mut silent = MemoryForge::CAPABILITIES;
    silent.events = false;
    quiet.forge = quiet.forge.clone().with_capabilities(silent);
    // With a feed that says nothing it comes to the same end.
    assert_eq!(quiet.carry_out(feature(None), "k").unwrap().end, Some(End::Live));

    // Somebody says of each production pull request that it is merged, in words and so in the feed, and it is not.
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let (forge, lies) = (world.forge.clone(), Arc::<AtomicU32>::default());
    let told = lies.clone();
    let world = world.watched(move |command| {
        if let Command::Promote { pull_request: PullRequestRef { repo, number, .. }, until_merged: true, .. } = command {
            forge.person(person("mallory")).comment(repo, *number, "bob merged it").unwrap();
            told.fetch_add(1, Ordering::SeqCst);
        }
    });
    let (rounds, hesitant) = (AtomicU32::new(0), world.hesitant.clone());
    let state = world.run(feature(None), "k", || {
        if rounds.fetch_add(1, Ordering::SeqCst) == 1_000 {
            assert!(lies.load(Ordering::SeqCst) > 0, "nothing was said yet");
            let deployed = world.deployed.lock().unwrap();
            assert!(deployed.iter().all(|it| it.ends_with("@preflight")), "what was said was believed: {deployed:?}");
            hesitant.store(false, Ordering::SeqCst);
        }
        false
    });
    assert_eq!(state.unwrap().unwrap().end, Some(End::Live));
    assert!(!hesitant.load(Ordering::SeqCst), "people merged before they were to");
}

#[test]
fn i8_no_secret_gets_out() {
    let mut world = World::new(MemoryJournal::new());
    let ci = world.ci.clone().with_script(|request, files| {
        let mut pipeline = Pipeline::passing(request, files);
        pipeline.log = format!("token is {SECRET}\n").into_bytes();
        let junit = String::from_utf8(pipeline.tests.take().unwrap()).unwrap();
        pipeline.tests = Some(junit.replace("name=\"works\"", &format!("name=\"works with {SECRET}\"")).into_bytes());
        pipeline
    });
    let gitops = world.gitops.clone().with_script(|deploying| {
        let mut rollout = Rollout::passing(deploying);
        for job in rollout.jobs.iter_mut().filter(|job| job.kind == JobKind::Smoke) {
            job.checks = Some(vec![JobCheck { name: "it works".to_owned(), failure: Some(format!("said {SECRET}")) }]);
        }
        rollout
    });
    (world.ci, world.gitops) = (ci, gitops);
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Recovered), "{:?}", state.failure);
    let plane = world.plane();
    let mut said = vec![format!("{state:?}"), format!("{plane:?}"), format!("{:?}", world.notifier.delivered())];
    for record in state.evidence() {
        let bytes = wait(world.blobs.get(&cx(), &record.envelope)).unwrap().unwrap();
        said.push(String::from_utf8(Envelope::from_slice(&bytes).unwrap().payload().unwrap()).unwrap());
    }
    let run = state.start.change_set.as_str().parse().unwrap();
    said.push(format!("{:?}", wait(world.journal.entries(&cx(), &run, Seq(0), 1_000)).unwrap()));
    let scm = world.forge.scm(Principal::System);
    for name in ["shop/orders-src", "shop/orders-gitops"] {
        for number in 1..=3 {
            said.push(format!("{:?}", wait(scm.comments(&cx(), &repo(name), pathops_core::PullRequestNumber(number)))));
        }
    }
    for text in said {
        assert!(!text.contains(SECRET), "{}", text.get(..text.len().min(2_000)).unwrap_or_default());
    }
}

#[test]
fn i9_the_flow_needs_no_clock_no_network_and_no_randomness_of_its_own() {
    // Two runs in virtual time leave the very same state behind, to the byte: nothing came from outside.
    let ((_, one), (_, other)) = (live(), live());
    assert_eq!(serde_json::to_vec(&one).unwrap(), serde_json::to_vec(&other).unwrap());
}

#[test]
fn i10_agents_hold_no_credential() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], "key: ghp_0123456789abcdefghij0123456789abcdef", None), "k").unwrap();
    // All that an agent gets is in its task: names, words, and the files of one repository.
    let tasks = world.tasks.lock().unwrap();
    assert_eq!(tasks.len(), 1);
    let AgentTask { change_set, unit, sponsor, objective, patch, base, wall_limit: _ } = &tasks[0];
    assert_eq!((change_set, unit, sponsor), (&state.start.change_set, &id("orders"), &state.start.request.requested_by));
    assert_eq!(patch, &state.start.request.changes[0].patch);
    assert_eq!(base.keys().map(RepoPath::as_str).collect::<Vec<_>>(), ["ci/run", "src/main"]);
    let given = format!("{objective} {:?}", base.values().map(|file| String::from_utf8_lossy(&file.bytes)).collect::<Vec<_>>());
    assert!(!given.contains(SECRET) && !given.contains("PRIVATE KEY"), "{given}");
    // What it made is pushed by PathOps, behind the gate.
    let failure = state.failure.unwrap();
    assert!(failure.reason.contains("holds a secret"), "{}", failure.reason);
    let scm = world.forge.scm(Principal::System);
    let proposed = &state.units[&failure.unit].pull_requests[&Role::Source];
    let now = wait(scm.pull_request(&cx(), &proposed.repo, proposed.number)).unwrap();
    assert_eq!(now.head, proposed.head, "nothing was pushed beyond the declaration of intent");
    assert!(matches!(now.state, PullRequestState::Closed { .. }));
}

#[test]
fn i11_what_the_rules_do_not_cover_is_refused() {
    // A person whom the project does not know.
    let world = World::new(MemoryJournal::new());
    let mut request = feature(None);
    request.requested_by = person("mallory");
    assert_eq!(world.carry_out(request, "k").unwrap_err().kind(), ErrorKind::Denied);
    // A unit that no rule covers any more, by the time of the decision.
    let scm = world.forge.scm(Principal::System);
    let meta = repo("shop/meta");
    let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
    let path = RepoPath::parse("policy.yaml").unwrap();
    let policy = String::from_utf8(wait(scm.read_file(&cx(), &meta, &head, &path)).unwrap().unwrap()).unwrap();
    let without = policy.replace("covers: {}", "covers: {units: [orders]}");
    assert_ne!(policy, without);
    let change = NewCommit {
        branch: "main".parse().unwrap(),
        expected_head: head,
        message: "Leave the store uncovered".to_owned(),
        author: Principal::Human(person("alice")),
        at: crate::world::START,
        changes: vec![FileChange { path, file: Some(SourceFile { bytes: without.into_bytes(), executable: false }) }],
    };
    wait(scm.commit(&OpContext::new(IdempotencyKey::new("policy")), &meta, &change)).unwrap();
    let refused = world.carry_out(feature_of(&["store"], "better", None), "store").unwrap_err();
    assert!(refused.to_string().contains("store"), "{refused}");
}
