//! Changes of the meta repository, before people merge them: what they ask for less, and who they are by.

use std::sync::atomic::{AtomicU32, Ordering};

use pathops_coordinator::POLICY_CONTEXT;
use pathops_coordinator::change_set::End;
use pathops_core::adapter::*;
use pathops_core::evidence::{Envelope, TrustRoot};
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::policy::{EvidenceFact, Finding, Verdict};
use pathops_core::{Digest, RepoPath};

use crate::governance::{declare, file, policy, propose_policy, proposed, status, write_as};
use crate::world::{World, cx, feature_of, id, person, repo, wait};

const CAREFUL: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: careful}\nspec:\n  layer: {class: careful}\n  requirements:\n    - {id: second-look, reason: it is about money, asks: {soak: {seconds: 60, maxGapSeconds: 60, accept: {maxAgeSeconds: 600}}}}\n";

/// The rules of a class say what they said, and would not be for the app any more.
#[test]
fn an_app_does_not_leave_the_rules_of_its_class_by_its_own_file() {
    let world = World::new(MemoryJournal::new());
    let orders = file(&world, "apps/orders.yaml").unwrap();
    let careful = orders.replace("  lifecycle:", "  class: careful\n  lifecycle:");
    declare(&world, "main", "policies/careful.yaml", CAREFUL);
    declare(&world, "main", "apps/orders.yaml", &careful);

    let dropped = propose_policy(&world, "dropped", &policy(&world));
    declare(&world, "dropped", "apps/orders.yaml", &orders);
    let change = wait(world.plane().check_policy_change(dropped.number)).unwrap();
    let expected =
        "declared so, `orders` is not held to `second-look` as before (policies/careful.yaml:7): it is not asked for any more";
    assert!(change.failures.iter().any(|it| it.starts_with("apps/orders.yaml:") && it.contains(expected)), "{change:?}");
    let head = PullRequest { head: change.head, ..dropped };
    assert_eq!(status(&world, "shop/meta", &head, POLICY_CONTEXT), Some(CheckState::Failure));

    // A rule that asks for less is in the text that people read, and is told beside.
    let looser = propose_policy(&world, "looser", &policy(&world));
    declare(&world, "looser", "policies/careful.yaml", &CAREFUL.replace("seconds: 60,", "seconds: 30,"));
    let change = wait(world.plane().check_policy_change(looser.number)).unwrap();
    assert_eq!(change.failures, [""; 0]);
    let expected = "policies/careful.yaml:7: `second-look` asks for less than before: a shorter time is enough (for orders)";
    assert!(change.warnings.iter().any(|it| it.starts_with(expected)), "{change:?}");
}

const CHECKED: &str = "    - {id: checked, reason: rules are looked at, asks: {policy: {approvals: 1, roles: [reviewer], accept: {maxAgeSeconds: 864000}}}}\n";

fn asking(world: &World, requirement: &str) -> String {
    policy(world).replace("  requirements:\n", &format!("  requirements:\n{requirement}"))
}

fn review(world: &World, who: &str, change: &PullRequest, head: &PullRequest, state: ReviewState) {
    world.forge.person(person(who)).review(&repo("shop/meta"), change.number, &head.head, state, "").unwrap();
}

fn now(world: &World, change: &PullRequest) -> PullRequest {
    wait(world.forge.scm(pathops_core::Principal::System).pull_request(&cx(), &repo("shop/meta"), change.number)).unwrap()
}

