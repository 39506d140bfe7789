//! An agent that does what a patch says: it applies a task's unified diff to a copy of the files.
//!
//! The copy is in memory. There is no working copy on disk, no network, no remote and no credential, and nothing of the
//! patch is run. What the result is worth is for CI and people to say, as with every agent.
//!
//! A patch applies where every line that it removes or shows as context is at the very place it names; nothing is searched
//! or guessed. It may add, change, rename and delete text files and mark them executable, each path once. It may not leave
//! the tree, touch `.git`, or make symbolic links, submodules or binary files.

use async_trait::async_trait;
use pathops_core::adapter::{AgentBackend, AgentCapabilities, AgentRun, AgentTask};
use pathops_core::{AgentId, Error, ErrorKind, OpContext, Result};

mod apply;
mod check;
mod name;
mod parse;

const RUN: &str = "apply the patch of a task";

/// Applies the patch that a task carries, and does nothing else.
///
/// The work is bounded by the sizes of the patch and of the files, and is not stopped at [`AgentTask::wall_limit`].
#[derive(Clone, Debug)]
pub struct PatchAgent {
    agent: AgentId,
}

impl PatchAgent {
    /// An agent with this name.
    #[must_use]
    pub fn new(agent: AgentId) -> Self {
        Self { agent }
    }
}

#[async_trait]
impl AgentBackend for PatchAgent {
    fn agent(&self) -> AgentId {
        self.agent.clone()
    }

    fn capabilities(&self) -> AgentCapabilities {
        let mut capabilities = AgentCapabilities::default();
        capabilities.patch = true;
        capabilities
    }

    async fn run(&self, _: &OpContext, task: &AgentTask) -> Result<AgentRun> {
        let unit = task.unit.clone();
        let Some(patch) = task.patch.clone() else {
            let reason = "the task carries no patch, and this agent does not work from words";
            let advice = "give the task a patch, or use an agent that works from an objective";
            return Err(Error::new(ErrorKind::Unsupported, RUN).on(unit).because(reason).advise(advice));
        };
        let base = task.base.clone();
        let applied = tokio::task::spawn_blocking(move || apply::apply(&base, &patch)).await;
        match applied {
            Ok(result) => result.map_err(|refusal| refusal.on(unit)),
            Err(source) => {
                Err(Error::new(ErrorKind::Unexpected, RUN).on(unit).because("the work was broken off").with_source(source))
            }
        }
    }
}

#[cfg(test)]
mod tests;
