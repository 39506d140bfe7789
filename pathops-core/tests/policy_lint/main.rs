//! What the linter says of a policy, and what it does not.
#![cfg(feature = "yaml")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod bounds;

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::policy::{Languages, LintContext, lint};
use pathops_core::project::{Lifecycle, Role, Rollback, Unit, UnitKind, load_policy};
use pathops_core::{PersonId, RepoPath, UnitId, UnixMillis};

/// 2026-11-20T12:00:00Z.
const AT: UnixMillis = UnixMillis(1_795_176_000_000);

const HEAD: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: shop}\nspec:\n";

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn file(text: &str) -> SourceFile {
    SourceFile { bytes: text.as_bytes().to_vec(), executable: false }
}

/// Documents of policies, from what stands under `spec`.
fn documents(specs: &[&str]) -> SourceTree {
    let document = |(number, spec): (usize, &&str)| {
        let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
        (path(&format!("policies/{number}.yaml")), file(&format!("{HEAD}{indented}")))
    };
    specs.iter().enumerate().map(document).collect()
}

/// An app of the class `service` that alice answers for, and a component of bob's.
fn units() -> BTreeMap<UnitId, Unit> {
    let unit = |name: &str, kind, owner: &str, class: Option<&str>| Unit {
        id: name.parse().unwrap(),
        kind,
        desired_state: format!("shop/{name}-gitops").parse().unwrap(),
        intent: None,
        boundaries: None,
        owner: owner.parse().unwrap(),
        lifecycle: Lifecycle::PathReady,
        class: class.map(str::to_owned),
        depends_on: BTreeSet::new(),
        provides: BTreeSet::new(),
        consumes: BTreeSet::new(),
        rollback: Rollback::Revert,
        checks: ["health", "smoke"].map(|job| job.parse().unwrap()).into(),
    };
    let orders = unit("orders", UnitKind::App { source: "shop/orders-src".parse().unwrap() }, "alice", Some("service"));
    let store = unit("store", UnitKind::Component { component_type: "key-value-store".to_owned() }, "bob", None);
    [orders, store].into_iter().map(|unit| (unit.id.clone(), unit)).collect()
}

fn people(all: &[(&str, &[Role])]) -> BTreeMap<PersonId, BTreeSet<Role>> {
    all.iter().map(|(name, roles)| (name.parse().unwrap(), roles.iter().copied().collect())).collect()
}

fn staff() -> BTreeMap<PersonId, BTreeSet<Role>> {
    people(&[("alice", &[Role::Owner]), ("bob", &[Role::Reviewer]), ("carol", &[Role::Owner, Role::Reviewer])])
}

/// What the linter says of policies, as `level: what; mend`, without where.
fn all_said_to(specs: &[&str], people: &BTreeMap<PersonId, BTreeSet<Role>>) -> Vec<String> {
    let policy = load_policy(&documents(specs), &Languages::none()).unwrap_or_else(|findings| panic!("{findings}"));
    let units = units();
    let context = LintContext {
        units: &units,
        people,
        producers: Some(["ci", "gitops"].map(|name| name.parse().unwrap()).into()),
        kinds: None,
        build_suites: Some(["unit".to_owned()].into()),
        at: AT,
    };
    lint(&policy, &context).iter().map(|note| format!("{}: {}; {}", note.level, note.said(), note.mend)).collect()
}

/// [`all_said_to`], without that the policy does not ask for evidence of itself.
fn said_to(specs: &[&str], people: &BTreeMap<PersonId, BTreeSet<Role>>) -> Vec<String> {
    all_said_to(specs, people).into_iter().filter(|note| !note.contains(UNCHECKED)).collect()
}

const UNCHECKED: &str = "warning: nothing asks for evidence of the policy itself: rules that nobody has checked decide";

fn said(specs: &[&str]) -> Vec<String> {
    said_to(specs, &staff())
}

/// A requirement for apps that asks for `asks`.
fn asking(asks: &str) -> String {
    format!("requirements:\n  - {{id: it, reason: why, covers: {{kind: app}}, asks: {{{asks}}}}}")
}

/// `wrong` gives the one note that begins with `note`, and `right` gives none.
#[track_caller]
fn tells(wrong: &[&str], note: &str, right: &[&str]) {
    let told = said(wrong);
    assert!(told.len() == 1 && told.iter().all(|it| it.starts_with(note)), "{wrong:#?}\nshould give {note:?}, gives {told:#?}");
    assert_eq!(said(right), [""; 0], "{right:#?}");
}

