//! The workflow that every run is: it follows the run's machine, and has done what that asks for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use pathops_core::adapter::{Entry, Seq};
use pathops_core::flow::{AnyEvent, AnyShell, Event};
use pathops_core::{Digest, Error, ErrorKind, Result, RunId, UnixMillis};
use temporalio_common::MemoValues;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ContinueAsNewOptions, MemoValue, SyncWorkflowContext, WaitConditionOptions, WorkflowCancellationToken, WorkflowContext,
    WorkflowResult,
};

use crate::temporal::attributes::{self, Stage};
use crate::temporal::host::Host;
use crate::temporal::operations::Operations;
use crate::temporal::wire::{Begin, Begun, Checkpoint, Earlier, Format, From, Input, Numbers, RECORD, Record, Told, begun};

/// How many events a history has at most before everything else has to wait. The server ends an execution with 51,200.
const TOO_LONG: u32 = 30_000;

/// How many bytes of records it has at most before that. The server ends an execution with 50 MB.
const TOO_LARGE: usize = 16_000_000;

/// A run, on the server.
#[workflow]
pub(crate) struct RunWorkflow {
    host: Arc<Host>,
    begun: Option<Begin>,
    told: VecDeque<Told>,
}

#[workflow_methods(factory_only)]
impl RunWorkflow {
    /// Drives the run to its end.
    #[run(name = "pathops.run")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: Input) -> WorkflowResult<()> {
        let ctx = &*ctx;
        match drive(ctx, input).await {
            Ok(None) => Ok(()),
            Ok(Some((next, memo))) => {
                let attributes = ctx.search_attributes();
                let options = ContinueAsNewOptions::builder().memo(memo).search_attributes(attributes).build();
                match ctx.continue_as_new(next, options)? {}
            }
            Err(error) => {
                stand_still(ctx, error);
                std::future::pending().await
            }
        }
    }

    /// Starts the run, where it was told something before.
    #[signal(name = "begin")]
    pub(crate) fn begin(&mut self, _: &mut SyncWorkflowContext<Self>, begun: Begun) {
        self.begun.get_or_insert(begun.begin);
    }

    /// Tells the run something.
    #[signal(name = "told")]
    pub(crate) fn tell(&mut self, _: &mut SyncWorkflowContext<Self>, told: Told) {
        self.told.push_back(told);
    }
}

impl RunWorkflow {
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self { host, begun: None, told: VecDeque::new() }
    }

    pub(super) fn silence(&self) -> Duration {
        self.host.silence
    }
}

/// The task of the workflow fails, which changes nothing, and the server tries it again and again.
fn stand_still(ctx: &WorkflowContext<RunWorkflow>, error: Error) {
    tracing::warn!(run = ctx.workflow_id(), error = %error, "a run stands still; it is tried again");
    let host = ctx.state(|state| Arc::clone(&state.host));
    if let Ok(run) = RunId::parse(ctx.workflow_id()) {
        host.all_stopped(&run, &error);
    }
    ctx.force_task_fail(error);
}

/// What the next execution begins with, and its memo, where there is to be one.
async fn drive(ctx: &WorkflowContext<RunWorkflow>, input: Input) -> Result<Option<(Input, MemoValues)>> {
    input.check()?;
    let roll_after = input.roll_after;
    let mut driven = match input.from {
        From::Start(begin) => Driven::start(ctx, begin)?,
        From::Checkpoint(checkpoint) => Driven::resume(ctx, *checkpoint)?,
        From::Early => {
            wait(ctx, |state| state.begun.is_some()).await;
            let begin = ctx.state(|state| state.begun.clone());
            let begin = begin.ok_or_else(|| Error::new(ErrorKind::Unexpected, "start a run").on(ctx.workflow_id()))?;
            let attributes = attributes::of_start(&begin.machine, &begin.start);
            let driven = Driven::start(ctx, begin)?;
            ctx.upsert_search_attributes(attributes);
            driven
        }
    };
    let Some(checkpoint) = driven.drive_on(roll_after).await? else { return Ok(None) };
    let mut memo = MemoValues::new();
    memo.insert(RECORD, checkpoint.record());
    Ok(Some((Input::new(From::Checkpoint(Box::new(checkpoint)), roll_after), memo)))
}

