//! The lifecycles that the workflow keeps: of the change set, and of what it brings.

use std::sync::atomic::{AtomicU32, Ordering};

use pathops_coordinator::change_set::End;
use pathops_core::adapter::{FileChange, SourceFile};
use pathops_core::lifecycle::{AppLifecycle, ArtifactLifecycle, ChangeSetLifecycle, Ground, Record, Subject};
use pathops_core::memory::MemoryJournal;
use pathops_core::project::Lifecycle;

use crate::governance::{declare, file, is_granted, meddled, policy, propose_policy, write_as};
use crate::world::{World, feature, feature_of, id, wait};

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
    assert_eq!(app(&world, "orders"), *state.units[&id("orders")].app.as_ref().unwrap());
    assert_eq!(ways(&app(&world, "orders")), ["path-ready", "production"]);
    assert_eq!(ways(&app(&world, "store")), ["path-ready", "production"]);
    assert_eq!(file(&world, "lifecycles/web.json"), None, "nobody has asked for anything of it");
}

fn app(world: &World, unit: &str) -> AppLifecycle {
    let text = file(world, &format!("lifecycles/{unit}.json")).unwrap();
    AppLifecycle::from_slice(text.as_bytes()).unwrap()
}

fn incident(world: &World, of: &str, closed: &str) {
    let text = format!(
        "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {{name: odd}}\nspec: {{{of}since: \"2025-11-24T08:00:00Z\", summary: Something is odd.{closed}}}\n"
    );
    declare(world, "main", "incidents/odd.yaml", &text);
}

/// An incident sends an app back, once, and another promotion brings it into production again.
#[test]
fn an_incident_sends_an_app_back_until_it_is_promoted_again() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders", "store"], "better", None), "first").unwrap();
    let back = || wait(world.plane().send_back()).unwrap();
    assert_eq!(back(), []);
    incident(&world, "unit: orders, ", "");
    assert_eq!(back(), [id("orders")]);
    let orders = app(&world, "orders");
    assert_eq!(
        (ways(&orders), orders.state()),
        (["path-ready", "production", "path-ready"].map(str::to_owned).into(), Lifecycle::PathReady)
    );
    assert!(
        matches!(&orders.transitions()[2].ground, Ground::Incident(it) if it.incident.id == "odd" && it.declared_in.is_some()),
        "{orders:#?}"
    );
    assert_eq!((back(), app(&world, "orders")), (vec![], orders), "it is back already");
    incident(&world, "unit: orders, ", ", closed: \"2025-11-25T00:00:00Z\"");
    assert_eq!(back(), []);
    world.carry_out(feature_of(&["orders"], "even better", None), "second").unwrap();
    assert_eq!(app(&world, "orders").state(), Lifecycle::Production);
    assert_eq!(app(&world, "orders").transitions().len(), 4);
    // One of the whole project is one of each.
    incident(&world, "", "");
    assert_eq!(back(), [id("orders"), id("store")]);
}

/// What a record says that was written while a change set was under way stays in it.
#[test]
fn a_change_set_does_not_write_over_an_incident() {
    let world = World::new(MemoryJournal::new());
    world.carry_out(feature_of(&["orders"], "better", None), "first").unwrap();
    let step = AtomicU32::new(0);
    let meddle = || {
        let open = || wait(world.plane().send_back()).unwrap();
        match step.fetch_add(1, Ordering::SeqCst) {
            8 => {
                incident(&world, "unit: orders, ", "");
                assert_eq!(open(), [id("orders")]);
            }
            14 => incident(&world, "unit: orders, ", ", closed: \"2025-11-25T00:00:00Z\""),
            _ => {}
        }
        false
    };
    let state = world.run(feature_of(&["orders"], "even better", None), "second", meddle).unwrap().unwrap();
    assert_eq!(state.end, Some(End::Live), "{:?}", state.failure);
    assert!(step.load(Ordering::SeqCst) > 20, "{step:?}");
    assert_eq!(ways(&app(&world, "orders")), ["path-ready", "production", "path-ready", "production"]);
}

/// That an app is in production is for a promotion to say, and not for whoever writes it down.
#[test]
fn what_is_declared_to_be_in_production_has_been_promoted() {
    let world = World::new(MemoryJournal::new());
    let declared = |branch: &str| {
        let text = file(&world, "apps/orders.yaml").unwrap().replace("lifecycle: path-ready", "lifecycle: production");
        let change = propose_policy(&world, branch, &policy(&world));
        declare(&world, branch, "apps/orders.yaml", &text);
        wait(world.plane().check_policy_change(change.number)).unwrap().failures
    };
    let refused = declared("early");
    assert!(
        matches!(refused.as_slice(), [one] if one.contains("`orders` is declared production, and it is not recorded: a promotion")),
        "{refused:?}"
    );
    world.carry_out(feature_of(&["orders"], "better", None), "first").unwrap();
    assert_eq!(declared("in-time"), [""; 0]);
    incident(&world, "unit: orders, ", "");
    wait(world.plane().send_back()).unwrap();
    assert!(declared("late")[0].contains("it is recorded as path-ready: a promotion brings it there"));
}

/// Somebody who is no owner takes nothing onto the path: then there is no record, and the promotion does not wait for one.
#[test]
fn only_an_owner_takes_an_app_onto_the_path() {
    let world = World::new(MemoryJournal::new());
    let text = file(&world, "apps/orders.yaml").unwrap();
    declare(&world, "main", "apps/orders.yaml", &text.replace("lifecycle: path-ready", "lifecycle: prototype"));
    let file = |text: &str| FileChange {
        path: "apps/orders.yaml".parse().unwrap(),
        file: Some(SourceFile { bytes: text.as_bytes().to_vec(), executable: false }),
    };
    write_as(&world, "bob", "main", vec![file(&text)]);
    let state = world.run(feature_of(&["orders"], "better", None), "k", || false).unwrap().unwrap();
    assert_eq!((state.end, &state.units[&id("orders")].app), (Some(End::Live), &None));
    assert_eq!(crate::governance::file(&world, "lifecycles/orders.json"), None);
    // Nor does one who does not say what it is for.
    declare(
        &world,
        "main",
        "apps/web.yaml",
        &crate::governance::file(&world, "apps/web.yaml").unwrap().replace("  intent: It is wanted.\n", ""),
    );
    let state = world.run(feature_of(&["web"], "better", None), "k2", || false).unwrap().unwrap();
    assert_eq!((state.end, &state.units[&id("web")].app), (Some(End::Live), &None));
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
    let state = meddled(&world, |world, proposed| {
        match step.load(Ordering::SeqCst) {
            0 if is_granted(world, proposed) => incident(world, "unit: orders, ", ""),
            1 if !is_granted(world, proposed) => incident(world, "unit: orders, ", ", closed: \"2025-11-25T00:00:00Z\""),
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