#[track_caller]
fn asks(wrong: &str, note: &str, right: &str) {
    tells(&[&asking(wrong)], note, &[&asking(right)]);
}

const SOME: &str = "accept: {maxAgeSeconds: 86400, from: [ci]}";

#[test]
fn what_covers_nothing_is_told() {
    let for_units =
        |covers: &str| format!("requirements:\n  - {{id: it, reason: why, covers: {covers}, asks: {{incidents: {{}}}}}}");
    for (covers, note, right) in [
        ("{classes: [web]}", "warning: `it` covers the class `web`, which no app or component is of", "{classes: [service]}"),
        ("{classes: [web, service]}", "warning: `it` covers the class `web`", "{}"),
        ("{units: [web]}", "warning: `it` covers `web`, and there is no such app or component", "{units: [store]}"),
        ("{kind: component, classes: [service]}", "warning: `it` is for no app or component;", "{kind: app, classes: [service]}"),
    ] {
        tells(&[&for_units(covers)], note, &[&for_units(right)]);
    }
}

#[test]
fn different_notes_of_one_place_are_told_each() {
    let both = "requirements:\n  - {id: it, reason: why, covers: {classes: [web, service], units: [toy, orders]}, asks: {incidents: {}}}";
    let told = said(&[both]);
    let notes = ["warning: `it` covers the class `web`", "warning: `it` covers `toy`"];
    assert_eq!(told.len(), notes.len(), "{told:#?}");
    for note in notes {
        assert!(told.iter().any(|it| it.starts_with(note)), "{told:#?}");
    }
}

#[test]
fn a_layer_over_nothing_is_told_once() {
    let layer = |name: &str| format!("layer: {name}\nrequirements:\n  - {{id: it, reason: why, asks: {{incidents: {{}}}}}}");
    tells(&[&layer("{class: web}")], "warning: no app or component is of the class `web`", &[&layer("{class: service}")]);
    tells(&[&layer("{unit: web}")], "warning: there is no app or component `web`", &[&layer("{unit: store}")]);
}

#[test]
fn a_rule_that_lower_layers_take_the_place_of_is_told() {
    let upper = |layer: &str| {
        format!(
            "layer: {layer}\nrequirements:\n  - {{id: it, reason: why, covers: {{units: [orders]}}, asks: {{approvals: {{count: 1, roles: [owner, reviewer]}}}}}}"
        )
    };
    let lower = |changes: &str| {
        format!(
            "layer: {{class: service}}\nrequirements:\n  - {{id: it, reason: why, changes: {changes}, asks: {{approvals: {{count: 2, roles: [owner, reviewer]}}}}}}"
        )
    };
    let note = "warning: lower layers tighten `it` for everything that it is for; take it out here, or out of them";
    tells(&[&upper("project"), &lower("all")], note, &[&upper("project"), &lower("opaque")]);
    // The organisation's rules are for other projects too.
    assert_eq!(said(&[&upper("organisation"), &lower("all")]), [""; 0]);
}

#[test]
fn approvals_that_nobody_or_too_few_could_give_are_errors() {
    let (one, three) = ("approvals: {count: 1, roles: [owner, reviewer]}", "approvals: {count: 3, roles: [owner, reviewer]}");
    let four = "approvals: {count: 4, roles: [owner, reviewer]}";
    asks(four, "error: `it` asks for 4 approval(s), and 3 people hold one of the roles `owner`, `reviewer`; ask for fewer", one);
    asks(
        three,
        "warning: `it` needs `alice`, who answers for it: what they have a part in can never pass (for orders); give",
        one,
    );
    let reviewers = people(&[("alice", &[Role::Reviewer]), ("bob", &[Role::Reviewer])]);
    let told = said_to(&[&asking("approvals: {count: 1, roles: [owner]}")], &reviewers);
    assert_eq!(
        told,
        [
            "error: `it` asks for 1 approval(s), and 0 people hold one of the roles `owner`; ask for fewer, or give more people a role"
        ]
    );
    let told = said_to(&[&asking(one)], &reviewers);
    assert_eq!(
        told,
        [
            "warning: `it` counts approvals of the role `owner`, which nobody holds; give somebody the role in people.yaml, or take it out"
        ]
    );
}

