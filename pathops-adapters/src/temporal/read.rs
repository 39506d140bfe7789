//! Reading runs: from what the server keeps of them, without any worker.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::StreamExt as _;
use pathops_core::adapter::{Entry, RunFilter, Seq, Signal, SignalNumber};
use pathops_core::{ErrorKind, IdempotencyKey, Result, Retry, RunId};
use temporalio_client::errors::WorkflowInteractionError;
use temporalio_client::{
    Client, UntypedWorkflow, WorkflowCountOptions, WorkflowDescribeOptions, WorkflowExecutionInfo, WorkflowExecutionStatus,
    WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowHandle, WorkflowListOptions,
};
use temporalio_common::protos::temporal::api::common::v1::Payloads;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use crate::temporal::attributes::Stage;
use crate::temporal::error::{Call, status_of, with_retry};
use crate::temporal::wire::{Begun, Checkpoint, Earlier, From, Input, Numbers, RUN, Record, Told, read, record};
use crate::temporal::{LOOK, Temporal};

/// How often it is looked whether a run is listed.
const LOOKS: u32 = 300;

impl Temporal {
    /// The run as it stands; `None` where it was not started. One that somebody ended on the server by hand has ended.
    pub(super) async fn record(&self, run: &RunId) -> Result<Option<Record>> {
        let handle = self.execution(run, None);
        match handle.describe(WorkflowDescribeOptions::default()).await {
            Err(WorkflowInteractionError::NotFound(_)) => Ok(None),
            Err(error) => Err(Call::new("load a run", run).failed(error)),
            Ok(there) => {
                let info = there.raw().workflow_execution_info.as_ref();
                let stored = match record(info.and_then(|info| info.memo.as_ref()))? {
                    Some(record) => Some(record),
                    // It was told something before its start, and nobody has driven it since.
                    None => self.recorded(run, Some(there.run_id())).await?.begun.map(|begun| begun.record),
                };
                use WorkflowExecutionStatus as Status;
                let by_hand = matches!(there.status(), Status::Failed | Status::Canceled | Status::Terminated | Status::TimedOut);
                Ok(stored.map(|mut record| {
                    record.run.ended |= by_hand;
                    record
                }))
            }
        }
    }

