//! Changes of the meta repository, before people merge them: what they ask for less, and who they are by.

use pathops_coordinator::POLICY_CONTEXT;
use pathops_core::adapter::*;
use pathops_core::memory::MemoryJournal;

use crate::governance::{declare, file, policy, propose_policy, status};
use crate::world::{World, wait};

const CAREFUL: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: careful}\nspec:\n  layer: {class: careful}\n  requirements:\n    - {id: second-look, reason: it is about money, asks: {soak: {seconds: 60, maxGapSeconds: 60, accept: {maxAgeSeconds: 600}}}}\n";

/// The rules of a class say what they said, and would not be for the app any more.
#[test]
fn an_app_does_not_leave_the_rules_of_its_class_by_its_own_file() {
    let world = World::new(MemoryJournal::new());
    let orders = file(&world, "apps/orders.yaml").unwrap();
    let careful = orders.replace("  lifecycle:", "  class: careful\n  lifecycle:");
    declare(&world, "main", "policies/careful.yaml", CAREFUL);
    declare(&world, "main", "apps/orders.yaml", &careful);

    let dropped = propose_policy(&world, "dropped", &policy(&world));
    declare(&world, "dropped", "apps/orders.yaml", &orders);
    let change = wait(world.plane().check_policy_change(dropped.number)).unwrap();
    let expected =
        "declared so, `orders` is not held to `second-look` as before (policies/careful.yaml:7): it is not asked for any more";
    assert!(change.failures.iter().any(|it| it.starts_with("apps/orders.yaml:") && it.contains(expected)), "{change:?}");
    let head = PullRequest { head: change.head, ..dropped };
    assert_eq!(status(&world, "shop/meta", &head, POLICY_CONTEXT), Some(CheckState::Failure));

    // A rule that asks for less is in the text that people read, and is told beside.
    let looser = propose_policy(&world, "looser", &policy(&world));
    declare(&world, "looser", "policies/careful.yaml", &CAREFUL.replace("seconds: 60,", "seconds: 30,"));
    let change = wait(world.plane().check_policy_change(looser.number)).unwrap();
    assert_eq!(change.failures, [""; 0]);
    let expected = "policies/careful.yaml:7: `second-look` asks for less than before: a shorter time is enough (for orders)";
    assert!(change.warnings.iter().any(|it| it.starts_with(expected)), "{change:?}");
}