#[test]
fn a_requirement_that_only_advises_is_never_an_error() {
    let advice = "requirements:\n  - {id: it, reason: why, severity: advisory, asks: {approvals: {count: 4, roles: [owner]}}}";
    let told = said(&[advice]);
    assert!(matches!(told.as_slice(), [one] if one.starts_with("warning: `it` asks for 4 approval(s)")), "{told:?}");
}

#[test]
fn lifecycle_states_that_exclude_each_other_are_errors() {
    let with = |allowed: &str| {
        format!(
            "requirements:\n  - {{id: ready, reason: why, covers: {{kind: app}}, asks: {{lifecycle: {{allowed: [path-ready]}}}}}}\n  - {{id: mature, reason: why, asks: {{lifecycle: {{allowed: [{allowed}]}}}}}}"
        )
    };
    let note = "error: no lifecycle state is allowed by all of `lifecycle`, `ready`, `mature` (for orders); let them have one";
    tells(&[&with("production")], note, &[&with("production, path-ready")]);
    // Also against what is built in.
    asks(
        "lifecycle: {allowed: [prototype]}",
        "error: no lifecycle state is allowed by all of `lifecycle`, `it`",
        "lifecycle: {allowed: [path-ready]}",
    );
}

#[test]
fn signals_that_exclude_each_other_are_errors() {
    let with = |max: &str, accept: &str| {
        format!(
            "requirements:\n  - {{id: least, reason: why, asks: {{signal: {{name: load, environment: preflight, min: 5, accept: {{maxAgeSeconds: 60, from: [ci]}}}}}}}}\n  - {{id: most, reason: why, asks: {{signal: {{name: load, environment: preflight, max: {max}, accept: {accept}}}}}}}"
        )
    };
    let same = "{maxAgeSeconds: 99, from: [ci]}";
    tells(
        &[&with("4.5", same)],
        "error: no value of load is within the bounds of `least`, `most` (for orders, store);",
        &[&with("5", same)],
    );
    // Somebody else may measure something else.
    tells(
        &[&with("4.5", "{maxAgeSeconds: 99, from: [gitops]}")],
        "warning: no value of load",
        &[&with("5", "{maxAgeSeconds: 99, from: [gitops]}")],
    );
    let signal = |environment: &str| format!("signal: {{name: load, environment: {environment}, max: 1, {SOME}}}");
    asks(&signal("agents"), "error: `it` is measured where agents work", &signal("production"));
}

#[test]
fn evidence_that_is_too_old_when_the_wait_is_over_is_told() {
    let with = |seconds: u32, asks: &str| {
        format!(
            "requirements:\n  - {{id: soak, reason: why, asks: {{soak: {{seconds: {seconds}, maxGapSeconds: 60, {SOME}}}}}}}\n  - {{id: it, reason: why, covers: {{kind: app}}, asks: {{{asks}}}}}"
        )
    };
    let hour = "accept: {maxAgeSeconds: 3600, from: [ci]}";
    let build = format!("tests: {{run: build, suite: unit, minPassed: 1, {hour}}}");
    let note = "error: `soak` takes 7200 s, and evidence for `it` from before is too old after 3600 s (for orders); let it";
    tells(&[&with(7200, &build)], note, &[&with(3600, &build)]);
    // What can be made again is not lost for ever; what is live is looked at again.
    for again in [
        format!("tests: {{run: preflight, suite: smoke, minPassed: 1, {hour}}}"),
        format!("findings: {{max: {{critical: 0}}, {hour}}}"),
    ] {
        tells(&[&with(7200, &again)], "warning: `soak` takes 7200 s", &[&with(3600, &again)]);
    }
    assert_eq!(said(&[&with(7200, &format!("deployment: {{{hour}}}"))]), [""; 0]);
    asks(
        "deployment: {accept: {maxAgeSeconds: 0}}",
        "error: evidence for `it` is too old as soon as it is there",
        "deployment: {accept: {maxAgeSeconds: 1}}",
    );
}

