//! Who may do what, and what people do to the rules while changes are under way: on the whole control plane in memory.

use std::sync::atomic::{AtomicU32, Ordering};

use pathops_coordinator::change_set::{End, Role, State};
use pathops_coordinator::{InProduction, POLICY_CONTEXT};
use pathops_core::adapter::*;
use pathops_core::evidence::{Approval, Envelope, InDoubt, Incident, Predicate as _, VerificationSummary};
use pathops_core::memory::MemoryJournal;
use pathops_core::policy::{PROMOTION_CONTEXT, Verdict};
use pathops_core::{Digest, ErrorKind, OpContext, Principal, PullRequestNumber, RepoPath, UnixMillis};
use serde_json::{Value, json};

use crate::snapshots;
use crate::world::{START, World, cx, feature_of, person, repo, wait};

pub(crate) const PRODUCTION: &str = "shop/orders-gitops";
/// A requirement that nothing in this world meets.
const SCAN: &str = "    - {id: scan, reason: somebody looks, covers: {units: [orders]}, asks: {evidence: {predicateType: \"https://example.org/scan\", about: artifact, accept: {maxAgeSeconds: 86400}}}}\n";

/// Runs a feature of `orders` while `meddle` is called again and again.
pub(crate) fn meddled(world: &World, meddle: impl Fn(&World, &PullRequest)) -> State {
    let run = || {
        if let Some(proposed) = proposed(world).filter(|it| it.state == PullRequestState::Open) {
            meddle(world, &proposed);
        }
        false
    };
    world.run(feature_of(&["orders"], "better", None), "k", run).unwrap().unwrap()
}

pub(crate) fn proposed(world: &World) -> Option<PullRequest> {
    wait(world.forge.scm(Principal::System).pull_request(&cx(), &repo(PRODUCTION), PullRequestNumber(2))).ok()
}

pub(crate) fn status(world: &World, repository: &str, proposed: &PullRequest, context: &str) -> Option<CheckState> {
    let checks = wait(world.forge.scm(Principal::System).checks(&cx(), &repo(repository), &proposed.head)).unwrap();
    checks.into_iter().find(|check| check.name == context).map(|check| check.state)
}

pub(crate) fn is_granted(world: &World, proposed: &PullRequest) -> bool {
    status(world, PRODUCTION, proposed, PROMOTION_CONTEXT) == Some(CheckState::Success)
}

fn approve(world: &World, who: &str, proposed: &PullRequest, words: &str) {
    let forge = world.forge.person(person(who));
    forge.review(&repo(PRODUCTION), proposed.number, &proposed.head, ReviewState::Approved, words).unwrap();
}

/// Writes a file into a branch of the meta repository.
pub(crate) fn declare(world: &World, branch: &str, path: &str, text: &str) {
    let file = SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    write(world, branch, vec![FileChange { path: RepoPath::parse(path).unwrap(), file: Some(file) }]);
}

pub(crate) fn write(world: &World, branch: &str, changes: Vec<FileChange>) {
    write_as(world, "alice", branch, changes);
}

pub(crate) fn write_as(world: &World, who: &str, branch: &str, changes: Vec<FileChange>) {
    let (scm, meta) = (world.forge.scm(Principal::System), repo("shop/meta"));
    let head = wait(scm.branch_head(&cx(), &meta, &branch.parse().unwrap())).unwrap().unwrap();
    let change = NewCommit {
        branch: branch.parse().unwrap(),
        expected_head: head,
        message: "Declare it".to_owned(),
        author: Principal::Human(person(who)),
        at: START,
        changes,
    };
    world.forge.person(person(who)).commit(&meta, &change).unwrap();
}

pub(crate) fn policy(world: &World) -> String {
    let (scm, meta) = (world.forge.scm(Principal::System), repo("shop/meta"));
    let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
    let text = wait(scm.read_file(&cx(), &meta, &head, &"policy.yaml".parse().unwrap())).unwrap().unwrap();
    String::from_utf8(text).unwrap()
}

