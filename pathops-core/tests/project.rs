//! Reading a meta repository: all that it declares, or all that is wrong with it.
#![cfg(feature = "yaml")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::project::{EnvironmentKind, Findings, Lifecycle, Project, Role, UnitKind, load, load_request, request_names};
use pathops_core::{ContractId, PersonId, Principal, RepoId, RepoPath, UnitId};
use proptest::prelude::*;

const SHOP: &[(&str, &str)] = &[
    ("project.yaml", include_str!("project/project.yaml")),
    ("people.yaml", include_str!("project/people.yaml")),
    ("policy.yaml", include_str!("project/policy.yaml")),
    ("retention.yaml", include_str!("project/retention.yaml")),
    ("redaction.yaml", include_str!("project/redaction.yaml")),
    ("apps/orders.yaml", include_str!("project/apps/orders.yaml")),
    ("apps/web.yaml", include_str!("project/apps/web.yaml")),
    ("components/store.yaml", include_str!("project/components/store.yaml")),
    ("contracts/orders-http.yaml", include_str!("project/contracts/orders-http.yaml")),
    ("contracts/orders-http.openapi.yaml", "openapi: 3.1.0\n"),
    ("incidents/INC-7.yaml", include_str!("project/incidents/INC-7.yaml")),
    ("stops/STOP-1.yaml", include_str!("project/stops/STOP-1.yaml")),
    ("policy-tests/orders.yaml", include_str!("project/policy-tests/orders.yaml")),
    ("requests/delivery-date.yaml", include_str!("project/requests/delivery-date.yaml")),
    ("patches/delivery-date-orders.patch", "--- a/x\n+++ b/x\n"),
    ("README.md", "# Shop\n"),
];

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn file(text: &str) -> SourceFile {
    SourceFile { bytes: text.as_bytes().to_vec(), executable: false }
}

fn shop() -> SourceTree {
    SHOP.iter().map(|(name, text)| (path(name), file(text))).collect()
}

fn read(files: &SourceTree) -> Result<Project, Findings> {
    load(files, RepoId::parse("shop/meta").unwrap())
}

/// The shop with each text in a file replaced by another one.
fn with(changes: &[(&str, &str, &str)]) -> SourceTree {
    let mut files = shop();
    for (name, from, to) in changes {
        let file = files.get_mut(&path(name)).unwrap();
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        file.bytes = text.replacen(from, to, 1).into_bytes();
    }
    files
}

/// The shop with some files put in (or taken out: an empty text).
fn and(mut files: SourceTree, more: &[(&str, &str)]) -> SourceTree {
    for (name, text) in more {
        if text.is_empty() {
            files.remove(&path(name)).unwrap();
        } else {
            files.insert(path(name), file(text));
        }
    }
    files
}

