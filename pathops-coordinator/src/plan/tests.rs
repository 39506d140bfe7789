use pathops_core::EnvironmentId;
use pathops_core::policy::{Languages, Policy};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget, Environments, Identities, UnitKind};
use proptest::prelude::*;

use super::*;

fn unit_id(name: &str) -> UnitId {
    UnitId::parse(name).unwrap()
}

fn contract(name: &str) -> ContractId {
    ContractId::parse(name).unwrap()
}

fn unit(name: &str) -> Unit {
    let repo = |suffix: &str| RepoId::parse(format!("shop/{name}-{suffix}")).unwrap();
    Unit {
        id: unit_id(name),
        kind: UnitKind::App { source: repo("src") },
        desired_state: repo("gitops"),
        intent: None,
        boundaries: None,
        owner: PersonId::parse("alice").unwrap(),
        lifecycle: Lifecycle::PathReady,
        class: None,
        depends_on: BTreeSet::new(),
        provides: BTreeSet::new(),
        consumes: BTreeSet::new(),
        rollback: Rollback::Revert,
        checks: BTreeSet::from([JobName::parse("health").unwrap()]),
    }
}

fn project(units: Vec<Unit>) -> Project {
    let target = |name: &str, kind| EnvironmentTarget::local(EnvironmentId::parse(name).unwrap(), kind);
    Project {
        id: ProjectId::parse("shop").unwrap(),
        meta_repo: RepoId::parse("shop/meta").unwrap(),
        environments: Environments {
            preflight: target("preflight", EnvironmentKind::Preflight),
            production: target("production", EnvironmentKind::Production),
            agents: target("agents", EnvironmentKind::Agents),
        },
        units: units.into_iter().map(|unit| (unit.id.clone(), unit)).collect(),
        contracts: BTreeMap::new(),
        people: BTreeMap::new(),
        identities: Identities::default(),
        incidents: Vec::new(),
        stops: Vec::new(),
        policy: Policy::new(Vec::new(), &Languages::none()).unwrap(),
        retention: None,
        redaction: None,
    }
}

fn change(name: &str, contracts: &[&str]) -> UnitChange {
    UnitChange {
        unit: unit_id(name),
        reason: format!("{name} must"),
        contracts: contracts.iter().map(|name| contract(name)).collect(),
        patch: None,
    }
}

fn request(changes: Vec<UnitChange>) -> FeatureRequest {
    FeatureRequest { title: "Show it".into(), text: "Please.\n".into(), requested_by: PersonId::parse("alice").unwrap(), changes }
}

fn planned(project: &Project, changes: Vec<UnitChange>) -> Result<ExecutionPlan, PlanError> {
    plan(project, &request(changes), ChangeSetId::parse("show-it-1").unwrap())
}

/// `web` starts after `proxy` after `orders` after `store`; `web` and `mail` rely on `orders-http`.
fn shop() -> Project {
    let mut orders = unit("orders");
    orders.depends_on.insert(unit_id("store"));
    orders.provides.insert(contract("orders-http"));
    let mut proxy = unit("proxy");
    proxy.depends_on.insert(unit_id("orders"));
    let mut web = unit("web");
    web.depends_on.insert(unit_id("proxy"));
    web.consumes.insert(contract("orders-http"));
    let mut mail = unit("mail");
    mail.consumes.insert(contract("orders-http"));
    let mut store = unit("store");
    store.kind = UnitKind::Component { component_type: "key-value-store".into() };
    store.rollback = Rollback::ForwardOnly;
    project(vec![orders, proxy, web, mail, store])
}

#[test]
fn a_plan_reads_as_a_text() {
    let plan = planned(&shop(), vec![change("web", &[]), change("orders", &["orders-http"]), change("store", &[])]).unwrap();
    let expected = "\
Show it (show-it-1 of shop, asked for by alice)

Touched:
- `mail` (stays as it is): it relies on `orders-http` of `orders`, which changes
- `orders`: orders must
- `store`: store must
- `web`: web must; it relies on `orders-http` of `orders`, which changes

Work:
- `orders` in shop/orders-src: to be written
- `store` in shop/store-gitops: to be written
- `web` in shop/web-src: to be written

Deploy order:
1. `store`
   - waits for `health` of `store`
2. `orders`
   - `orders` after `store`: it starts after it
   - waits for `health` of `orders`
3. `web`
   - `web` after `orders`: it starts after it, by way of `proxy`
   - `web` after `orders`: the contract `orders-http` changes
   - waits for `health` of `web`

Way back:
1. `web`
2. `orders`
3. `store`
It cannot be undone for `store`: a fix has to follow.
";
    assert_eq!(render(&plan), expected);
    assert_eq!(plan.tasks[0].objective, "Show it\n\nPlease.\n\nIn `orders`: orders must");
    assert_eq!(check_plan(&shop(), &plan), Vec::<String>::new());
    let stored = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<ExecutionPlan>(&stored).unwrap(), plan);
}

#[test]
fn relying_on_a_contract_orders_only_when_it_changes() {
    let waves = |contracts: &[&str]| {
        let plan = planned(&shop(), vec![change("mail", &[]), change("orders", contracts)]).unwrap();
        plan.waves.into_iter().map(|wave| wave.units).collect::<Vec<_>>()
    };
    assert_eq!(waves(&[]), [vec![unit_id("mail"), unit_id("orders")]]);
    assert_eq!(waves(&["orders-http"]), [vec![unit_id("orders")], vec![unit_id("mail")]]);
}

