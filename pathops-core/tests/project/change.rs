//! A change of the meta repository that asks for less: by its rules, or by how something is declared.

use pathops_core::adapter::SourceTree;
use pathops_core::policy::LintLevel;
use pathops_core::project::{lint_change, lint_units};

use crate::{and, read, shop, with};

const HEAD: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: service}\nspec:\n";

/// The shop, whose services are held to more.
fn layered() -> SourceTree {
    let layer = format!(
        "{HEAD}  layer: {{class: service}}\n  permissions: {{stop: [owner]}}\n  requirements:\n    - {{id: quiet, reason: it is, asks: {{soak: {{seconds: 60, maxGapSeconds: 5, accept: {{maxAgeSeconds: 60}}}}}}}}\n    - {{id: approval, reason: owners, asks: {{approvals: {{count: 1, roles: [owner]}}}}}}\n"
    );
    and(shop(), &[("policies/service.yaml", &layer), ("stops/STOP-1.yaml", "")])
}

/// The same with each text in a file replaced by another one.
fn but(changes: &[(&str, &str, &str)]) -> SourceTree {
    let mut files = layered();
    for (name, from, to) in changes {
        let text = String::from_utf8(files.get(&crate::path(name)).unwrap().bytes.clone()).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        files.insert(crate::path(name), crate::file(&text.replacen(from, to, 1)));
    }
    files
}

#[track_caller]
fn told(before: &SourceTree, after: &SourceTree) -> (Vec<String>, Vec<String>) {
    let (was, is) = (read(before).unwrap(), read(after).unwrap_or_else(|findings| panic!("{findings}")));
    let found = lint_change((before, &was), (after, &is));
    let of = |wanted| found.iter().filter(|(_, level)| *level == wanted).map(|(finding, _)| finding.to_string()).collect();
    (of(LintLevel::Error), of(LintLevel::Warning))
}

#[track_caller]
fn contain(told: &[String], expected: &[&str]) {
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{told:#?} is not {expected:?}");
    }
}

#[test]
fn nothing_is_told_of_what_asks_for_as_much_or_more() {
    let stricter = [
        layered(),
        but(&[("policies/service.yaml", "seconds: 60, maxGap", "seconds: 61, maxGap")]),
        but(&[("policies/service.yaml", "id: quiet", "id: calm")]),
        but(&[("apps/web.yaml", "lifecycle: path-ready", "lifecycle: path-ready\n  class: service")]),
        but(&[("policy.yaml", "minPassed: 1", "minPassed: 2")]),
    ];
    for after in stricter {
        assert_eq!(told(&layered(), &after), (Vec::new(), Vec::new()));
    }
}

/// The rules say what they said, and are for it no more.
#[test]
fn what_leaves_its_class_may_not_leave_the_rules_of_it() {
    let dropped = but(&[("apps/orders.yaml", "  class: service\n", "")]);
    let changed = but(&[("apps/orders.yaml", "class: service", "class: toy")]);
    for (after, line) in [(&dropped, ":4"), (&changed, ":7")] {
        let (errors, _) = told(&layered(), after);
        let more = "more roles count";
        contain(
            &errors,
            &[
                "is not held to `approval` as before (policies/service.yaml:9)",
                "is not held to `permissions.stop` as before (policies/service.yaml:5): reviewers may do it too",
                "is not held to `quiet` as before (policies/service.yaml:8): it is not asked for any more",
            ],
        );
        assert!(errors[0].contains(more) && errors[0].starts_with(&format!("apps/orders.yaml{line}: ")), "{errors:#?}");
    }
    // Without the rules of the class, as with rules of its own that say as much, there is nothing to leave.
    let (errors, _) = told(&shop(), &with(&[("apps/orders.yaml", "  class: service\n", "")]));
    assert_eq!(errors, [""; 0]);
    let layer = String::from_utf8(layered()[&crate::path("policies/service.yaml")].bytes.clone()).unwrap();
    let own = layer.replace("{class: service}", "{unit: orders}");
    assert_eq!(told(&layered(), &and(dropped, &[("policies/orders.yaml", &own)])).0, [""; 0]);
}

const DECLARED: &str = "  intent: Shows what there is.\n  boundaries: Asks orders, and nobody else.\n";

/// The web at a place of its lifecycle, with what that takes.
fn declared(state: &str) -> SourceTree {
    but(&[("apps/web.yaml", "  lifecycle: path-ready\n", &format!("  lifecycle: {state}\n{DECLARED}"))])
}

/// From prototype to production leads the path only, and nothing leads back to a prototype.
#[test]
fn an_app_is_declared_to_be_what_one_step_makes_of_it() {
    for (from, to, expected) in [
        ("prototype", "prototype", None),
        ("prototype", "path-ready", None),
        ("prototype", "production", Some("from prototype to production at once: from prototype it goes to path-ready")),
        ("path-ready", "production", None),
        ("path-ready", "prototype", Some("from path-ready to prototype at once: from path-ready it goes to production")),
        ("production", "path-ready", None),
        ("production", "prototype", Some("from production to prototype at once: from production it goes to path-ready")),
    ] {
        let (errors, _) = told(&declared(from), &declared(to));
        contain(&errors, &Vec::from_iter(expected));
        assert!(errors.iter().all(|it| it.starts_with("apps/web.yaml:")), "{errors:?}");
    }
}

