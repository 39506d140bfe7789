//! A proof is not read back, whatever it proves.
use pathops_core::lifecycle::{Change, Decided, Failure, Granted, HumanDecision, Preflight, Promotion, Proven, Reported};
use serde::de::DeserializeOwned;

fn read_back<T: DeserializeOwned>() {}

fn main() {
    read_back::<Granted>();
    read_back::<Proven<Preflight>>();
    read_back::<Proven<Decided>>();
    read_back::<Proven<Granted>>();
    read_back::<Proven<Promotion>>();
    read_back::<Proven<Failure>>();
    read_back::<Proven<HumanDecision>>();
    read_back::<Proven<Change>>();
    read_back::<Proven<Reported>>();
}
