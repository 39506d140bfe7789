//! Taking back what is in production: by the same door, with an incident open, before what would go on from there, and once.
//! In memory and virtual time.

use std::time::Duration;

use pathops_coordinator::change_set::{End, LastGood, PullRequestRef, Role, Stage, State, Told};
use pathops_core::adapter::{Clock as _, Journal as _, PullRequestState, SourceTree};
use pathops_core::lifecycle::{ArtifactState, ChangeSetState};
use pathops_core::policy::Supersession;
use pathops_core::{ChangeSetId, ErrorKind, Principal, Result, UnitId};

use crate::governance::{declare, file, policy};
use crate::turns::{Shop, ends, had_not_begun};
use crate::world::{World, cx, id, person, repo, wait};

const WHY: &str = "customers cannot order";

pub(crate) fn take_back(shop: &Shop, change_set: &ChangeSetId) -> Result<ChangeSetId> {
    shop.world.wait_with(shop.plane.take_back(change_set, &person("bob"), WHY))
}

/// The same, of what can be taken back: one more change set.
pub(crate) fn taken_back(shop: &Shop, change_set: &ChangeSetId) -> ChangeSetId {
    let recovery = take_back(shop, change_set).unwrap();
    shop.asked.borrow_mut().push(recovery.clone());
    recovery
}

/// A shop with these change sets in production, one after the other, each of these units.
fn shop(all: &[(&str, &[&str])]) -> (Shop, Vec<ChangeSetId>) {
    let shop = Shop::with("first-come");
    let asked = all.iter().map(|(text, units)| shop.ask(units, text)).collect();
    assert!(ends(&shop.ends()).iter().all(|end| *end == Some(End::Live)));
    (shop, asked)
}

pub(crate) fn desired(world: &World, unit: &str) -> [SourceTree; 2] {
    ["preflight", "production"].map(|environment| {
        let (scm, repo) = (world.forge.scm(Principal::System), repo(&format!("shop/{unit}-gitops")));
        let head = wait(scm.branch_head(&cx(), &repo, &environment.parse().unwrap())).unwrap().unwrap();
        wait(scm.read_tree(&cx(), &repo, &head, &format!("environments/{environment}").parse().unwrap())).unwrap()
    })
}

pub(crate) fn last_good(world: &World, unit: &str) -> LastGood {
    serde_json::from_str(&file(world, &format!("production/{unit}.json")).unwrap()).unwrap()
}

fn incident(world: &World) {
    let text = "apiVersion: pathops.dev/v1alpha1\nkind: Incident\nmetadata: {name: inc-1}\nspec: {unit: orders, since: \"2025-11-24T08:00:00Z\", summary: it burns}\n";
    declare(world, "main", "incidents/inc-1.yaml", text);
}

/// Somebody closes the pull request by which a unit goes back in preflight.
fn people_close(shop: &Shop, state: &State, unit: &str) {
    let revert = &state.units[&id(unit)].pull_requests[&Role::Recovery];
    let bob = shop.world.forge.scm(Principal::Human(person("bob")));
    wait(bob.close_pull_request(&cx(), &revert.repo, revert.number)).unwrap();
}

pub(crate) fn is_refused(answer: Result<ChangeSetId>, kind: ErrorKind, why: &str) {
    let error = answer.unwrap_err();
    assert!(error.kind() == kind && error.to_string().contains(why), "{error}");
}

