//! What the pull requests of one change set have in common on the Git host: labels, and links to each other.

use std::collections::BTreeSet;

use pathops_coordinator::change_set::{End, Role, State};
use pathops_core::adapter::PullRequest;
use pathops_core::memory::{MemoryForge, MemoryJournal};
use pathops_core::{Label, Principal};

use crate::world::{World, cx, feature_of, wait};

fn carried_out(world: &World) -> (State, Vec<(Role, PullRequest)>) {
    let state = world.carry_out(feature_of(&["orders", "store"], "better", None), "k").unwrap();
    assert_eq!(state.end, Some(End::Live));
    let scm = world.forge.scm(Principal::System);
    let all = state.units.values().flat_map(|unit| &unit.pull_requests);
    let read = all.map(|(role, it)| (*role, wait(scm.pull_request(&cx(), &it.repo, it.number)).unwrap())).collect();
    (state, read)
}

#[test]
fn every_pull_request_bears_the_name_of_its_change_set() {
    let (state, all) = carried_out(&World::new(MemoryJournal::new()));
    let labels: BTreeSet<Label> =
        ["pathops".to_owned(), format!("pathops/{}", state.start.change_set)].map(|label| label.parse().unwrap()).into();
    assert_eq!(all.len(), 5);
    for (role, pull) in all {
        assert_eq!(pull.meta.labels, labels, "{role}: {}", pull.title);
    }
}

#[test]
fn a_host_without_labels_and_one_that_wants_none_get_none() {
    let mut offers = MemoryForge::CAPABILITIES;
    offers.labels = false;
    let (mut without, mut unwanted) = (World::new(MemoryJournal::new()), World::new(MemoryJournal::new()));
    without.forge = without.forge.clone().with_capabilities(offers);
    unwanted.labels = false;
    for world in [without, unwanted] {
        assert!(carried_out(&world).1.iter().all(|(_, pull)| pull.meta.is_empty()));
    }
}

#[test]
fn a_production_pull_request_links_to_those_before_it() {
    let (state, all) = carried_out(&World::new(MemoryJournal::new()));
    for unit in state.units.values() {
        let production = &unit.pull_requests[&Role::Production];
        let (_, read) = all.iter().find(|(role, pull)| *role == Role::Production && pull.url == production.url).unwrap();
        for (role, before) in unit.pull_requests.iter().filter(|(role, _)| **role != Role::Production) {
            assert!(read.body.contains(&format!("[{}{}]({})", before.repo, before.number, before.url)), "{role}: {}", read.body);
        }
    }
}
