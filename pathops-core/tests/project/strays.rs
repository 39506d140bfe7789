//! Files that nobody reads, and that somebody may take for declarations.

use crate::{and, finds, shop};

/// A stop that nobody reads stops nothing, so it is said.
#[test]
fn a_file_that_somebody_may_take_for_one_that_is_read_is_told() {
    let files = and(
        shop(),
        &[
            ("stops/odd", "by: alice"),
            ("stops/notes.md", "-"),
            ("stops/deep/odd.yaml", "by: alice"),
            ("incidents/INC-8.yml", "-"),
            ("policies/organisation", "-"),
            ("apps/orders.json", "{}"),
            ("components/store.yaml.bak", "-"),
            ("contracts/orders-http", "-"),
            ("contracts/old.openapi.yaml", "-"),
            ("stops.yaml", "-"),
            ("stop/odd.yaml", "by: alice"),
            ("Stops/odd.yaml", "by: alice"),
            ("policy.yml", "-"),
            // These are for others.
            ("stops/.gitkeep", " "),
            ("contracts/parts/price.yaml", "-"),
            ("README.md", "-"),
            ("requests/patch.diff", "-"),
            ("docs/stops.yaml", "-"),
            ("application.yaml", "-"),
        ],
    );
    let contract = "name it in the `definition` of a contract, or let it be `contracts/<name>.yaml` if it is one";
    let other = |file: &str, name: &str| format!("{file}: this is not read; let its name be `{name}.yaml`, or take it out");
    let expected = [
        other("Stops/odd.yaml", "stops/<name>"),
        other("apps/orders.json", "apps/<name>"),
        other("components/store.yaml.bak", "components/<name>"),
        format!("contracts/old.openapi.yaml: this is not read; {contract}"),
        format!("contracts/orders-http: this is not read; {contract}"),
        other("incidents/INC-8.yml", "incidents/<name>"),
        other("policies/organisation", "policies/<name>"),
        other("policy.yml", "policy"),
        other("stop/odd.yaml", "stops/<name>"),
        other("stops.yaml", "stops/<name>"),
        other("stops/deep/odd.yaml", "stops/<name>"),
        other("stops/notes.md", "stops/<name>"),
        other("stops/odd", "stops/<name>"),
    ];
    finds(&files, &expected.each_ref().map(String::as_str));
}