    /// Whether the run was told something under this key.
    pub(super) async fn was_told(&self, key: &IdempotencyKey, run: &RunId) -> Result<bool> {
        let Some(latest) = self.latest(run).await? else { return Ok(false) };
        let before = latest.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.told.knows(key.as_str()));
        Ok(before || latest.told.iter().any(|told| told.key == key.as_str()))
    }

    pub(super) async fn told_once(&self, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        let Some(latest) = self.latest(run).await? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for Earlier { execution, signal, .. } in latest.earlier() {
            if *signal > after {
                all.extend(self.recorded(run, Some(execution)).await?.signals());
            }
        }
        all.extend(latest.signals());
        all.retain(|signal| signal.number > after);
        all.truncate(limit);
        Ok(all)
    }

    pub(super) async fn entries_once(&self, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        let unknown = || Call::new("read the entries of a run", run).refused(ErrorKind::NotFound, "there is no such run");
        let latest = self.latest(run).await?.ok_or_else(unknown)?;
        let mut all = Vec::new();
        for Earlier { execution, seq, .. } in latest.earlier() {
            if *seq > after {
                all.extend(self.recorded(run, Some(execution)).await?.entries);
            }
        }
        all.extend(latest.entries);
        let mut by_seq = BTreeMap::new();
        for entry in all {
            by_seq.entry(entry.seq).or_insert(entry);
        }
        if by_seq.is_empty() && after == Seq(0) {
            return Err(unknown());
        }
        Ok(by_seq.into_values().filter(|entry| entry.seq > after).take(limit).collect())
    }

    /// All runs that the filter lets through, in the order of their ids. What a run was is asked for before what it is: the server lists a
    /// new execution a moment after the one before it has ended, and a run that is found in between is looked at by itself.
    pub(super) async fn all_runs(&self, filter: &RunFilter) -> Result<Vec<RunId>> {
        let (early, machine) = (Stage::Early.name(), filter.machine.as_deref());
        let of_machine = machine.map(|machine| format!(" AND PathOpsMachine = '{}'", quoted(machine))).unwrap_or_default();
        let mut unsure = BTreeSet::new();
        if filter.ended != Some(true) {
            // Those that were started after they were told something are listed as what they were until somebody drives them.
            unsure = self.listed(&format!("ExecutionStatus = 'Running' AND PathOpsState = '{early}'")).await?;
            unsure.extend(self.listed(&format!("ExecutionStatus = 'ContinuedAsNew'{of_machine}")).await?);
        }
        let status = match filter.ended {
            None => "ExecutionStatus != 'ContinuedAsNew'",
            Some(true) => "ExecutionStatus != 'ContinuedAsNew' AND ExecutionStatus != 'Running'",
            Some(false) => "ExecutionStatus = 'Running'",
        };
        let mut all = self.listed(&format!("{status}{of_machine} AND PathOpsState != '{early}'")).await?;
        for run in unsure {
            if all.contains(&run) {
                continue;
            }
            let is_one = |Record { run, .. }: Record| {
                machine.is_none_or(|machine| machine == run.machine) && filter.ended.is_none_or(|ended| ended == run.ended)
            };
            if self.record(&run).await?.is_some_and(is_one) {
                all.insert(run);
            }
        }
        Ok(all.into_iter().collect())
    }

    async fn listed(&self, query: &str) -> Result<BTreeSet<RunId>> {
        let call = Call::new("list runs", &self.config.namespace);
        let query = format!("WorkflowType = '{RUN}' AND TaskQueue = '{}' AND {query}", quoted(&self.config.queue));
        let mut listed = self.client.list_workflows(query, WorkflowListOptions::default());
        let mut all = BTreeSet::new();
        while let Some(execution) = listed.next().await {
            let execution = execution.map_err(|error| call.failed(error))?;
            // What somebody else started under that type is none of ours.
            all.extend(RunId::parse(execution.id()));
        }
        Ok(all)
    }

    /// Until a run is listed, as what `status` asks for; and not for ever, since nothing but lists depends on it.
    pub(super) async fn is_listed(&self, run: &RunId, status: &str) -> Result<()> {
        let query = format!("WorkflowType = '{RUN}' AND WorkflowId = '{}'{status}", quoted(run.as_str()));
        let count = || async {
            let counted = self.client.count_workflows(query.clone(), WorkflowCountOptions::default()).await;
            Ok(counted.map_err(|error| Call::new("list runs", run).failed(error))?.count())
        };
        for _ in 0..LOOKS {
            if with_retry(&*self.clock, count).await? > 0 {
                return Ok(());
            }
            self.clock.sleep(LOOK).await;
        }
        let late = Call::new("list runs", run).refused(ErrorKind::Timeout, "the server does not list it");
        Err(late.advise("see whether the visibility store of the Temporal server works"))
    }

    /// Until a run has ended, and is listed as that.
    pub(super) async fn ended(&self, run: &RunId) -> Result<()> {
        while let Err(error) = self.result(run).await {
            if error.retry() == Retry::Never {
                return Err(error);
            }
            // Days may pass, and the server may be out of reach again and again.
            self.clock.sleep(LOOK).await;
            with_retry(&*self.clock, || self.record(run)).await?;
        }
        self.is_listed(run, " AND ExecutionStatus = 'Completed'").await
    }

    /// Until what ended last is written down. Not for ever: the run may stand still.
    pub(super) async fn taken_up(&self, run: &RunId) -> Result<()> {
        const LOOKS: u32 = 100;
        for _ in 0..LOOKS {
            let described = || async {
                let there = self.execution(run, None).describe(WorkflowDescribeOptions::default()).await;
                there.map_err(|error| Call::new("drive a run", run).failed(error))
            };
            if with_retry(&*self.clock, described).await?.raw().pending_workflow_task.is_none() {
                break;
            }
            self.clock.sleep(LOOK).await;
        }
        Ok(())
    }

    /// The answer of the server when the run has ended.
    async fn result(&self, run: &RunId) -> Result<()> {
        let call = Call::new("drive a run", run);
        match self.execution(run, None).get_result(WorkflowGetResultOptions::default()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_workflow_outcome() => {
                let refused =
                    call.refused(ErrorKind::Invalid, "somebody ended it on the server by hand, so that it cannot go on");
                Err(refused.with_source(error))
            }
            Err(error) => Err(call.failed(error)),
        }
    }

    pub(super) async fn raw_history(&self, run: &RunId) -> Result<Vec<u8>> {
        let call = Call::new("read the history of a run", run);
        let history = self.execution(run, None).fetch_history(WorkflowFetchHistoryOptions::default());
        history.to_json().await.map_err(|error| match status_of(&error) {
            Some(status) => call.refused_by(status),
            None => call.refused(ErrorKind::Unexpected, error),
        })
    }

    async fn latest(&self, run: &RunId) -> Result<Option<History>> {
        match self.execution(run, None).describe(WorkflowDescribeOptions::default()).await {
            Err(WorkflowInteractionError::NotFound(_)) => Ok(None),
            Err(error) => Err(Call::new("read a run", run).failed(error)),
            Ok(there) => self.recorded(run, Some(there.run_id())).await.map(Some),
        }
    }

    async fn recorded(&self, run: &RunId, execution: Option<&str>) -> Result<History> {
        let fetched = self.execution(run, execution).fetch_history(WorkflowFetchHistoryOptions::default());
        let events = fetched.into_events().await.map_err(|error| Call::new("read a run", run).failed(error))?;
        let mut history = History::default();
        for event in events {
            history.add(event)?;
        }
        Ok(history)
    }

    fn execution(&self, run: &RunId, execution: Option<&str>) -> WorkflowHandle<Client, UntypedWorkflow> {
        let info = WorkflowExecutionInfo::builder()
            .namespace(self.config.namespace.clone())
            .workflow_id(run.as_str())
            .maybe_run_id(execution.map(str::to_owned))
            .build();
        info.bind_untyped(self.client.clone())
    }
}

