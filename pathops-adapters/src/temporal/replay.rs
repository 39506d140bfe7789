//! Replaying histories: whether the machines of a host still make of a run what was made of it.

use std::thread;
use std::time::Duration;

use pathops_core::flow::Machines;
use pathops_core::{Error, ErrorKind, Result};
use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayError, WorkflowReplayer, WorkflowReplayerOptions};
use tokio::sync::oneshot;

use crate::temporal::host::{Goes, Host};
use crate::temporal::workflow::RunWorkflow;

/// Replays a history that [`Temporal::history`](crate::temporal::Temporal::history) gave, with the machines of this host. Nothing is
/// performed, and no server is asked. It is how it is seen before an update that runs which have begun will go on.
///
/// # Errors
/// `Conflict` where the machines make something else of it; `Invalid` where it is no history.
pub async fn replay(machines: &Machines, history: &[u8]) -> Result<()> {
    let refused = |kind| Error::new(kind, "replay a run");
    let history = WorkflowHistory::from_json(history);
    let history = history.map_err(|error| refused(ErrorKind::Invalid).because("it is no history").with_source(error))?;
    let (host, (answer, answered)) = (Host::new(machines.clone(), Duration::ZERO), oneshot::channel());
    host.set(Goes::Away);
    let workflow = move || RunWorkflow::new(std::sync::Arc::clone(&host));
    // Workflows may not leave the thread that they run in.
    let spawned = thread::Builder::new().name("temporal-replay".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        answer.send(runtime.block_on(replayed(workflow, history))).ok();
    });
    spawned.map_err(|error| refused(ErrorKind::Unavailable).with_source(error))?;
    answered.await.unwrap_or_else(|_| Err(refused(ErrorKind::Unexpected).because("the replay ended without an answer")))
}

async fn replayed(workflow: impl Fn() -> RunWorkflow + Send + Sync + 'static, history: WorkflowHistory) -> Result<()> {
    let refused = |kind| Error::new(kind, "replay a run");
    let options = WorkflowReplayerOptions::new().register_workflow_with_factory(workflow);
    let options = options.map_err(|error| refused(ErrorKind::Unexpected).with_source(error))?.build();
    let replayer = WorkflowReplayer::new(options).map_err(|error| refused(ErrorKind::Unexpected).with_source(error))?;
    replayer.replay_workflow(history).await.map_err(|error| match error {
        WorkflowReplayError::Replay(failure) => refused(ErrorKind::Conflict).because(&failure).with_source(failure),
        error => refused(ErrorKind::Unexpected).because(&error).with_source(error),
    })
}
