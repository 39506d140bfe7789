//! Posting consumes the status.
use pathops_core::adapter::Scm;
use pathops_core::policy::CommitStatus;
use pathops_core::{OpContext, RepoId};

async fn twice(scm: &dyn Scm, cx: &OpContext, repo: &RepoId, status: CommitStatus) {
    let _ = scm.post_status(cx, repo, status).await;
    let _ = scm.post_status(cx, repo, status).await;
}

fn main() {
    let _ = twice;
}
