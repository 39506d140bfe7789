//! A grant is no data: it is neither written nor read back.
use pathops_core::policy::PromotionGrant;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn written<T: Serialize>() {}
fn read_back<T: DeserializeOwned>() {}

fn main() {
    written::<PromotionGrant>();
    read_back::<PromotionGrant>();
}