pub(crate) fn file(world: &World, path: &str) -> Option<String> {
    let (scm, meta) = (world.forge.scm(Principal::System), repo("shop/meta"));
    let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
    let bytes = wait(scm.read_file(&cx(), &meta, &head, &path.parse().unwrap())).unwrap();
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn an_approval_is_for_the_policy_that_was_shown() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let (step, looks) = (AtomicU32::new(0), AtomicU32::new(0));
    let state = meddled(&world, |world, proposed| {
        match step.load(Ordering::SeqCst) {
            0 if is_granted(world, proposed) => {
                declare(world, "main", "policy.yaml", &policy(world).replace("604800", "604799"));
            }
            // It is taken back, and for a long time nobody approves what the pull request says now.
            1 if !is_granted(world, proposed) && looks.fetch_add(1, Ordering::SeqCst) > 100 => {
                approve(world, "carol", proposed, "under the new rules too");
            }
            2 if is_granted(world, proposed) => world.hesitant.store(false, Ordering::SeqCst),
            _ => return,
        }
        step.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!((state.end, step.load(Ordering::SeqCst)), (Some(End::Live), 3), "{:?}", state.failure);
    let last = state.units[&"orders".parse().unwrap()].last.as_ref().unwrap();
    assert!(proposed(&world).unwrap().body.contains(&last.decision.policy.short()), "the description shows the new policy");
}

#[test]
fn a_stopped_line_waits_until_a_person_lifts_the_stop() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let stop = |world: &World, lifted: &str| {
        let text = format!(
            "apiVersion: pathops.dev/v1alpha1\nkind: Stop\nmetadata: {{name: odd}}\nspec: {{by: bob, since: \"2025-11-24T08:00:00Z\", reason: Something is odd.{lifted}}}\n"
        );
        declare(world, "main", "stops/odd.yaml", &text);
    };
    let step = AtomicU32::new(0);
    let state = meddled(&world, |world, proposed| {
        match step.load(Ordering::SeqCst) {
            0 if is_granted(world, proposed) => stop(world, ""),
            1 if !is_granted(world, proposed) => stop(world, ", liftedBy: carol"),
            2 if is_granted(world, proposed) => world.hesitant.store(false, Ordering::SeqCst),
            _ => return,
        }
        step.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!((state.end, step.load(Ordering::SeqCst)), (Some(End::Live), 3), "{:?}", state.failure);
}

#[test]
fn glass_is_broken_by_two_people_recorded_and_followed_by_an_incident() {
    let world = World::new(MemoryJournal::new());
    let glass =
        "  breakGlass: {requirements: [scan], roles: [owner, reviewer], people: 2, validSeconds: 3600}\n  requirements:\n";
    declare(&world, "main", "policy.yaml", &policy(&world).replace("  requirements:\n", &format!("{glass}{SCAN}")));
    let step = AtomicU32::new(0);
    let state = meddled(&world, |world, proposed| {
        match step.load(Ordering::SeqCst) {
            0 => approve(world, "bob", proposed, "break glass: customers cannot order"),
            // One is not enough, for however long.
            1..100 => assert!(!is_granted(world, proposed)),
            100 => approve(world, "carol", proposed, "break glass: as bob says"),
            _ => return,
        }
        step.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    let last = &state.units[&"orders".parse().unwrap()].last.as_ref().unwrap().decision;
    assert_ne!(last.verdict, Verdict::Pass, "it is recorded as what it was");
    let glass = last.overridden.as_ref().unwrap();
    assert_eq!(glass.by.keys().map(|it| it.as_str()).collect::<Vec<_>>(), ["bob", "carol"]);
    assert_eq!(glass.requirements.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["scan"]);

    // The snapshot of what went there has the incident, who let it go, and what they got past.
    let orders = &state.units[&"orders".parse().unwrap()];
    let snapshot = snapshots::snapshot(&world, orders.snapshots.last().unwrap());
    let there = snapshots::there(&snapshot);
    let names = ["orders production incident", "orders production approval", "orders production approval (2)"];
    assert!(names.iter().all(|name| there.contains(name)), "{there:?}");
    assert_eq!(snapshots::absent(&snapshot)["policy scan"], "nobody has stated it of what is there");
    let types = snapshots::fit_their_schemas(&snapshots::statements(&world, &state));
    assert!(types.contains(&Incident::TYPE.to_owned()) && types.contains(&Approval::TYPE.to_owned()), "{types:?}");
    let incident = file(&world, &format!("incidents/glass-{}-orders.yaml", state.start.change_set)).unwrap();
    assert!(incident.contains("customers cannot order"), "{incident}");
    let project = wait(world.plane().project()).unwrap();
    assert_eq!(project.incidents.len(), 1, "it stops what comes next");
}

#[test]
fn who_may_not_request_is_denied() {
    let world = World::new(MemoryJournal::new());
    let text = policy(&world).replace("  requirements:\n", "  permissions: {request: [reviewer]}\n  requirements:\n");
    declare(&world, "main", "policy.yaml", &text);
    let mut request = feature_of(&["orders"], "better", None);
    request.requested_by = person("alice");
    let error = world.carry_out(request.clone(), "k").unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("does not let `alice` request"), "{error}");
    request.requested_by = person("bob");
    assert!(wait(world.plane().request_feature(request, None)).is_ok());
}

/// What a layer says of one unit counts for whatever is asked of it, alone and with others.
#[test]
fn who_may_not_request_it_of_one_unit_is_denied() {
    let world = World::new(MemoryJournal::new());
    let head = "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: orders}\nspec:\n";
    let layer = format!("{head}  layer: {{unit: orders}}\n  permissions: {{request: [reviewer]}}\n");
    declare(&world, "main", "policies/orders.yaml", &layer);
    let request = |units: &[&str], by: &str| {
        let mut request = feature_of(units, "better", None);
        request.requested_by = person(by);
        wait(world.plane().request_feature(request, None))
    };
    for units in [&["orders"][..], &["web", "orders"]] {
        let error = request(units, "alice").unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("does not let `alice`"), "{error}");
        assert!(error.to_string().contains("of `orders`"), "{error}");
    }
    assert!(request(&["web"], "alice").is_ok(), "of others they may");
    assert!(wait(world.plane().project()).is_ok());
}

/// Opens a pull request that changes a file of the meta repository.
pub(crate) fn propose_policy(world: &World, branch: &str, text: &str) -> PullRequest {
    let (scm, meta) = (world.forge.scm(Principal::Human(person("alice"))), repo("shop/meta"));
    let key = |part: &str| OpContext::new(pathops_core::IdempotencyKey::new(format!("{branch}/{part}")));
    let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
    wait(scm.create_branch(&key("branch"), &meta, &branch.parse().unwrap(), &head)).unwrap();
    declare(world, branch, "policy.yaml", text);
    let new = NewPullRequest {
        title: "Other rules".to_owned(),
        body: String::new(),
        head: branch.parse().unwrap(),
        base: "main".parse().unwrap(),
        author: Principal::Human(person("alice")),
        reviewers: Vec::new(),
        meta: PullRequestMeta::default(),
    };
    wait(scm.open_pull_request(&key("open"), &meta, &new)).unwrap()
}

#[test]
fn a_change_of_the_policy_is_tried_recorded_and_signed_before_it_is_merged() {
    let world = World::new(MemoryJournal::new());
    assert_eq!(world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap().end, Some(End::Live));
    let plane = world.plane();

    let stricter = propose_policy(&world, "stricter", &policy(&world).replace("minPassed: 1", "minPassed: 100"));
    let change = wait(plane.check_policy_change(stricter.number)).unwrap();
    assert_eq!((change.failures.as_slice(), change.passed.len()), (&[][..], 1), "{change:?}");
    assert!(change.to_markdown().contains("\nNot looked at:\n\n    whether anybody makes the kinds of evidence"), "{change:?}");
    assert!(!change.differences.is_empty(), "what went to production would not have under these rules");
    assert!(change.to_markdown().contains("unit-tests"), "{}", change.to_markdown());
    assert_eq!(status(&world, "shop/meta", &stricter, POLICY_CONTEXT), Some(CheckState::Success));
    let comments = wait(world.forge.scm(Principal::System).comments(&cx(), &repo("shop/meta"), stricter.number)).unwrap();
    assert!(comments.iter().any(|it| it.body.contains("Past decisions")), "{comments:?}");
    assert!(file(&world, &format!("change-sets/policy-{}/evidence.json", stricter.number.0)).is_some());
    // Again: one comment, and nothing else new.
    wait(plane.check_policy_change(stricter.number)).unwrap();
    let again = wait(world.forge.scm(Principal::System).comments(&cx(), &repo("shop/meta"), stricter.number)).unwrap();
    assert_eq!(again.len(), comments.len());

    let broken = propose_policy(&world, "broken", &policy(&world).replace("minPassed: 1", "minPassed: many"));
    let change = wait(plane.check_policy_change(broken.number)).unwrap();
    assert!(change.policy.is_none() && change.failures.iter().any(|it| it.contains("policy.yaml:")), "{change:?}");
    assert_eq!(status(&world, "shop/meta", &broken, POLICY_CONTEXT), Some(CheckState::Failure));
}

#[test]
fn what_is_in_production_is_doubted_when_something_speaks_against_it_since() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let (plane, change_set) = (world.plane(), &state.start.change_set);
    assert_eq!(wait(plane.doubts(change_set)).unwrap(), InProduction::default(), "nothing has happened");
    let scm = world.forge.scm(Principal::System);
    let told = world.notifier.delivered().len();

    let incident = "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {name: inc-1}\nspec: {unit: orders, since: \"2025-11-24T08:00:00Z\", summary: it burns}\n";
    declare(&world, "main", "incidents/inc-1.yaml", incident);
    let production = &state.units[&"orders".parse().unwrap()].pull_requests[&Role::Production];
    let number = production.number;
    let head = proposed(&world).unwrap().head;
    world.forge.person(person("carol")).review(&repo(PRODUCTION), number, &head, ReviewState::Dismissed, "").unwrap();
    for look in 0..3 {
        // One more reason for the same, which makes no doubt of its own.
        if look == 2 {
            declare(&world, "main", "incidents/inc-2.yaml", &incident.replace("inc-1", "inc-2"));
        }
        let doubts = wait(plane.doubts(change_set)).unwrap().doubts;
        let [doubt] = doubts.as_slice() else { panic!("{doubts:?}") };
        let ids: Vec<_> = doubt.requirements.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!((doubt.unit.as_str(), ids), ("orders", vec!["no-open-incident", "approval"]));
        assert!(doubt.granted_at > UnixMillis(0));
        assert_eq!(world.notifier.delivered().len(), told + 1, "it is told once");
        let main = wait(scm.branch_head(&cx(), &repo("shop/meta"), &"main".parse().unwrap())).unwrap().unwrap();
        let folder = format!("change-sets/{change_set}/doubts").parse().unwrap();
        let recorded = wait(scm.read_tree(&cx(), &repo("shop/meta"), &main, &folder)).unwrap();
        let [file] = recorded.values().collect::<Vec<_>>()[..] else { panic!("{recorded:?}") };
        let record: Value = serde_json::from_slice(&file.bytes).unwrap();
        let decision = state.units[&"orders".parse().unwrap()].last.as_ref().unwrap().record.id;
        assert_eq!((&record["format"], &record["doubt"]["decision"]), (&json!(1), &json!(decision)));
        let evidence: pathops_evidence::EvidenceRecord = serde_json::from_value(record["evidence"].clone()).unwrap();
        let envelope = wait(world.blobs.get(&cx(), &evidence.envelope)).unwrap().unwrap();
        let statement: Value = serde_json::from_slice(&Envelope::from_slice(&envelope).unwrap().payload().unwrap()).unwrap();
        assert_eq!((&statement["predicateType"], &statement["predicate"]), (&json!(InDoubt::TYPE), &record["doubt"]));
        assert_eq!(statement["predicate"]["requirements"][0]["id"], "no-open-incident");
    }
}

/// What is in the ledger stays there for ever: a doubt that cannot be recorded, on a branch that nobody pushes to, is signed once.
#[test]
fn a_doubt_that_cannot_be_recorded_is_not_signed_again_and_again() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let (plane, main, meta) = (world.plane(), "main".parse().unwrap(), repo("shop/meta"));
    declare(&world, "main", "incidents/inc-1.yaml", INCIDENT);
    world.forge.protect(&meta, &main, BranchProtection { required_approvals: 1, ..BranchProtection::default() }).unwrap();
    let (told, stored) = (world.notifier.delivered().len(), world.blobs.count());
    let look = || {
        let found = wait(plane.doubts(&state.start.change_set)).unwrap();
        assert_eq!((found.doubts.len(), found.unseen.len()), (1, 0), "{found:?}");
        assert_eq!(world.notifier.delivered().len(), told + 1, "it is told once, and at once");
        world.blobs.count()
    };
    let signed = look();
    assert!(signed > stored);
    assert_eq!([look(), look()], [signed; 2]);
}

/// A host that runs need not ask: the control plane looks by itself, tells people once, and goes on.
#[test]
fn doubts_about_production_are_found_without_being_asked_for() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let plane = world.plane();
    let told = || world.notifier.delivered().iter().filter(|notice| notice.text.contains("is in doubt")).count();
    let run_for = |hours: u64| {
        let until = world.clock.sleep(std::time::Duration::from_secs(hours * 3_600));
        world.pass(plane.run(until)).unwrap();
    };
    run_for(1);
    assert_eq!(told(), 0, "nothing has happened");
    let incident = "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {name: inc-1}\nspec: {unit: orders, since: \"2025-11-24T08:00:00Z\", summary: it burns}\n";
    declare(&world, "main", "incidents/inc-1.yaml", incident);
    run_for(1);
    assert_eq!(told(), 1);
    // Something else becomes known that is no doubt.
    declare(
        &world,
        "main",
        "stops/odd.yaml",
        "apiVersion: pathops.dev/v1alpha1\nkind: Stop\nmetadata: {name: odd}\nspec: {by: bob, since: \"2025-11-24T08:00:00Z\", reason: Odd., unit: web, liftedBy: bob}\n",
    );
    run_for(1);
    assert_eq!(told(), 1, "it is told once");
}