/// Rules are decided by once they were checked, and approved by somebody who did not write them; the record says so for ever.
#[test]
fn a_policy_that_asks_for_it_decides_nothing_until_it_is_checked_and_approved() {
    let world = World::new(MemoryJournal::new());
    let change = propose_policy(&world, "asks", &asking(&world, CHECKED));
    let head = now(&world, &change);
    assert_eq!(wait(world.plane().check_policy_change(change.number)).unwrap().approved_by.len(), 0);
    review(&world, "bob", &change, &head, ReviewState::Approved);
    let looks = AtomicU32::new(0);
    let merged = || match looks.fetch_add(1, Ordering::SeqCst) {
        // The rules are those of before, until they are merged; then nobody has read the approval back.
        0 => drop(world.forge.person(person("bob")).merge(&repo("shop/meta"), change.number, &head.head).unwrap()),
        300 => {
            assert!(proposed(&world).is_none(), "nothing is proposed by rules that nobody has approved");
            let told = world.notifier.delivered();
            let told: Vec<_> = told.iter().filter(|it| it.text.contains("please have the policy checked")).collect();
            assert!(told.len() == 1 && told[0].text.contains("orders waits for it: "), "it is told once: {told:?}");
            let checked = wait(world.plane().check_policy()).unwrap();
            assert_eq!(
                checked.id.as_str(),
                format!("policy-{}", change.number.0),
                "the pull request that brought it is read back"
            );
            assert_eq!(checked.approved_by.keys().map(|it| it.as_str()).collect::<Vec<_>>(), ["bob"]);
        }
        _ => {}
    };
    let state = world.run(feature_of(&["orders"], "better", None), "k", || {
        merged();
        false
    });
    let state = state.unwrap().unwrap();
    assert!(looks.load(Ordering::SeqCst) > 300);
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    let decision = &state.units[&id("orders")].last.as_ref().unwrap().decision;
    let checked = decision.requirements.iter().find(|it| it.id.as_str() == "checked").unwrap();
    assert_eq!((checked.verdict, checked.evidence.len()), (Verdict::Pass, 1));
    assert!(checked.because.contains("bob approved it"), "{}", checked.because);

    // What was decided by it is looked at by it, whatever the policy is now, and whoever has checked that.
    declare(&world, "main", "policy.yaml", &policy(&world).replace("rules are looked at", "rules are read"));
    assert_eq!(wait(world.plane().doubts(&state.start.change_set)).unwrap(), pathops_coordinator::InProduction::default());
}

/// The policy that a project begins with has nobody's approval, and is checked as it stands.
#[test]
fn the_first_policy_of_a_project_is_checked_as_it_stands() {
    let world = World::new(MemoryJournal::new());
    let rule = CHECKED.replace("approvals: 1, roles: [reviewer], ", "");
    declare(&world, "main", "policy.yaml", &asking(&world, &rule));
    let change = wait(world.plane().check_policy()).unwrap();
    assert_eq!((change.id.as_str(), change.failures.len(), change.approved_by.len()), ("policy", 0, 0), "{change:?}");

    let bytes = wait(world.blobs.get(&cx(), &change.evidence.envelope)).unwrap().unwrap();
    let trust = TrustRoot::new([crate::outside_evidence::key(1).public_key()]);
    let verified = trust.verify(&Envelope::from_slice(&bytes).unwrap()).unwrap();
    let fact = EvidenceFact::read(&verified, &trust).unwrap().unwrap();
    assert!(matches!(fact.says, Finding::Policy { failed: 0, passed: 1.., .. }), "{fact:?}");
    assert!(fact.is_about("sha256", &change.policy.unwrap().hex()) && fact.is_about("gitCommit", change.head.as_str()));
    assert!(fact.subjects[0].digest.contains_key("gitTree"), "{fact:?}");

    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    let decided = state.units[&id("orders")].last.as_ref().unwrap();
    let envelope = wait(world.blobs.get(&cx(), &decided.record.envelope)).unwrap().unwrap();
    let text = String::from_utf8(Envelope::from_slice(&envelope).unwrap().payload().unwrap()).unwrap();
    assert!(text.contains(&change.evidence.location) && text.contains(&change.evidence.id.0.hex()), "{text}");
    // Another policy, and nobody has checked that.
    let text = policy(&world).replace("rules are looked at", "rules are read");
    declare(&world, "main", "policy.yaml", &text);
    let checked = format!("change-sets/policies/{}.json", wait(world.plane().project()).unwrap().policy.digest().hex());
    assert_eq!(file(&world, &checked), None);
    assert!(file(&world, &format!("change-sets/policies/{}.json", change.policy.unwrap().hex())).is_some());
}

