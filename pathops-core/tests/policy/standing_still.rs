//! Dependencies, stops of the line and incidents: what must be there first, and who has stopped everything.

use pathops_core::policy::DependencyState::{self, Failed, Live, Pending};
use pathops_core::policy::Verdict::{Fail, Pass, Unknown};
use pathops_core::project::OpenIncident;

use crate::shop::{AT, Shop, stop};

fn depending(states: &[(&str, DependencyState)]) -> Shop {
    let mut shop = Shop::passing();
    shop.readings.dependencies = states.iter().map(|(unit, state)| (unit.parse().unwrap(), *state)).collect();
    shop
}

#[test]
fn what_it_depends_on_is_there_first() {
    depending(&[("store", Live)]).stands("dependencies", Pass, "nothing that it depends on is still to come");
    let waiting = depending(&[("catalog", Pending), ("store", Pending), ("web", Live)]);
    waiting.stands("dependencies", Unknown, "it depends on catalog, store, which are not in production yet");
    assert!(waiting.decision().can_wait(), "they may still get there");
    let gone = depending(&[("catalog", Pending), ("store", Failed)]);
    gone.stands("dependencies", Fail, "it depends on store, which did not get there");
    assert!(!gone.decision().can_wait(), "it never will");
}

#[test]
fn every_dependency_is_waited_for() {
    let remaining = depending(&[("catalog", Pending), ("store", Pending)]).decision().remaining.unwrap();
    let from: Vec<_> = remaining.steps.iter().filter_map(|step| step.from.as_deref()).collect();
    assert_eq!(from, ["catalog", "store"]);
}

/// The pull requests of a change set are opened together; what comes first is asked for when they are merged.
#[test]
fn the_first_decision_does_not_wait_for_dependencies() {
    let mut shop = depending(&[("store", Pending)]);
    shop.readings.proposal = None;
    shop.passes("still to come");
    shop.readings.dependencies.insert("store".parse().unwrap(), Failed);
    shop.refuses("never to come", &[("dependencies", Fail)]);
}

#[test]
fn a_stop_of_the_unit_or_of_the_project_stops_it() {
    for (unit, stops) in [(Some("orders"), true), (None, true), (Some("web"), false)] {
        let mut shop = Shop::passing();
        shop.readings.stops = vec![stop(unit)];
        if stops {
            let because = "bob stopped the line at 2026-11-20T12:00:00Z: prices are wrong";
            shop.stands("stop-the-line", Fail, because);
            assert!(shop.decision().can_wait(), "people can lift it");
        } else {
            shop.passes("of another unit");
        }
    }
}

#[test]
fn every_stop_and_every_incident_is_named() {
    let mut shop = Shop::passing();
    let mut other = stop(None);
    (other.id, other.by) = ("STOP-2".to_owned(), "erin".parse().unwrap());
    shop.readings.stops = vec![stop(Some("orders")), other, stop(Some("web"))];
    let missing = |shop: &Shop, id: &str| {
        let it = shop.requirement(id);
        it.all_missing().map(|it| (it.what.clone(), it.from.join(" or "), it.count)).collect::<Vec<_>>()
    };
    let lifted = |what: &str, who: &str| (what.to_owned(), who.to_owned(), 1);
    let expected = [lifted("stop STOP-1 lifted", "bob"), lifted("stop STOP-2 lifted", "erin")];
    assert_eq!(missing(&shop, "stop-the-line"), expected);

    let incident = |id: &str| OpenIncident { id: id.to_owned(), unit: None, since: AT, summary: "slow".to_owned() };
    shop.readings.incidents = vec![incident("INC-1"), incident("INC-2")];
    let expected = [lifted("incident INC-1 closed", "alice"), lifted("incident INC-2 closed", "alice")];
    assert_eq!(missing(&shop, "no-open-incident"), expected);
}
