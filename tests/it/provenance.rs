//! Where artifacts come from, as evidence.

use pathops_core::adapter::BlobStore as _;
use pathops_core::evidence::{Envelope, Predicate as _, Provenance, Statement};
use pathops_core::memory::MemoryJournal;

use crate::world::{World, cx, feature, wait};

#[test]
fn each_artifact_has_a_provenance_that_leads_to_its_source_and_its_log() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature(None), "delivery").unwrap();
    let mut built = 0;
    for (unit, progress) in &state.units {
        let Some(artifact) = &progress.built else { continue };
        let of_it: Vec<_> = progress.evidence.iter().filter(|record| record.predicate_type == Provenance::TYPE).collect();
        let [record] = of_it.as_slice() else { panic!("{unit}: {of_it:?}") };
        let envelope = wait(world.blobs.get(&cx(), &record.envelope)).unwrap().unwrap();
        let payload = Envelope::from_slice(&envelope).unwrap().payload().unwrap();
        let statement: Statement = serde_json::from_slice(&payload).unwrap();
        assert!(statement.subject.iter().any(|subject| subject.has("sha256", &artifact.artifact.digest.hex())), "{statement:?}");
        let provenance: Provenance = serde_json::from_value(statement.predicate).unwrap();
        let source = &provenance.build_definition.resolved_dependencies[0];
        assert_eq!(source.digest["gitTree"], artifact.source.tree.as_str());
        let log = &provenance.run_details.byproducts[0];
        assert!(progress.payloads.iter().any(|payload| payload.digest.hex() == log.digest["sha256"]), "{log:?}");
        built += 1;
    }
    assert!(built > 1, "{:?}", state.units);
}
