//! Turns: an execution that nobody runs, of which there is one at a time.

use std::time::{Duration, UNIX_EPOCH};

use pathops_core::adapter::Lease;
use pathops_core::{ErrorKind, Result};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowStartError};
use temporalio_client::{
    Client, UntypedWorkflow, WorkflowDescribeOptions, WorkflowExecutionInfo, WorkflowExecutionStatus, WorkflowHandle,
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions, WorkflowTerminateOptions,
};
use temporalio_common::data_converters::RawValue;

use crate::temporal::Temporal;
use crate::temporal::error::Call;
use crate::temporal::wire::TURN;

/// How long a turn lasts.
const LASTS: Duration = Duration::from_secs(30);

impl Temporal {
    /// The turn, or `None` where somebody else has it. Who has it is the execution itself.
    pub(super) async fn take_turn(&self, name: &str) -> Result<Option<Lease>> {
        let (call, expires_at) = (Call::new("take a turn", name), self.clock.now() + LASTS);
        let options = WorkflowStartOptions::new(format!("{}/turns", self.config.queue), id_of(&self.config.queue, name))
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .run_timeout(LASTS)
            .build();
        let nothing = RawValue { payloads: Vec::new() };
        let handle = match self.client.start_workflow(UntypedWorkflow::new(TURN), nothing, options).await {
            Ok(handle) => handle,
            Err(WorkflowStartError::AlreadyStarted { .. }) => return Ok(None),
            Err(error) => return Err(call.failed(error)),
        };
        let begun = handle.describe(WorkflowDescribeOptions::default()).await.map_err(|error| call.failed(error))?;
        let since = begun.start_time().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        // The server starts one after the other, so a later one is higher.
        let fence = since.and_then(|since| u64::try_from(since.as_nanos()).ok());
        let fence = fence.ok_or_else(|| call.refused(ErrorKind::Unexpected, "the server does not say since when it is held"))?;
        Ok(Some(Lease { name: name.to_owned(), owner: begun.run_id().to_owned(), fence, expires_at }))
    }

    pub(super) async fn give_turn_back(&self, turn: &Lease) -> Result<()> {
        let reason = WorkflowTerminateOptions::builder().reason("the turn is over").build();
        match self.execution_of(turn).terminate(reason).await {
            Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
            Err(error) => Err(Call::new("give a turn back", &turn.name).failed(error)),
        }
    }

    pub(super) async fn has_turn(&self, turn: &Lease) -> Result<bool> {
        if self.clock.now() >= turn.expires_at {
            return Ok(false);
        }
        match self.execution_of(turn).describe(WorkflowDescribeOptions::default()).await {
            Ok(there) => Ok(there.status() == WorkflowExecutionStatus::Running),
            Err(WorkflowInteractionError::NotFound(_)) => Ok(false),
            Err(error) => Err(Call::new("start a run", &turn.name).failed(error)),
        }
    }

    fn execution_of(&self, turn: &Lease) -> WorkflowHandle<Client, UntypedWorkflow> {
        let execution = WorkflowExecutionInfo::builder()
            .namespace(self.config.namespace.clone())
            .workflow_id(id_of(&self.config.queue, &turn.name))
            .run_id(turn.owner.clone())
            .build();
        execution.bind_untyped(self.client.clone())
    }
}

/// No run has such an id.
fn id_of(queue: &str, name: &str) -> String {
    format!("pathops/turn/{queue}/{name}")
}