/// Where the host demands it, no policy leaves its own check out: none that stands, none that is proposed, and none that comes while
/// something is on its way.
#[test]
fn a_host_that_requires_the_check_of_policies_promotes_by_no_other() {
    let mut world = World::new(MemoryJournal::new());
    world.needs_policy_check = Some(0);
    let unchecked = policy(&world);
    let told = "no requirement of `orders` asks for that of every change";
    let refused = world.carry_out(feature_of(&["orders"], "better", None), "refused").unwrap_err();
    assert!(refused.to_string().contains(told), "{refused}");
    // One that is for some changes only is none for the others.
    let some = CHECKED.replace("approvals: 1, roles: [reviewer], ", "").replace("reason:", "changes: opaque, reason:");
    declare(&world, "main", "policy.yaml", &asking(&world, &some));
    assert!(world.carry_out(feature_of(&["orders"], "better", None), "some").is_err());

    // Nor is one that a broken glass gets past.
    let glass =
        "  breakGlass: {requirements: [checked], roles: [owner, reviewer], people: 2, validSeconds: 60}\n  requirements:\n";
    let breakable = unchecked.replace("  requirements:\n", &format!("{glass}{}", some.replace("changes: opaque, ", "")));
    declare(&world, "main", "policy.yaml", &breakable);
    assert!(world.carry_out(feature_of(&["orders"], "better", None), "glass").is_err());

    let checked = unchecked.replace("  requirements:\n", &format!("  requirements:\n{}", some.replace("changes: opaque, ", "")));
    declare(&world, "main", "policy.yaml", &checked);
    assert_eq!(wait(world.plane().check_policy()).unwrap().failures, [""; 0]);
    let without = propose_policy(&world, "without", &unchecked);
    let failures = wait(world.plane().check_policy_change(without.number)).unwrap().failures;
    assert!(failures.iter().any(|it| it.contains(told)), "{failures:?}");

    let looks = AtomicU32::new(0);
    let state = world.run(feature_of(&["orders"], "better", None), "k", || {
        match looks.fetch_add(1, Ordering::SeqCst) {
            0 => declare(&world, "main", "policy.yaml", &unchecked),
            300 => {
                assert!(proposed(&world).is_none(), "nothing is proposed by rules that nobody has to have checked");
                declare(&world, "main", "policy.yaml", &checked);
            }
            _ => {}
        }
        false
    });
    let state = state.unwrap().unwrap();
    assert!(looks.load(Ordering::SeqCst) > 300);
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);

    // What is in production is looked at by whatever policy there is now.
    declare(&world, "main", "policy.yaml", &unchecked);
    let found = wait(world.plane().doubts(&state.start.change_set)).unwrap();
    assert!(found.unseen.is_empty(), "{found:?}");
    // Whoever wants people to have looked asks for as many.
    world.needs_policy_check = Some(1);
    declare(&world, "main", "policy.yaml", &checked);
    let refused = world.carry_out(feature_of(&["orders"], "better", None), "people").unwrap_err();
    assert!(refused.to_string().contains("with at least 1 approvals"), "{refused}");
}