#[track_caller]
fn finds(files: &SourceTree, expected: &[&str]) {
    let findings = match read(files) {
        Ok(project) => panic!("no finding in {project:?}"),
        Err(findings) => findings,
    };
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_project_is_what_its_documents_say() {
    let project = read(&shop()).unwrap();
    assert_eq!(project.id.as_str(), "shop");
    let target = &project.environments.production;
    assert_eq!(
        (target.kind, target.branch.as_str(), target.path.as_str()),
        (EnvironmentKind::Production, "production", "environments/production")
    );
    assert_eq!((target.cluster.as_str(), target.namespace.as_str()), ("local", "shop-production"));
    assert_eq!(project.environments.agents.namespace, "robots");
    let orders = &project.units[&UnitId::parse("orders").unwrap()];
    assert_eq!((orders.source().unwrap().as_str(), orders.desired_state.as_str()), ("shop/orders-src", "shop/orders-gitops"));
    assert_eq!((orders.lifecycle, orders.class.as_deref()), (Lifecycle::PathReady, Some("service")));
    let store = &project.units[&UnitId::parse("store").unwrap()];
    assert_eq!(store.kind, UnitKind::Component { component_type: "key-value-store".to_owned() });
    assert_eq!(store.desired_state.as_str(), "infra/store");
    assert_eq!(project.contracts[&ContractId::parse("orders-http").unwrap()].provider.as_str(), "orders");
    assert_eq!(project.people[&PersonId::parse("alice").unwrap()].iter().collect::<Vec<_>>(), [&Role::Owner]);
    assert_eq!(project.incidents.iter().map(|incident| incident.id.as_str()).collect::<Vec<_>>(), ["INC-7"]);
    let [layer] = project.policy.layers() else { panic!("not one layer") };
    assert_eq!(layer.requirements.len(), 5);
}

const PEOPLE: &str = "
    - name: alice
      roles: [owner]
      emails: [Alice@Example.com, alice@home.example]
      accounts: [alice-admin]
    - name: bob
      roles: [reviewer]
";

/// The shop with these people.
fn with_people(people: &str) -> SourceTree {
    let head = "apiVersion: pathops.dev/v1alpha1\nkind: People\nmetadata: {name: shop}\nspec:\n  people:";
    and(shop(), &[("people.yaml", &format!("{head}{people}"))])
}

#[test]
fn a_person_may_have_several_accounts_and_addresses() {
    let project = read(&with_people(PEOPLE)).unwrap();
    let (alice, bob) = (PersonId::parse("alice").unwrap(), PersonId::parse("bob").unwrap());
    let identities = &project.identities;
    for address in ["Alice <alice@example.com>", "A. <ALICE@HOME.EXAMPLE>"] {
        assert_eq!(identities.by_address(address), Some(&alice), "{address}");
    }
    for nobody in ["alice", "alice@example.com", "Bob <bob@example.com>", "Eve <alice@example.com> <eve@example.com>"] {
        assert_eq!(identities.by_address(nobody), None, "{nobody}");
    }
    let admin = PersonId::parse("alice-admin").unwrap();
    assert_eq!(identities.principal(Principal::Human(admin.clone())), Principal::Human(alice.clone()));
    let agent = |sponsor| Principal::Agent { agent: "patch".parse().unwrap(), sponsor };
    assert_eq!(identities.principal(agent(admin.clone())), agent(alice.clone()));
    assert_eq!((identities.person(bob.clone()), identities.person(alice.clone())), (bob, alice));
    assert!(!project.people.contains_key(&admin), "an account is nobody of its own");
}

#[test]
fn an_account_or_address_belongs_to_one_person() {
    let people = "
    - name: alice
      emails: [a@example.com, A@example.com, alice]
      accounts: [alice, admin, bob]
    - name: bob
      emails:
        - b@example.com
        - A@EXAMPLE.com
      accounts: [admin]
    - {name: carol, emails: [not an@address, c@d@e, b@example.com]}
";
    finds(
        &with_people(people),
        &[
            "people.yaml:7: `A@example.com` is `alice` in line 7 already; write it once",
            "people.yaml:7: `alice` is no e-mail address; write it like `name@example.com`",
            "people.yaml:8: `alice` is `alice` in line 6 already; write it once",
            "people.yaml:8: `bob` is `bob` in line 9, and `alice` here; it belongs to one person: keep one of the two",
            "people.yaml:12: `A@EXAMPLE.com` is `alice` in line 7, and `bob` here; it belongs to one person: keep one of the two",
            "people.yaml:13: `admin` is `alice` in line 8, and `bob` here; it belongs to one person: keep one of the two",
            "people.yaml:14: `b@example.com` is `bob` in line 11, and `carol` here; it belongs to one person: keep one of the two",
            "people.yaml:14: `c@d@e` is no e-mail address; write it like `name@example.com`",
            "people.yaml:14: `not an@address` is no e-mail address; write it like `name@example.com`",
        ],
    );
}

#[test]
fn a_closed_incident_is_not_open() {
    let files = with(&[("incidents/INC-7.yaml", "closed: null", "closed: 2026-11-20T11:00:00Z")]);
    assert_eq!(read(&files).unwrap().incidents, []);
}

#[test]
fn a_request_comes_with_its_patch() {
    let (files, project) = (shop(), read(&shop()).unwrap());
    assert_eq!(request_names(&files), ["delivery-date"]);
    let request = load_request(&files, &project, "delivery-date").unwrap();
    assert_eq!(request.requested_by.as_str(), "alice");
    assert_eq!(request.changes[0].patch.as_deref(), Some("--- a/x\n+++ b/x\n"));
    assert_eq!(request.changes[0].contracts.iter().map(ContractId::as_str).collect::<Vec<_>>(), ["orders-http"]);
    assert_eq!(request.changes[1].patch, None);
    let missing = load_request(&files, &project, "delivery-dat").unwrap_err();
    assert_eq!(missing.to_string(), "requests: there is no feature request `delivery-dat`; did you mean `delivery-date`?");
    assert!(load_request(&files, &project, "../people").is_err());
}

#[test]
fn one_reading_tells_every_mistake() {
    let files = with(&[
        ("apps/web.yaml", "owner: bob", "owner: zoe"),
        ("apps/web.yaml", "lifecycle: path-ready", "lifecycle: ready"),
        ("apps/web.yaml", "dependsOn: [orders]", "dependsOn: [ordres, orders-http, Bad Name]"),
        ("apps/web.yaml", "rollback: revert", "rolback: revert"),
        ("apps/web.yaml", "checks: [health]", "checks: []"),
        ("apps/orders.yaml", "provides: [orders-http]", "provides: orders-http"),
        ("components/store.yaml", "type: key-value-store\n  owner", "owner"),
    ]);
    finds(
        &files,
        &[
            "apps/orders.yaml:11: `provides` cannot be read: invalid type: string \"orders-http\", expected a sequence; correct it",
            "apps/web.yaml:4: `rollback` is missing; say how it is undone: `revert` or `forward-only`",
            "apps/web.yaml:5: `owner` `zoe` is nobody in people.yaml; add them there, or name one of `alice`, `bob`",
            "apps/web.yaml:6: `lifecycle` cannot be read: unknown variant `ready`, expected one of `prototype`, `path-ready`, `production`; correct it",
            "apps/web.yaml:7: `dependsOn` cannot be read: `Bad Name` is not a app or component name: use 1 to 63 of a-z, 0-9 and `-`, and no `-` at either end; correct it",
            "apps/web.yaml:7: `dependsOn` names `orders-http`, which is a contract and no app or component; name one of `orders`, `web`, `store`",
            "apps/web.yaml:7: `dependsOn` names `ordres`, and there is no such app or component; did you mean `orders`?",
            "apps/web.yaml:9: there is no field `rolback` here; did you mean `rollback`?",
            "apps/web.yaml:10: `checks` is empty; name at least one post-deploy job, for example `health`",
            "components/store.yaml:4: `type` is missing; say what it is, for example `key-value-store`",
        ],
    );
}

#[test]
fn broken_files_are_told_and_names_in_them_still_count() {
    let files = with(&[
        ("apps/orders.yaml", "provides: [orders-http]", "provides: [orders-http"),
        ("components/store.yaml", "kind: Component", "kind: App"),
        ("contracts/orders-http.yaml", "kind: Contract", "kind: Contrat"),
        ("people.yaml", "kind: People\n", ""),
        ("policy.yaml", "metadata: {name: shop}\n", "metadata: {}\n"),
        ("project.yaml", "v1alpha1", "v2"),
        ("requests/delivery-date.yaml", "metadata: {name: delivery-date}", "metadata: {name: date}"),
    ]);
    let files = and(
        files,
        &[("apps/Big.yaml", "x"), ("apps/empty.yaml", " "), ("app/late.yaml", "apiVersion: pathops.dev/v1alpha1\nkind: App\n")],
    );
    finds(
        &files,
        &[
            "app/late.yaml: no document is read from here; move it to the folder of its kind, and let its name end in `.yaml`",
            "apps/Big.yaml: `Big` is not a app or component name: use 1 to 63 of a-z, 0-9 and `-`, and no `-` at either end; rename the file and what it declares",
            "apps/Big.yaml:1: invalid type: string \"x\", expected a mapping; correct it",
            "apps/empty.yaml:1: invalid type: unit value, expected a mapping; correct it",
            "apps/orders.yaml:12: this is not one YAML document: illegal placement of ':' indicator at line 12, column 11; correct the YAML",
            "components/store.yaml:2: this is of the kind App, and here is the place of the kind Component; move it, or correct `kind`",
            "contracts/orders-http.yaml:2: `kind` cannot be read: unknown variant `Contrat`, expected one of `Project`, `People`, `Policy`, `Retention`, `Redaction`, `App`, `Component`, `Contract`, `Incident`, `Stop`, `FeatureRequest`, `PolicyTest`; correct it",
            "people.yaml:1: `kind` is missing; write `kind: People`",
            "policy.yaml:3: `name` is missing; write `metadata: {name: ...}`",
            "project.yaml:1: `apiVersion` cannot be read: unknown variant `pathops.dev/v2`, expected `pathops.dev/v1alpha1`; correct it",
            "requests/delivery-date.yaml:3: the name `date` is not that of the file; write `name: delivery-date`, or rename the file",
        ],
    );
}

#[test]
fn missing_files_and_doubled_names_are_told() {
    let component = "apiVersion: pathops.dev/v1alpha1\nkind: Component\nmetadata: {name: web}\nspec: {type: x, owner: bob, lifecycle: path-ready, rollback: revert, checks: [health], checks: [a]}\n";
    let files = and(
        shop(),
        &[
            ("components/web.yaml", component),
            ("project.yaml", ""),
            ("policy.yaml", ""),
            ("contracts/orders-http.openapi.yaml", ""),
        ],
    );
    let files = and(files, &[("patches/delivery-date-orders.patch", "")]);
    finds(
        &files,
        &[
            "components/web.yaml: there is an app `web` too; give apps and components different names",
            "components/web.yaml:4: `checks` is there twice; keep one of them",
            "contracts/orders-http.yaml:4: there is no file `contracts/orders-http.openapi.yaml`; add it, or correct `definition`",
            "policy.yaml: there is no such file; add it, with a document of the kind Policy",
            "project.yaml: there is no such file; add it, with a document of the kind Project",
            "requests/delivery-date.yaml:13: there is no file `patches/delivery-date-orders.patch`; add it, or leave `patch` out for a person to do the work",
        ],
    );
}

#[test]
fn loops_are_told_by_the_shortest_one() {
    let files = with(&[
        ("components/store.yaml", "rollback:", "dependsOn: [web, orders]\n  rollback:"),
        ("apps/web.yaml", "dependsOn: [orders]", "dependsOn:\n    - orders\n    - store"),
    ]);
    finds(
        &files,
        &[
            "apps/orders.yaml:10: `orders` starts after `store`, which starts after `orders`: a loop; take out one `dependsOn` of it",
        ],
    );
}

#[test]
fn environments_are_one_of_each_kind_and_apart() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "{name: production, kind: production}",
            "{name: production, kind: production, branch: preflight}",
            &[
                "project.yaml:7: `production` follows the branch `preflight`, as `preflight` does; give each environment a branch of its own",
            ],
        ),
        (
            "{name: production, kind: production}",
            "{name: production, kind: preflight}",
            &[
                "project.yaml:6: 2 environments are of the kind preflight; keep one of each kind",
                "project.yaml:6: there is no environment of the kind production; declare a preflight, a production and an agents environment",
            ],
        ),
        (
            "namespace: robots",
            "namespace: shop-production",
            &[
                "project.yaml:8: `agents` is in the namespace `shop-production` of `local`, as `production` is; give each environment a namespace of its own",
            ],
        ),
        (
            "name: agents, kind: agents",
            "name: production, kind: agents",
            &["project.yaml:8: there are two environments `production`; give each a name of its own"],
        ),
    ];
    for (from, to, expected) in cases {
        finds(&with(&[("project.yaml", from, to)]), expected);
    }
}

