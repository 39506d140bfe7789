//! A grant is used once, so there is no second one.
use pathops_core::policy::PromotionGrant;

fn two(grant: &PromotionGrant) -> PromotionGrant {
    grant.clone()
}

fn copies<T: Clone>() {}

fn main() {
    let _ = two;
    copies::<PromotionGrant>();
}
