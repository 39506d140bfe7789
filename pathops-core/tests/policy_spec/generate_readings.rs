//! Blows at what was read back.

use std::collections::BTreeSet;

use pathops_core::adapter::{Review, ReviewState};
use pathops_core::policy::{Authoring, DependencyState, Readings};
use pathops_core::project::{Lifecycle, OpenIncident, OpenStop, Role, UnitKind};
use pathops_core::{Principal, UnixMillis};

use crate::base::{AT, HOUR, MINUTE, agent, commit, human, tree};
use crate::generate::Dice;

const NAMES: [&str; 10] = ["alice", "bob", "carol", "dave", "erin", "frank", "mallory", "bob-2", "alice-2", "dave-2"];

pub(crate) fn strike_readings(dice: &mut Dice, readings: &mut Readings) {
    match dice.below(24) {
        0..6 => strike_reviews(dice, readings),
        6..9 => strike_people(dice, readings),
        9..12 => strike_combination(dice, readings),
        12 => readings.unit.lifecycle = dice.pick(&[Lifecycle::Prototype, Lifecycle::PathReady, Lifecycle::Production]),
        13 => readings.unit.class = dice.pick(&[None, Some("web".to_owned()), Some("batch".to_owned())]),
        14 => readings.unit.provides = dice.some(&["orders-api", "other"].map(|it| it.parse().unwrap())),
        15 => readings.authoring = Authoring::Opaque,
        16 => {
            let state = dice.pick(&[DependencyState::Live, DependencyState::Pending, DependencyState::Failed]);
            readings.dependencies.insert(dice.pick(&["stock", "web"]).parse().unwrap(), state);
        }
        17 => {
            let unit = dice.pick(&[None, Some("orders"), Some("web")]).map(|name| name.parse().unwrap());
            let summary = "it is down".to_owned();
            readings.incidents.push(OpenIncident { id: "INC-1".to_owned(), unit, since: UnixMillis(dice.instant()), summary });
        }
        18 => {
            let unit = dice.pick(&[None, Some("orders"), Some("web")]).map(|name| name.parse().unwrap());
            let by = dice.pick(&NAMES).parse().unwrap();
            let (id, reason) = ("s".to_owned(), "wait".to_owned());
            readings.stops.push(OpenStop { id, unit, by, since: UnixMillis(dice.instant()), reason });
        }
        19 | 20 => readings.way_back = true,
        21 => readings.proposal = None,
        22 => component(readings),
        _ => drop(readings.strangers.insert("B. Ob".to_owned())),
    }
}

fn component(readings: &mut Readings) {
    readings.unit.kind = UnitKind::Component { component_type: "store".to_owned() };
    readings.artifact = None;
    readings.source = None;
}

fn strike_combination(dice: &mut Dice, readings: &mut Readings) {
    match dice.below(9) {
        0 => readings.artifact = None,
        1 => readings.artifact = Some(pathops_core::Digest::of(b"another")),
        2 => readings.source = None,
        3 => readings.tested.tree = tree('9'),
        4 => readings.unit.id = dice.pick(&["orders", "web"]).parse().unwrap(),
        5 => readings.preflight = "agents".parse().unwrap(),
        6 => readings.source_head = None,
        _ => {
            let Some(proposal) = &mut readings.proposal else { return };
            match dice.below(3) {
                0 => proposal.carries_tested = false,
                1 => proposal.head = commit('5'),
                _ => proposal.shown.since = UnixMillis(AT.0 - dice.pick(&[0, MINUTE - 1, MINUTE, MINUTE + 1, HOUR])),
            }
        }
    }
}

fn strike_people(dice: &mut Dice, readings: &mut Readings) {
    let name = dice.pick(&NAMES).parse().unwrap();
    match dice.below(6) {
        0 => drop(readings.people.insert(name, dice.some(&[Role::Owner, Role::Reviewer]))),
        1 => drop(readings.people.remove(&name)),
        2 => drop(readings.accounts.insert(name, dice.pick(&["alice", "bob", "dave", "erin"]).parse().unwrap())),
        3 => drop(readings.authors.insert(if dice.one_in(3) { agent(name.as_str()) } else { Principal::Human(name) })),
        4 => readings.authors = dice.some::<_, BTreeSet<_>>(&[human("alice"), human("frank"), Principal::System]),
        _ => readings.authors.clear(),
    }
}

fn strike_reviews(dice: &mut Dice, readings: &mut Readings) {
    let written = written(dice);
    let reviews = match &mut readings.proposal {
        Some(proposal) if !dice.one_in(4) => &mut proposal.reviews,
        _ => &mut readings.source_reviews,
    };
    match dice.below(5) {
        0 if !reviews.is_empty() => drop(reviews.remove(dice.below(reviews.len()))),
        1 if !reviews.is_empty() => reviews[0].body = written.body,
        2 => reviews.insert(dice.below(reviews.len() + 1), written),
        _ => reviews.push(written),
    }
}

fn written(dice: &mut Dice) -> Review {
    let states = [
        ReviewState::Approved,
        ReviewState::Approved,
        ReviewState::ChangesRequested,
        ReviewState::Commented,
        ReviewState::Dismissed,
    ];
    let name = dice.pick(&NAMES);
    let author = match dice.below(8) {
        0 => agent(name),
        1 => Principal::System,
        _ => human(name),
    };
    let bodies = [
        "",
        "looks good",
        "break glass: it is down",
        "I think\nbreak glass: it is down\n",
        "break glass:",
        "break glass:   ",
        "please do not break glass: ever",
        "  break glass: it is down",
    ];
    let ago = dice.pick(&[MINUTE, 0, -1, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR]);
    Review {
        author,
        state: dice.pick(&states),
        commit: commit(dice.pick(&['4', '4', '4', '1', '5'])),
        at: UnixMillis(if dice.one_in(20) { dice.instant() } else { AT.0 - ago }),
        body: dice.pick(&bodies).to_owned(),
    }
}

/// As the rules have it, or nearly.
pub(crate) fn break_glass(dice: &mut Dice, readings: &mut Readings) {
    let Some(proposal) = &mut readings.proposal else { return };
    let ago = dice.pick(&[MINUTE, 0, HOUR - 1, HOUR]);
    for review in &mut proposal.reviews {
        "break glass: it is down".clone_into(&mut review.body);
        review.at = UnixMillis(AT.0 - ago);
    }
}
