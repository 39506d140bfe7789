use std::fmt::{self, Debug};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::adapter::{FileChange, NewPullRequest, Owners, PullRequest, PullRequestUpdate, SourceTree};
use crate::error::Result;
use crate::id::{BranchName, CommitId, PullRequestNumber, RepoId, RepoPath, StatusContext, TreeId};
use crate::op::OpContext;
use crate::policy::{CommitStatus, GrantRequired, PROMOTION_CONTEXT};
use crate::principal::Principal;
use crate::time::UnixMillis;

/// What a Git host can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScmCapabilities {
    /// It has check runs beside commit statuses ([`Scm::report_check`]).
    pub check_runs: bool,
    /// It can say what protects a branch ([`Scm::protection`]).
    pub branch_protection: bool,
    /// It keeps a feed of events ([`Scm::events`]).
    pub events: bool,
    /// People can be asked for a review ([`NewPullRequest::reviewers`], [`PullRequestUpdate::reviewers`]).
    pub reviewers: bool,
    /// Teams can be asked for a review ([`PullRequestMeta::teams`](crate::adapter::PullRequestMeta::teams)).
    pub team_reviewers: bool,
    /// A pull request can be a draft, which nobody can merge ([`PullRequestMeta::draft`](crate::adapter::PullRequestMeta::draft)).
    pub drafts: bool,
    /// Pull requests bear labels ([`PullRequestMeta::labels`](crate::adapter::PullRequestMeta::labels)).
    pub labels: bool,
    /// People can be assigned to a pull request ([`PullRequestMeta::assignees`](crate::adapter::PullRequestMeta::assignees)).
    pub assignees: bool,
    /// It says who owns files ([`Scm::code_owners`]).
    pub code_owners: bool,
    /// Longest title of a pull request, in Unicode scalar values. A longer one is refused as `Invalid`. That of a draft may be shorter, by
    /// the mark that the host knows it by.
    pub title_max_chars: Option<usize>,
    /// How titles begin by which the host knows drafts, in lower case. A title that begins so, in any letter case, is refused as `Invalid`.
    pub draft_marks: &'static [&'static str],
}

impl ScmCapabilities {
    /// By which mark the host would take a pull request with this title for a draft.
    ///
    /// ```
    /// use pathops_core::adapter::ScmCapabilities;
    ///
    /// let mut offered = ScmCapabilities::default();
    /// assert_eq!(offered.draft_mark("Draft: the law"), None, "this host has no such marks");
    /// offered.draft_marks = &["draft:"];
    /// assert_eq!(offered.draft_mark("Draft: the law"), Some("draft:"));
    /// assert_eq!(offered.draft_mark("Drafty"), None);
    /// ```
    #[must_use]
    pub fn draft_mark(&self, title: &str) -> Option<&'static str> {
        let title = title.trim_start();
        let begins = |mark: &&str| title.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
        self.draft_marks.iter().copied().find(begins)
    }
}

/// A commit, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// The tree it holds.
    pub tree: TreeId,
    /// Its parents, first parent first.
    pub parents: Vec<CommitId>,
    /// The whole message, with trailers.
    pub message: String,
    /// Who wrote it, as Git has it: `Name <address>`. Anybody can write any name there.
    pub author: String,
    /// Everybody who had a part in it: the author first, then each co-author that the message names
    /// ([`co_authors`](crate::adapter::co_authors)), as they come.
    pub authors: Vec<CommitAuthor>,
    /// When.
    pub at: UnixMillis,
}

/// One of those who had a part in a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitAuthor {
    /// As Git has it: `Name <address>`, or whatever a `Co-authored-by:` says.
    pub name: String,
    /// Who the host knows by that address; a name alone says nothing. `None` where it knows nobody, or there is no
    /// address: then nobody can tell who had a part in the commit.
    pub principal: Option<Principal>,
}

