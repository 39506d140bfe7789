//! The invariants of the design, each with a test of its name, on the whole control plane in memory. What holds one in a
//! single place is tested there too; the handbook's page on invariants lists all of them.

use std::collections::BTreeSet;

use pathops_coordinator::change_set::{End, Role, State};
use pathops_core::adapter::*;
use pathops_core::evidence::{Envelope, TrustRoot};
use pathops_core::memory::{MemoryJournal, MemorySigner};
use pathops_core::policy::{CommitStatus, Decision, GrantRequired, PROMOTION_CONTEXT, Verdict};
use pathops_core::project::EnvironmentKind;
use pathops_core::{ErrorKind, IdempotencyKey, OpContext, Principal, RepoPath};

use crate::world::{UNITS, World, cx, feature, feature_of, person, repo, target, wait};

fn live() -> (World, State) {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature(None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    (world, state)
}

#[test]
fn i1_production_needs_a_grant() {
    let (world, state) = live();
    let scm = world.forge.scm(Principal::System);
    for progress in state.units.values() {
        let proposed = &progress.pull_requests[&Role::Production];
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
    let mut seen = BTreeSet::new();
    for record in state.evidence() {
        let bytes = wait(world.blobs.get(&cx(), &record.envelope)).unwrap().expect("evidence is kept");
        let verified = trust.verify(&Envelope::from_slice(&bytes).unwrap()).unwrap();
        assert_eq!(verified.id(), record.id);
        assert!(seen.insert(record.id), "{} stands once", record.name);
        // Storing something else under its name is not possible: the name follows from the bytes.
        assert_ne!(wait(world.blobs.put(&cx(), b"something else".to_vec())).unwrap(), record.envelope);
    }
    assert!(seen.len() > 40);
}

#[test]
fn i4_what_is_absent_is_never_a_pass() {
    let (_, state) = live();
    for progress in state.units.values() {
        let first = &progress.first.as_ref().unwrap().decision;
        for requirement in
            first.requirements.iter().filter(|requirement| !requirement.deferred && requirement.verdict == Verdict::Pass)
        {
            let rests_on_evidence = requirement.id.as_str().starts_with("preflight-") || requirement.id.as_str() == "unit-tests";
            assert_eq!(rests_on_evidence, !requirement.evidence.is_empty(), "{}", requirement.id);
        }
        assert!(
            first
                .requirements
                .iter()
                .filter(|requirement| requirement.deferred)
                .all(|requirement| requirement.verdict == Verdict::Unknown)
        );
    }
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
    // The flow reads pull requests back and believes no event: with a feed that says nothing it comes to the same end.
    let mut silent = pathops_core::memory::MemoryForge::CAPABILITIES;
    silent.events = false;
    let mut quiet = World::new(MemoryJournal::new());
    quiet.forge = quiet.forge.clone().with_capabilities(silent);
    let state = quiet.carry_out(feature(None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    let heard = wait(quiet.forge.scm(Principal::System).events(&cx(), EventCursor::default(), 10));
    assert_eq!(heard.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn i8_no_secret_gets_out() {
    const SECRET: &str = "swordfish-1234";
    let mut world = World::new(MemoryJournal::new());
    let ci = world.ci.clone().with_script(|request, files| {
        let mut pipeline = pathops_core::memory::Pipeline::passing(request, files);
        pipeline.log = format!("token is {SECRET}\n").into_bytes();
        let junit = String::from_utf8(pipeline.junit.take().unwrap()).unwrap();
        pipeline.junit = Some(junit.replace("name=\"works\"", &format!("name=\"works with {SECRET}\"")).into_bytes());
        pipeline
    });
    let gitops = world.gitops.clone().with_script(|deploying| {
        let mut rollout = pathops_core::memory::Rollout::passing(deploying);
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
    // All that an agent gets is in its task: names, words and files. What it made is pushed by PathOps, behind the gate.
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], "key: ghp_0123456789abcdefghij0123456789abcdef", None), "k").unwrap();
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
