//! Nobody writes a grant down.
use pathops_core::UnixMillis;
use pathops_core::policy::{GrantBinding, GrantId, PromotionGrant};

fn made(binding: GrantBinding, id: GrantId) -> PromotionGrant {
    PromotionGrant { binding, id, minted_at: UnixMillis(0) }
}

fn main() {
    let _ = made;
}
