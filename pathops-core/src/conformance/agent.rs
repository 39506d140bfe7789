//! What every [`AgentBackend`] must do.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::Answer as _;
use super::scm::world::cx;
use super::step::declares;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{AgentBackend, AgentCapabilities, AgentRun, AgentTask, FileChange, SourceFile, SourceTree};
use crate::error::ErrorKind;
use crate::id::{ChangeSetId, IdError, PersonId, RepoPath, UnitId};

/// Gives each case an agent.
#[async_trait]
pub trait AgentFixture: Send + Sync + 'static {
    /// An agent that can work.
    async fn fresh(&self) -> AgentWorld;
}

/// An agent and what keeps it alive.
#[derive(Debug)]
pub struct AgentWorld {
    agent: Arc<dyn AgentBackend>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl AgentWorld {
    /// `guard` is dropped at the end of the case.
    pub fn new(agent: Arc<dyn AgentBackend>, guard: impl Any + Send + Sync) -> Self {
        Self { agent, _guard: Box::new(guard) }
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn AgentFixture>, capabilities: AgentCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn AgentFixture>) -> Fresh<AgentWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: AgentCapabilities) -> Vec<Case<AgentWorld>> {
    let mut cases = vec![Case::new("agent", "declares_what_it_is_tested_for", move |world| {
        declares_what_it_is_tested_for(world, capabilities)
    })];
    if capabilities.patch {
        cases.push(Case::new("agent", "a_patch_is_applied", a_patch_is_applied));
        cases.push(Case::new("agent", "a_patch_that_does_not_apply_is_invalid", a_patch_that_does_not_apply_is_invalid));
    } else {
        cases.push(Case::new("agent", "an_undeclared_patch_is_unsupported", an_undeclared_patch_is_unsupported));
    }
    if capabilities.objective {
        cases.push(Case::new("agent", "changes_are_what_differs", changes_are_what_differs));
    } else {
        cases.push(Case::new("agent", "an_undeclared_objective_is_unsupported", an_undeclared_objective_is_unsupported));
    }
    cases
}

async fn declares_what_it_is_tested_for(world: AgentWorld, capabilities: AgentCapabilities) -> Outcome {
    declares(&world.agent.capabilities(), &capabilities)
}

const OBJECTIVE: &str =
    "Replace the word `one` by `two` in the file src/a.txt, delete the file src/b.txt, and change nothing else.";

const PATCH: &str = "\
diff --git a/src/a.txt b/src/a.txt
--- a/src/a.txt
+++ b/src/a.txt
@@ -1,3 +1,3 @@
 before
-one
+two
 after
diff --git a/src/b.txt b/src/b.txt
deleted file mode 100644
--- a/src/b.txt
+++ /dev/null
@@ -1 +0,0 @@
-gone
";

fn task(patch: Option<&str>) -> Result<AgentTask, IdError> {
    let file = |text: &str, executable| SourceFile { bytes: text.as_bytes().to_vec(), executable };
    let base = SourceTree::from([
        (RepoPath::parse("ci/run")?, file("#!/bin/sh\n", true)),
        (RepoPath::parse("src/a.txt")?, file("before\none\nafter\n", false)),
        (RepoPath::parse("src/b.txt")?, file("gone\n", false)),
    ]);
    Ok(AgentTask {
        change_set: ChangeSetId::parse("one-to-two-1")?,
        unit: UnitId::parse("orders")?,
        sponsor: PersonId::parse("alice")?,
        objective: OBJECTIVE.to_owned(),
        patch: patch.map(str::to_owned),
        base,
        wall_limit: Duration::from_secs(60),
    })
}

async fn a_patch_is_applied(world: AgentWorld) -> Outcome {
    let task = task(Some(PATCH)).map_err(|e| e.to_string())?;
    let run = world.agent.run(&cx("run"), &task).await.works()?;
    well_formed(&task, &run)?;
    let becomes: Vec<_> = run.changes.iter().map(|change| (change.path.as_str(), change.file.as_ref().map(text))).collect();
    let expected = [("src/a.txt", Some("before\ntwo\nafter\n".to_owned())), ("src/b.txt", None)];
    ensure!(becomes == expected, "the patch asks for {expected:?}, not {becomes:?}");
    Ok(())
}

async fn a_patch_that_does_not_apply_is_invalid(world: AgentWorld) -> Outcome {
    let task = task(Some(&PATCH.replace("-one", "-three"))).map_err(|e| e.to_string())?;
    let answer = world.agent.run(&cx("run"), &task).await;
    let message = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
    answer.fails(ErrorKind::Invalid, "a patch does not apply")?;
    ensure!(message.contains("src/a.txt"), "the error must name the file: {message}");
    Ok(())
}

async fn an_undeclared_patch_is_unsupported(world: AgentWorld) -> Outcome {
    let task = task(Some(PATCH)).map_err(|e| e.to_string())?;
    world.agent.run(&cx("run"), &task).await.fails(ErrorKind::Unsupported, "a task has a patch")
}

async fn an_undeclared_objective_is_unsupported(world: AgentWorld) -> Outcome {
    let task = task(None).map_err(|e| e.to_string())?;
    world.agent.run(&cx("run"), &task).await.fails(ErrorKind::Unsupported, "a task has no patch")
}

/// What an agent makes of words is not for the kit to judge, but its form is; and it may be asked again.
async fn changes_are_what_differs(world: AgentWorld) -> Outcome {
    let task = task(None).map_err(|e| e.to_string())?;
    for key in ["run", "again"] {
        let run = world.agent.run(&cx(key), &task).await.works()?;
        well_formed(&task, &run)?;
    }
    Ok(())
}

fn well_formed(task: &AgentTask, run: &AgentRun) -> Outcome {
    let in_order = run.changes.is_sorted_by(|a, b| a.path < b.path);
    ensure!(in_order, "changes come in the order of their paths, each path once: {:?}", run.changes);
    let idle = |change: &&FileChange| task.base.get(&change.path) == change.file.as_ref();
    let idle = run.changes.iter().find(idle);
    ensure!(idle.is_none(), "a file that does not differ from the base is listed as changed: {idle:?}");
    Ok(())
}

fn text(file: &SourceFile) -> String {
    String::from_utf8_lossy(&file.bytes).into_owned()
}