#[test]
fn a_policy_that_cannot_work_is_told() {
    let files = with(&[
        ("policy.yaml", "covers: {kind: component}", "covers: {kind: component, units: [stor]}"),
        ("policy.yaml", "roles: [owner]", "roles: []"),
        ("policy.yaml", "count: 1, roles: [owner, reviewer]", "count: 2, roles: [owner, reviewer]"),
        ("policy.yaml", "Europe/Berlin", "Europe/Atlantis"),
        ("policy.yaml", "id: weekend", "id: store-approval"),
        ("people.yaml", ", roles: [reviewer]", ""),
    ]);
    finds(
        &files,
        &[
            "policy.yaml:9: `approval` asks for 2 approvals, and only 1 hold a role that counts; ask for fewer, or give more people a role",
            "policy.yaml:9: `approval` counts approvals of the role `reviewer`, which nobody holds; give somebody the role in people.yaml, or take `reviewer` out",
            "policy.yaml:10: `store-approval` names no role, so no approval counts; name `owner`, `reviewer` or both",
            "policy.yaml:12: `covers.units` names `stor`, and there is no such app or component; did you mean `store`?",
            "policy.yaml:14: the freeze window `store-approval` cannot be read: there is no time zone `Europe/Atlantis`; use an IANA name such as `Europe/Berlin`; correct it",
            "policy.yaml:14: two requirements of one layer are named `store-approval` (policy.yaml:10); give it a name of its own",
        ],
    );
}