/// As on a production pull request: not the author, not for an earlier head, nobody without a role, and not while somebody says no.
#[test]
fn an_approval_of_a_policy_counts_as_one_of_a_promotion_does() {
    let world = World::new(MemoryJournal::new());
    let change = propose_policy(&world, "rules", &policy(&world).replace("reason: tests,", "reason: they tell,"));
    let approved = || {
        let change = wait(world.plane().check_policy_change(change.number)).unwrap();
        change.approved_by.keys().map(|it| it.as_str().to_owned()).collect::<Vec<_>>()
    };
    let first = now(&world, &change);
    review(&world, "carol", &change, &first, ReviewState::Approved);
    assert_eq!(approved(), ["carol"]);
    // Somebody pushes: what was approved is another head, and whoever pushed has a part in it.
    let more =
        SourceFile { bytes: policy(&world).replace("reason: tests,", "reason: they say,").into_bytes(), executable: false };
    let path = RepoPath::parse("policy.yaml").unwrap();
    write_as(&world, "carol", "rules", vec![FileChange { path, file: Some(more) }]);
    assert_eq!(approved(), [""; 0]);
    let second = now(&world, &change);
    review(&world, "carol", &change, &second, ReviewState::Approved);
    assert_eq!(approved(), [""; 0], "carol has a part in it");
    review(&world, "bob", &change, &second, ReviewState::Approved);
    assert_eq!(approved(), ["bob"]);
    review(&world, "mallory", &change, &second, ReviewState::Approved);
    assert_eq!(approved(), ["bob"], "mallory is nobody");
    review(&world, "carol", &change, &second, ReviewState::ChangesRequested);
    assert_eq!(approved(), [""; 0], "carol asks for changes");
    // A change of the roles gives nobody a role before it is merged.
    let people = file(&world, "people.yaml").unwrap();
    declare(&world, "rules", "people.yaml", &people.replace("  people:\n", "  people:\n    - {name: mallory, roles: [owner]}\n"));
    let third = now(&world, &change);
    review(&world, "carol", &change, &third, ReviewState::Dismissed);
    review(&world, "mallory", &change, &third, ReviewState::Approved);
    assert_eq!(approved(), [""; 0]);
}

fn stop(more: &str) -> String {
    format!(
        "apiVersion: pathops.dev/v1alpha1\nkind: Stop\nmetadata: {{name: odd}}\nspec: {{since: \"2025-11-24T08:00:00Z\", reason: Odd., {more}}}\n"
    )
}

/// Anybody can write any name into a file. Who wrote it is for Git and the host to say.
#[test]
fn whose_name_stands_in_a_stop_has_to_have_written_it() {
    let world = World::new(MemoryJournal::new());
    let path = RepoPath::parse("stops/odd.yaml").unwrap();
    let text = |more: &str| SourceFile { bytes: stop(more).into_bytes(), executable: false };
    let put = |who: &str, branch: &str, more: &str| {
        write_as(&world, who, branch, vec![FileChange { path: path.clone(), file: Some(text(more)) }]);
    };
    let failures = |change: &PullRequest| wait(world.plane().check_policy_change(change.number)).unwrap().failures;

    let stops = propose_policy(&world, "stops", &policy(&world));
    put("alice", "stops", "by: bob");
    let told = failures(&stops);
    assert_eq!(told.len(), 1, "{told:?}");
    let head = now(&world, &stops).head;
    let expected =
        format!("stops/odd.yaml: `by` names `bob`, and the commit {head} that writes it is by `alice`; let `bob` write it");
    assert_eq!(told, [expected]);
    // Writing something else beside it does not make it theirs, and writing it anew does.
    put("bob", "stops", "by: bob, unit: web");
    assert_eq!(failures(&stops).len(), 1);
    put("alice", "stops", "by: alice");
    put("bob", "stops", "by: bob");
    assert!(failures(&stops).iter().all(|it| it.contains("is by `alice`")), "the first commit is still there");

    declare(&world, "main", "stops/odd.yaml", &stop("by: bob"));
    let lifts = propose_policy(&world, "lifts", &policy(&world));
    put("alice", "lifts", "by: bob, liftedBy: carol");
    let told = failures(&lifts);
    assert!(told.len() == 1 && told[0].contains("`liftedBy` names `carol`"), "{told:?}");
    let lifts = propose_policy(&world, "lifts-again", &policy(&world));
    put("carol", "lifts-again", "by: bob, liftedBy: carol");
    assert_eq!(failures(&lifts), [""; 0]);
}