#[test]
fn nothing_comes_onto_the_path_without_its_declarations() {
    let prototype = but(&[("apps/web.yaml", "lifecycle: path-ready", "lifecycle: prototype")]);
    let silent = |after: &SourceTree| told(&prototype, after).0;
    contain(
        &silent(&layered()),
        &["apps/web.yaml:6: `web` is declared path-ready, and its intent and boundaries are not; declare"],
    );
    let text = String::from_utf8(declared("path-ready")[&crate::path("apps/web.yaml")].bytes.clone()).unwrap();
    let half = text.replace("  intent: Shows what there is.\n", "");
    contain(&silent(&and(layered(), &[("apps/web.yaml", &half)])), &["and its intent are not"]);
    assert_eq!(silent(&declared("path-ready")), [""; 0]);
    // Words that say nothing declare nothing.
    let empty = and(layered(), &[("apps/web.yaml", &text.replace("Shows what there is.", "\" \""))]);
    assert!(read(&empty).unwrap_err().to_string().contains("`intent` is empty"));
}

/// A project from before intent and boundaries were asked for can be read, and is told what it lacks.
#[test]
fn who_is_on_the_path_without_declarations_is_told() {
    let said = |files: &SourceTree| {
        let project = read(files).unwrap();
        lint_units(files, &project).into_iter().map(|(finding, level)| format!("{level}: {finding}")).collect::<Vec<_>>()
    };
    contain(
        &said(&layered()),
        &[
            "warning: apps/orders.yaml:6: `orders` is declared path-ready, and its intent and boundaries are not",
            "warning: apps/web.yaml:6: `web` is declared path-ready, and its intent and boundaries are not",
            "warning: components/store.yaml:",
        ],
    );
    assert!(!said(&declared("path-ready")).iter().any(|it| it.contains("web.yaml")));
    assert!(!said(&but(&[("apps/web.yaml", "path-ready", "prototype")])).iter().any(|it| it.contains("web.yaml")));
}

/// To take a declaration away and write it anew is no way around the steps.
#[test]
fn what_was_not_declared_before_begins_as_a_prototype() {
    let without = and(layered(), &[("apps/web.yaml", ""), ("requests/delivery-date.yaml", "")]);
    let expected = "`web` cannot go from prototype to production at once";
    for (state, errors) in [("prototype", None), ("path-ready", None), ("production", Some(expected))] {
        contain(&told(&without, &declared(state)).0, &Vec::from_iter(errors));
    }
    contain(&told(&without, &layered()).0, &["`web` is declared path-ready, and its intent and boundaries are not"]);
}

/// What asks for the same desired state is held to the same rules, whoever it belongs to now.
#[test]
fn what_takes_over_a_repository_takes_over_the_rules_too() {
    let text = |name: &str| String::from_utf8(layered()[&crate::path(name)].bytes.clone()).unwrap();
    let own = |name: &str, desired: &str| {
        let text = text(&format!("apps/{name}.yaml")).replace("  repositories: {source: shop/orders-src}\n", "");
        text + &format!("  repositories: {{desiredState: shop/{desired}-gitops}}\n")
    };
    let (orders, web) = (own("orders", "web"), own("web", "orders"));
    let swapped = and(layered(), &[("apps/orders.yaml", &orders), ("apps/web.yaml", &web)]);
    let (errors, warnings) = told(&layered(), &swapped);
    let lost =
        |rule: &str| format!("apps/web.yaml:4: declared so, `web` is not held to `{rule}` as before (policies/service.yaml");
    for rule in ["approval", "permissions.stop", "quiet"] {
        assert!(errors.iter().any(|it| it.starts_with(&lost(rule))), "{rule}: {errors:#?}");
    }
    assert!(warnings.iter().any(|it| it.contains("`web` has a repository of `orders` now")), "{warnings:#?}");
}