#[test]
fn a_unit_that_no_requirement_covers_is_told() {
    finds(
        &with(&[("policy.yaml", "covers: {kind: component}", "covers: {kind: component, classes: [queue]}")]),
        &["components/store.yaml: no rule of policy.yaml covers `store`; cover it there; what no rule covers is never promoted"],
    );
}

#[test]
fn a_policy_that_cannot_be_read_tells_each_part() {
    let files = with(&[
        ("policy.yaml", "minPassed: 1", "minPassed: many"),
        ("policy.yaml", "deployment: {", "deploy: {"),
        ("policy.yaml", "count: 1", "count: 0"),
        ("policy.yaml", "preflightMerge", "preflightMarge"),
        ("policy.yaml", "      reason: owners answer for the store\n", ""),
    ]);
    finds(
        &files,
        &[
            "policy.yaml:5: there is no field `preflightMarge` here; did you mean `preflightMerge`?",
            "policy.yaml:7: invalid type: string \"many\", expected u32; correct it",
            "policy.yaml:8: unknown variant `deploy`, expected one of `evidence`, `tests`, `findings`, `sbom`, `deployment`, `health`, `soak`, `contracts`, `approvals`, `lifecycle`, `dependencies`, `incidents`, `stop-the-line`, `freeze`, `signal`, `policy`, `condition`; correct it",
            "policy.yaml:9: invalid value: integer `0`, expected a nonzero u32; correct it",
            "policy.yaml:10: missing field `reason`; correct it",
        ],
    );
    finds(
        &with(&[("policy.yaml", "preflightMerge: pathops", "preflightMerge: robots")]),
        &["policy.yaml:5: unknown variant `robots`, expected `pathops` or `people`; correct it"],
    );
}

