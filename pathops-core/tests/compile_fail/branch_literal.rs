//! A branch that PathOps may merge into comes from a preflight environment, and from nowhere else.
use pathops_core::BranchName;
use pathops_core::adapter::MergeableBranch;
use serde::de::DeserializeOwned;

fn made(production: BranchName) -> MergeableBranch {
    MergeableBranch(production)
}

fn read_back<T: DeserializeOwned>() {}

fn main() {
    let _ = made;
    read_back::<MergeableBranch>();
}
