//! Redeeming consumes the grant.
use pathops_core::UnixMillis;
use pathops_core::policy::{GrantBinding, PromotionGrant};

fn twice(grant: PromotionGrant, now: &GrantBinding) {
    let _ = grant.redeem(now, UnixMillis(0));
    let _ = grant.redeem(now, UnixMillis(0));
}

fn main() {
    let _ = twice;
}