#[test]
fn a_request_names_what_there_is() {
    let files = with(&[
        ("requests/delivery-date.yaml", "title: Show the delivery date at checkout", "title: \"\""),
        ("requests/delivery-date.yaml", "requestedBy: alice", "requestedBy: mallory"),
        (
            "requests/delivery-date.yaml",
            "unit: web, reason: it shows the date",
            "unit: orders-http, reason: it shows the date, contracts: [orders-htp]",
        ),
    ]);
    let files = and(
        files,
        &[(
            "requests/none.yaml",
            "apiVersion: pathops.dev/v1alpha1\nkind: FeatureRequest\nmetadata: {name: none}\nspec: {title: Nothing, requestedBy: bob, changes: []}\n",
        )],
    );
    let twice = "apiVersion: pathops.dev/v1alpha1\nkind: FeatureRequest\nmetadata: {name: twice}\nspec:\n  title: Twice\n  requestedBy: bob\n  changes:\n    - {unit: web, reason: a}\n    - {unit: web, reason: b, contracts: [orders-http]}\n";
    let files = and(files, &[("requests/twice.yaml", twice)]);
    finds(
        &files,
        &[
            "requests/delivery-date.yaml:5: `title` is empty; say in one line what is wanted",
            "requests/delivery-date.yaml:8: `requestedBy` `mallory` is nobody in people.yaml; add them there, or name one of `alice`, `bob`",
            "requests/delivery-date.yaml:14: `contracts` names `orders-htp`, and there is no such contract; did you mean `orders-http`?",
            "requests/delivery-date.yaml:14: `unit` names `orders-http`, which is a contract and no app or component; name one of `orders`, `web`, `store`",
            "requests/none.yaml:4: `changes` is empty; say which apps and components have to change",
            "requests/twice.yaml:9: `changes` names `web` twice; put what changes in it into one entry",
            "requests/twice.yaml:9: the contract `orders-http` is provided by `orders`, not by `web`; name it under the change of `orders`",
        ],
    );
}

#[test]
fn an_incident_says_when() {
    let files = with(&[
        ("incidents/INC-7.yaml", "unit: orders", "unit: order"),
        ("incidents/INC-7.yaml", "since: 2026-11-20T10:00:00Z", "since: yesterday"),
        ("incidents/INC-7.yaml", "summary: Orders are slow", "summary: \" \""),
    ]);
    finds(
        &files,
        &[
            "incidents/INC-7.yaml:5: `unit` names `order`, and there is no such app or component; did you mean `orders`?",
            "incidents/INC-7.yaml:6: `yesterday` is not an instant: write it in RFC 3339, for example `2026-11-22T12:00:00Z`; correct it",
            "incidents/INC-7.yaml:8: `summary` is empty; say what is wrong",
        ],
    );
    let files = with(&[("incidents/INC-7.yaml", "closed: null", "closed: 2026-11-20T09:00:00Z")]);
    finds(&files, &["incidents/INC-7.yaml:7: it is closed before it began; correct `since` or `closed`"]);
}

