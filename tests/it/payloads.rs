//! What is stored beside statements: what cannot be read is kept and named, and what nobody may read is not kept.

use pathops_coordinator::change_set::State;
use pathops_core::Digest;
use pathops_core::adapter::BlobStore as _;
use pathops_core::memory::{MemoryJournal, Pipeline};

use crate::governance::declare;
use crate::snapshots::{absent, snapshot, there};
use crate::world::{World, cx, feature_of, wait};

/// A world whose CI reports and prints this.
fn building(change: impl Fn(&mut Pipeline) + Send + Sync + 'static) -> World {
    let mut world = World::new(MemoryJournal::new());
    world.ci = world.ci.clone().with_script(move |request, files| {
        let mut pipeline = Pipeline::passing(request, files);
        change(&mut pipeline);
        pipeline
    });
    world
}

/// What is stored as this part of the first snapshot of `orders`.
fn stored(world: &World, state: &State, part: &str) -> String {
    let snapshot = snapshot(world, &state.units[&"orders".parse().unwrap()].snapshots[0]);
    let reference = snapshot.references.iter().find(|reference| reference.name == part).unwrap();
    let digest = Digest::from_hex(&reference.digest["sha256"]).unwrap();
    String::from_utf8(wait(world.blobs.get(&cx(), &digest)).unwrap().unwrap()).unwrap()
}

#[test]
fn a_report_of_tests_that_cannot_be_read_is_kept_and_the_reason_told() {
    let world = building(|pipeline| pipeline.tests = Some(b"<testsuite name=\"unit\"><testcase".to_vec()));
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let orders = &state.units[&"orders".parse().unwrap()];
    let snapshot = snapshot(&world, &orders.snapshots[0]);
    snapshot.is_whole().unwrap().unwrap();
    assert!(there(&snapshot).contains(&"orders unread test report"), "{:?}", there(&snapshot));
    let absent = absent(&snapshot);
    assert!(absent["orders unit tests"].starts_with("the report of the tests cannot be read: "), "{absent:?}");
    assert_eq!(stored(&world, &state, "orders unread test report"), "<testsuite name=\"unit\"><testcase");
    // What is recognised, and is no report of tests, is none.
    let world = building(|pipeline| pipeline.tests = Some(b"SF:lib.rs\nDA:1,1\nLF:1\nLH:1\nend_of_record\n".to_vec()));
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let snapshot = crate::snapshots::snapshot(&world, &state.units[&"orders".parse().unwrap()].snapshots[0]);
    let absent = crate::snapshots::absent(&snapshot);
    assert!(absent["orders unit tests"].ends_with("it is `lcov`, which says nothing of tests"), "{absent:?}");
}

/// Each says the same: two tests, of which one was skipped.
#[test]
fn tests_are_read_in_whatever_format_they_are_written() {
    for report in [
        "<testsuite><testcase name=\"adds\"/><testcase name=\"waits\"><skipped/></testcase></testsuite>",
        "TAP version 14\n1..2\nok 1 - adds\nok 2 - waits # SKIP not here\n",
        "{\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"adds\"}\n{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"adds\"}\n\
         {\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"waits\"}\n{\"Action\":\"skip\",\"Package\":\"a\",\"Test\":\"waits\"}\n\
         {\"Action\":\"pass\",\"Package\":\"a\"}\n",
    ] {
        let world = building(|pipeline| pipeline.tests = Some(report.as_bytes().to_vec()));
        let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
        let snapshot = snapshot(&world, &state.units[&"orders".parse().unwrap()].snapshots[0]);
        assert!(there(&snapshot).contains(&"orders unit tests"), "{report}: {:?}", absent(&snapshot));
    }
}

#[test]
fn the_project_says_what_of_people_is_stored() {
    let print = |pipeline: &mut Pipeline| pipeline.log = b"built by Ada Lovelace <ada@example.org>\n".to_vec();
    let world = building(print);
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(stored(&world, &state, "CI log"), "built by Ada Lovelace <ada@example.org>\n");
    let world = building(print);
    let masking = "apiVersion: pathops.dev/v1alpha1\nkind: Redaction\nmetadata: {name: shop}\nspec: {personal: mask, names: [Ada Lovelace]}\n";
    declare(&world, "main", "redaction.yaml", masking);
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let log = stored(&world, &state, "CI log");
    assert!(log.contains("built by [redacted") && !log.contains("Ada") && !log.contains("example.org"), "{log}");
}

#[test]
fn words_that_look_random_are_not_stored_in_payloads_and_digests_are() {
    let digest = Digest::of(b"an image");
    let world = building(move |pipeline| {
        pipeline.log = format!("pushed {digest}\nwith Zx9Qw3Lr7Tn5Vb1Kd8Hs2Mf6Pc4Jg0Ay\n").into_bytes();
    });
    let state = world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    assert_eq!(stored(&world, &state, "CI log"), format!("pushed {digest}\nwith [redacted high-entropy]\n"));
}

/// A deployment, its health and its three jobs are one batch of the ledger, and so are a build's tests and its provenance.
#[test]
fn what_is_observed_at_once_is_appended_at_once() {
    let mut world = World::new(MemoryJournal::new());
    world.keeps_ledger = true;
    world.carry_out(feature_of(&["orders"], "better", None), "k").unwrap();
    let objects = world.streams.objects();
    let batches = objects.iter().filter(|(key, _)| key.as_str().starts_with("log/batch/"));
    let sizes: Vec<usize> = batches
        .map(|(_, bytes)| serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["items"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes.iter().filter(|size| **size == 5).count(), 2, "in preflight and in production: {sizes:?}");
    assert!(sizes.contains(&2), "{sizes:?}");
}
