//! What the meta repository keeps of what has come to production: the snapshot and the decision of each unit, by month.

use std::collections::BTreeMap;

use pathops_coordinator::change_set::{End, MAX_RECORD_BYTES, State};
use pathops_core::adapter::{JobCheck, Signer as _, SourceTree};
use pathops_core::evidence::{
    Envelope, PAYLOAD_TYPE, Predicate as _, Snapshot, Statement, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::{MemoryJournal, MemorySigner, Rollout};
use pathops_core::{Digest, Principal, RepoPath};
use pathops_evidence::{Verdict, verify_bundle};
use serde_json::Value;

use crate::world::{LATE_DEFECT, UNITS, World, cx, feature, feature_of, log_key, repo, wait};

/// Everything below a folder of the meta repository, by its path.
fn below(world: &World, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let (scm, meta) = (world.forge.scm(Principal::System), repo("shop/meta"));
    let head = wait(scm.branch_head(&cx(), &meta, &"main".parse().unwrap())).unwrap().unwrap();
    let all: SourceTree = wait(scm.read_tree(&cx(), &meta, &head, &RepoPath::root())).unwrap();
    let all = all.into_iter().map(|(path, file)| (path.as_str().to_owned(), file.bytes));
    all.filter(|(path, _)| path.starts_with(folder)).collect()
}

/// The paths of the releases of a change set, with the files of these names in each.
fn paths(state: &State, names: &[&str]) -> Vec<String> {
    let folder = |unit: &str| format!("evidence/2025/11/{}.{unit}", state.start.change_set);
    UNITS.iter().flat_map(|unit| names.iter().map(move |name| format!("{}/{name}", folder(unit)))).collect()
}

#[test]
fn each_release_leaves_its_snapshot_and_its_decision_once() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    let state = world.carry_out(feature(None), "first").unwrap();
    assert_eq!(state.end, Some(End::Live), "{:?}", state.remarks);
    let files = below(&world, "evidence/");
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), paths(&state, &["snapshot.json", "vsa.sigstore.json"]));
    let trust = TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]);
    for unit in UNITS {
        let progress = &state.units[&unit.parse().unwrap()];
        let of = |name: &str| &files[&format!("evidence/2025/11/{}.{unit}/{name}", state.start.change_set)];
        // As it was signed, so that its name follows from it.
        let snapshot = of("snapshot.json");
        let id = Digest::of(&pre_authentication_encoding(PAYLOAD_TYPE, snapshot));
        assert_eq!(id, progress.snapshots.last().unwrap().id.0, "{unit}");
        let statement = Statement::from_slice(snapshot).unwrap();
        assert_eq!(statement.predicate_type, Snapshot::TYPE);
        let snapshot: Snapshot = serde_json::from_value(statement.predicate).unwrap();
        assert_eq!(snapshot.extent.environment.as_str(), "production");
        let verified = verify_bundle(of("vsa.sigstore.json"), &log_key().identity(), &trust);
        assert_eq!(verified.verdict(), Verdict::Verified, "{verified}");
        let bundle: Value = serde_json::from_slice(of("vsa.sigstore.json")).unwrap();
        let envelope: Envelope = serde_json::from_value(bundle["dsseEnvelope"].clone()).unwrap();
        assert_eq!(trust.verify(&envelope).unwrap().id(), progress.last.as_ref().unwrap().record.id, "{unit}");
    }
    assert!(files.values().all(|bytes| bytes.len() < 100_000), "metadata and links only");

    // What does not come to production leaves nothing, and what is there stays as it is.
    let refused = world.carry_out(feature_of(&["orders", "store"], &format!("a {LATE_DEFECT}"), None), "second").unwrap();
    assert_eq!(refused.end, Some(End::Recovered));
    assert_eq!(below(&world, "evidence/"), files);
}

#[test]
fn without_a_ledger_there_is_no_bundle() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature(None), "first").unwrap();
    let files = below(&world, "evidence/");
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), paths(&state, &["snapshot.json"]));
}

#[test]
fn a_record_that_is_too_large_is_left_out_and_told() {
    let mut world = World::new(MemoryJournal::new());
    world.gitops = world.gitops.with_script(|deploying| {
        let mut rollout = Rollout::passing(deploying);
        for job in &mut rollout.jobs {
            let failure = Some("no ".repeat(MAX_RECORD_BYTES / 5));
            job.checks = Some(vec![JobCheck { name: "it works".to_owned(), failure }]);
        }
        rollout
    });
    let state = world.carry_out(feature_of(&["store"], "better", None), "k").unwrap();
    let told = state.remarks.iter().find(|remark| remark.contains("the record could not be written"));
    assert!(told.is_some_and(|told| told.contains("/status.json") && told.contains("it was left out")), "nothing is told");
    // What was recorded when it was declared stays, and what is not too large is recorded.
    let files = below(&world, "change-sets/");
    assert!(files.values().all(|bytes| bytes.len() <= MAX_RECORD_BYTES));
    let evidence = &files[&format!("change-sets/{}/evidence.json", state.start.change_set)];
    assert!(String::from_utf8_lossy(evidence).contains("store preflight snapshot"), "the rest is recorded");
}