/// Until something is so in the state of the workflow. That somebody cancels the workflow changes nothing: a run ends as its machine says.
async fn wait(ctx: &WorkflowContext<RunWorkflow>, is_so: impl FnMut(&RunWorkflow) -> bool) {
    let detached = WaitConditionOptions::builder().cancellation_token(WorkflowCancellationToken::new()).build();
    ctx.wait_condition_with_options(is_so, detached).await.ok();
}

/// A run that is being driven, in one execution.
struct Driven<'c> {
    ctx: &'c WorkflowContext<RunWorkflow>,
    host: Arc<Host>,
    run: RunId,
    shell: Box<dyn AnyShell>,
    operations: Operations,
    begun: Digest,
    numbers: Numbers,
    earlier: Vec<Earlier>,
    /// Its last transition before this execution.
    before: Seq,
    /// What happened since the last record.
    entries: Vec<Entry>,
    /// How many bytes of records this execution has.
    recorded: usize,
}

impl<'c> Driven<'c> {
    fn start(ctx: &'c WorkflowContext<RunWorkflow>, begin: Begin) -> Result<Self> {
        let Begin { machine, start, at } = begin;
        let begun = begun(&machine, &start);
        let run = id_of(ctx)?;
        let shell = |host: &Host| Ok(host.machines.get(&machine)?.shell(&run));
        let mut driven = Self::new(ctx, begun, shell)?;
        driven.make(at, &Event::Started(start))?;
        Ok(driven)
    }

    fn resume(ctx: &'c WorkflowContext<RunWorkflow>, checkpoint: Checkpoint) -> Result<Self> {
        let Checkpoint { run, last_op, begun, told, earlier } = checkpoint;
        let shell = |host: &Host| host.machines.get(&run.machine)?.resume(&run, last_op);
        let driven = Self::new(ctx, begun, shell)?;
        Ok(Self { numbers: told, earlier, before: run.seq, ..driven })
    }

    fn new(
        ctx: &'c WorkflowContext<RunWorkflow>,
        begun: Digest,
        shell: impl FnOnce(&Host) -> Result<Box<dyn AnyShell>>,
    ) -> Result<Self> {
        let host = ctx.state(|state| Arc::clone(&state.host));
        let (run, shell) = (id_of(ctx)?, shell(&host)?);
        let (numbers, earlier, entries) = (Numbers::default(), Vec::new(), Vec::new());
        let (before, operations) = (Seq(0), Operations::default());
        Ok(Self { ctx, host, run, shell, operations, begun, numbers, earlier, before, entries, recorded: 0 })
    }

    /// Drives it to its end, or to where it goes on in a new execution.
    async fn drive_on(&mut self, roll_after: Option<u64>) -> Result<Option<Checkpoint>> {
        let mut rolls = false;
        while !self.shell.has_ended() {
            self.hear()?;
            if self.shell.has_ended() {
                break;
            }
            rolls = rolls || self.is_to_roll(roll_after);
            self.operations.attend(self.ctx, &*self.shell, &self.run, rolls)?;
            if let Some((op, came)) = self.operations.next() {
                if let Some(outcome) = came {
                    self.make(self.now()?, &Event::Done { op, outcome })?;
                }
                continue;
            }
            if rolls && !self.operations.is_at_work() {
                self.record()?;
                return self.checkpoint().map(Some);
            }
            if self.shell.courses().is_empty() {
                let error = Error::new(ErrorKind::Unexpected, "drive a run").on(&self.run);
                return Err(error.because("it has nothing left to do and has not ended"));
            }
            self.record()?;
            self.something_happens().await?;
        }
        self.record()?;
        self.ctx.upsert_search_attributes([Stage::Ended.attribute()]);
        Ok(None)
    }

