//! The policy as people write it.

use pathops_core::policy::{Languages, MergeBy, Policy};
use pathops_core::project::load;

use super::{POLICY, shop};

fn text() -> String {
    String::from_utf8(shop(None)[&POLICY.parse().unwrap()].bytes.clone()).unwrap()
}

fn parse(policy: &str) -> Result<Policy, String> {
    let project = load(&shop(Some(policy)), "shop/meta".parse().unwrap());
    project.map(|project| project.policy).map_err(|findings| findings.to_string())
}

/// The sample's policy with one text in place of another.
fn with(from: &str, to: &str) -> String {
    let text = text();
    assert!(text.contains(from), "the sample has no {from:?}");
    text.replacen(from, to, 1)
}

fn sample() -> Policy {
    parse(&text()).unwrap()
}

#[test]
fn the_policy_of_the_sample_says_what_it_means() {
    let files = shop(None);
    let project = load(&files, "shop/meta".parse().unwrap()).unwrap();
    assert!(project.units.values().all(|unit| project.policy.preflight_merge(unit) == MergeBy::Pathops));
    let ids = |unit: &str| {
        let unit = &project.units[&unit.parse().unwrap()];
        project.policy.requirements(unit).map(|(_, requirement)| requirement.id.to_string()).collect::<Vec<_>>()
    };
    let (before, all) = (
        ["dependencies", "stop-the-line"],
        [
            "preflight-deployment",
            "preflight-health",
            "preflight-smoke",
            "approval",
            "lifecycle",
            "no-open-incident",
            "policy-checked",
            "christmas",
        ],
    );
    assert_eq!(ids("orders"), [before.as_slice(), &["unit-tests"], &all].concat());
    assert_eq!(ids("store"), [before.as_slice(), &all].concat());
}

#[test]
fn people_merge_unless_the_policy_says_otherwise() {
    let (project, policy) = (load(&shop(None), "shop/meta".parse().unwrap()).unwrap(), with("  preflightMerge: pathops\n", ""));
    let policy = parse(&policy).unwrap();
    assert!(project.units.values().all(|unit| policy.preflight_merge(unit) == MergeBy::People));
}

#[test]
fn what_the_rules_do_not_know_is_refused_with_its_place() {
    for (from, to, complaint) in [
        ("preflightMerge: pathops", "preflightMerge: pathops\n  preprodMerge: people", "preprodMerge"),
        ("preflightMerge: pathops", "preflightMerge: robots", "robots"),
        ("preflightMerge: pathops", "layer: built-in", "built-in"),
        ("covers: {kind: app}", "covers: {kind: app, class: web}", "class"),
        ("covers: {kind: app}", "covers: {kind: app}\n      changes: some", "some"),
        ("covers: {kind: app}", "covers: {kind: app}\n      severity: fatal", "fatal"),
        ("covers: {kind: app}", "covers: {kind: app}\n      except: [orders]", "except"),
        ("accept: {maxAgeSeconds: 604800}", "accept: {maxAgeSeconds: 604800, optional: true}", "optional"),
        ("suite: unit, minPassed: 1", "suite: unit, minPassed: 1, maxFailed: 3", "maxFailed"),
        ("count: 1", "count: 1, authors: true", "authors"),
        ("incidents: {}", "incidents: {ignore: [INC-7]}", "ignore"),
        ("incidents: {}", "happiness: {}", "happiness"),
        ("maxAgeSeconds: 604800", "maxAgeSeconds: .nan", ".nan"),
        ("maxAgeSeconds: 604800", "maxAgeSeconds: -1", "-1"),
        ("count: 1", "count: 0", "nonzero"),
        ("roles: [owner, reviewer]", "roles: [owner, agent]", "agent"),
        ("allowed: [path-ready, production]", "allowed: [anything]", "anything"),
    ] {
        let findings = parse(&with(from, to)).unwrap_err();
        assert!(findings.contains("policy.yaml:") && findings.contains(complaint), "{to}: {findings}");
    }
}

#[test]
fn what_must_be_said_cannot_be_left_out() {
    for (from, to, complaint) in [
        (", accept: {maxAgeSeconds: 604800}", "", "accept"),
        ("accept: {maxAgeSeconds: 604800}", "accept: {}", "maxAgeSeconds"),
        (", minPassed: 1", "", "minPassed"),
        ("run: build, ", "", "run"),
        ("      reason: Nobody is there over Christmas.\n", "", "reason"),
        ("      asks:\n        incidents: {}\n", "", "asks"),
    ] {
        let findings = parse(&with(from, to)).unwrap_err();
        assert!(findings.contains(&format!("`{complaint}`")), "{from}: {findings}");
    }
}

#[test]
fn the_digest_does_not_depend_on_layout_or_comments() {
    let digest = sample().digest();
    for same in [
        format!("# Another comment.\n{}\n\n", text()),
        with("covers: {kind: app}", "covers:\n        kind: \"app\"  # every app"),
        with("covers: {kind: app}", "covers: {kind: app}\n      severity: required\n      changes: all"),
        with("preflightMerge: pathops", "layer: project\n  preflightMerge: pathops"),
        with("approvals: {count: 1, roles: [owner, reviewer]}", "approvals: {roles: [reviewer, owner], count: 1}"),
        with("allowed: [path-ready, production]", "allowed: [\"production\", path-ready]"),
        with(
            "    - id: lifecycle\n      reason: A prototype promises nothing, so nobody can rely on it.\n",
            "    - reason: 'A prototype promises nothing, so nobody can rely on it.'\n      id: lifecycle\n",
        ),
    ] {
        assert_eq!(parse(&same).unwrap().digest(), digest, "{same}");
    }
}

#[test]
fn the_digest_differs_where_a_rule_differs() {
    let mut seen = std::collections::BTreeSet::from([sample().digest()]);
    for (from, to) in [
        ("preflightMerge: pathops", "preflightMerge: people"),
        ("preflightMerge: pathops", "layer: organisation\n  preflightMerge: pathops"),
        ("covers: {kind: app}", "covers: {units: [orders, catalog, web]}"),
        ("covers: {kind: app}", "covers: {kind: app}\n      severity: advisory"),
        ("covers: {kind: app}", "covers: {kind: app}\n      changes: opaque"),
        ("id: unit-tests", "id: tests"),
        ("reason: Code that", "reason: The code that"),
        ("run: build", "run: preflight"),
        ("suite: unit", "suite: all"),
        ("minPassed: 1", "minPassed: 2"),
        ("maxAgeSeconds: 604800", "maxAgeSeconds: 604801"),
        ("settledSeconds: 1", "settledSeconds: 2"),
        ("count: 1", "count: 2"),
        ("roles: [owner, reviewer]", "roles: [owner]"),
        ("allowed: [path-ready, production]", "allowed: [production]"),
        ("id: no-open-incident", "id: no-incident"),
        ("timeZone: Europe/Berlin", "timeZone: Europe/Paris"),
        ("2099-12-24T12:00", "2099-12-24T11:00"),
    ] {
        assert!(seen.insert(parse(&with(from, to)).unwrap().digest()), "{to}");
    }
}

#[test]
fn a_policy_that_was_stored_is_the_same_policy() {
    let policy = sample();
    let stored = serde_json::to_vec(policy.layers()).unwrap();
    let read = Policy::new(serde_json::from_slice(&stored).unwrap(), &Languages::none()).unwrap();
    assert_eq!((&read, read.digest()), (&policy, policy.digest()));
}