/// A commit to be made on a branch: all of it or nothing.
///
/// The same request makes the same commit id, so making it again is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommit {
    /// The branch.
    pub branch: BranchName,
    /// The head that the caller has seen.
    pub expected_head: CommitId,
    /// The message, with trailers.
    pub message: String,
    /// Who it is by.
    pub author: Principal,
    /// Its date.
    pub at: UnixMillis,
    /// What changes. Nothing: an empty commit.
    pub changes: Vec<FileChange>,
}

/// What a reviewer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ReviewState {
    /// Yes, to that commit.
    Approved,
    /// No, until something changes.
    ChangesRequested,
    /// Neither.
    Commented,
    /// Taken back.
    Dismissed,
}

/// A review, bound to the commit that was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Review {
    /// Who.
    pub author: Principal,
    /// What they said.
    pub state: ReviewState,
    /// The head commit they looked at.
    pub commit: CommitId,
    /// When.
    pub at: UnixMillis,
    /// Their words.
    pub body: String,
}

/// A comment on a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its number on that pull request.
    pub id: u64,
    /// Who wrote it.
    pub author: Principal,
    /// Markdown.
    pub body: String,
}

/// What a check or status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// Not ended.
    Pending,
    /// Good.
    Success,
    /// Not good.
    Failure,
    /// Could not tell.
    Error,
}

impl fmt::Display for CheckState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CheckState::Pending => "pending",
            CheckState::Success => "success",
            CheckState::Failure => "failure",
            CheckState::Error => "error",
        })
    }
}

/// Which of a host's mechanisms a [`Check`] came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckSource {
    /// A commit status.
    Status,
    /// A check run.
    CheckRun,
}

/// A check or status of a commit, read. Of several with one name and source, only the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name: a status context such as `pathops/promotion`, or a check's name.
    pub name: String,
    /// Where it comes from.
    pub source: CheckSource,
    /// What it says.
    pub state: CheckState,
    /// For people.
    pub description: String,
    /// Who reported it.
    pub by: Principal,
}

/// A check run to be reported.
///
/// It cannot stand in for the promotion status, which hosts would take for the same (I1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheck {
    commit: CommitId,
    name: String,
    state: CheckState,
    summary: String,
}

impl NewCheck {
    /// A check run of `commit` called `name` (for example `ci/build`), with a summary for people in Markdown.
    ///
    /// # Errors
    /// [`GrantRequired`] for the name of the promotion status, in any letter case.
    pub fn new(
        commit: CommitId,
        name: impl Into<String>,
        state: CheckState,
        summary: impl Into<String>,
    ) -> Result<Self, GrantRequired> {
        let name = name.into();
        if name.trim().eq_ignore_ascii_case(PROMOTION_CONTEXT) {
            return Err(GrantRequired);
        }
        Ok(Self { commit, name, state, summary: summary.into() })
    }

    /// The commit it is about.
    #[must_use]
    pub fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says.
    #[must_use]
    pub fn state(&self) -> CheckState {
        self.state
    }

    /// For people.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }
}

/// What a branch asks of a pull request before it may be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchProtection {
    /// Statuses or checks that must be a success on the head commit.
    pub required_checks: Vec<StatusContext>,
    /// How many people other than the author must have approved the head commit.
    pub required_approvals: u32,
    /// Whether it is merged into by a queue that asks the required checks of commits of its own making, too, as far as the host tells.
    /// GitHub tells of queues that rulesets ask for, and not of one that the older protection of a branch has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge_queue: bool,
}

/// How two commits differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Where they parted, if they have anything in common.
    pub merge_base: Option<CommitId>,
    /// Commits that only the second one has.
    pub ahead: u64,
    /// Commits that only the first one has.
    pub behind: u64,
    /// Files that differ between the merge base and the second one, sorted.
    pub files: Vec<RepoPath>,
}

/// A place in the feed of events. The first is the default one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventCursor(pub u64);