#[test]
fn with_an_incident_open_production_goes_back_to_what_was_there_before() {
    let (shop, asked) = shop(&[("one", &["orders", "store"])]);
    let (before, good) = (["orders", "store"].map(|unit| desired(&shop.world, unit)), last_good(&shop.world, "orders"));
    let second = shop.ask(&["orders", "store"], "two");
    assert_eq!(ends(&shop.ends()), [Some(End::Live); 2]);
    assert_ne!(["orders", "store"].map(|unit| desired(&shop.world, unit)), before);
    incident(&shop.world);
    let recovery = taken_back(&shop, &second);
    assert_eq!(take_back(&shop, &second).unwrap(), recovery, "it is under way");
    let state = shop.ends().remove(2);

    assert_eq!((state.end, state.lifecycle.state()), (Some(End::Recovered), ChangeSetState::Recovered), "{:?}", state.remarks);
    assert_eq!(["orders", "store"].map(|unit| desired(&shop.world, unit)), before);
    assert_eq!(shop.world.wait_with(shop.plane.replay(&recovery)).unwrap(), Some(state.clone()));
    for (unit, progress) in &state.units {
        assert!(progress.restored && progress.not_promotable().unwrap().contains(WHY), "{unit}");
        let again = progress.again.as_ref().unwrap();
        assert_eq!((again.state(), &again.subject().change_set), (ArtifactState::Promoted, &recovery), "{unit}");
        let opened: Vec<_> = progress.pull_requests.keys().copied().collect();
        assert_eq!(opened, [Role::Recovery, Role::Restore], "{unit}: nothing of what is taken back is its own");
        for PullRequestRef { repo, number, .. } in progress.pull_requests.values() {
            let read = wait(shop.world.forge.scm(Principal::System).pull_request(&cx(), repo, *number)).unwrap();
            assert!(matches!(read.state, PullRequestState::Merged { by: Principal::Human(_), .. }), "{repo}{number}");
        }
    }
    // In the rollback order: orders starts after the store.
    let deployed = shop.world.deployed.lock().unwrap().clone();
    let back: Vec<_> = deployed.iter().rev().take(4).rev().map(String::as_str).collect();
    assert_eq!(back, ["orders@preflight", "orders@production", "store@preflight", "store@production"]);
    let said: Vec<_> = state.remarks.iter().filter(|it| it.starts_with("orders: its source was merged")).collect();
    assert_eq!(said.len(), 1, "{:?}", state.remarks);

    // What is in production is what it was, with all that is known of it.
    let again = last_good(&shop.world, "orders");
    assert_eq!((&again.change_set, again.artifact), (&asked[0], good.artifact));
    assert!(again.evidence.len() > good.evidence.len() && again.evidence.starts_with(&good.evidence));
    let status = file(&shop.world, &format!("change-sets/{recovery}/status.json")).unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["takesBack"]["changeSet"], &status["end"]), (&second.as_str().into(), &"recovered".into()));
    assert_eq!(status["status"], format!("Everything is back to what it was before. bob takes `{second}` back: {WHY}"));
    is_refused(take_back(&shop, &second), ErrorKind::Invalid, "it was taken back already");
    is_refused(take_back(&shop, &asked[0]), ErrorKind::Invalid, "nothing of `orders` was in production before");
    // Until people say that the incident is over, nothing else goes there; then the next one does.
    let third = shop.ask(&["orders"], "three");
    shop.until(&third, Stage::Deciding);
    declare(
        &shop.world,
        "main",
        "incidents/inc-1.yaml",
        &file(&shop.world, "incidents/inc-1.yaml").unwrap().replace("summary", "closed: \"2025-11-24T09:00:00Z\", summary"),
    );
    assert_eq!(ends(&shop.ends())[3], Some(End::Live));
    assert_eq!(last_good(&shop.world, "orders").change_set, third);
}

#[test]
fn what_cannot_go_back_is_refused_before_anything_is_touched() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders", "web"]), ("three", &["orders"])]);
    let before = file(&shop.world, "production/orders.json");
    is_refused(take_back(&shop, &"none".parse().unwrap()), ErrorKind::NotFound, "none of that name");
    is_refused(take_back(&shop, &asked[1]), ErrorKind::Invalid, "nothing of `web` was in production before");
    is_refused(take_back(&shop, &asked[0]), ErrorKind::Invalid, "nothing of `orders` was in production before");
    let by = |who: &str, why: &str| shop.world.wait_with(shop.plane.take_back(&asked[2], &person(who), why));
    is_refused(by("mallory", WHY), ErrorKind::Denied, "does not let `mallory`");
    is_refused(by("bob", " "), ErrorKind::Invalid, "reason");
    let open = shop.ask(&["orders"], "four");
    is_refused(take_back(&shop, &open), ErrorKind::Invalid, "it has not ended: cancel it");
    assert_eq!(ends(&shop.ends())[3], Some(End::Live));
    let why = format!("the meta repository says that `{open}` has brought `orders` to production");
    is_refused(take_back(&shop, &asked[2]), ErrorKind::Invalid, &why);
    let orders = file(&shop.world, "apps/orders.yaml").unwrap();
    declare(&shop.world, "main", "apps/orders.yaml", &orders.replace("rollback: revert", "rollback: forward-only"));
    assert_ne!(file(&shop.world, "production/orders.json"), before);
    is_refused(take_back(&shop, &open), ErrorKind::Invalid, "`orders` is declared forward-only");
    assert_eq!(wait(shop.plane.change_sets(&pathops_coordinator::ChangeSetFilter::open(), None, 9)).unwrap(), []);
}

#[test]
fn one_after_the_other_several_go_back() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders"]), ("three", &["orders"])]);
    for newest in [2, 1] {
        taken_back(&shop, &asked[newest]);
        assert_eq!(ends(&shop.ends()).last(), Some(&Some(End::Recovered)));
        assert_eq!(last_good(&shop.world, "orders").change_set, asked[newest - 1]);
    }
}

