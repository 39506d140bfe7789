use pathops_core::PersonId;

use super::*;

fn request(title: &str, changes: &[(&str, Option<&str>)]) -> FeatureRequest {
    let change = |(unit, patch): &(&str, Option<&str>)| UnitChange {
        unit: UnitId::parse(*unit).unwrap(),
        reason: format!("{title} wants it"),
        contracts: [ContractId::parse(format!("{unit}-{title}")).unwrap()].into(),
        patch: patch.map(str::to_owned),
    };
    FeatureRequest {
        title: title.to_owned(),
        text: format!("The text of {title}.\n"),
        requested_by: PersonId::parse(format!("who-{title}")).unwrap(),
        changes: changes.iter().map(change).collect(),
    }
}

#[test]
fn what_is_carried_is_done_first_and_nothing_of_it_is_lost() {
    let id = |name: &str| ChangeSetId::parse(name).unwrap();
    let older = [
        (id("cs-one"), request("one", &[("orders", None), ("catalog", Some("b"))])),
        (id("cs-two"), request("two", &[("orders", None)])),
    ];
    let (together, carries) = combined(request("three", &[("orders", None), ("web", None)]), &older);
    assert_eq!((together.title.as_str(), together.requested_by.as_str()), ("three", "who-three"));
    assert_eq!(
        together.text,
        "The text of three.\n\nWith `cs-one`, one: The text of one.\n\nWith `cs-two`, two: The text of two."
    );
    let units: Vec<_> = together.changes.iter().map(|it| (it.unit.as_str(), it.patch.as_deref(), it.contracts.len())).collect();
    assert_eq!(units, [("orders", None, 3), ("catalog", Some("b"), 1), ("web", None, 1)]);
    assert_eq!(together.changes[0].reason, "one wants it; two wants it; three wants it");
    let who: Vec<_> = carries.iter().map(|it| (it.change_set.as_str(), it.requested_by.as_str())).collect();
    assert_eq!(who, [("cs-one", "who-one"), ("cs-two", "who-two")]);
}

#[test]
fn a_request_that_carries_nothing_is_what_it_was() {
    let asked = request("one", &[("web", Some("a")), ("orders", None)]);
    assert_eq!(combined(asked.clone(), &[]), (asked, Vec::new()));
}
