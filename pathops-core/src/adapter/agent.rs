use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::{AgentId, ChangeSetId, PersonId, RepoPath, UnitId};
use crate::op::OpContext;

/// What an agent backend can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentCapabilities {
    /// It works from the objective in words. Without it a task needs [`AgentTask::patch`].
    pub objective: bool,
    /// It applies a patch that the task carries. Without it such a task is refused as `Unsupported`.
    pub patch: bool,
}

/// One file of a working copy.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether Git marks it executable.
    pub executable: bool,
}

impl Debug for SourceFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceFile({} bytes{})", self.bytes.len(), if self.executable { ", executable" } else { "" })
    }
}

/// The files of a repository at one commit.
pub type SourceTree = BTreeMap<RepoPath, SourceFile>;

/// A change of one file: its new content, or `None` where it is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The file.
    pub path: RepoPath,
    /// What it becomes.
    pub file: Option<SourceFile>,
}

/// One piece of work for one agent in one repository.
///
/// It carries everything that the agent may see: a copy of the files and words. No credential, no remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentTask {
    /// The change set it belongs to.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// The person who answers for the work.
    pub sponsor: PersonId,
    /// What is wanted, in words.
    pub objective: String,
    /// A unified diff to apply, for backends that do just that.
    pub patch: Option<String>,
    /// The files to start from.
    pub base: SourceTree,
    /// Time on the wall clock after which the run is stopped.
    pub wall_limit: Duration,
}

/// What an agent made. Whether it is any good is for the gate, CI and people to say, never for the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRun {
    /// Which files it changed, in the order of their paths; only those that differ from the base.
    pub changes: Vec<FileChange>,
    /// What it says it did; shown to people, believed by nobody.
    pub summary: String,
}

/// A worker that changes a copy of one repository's files. It never pushes, orchestrates or decides (I10).
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait AgentBackend: Debug + Send + Sync + 'static {
    /// The agent's name, which goes into commits and evidence.
    fn agent(&self) -> AgentId;

    /// What this backend offers.
    fn capabilities(&self) -> AgentCapabilities;

    /// Works on the task and returns the changed files. Nothing outside the copy changes, so running it again is
    /// always allowed; two runs may give different answers.
    ///
    /// # Errors
    /// `Invalid` where the task cannot be done as it is (a patch that does not apply: the message names file and
    /// hunk); `Timeout` past the limit; `Unsupported` as the capabilities say; `Unavailable`. Effect is always none.
    async fn run(&self, cx: &OpContext, task: &AgentTask) -> Result<AgentRun>;
}