const INCIDENT: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {name: inc-1}\nspec: {unit: orders, since: \"2025-11-24T08:00:00Z\", summary: it burns}\n";

/// What was promised when it was granted is what it is held to, and not what is asked for in addition since.
#[test]
fn a_policy_that_has_become_stricter_since_forges_no_doubt() {
    const CALM: &str = "    - {id: calm, reason: it is quiet, asks: {evidence: {predicateType: \"https://example.org/calm\", about: artifact, accept: {maxAgeSeconds: 86400, from: [scanner]}}}}\n";
    let world = World::new(MemoryJournal::new());
    let before = policy(&world);
    let calm = format!("{before}{CALM}");
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let doubts = || wait(world.plane().doubts(&state.start.change_set)).unwrap();
    for stricter in [before.replace("minPassed: 1", "minPassed: 100"), calm] {
        assert_ne!(stricter, before);
        declare(&world, "main", "policy.yaml", &stricter);
        assert_eq!(doubts(), InProduction::default());
    }
    declare(&world, "main", "incidents/inc-1.yaml", INCIDENT);
    assert_eq!(doubts().doubts.len(), 1, "what is known since still counts");
}

/// Without the record of the decision nobody knows what was promised: that is told, beside what can be seen.
#[test]
fn a_decision_that_cannot_be_read_back_is_told_and_hides_nothing() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let decided = state.units[&"orders".parse().unwrap()].last.as_ref().unwrap();
    let envelope = wait(world.blobs.get(&cx(), &decided.record.envelope)).unwrap().unwrap();
    let statement: Value = serde_json::from_slice(&Envelope::from_slice(&envelope).unwrap().payload().unwrap()).unwrap();
    let summary: VerificationSummary = serde_json::from_value(statement["predicate"].clone()).unwrap();
    assert!(world.blobs.lose(&Digest::from_hex(&summary.record.unwrap().digest["sha256"]).unwrap()));
    declare(&world, "main", "incidents/inc-1.yaml", INCIDENT);
    let told = world.notifier.delivered().len();
    for _ in 0..2 {
        let InProduction { doubts, unseen } = wait(world.plane().doubts(&state.start.change_set)).unwrap();
        assert_eq!((doubts.len(), unseen.len()), (1, 1), "{unseen:?}");
        assert!(unseen[0].contains("orders of ") && unseen[0].contains("its record is gone"), "{unseen:?}");
        assert_eq!(world.notifier.delivered().len(), told + 2, "the doubt and what is unseen are told once");
    }
}