#[test]
fn freezes_that_never_open_are_errors() {
    let freeze = |id: &str, when: &str| {
        format!("  - {{id: {id}, reason: why, covers: {{kind: app}}, asks: {{freeze: {{timeZone: Europe/Berlin, {when}}}}}}}\n")
    };
    // From a Monday or Friday on, so many days.
    let days = |first: u32, until: u32, days: &str| {
        format!("from: \"2026-01-{first:02}T00:00\", until: \"2026-01-{until:02}T00:00\", repeat: \"FREQ=WEEKLY;BYDAY={days}\"")
    };
    let week = freeze("week", &days(5, 9, "MO"));
    let (long, short) = (freeze("weekend", &days(9, 12, "FR")), freeze("weekend", &days(9, 11, "FR")));
    let note = "error: promotions are closed for the next 5 years at least, by `week`, `weekend` (for orders); leave a time";
    tells(&[&format!("requirements:\n{week}{long}")], note, &[&format!("requirements:\n{week}{short}")]);
    let once = |until: &str| format!("from: \"2026-01-01T00:00\", until: \"{until}-01-01T00:00\"");
    let ages = format!("requirements:\n{}", freeze("ages", &once("2040")));
    tells(&[&ages], "error: promotions are closed", &[&format!("requirements:\n{}", freeze("ages", &once("2027")))]);
    let over = format!("requirements:\n{}", freeze("over", "from: \"2020-01-01T00:00\", until: \"2020-01-02T00:00\""));
    let again = freeze("over", "from: \"2020-01-01T00:00\", until: \"2020-01-02T00:00\", repeat: FREQ=YEARLY");
    tells(&[&over], "warning: `over` is over and never closes again", &[&format!("requirements:\n{again}")]);
}

#[test]
fn limits_that_milder_ones_leave_nothing_to_are_told() {
    let max = |max: &str| format!("findings: {{max: {{{max}}}, {SOME}}}");
    asks(
        &max("low: 1, medium: 1, high: 2, critical: 0"),
        "warning: `it` lets 2 high findings stay, and only 1 that are low or worse; lower the limit for what is worse",
        &max("high: 0"),
    );
    asks(
        &max("low: 2, high: 1, critical: 2"),
        "warning: `it` lets 2 critical findings stay, and only 1 that are high or worse; ",
        &max("low: 2, high: 1, critical: 1"),
    );
}

#[test]
fn exceptions_need_an_owner_a_reason_and_time() {
    let with = |owner: &str, until: &str, reason: &str, more: &str| {
        format!(
            "findings: {{max: {{critical: 0}}, {SOME}, exceptions: [{{id: CVE-2026-1, owner: {owner}, until: {until}, reason: \"{reason}\"}}{more}]}}"
        )
    };
    let good = with("alice", "2026-12-31T00:00:00Z", "not reachable", "");
    for (wrong, note) in [
        (
            with("zoe", "2026-12-31T00:00:00Z", "r", ""),
            "error: the exception for CVE-2026-1 bears nothing: its owner `zoe` is nobody here",
        ),
        (with("alice", "2026-11-20T12:00:00Z", "r", ""), "warning: the exception for CVE-2026-1 has ended: 2026-11-20T12:00:00Z"),
        (with("alice", "2026-12-04T12:00:00Z", "r", ""), "warning: the exception for CVE-2026-1 ends soon"),
        (with("alice", "2026-12-31T00:00:00Z", " ", ""), "warning: the exception for CVE-2026-1 does not say why"),
        (
            with("alice", "2026-12-31T00:00:00Z", "r", ", {id: CVE-2026-1, owner: bob, until: 2026-12-31T00:00:00Z, reason: r}"),
            "warning: there are two exceptions for CVE-2026-1",
        ),
    ] {
        asks(&wrong, note, &good);
    }
    assert_eq!(said(&[&asking(&with("alice", "2026-12-04T12:00:01Z", "r", ""))]), [""; 0]);
}