/// Rules that name classes or units are for it no more, too.
#[test]
fn what_is_declared_as_something_else_is_held_to_what_it_was() {
    let by_class = but(&[(
        "policy.yaml",
        "id: weekend\n      reason: nobody is there\n      covers: {kind: app}",
        "id: weekend\n      reason: nobody is there\n      covers: {classes: [service]}",
    )]);
    let mut after = by_class.clone();
    let orders = String::from_utf8(after[&crate::path("apps/orders.yaml")].bytes.clone()).unwrap();
    let (mut service, toy) = (orders.replace("class: service", "class: toy"), orders);
    after.insert(crate::path("apps/orders.yaml"), crate::file(&service));
    let (errors, _) = told(&by_class, &after);
    assert!(errors.iter().any(|it| it.contains("not held to `weekend` as before (policy.yaml:")), "{errors:#?}");
    // A new name for the same repository.
    service = toy.replace("metadata: {name: orders}", "metadata: {name: sales}").replace("  provides: [orders-http]\n", "");
    let by_name = but(&[(
        "policy.yaml",
        "id: weekend\n      reason: nobody is there\n      covers: {kind: app}",
        "id: weekend\n      reason: nobody is there\n      covers: {units: [orders, web]}",
    )]);
    let renamed = and(
        by_name.clone(),
        &[
            ("apps/orders.yaml", ""),
            ("apps/sales.yaml", &service),
            ("requests/delivery-date.yaml", ""),
            ("contracts/orders-http.yaml", ""),
            ("contracts/orders-http.openapi.yaml", ""),
            ("policy-tests/orders.yaml", ""),
        ],
    );
    let text = |name: &str| String::from_utf8(by_name[&crate::path(name)].bytes.clone()).unwrap();
    let web = text("apps/web.yaml").replace("[orders]", "[sales]").replace("  consumes: [orders-http]\n", "");
    let policy = text("policy.yaml").replace("[orders, web]", "[web]");
    let incident = text("incidents/INC-7.yaml").replace("orders", "sales");
    let renamed = and(renamed, &[("apps/web.yaml", &web), ("policy.yaml", &policy), ("incidents/INC-7.yaml", &incident)]);
    let (errors, warnings) = told(&by_name, &renamed);
    contain(&errors, &["declared so, `sales` is not held to `weekend` as before (policy.yaml:"]);
    assert!(warnings.iter().any(|it| it.contains("`orders` is `sales` now")), "{warnings:#?}");
    assert!(warnings.iter().any(|it| it.contains("`web` does not wait for `orders` any more")), "{warnings:#?}");
}

#[test]
fn rules_that_ask_for_less_are_told_and_are_for_people_to_decide() {
    let looser = [
        (
            ("policies/service.yaml", "count: 1, roles: [owner]", "count: 1, roles: [owner, reviewer]"),
            "policies/service.yaml:9: `approval` asks for less than before: more roles count (for orders)",
        ),
        (
            ("policies/service.yaml", "  permissions: {stop: [owner]}\n", ""),
            "`permissions.stop` asks for less than before: reviewers may do it too (for orders)",
        ),
        (
            ("policy.yaml", "minPassed: 1, accept: {maxAgeSeconds: 604800}", "minPassed: 1, accept: {maxAgeSeconds: 604801}"),
            "policy.yaml:7: `unit-tests` asks for less than before: older evidence counts (for orders, web)",
        ),
        (
            ("policy.yaml", "id: unit-tests,", "id: unit-tests, changes: opaque,"),
            "`unit-tests` asks for less than before: it is not asked for any more",
        ),
        (
            (
                "policy.yaml",
                "  requirements:\n",
                "  breakGlass: {requirements: [weekend], roles: [owner], people: 2, validSeconds: 60}\n  requirements:\n",
            ),
            "`breakGlass` asks for less than before: nobody got past anything before",
        ),
    ];
    for (change, expected) in looser {
        let (errors, warnings) = told(&layered(), &but(&[change]));
        assert_eq!(errors, [""; 0], "{expected}");
        assert!(warnings.iter().any(|it| it.contains(expected)), "{expected}: {warnings:#?}");
    }
    let people = with(&[("policy.yaml", "preflightMerge: pathops", "preflightMerge: people")]);
    contain(&told(&people, &shop()).1, &["`preflightMerge` asks for less than before: people merged there"]);
}

#[test]
fn what_is_not_declared_any_more_and_what_says_less_of_itself_is_told() {
    let alone = and(
        but(&[("apps/web.yaml", "  dependsOn: [orders]\n  consumes: [orders-http]\n", "")]),
        &[("requests/delivery-date.yaml", "")],
    );
    let (errors, warnings) = told(&layered(), &alone);
    assert_eq!(errors, [""; 0]);
    contain(&warnings, &["apps/web.yaml: `web` does not wait for `orders` any more"]);
    let (errors, warnings) = told(&alone, &and(alone.clone(), &[("apps/web.yaml", "")]));
    assert_eq!(errors, [""; 0]);
    contain(&warnings, &["apps/web.yaml: `web` is not declared any more"]);
    let contracts =
        "    - {id: promises, reason: others rely on it, asks: {contracts: {accept: {maxAgeSeconds: 60}}}}\n    - id: weekend\n";
    let asks = but(&[("policy.yaml", "    - id: weekend\n", contracts)]);
    let silent = and(
        asks.clone(),
        &[
            ("requests/delivery-date.yaml", ""),
            ("contracts/orders-http.yaml", ""),
            ("contracts/orders-http.openapi.yaml", ""),
            (
                "apps/orders.yaml",
                &String::from_utf8(asks[&crate::path("apps/orders.yaml")].bytes.clone())
                    .unwrap()
                    .replace("  provides: [orders-http]\n", ""),
            ),
            (
                "apps/web.yaml",
                &String::from_utf8(asks[&crate::path("apps/web.yaml")].bytes.clone())
                    .unwrap()
                    .replace("  consumes: [orders-http]\n", ""),
            ),
        ],
    );
    contain(&told(&asks, &silent).1, &["`orders` does not keep `orders-http` any more, so nobody compares it"]);
}