/// Whoever closes promotions, or opens them again, is one of those who may by the policy as it is: not by the one they propose.
#[test]
fn freeze_windows_are_changed_by_those_who_may() {
    let world = World::new(MemoryJournal::new());
    let window = |name: &str, day: &str| {
        format!(
            "    - {{id: {name}, reason: Nobody is there., asks: {{freeze: {{timeZone: UTC, from: \"{day}T12:00\", until: \"2099-12-27T08:00\"}}}}}}\n"
        )
    };
    let mine = policy(&world).replace("  requirements:\n", "  permissions: {freeze: [reviewer]}\n  requirements:\n");
    declare(&world, "main", "policy.yaml", &format!("{mine}{}", window("christmas", "2099-12-24")));
    let failures = |change: &PullRequest| wait(world.plane().check_policy_change(change.number)).unwrap().failures;
    let is_told = |failures: &[String]| {
        assert!(failures.iter().all(|it| it.contains("and nobody who wrote or approved that may do it")), "{failures:?}");
        failures.iter().any(|it| it.starts_with("the freeze windows of `orders` change"))
    };
    let earlier = policy(&world).replace("2099-12-24T12:00", "2099-12-20T12:00");
    let more = format!("{}{}", policy(&world), window("advent", "2099-12-01"));
    let theirs = earlier.replace("freeze: [reviewer]", "freeze: [owner]");

    // Alice, who proposes it, is an owner and no reviewer.
    for (branch, text) in [("earlier", &earlier), ("more", &more), ("theirs", &theirs)] {
        let change = propose_policy(&world, branch, text);
        assert!(is_told(&failures(&change)), "{branch}");
        review(&world, "bob", &change, &now(&world, &change), ReviewState::Approved);
        assert!(!is_told(&failures(&change)), "{branch}: a reviewer approves it");
    }
    // A part of it, by Git's word or somebody's own, is not all of it.
    let change = propose_policy(&world, "together", &earlier);
    write_as(&world, "bob", "together", Vec::new());
    assert!(is_told(&failures(&change)), "a reviewer has written a part of it, and alice the window");
    // Alice may once she is a reviewer, and writes it alone.
    let people = file(&world, "people.yaml").unwrap();
    let both = people.replace("{name: alice, roles: [owner]}", "{name: alice, roles: [owner, reviewer]}");
    declare(&world, "main", "people.yaml", &both);
    assert!(!is_told(&failures(&propose_policy(&world, "alone", &earlier))));
    declare(&world, "main", "people.yaml", &people);
    let other = policy(&world).replace("reason: people,", "reason: people promote,");
    assert_ne!(other, policy(&world));
    assert!(!is_told(&failures(&propose_policy(&world, "other", &other))), "no window changes");
}

/// A check is PathOps' own word: a producer who is trusted for something else cannot hand one in.
#[test]
fn nobody_else_hands_in_the_check_of_a_policy() {
    let world = World::new(MemoryJournal::new());
    let subject = pathops_core::evidence::Subject::named("policy").with_sha256(&Digest::of(b"policy"));
    let says = serde_json::json!({
        "result": "PASSED", "passedTests": ["all"], "finishedOn": "2026-11-20T12:00:00Z",
        "configuration": [{"name": "policy", "annotations": {"pipelineChanged": false, "policy": {"approvedBy": {}}}}],
    });
    let tests = "https://in-toto.io/attestation/test-result/v0.1";
    let envelope = crate::outside_evidence::sign(crate::world::PRODUCERS[0].1, subject, tests, &says);
    let error = wait(world.plane().take_evidence(&envelope, None)).unwrap_err();
    assert!(error.to_string().contains("the check of a policy"), "{error}");
}

/// A stop that nobody reads stops nothing.
#[test]
fn a_file_beside_the_documents_that_nobody_reads_fails_the_check() {
    let world = World::new(MemoryJournal::new());
    let change = propose_policy(&world, "strays", &policy(&world));
    assert_eq!(wait(world.plane().check_policy_change(change.number)).unwrap().failures, [""; 0]);
    for stray in ["stops.yaml", "stop/odd.yaml"] {
        declare(&world, "strays", stray, &stop("by: alice"));
        let failures = wait(world.plane().check_policy_change(change.number)).unwrap().failures;
        assert!(failures.iter().any(|it| it.starts_with(&format!("{stray}: ")) && it.contains("read")), "{failures:?}");
    }
}

