//! The lifecycles that the workflow keeps: of the change set, and of what it brings.

use std::sync::atomic::{AtomicU32, Ordering};

use pathops_coordinator::change_set::{End, Progress, State};
use pathops_core::lifecycle::{ArtifactLifecycle, ArtifactState, ChangeSetLifecycle, ChangeSetState, Ground, Record, Subject};
use pathops_core::memory::MemoryJournal;

use crate::governance::{declare, file, is_granted, meddled};
use crate::world::{World, feature, feature_of, id};

/// What has to be true of every change set that has ended: each lifecycle is where the change set is, and names evidence
/// that is there.
pub(crate) fn are_kept(state: &State) {
    assert!(state.remarks.iter().all(|remark| !remark.contains("lifecycle")), "{:?}", state.remarks);
    let (whole, brought) = match state.end {
        Some(End::Live) => (ChangeSetState::Closed, Some(ArtifactState::Promoted)),
        Some(End::Recovered) => (ChangeSetState::Recovered, Some(ArtifactState::NotPromotable)),
        Some(End::Incomplete) => (ChangeSetState::LeftToPeople, Some(ArtifactState::NotPromotable)),
        None => return,
    };
    assert_eq!(state.lifecycle.state(), whole, "{:#?}", state.lifecycle);
    for (unit, progress) in &state.units {
        assert!(progress.artifact.is_some() || state.end != Some(End::Live), "{unit} brought nothing");
        let reached = progress.artifact.as_ref().map(Record::state);
        assert_eq!(reached, brought.filter(|_| reached.is_some()), "{unit}");
        let own = progress.artifact.iter().chain(&progress.again).chain(&progress.replaced);
        own.for_each(|record| names_what_there_is(record, progress));
    }
}

fn names_what_there_is(record: &ArtifactLifecycle, progress: &Progress) {
    for evidence in record.transitions().iter().flat_map(|transition| transition.ground.evidence()) {
        assert!(progress.evidence.iter().any(|it| it.id == evidence), "{evidence} of {record:#?}");
    }
}

fn ways<T: Subject>(record: &Record<T>) -> Vec<String> {
    record.transitions().iter().map(|transition| transition.to.to_string()).collect()
}

#[test]
fn a_feature_that_reaches_production_is_recorded_step_by_step() {
    let world = World::new(MemoryJournal::new());
    let state = world.carry_out(feature_of(&["orders", "store"], "better", None), "k").unwrap();
    let whole = ["working", "in-review", "in-preflight", "decided", "promoting", "promoting", "promoting", "promoting", "closed"];
    assert_eq!(ways(&state.lifecycle), whole, "a grant and a promotion of each unit");
    let orders = state.units[&id("orders")].artifact.as_ref().unwrap();
    assert_eq!(ways(orders), ["verified", "verified", "promotable", "promoted"]);
    assert_eq!(orders.subject().digest, state.units[&id("orders")].built_artifact());
    let store = state.units[&id("store")].artifact.as_ref().unwrap();
    assert_eq!((ways(store), store.subject().digest), (ways(orders), None), "a component goes the same way");

    let written = file(&world, &format!("change-sets/{}/lifecycles.json", state.start.change_set)).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    let read = ChangeSetLifecycle::from_slice(written["changeSet"].to_string().as_bytes()).unwrap();
    assert_eq!(read, state.lifecycle);
    let read = ArtifactLifecycle::from_slice(written["units"]["orders"]["artifact"].to_string().as_bytes()).unwrap();
    assert_eq!(&read, orders);
}

#[test]
fn what_fails_in_preflight_is_not_promotable_by_evidence() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature(None), "first").unwrap();
    let state = world.carry_out(feature_of(&["orders", "store"], "even better", Some("orders")), "second").unwrap();
    assert_eq!(ways(&state.lifecycle), ["working", "in-review", "in-preflight", "stopped", "recovering", "recovered"]);
    let orders = &state.units[&id("orders")];
    let failed = orders.artifact.as_ref().unwrap().transitions().last().unwrap();
    assert!(matches!(failed.ground, Ground::Failure(_)), "{:?}", failed.ground);
    assert!(orders.not_promotable().unwrap().contains("it does not"), "{:?}", orders.not_promotable());
    let store = state.units[&id("store")].not_promotable().unwrap();
    assert_eq!(store, "orders failed");
    assert_eq!(ways(orders.again.as_ref().unwrap()), ["verified"], "what was there before is there again");
}

#[test]
fn a_grant_that_is_taken_back_is_recorded_as_such() {
    let world = World::new(MemoryJournal::new());
    world.hesitant.store(true, Ordering::SeqCst);
    let step = AtomicU32::new(0);
    let incident = |world: &World, closed: &str| {
        let text = format!(
            "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {{name: odd}}\nspec: {{unit: orders, since: \"2025-11-24T08:00:00Z\", summary: Something is odd.{closed}}}\n"
        );
        declare(world, "main", "incidents/odd.yaml", &text);
    };
    let state = meddled(&world, |world, proposed| {
        match step.load(Ordering::SeqCst) {
            0 if is_granted(world, proposed) => incident(world, ""),
            1 if !is_granted(world, proposed) => incident(world, ", closed: \"2025-11-25T00:00:00Z\""),
            2 if is_granted(world, proposed) => world.hesitant.store(false, Ordering::SeqCst),
            _ => return,
        }
        step.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!((state.end, step.load(Ordering::SeqCst)), (Some(End::Live), 3), "{:?}", state.failure);
    let orders = state.units[&id("orders")].artifact.as_ref().unwrap();
    assert_eq!(ways(orders), ["verified", "verified", "promotable", "verified", "promotable", "promoted"]);
    let taken_back = state.lifecycle.transitions().iter().filter(|it| matches!(it.ground, Ground::TakenBack { .. }));
    let reasons: Vec<_> = taken_back.filter_map(|it| it.ground.reason()).collect();
    assert!(matches!(reasons.as_slice(), [one] if one.contains("no-open-incident")), "{reasons:?}");
    let told = world.notifier.delivered();
    assert!(told.iter().any(|notice| notice.text.contains("may not be merged into production any more")), "{told:?}");
}
