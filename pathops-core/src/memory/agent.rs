use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::adapter::{AgentBackend, AgentCapabilities, AgentRun, AgentTask, FileChange, SourceTree};
use crate::error::{Error, Result};
use crate::id::AgentId;
use crate::op::OpContext;

/// Does the work on a copy of the files and says in words what it did.
type Script = dyn Fn(&AgentTask, &mut SourceTree) -> Result<String> + Send + Sync;

/// An agent that does what a closure says.
#[derive(Clone)]
pub struct MemoryAgent {
    agent: AgentId,
    capabilities: AgentCapabilities,
    script: Arc<Script>,
}

impl MemoryAgent {
    /// An agent that works from the objective: `script` changes the files it is given, and returns the summary.
    #[must_use]
    pub fn new(agent: AgentId, script: impl Fn(&AgentTask, &mut SourceTree) -> Result<String> + Send + Sync + 'static) -> Self {
        Self { agent, capabilities: AgentCapabilities { objective: true, patch: false }, script: Arc::new(script) }
    }

    /// Declares other capabilities; the script has to live up to them.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: AgentCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }
}

impl fmt::Debug for MemoryAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAgent").field("agent", &self.agent).finish_non_exhaustive()
    }
}

#[async_trait]
impl AgentBackend for MemoryAgent {
    fn agent(&self) -> AgentId {
        self.agent.clone()
    }

    fn capabilities(&self) -> AgentCapabilities {
        self.capabilities
    }

    async fn run(&self, _cx: &OpContext, task: &AgentTask) -> Result<AgentRun> {
        if task.patch.is_some() && !self.capabilities.patch {
            return Err(Error::unsupported("apply a task's patch").on(&task.unit));
        }
        if task.patch.is_none() && !self.capabilities.objective {
            return Err(Error::unsupported("work from an objective alone").on(&task.unit).advise("give the task a patch"));
        }
        let mut files = task.base.clone();
        let summary = (self.script)(task, &mut files)?;
        Ok(AgentRun { changes: changes(&task.base, &files), summary })
    }
}

fn changes(before: &SourceTree, after: &SourceTree) -> Vec<FileChange> {
    let deleted = before.keys().filter(|path| !after.contains_key(path)).map(|path| (path, None));
    let written =
        after.iter().filter(|(path, file)| before.get(path) != Some(file)).map(|(path, file)| (path, Some(file.clone())));
    let mut changes: Vec<_> = deleted.chain(written).map(|(path, file)| FileChange { path: path.clone(), file }).collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}
