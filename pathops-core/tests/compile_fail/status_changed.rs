//! A status stays what it was made as.
use pathops_core::adapter::CheckState;
use pathops_core::policy::CommitStatus;

fn changed(mut status: CommitStatus) -> CommitStatus {
    status.state = CheckState::Success;
    status
}

fn main() {
    let _ = changed;
}
