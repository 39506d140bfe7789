//! What stands in a record is data; nobody else makes a proof of it.
use pathops_core::lifecycle::{Granted, HumanDecision, Proven};

fn granted(it: Granted) -> Proven<Granted> {
    Proven(it)
}

fn decided(it: HumanDecision) -> Proven<HumanDecision> {
    Proven::checked(it)
}

fn main() {
    let _ = (granted, decided);
}