#[test]
fn evidence_that_nothing_makes_is_an_error() {
    let smoke = |suite: &str| format!("tests: {{run: preflight, suite: {suite}, minPassed: 1, {SOME}}}");
    asks(
        &smoke("load"),
        "error: `it` asks for the job `load`, which is none of the unit's `checks` (for orders); add",
        &smoke("smoke"),
    );
    let unit = |suite: &str| format!("tests: {{run: build, suite: {suite}, minPassed: 1, {SOME}}}");
    asks(&unit("load"), "error: `it` asks for the suite `load`, and builds report `unit`", &unit("unit"));
    let from = |from: &str| format!("deployment: {{accept: {{maxAgeSeconds: 9, from: [{from}]}}}}");
    asks(&from("nobody"), "error: nobody whose word counts for `it` is trusted: `nobody`", &from("gitops"));
    asks(&from("nobody, ci"), "warning: `it` counts the word of `nobody`, whom the host does not trust", &from("ci"));
    let for_kind = |kind: &str, asks: &str| {
        format!("requirements:\n  - {{id: it, reason: why, covers: {{kind: {kind}}}, asks: {{{asks}}}}}")
    };
    for build in [
        unit("unit"),
        format!("sbom: {{formats: [spdx], {SOME}}}"),
        format!("findings: {{max: {{critical: 0}}, {SOME}}}"),
        format!("evidence: {{predicateType: \"https://slsa.dev/provenance/v1\", about: commit, {SOME}}}"),
    ] {
        let note = "error: `it` asks for what a build makes, and a component is not built (for store); write";
        tells(&[&for_kind("component", &build)], note, &[&for_kind("app", &build)]);
    }
    let of_type = |given: &str| format!("evidence: {{predicateType: \"{given}\", about: artifact, {SOME}}}");
    let good = of_type("https://slsa.dev/provenance/v1");
    asks(&of_type("provenance"), "error: `it` asks for the predicate type `provenance`, which is no URI", &good);
}

#[test]
fn glass_that_cannot_be_broken_is_told() {
    let glass = |roles: &str, people: u32, seconds: u32, id: &str| {
        format!(
            "breakGlass: {{requirements: [{id}], roles: [{roles}], people: {people}, validSeconds: {seconds}}}\n{}",
            asking("incidents: {}")
        )
    };
    let good = glass("owner, reviewer", 2, 60, "it");
    for (wrong, note) in [
        (glass("owner, reviewer", 4, 60, "it"), "error: nobody can break the glass: it takes 4 people, and 3 hold one of"),
        (glass("owner", 2, 0, "it"), "error: a broken glass holds for 0 seconds"),
        (glass("owner", 2, 60, "that"), "warning: `breakGlass` gets past `that`, and no layer has a requirement of that name"),
    ] {
        tells(&[&wrong], note, &[&good]);
    }
    let owners = people(&[("alice", &[Role::Owner]), ("bob", &[Role::Owner])]);
    assert_eq!(
        said_to(&[&good], &owners),
        [
            "warning: `breakGlass` counts the role `reviewer`, which nobody holds; give somebody the role in people.yaml, or take it out"
        ]
    );
    let stop = format!("permissions: {{stop: [reviewer]}}\n{}", asking("incidents: {}"));
    assert_eq!(said(&[&stop]), [""; 0]);
    assert_eq!(
        said_to(&[&stop], &owners),
        [
            "warning: `permissions.stop` is for nobody: no person holds one of the roles `reviewer`; give somebody the role in people.yaml, or name another one"
        ]
    );
}

/// PathOps makes the evidence of tests, deployments and health; the rest comes from whoever is trusted.
#[test]
fn whose_matter_evidence_of_others_is_is_asked() {
    let any = "accept: {maxAgeSeconds: 86400}";
    for asked in [
        "findings: {max: {critical: 0}, accept}",
        "sbom: {formats: [spdx], accept}",
        "signal: {name: load, environment: preflight, max: 1, accept}",
        "contracts: {accept}",
        "evidence: {predicateType: \"https://slsa.dev/provenance/v1\", about: artifact, accept}",
    ] {
        let note =
            "warning: `it` believes each of `ci`, `gitops`, and a newer word of one may stand in place of another's; name in";
        asks(&asked.replace("accept", any), note, &asked.replace("accept", SOME));
    }
    assert_eq!(said(&[&asking(&format!("tests: {{run: build, suite: unit, minPassed: 1, {any}}}"))]), [""; 0]);
}

#[test]
fn a_requirement_says_why() {
    let with = |reason: &str| format!("requirements:\n  - {{id: it, reason: \"{reason}\", asks: {{incidents: {{}}}}}}");
    tells(&[&with("")], "warning: `it` does not say why it is asked for", &[&with("calm")]);
}

