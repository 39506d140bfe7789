//! Lifecycles: what leads from one state to the next, that nothing else does, and that a record is read as it was made.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends where its set-up does not hold")]

mod proofs;
mod random;
mod records;
#[path = "../policy/shop.rs"]
#[expect(dead_code, reason = "a shop for the tests of the policy, too")]
mod shop;
mod table;
mod world;