/// What the history of an execution says of its run.
#[derive(Default)]
struct History {
    checkpoint: Option<Box<Checkpoint>>,
    begun: Option<Begun>,
    entries: Vec<Entry>,
    told: Vec<Told>,
}

impl History {
    fn add(&mut self, event: HistoryEvent) -> Result<()> {
        match event.attributes {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
                let input: Option<Input> = first(started.input.as_ref())?;
                if let Some(Input { from: From::Checkpoint(checkpoint), .. }) = input {
                    self.checkpoint = Some(checkpoint);
                } else {
                    self.take(record(started.memo.as_ref())?);
                }
            }
            Some(Attributes::WorkflowPropertiesModifiedEventAttributes(modified)) => {
                self.take(record(modified.upserted_memo.as_ref())?);
            }
            Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) => match signal.signal_name.as_str() {
                "told" => self.told.extend(first(signal.input.as_ref())?),
                "begin" if self.begun.is_none() => {
                    self.begun = first(signal.input.as_ref())?;
                    let first = self.begun.as_ref().map(|begun| begun.record.clone());
                    self.take(first);
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, record: Option<Record>) {
        self.entries.extend(record.into_iter().flat_map(|record| record.entries));
    }

    fn earlier(&self) -> &[Earlier] {
        self.checkpoint.as_ref().map_or(&[], |checkpoint| &checkpoint.earlier)
    }

    /// The signals that came while it ran, numbered as the workflow numbers them.
    fn signals(&self) -> Vec<Signal> {
        let mut numbers = self.checkpoint.as_ref().map_or_else(Numbers::default, |checkpoint| checkpoint.told.clone());
        let numbered = self.told.iter().filter_map(|told| Some(told.clone().numbered(numbers.number(&told.key)?)));
        numbered.collect()
    }
}

fn first<T: serde::de::DeserializeOwned>(payloads: Option<&Payloads>) -> Result<Option<T>> {
    payloads.and_then(|payloads| payloads.payloads.first()).map(read).transpose()
}

/// In a query of the server.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