#[test]
fn a_stop_holds_until_somebody_lifts_it() {
    let stops = |files: &SourceTree| read(files).unwrap().stops;
    let told = stops(&shop());
    let [stop] = told.as_slice() else { panic!("not one stop: {told:?}") };
    let unit = stop.unit.as_ref().map(UnitId::as_str);
    assert_eq!((stop.id.as_str(), unit, stop.by.as_str()), ("STOP-1", Some("orders"), "bob"));
    assert_eq!((stop.reason.as_str(), stop.since.to_string()), ("Orders are charged twice", "2026-11-20T10:00:00Z".to_owned()));
    let everything = with(&[("stops/STOP-1.yaml", "  unit: orders\n", "")]);
    assert_eq!(stops(&everything)[0].unit, None);
    let lifted = with(&[("stops/STOP-1.yaml", "by: bob", "by: bob\n  liftedBy: alice")]);
    assert_eq!(stops(&lifted), []);
}

#[test]
fn a_stop_says_who_and_why() {
    let files = with(&[
        ("stops/STOP-1.yaml", "unit: orders", "unit: order"),
        ("stops/STOP-1.yaml", "  by: bob\n", ""),
        ("stops/STOP-1.yaml", "2026-11-20T10:00:00Z", "yesterday"),
        ("stops/STOP-1.yaml", "Orders are charged twice", "''"),
    ]);
    finds(
        &files,
        &[
            "stops/STOP-1.yaml:4: `by` is missing; name who stopped it",
            "stops/STOP-1.yaml:5: `unit` names `order`, and there is no such app or component; did you mean `orders`?",
            "stops/STOP-1.yaml:6: `yesterday` is not an instant: write it in RFC 3339, for example `2026-11-22T12:00:00Z`; correct it",
            "stops/STOP-1.yaml:7: `reason` is empty; say why the line is stopped",
        ],
    );
}

#[test]
fn a_stop_is_made_and_lifted_by_those_who_may() {
    const MAY_NOT: &str =
        "may not stop the line, or let it go on; let somebody do it who has the role, or change `permissions.stop` in the policy";
    let owners = ("policy.yaml", "  preflightMerge: pathops\n", "  preflightMerge: pathops\n  permissions: {stop: [owner]}\n");
    finds(&with(&[owners]), &[&format!("stops/STOP-1.yaml:6: `bob` {MAY_NOT}")]);
    let by_alice = ("stops/STOP-1.yaml", "by: bob", "by: alice");
    assert_eq!(read(&with(&[owners, by_alice])).unwrap().stops.len(), 1);
    let lifted = ("stops/STOP-1.yaml", "by: alice", "by: alice\n  liftedBy: bob");
    finds(&with(&[owners, by_alice, lifted]), &[&format!("stops/STOP-1.yaml:7: `bob` {MAY_NOT}")]);
    finds(&with(&[("stops/STOP-1.yaml", "by: bob", "by: mallory")]), &[&format!("stops/STOP-1.yaml:6: `mallory` {MAY_NOT}")]);
    finds(
        &with(&[("people.yaml", ", roles: [reviewer]", ""), ("policy.yaml", "[owner, reviewer]", "[owner]")]),
        &[&format!("stops/STOP-1.yaml:6: `bob` {MAY_NOT}")],
    );
}