/// Whether something is proposed within the time in which people look many times.
fn is_proposed_soon(world: &World) -> bool {
    let looks = AtomicU32::new(0);
    let enough = || proposed(world).is_some() || looks.fetch_add(1, Ordering::SeqCst) > 150;
    assert!(world.run(feature_of(&["orders"], "better", None), "k", enough).is_none());
    proposed(world).is_some()
}

fn checked_path(world: &World) -> String {
    format!("change-sets/policies/{}.json", wait(world.plane().project()).unwrap().policy.digest().hex())
}

/// A producer is trusted for what it makes. Its key checks no policy, wherever its word lies.
#[test]
fn a_check_of_a_policy_by_the_key_of_a_producer_is_none() {
    for (seed, is_believed) in [(1, true), (crate::world::PRODUCERS[0].1, false)] {
        let world = World::new(MemoryJournal::new());
        declare(&world, "main", "policy.yaml", &asking(&world, CHECKED));
        let digest = wait(world.plane().project()).unwrap().policy.digest();
        let subject = pathops_core::evidence::Subject::named("policy").with_sha256(&digest);
        let says = serde_json::json!({
            "result": "PASSED", "passedTests": ["all"], "finishedOn": "2025-11-24T08:00:00Z",
            "configuration": [{"name": "policy", "annotations": {"policy": {"approvedBy": {"bob": ["reviewer"]}}}}],
        });
        let predicate_type = "https://in-toto.io/attestation/test-result/v0.1";
        let envelope = crate::outside_evidence::sign(seed, subject, predicate_type, &says);
        let trust = TrustRoot::new([crate::outside_evidence::key(seed).public_key()]);
        let id = trust.verify(&envelope).unwrap().id();
        let blob = wait(world.blobs.put(&cx(), envelope.to_vec().unwrap())).unwrap();
        let record = serde_json::json!({
            "format": 1, "pullRequest": null,
            "evidence": {"id": id, "name": "policy", "predicateType": predicate_type, "envelope": blob, "location": ""},
        });
        declare(&world, "main", &checked_path(&world), &record.to_string());
        assert_eq!(is_proposed_soon(&world), is_believed, "signed by {seed}");
    }
}

/// What PathOps has recorded is not for a change to write: an older check would be as good as the newest.
#[test]
fn nobody_rewrites_what_pathops_has_recorded() {
    let world = World::new(MemoryJournal::new());
    wait(world.plane().check_policy()).unwrap();
    let checked = checked_path(&world);
    let failures = |change: &PullRequest| wait(world.plane().check_policy_change(change.number)).unwrap().failures;
    let change = propose_policy(&world, "records", &policy(&world));
    // What was recorded since is no doing of the change.
    wait(world.plane().check_policy()).unwrap();
    declare(&world, "main", "change-sets/later/status.json", "{}");
    assert_eq!(failures(&change), [""; 0]);
    for path in [checked.as_str(), "production/orders.json", "log/checkpoint", "evidence/2025/11/dates.orders/snapshot.json"] {
        declare(&world, "records", path, "{}");
        let told = failures(&change);
        assert!(told.iter().any(|it| it.starts_with(&format!("{path}: "))), "{told:?}");
    }
    let change = propose_policy(&world, "deletes", &policy(&world));
    write_as(&world, "alice", "deletes", vec![FileChange { path: checked.parse().unwrap(), file: None }]);
    assert_eq!(failures(&change).len(), 1);
}

/// People approve what is merged. What was not, and is pushed past it, nobody has approved.
#[test]
fn an_approval_of_what_was_not_merged_is_none() {
    for is_closed in [false, true] {
        let world = World::new(MemoryJournal::new());
        let text = asking(&world, CHECKED);
        let change = propose_policy(&world, "asks", &text);
        let head = now(&world, &change);
        review(&world, "bob", &change, &head, ReviewState::Approved);
        assert_eq!(wait(world.plane().check_policy_change(change.number)).unwrap().approved_by.len(), 1, "it is told");
        if is_closed {
            let scm = world.forge.scm(pathops_core::Principal::System);
            wait(scm.close_pull_request(&cx(), &repo("shop/meta"), change.number)).unwrap();
        }
        declare(&world, "main", "policy.yaml", &text);
        assert!(!is_proposed_soon(&world), "closed: {is_closed}");
    }
}

