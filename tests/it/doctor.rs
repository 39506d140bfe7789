//! What protects the branches of a project, compared with what its policy needs.

use std::sync::Arc;

use pathops_coordinator::Finding;
use pathops_core::StatusContext;
use pathops_core::adapter::BranchProtection;
use pathops_core::memory::{Fault, Faults, MemoryJournal, When};
use pathops_core::policy::PROMOTION_CONTEXT;

use crate::world::{World, branch, repo};

fn rules(checks: &[&str], required_approvals: u32) -> BranchProtection {
    BranchProtection {
        required_checks: checks.iter().map(|check| check.parse::<StatusContext>().unwrap()).collect(),
        required_approvals,
        merge_queue: false,
    }
}

fn found(world: &World) -> Vec<Finding> {
    world.pass(world.plane().doctor()).unwrap()
}

#[test]
fn a_branch_that_binds_less_or_more_than_the_policy_is_told() {
    let world = World::new(MemoryJournal::new());
    let protect = |name: &str, of: &str, rules| world.forge.protect(&repo(name), &branch(of), rules).unwrap();
    let unguarded = |name: &str, of: &str, status: &str| Finding::Unguarded {
        repo: repo(name),
        branch: branch(of),
        status: status.parse().unwrap(),
    };
    assert_eq!(found(&world), [unguarded("shop/meta", "main", "pathops/policy")], "the others are as they should be");
    protect("shop/meta", "main", rules(&["pathops/policy"], 0));
    assert_eq!(found(&world), []);

    protect("shop/orders-gitops", "production", rules(&["ci/build"], 9));
    protect("shop/store-gitops", "preflight", rules(&[], 2));
    let told = found(&world);
    let texts: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told[0], unguarded("shop/orders-gitops", "production", PROMOTION_CONTEXT), "{texts:?}");
    assert!(told[0].is_grave() && texts[0].contains("let its protection require that status"), "{texts:?}");
    assert!(matches!(&told[1], Finding::MoreApprovals { asked: 9, policy: 1, .. }) && !told[1].is_grave(), "{texts:?}");
    assert!(matches!(&told[2], Finding::WaitsForPeople { asked: 2, .. }), "{texts:?}");
    assert_eq!(told.len(), 3);
}

/// PathOps vouches for heads that people approved, and a queue merges commits of its own.
#[test]
fn a_merge_queue_before_a_status_of_pathops_is_told() {
    let world = World::new(MemoryJournal::new());
    let queued = [("shop/orders-gitops", "production"), ("shop/meta", "main"), ("shop/orders-gitops", "preflight")];
    for (name, of) in queued {
        let rules = BranchProtection { merge_queue: true, ..rules(&[PROMOTION_CONTEXT, "pathops/policy"], 0) };
        world.forge.protect(&repo(name), &branch(of), rules).unwrap();
    }
    let told = found(&world);
    let finding = |(name, of)| Finding::Queued { repo: repo(name), branch: branch(of) };
    assert_eq!(told, [finding(queued[1]), finding(queued[0])], "preflight waits for no status");
    assert!(told.iter().all(|it| !it.is_grave() && it.to_string().contains("merge queue")), "{told:?}");
}

/// What cannot be read of one branch keeps nobody from hearing of the others.
#[test]
fn what_cannot_be_read_is_told() {
    let world = World::new(MemoryJournal::new());
    let of_orders = When::Repo(|repo| repo.as_str() == "shop/orders-gitops");
    let faults = Faults::new(1, Arc::new(world.clock.clone())).with(Fault::Refuse, of_orders);
    let told = found(&world.through(&Arc::new(faults)));
    let unseen =
        |it: &&Finding| matches!(it, Finding::Unseen { repo, .. } if repo.as_str() == "shop/orders-gitops") && it.is_grave();
    assert_eq!((told.len(), told.iter().filter(unseen).count()), (3, 2), "{told:?}");
}
