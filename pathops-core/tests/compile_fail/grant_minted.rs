//! Only the evaluator mints.
use pathops_core::UnixMillis;
use pathops_core::policy::{GrantBinding, PromotionGrant};

fn minted(binding: GrantBinding) -> PromotionGrant {
    PromotionGrant::mint(binding, UnixMillis(0), 0)
}

fn main() {
    let _ = minted;
}