#[test]
fn what_would_go_on_from_there_gives_way() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders"])]);
    let third = shop.ask(&["orders"], "three");
    shop.until(&third, Stage::Promoting);
    let recovery = taken_back(&shop, &asked[1]);
    assert!(shop.state(&recovery).is_queued());
    let states = shop.ends();
    assert_eq!(ends(&states)[2..], [Some(End::Recovered), Some(End::Recovered)]);
    assert_eq!((&states[2].superseded_by, last_good(&shop.world, "orders").change_set), (&Some(recovery), asked[0].clone()));
}

/// What works with it waits for its turn behind what is under way, which waits for the end of the incident, which people end by going back.
#[test]
fn with_an_incident_open_nothing_that_waits_for_its_turn_keeps_it_from_going_back() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders"])]);
    incident(&shop.world);
    let third = shop.ask(&["orders"], "three");
    shop.until(&third, Stage::Deciding);
    let works_with_it = shop.ask(&["web"], "four");
    assert!(shop.state(&works_with_it).is_queued());
    let recovery = taken_back(&shop, &asked[1]);
    shop.goes_on(|| shop.state(&recovery).ended);
    assert_eq!((shop.state(&recovery).end, &shop.state(&third).superseded_by), (Some(End::Recovered), &Some(recovery)));
    assert_eq!(ends(&shop.ends())[3], Some(End::Live), "its own unit has no incident");
}

#[test]
fn what_has_come_too_far_comes_to_its_end_and_nothing_gives_way_in_vain() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders"])]);
    let third = shop.ask(&["orders"], "three");
    shop.until(&third, Stage::ProductionDeploy);
    let fourth = shop.ask(&["orders"], "four");
    let recovery = taken_back(&shop, &asked[1]);
    let because = |of: &ChangeSetId| shop.state(&recovery).start.turn.unwrap().after.remove(of).unwrap();
    assert_eq!(because(&third).because, "both change `orders`; something of it may be in production");
    assert_eq!(because(&fourth).supersession, Supersession::Supersede);
    let states = shop.ends();
    assert_eq!(ends(&states)[2..], [Some(End::Live), Some(End::Live), Some(End::Incomplete)], "nothing was brought back");
    let reason = &states[4].failure.as_ref().unwrap().reason;
    assert!(reason.contains(&format!("says that `{third}` has brought `orders` to production")), "{reason}");
    assert!(
        had_not_begun(&states[4]) && states[4].lifecycle.state() == ChangeSetState::LeftToPeople,
        "{:?}",
        states[4].lifecycle
    );
    for newest in [&fourth, &third] {
        taken_back(&shop, newest);
        assert_eq!(ends(&shop.ends()).last(), Some(&Some(End::Recovered)));
    }
    assert_ne!(taken_back(&shop, &asked[1]), recovery, "the first came to nothing");
    assert_eq!(ends(&shop.ends()).last(), Some(&Some(End::Recovered)));
    assert_eq!(last_good(&shop.world, "orders").change_set, asked[0]);
}

#[test]
fn nobody_stops_what_they_may_not_stop_by_taking_back_their_own() {
    let (shop, _) = shop(&[("one", &["orders"])]);
    let rules = policy(&shop.world);
    declare(
        &shop.world,
        "main",
        "policy.yaml",
        &rules.replace("  requirements:", "  permissions: {stop: [owner]}\n  requirements:"),
    );
    let own = shop.ask_as("carol", &["orders"], "two");
    // Who asked for it cannot approve it.
    shop.approved_by_bob(&own);
    assert_eq!(shop.state(&own).end, Some(End::Live));
    let more = shop.ask(&["orders", "web"], "three");
    is_refused(take_back(&shop, &own), ErrorKind::Denied, "does not let `bob`");
    let recovery = shop.world.wait_with(shop.plane.take_back(&own, &person("carol"), WHY)).unwrap();
    let because = shop.state(&recovery).start.turn.unwrap().after.remove(&more).unwrap().because;
    assert_eq!(because, "both change `orders`; `carol` may not stop `orders`, which it changes");
    shop.until(&more, Stage::ProductionMerge);
    assert!(shop.state(&more).superseded_by.is_none());
}

