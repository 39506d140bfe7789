//! A success of the promotion status has no constructor.
use pathops_core::CommitId;
use pathops_core::adapter::CheckState;
use pathops_core::policy::{CommitStatus, PROMOTION_CONTEXT};

fn success(commit: CommitId) -> CommitStatus {
    CommitStatus {
        commit,
        context: PROMOTION_CONTEXT.parse().unwrap(),
        state: CheckState::Success,
        description: String::new(),
        grant: None,
    }
}

fn main() {
    let _ = success;
}