/// What cannot be looked at is told, and hides nothing about the others.
#[test]
fn what_cannot_be_looked_at_hides_no_doubt_about_the_others() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["catalog"], "better", None), "one").unwrap();
    world.carry_out(feature_of(&["web"], "better", None), "two").unwrap();
    let delete = |path: &str| FileChange { path: RepoPath::parse(path).unwrap(), file: None };
    let garbage = SourceFile { bytes: b"{}".to_vec(), executable: false };
    let garbage = FileChange { path: RepoPath::parse("production/old.json").unwrap(), file: Some(garbage) };
    write(&world, "main", vec![delete("apps/web.yaml"), garbage]);
    let incident = "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {name: inc-1}\nspec: {unit: catalog, since: \"2025-11-24T08:00:00Z\", summary: it burns}\n";
    declare(&world, "main", "incidents/inc-1.yaml", incident);
    let found = wait(world.plane().doubts_in_production()).unwrap();
    let [doubt] = found.doubts.as_slice() else { panic!("{found:?}") };
    assert_eq!(doubt.unit.as_str(), "catalog");
    assert!(found.unseen.iter().any(|it| it.contains("production/old.json")), "{found:?}");
    assert!(found.unseen.iter().any(|it| it.contains("web") && it.contains("does not declare it")), "{found:?}");
    let told = world.notifier.delivered();
    assert!(told.iter().any(|it| it.text.contains("could not be looked at: production/old.json")), "{told:?}");
}

