//! How far what is in production goes back: past what its evidence has come to speak against, and no further. In memory and virtual time.

use std::cell::RefCell;
use std::collections::BTreeSet;

use pathops_coordinator::change_set::{End, State};
use pathops_core::ErrorKind;
use pathops_core::adapter::SourceTree;
use pathops_core::{ChangeSetId, UnitId};

use crate::governance::file;
use crate::outside_evidence::{SCAN, ask, report, take, tried};
use crate::take_back::{desired, is_refused, last_good, take_back, taken_back};
use crate::turns::Shop;
use crate::world::id;

/// A shop whose policy asks for a scan of `orders`, and a scanner that finds nothing at first.
struct Scanned {
    shop: Shop,
    given: RefCell<BTreeSet<ChangeSetId>>,
}

impl Scanned {
    fn new() -> Self {
        let shop = Shop::with("first-come");
        ask(&shop.world, &[SCAN]);
        Self { shop, given: RefCell::default() }
    }

    /// Everything comes to its end; what is tried is scanned once. Gives how the newest one ended.
    fn ends(&self) -> State {
        let Self { shop, given } = self;
        shop.goes_on(|| {
            let asked = shop.asked.borrow().clone();
            let states = asked.iter().map(|it| shop.state(it));
            let tried_now =
                |it: &State| it.units.get(&id("orders")).is_some_and(|it| it.preflight.is_some() && it.built.is_some());
            for state in states.filter(tried_now) {
                if given.borrow_mut().insert(state.start.change_set.clone()) {
                    self.scans(&state.start.change_set, &[]);
                }
            }
            false
        });
        let newest = shop.asked.borrow().last().unwrap().clone();
        shop.state(&newest)
    }

    /// Brings one to production, and gives what `orders` asks for then.
    fn live(&self, units: &[&str], text: &str) -> (ChangeSetId, [SourceTree; 2]) {
        let asked = self.shop.ask(units, text);
        assert_eq!(self.ends().end, Some(End::Live));
        (asked, desired(&self.shop.world, "orders"))
    }

    /// What a scanner finds by now in what a change set has brought.
    fn scans(&self, change_set: &ChangeSetId, found: &[&str]) {
        let subject = tried(&self.shop.state(change_set));
        take(&self.shop.world, &report(&self.shop.world, subject, found)).unwrap();
    }
}

const WHY: &str = "scan: 1 critical finding(s), and 0 may stay";

#[test]
fn it_goes_back_past_what_its_evidence_has_come_to_speak_against() {
    let it = Scanned::new();
    let [(one, first), (two, _), (three, _), (four, _)] = ["one", "two", "three", "four"].map(|text| it.live(&["orders"], text));
    it.scans(&two, &["critical"]);
    it.scans(&three, &["critical"]);
    let recovery = taken_back(&it.shop, &four);
    let state = it.ends();
    assert_eq!((state.end, desired(&it.shop.world, "orders")), (Some(End::Recovered), first), "{:?}", state.remarks);
    assert_eq!(last_good(&it.shop.world, "orders").change_set, one);
    let says = format!("orders: it goes back further than to what was there before, past `{three}` ({WHY}) and `{two}` ({WHY})");
    assert!(state.remarks.contains(&says), "{:?}", state.remarks);
    assert_eq!(it.shop.world.wait_with(it.shop.plane.replay(&recovery)).unwrap(), Some(state));
    // What was passed over is out of production as well.
    is_refused(take_back(&it.shop, &three), ErrorKind::Invalid, "it was taken back already");
    is_refused(take_back(&it.shop, &two), ErrorKind::Invalid, "it was taken back already");
}

/// Each unit goes as far as its own evidence asks for.
#[test]
fn of_what_else_goes_back_nothing_is_passed_over() {
    let it = Scanned::new();
    let (one, _) = it.live(&["orders", "web"], "one");
    let (two, _) = it.live(&["orders", "web"], "two");
    let web = desired(&it.shop.world, "web");
    let (three, _) = it.live(&["orders", "web"], "three");
    it.scans(&two, &["critical"]);
    taken_back(&it.shop, &three);
    let state = it.ends();
    let passed: Vec<&UnitId> = state.start.recovery.as_ref().unwrap().passed_over.keys().collect();
    assert_eq!((state.end, passed), (Some(End::Recovered), vec![&id("orders")]));
    assert_eq!(desired(&it.shop.world, "web"), web);
    // What is left of the one that was passed over goes back by itself, whatever has come upon the other unit.
    it.live(&["orders"], "four");
    taken_back(&it.shop, &two);
    let state = it.ends();
    assert_eq!((state.end, state.units.keys().collect::<Vec<_>>()), (Some(End::Recovered), vec![&id("web")]));
    assert_eq!(last_good(&it.shop.world, "web").change_set, one);
}

#[test]
fn what_is_good_again_is_not_passed_over() {
    let it = Scanned::new();
    it.live(&["orders"], "one");
    let (two, second) = it.live(&["orders"], "two");
    let (three, _) = it.live(&["orders"], "three");
    it.scans(&two, &["critical"]);
    it.shop.world.clock.advance(std::time::Duration::from_secs(60));
    it.scans(&two, &[]);
    taken_back(&it.shop, &three);
    assert_eq!((it.ends().end, desired(&it.shop.world, "orders")), (Some(End::Recovered), second));
}

#[test]
fn where_nothing_good_is_left_it_is_refused_and_nothing_is_touched() {
    let it = Scanned::new();
    let ((one, _), (two, _), (three, now)) =
        (it.live(&["orders"], "one"), it.live(&["orders"], "two"), it.live(&["orders"], "three"));
    it.scans(&one, &["critical"]);
    it.scans(&two, &["critical"]);
    let record = file(&it.shop.world, "production/orders.json");
    let why = format!(
        "`orders` has no good combination to go back to, past `{two}` ({WHY}) and `{one}` ({WHY}): nothing of `orders` was in production before"
    );
    is_refused(take_back(&it.shop, &three), ErrorKind::Invalid, &why);
    assert_eq!((desired(&it.shop.world, "orders"), file(&it.shop.world, "production/orders.json")), (now, record));
    assert_eq!(it.shop.state(&three).end, Some(End::Live));
}
