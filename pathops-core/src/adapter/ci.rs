use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::LogExcerpt;
use crate::digest::Digest;
use crate::error::Result;
use crate::id::{ChangeSetId, CommitId, RepoId, TreeId, UnitId};
use crate::op::{IdempotencyKey, OpContext};
use crate::time::UnixMillis;

/// What a CI system can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CiCapabilities {
    /// A run can be stopped ([`Ci::cancel`]).
    pub cancel: bool,
}

/// What to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiRequest {
    /// The change set it is for.
    pub change_set: ChangeSetId,
    /// The app.
    pub unit: UnitId,
    /// Its source repository.
    pub repo: RepoId,
    /// The commit to build and test.
    pub commit: CommitId,
    /// The commit that the change started from; the pipeline counts as changed where `ci/` differs between the two.
    pub base: CommitId,
}

/// One run of a pipeline, as the CI system names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CiRunId(pub String);

/// What a pipeline made: bytes in the blob store, by digest. It starts *not promotable*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// For example `application/x-tar`.
    pub media_type: String,
}

/// How a pipeline ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CiConclusion {
    /// The script ended with 0. What its tests say is in the report.
    Passed,
    /// The script ended with this code.
    Failed {
        /// Its exit code.
        code: i32,
    },
    /// It was stopped at the time limit.
    TimedOut {
        /// The limit, in milliseconds.
        limit_millis: u64,
    },
    /// It could not be run, or was killed.
    Errored {
        /// Why.
        reason: String,
    },
}

/// The whole result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiOutcome {
    /// How it ended.
    pub conclusion: CiConclusion,
    /// The tree that was built: what the commit holds.
    pub tree: TreeId,
    /// When the script started.
    pub started_at: UnixMillis,
    /// When it ended.
    pub finished_at: UnixMillis,
    /// What it printed.
    pub log: LogExcerpt,
    /// What its tests said, byte for byte as the tool wrote it (JUnit XML, TAP, the JSON of `go test` or cargo-nextest, ...), or `None`
    /// where nothing was written. The format is recognised by whoever reads it.
    pub tests: Option<Vec<u8>>,
    /// What it built, or `None` where it built nothing.
    pub artifact: Option<Artifact>,
    /// Whether the pipeline itself (`ci/`) differs from the base: then its own word for the tests is not enough.
    pub pipeline_changed: bool,
    /// What went wrong beside the conclusion, in words for people: children left behind, output cut, a report over the size limit.
    pub remarks: Vec<String>,
}

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CiState {
    /// Not ended yet.
    Running,
    /// Ended.
    Finished(Box<CiOutcome>),
    /// The system does not know the run any more (it was restarted); start it again with the same key.
    Lost,
}

/// A continuous integration system.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Ci: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `local-ci`.
    fn name(&self) -> &'static str;

    /// What this system offers.
    fn capabilities(&self) -> CiCapabilities;

    /// Starts a run, and returns at once. The same key again returns the same run, running or ended; after
    /// [`CiState::Lost`] it starts anew.
    ///
    /// # Errors
    /// `NotFound` for an unknown repository or commit; `Denied`, `RateLimited`, `Unavailable`, `Timeout`.
    async fn start(&self, cx: &OpContext, request: &CiRequest) -> Result<CiRunId>;

    /// Where the run is. Reading twice gives the same outcome.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`. An unknown run is no error but [`CiState::Lost`].
    async fn state(&self, cx: &OpContext, run: &CiRunId) -> Result<CiState>;

    /// Stops a run and everything that it started. Stopping an ended run changes nothing.
    ///
    /// # Errors
    /// `Unsupported` without the capability; `Unavailable`, `Timeout`.
    async fn cancel(&self, cx: &OpContext, run: &CiRunId) -> Result<()> {
        let _ = (cx, run);
        Err(crate::Error::unsupported("cancel a CI run"))
    }
}

impl CiRunId {
    /// The run that `key` starts, for systems that let the caller name it.
    #[must_use]
    pub fn for_key(key: &IdempotencyKey) -> Self {
        Self(key.as_str().to_owned())
    }
}