    /// Until it was told something, or an activity has ended.
    async fn something_happens(&mut self) -> Result<()> {
        let ctx = self.ctx;
        let mut told = Box::pin(wait(ctx, |state| !state.told.is_empty()));
        self.operations.came(told.as_mut()).await.map_err(|error| error.on(&self.run))
    }

    /// Takes up what it was told, in the order in which it came, each key once.
    fn hear(&mut self) -> Result<()> {
        while !self.shell.has_ended() {
            let Some(told) = self.ctx.state_mut(|state| state.told.pop_front()) else { return Ok(()) };
            if let Some(number) = self.numbers.number(&told.key) {
                self.make(self.now()?, &Event::Heard { number, told: told.told })?;
            }
        }
        Ok(())
    }

    /// Makes a transition.
    fn make(&mut self, at: UnixMillis, event: &AnyEvent) -> Result<()> {
        let made = self.shell.make(at, event)?;
        self.shell.take(self.is_shown());
        let (seq, format, closes, opens) = (self.shell.seq(), made.format, made.closes, made.opens);
        self.entries.push(Entry { seq, format, at, event: made.event, closes, opens });
        Ok(())
    }

    /// Writes down what was made, together with the commands that follow from it.
    fn record(&mut self) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let (run, entries) = (self.shell.stored()?, std::mem::take(&mut self.entries));
        let record = Record { format: Format, begun: self.begun, run, entries };
        self.recorded += serde_json::to_vec(&record).map_or(0, |bytes| bytes.len());
        let memo = self.ctx.upsert_memo([(RECORD, Some(MemoValue::new(record)))]);
        memo.map_err(|error| Error::new(ErrorKind::Unexpected, "write a run down").on(&self.run).with_source(error))
    }

    /// Whether it is to go on in a new execution: where its history is long, at a moment at which that holds nothing up, and at any
    /// moment before the server takes no more of it.
    fn is_to_roll(&self, roll_after: Option<u64>) -> bool {
        let made = self.shell.seq().0 - self.before.0;
        let is_long = self.ctx.continue_as_new_suggested() || roll_after.is_some_and(|most| made >= most.max(1));
        let is_full = self.ctx.history_length() > TOO_LONG || self.recorded > TOO_LARGE;
        is_full || (is_long && self.operations.only_waits(&*self.shell))
    }

    fn checkpoint(&mut self) -> Result<Checkpoint> {
        let (run, last_op) = (self.shell.stored()?, self.shell.last_op());
        let (seq, signal) = (self.shell.seq(), self.numbers.last());
        self.earlier.push(Earlier { execution: self.ctx.run_id().to_owned(), seq, signal });
        let (told, earlier) = (std::mem::take(&mut self.numbers), std::mem::take(&mut self.earlier));
        Ok(Checkpoint { run, last_op, begun: self.begun, told, earlier })
    }

    fn is_shown(&self) -> bool {
        !self.ctx.is_replaying() && self.host.is_shown()
    }

    /// The time of the workflow, which is the same whenever it is replayed.
    fn now(&self) -> Result<UnixMillis> {
        let since = self.ctx.workflow_time().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        let now = since.and_then(|since| i64::try_from(since.as_millis()).ok()).map(UnixMillis);
        now.ok_or_else(|| Error::new(ErrorKind::Unexpected, "drive a run").on(&self.run).because("the server gives it no time"))
    }
}

fn id_of(ctx: &WorkflowContext<RunWorkflow>) -> Result<RunId> {
    let id = ctx.workflow_id();
    RunId::parse(id).map_err(|error| Error::new(ErrorKind::Invalid, "drive a run").on(id).because(error))
}
