//! Redeeming consumes the grant.
use pathops_core::UnixMillis;
use pathops_core::policy::{Policy, PromotionGrant, VerifiedFacts};

fn twice(grant: PromotionGrant, policy: &Policy, facts: &VerifiedFacts) {
    let _ = grant.redeem(policy, facts, UnixMillis(0));
    let _ = grant.redeem(policy, facts, UnixMillis(0));
}

fn main() {
    let _ = twice;
}
