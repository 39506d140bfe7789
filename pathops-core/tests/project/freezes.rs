//! Whose freeze windows a change of the meta repository is about.

use pathops_core::adapter::SourceTree;
use pathops_core::project::changed_freezes;

use crate::{and, read, shop};

const POLICY: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: shop}\nspec:\n  permissions: {freeze: [owner]}\n  breakGlass: {requirements: [errors], roles: [owner], people: 2, validSeconds: 60}\n  requirements:\n    - {id: errors, reason: few, asks: {signal: {name: errors, environment: preflight, max: 1, accept: {maxAgeSeconds: 60}}}}\n    - {id: advent, reason: many buy, covers: {kind: app}, asks: {freeze: {timeZone: UTC, from: \"2099-12-01T00:00\", until: \"2099-12-20T00:00\"}}}\n    - {id: holidays, reason: nobody is there, covers: {kind: app}, asks: {freeze: {timeZone: UTC, from: \"2099-12-24T00:00\", until: \"2099-12-27T00:00\"}}}\n";

fn with_policy(policy: &str) -> SourceTree {
    let mut files = and(shop(), &[("policy.yaml", policy)]);
    // They name what is taken away here.
    files.retain(|path, _| !["policy-tests/", "requests/"].iter().any(|folder| path.as_str().starts_with(folder)));
    files
}

/// The units of which something changes, by name.
#[track_caller]
fn changed(after: &SourceTree) -> Vec<String> {
    let before = with_policy(POLICY);
    let (was, is) = (read(&before).unwrap(), read(after).unwrap_or_else(|findings| panic!("{findings}")));
    changed_freezes(&was, &is).into_iter().map(|unit| unit.id.to_string()).collect()
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "there is no {from:?} in {text}");
    text.replacen(from, to, 1)
}

#[test]
fn a_window_that_is_another_is_told_and_so_is_who_has_a_say_in_it() {
    let but = |from: &str, to: &str| changed(&with_policy(&replaced(POLICY, from, to)));
    for (from, to) in [
        ("2099-12-01", "2099-12-02"),
        ("id: advent", "id: december"),
        ("reason: many buy", "severity: advisory, reason: many buy"),
        ("reason: many buy", "changes: opaque, reason: many buy"),
        ("requirements: [errors]", "requirements: [errors, holidays]"),
    ] {
        assert_eq!(but(from, to), ["orders", "web"], "{to}");
    }
    for who in ["[owner, reviewer]", "[]"] {
        assert_eq!(but("freeze: [owner]", &format!("freeze: {who}")), ["orders", "store", "web"], "{who}");
    }
    let advent = POLICY.lines().find(|line| line.contains("advent")).unwrap();
    assert_eq!(but(&format!("{advent}\n"), ""), ["orders", "web"]);
    // What it is for is a part of the rule, also of one that it still is for.
    assert_eq!(but("many buy, covers: {kind: app}", "many buy, covers: {units: [web]}"), ["orders", "web"]);

    // What closes nothing, and the order of what does, make no difference.
    let moved = format!("{}{advent}\n", replaced(POLICY, &format!("{advent}\n"), ""));
    for same in [POLICY.to_owned(), moved, replaced(POLICY, "reason: few", "reason: very few")] {
        assert!(changed(&with_policy(&same)).is_empty(), "{same}");
    }
}

/// Another name is no way out of a window, and neither is to be gone for a while.
#[test]
fn what_has_the_repository_of_a_unit_is_held_to_its_windows() {
    let files = with_policy(POLICY);
    let web = String::from_utf8(files[&crate::path("apps/web.yaml")].bytes.clone()).unwrap();
    let renamed = |policy: &str| {
        let mut files = with_policy(policy);
        files.remove(&crate::path("apps/web.yaml"));
        and(files, &[("apps/pages.yaml", &replaced(&web, "name: web", "name: pages"))])
    };
    assert!(changed(&renamed(POLICY)).is_empty(), "it is held to the same");
    let narrowed = POLICY.replace("covers: {kind: app}, asks: {freeze", "covers: {units: [orders]}, asks: {freeze");
    assert_eq!(changed(&renamed(&narrowed)), ["orders", "web"]);

    let gone = |policy: &str| {
        let mut files = with_policy(policy);
        files.remove(&crate::path("apps/web.yaml"));
        files
    };
    assert!(changed(&gone(POLICY)).is_empty(), "the windows are still there for whatever comes back");
    assert_eq!(changed(&gone(&narrowed)), ["orders", "web"]);
}