/// Whoever mends the main branch is not kept from it by what they mend.
#[test]
fn a_change_that_mends_what_cannot_be_read_is_checked() {
    let world = World::new(MemoryJournal::new());
    let mends = propose_policy(&world, "mends", &policy(&world).replace("reason: tests,", "reason: they tell,"));
    declare(&world, "main", "apps/orders.yaml", "kind: Nonsense\n");
    let change = wait(world.plane().check_policy_change(mends.number)).unwrap();
    assert_eq!(change.failures, [""; 0]);
    assert!(change.warnings.iter().any(|it| it.contains("what was before it cannot be read")), "{change:?}");
    let head = PullRequest { head: change.head, ..mends };
    assert_eq!(status(&world, "shop/meta", &head, POLICY_CONTEXT), Some(CheckState::Success));
    // Whose name stands in a stop is held against the host's word all the same.
    declare(&world, "mends", "stops/odd.yaml", &stop("by: bob"));
    let told = wait(world.plane().check_policy_change(mends.number)).unwrap().failures;
    assert!(told.len() == 1 && told[0].contains("`by` names `bob`"), "{told:?}");
}

/// A file that leads nowhere is written anew by the next check, and decides nothing until then.
#[test]
fn what_leads_to_a_check_and_cannot_be_read_is_mended_by_another_check() {
    let world = World::new(MemoryJournal::new());
    let rule = CHECKED.replace("approvals: 1, roles: [reviewer], ", "");
    declare(&world, "main", "policy.yaml", &asking(&world, &rule));
    wait(world.plane().check_policy()).unwrap();
    let path = checked_path(&world);
    let good = file(&world, &path).unwrap();
    for bad in ["{".to_owned(), good.replace("\"format\": 1", "\"format\": 99")] {
        assert_ne!(bad, good);
        declare(&world, "main", &path, &bad);
        wait(world.plane().check_policy()).unwrap();
        assert!(file(&world, &path).unwrap().contains("\"format\": 1"));
    }
    declare(&world, "main", &path, &good.replace("\"format\": 1", "\"format\": 99"));
    assert!(!is_proposed_soon(&world), "nobody knows what it says");
}

/// The writes of a check, with what each is to do: as many as are hit.
fn checked_through(
    change_of: &str,
    fault: Fault,
    write: u64,
) -> (World, PullRequest, Option<&'static str>, pathops_core::Result<()>) {
    let world = World::new(MemoryJournal::new());
    let text = policy(&world).replace("reason: tests,", "reason: they tell,");
    let change = propose_policy(&world, "rules", &text);
    declare(&world, "rules", change_of, "kind: Stop\napiVersion: pathops.dev/v1alpha1\n");
    let faults = std::sync::Arc::new(Faults::new(1, std::sync::Arc::new(world.clock.clone())).with(fault, When::Write(write)));
    let plane = world.through(&faults).plane();
    let mut check = std::pin::pin!(plane.check_policy_change(change.number));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut checked = Future::poll(check.as_mut(), &mut context);
    if checked.is_pending() {
        // Somebody pushes meanwhile.
        declare(&world, "main", "README.md", "The shop.");
        checked = std::task::Poll::Ready(world.pass(check));
    }
    let std::task::Poll::Ready(checked) = checked else { panic!("it is ready") };
    let hit = faults.hits().first().map(|hit| hit.operation);
    let head = now(&world, &change);
    (world, head, hit, checked.map(drop))
}

