//! Layers of a policy in files of their own, and what is wrong between two of them.

use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::policy::LayerName;
use pathops_core::project::{Project, load};

use super::shop;

/// The sample shop with these files beside its policy.
fn with(files: &[(&str, &str)]) -> SourceTree {
    let mut all = shop(None);
    for (name, spec) in files {
        let text = format!("apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n{spec}");
        all.insert(name.parse().unwrap(), SourceFile { bytes: text.into_bytes(), executable: false });
    }
    all
}

fn read(files: &[(&str, &str)]) -> Project {
    load(&with(files), "shop/meta".parse().unwrap()).unwrap()
}

#[track_caller]
fn finds(files: &[(&str, &str)], expected: &[&str]) {
    let findings = load(&with(files), "shop/meta".parse().unwrap()).err().unwrap_or_else(|| panic!("there is no finding"));
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(told, expected);
}

const OWNERS: &str =
    "  requirements:\n    - id: owners\n      reason: Owners answer.\n      asks: {approvals: {count: 1, roles: [owner]}}\n";

#[test]
fn every_file_of_the_folder_is_a_layer() {
    let organisation = format!("  layer: organisation\n  preflightMerge: pathops\n{OWNERS}");
    let orders = format!("  layer: {{unit: orders}}\n{}", OWNERS.replace("owners", "orders-owners"));
    let project = read(&[("policies/everybody.yaml", &organisation), ("policies/orders.yaml", &orders)]);
    let names: Vec<_> = project.policy.layers().iter().map(|layer| layer.layer.clone()).collect();
    assert_eq!(names, [LayerName::Organisation, LayerName::Project, LayerName::Unit("orders".parse().unwrap())]);
    let ids = |unit: &str| {
        let unit = &project.units[&unit.parse().unwrap()];
        let ids: Vec<_> = project.policy.requirements(unit).map(|(_, requirement)| requirement.id.to_string()).collect();
        (ids.contains(&"owners".to_owned()), ids.contains(&"orders-owners".to_owned()))
    };
    assert_eq!((ids("orders"), ids("web")), ((true, true), (true, false)));
}

#[test]
fn what_loosens_is_told_with_both_places() {
    let two = "  layer: organisation\n  preflightMerge: pathops\n  requirements:\n    - id: approval\n      reason: Two pairs of eyes.\n      asks: {approvals: {count: 2, roles: [owner, reviewer]}}\n";
    finds(
        &[("policies/organisation.yaml", two)],
        &[
            "policy.yaml:25: `approval` loosens the organisation's policy: fewer approvals are enough (policies/organisation.yaml:8); ask for at least as much, or give it a name of its own",
        ],
    );
    let fresh =
        "  layer: {class: web}\n  requirements:\n    - {id: lifecycle, reason: x, asks: {lifecycle: {allowed: [prototype]}}}\n";
    finds(
        &[("policies/web.yaml", fresh)],
        &[
            "policies/web.yaml:7: `lifecycle` loosens the project's policy: more states are allowed (policy.yaml:29); ask for at least as much, or give it a name of its own",
            "policies/web.yaml:7: `lifecycle` loosens what is built in: more states are allowed; ask for at least as much, or give it a name of its own",
        ],
    );
}

#[test]
fn what_is_no_requirement_is_told_with_both_places() {
    let people = "  layer: organisation\n  preflightMerge: people\n";
    let told = "policy.yaml:6: `preflightMerge` loosens the organisation's policy: people merge there (policies/organisation.yaml:5); allow no more than is allowed above";
    finds(&[("policies/organisation.yaml", people)], &[told]);
    let silent = "  layer: organisation\n  permissions: {request: [owner]}\n";
    finds(&[("policies/organisation.yaml", silent)], &[told]);
}

#[test]
fn a_layer_is_there_once() {
    finds(&[("policies/again.yaml", OWNERS)], &["policy.yaml:6: the project's policy is there twice; put the two together"]);
}

#[test]
fn a_layer_of_a_unit_names_one() {
    let layer = format!("  layer: {{unit: ordres}}\n{OWNERS}");
    finds(
        &[("policies/orders.yaml", &layer)],
        &["policies/orders.yaml:5: `layer.unit` names `ordres`, and there is no such app or component; did you mean `orders`?"],
    );
}

#[test]
fn one_layer_that_cannot_be_read_is_enough() {
    finds(
        &[("policies/orders.yaml", "  layer: {team: orders}\n")],
        &[
            "policies/orders.yaml:5: unknown variant `team`, expected one of `organisation`, `project`, `class`, `unit`; correct it",
        ],
    );
}
