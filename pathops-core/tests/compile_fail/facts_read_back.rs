//! Verified facts are verified anew, not read from somewhere.
use pathops_core::evidence::VerifiedEvidence;
use pathops_core::policy::VerifiedFacts;
use serde::de::DeserializeOwned;

fn read_back<T: DeserializeOwned>() {}

fn main() {
    read_back::<VerifiedFacts>();
    read_back::<VerifiedEvidence>();
}
