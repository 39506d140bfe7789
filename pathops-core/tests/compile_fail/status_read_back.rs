//! A status is no data: it is not read from somewhere, and not copied.
use pathops_core::policy::CommitStatus;
use serde::de::DeserializeOwned;

fn read_back<T: DeserializeOwned>() {}
fn copies<T: Clone>() {}

fn main() {
    read_back::<CommitStatus>();
    copies::<CommitStatus>();
}