/// A change to the policy is a change set with evidence of its own, which nothing waits for unless the policy says so.
#[test]
fn rules_that_nobody_has_to_have_checked_are_told() {
    let with = |more: &str| {
        format!("requirements:\n  - {{id: it, reason: why, {more}asks: {{policy: {{accept: {{maxAgeSeconds: 86400}}}}}}}}")
    };
    let said = |more: &str| all_said_to(&[&with(more)], &staff());
    assert_eq!(said(""), [""; 0]);
    let told = all_said_to(&[&asking("incidents: {}")], &staff());
    assert!(matches!(told.as_slice(), [one] if one.starts_with(&format!("{UNCHECKED} (for orders, store); add"))), "{told:?}");
    // Advice stops nothing, and what is asked of agents is not asked of people.
    for (more, units) in
        [("covers: {kind: app}, ", "store"), ("severity: advisory, ", "orders, store"), ("changes: opaque, ", "orders, store")]
    {
        let told = said(more);
        assert!(matches!(told.as_slice(), [one] if one.starts_with(&format!("{UNCHECKED} (for {units})"))), "{more}: {told:?}");
    }
}

/// What every policy asks for is asked of the people there are, too.
#[test]
fn approvals_that_are_built_in_need_somebody_who_can_give_them() {
    let some = "requirements:\n  - {id: it, reason: why, asks: {incidents: {}}}";
    let nobody = people(&[("alice", &[]), ("bob", &[])]);
    let told = said_to(&[some], &nobody);
    let what = "`approval`, which is built in, asks for 1 approval(s), and 0 people hold one of the roles `owner`, `reviewer`";
    let mend = "give more people a role that counts in people.yaml";
    assert_eq!(told, [format!("error: {what} (for orders, store); {mend}")]);
    let told = said_to(&[some], &people(&[("alice", &[Role::Owner])]));
    let what = "`approval`, which is built in, needs `alice`, who answers for it: what they have a part in can never pass";
    assert_eq!(told, [format!("warning: {what} (for orders); {mend}")]);
    assert_eq!(said_to(&[some], &staff()), [""; 0]);
    // One who tightens it is told about that.
    let more = "requirements:\n  - {id: approval, reason: why, asks: {approvals: {count: 1, roles: [owner]}}}";
    let told = said_to(&[more], &nobody);
    assert!(matches!(told.as_slice(), [one] if one.starts_with("error: `approval` asks for 1 approval(s)")), "{told:#?}");
}

/// A lower rule for some changes leaves the one above it to the others.
#[test]
fn a_check_of_the_policy_that_is_tightened_for_some_changes_is_still_asked_for() {
    let upper = "requirements:\n  - {id: policy-checked, reason: why, asks: {policy: {roles: [owner, reviewer], accept: {maxAgeSeconds: 86400}}}}";
    let lower = |changes: &str| {
        format!(
            "layer: {{unit: orders}}\nrequirements:\n  - {{id: policy-checked, reason: why, changes: {changes}, asks: {{policy: {{roles: [owner, reviewer], accept: {{maxAgeSeconds: 3600}}}}}}}}"
        )
    };
    for changes in ["opaque", "by-agents", "all"] {
        let told = all_said_to(&[upper, &lower(changes)], &staff());
        assert!(!told.iter().any(|note| note.contains(UNCHECKED)), "{changes}: {told:#?}");
    }
    assert!(
        all_said_to(&[&lower("opaque")], &staff()).iter().any(|note| note.contains(UNCHECKED)),
        "of the others, nothing does"
    );
}

/// What it is not told of it does not look at, and names.
#[test]
fn what_is_not_known_is_named_as_not_looked_at() {
    let (units, people) = (units(), staff());
    let unseen = |[producers, kinds, suites]: [bool; 3]| {
        let context = LintContext {
            units: &units,
            people: &people,
            producers: producers.then(BTreeSet::new),
            kinds: kinds.then(BTreeMap::new),
            build_suites: suites.then(BTreeSet::new),
            at: AT,
        };
        let words = ["trusted by the host", "makes the kinds", "report the suites", "opaque changes"];
        let unseen = context.unseen();
        let told = words.map(|word| unseen.iter().filter(|it| it.contains(word)).count());
        assert_eq!(told.iter().sum::<usize>(), unseen.len(), "{unseen:?}");
        told
    };
    assert_eq!(unseen([false, false, false]), [1, 1, 1, 1]);
    assert_eq!(unseen([true, false, false]), [0, 1, 1, 1]);
    assert_eq!(unseen([false, true, false]), [1, 0, 1, 1]);
    assert_eq!(unseen([false, false, true]), [1, 1, 0, 1]);
    assert_eq!(unseen([true, true, true]), [0, 0, 0, 1], "what will come is declared nowhere");
}