#[test]
fn what_came_back_by_half_goes_on_with_what_is_left() {
    let (shop, asked) = shop(&[("one", &["orders", "store"]), ("two", &["orders", "store"])]);
    let recovery = taken_back(&shop, &asked[1]);
    let merges = |unit: &str| shop.state(&recovery).units[&id(unit)].stage == Stage::RecoveryMerge;
    shop.goes_on(|| merges("store"));
    people_close(&shop, &shop.state(&recovery), "store");
    assert_eq!(ends(&shop.ends())[2], Some(End::Incomplete));
    let brought = || ["orders", "store"].map(|unit| last_good(&shop.world, unit).change_set);
    assert_eq!(brought(), [asked[0].clone(), asked[1].clone()]);
    // What has come since to where it is back is not in the way of the rest.
    let since = shop.ask(&["orders"], "three");
    assert_eq!(ends(&shop.ends())[3], Some(End::Live));
    let rest = taken_back(&shop, &asked[1]);
    let state = shop.ends().remove(4);
    assert_eq!((state.end, state.units.keys().map(UnitId::as_str).collect::<Vec<_>>()), (Some(End::Recovered), vec!["store"]));
    assert_eq!((brought(), rest != recovery), ([since, asked[0].clone()], true));
    is_refused(take_back(&shop, &asked[1]), ErrorKind::Invalid, "it was taken back already");
}

#[test]
fn paused_it_stays_so_and_people_are_told_what_it_waits_for() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders"])]);
    let recovery = taken_back(&shop, &asked[1]);
    shop.until(&recovery, Stage::RecoveryMerge);
    wait(shop.plane.pause(&recovery, &person("bob"), "a moment")).unwrap();
    let late = wait(shop.plane.cancel(&recovery, &person("alice"), "it was nothing")).unwrap_err();
    assert!(late.kind() == ErrorKind::Invalid && late.to_string().contains("comes to its end"), "{late}");
    // It went back in the very moment in which it was told.
    let by = shop.state(&recovery).start.recovery.unwrap().asked.by;
    let told = serde_json::to_value(Told::Cancel(by)).unwrap();
    wait(shop.world.journal.tell(&cx(), &recovery.as_str().parse().unwrap(), shop.world.clock.now(), &told)).unwrap();
    let began = shop.world.clock.now();
    shop.goes_on(|| shop.world.clock.now().since(began) > Duration::from_secs(600));
    let state = shop.state(&recovery);
    assert!(state.paused.is_some() && state.end.is_none() && state.cancelled.is_none());
    let says = "bob cancelled it while it was going back: that comes to its end";
    assert!(state.remarks.iter().any(|it| it == says), "{:?}", state.remarks);
    wait(shop.plane.resume(&recovery, &person("bob"), "now")).unwrap();
    shop.until(&recovery, Stage::RestoreMerge);
    let restore = shop.state(&recovery).units[&id("orders")].pull_requests[&Role::Restore].clone();
    let comments = || {
        let scm = shop.world.forge.scm(Principal::System);
        wait(scm.comments(&cx(), &restore.repo, restore.number)).unwrap().into_iter().map(|it| it.body).collect::<String>()
    };
    let says =
        format!("Goes back; orders waits for the merge of its way back in production. bob takes `{}` back: {WHY}", asked[1]);
    shop.goes_on(|| comments().contains(&says));
    assert!(comments().contains(&says), "{}", comments());
    assert_eq!(ends(&shop.ends())[2], Some(End::Recovered));
}

#[test]
fn cancelled_while_it_waits_nothing_is_taken_back_and_later_it_goes_on() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders"])]);
    let works_with_it = shop.ask(&["web"], "three");
    let waiting = taken_back(&shop, &asked[1]);
    wait(shop.plane.cancel(&waiting, &person("alice"), "it was nothing")).unwrap();
    let states = shop.ends();
    assert_eq!((states[2].end, states[3].end), (Some(End::Live), Some(End::Cancelled)));
    assert!(had_not_begun(&states[3]) && states[3].lifecycle.state() == ChangeSetState::Cancelled);
    let recovery = taken_back(&shop, &asked[1]);
    assert_ne!(recovery, waiting);
    let state = shop.ends().remove(4);
    assert_eq!(state.end, Some(End::Recovered));
    let says = |text: &str| state.remarks.iter().any(|it| it.contains(text));
    let both = format!("web: it works with what goes back, and `{works_with_it}` has changed it since");
    assert!(says(&both), "{:?}", state.remarks);
}

#[test]
fn a_way_back_that_people_close_is_left_to_them_and_can_be_asked_for_again() {
    let (shop, asked) = shop(&[("one", &["orders"]), ("two", &["orders"])]);
    let recovery = taken_back(&shop, &asked[1]);
    shop.until(&recovery, Stage::RecoveryMerge);
    people_close(&shop, &shop.state(&recovery), "orders");
    assert_eq!(ends(&shop.ends())[2], Some(End::Incomplete));
    assert_eq!(last_good(&shop.world, "orders").change_set, asked[1]);
    assert_ne!(taken_back(&shop, &asked[1]), recovery);
    assert_eq!(ends(&shop.ends())[3], Some(End::Recovered));
}
