//! The conformance kit on the local forge.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::local_forge::{ForgeConfig, LocalForge};
use pathops_core::adapter::{BranchProtection, ReviewState, ScmCapabilities, SourceFile, SourceTree};
use pathops_core::conformance::merge::{self, MergeFixture, MergeWorld};
use pathops_core::conformance::scm::{self, People, ScmFixture, ScmWorld};
use pathops_core::memory::ManualClock;
use pathops_core::{BranchName, CommitId, PersonId, Principal, PullRequestNumber, RepoId, Result, UnixMillis};

struct Folder;

/// A forge in a new folder, and the same one opened again.
async fn forges() -> (LocalForge, LocalForge, ScmWorld) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(UnixMillis(1_795_348_800_000)));
    let open = || LocalForge::open(ForgeConfig { root: folder.path().to_owned() }, clock.clone()).unwrap();
    let (forge, restarted) = (open(), open());
    let repo: RepoId = "shop/web-gitops".parse().unwrap();
    let main: BranchName = "main".parse().unwrap();
    let file = |text: &str| SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    let files = [("README.md", "Read me.\n"), ("src/a.txt", "a\n")].map(|(path, text)| (path.parse().unwrap(), file(text)));
    let branches = [(main.clone(), SourceTree::from(files))];
    forge.create_repository(&repo, &main, &branches, "Begin", &Principal::System).await.unwrap();
    let world = ScmWorld {
        scm: forge.scm(Principal::System),
        restarted: restarted.scm(Principal::System),
        people: Arc::new(ForgePeople(forge.clone())),
        repo,
        missing: "shop/none".parse().unwrap(),
        guard: Box::new(folder),
    };
    (forge, restarted, world)
}

#[async_trait]
impl ScmFixture for Folder {
    async fn fresh(&self) -> ScmWorld {
        forges().await.2
    }
}

#[async_trait]
impl MergeFixture for Folder {
    async fn fresh(&self) -> MergeWorld {
        let (forge, restarted, host) = forges().await;
        MergeWorld { merge: forge.merger(Principal::System), restarted: restarted.merger(Principal::System), host }
    }
}

#[derive(Debug)]
struct ForgePeople(LocalForge);

#[async_trait]
impl People for ForgePeople {
    fn names(&self) -> [PersonId; 2] {
        ["alice", "bob"].map(|name| name.parse().unwrap())
    }

    async fn review(
        &self,
        who: &PersonId,
        repo: &RepoId,
        number: PullRequestNumber,
        commit: &CommitId,
        state: ReviewState,
    ) -> Result<()> {
        self.0.person(who.clone()).review(repo, number, state, commit, "").await
    }

    async fn comment(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, body: &str) -> Result<()> {
        self.0.person(who.clone()).comment(repo, number, body).await
    }

    async fn merge(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, head: &CommitId) -> Result<CommitId> {
        self.0.person(who.clone()).merge(repo, number, head).await
    }

    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.0.protect(repo, branch, rules).await
    }
}

fn main() -> ExitCode {
    let mut capabilities = ScmCapabilities::default();
    capabilities.check_runs = true;
    capabilities.branch_protection = true;
    capabilities.events = true;
    capabilities.reviewers = true;
    (capabilities.drafts, capabilities.labels, capabilities.assignees) = (true, true, true);
    capabilities.code_owners = true;
    capabilities.title_max_chars = Some(200);
    let mut trials = scm::trials(Arc::new(Folder), capabilities);
    trials.extend(merge::trials(Arc::new(Folder)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
