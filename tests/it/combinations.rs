//! Random histories of promotions, failures, revoked evidence and ways back: whatever has gone back, the desired state of every unit is
//! that of the good combination that a plain model has kept, tree by tree, and units went back before what they depend on. In memory and
//! virtual time; a failure names its seed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pathops_coordinator::change_set::{End, State};
use pathops_core::adapter::{IdSource as _, SourceTree};
use pathops_core::evidence::Subject;
use pathops_core::memory::SeededIds;
use pathops_core::{ChangeSetId, ErrorKind};

use crate::outside_evidence::{ask, report, take};
use crate::take_back::{desired, last_good, take_back, taken_back};
use crate::turns::Shop;
use crate::world::{BROKEN, DEFECT, LATE_DEFECT, UNITS, World, id, wait};

/// So many events has a history before its last one.
const EVENTS: usize = 6;

/// What starts after what, as the shop declares it.
const AFTER: [(&str, &str); 4] = [("orders", "store"), ("orders", "catalog"), ("web", "orders"), ("web", "catalog")];

const SCAN: &str = "{id: scan, reason: no known holes, covers: {kind: app}, asks: {findings: {max: {critical: 0}, accept: {maxAgeSeconds: 8640000, from: [scanner]}}}}";

/// What has an artifact that a scanner looks at.
const SCANNED: [&str; 3] = ["catalog", "orders", "web"];

/// What a change set has brought to production of a unit: the desired state of both environments.
#[derive(Clone)]
struct Combination {
    change_set: ChangeSetId,
    trees: [SourceTree; 2],
    is_good: bool,
}

