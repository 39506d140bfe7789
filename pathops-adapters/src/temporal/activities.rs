//! What is to be done, done: the activities of runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use pathops_core::adapter::Clock;
use pathops_core::{Error, IdempotencyKey, OpContext, Result, Retry};
use serde_json::Value;
use temporalio_macros::activities;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::error::ApplicationErrorCategory;
use tokio::sync::{mpsc, oneshot, watch};

use crate::temporal::host::{Goes, Host};
use crate::temporal::wire::Task;

/// A call of a host's performer. It is made by who drives, so that it ends with them.
pub(super) type Work = BoxFuture<'static, ()>;

/// How long what was not begun here waits for somebody else.
const ELSEWHERE: Duration = Duration::from_millis(500);

/// Performs and holds operations.
pub(crate) struct Activities {
    pub(super) host: Arc<Host>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) work: mpsc::UnboundedSender<Work>,
    pub(super) beat: Duration,
}

#[derive(Clone, Copy)]
enum What {
    Perform,
    Hold,
}

/// Why a call is given up.
enum Given {
    Cancelled,
    LetGo,
}

#[activities]
impl Activities {
    /// Performs an operation, and answers its outcome.
    #[activity(name = "pathops.perform")]
    pub(crate) async fn perform(self: Arc<Self>, ctx: ActivityContext, task: Task) -> Result<Value, ActivityError> {
        self.attempt(&ctx, task, What::Perform).await
    }

    /// Sees to it that nothing comes of an operation.
    #[activity(name = "pathops.hold")]
    pub(crate) async fn hold(self: Arc<Self>, ctx: ActivityContext, task: Task) -> Result<Value, ActivityError> {
        self.attempt(&ctx, task, What::Hold).await
    }
}

impl Activities {
    async fn attempt(&self, ctx: &ActivityContext, task: Task, what: What) -> Result<Value, ActivityError> {
        let mut goes = self.host.goes();
        if *goes.borrow() != Goes::On {
            return Err(let_go());
        }
        let _busy = self.host.busy();
        let waits = task.waits && matches!(what, What::Perform);
        let (stop, stopped) = oneshot::channel();
        let (answer, mut answered) = oneshot::channel();
        let (host, key) = (Arc::clone(&self.host), task.key.clone());
        let work = async move {
            let came = until(stopped, host.call(task, what)).await;
            // What was begun is dropped by now.
            if let Some(came) = came {
                answer.send(came).ok();
            }
        };
        if self.work.send(work.boxed()).is_err() {
            return Err(let_go());
        }
        let given = {
            let given_up = self.given_up(ctx, &mut goes, waits).boxed();
            match select(&mut answered, given_up).await {
                Either::Left((Ok(Err(error)), _)) => return Err(failure(error)),
                Either::Left((Ok(Ok(came)), _)) => {
                    self.host.is_over(&key);
                    return Ok(came);
                }
                // Who drove has gone.
                Either::Left((Err(_), _)) => return Err(let_go()),
                Either::Right((given, _)) => given,
            }
        };
        stop.send(()).ok();
        // Until it is dropped.
        answered.await.ok();
        Err(match given {
            // It is performed again, by this host or another one, or held.
            Given::Cancelled => ActivityError::cancelled(),
            Given::LetGo => let_go(),
        })
    }

    /// Ends when the call is to be given up. The server hears meanwhile that it goes on, which is also how it is known that it shall not.
    async fn given_up(&self, ctx: &ActivityContext, goes: &mut watch::Receiver<Goes>, waits: bool) -> Given {
        let mut cancelled = std::pin::pin!(ctx.cancelled().fuse());
        loop {
            if ctx.record_heartbeat(()).await.is_err() {
                tracing::warn!("a heartbeat cannot be written");
            }
            tokio::select! {
                () = &mut cancelled => return Given::Cancelled,
                () = let_go_of(goes, waits) => return Given::LetGo,
                () = self.clock.sleep(self.beat) => {}
            }
        }
    }
}

impl Host {
    async fn call(self: Arc<Self>, task: Task, what: What) -> Result<Value> {
        let cx = OpContext::new(IdempotencyKey::new(task.key.clone()));
        let done = match self.machines.get(&task.machine) {
            Err(error) => {
                self.all_stopped(&task.run, &error);
                return Err(error);
            }
            Ok(machine) => {
                // Here and not in the workflow: after the end of a host the server has this done again, and nothing of the run happens.
                if let (What::Perform, Some(op)) = (what, task.op())
                    && self.tells(&task.key)
                {
                    machine.began(&task.run, op, &task.command);
                }
                let done = match what {
                    What::Perform => machine.perform(&cx, &task.command).await,
                    What::Hold => machine.hold(&cx.part("hold"), &task.command).await.map(|()| Value::Null),
                };
                if let Err(error) = &done {
                    machine.stopped(&task.run, error);
                }
                done
            }
        };
        if let Err(error) = &done {
            tracing::warn!(run = %task.run, error = %error, "an operation cannot go on; it is tried again");
        }
        done
    }
}

/// Ends when the host lets go: of everything, or of what waits.
async fn let_go_of(goes: &mut watch::Receiver<Goes>, waits: bool) {
    let gone = |goes: &Goes| *goes == Goes::Away || (waits && *goes == Goes::Drains);
    // Nobody is there to say so any more: then it is let go of, too.
    goes.wait_for(gone).await.ok();
}

/// What comes of it, unless it is stopped before; it is dropped then.
async fn until<T>(stopped: oneshot::Receiver<()>, doing: impl Future<Output = T>) -> Option<T> {
    match select(stopped, Box::pin(doing)).await {
        // Where nobody waits for it any more, too.
        Either::Left(_) => None,
        Either::Right((came, _)) => Some(came),
    }
}

/// Somebody else does it.
fn let_go() -> ActivityError {
    let failure = ApplicationFailure::builder("the host that did it goes").type_name("Gone".to_owned());
    // Nothing is wrong.
    let failure = failure.category(ApplicationErrorCategory::Benign);
    ActivityError::application(failure.next_retry_delay(ELSEWHERE).build())
}

/// It is tried again.
fn failure(error: Error) -> ActivityError {
    let after = match error.retry() {
        Retry::After(wait) => Some(wait),
        Retry::Never | Retry::Backoff => None,
    };
    let kind = format!("{:?}", error.kind());
    ActivityError::application(ApplicationFailure::builder(error).type_name(kind).maybe_next_retry_delay(after).build())
}
