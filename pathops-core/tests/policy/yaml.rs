//! The policy as people write it.

use std::fs;
use std::path::Path;

use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::policy::{CoveredKind, MergeBy, Policy};
use pathops_core::project::load;

const POLICY: &str = "policy.yaml";

/// The meta repository of the sample shop, with this text as its policy.
fn shop(policy: Option<&str>) -> SourceTree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop/meta");
    let mut files = SourceTree::new();
    read(&root, &root, &mut files);
    if let Some(text) = policy {
        files.insert(POLICY.parse().unwrap(), SourceFile { bytes: text.as_bytes().to_vec(), executable: false });
    }
    files
}

fn read(root: &Path, folder: &Path, files: &mut SourceTree) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        files.insert(name.parse().unwrap(), SourceFile { bytes: fs::read(&path).unwrap(), executable: false });
    }
}

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

#[test]
fn the_policy_of_the_sample_says_what_it_means() {
    let policy = parse(&text()).unwrap();
    assert_eq!(policy.preflight_merge, MergeBy::Pathops);
    let [apps, components] = policy.production.as_slice() else { panic!("not two rule sets") };
    assert_eq!((apps.covers.kind, components.covers.kind), (Some(CoveredKind::App), Some(CoveredKind::Component)));
    let ids = |set: usize| policy.production[set].evidence.iter().map(|rule| rule.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(0), ["unit-tests", "preflight-deployment", "preflight-health", "preflight-smoke"]);
    assert_eq!(ids(1), ["preflight-deployment", "preflight-health", "preflight-smoke"]);
    for set in &policy.production {
        assert_eq!((set.approvals.count.get(), set.freeze.len()), (1, 1));
    }
}

#[test]
fn people_merge_unless_the_policy_says_otherwise() {
    assert_eq!(parse(&with("  preflightMerge: pathops\n", "")).unwrap().preflight_merge, MergeBy::People);
}

#[test]
fn what_the_rules_do_not_know_is_refused_with_its_place() {
    for (from, to, complaint) in [
        ("preflightMerge: pathops", "preflightMerge: pathops\n  preprodMerge: people", "preprodMerge"),
        ("covers: {kind: app}", "covers: {kind: app, class: web}", "class"),
        ("maxAgeSeconds: 604800", "maxAgeSeconds: 604800\n          optional: true", "optional"),
        ("{suite: unit, minPassed: 1}", "{suite: unit, minPassed: 1, maxFailed: 3}", "maxFailed"),
        ("count: 1", "count: 1\n        authors: true", "authors"),
        ("id: lifecycle", "id: lifecycle\n        except: [orders]", "except"),
        ("id: no-open-incident", "id: no-open-incident\n        ignore: [INC-7]", "ignore"),
        ("id: christmas", "id: christmas\n          except: [alice]", "except"),
        ("kind: preflight-deployment", "kind: preflight-happiness", "preflight-happiness"),
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
    let no_age = with("          maxAgeSeconds: 604800\n", "");
    let no_limit = with("{suite: unit, minPassed: 1}", "{suite: unit}");
    let no_incidents = with(
        "      incidents:\n        id: no-open-incident\n        reason: Whoever looks for a fault needs the ground to stand still.\n",
        "",
    );
    for (policy, complaint) in [(no_age, "maxAgeSeconds"), (no_limit, "minPassed"), (no_incidents, "incidents")] {
        let findings = parse(&policy).unwrap_err();
        assert!(findings.contains(complaint), "{findings}");
    }
}

#[test]
fn the_digest_does_not_depend_on_layout_or_comments() {
    let digest = parse(&text()).unwrap().digest();
    for same in [
        format!("# Another comment.\n{}\n\n", text()),
        with("covers: {kind: app}", "covers:\n        kind: \"app\"  # every app"),
        with("roles: [owner, reviewer]", "roles: [reviewer, owner]"),
        with("allowed: [path-ready, production]", "allowed:\n          - production\n          - path-ready"),
        with(
            "        id: lifecycle\n        reason: A prototype promises nothing, so nobody can rely on it.\n",
            "        reason: 'A prototype promises nothing, so nobody can rely on it.'\n        id: lifecycle\n",
        ),
    ] {
        assert_eq!(parse(&same).unwrap().digest(), digest, "{same}");
    }
}

#[test]
fn the_digest_differs_where_a_rule_differs() {
    let mut seen = std::collections::BTreeSet::from([parse(&text()).unwrap().digest()]);
    for (from, to) in [
        ("preflightMerge: pathops", "preflightMerge: people"),
        ("covers: {kind: app}", "covers: {units: [orders, catalog, web]}"),
        ("id: unit-tests", "id: tests"),
        ("reason: Code that", "reason: The code that"),
        ("suite: unit", "suite: all"),
        ("minPassed: 1", "minPassed: 2"),
        ("maxAgeSeconds: 604800", "maxAgeSeconds: 604801"),
        ("settledSeconds: 1", "settledSeconds: 2"),
        ("count: 1", "count: 2"),
        ("roles: [owner, reviewer]", "roles: [owner]"),
        ("allowed: [path-ready, production]", "allowed: [production]"),
        ("id: no-open-incident", "id: no-incident"),
        ("timeZone: Europe/Berlin", "timeZone: Europe/Paris"),
        ("2026-12-24T12:00", "2026-12-24T13:00"),
    ] {
        assert!(seen.insert(parse(&with(from, to)).unwrap().digest()), "{to}");
    }
}

#[test]
fn a_policy_that_was_stored_is_the_same_policy() {
    let policy = parse(&text()).unwrap();
    let read: Policy = serde_json::from_slice(&serde_json::to_vec(&policy).unwrap()).unwrap();
    assert_eq!((&read, read.digest()), (&policy, policy.digest()));
}