#[test]
fn a_stop_is_not_lifted_by_deleting_it_and_a_policy_that_can_be_merged_unchecked_is_told() {
    let world = World::new(MemoryJournal::new());
    let stop = "apiVersion: pathops.dev/v1alpha1\nkind: Stop\nmetadata: {name: odd}\nspec: {by: bob, since: \"2025-11-24T08:00:00Z\", reason: Odd.}\n";
    declare(&world, "main", "stops/odd.yaml", stop);
    let change = propose_policy(&world, "deletes", &policy(&world));
    let deleted = FileChange { path: RepoPath::parse("stops/odd.yaml").unwrap(), file: None };
    write(&world, "deletes", vec![deleted]);
    let plane = world.plane();
    let tried = wait(plane.check_policy_change(change.number)).unwrap();
    assert!(tried.failures.iter().any(|it| it.contains("stops/odd.yaml: it is not deleted")), "{tried:?}");
    assert!(tried.warnings.iter().any(|it| it.contains("without the status `pathops/policy`")), "{tried:?}");

    let narrowed = propose_policy(&world, "narrows", &policy(&world));
    declare(&world, "narrows", "stops/odd.yaml", &stop.replace("reason: Odd.", "reason: Odd., unit: web"));
    let tried = wait(plane.check_policy_change(narrowed.number)).unwrap();
    assert!(tried.failures.iter().any(|it| it.contains("`odd` is not changed while it holds")), "{tried:?}");
}
