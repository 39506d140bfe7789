//! A grant is held against facts that were verified, and never against what it says itself.
use pathops_core::UnixMillis;
use pathops_core::policy::{Facts, HypotheticalFacts, Policy, PromotionGrant};

fn by_itself(grant: PromotionGrant, policy: &Policy) {
    let now = grant.binding().clone();
    let _ = grant.redeem(policy, &now, UnixMillis(0));
}

fn by_a_wish(grant: PromotionGrant, policy: &Policy, facts: Facts) {
    let _ = grant.redeem(policy, &HypotheticalFacts::from(facts), UnixMillis(0));
}

fn main() {
    let _ = (by_itself, by_a_wish);
}
