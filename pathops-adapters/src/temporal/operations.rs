//! The open operations of a run in its workflow: which activity runs for each, and why.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use pathops_core::adapter::OpId;
use pathops_core::flow::{AnyShell, Course};
use pathops_core::{Error, ErrorKind, Result, RunId};
use serde_json::Value;
use temporalio_common::RetryPolicy;
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, WorkflowCancellationToken, WorkflowContext,
};

use crate::temporal::activities::Activities;
use crate::temporal::wire::{Task, canonical};
use crate::temporal::workflow::RunWorkflow;

/// An operation may wait for people.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What is being done of the open operations of a run.
#[derive(Default)]
pub(super) struct Operations {
    all: BTreeMap<OpId, Operation>,
}

#[derive(Default)]
struct Operation {
    running: Option<Running>,
    /// It is seen to that nothing comes of it as things stand.
    is_held: bool,
    /// How many activities it had in this execution.
    tries: u32,
}

/// An activity of an operation: at most one at a time.
struct Running {
    course: Course,
    token: WorkflowCancellationToken,
    activity: LocalBoxFuture<'static, Result<Value, ActivityExecutionError>>,
    /// It was cancelled. It counts as running until it has really stopped, and what comes of it does not count.
    is_given_up: bool,
    came: Option<Value>,
}

impl Operations {
    /// Sees to each open operation: begins what may go on, holds what may not, and gives up what nobody waits for any more.
    /// Where the run `rolls` into a new execution, nothing is performed any more, and what waits is let go of.
    pub(super) fn attend(
        &mut self,
        ctx: &WorkflowContext<RunWorkflow>,
        shell: &dyn AnyShell,
        run: &RunId,
        rolls: bool,
    ) -> Result<()> {
        let courses: BTreeMap<_, _> = shell.courses().into_iter().collect();
        self.all.retain(|op, _| courses.contains_key(op));
        for (op, course) in courses {
            let operation = self.all.entry(op).or_default();
            let let_go = rolls && course == Course::Perform && shell.waits(op);
            if operation.goes_on(course, let_go)
                || (course == Course::Perform && rolls)
                || (course == Course::Hold && operation.is_held)
            {
                continue;
            }
            let command = shell.command(op)?;
            operation.begin(ctx, course, op, run, command, shell.waits(op), machine_of(shell)?);
        }
        // What was dropped has an outcome of the machine's own.
        for operation in self.all.values_mut() {
            if let Some(Running { course: Course::Drop, came: Some(came), .. }) = &mut operation.running {
                *came = shell.dropped()?;
            }
        }
        Ok(())
    }

    /// An operation whose activity has ended, the first one by its number, with its outcome, or none where it is held now.
    pub(super) fn next(&mut self) -> Option<(OpId, Option<Value>)> {
        for (op, operation) in &mut self.all {
            let Some(Running { course, came, .. }) = &mut operation.running else { continue };
            let (course, Some(came)) = (*course, came.take()) else { continue };
            operation.running = None;
            operation.is_held = course == Course::Hold;
            return Some((*op, Some(came).filter(|_| course != Course::Hold)));
        }
        None
    }

    /// Whether nothing runs that could not be let go of.
    pub(super) fn only_waits(&self, shell: &dyn AnyShell) -> bool {
        let mut running = self.all.iter().filter_map(|(op, operation)| Some((op, operation.running.as_ref()?)));
        running.all(|(op, running)| running.course == Course::Perform && shell.waits(*op))
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.all.values().any(|operation| operation.running.is_some())
    }

    /// Until an activity has ended, or `told` does.
    pub(super) async fn came(&mut self, mut told: Pin<&mut impl Future<Output = ()>>) -> Result<()> {
        poll_fn(|cx| {
            let mut came = false;
            for operation in self.all.values_mut() {
                let Some(running) = &mut operation.running else { continue };
                let Poll::Ready(ended) = running.activity.poll_unpin(cx) else { continue };
                came = true;
                match ended {
                    // It stopped, whatever it ended with: what was given up the server does not try again, also where its host died.
                    _ if running.is_given_up => operation.running = None,
                    Ok(outcome) => running.came = Some(outcome),
                    // Somebody cancelled it by hand: it is begun again.
                    Err(ActivityExecutionError::Cancelled(_)) => operation.running = None,
                    Err(error) => return Poll::Ready(Err(failed(error))),
                }
            }
            if told.as_mut().poll(cx).is_ready() || came { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }
}

impl Operation {
    /// Whether something runs for it, which is given up where it is not the right thing any more.
    fn goes_on(&mut self, course: Course, let_go: bool) -> bool {
        let Some(running) = &mut self.running else { return false };
        let is_right = (running.course == course && !let_go) || running.course == Course::Drop;
        if is_right {
            return true;
        }
        if running.came.is_some() {
            // It ended after all, too late.
            self.running = None;
            return false;
        }
        if !running.is_given_up {
            running.is_given_up = true;
            running.token.cancel();
        }
        true
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is what an activity is given")]
    fn begin(
        &mut self,
        ctx: &WorkflowContext<RunWorkflow>,
        course: Course,
        op: OpId,
        run: &RunId,
        command: Value,
        waits: bool,
        machine: String,
    ) {
        self.tries += 1;
        self.is_held = false;
        let token = WorkflowCancellationToken::new();
        let silence = ctx.state(RunWorkflow::silence);
        let options = options(id_of(op, course, &command, self.tries), silence, token.clone());
        let task = Task::new(machine, run, op, command, waits);
        let ctx = ctx.clone();
        let activity = match course {
            Course::Perform => async move { ctx.execute_activity(Activities::perform, task, options).await }.boxed_local(),
            Course::Hold | Course::Drop => {
                async move { ctx.execute_activity(Activities::hold, task, options).await }.boxed_local()
            }
        };
        self.running = Some(Running { course, token, activity, is_given_up: false, came: None });
    }
}

fn machine_of(shell: &dyn AnyShell) -> Result<String> {
    Ok(shell.stored()?.machine)
}

/// Replay compares the ids of activities and not what they are given, so the id says what that is.
fn id_of(op: OpId, course: Course, command: &Value, tries: u32) -> String {
    let mut digest = canonical(command).hex();
    digest.truncate(16);
    let what = match course {
        Course::Perform => "",
        Course::Hold => "hold.",
        Course::Drop => "drop.",
    };
    format!("op-{}.{digest}.{what}{tries}", op.0)
}

fn options(id: String, silence: Duration, token: WorkflowCancellationToken) -> ActivityOptions {
    let again = RetryPolicy::builder().initial_interval(Duration::from_millis(100)).maximum_interval(Duration::from_secs(30));
    ActivityOptions::with_start_to_close_timeout(LONGEST)
        .activity_id(id)
        .heartbeat_timeout(silence)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .cancellation_token(token)
        .retry_policy(again.build())
        .build()
}

fn failed(error: ActivityExecutionError) -> Error {
    let refused = Error::new(ErrorKind::Unexpected, "perform an operation");
    refused.because("the server has given up on it, or what came of it cannot be read").with_source(error)
}