/// What should be where: of each unit what was in production, the newest last.
#[derive(Default)]
struct Model(BTreeMap<&'static str, Vec<Combination>>);

impl Model {
    fn top(&self, unit: &str) -> &Combination {
        self.0[unit].last().unwrap()
    }

    /// What is there of each unit is what should be, by the trees and by the record of the meta repository.
    fn holds(&self, world: &World) -> Result<(), String> {
        for unit in UNITS {
            let Combination { change_set, trees, .. } = self.top(unit);
            if desired(world, unit) != *trees {
                return Err(format!("the desired state of {unit} is not what `{change_set}` has brought"));
            }
            let recorded = last_good(world, unit).change_set;
            if recorded != *change_set {
                return Err(format!("the meta repository says that {unit} is of `{recorded}`, and it is of `{change_set}`"));
            }
        }
        Ok(())
    }

    /// Where each of these units goes back to: past what is bad. `None` where one of them has nowhere to go.
    fn back(&self, units: &[&'static str]) -> Option<BTreeMap<&'static str, Vec<Combination>>> {
        let back = |unit: &&'static str| {
            let (_, before) = self.0[unit].split_last()?;
            let good = before.iter().rposition(|it| it.is_good)?;
            Some((*unit, before[..=good].to_vec()))
        };
        units.iter().map(back).collect()
    }
}

struct History {
    shop: Shop,
    model: Model,
    dice: SeededIds,
    events: usize,
}

impl History {
    /// A shop with one good combination of all units in production.
    fn new(seed: u64) -> Self {
        let shop = Shop::with("first-come");
        ask(&shop.world, &[SCAN]);
        let mut history = Self { shop, model: Model::default(), dice: SeededIds::new(seed), events: 0 };
        assert_eq!(history.promote(&UNITS, ""), End::Live);
        history
    }

    fn dice(&self, sides: usize) -> usize {
        usize::try_from(self.dice.fresh() % u128::try_from(sides).unwrap()).unwrap()
    }

    fn some_unit(&self, of: &[&'static str]) -> &'static str {
        of[self.dice(of.len())]
    }

    fn some_units(&self) -> Vec<&'static str> {
        let chosen = 1 + self.dice(15);
        UNITS.into_iter().enumerate().filter(|(place, _)| chosen >> place & 1 == 1).map(|(_, unit)| unit).collect()
    }

    /// What a change set has tried of a unit.
    fn scan(&self, state: &State, unit: &str, found: &[&str]) {
        let progress = &state.units[&id(unit)];
        let tested = progress.preflight.as_ref().unwrap();
        let subject = Subject::named(unit).with_commit(&tested.commit).with_tree(&tested.tree);
        let subject = progress.built_artifact().iter().fold(subject, Subject::with_sha256);
        take(&self.shop.world, &report(&self.shop.world, subject, found)).unwrap();
    }

    /// The newest comes to its end; what it tries is scanned once, and found to be good.
    fn ends(&self) -> State {
        let newest = self.shop.asked.borrow().last().unwrap().clone();
        let (looks, unscanned) = (Cell::new(0), RefCell::new(BTreeSet::from(SCANNED)));
        self.shop.goes_on(|| {
            looks.set(looks.get() + 1);
            assert!(looks.get() < 5_000, "it waits for ever: {:?}", wait(self.shop.plane.waits(&newest)));
            if unscanned.borrow().is_empty() {
                return false;
            }
            let state = self.shop.state(&newest);
            let tried = |unit: &&str| state.units.get(&id(unit)).is_some_and(|it| it.preflight.is_some());
            let tried: Vec<&str> = unscanned.borrow().iter().copied().filter(tried).collect();
            for unit in tried {
                unscanned.borrow_mut().remove(unit);
                if state.start.recovery.is_none() {
                    self.scan(&state, unit, &[]);
                }
            }
            unscanned.borrow_mut().retain(|unit| state.units.contains_key(&id(unit)));
            false
        });
        self.shop.state(&newest)
    }

    /// A change set of these units; with a flaw it fails where that shows.
    fn promote(&mut self, units: &[&'static str], flaw: &str) -> End {
        self.events += 1;
        let change_set = self.shop.ask(units, &format!("number {} {flaw}", self.events));
        let end = self.ends().end.unwrap();
        if end == End::Live {
            for unit in units {
                let trees = desired(&self.shop.world, unit);
                self.model.0.entry(unit).or_default().push(Combination { change_set: change_set.clone(), trees, is_good: true });
            }
        }
        end
    }

    /// One of the flaws, in one of the units. What is in production has to be good where the way back leads through there.
    fn promotes_in_vain(&mut self) {
        let units = self.some_units();
        let all_good = units.iter().all(|unit| self.model.top(unit).is_good);
        let flaws: &[&str] = if all_good { &[BROKEN, DEFECT, LATE_DEFECT] } else { &[BROKEN, DEFECT] };
        let flaw = flaws[self.dice(flaws.len())];
        // What has no source is not built.
        let flaw = if flaw == BROKEN && units == ["store"] { DEFECT } else { flaw };
        assert_eq!(self.promote(&units, flaw), End::Recovered, "{units:?} with {flaw}");
    }

    /// A scanner finds something in what is in production, or was.
    fn revokes(&mut self, unit: &'static str, which: usize) {
        let combination = &mut self.model.0.get_mut(unit).unwrap()[which];
        combination.is_good = false;
        let state = self.shop.state(&combination.change_set.clone());
        self.scan(&state, unit, &["critical"]);
    }

    /// The newest of a unit is taken back, with all that it brought.
    fn takes_back(&mut self, unit: &'static str) {
        let newest = self.model.top(unit).change_set.clone();
        let state = self.shop.state(&newest);
        let is_there = |unit: &&'static str| self.model.0[unit].iter().any(|it| it.change_set == newest);
        let units: Vec<_> = UNITS.into_iter().filter(|unit| state.units.contains_key(&id(unit))).filter(is_there).collect();
        let is_newest = units.iter().all(|unit| self.model.top(unit).change_set == newest);
        let Some(back) = self.model.back(&units).filter(|_| is_newest) else {
            let refused = take_back(&self.shop, &newest).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
            return;
        };
        self.shop.world.deployed.lock().unwrap().clear();
        taken_back(&self.shop, &newest);
        let state = self.ends();
        assert_eq!(state.end, Some(End::Recovered), "{:?} {:?}", state.failure, state.remarks);
        self.model.0.extend(back);
        let deployed = self.shop.world.deployed.lock().unwrap().clone();
        in_order(&units, &deployed).unwrap();
    }

    fn goes_on(&mut self) {
        match self.dice(10) {
            0..3 => assert_eq!(self.promote(&self.some_units(), ""), End::Live),
            3..5 => self.promotes_in_vain(),
            5..7 => {
                let unit = self.some_unit(&SCANNED);
                self.revokes(unit, self.dice(self.model.0[unit].len()));
            }
            _ => self.takes_back(self.some_unit(&UNITS)),
        }
    }

    /// The newest of three combinations goes back past the one before it, which has turned out to be bad.
    fn goes_back_past(&mut self, unit: &'static str) {
        (0..3).for_each(|_| assert_eq!(self.promote(&[unit], ""), End::Live));
        self.revokes(unit, self.model.0[unit].len() - 2);
        self.takes_back(unit);
    }
}

/// Whether each unit was back in both environments before anything went back that it starts after.
fn in_order(units: &[&str], deployed: &[String]) -> Result<(), String> {
    let places = |unit: &str| {
        let of_unit = |it: &String| it.split('@').next() == Some(unit);
        (deployed.iter().position(of_unit), deployed.iter().rposition(of_unit))
    };
    for (unit, after) in AFTER.iter().filter(|(unit, after)| units.contains(unit) && units.contains(after)) {
        let ((_, Some(last)), (Some(first), _)) = (places(unit), places(after)) else {
            return Err(format!("{unit} and {after} did not both go back: {deployed:?}"));
        };
        if last > first {
            return Err(format!("{after} went back before {unit}, which starts after it: {deployed:?}"));
        }
    }
    Ok(())
}

/// Histories of these seeds; in each of them something goes back, and past bad evidence.
fn holds_in(seeds: Range<u64>) {
    for seed in seeds {
        let mut history = History::new(seed);
        for event in 0..=EVENTS {
            if event < EVENTS {
                history.goes_on()
            } else {
                history.goes_back_past(history.some_unit(&SCANNED))
            }
            history.model.holds(&history.shop.world).unwrap_or_else(|why| panic!("seed {seed}, event {event}: {why}"));
        }
        let newest = history.shop.asked.borrow().last().unwrap().clone();
        let recovery = history.shop.state(&newest).start.recovery.unwrap();
        assert!(!recovery.passed_over.is_empty(), "seed {seed}: nothing was passed over");
    }
}

#[test]
fn whatever_has_gone_back_is_the_chosen_good_combination() {
    holds_in(0..2);
}

#[test]
fn whatever_has_gone_back_is_the_chosen_one_in_a_second_quarter_of_histories() {
    holds_in(2..4);
}

#[test]
fn whatever_has_gone_back_is_the_chosen_one_in_a_third_quarter_of_histories() {
    holds_in(4..6);
}

#[test]
fn whatever_has_gone_back_is_the_chosen_one_in_a_last_quarter_of_histories() {
    holds_in(6..8);
}

/// Another tree in either environment, another change set on record, an order the wrong way round and one that is not whole.
#[test]
fn the_model_notices_what_is_not_as_it_was() {
    let history = History::new(0);
    history.model.holds(&history.shop.world).unwrap();
    let other = |change: &dyn Fn(&mut Combination)| {
        let mut model = Model(history.model.0.clone());
        change(model.0.get_mut("web").unwrap().last_mut().unwrap());
        model.holds(&history.shop.world).unwrap_err()
    };
    for place in 0..2 {
        assert!(other(&|it| drop(it.trees[place].pop_last())).contains("the desired state of web"));
    }
    assert!(other(&|it| it.change_set = "another".parse().unwrap()).contains("and it is of `another`"));
    let deployed = |all: [&str; 2]| all.map(|unit| format!("{unit}@production")).to_vec();
    in_order(&["store", "orders"], &deployed(["orders", "store"])).unwrap();
    in_order(&["store", "orders"], &deployed(["store", "orders"])).unwrap_err();
    in_order(&["store", "orders"], &deployed(["store", "store"])).unwrap_err();
}