/// A change that must not be merged is told so, whatever can be written besides; and others may push while it is looked at.
#[test]
fn that_a_change_must_not_be_merged_is_told_before_it_is_recorded() {
    let mut recorded = 0;
    for write in 1..9 {
        let (world, head, hit, checked) = checked_through("stop.yaml", Fault::Refuse, write);
        if hit == Some("commit to a branch") {
            recorded += 1;
            assert!(checked.is_err());
            assert_eq!(status(&world, "shop/meta", &head, POLICY_CONTEXT), Some(CheckState::Failure));
            let slow = Fault::Slow(std::time::Duration::from_secs(60));
            let (world, head, _, checked) = checked_through("stop.yaml", slow, write);
            checked.unwrap();
            assert_eq!(status(&world, "shop/meta", &head, POLICY_CONTEXT), Some(CheckState::Failure));
            assert!(file(&world, &format!("change-sets/policy-{}/status.json", head.number.0)).is_some());
        }
    }
    assert_eq!(recorded, 1);
}

/// Each was tried and approved by itself. What came about by both was not, until it is: as it stands, and by whoever approves what is
/// based on it.
#[test]
fn a_policy_that_came_about_by_two_changes_is_checked_and_approved_once_more() {
    let world = World::new(MemoryJournal::new());
    declare(&world, "main", "policy.yaml", &asking(&world, CHECKED));
    let one = propose_policy(&world, "one", &policy(&world).replace("reason: tests,", "reason: they tell,"));
    let other = propose_policy(&world, "other", &policy(&world));
    declare(&world, "other", "policies/careful.yaml", CAREFUL);
    let check = |change: &PullRequest| wait(world.plane().check_policy_change(change.number)).unwrap();
    let merge = |change: &PullRequest| {
        let head = now(&world, change);
        review(&world, "bob", change, &head, ReviewState::Approved);
        check(change);
        world.forge.person(person("bob")).merge(&repo("shop/meta"), change.number, &head.head).unwrap();
    };
    let approved_by =
        |change: &pathops_coordinator::PolicyChange| change.approved_by.keys().map(ToString::to_string).collect::<Vec<_>>();
    merge(&one);
    assert_eq!(approved_by(&check(&one)), ["bob"]);
    merge(&other);
    assert_eq!(file(&world, &checked_path(&world)), None, "nobody has checked what stands now");
    let both = check(&other);
    assert_eq!((both.policy, both.failures.len()), (Some(wait(world.plane().project()).unwrap().policy.digest()), 0), "{both:?}");
    assert_eq!(approved_by(&both), [""; 0]);
    let told = "the branch had moved on when it was merged, so what stands is another policy than the one that was proposed";
    assert!(both.warnings.iter().any(|it| it.starts_with(told)), "{:?}", both.warnings);
    assert!(file(&world, &checked_path(&world)).unwrap().contains("\"pullRequest\": null"));
    assert!(!is_proposed_soon(&world), "nobody has approved it");

    // Any change that is based on it will do, and says so to those who approve it.
    let third = propose_policy(&world, "third", &format!("# The rules.\n{}", policy(&world)));
    let change = check(&third);
    assert!(change.warnings.iter().any(|it| it.contains("who approves this change approves that, too")), "{change:?}");
    assert!(file(&world, &checked_path(&world)).unwrap().contains("\"pullRequest\": null"), "it is not merged yet");
    merge(&third);
    assert_eq!(approved_by(&check(&third)), ["bob"]);
    assert!(is_proposed_soon(&world));
}

/// A producer that the host does not know makes nothing.
#[test]
fn a_rule_for_the_word_of_a_stranger_fails_the_check() {
    let world = World::new(MemoryJournal::new());
    let asks = |who: &str| {
        format!(
            "    - {{id: odd, reason: somebody looks, asks: {{deployment: {{accept: {{maxAgeSeconds: 86400, from: [{who}]}}}}}}}}\n"
        )
    };
    let failures = |who: &str| {
        let change = propose_policy(&world, who, &asking(&world, &asks(who)));
        wait(world.plane().check_policy_change(change.number)).unwrap().failures
    };
    let told = failures("nobody");
    assert!(
        matches!(told.as_slice(), [one] if one.contains("nobody whose word counts for `odd` is trusted: `nobody`")),
        "{told:?}"
    );
    assert_eq!(failures(crate::world::PRODUCERS[0].0), [""; 0]);
}