#[test]
fn repositories_and_contracts_belong_to_one() {
    let files = with(&[
        ("apps/orders.yaml", "source: shop/orders-src", "source: shop/meta"),
        ("components/store.yaml", "infra/store", "shop/web-gitops"),
        ("apps/web.yaml", "consumes: [orders-http]", "provides: [orders-http, store]"),
    ]);
    finds(
        &files,
        &[
            "apps/orders.yaml:9: the repository `shop/meta` (`source`) belongs to the project as a whole already; give each app and component repositories of its own",
            "apps/web.yaml:8: `provides` names `store`, which is a component and no contract; name one of `orders-http`",
            "components/store.yaml:8: the repository `shop/web-gitops` (`desiredState`) belongs to `web` already; give each app and component repositories of its own",
            "contracts/orders-http.yaml: `orders`, `web` all provide `orders-http`; let one app provide it",
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read_or_explained(
        place in any::<prop::sample::Index>(),
        cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        paste in "[-a-z:\\[{},~&*#|\\n 0-9]{0,12}",
    ) {
        let (name, text) = SHOP[place.index(SHOP.len())];
        let (start, end) = (cut.0.index(text.len()), cut.1.index(text.len()));
        let text = format!("{}{paste}{}", &text[..start.min(end)], &text[start.max(end)..]);
        if let Err(findings) = read(&and(shop(), &[(name, &text)])) {
            prop_assert!(!findings.is_empty());
        }
    }
}

#[path = "project/change.rs"]
mod change;
#[path = "project/freezes.rs"]
mod freezes;
#[path = "project/redaction.rs"]
mod redaction;

#[path = "project/retention.rs"]
mod retention;
#[path = "project/strays.rs"]
mod strays;

#[cfg(feature = "schema")]
#[expect(clippy::indexing_slicing, reason = "tests")]
mod schemas {
    use std::path::Path;

    use pathops_core::evidence::predicate_schemas;
    use pathops_core::project::{format_schemas, schemas};
    use serde_json::{Value, json};

    /// A schema and a document of each kind, read by a YAML reader that knows nothing of ours.
    fn kinds() -> Vec<(Value, Value)> {
        let samples = super::SHOP.iter().filter(|(_, text)| text.contains("\nkind: "));
        let samples: Vec<Value> = samples.map(|(_, text)| serde_saphyr::from_str(text).unwrap()).collect();
        let sample = |schema: &Value| {
            let kind = &schema["properties"]["kind"]["const"];
            samples.iter().find(|sample| sample["kind"] == *kind).unwrap().clone()
        };
        schemas().into_iter().map(|(_, schema)| (schema.as_value().clone(), sample(schema.as_value()))).collect()
    }

    #[test]
    fn published_schemas_are_those_of_the_types() {
        for (kind, schema) in schemas().into_iter().chain(format_schemas()).chain(predicate_schemas()) {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{kind}.schema.json"));
            let published: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
            let mend = "run `cargo run -p pathops-core --features schema --example schemas`";
            assert!(published == *schema.as_value(), "{kind}.schema.json is not what the types give: {mend}");
        }
    }

    #[test]
    fn what_says_how_long_payloads_are_kept_and_that_they_are_gone_fits_its_schema() {
        let tombstone = json!({
            "reason": "erased",
            "authority": "request 17",
            "policy": format!("sha256:{}", "0".repeat(64)),
            "goneOn": "2026-05-03T00:00:00Z",
        });
        let policy =
            json!({"classes": {"logs": {"days": 90}}, "holds": {"case-17": {"reason": "subpoena", "classes": ["logs"]}}});
        for (name, value) in [("tombstone", tombstone), ("retentionpolicy", policy)] {
            let (_, schema) = format_schemas().into_iter().find(|(known, _)| *known == name).unwrap();
            let validator = jsonschema::validator_for(schema.as_value()).unwrap();
            let mut strange = value.clone();
            strange["surprise"] = json!(1);
            assert!(validator.is_valid(&value) && !validator.is_valid(&strange) && !validator.is_valid(&json!({})), "{name}");
        }
    }

    #[test]
    fn a_document_of_each_kind_fits_its_schema_and_a_wrong_one_does_not() {
        assert_eq!(kinds().len(), 12);
        for (schema, sample) in kinds() {
            let validator = jsonschema::validator_for(&schema).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&sample).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", sample["kind"]);
            let mut extra = sample.clone();
            extra["spec"]["surprise"] = json!(1);
            assert!(!validator.is_valid(&extra), "{}", sample["kind"]);
            // One layer of a policy need not say anything; that all of them together do is a check of its own.
            let parts: &[&str] = if sample["kind"] == "Policy" { &["metadata"] } else { &["metadata", "spec"] };
            for part in parts {
                let mut hollow = sample.clone();
                hollow[*part] = json!({});
                assert!(!validator.is_valid(&hollow), "{} {part}", sample["kind"]);
            }
        }
    }
}