/// Something that happened on the Git host. A hint: read the truth back (I7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScmEvent {
    /// Its place in the feed.
    pub cursor: EventCursor,
    /// The repository.
    pub repo: RepoId,
    /// What.
    pub kind: ScmEventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScmEventKind {
    /// A branch points to another commit.
    Pushed(BranchName),
    /// A pull request was opened, edited, reviewed, commented, closed or merged.
    PullRequest(PullRequestNumber),
    /// A status or check of a commit changed.
    Check(CommitId),
}

/// A Git host: branches, commits, pull requests, reviews, statuses.
///
/// It cannot merge and it cannot approve: there is no method for it (I2). People do that, and
/// [`Merge`](crate::adapter::Merge) where policy lets PathOps merge.
///
/// Every method fails with `NotFound` for an unknown repository, and with `Denied`, `RateLimited`, `Unavailable` or
/// `Timeout` as the host answers; the methods list what is special to them. A number or commit that the repository
/// does not have is `NotFound` as well.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Scm: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `local-forge`.
    fn name(&self) -> &'static str;

    /// What this host offers.
    fn capabilities(&self) -> ScmCapabilities;

    /// The commit that `branch` points to, or `None` where there is no such branch.
    ///
    /// # Errors
    /// See the trait.
    async fn branch_head(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<Option<CommitId>>;

    /// Makes a branch at a commit. A branch that is there already and points to that commit is no error.
    ///
    /// # Errors
    /// `AlreadyExists` where it points elsewhere.
    async fn create_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, at: &CommitId) -> Result<()>;

    /// Deletes a branch if it still points to `expected`. One that is gone is no error. Pull requests from it stay.
    ///
    /// # Errors
    /// `Conflict` where it points elsewhere; `Denied` where it is protected.
    async fn delete_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, expected: &CommitId) -> Result<()>;

    /// Makes a commit on a branch, atomically. The same request again returns the same id, as long as the branch
    /// still contains that commit.
    ///
    /// # Errors
    /// `Conflict` where the head is not the expected one: nothing is changed; `Denied` where the branch is protected;
    /// `Invalid` where a file to delete does not exist.
    async fn commit(&self, cx: &OpContext, repo: &RepoId, new: &NewCommit) -> Result<CommitId>;

    /// A commit by its id.
    ///
    /// # Errors
    /// See the trait.
    async fn read_commit(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Commit>;

    /// The commits that are reachable from `head`, over every parent of every merge, and not from `base`; without a
    /// `base` all of them. Each comes before its parents, newer ones first where that leaves a choice.
    ///
    /// # Errors
    /// `Invalid` where there are more than `limit`: nobody gets half an answer.
    async fn log<'a>(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        base: Option<&'a CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>>;

    /// A file's bytes at a commit, or `None` where there is no such file.
    ///
    /// # Errors
    /// See the trait.
    async fn read_file(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>>;

    /// The tree of a folder at a commit, or `None` where there is no such folder. The root gives the commit's own tree.
    ///
    /// # Errors
    /// See the trait.
    async fn tree_at(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>>;

    /// All files of a folder at a commit, with their paths from the root of the repository. Symbolic links and
    /// submodules are left out.
    ///
    /// # Errors
    /// `Invalid` where they are larger than 64 MiB together: this is for working copies of single services.
    async fn read_tree(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<SourceTree>;

    /// Who owns any of these files, as the `CODEOWNERS` file of that commit says in the host's own way; nobody where there is
    /// none. Whom to ask for a review of what changes between two commits: the files of [`Scm::compare`], at the base.
    ///
    /// # Errors
    /// `Unsupported` without the capability.
    async fn code_owners(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, paths: &[RepoPath]) -> Result<Owners> {
        let _ = (cx, repo, commit, paths);
        Err(crate::Error::unsupported("read who owns files"))
    }

    /// How `head` differs from `base`.
    ///
    /// # Errors
    /// See the trait.
    async fn compare(&self, cx: &OpContext, repo: &RepoId, base: &CommitId, head: &CommitId) -> Result<Comparison>;

    /// Opens a pull request. One that was opened with the same key is returned, whatever has become of it since; a host
    /// that keeps no keys of its own keeps them in the pull request. Where the host sets labels, assignees or reviewers in
    /// calls of their own, and one of them was lost, opening it again sets what is missing.
    ///
    /// Who may not be assigned in the repository is not, nor a second person where the host has one assignee: the answer
    /// says who is.
    ///
    /// # Errors
    /// `AlreadyExists` where one is open that was opened with another key; `Invalid` where a branch is missing or the
    /// title too long; `Unsupported` for what is not declared, or what this very repository has not: nothing is opened then.
    async fn open_pull_request(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest>;

    /// A pull request as it stands.
    ///
    /// # Errors
    /// See the trait.
    async fn pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<PullRequest>;

    /// All pull requests from `head`, in any state, oldest first.
    ///
    /// # Errors
    /// See the trait.
    async fn pull_requests_from(&self, cx: &OpContext, repo: &RepoId, head: &BranchName) -> Result<Vec<PullRequest>>;

    /// Changes what is named. As with [`Scm::open_pull_request`], not everybody may be assigned.
    ///
    /// # Errors
    /// `Invalid` for a title that is too long; `Unsupported` for what is not declared: nothing is changed then.
    async fn update_pull_request(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        update: &PullRequestUpdate,
    ) -> Result<()>;

    /// Closes a pull request without merging. One that is closed already is no error.
    ///
    /// # Errors
    /// `Conflict` where it is merged.
    async fn close_pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<()>;

    /// All reviews, oldest first, each with the commit it is for.
    ///
    /// # Errors
    /// See the trait.
    async fn reviews(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Review>>;

    /// All comments, oldest first.
    ///
    /// # Errors
    /// See the trait.
    async fn comments(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Comment>>;

    /// Writes the one comment that `marker` names: edits it in place where this credential wrote it before, else adds
    /// it. Returns its number. The marker is kept in the comment, invisible to readers, and found after a restart.
    ///
    /// # Errors
    /// `Invalid` for a marker that is empty or holds anything but letters, digits, `-`, `_`, `/`, `:` and `.`.
    async fn put_comment(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<u64>;

    /// Posts a commit status. It is consumed: what a [`PromotionGrant`](crate::policy::PromotionGrant) stands behind is
    /// posted once. After an unknown effect read [`Scm::checks`]; where the status is missing, decide again.
    ///
    /// # Errors
    /// `Denied` where its grant was used before under another key.
    async fn post_status(&self, cx: &OpContext, repo: &RepoId, status: CommitStatus) -> Result<()>;

    /// Reports a check run: adds it, or replaces the one of that name on that commit.
    ///
    /// # Errors
    /// `Unsupported` without the capability.
    async fn report_check(&self, cx: &OpContext, repo: &RepoId, check: &NewCheck) -> Result<()> {
        let _ = (cx, repo, check);
        Err(crate::Error::unsupported("report a check"))
    }

    /// The checks and statuses of a commit.
    ///
    /// # Errors
    /// See the trait.
    async fn checks(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Vec<Check>>;

    /// What protects a branch; nothing asked for where nothing does.
    ///
    /// # Errors
    /// `Unsupported` without the capability.
    async fn protection(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        let _ = (cx, repo, branch);
        Err(crate::Error::unsupported("read branch protection"))
    }

    /// At most `limit` events after `after`, oldest first, of all repositories that this credential sees.
    ///
    /// # Errors
    /// `Unsupported` without the capability.
    async fn events(&self, cx: &OpContext, after: EventCursor, limit: usize) -> Result<Vec<ScmEvent>> {
        let _ = (cx, after, limit);
        Err(crate::Error::unsupported("read events"))
    }
}
