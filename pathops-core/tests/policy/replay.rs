//! A decision replays: same input, same bytes, whatever the order in which evidence arrived (I5).

use pathops_core::UnixMillis;
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Envelope, TrustRoot};
use pathops_core::memory::MemorySigner;
use pathops_core::policy::{Authoring, Decision, DependencyState, Facts, HypotheticalFacts, VerifiedFacts, decide, evaluate};
use pathops_core::project::{OpenIncident, OpenStop};
use serde_json::json;

use crate::shop::{AT, KINDS, Kind, Shop, policy, read_at, readings, seal, seal_bytes, signer, stop};

fn bytes(decision: &Decision) -> String {
    serde_json::to_string(decision).unwrap()
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let mut spoilt = Shop::passing();
    spoilt.remove(Kind::Smoke);
    spoilt.tamper(Kind::Health, |it| it["signatures"] = json!([]));
    for shop in [Shop::passing(), Shop::first_stage(), spoilt] {
        let once = bytes(&shop.decision());
        assert_eq!(bytes(&shop.decision()), once);
        assert_eq!(bytes(&evaluate(&shop.policy(), &shop.facts(), shop.at)), once, "with a grant or without");
    }
}

/// Good pieces, of one instant too, and bad ones, in every order.
#[test]
fn the_order_in_which_evidence_is_handed_in_does_not_matter() {
    let (second, stranger) = (MemorySigner::from_seed(3).unwrap(), MemorySigner::from_seed(2).unwrap());
    let trust = TrustRoot::new([signer().public_key(), second.public_key()]);
    let smoke = Kind::Smoke.statement().to_canonical().unwrap();
    let mut not_signed = serde_json::to_value(seal(&Kind::Health.statement())).unwrap();
    not_signed["signatures"] = json!([]);
    let envelopes: [Envelope; 6] = [
        seal(&Kind::Smoke.statement()),
        seal_bytes(&second, &smoke),
        seal(&Kind::Health.statement()),
        seal(&Kind::Deployment.statement()),
        seal_bytes(&stranger, &smoke),
        serde_json::from_value(not_signed).unwrap(),
    ];
    let decision = |order: &[usize]| {
        let envelopes: Vec<_> = order.iter().map(|index| envelopes[*index].clone()).collect();
        let facts = VerifiedFacts::new(&trust, &envelopes, readings(), read_at(AT));
        bytes(&decide(&policy(), &facts, AT, 1).0)
    };
    let first = decision(&[0, 1, 2, 3, 4, 5]);
    let mut orders = 0;
    permute(&mut [0, 1, 2, 3, 4, 5], 0, &mut |order| {
        assert_eq!(decision(order), first, "{order:?}");
        orders += 1;
    });
    assert_eq!(orders, 720);
}

fn permute(items: &mut [usize], from: usize, each: &mut impl FnMut(&[usize])) {
    if from == items.len() {
        return each(items);
    }
    for index in from..items.len() {
        items.swap(from, index);
        permute(items, from + 1, each);
        items.swap(from, index);
    }
}

#[test]
fn facts_that_were_stored_and_read_back_give_the_same_bytes() {
    for at in [AT, UnixMillis(i64::MIN), UnixMillis(i64::MAX)] {
        let mut shop = Shop::passing();
        shop.at = at;
        for kind in KINDS {
            shop.add(kind, &kind.dated(at));
        }
        shop.proposal().shown.since = at;
        shop.readings.stops.push(OpenStop { since: at, ..stop(None) });
        let (id, unit, summary) = ("INC-1".to_owned(), None, "Prices are wrong.".to_owned());
        shop.readings.incidents.push(OpenIncident { id, unit, since: at, summary });
        let facts = shop.facts();
        let stored = serde_json::to_vec(facts.facts()).unwrap();
        let read: Facts = serde_json::from_slice(&stored).unwrap();
        assert_eq!(&read, facts.facts());
        let read = HypotheticalFacts::from(read);
        assert_eq!(bytes(&evaluate(&shop.policy(), &read, at)), bytes(&shop.decision()));
    }
}

#[test]
fn a_decision_that_was_stored_is_read_back_as_it_was() {
    for shop in [Shop::passing(), Shop::first_stage(), Shop::reviewed(Vec::new())] {
        let decision = shop.decision();
        assert_eq!(serde_json::from_str::<Decision>(&bytes(&decision)).unwrap(), decision);
    }
}

/// Digests are stored and compared across machines and versions: a change of these is a change of the format.
#[test]
fn digests_are_the_same_on_every_machine() {
    let shop = Shop::passing();
    // Another version of the time zone data is another fact.
    let facts = HypotheticalFacts::but(&shop.facts(), |facts| facts.time_zones = "2026a".to_owned());
    let from_before = HypotheticalFacts::but(&facts, |facts| facts.readings.read = None);
    let digests = [shop.policy().digest(), facts.digest(), from_before.digest(), facts.evidence_root()];
    let digests = digests.map(|digest| digest.short());
    assert_eq!(digests, ["d901cafd6168", "1a7f70be4eee", "1d815ded4896", "32dab8d91019"]);
}

#[test]
fn the_digest_of_the_facts_covers_every_reading() {
    let changes: [fn(&mut Shop); 19] = [
        |shop| shop.readings.change_set = "another-1".parse().unwrap(),
        |shop| shop.readings.unit.owner = "bob".parse().unwrap(),
        |shop| shop.readings.environment = "stage".parse().unwrap(),
        |shop| shop.readings.preflight = "stage".parse().unwrap(),
        |shop| shop.readings.artifact = None,
        |shop| shop.readings.source = None,
        |shop| shop.readings.tested.commit = crate::shop::commit('9'),
        |shop| shop.readings.proposal = None,
        |shop| shop.readings.authors.clear(),
        |shop| shop.readings.strangers = ["B. Ob".to_owned()].into(),
        |shop| shop.readings.way_back = true,
        |shop| shop.readings.source_head = None,
        |shop| shop.readings.people.clear(),
        |shop| shop.remove(Kind::Smoke),
        |shop| shop.readings.authoring = Authoring::Opaque,
        |shop| drop(shop.readings.accounts.insert("bobby".parse().unwrap(), "bob".parse().unwrap())),
        |shop| shop.readings.dependencies = [("web".parse().unwrap(), DependencyState::Live)].into(),
        |shop| shop.readings.stops.push(stop(None)),
        |shop| shop.proposal().shown.since = UnixMillis(0),
    ];
    let digest = |shop: &Shop| shop.facts().digest();
    let mut seen = std::collections::BTreeSet::from([digest(&Shop::passing())]);
    for (index, change) in changes.into_iter().enumerate() {
        let mut shop = Shop::passing();
        change(&mut shop);
        assert!(seen.insert(digest(&shop)), "change {index} is not covered");
    }
}
