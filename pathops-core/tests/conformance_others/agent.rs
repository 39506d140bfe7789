use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{AgentBackend, AgentCapabilities, AgentRun, AgentTask, FileChange, SourceTree};
use pathops_core::conformance::agent::{AgentFixture, AgentWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryAgent};
use pathops_core::{AgentId, Error, ErrorKind, OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    ListsEveryFile,
    SkipsWhatDoesNotApply,
    OverlooksPatches,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryAgent,
}

#[async_trait]
impl AgentBackend for Planted {
    fn agent(&self) -> AgentId {
        self.inner.agent()
    }

    fn capabilities(&self) -> AgentCapabilities {
        self.inner.capabilities()
    }

    async fn run(&self, cx: &OpContext, task: &AgentTask) -> Result<AgentRun> {
        let blind = AgentTask { patch: None, ..task.clone() };
        let task = if self.defect == Defect::OverlooksPatches { &blind } else { task };
        let answer = self.inner.run(cx, task).await;
        match self.defect {
            Defect::ListsEveryFile => answer.map(|run| AgentRun { changes: every_file(task, &run), ..run }),
            Defect::SkipsWhatDoesNotApply if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Invalid) => {
                Ok(AgentRun { changes: Vec::new(), summary: "nothing to do".to_owned() })
            }
            _ => answer,
        }
    }
}

fn every_file(task: &AgentTask, run: &AgentRun) -> Vec<FileChange> {
    let mut files = run.changes.clone();
    let changed = |path| run.changes.iter().any(|change| &change.path == path);
    let rest = task.base.iter().filter(|(path, _)| !changed(*path));
    files.extend(rest.map(|(path, file)| FileChange { path: path.clone(), file: Some(file.clone()) }));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Does what the kit's objective says, and what its patch says, line by line.
fn work(task: &AgentTask, files: &mut SourceTree) -> Result<String> {
    let (a, b) = ("src/a.txt".parse().unwrap(), "src/b.txt".parse().unwrap());
    let file = files.get_mut(&a).unwrap();
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    let old = task.patch.as_deref().map_or("one", |patch| if patch.contains("\n-one\n") { "one" } else { "three" });
    if !text.contains(old) {
        return Err(Error::new(ErrorKind::Invalid, "apply a patch").on(&a).because("hunk 1 does not fit"));
    }
    file.bytes = text.replace(old, "two").into_bytes();
    files.remove(&b);
    Ok("did it".to_owned())
}

struct Memory {
    defect: Defect,
    capabilities: AgentCapabilities,
}

#[async_trait]
impl AgentFixture for Memory {
    async fn fresh(&self) -> AgentWorld {
        let inner = MemoryAgent::new("scripted".parse().unwrap(), work).with_capabilities(self.capabilities);
        let planted: Arc<dyn AgentBackend> = Arc::new(Planted { defect: self.defect, inner });
        AgentWorld::new(Arc::new(Faulty::new(planted, no_faults())), ())
    }
}

fn fails(defect: Defect, objective: bool, patch: bool) -> Vec<String> {
    let mut capabilities = AgentCapabilities::default();
    (capabilities.objective, capabilities.patch) = (objective, patch);
    failing(&cases(capabilities), &worlds(Arc::new(Memory { defect, capabilities })))
}

#[test]
fn the_reference_agent_does_all_of_it() {
    for (objective, patch) in [(true, false), (false, true), (true, true)] {
        assert_eq!(fails(Defect::None, objective, patch), [""; 0]);
    }
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    assert_eq!(fails(Defect::ListsEveryFile, true, true), ["a_patch_is_applied", "changes_are_what_differs"]);
    assert_eq!(fails(Defect::SkipsWhatDoesNotApply, true, true), ["a_patch_that_does_not_apply_is_invalid"]);
    assert_eq!(fails(Defect::OverlooksPatches, true, false), ["an_undeclared_patch_is_unsupported"]);
}
