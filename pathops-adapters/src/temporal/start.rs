//! Starting runs, and telling them something.

use std::time::Duration;

use pathops_core::adapter::{Created, Entry, Lease, Seq};
use pathops_core::flow::{Event, Hosted};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, Result, RunId, UnixMillis};
use serde_json::Value;
use temporalio_client::errors::WorkflowStartError;
use temporalio_client::tonic::Code;
use temporalio_client::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowSignalOptions, WorkflowStartOptions};
use temporalio_common::MemoValues;
use temporalio_common::search_attributes::{SearchAttributeUpdate, SearchAttributes};

use crate::temporal::Temporal;
use crate::temporal::attributes::{Stage, of_start};
use crate::temporal::error::{Call, status_of};
use crate::temporal::wire::{Begin, Begun, Format, From, Input, RECORD, Record, Told, begun};
use crate::temporal::workflow::RunWorkflow;

/// How long a worker may take over a task of a workflow before another one does it.
const TASK: Duration = Duration::from_secs(5);

/// A run that is being started.
pub(super) struct Starting {
    run: RunId,
    begun: Begun,
}

impl Temporal {
    /// Makes the first transition, which is the same wherever the machine makes it.
    pub(super) fn starting(&self, machine: &dyn Hosted, run: &RunId, start: &Value) -> Result<Starting> {
        let (at, mut shell) = (self.clock.now(), machine.shell(run));
        let first = shell.make(at, &Event::Started(start.clone()))?;
        shell.take(false);
        let entry = Entry { seq: Seq(1), format: first.format, at, event: first.event, closes: None, opens: first.opens };
        let record =
            Record { format: Format, begun: begun(machine.machine(), start), run: shell.stored()?, entries: vec![entry] };
        let begin = Begin { machine: machine.machine().to_owned(), start: start.clone(), at };
        Ok(Starting { run: run.clone(), begun: Begun { format: Format, begin, record } })
    }

    pub(super) async fn start_once(&self, turn: &Lease, starting: &Starting) -> Result<Created> {
        let Starting { run, begun } = starting;
        let call = Call::new("start a run", run);
        if !self.has_turn(turn).await? {
            return Err(call.refused(ErrorKind::Conflict, format_args!("somebody else may have taken the turn `{}`", turn.name)));
        }
        let (Begin { machine, start, .. }, input) = (&begun.begin, From::Start(begun.begin.clone()));
        let mut memo = MemoValues::new();
        memo.insert(RECORD, begun.record.clone());
        let mut options = self.options(run, of_start(machine, start));
        options.memo = Some(memo);
        options.id_conflict_policy = WorkflowIdConflictPolicy::Fail;
        match self.client.start_workflow(RunWorkflow::run, Input::new(input, self.config.roll_after), options).await {
            Ok(_) => Ok(Created::New),
            Err(WorkflowStartError::AlreadyStarted { .. }) => self.start_existing(&call, starting).await,
            Err(error) => Err(call.failed(error)),
        }
    }

    /// The run is there, or was told something before it was started.
    async fn start_existing(&self, call: &Call, starting: &Starting) -> Result<Created> {
        let Starting { run, begun } = starting;
        if let Some(there) = self.record(run).await? {
            return existing(call, there.begun, begun.record.begun);
        }
        let handle = self.client.get_workflow_handle::<RunWorkflow>(run.as_str());
        let signalled = handle.signal(RunWorkflow::begin, begun.clone(), WorkflowSignalOptions::default()).await;
        signalled.map_err(|error| call.failed(error))?;
        Ok(Created::New)
    }

    pub(super) async fn tell_once(&self, key: &IdempotencyKey, run: &RunId, at: UnixMillis, told: &Value) -> Result<()> {
        let call = Call::new("tell a run something", run);
        let told = Told { format: Format, key: key.as_str().to_owned(), at, told: told.clone() };
        let options = self.options(run, vec![Stage::Early.attribute()]);
        let early = Input::new(From::Early, self.config.roll_after);
        let told = self.client.signal_with_start_workflow(RunWorkflow::run, early, RunWorkflow::tell, told, options);
        match told.await {
            Ok(_) => Ok(()),
            Err(error) if status_of(&error).is_some_and(|status| status.code() == Code::AlreadyExists) => {
                // The answer may have been lost, and the run have heard it and ended.
                if self.was_told(key, run).await? { Ok(()) } else { Err(call.refused(ErrorKind::Invalid, "it has ended")) }
            }
            Err(error) => Err(call.failed(error)),
        }
    }

    /// An id is taken once.
    fn options(&self, run: &RunId, attributes: Vec<SearchAttributeUpdate>) -> WorkflowStartOptions {
        WorkflowStartOptions::new(&self.config.queue, run.as_str())
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .task_timeout(TASK)
            .search_attributes(SearchAttributes::new(attributes))
            .build()
    }
}

fn existing(call: &Call, there: Digest, asked: Digest) -> Result<Created> {
    if there == asked {
        return Ok(Created::Existing);
    }
    Err(call.refused(ErrorKind::AlreadyExists, "a run of that id began with something else"))
}