#[test]
fn what_cannot_be_planned_is_said() {
    let mut shop = shop();
    shop.units.get_mut(&unit_id("mail")).unwrap().lifecycle = Lifecycle::Prototype;
    let cases: [(Vec<UnitChange>, &str); 5] = [
        (vec![], "the request names no app or component that changes"),
        (vec![change("shop", &[])], "`shop` is no app or component of the project"),
        (vec![change("web", &[]), change("web", &[])], "the request names `web` twice; put what changes in it into one entry"),
        (
            vec![change("web", &["orders-http"])],
            "`web` does not provide the contract `orders-http`; name the contract under the unit that does",
        ),
        (vec![change("mail", &[])], "`mail` is a prototype, and those may not be deployed; declare it path-ready first"),
    ];
    for (changes, expected) in cases {
        assert_eq!(planned(&shop, changes).unwrap_err().to_string(), expected);
    }
}

#[test]
fn units_that_need_each_other_first_are_named_with_the_reasons() {
    let mut shop = shop();
    shop.units.get_mut(&unit_id("orders")).unwrap().consumes.insert(contract("web-http"));
    shop.units.get_mut(&unit_id("web")).unwrap().provides.insert(contract("web-http"));
    let error = planned(&shop, vec![change("web", &["web-http"]), change("orders", &[])]).unwrap_err();
    let expected = "there is no deploy order: `orders` waits for `web` (the contract `web-http` changes), which waits for `orders` \
                    (it starts after it, by way of `proxy`)";
    assert_eq!(error.to_string(), expected);
}

/// Units `u0`…, each starting after some before it; `u<n>` provides `c<n>`; anybody may rely on any contract.
fn any_project() -> impl Strategy<Value = Project> {
    let links = proptest::collection::vec((0_usize..12, 0_usize..12), 0..20);
    (links.clone(), links, proptest::collection::vec(any::<(bool, bool)>(), 12)).prop_map(|(starts, relies, flags)| {
        let mut units: Vec<Unit> = (0..12).map(|index| unit(&format!("u{index}"))).collect();
        for (index, (unit, (component, forward_only))) in units.iter_mut().zip(flags).enumerate() {
            unit.provides.insert(contract(&format!("c{index}")));
            if component {
                unit.kind = UnitKind::Component { component_type: "x".into() };
            }
            if forward_only {
                unit.rollback = Rollback::ForwardOnly;
            }
        }
        for (a, b) in starts.into_iter().filter(|(a, b)| a != b) {
            units[a.max(b)].depends_on.insert(unit_id(&format!("u{}", a.min(b))));
        }
        for (a, b) in relies {
            units[a].consumes.insert(contract(&format!("c{b}")));
        }
        project(units)
    })
}

fn any_changes() -> impl Strategy<Value = Vec<UnitChange>> {
    proptest::collection::btree_map(0_usize..12, any::<bool>(), 1..12).prop_map(|units| {
        let change = |(index, contracts): (usize, bool)| {
            let own = format!("c{index}");
            change(
                &format!("u{index}"),
                if contracts { std::slice::from_ref(&own) } else { &[] }
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .as_slice(),
            )
        };
        units.into_iter().map(change).collect()
    })
}

proptest! {
    #[test]
    fn every_plan_passes_the_check_and_every_loop_is_one(project in any_project(), changes in any_changes()) {
        match planned(&project, changes.clone()) {
            Ok(plan) => prop_assert_eq!(check_plan(&project, &plan), Vec::<String>::new()),
            Err(PlanError::Cycle(cycle)) => {
                let ends = cycle.edges.iter().cycle().skip(1);
                for (edge, next) in cycle.edges.iter().zip(ends) {
                    prop_assert_eq!(&edge.to, &next.from);
                    let from = &project.units[&edge.from];
                    match &edge.because {
                        Because::ContractChanges { contract } => {
                            prop_assert!(from.consumes.contains(contract));
                            prop_assert!(changes.iter().any(|change| change.unit == edge.to && change.contracts.contains(contract)));
                        }
                        Because::Starts { by_way_of } => {
                            let way: Vec<&UnitId> = by_way_of.iter().chain([&edge.to]).collect();
                            let mut at = from;
                            for next in way {
                                prop_assert!(at.depends_on.contains(next));
                                at = &project.units[next];
                            }
                        }
                    }
                }
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn a_spoilt_plan_does_not_pass(project in any_project(), changes in any_changes(), choice in any::<prop::sample::Index>()) {
        let Ok(plan) = planned(&project, changes) else { return Ok(()) };
        let mut spoilt = plan.clone();
        match choice.index(8) {
            0 => spoilt.rollback.push(vec![unit_id("u0")]),
            1 => drop(spoilt.tasks.pop()),
            2 => drop(spoilt.impacted.pop()),
            3 => drop(spoilt.waves.pop()),
            4 => spoilt.waves[0].waits_for.clear(),
            5 => spoilt.impacted[0].unchanged ^= true,
            6 => spoilt.waves.insert(0, Wave { units: vec![], waits_for: BTreeMap::new() }),
            _ if plan.waves.len() > 1 => {
                spoilt.waves.reverse();
                spoilt.rollback.reverse();
            }
            _ => spoilt.tasks[0].repository = RepoId::parse("some/where").unwrap(),
        }
        prop_assert_ne!(check_plan(&project, &spoilt), Vec::<String>::new());
    }
}