/// The producers are trusted, and make something else.
#[test]
fn a_kind_of_evidence_that_nobody_makes_is_an_error() {
    let kinds = |ci: &[&str], gitops: &[&str]| {
        let made = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect();
        BTreeMap::from([("ci".parse().unwrap(), made(ci)), ("gitops".parse().unwrap(), made(gitops))])
    };
    let (units, people) = (units(), staff());
    let told = |asks: &str, kinds: Option<_>| {
        let policy =
            load_policy(&documents(&[&asking(asks)]), &Languages::none()).unwrap_or_else(|findings| panic!("{findings}"));
        let context = LintContext { units: &units, people: &people, producers: None, kinds, build_suites: None, at: AT };
        let notes = lint(&policy, &context).iter().map(|note| format!("{}: {}", note.level, note.said())).collect::<Vec<_>>();
        notes.into_iter().filter(|note| note.contains("which nobody makes")).collect::<Vec<_>>()
    };
    let slsa = "https://slsa.dev/provenance/v1";
    let provenance = format!("evidence: {{predicateType: \"{slsa}\", about: artifact, {SOME}}}");
    for (asks, kind, what) in [
        (provenance, slsa, format!("evidence of the type `{slsa}`")),
        (
            format!("findings: {{max: {{critical: 0}}, {SOME}}}"),
            "https://in-toto.io/attestation/vulns/v0.2",
            "reports of scanners".to_owned(),
        ),
        (
            format!("sbom: {{formats: [spdx], {SOME}}}"),
            "https://spdx.dev/Document/v2.3",
            "bills of materials in a format that counts".to_owned(),
        ),
        (
            format!("sbom: {{formats: [cyclonedx], {SOME}}}"),
            "https://pathops.dev/predicate/sbom/v0.1",
            "bills of materials in a format that counts".to_owned(),
        ),
        (
            format!("tests: {{run: build, suite: unit, minPassed: 1, {SOME}}}"),
            "https://in-toto.io/attestation/test-result/v0.1",
            "results of tests".to_owned(),
        ),
        (
            format!("signal: {{name: load, environment: preflight, max: 1, {SOME}}}"),
            "https://pathops.dev/predicate/signal/v0.1",
            "measurements of load".to_owned(),
        ),
        (
            format!("contracts: {{{SOME}}}"),
            "https://pathops.dev/predicate/contract-comparison/v0.1",
            "comparisons of contracts".to_owned(),
        ),
    ] {
        let note = format!("error: `it` asks for {what}, which nobody makes whose word counts");
        assert_eq!(
            told(&asks, Some(kinds(&["https://example.org/other"], &[kind]))),
            [note],
            "the word of gitops does not count"
        );
        assert_eq!(told(&asks, Some(kinds(&[kind], &[]))), [""; 0], "{kind}");
        assert_eq!(told(&asks, None), [""; 0], "nobody has said what they make");
    }
    let own = "deployment: {accept: {maxAgeSeconds: 60}}";
    assert_eq!(told(own, Some(kinds(&[], &[]))), [""; 0], "PathOps states it itself");
}

/// What is wrong in two layers is told of each, and at once with how to mend it.
#[test]
fn a_note_names_its_layer() {
    let old = "{id: it, reason: why, asks: {deployment: {accept: {maxAgeSeconds: 0}}}}";
    let layers = ["organisation", "project"].map(|layer| format!("layer: {layer}\nrequirements:\n  - {old}"));
    let policy = load_policy(&documents(&[&layers[0], &layers[1]]), &Languages::none()).unwrap();
    let (units, people) = (units(), staff());
    let context = LintContext { units: &units, people: &people, producers: None, kinds: None, build_suites: None, at: AT };
    let told: Vec<_> = lint(&policy, &context).iter().map(ToString::to_string).filter(|note| note.contains("too old")).collect();
    let note = |layer: &str| {
        format!(
            "error: {layer}: evidence for `it` is too old as soon as it is there; let `maxAgeSeconds` be longer than it takes to decide"
        )
    };
    assert_eq!(told, [note("the organisation's policy"), note("the project's policy")]);
}
