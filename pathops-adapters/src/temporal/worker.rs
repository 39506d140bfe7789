//! Driving: a worker of the server, with what its operations call.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pathops_core::adapter::Clock;
use pathops_core::flow::Machines;
use pathops_core::{Error, ErrorKind, Result};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use tokio::sync::{mpsc, watch};

use crate::temporal::TemporalConfig;
use crate::temporal::activities::{Activities, Work};
use crate::temporal::connection::connect;
use crate::temporal::host::{Goes, Host};
use crate::temporal::workflow::RunWorkflow;

/// How many operations are performed at a time. Each that waits for somebody counts, and costs next to nothing.
const OPERATIONS: usize = 10_000;

/// How many workflow tasks are worked on at a time.
const TASKS: usize = 100;

/// How long a worker stays after the last operation has ended.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// How long a worker has to say that it goes.
const FAREWELL: Duration = Duration::from_secs(10);

/// How long a worker waits before it tries again, where it could not go on.
const PAUSE: Duration = Duration::from_secs(1);

/// A worker for as long as it is driven. Its workflows run in a thread of their own, since they may not leave it. What performs operations
/// runs in here, so that it is dropped with this.
pub(super) struct Working {
    host: Arc<Host>,
    work: mpsc::UnboundedReceiver<Work>,
    doing: FuturesUnordered<Work>,
    ended: watch::Receiver<bool>,
}

impl Working {
    pub(super) fn begin(config: &TemporalConfig, clock: &Arc<dyn Clock>, machines: &Machines) -> Result<Self> {
        let (host, (sender, work), (end, ended)) =
            (Host::new(machines.clone(), config.beat), mpsc::unbounded_channel(), watch::channel(false));
        let thread = Thread { config: config.clone(), clock: Arc::clone(clock), host: Arc::clone(&host), work: sender };
        let spawned = thread::Builder::new().name("temporal".to_owned()).spawn(move || {
            // A machine that panics takes its worker along; the others go on in another one.
            while panic::catch_unwind(AssertUnwindSafe(|| thread.run())).is_err() {
                tracing::error!("a worker has panicked; it begins again");
                thread::sleep(PAUSE);
            }
            end.send_replace(true);
        });
        spawned.map_err(failed)?;
        Ok(Self { host, work, doing: FuturesUnordered::new(), ended })
    }

    /// What tells when the worker has said that it goes.
    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }

    /// Works while `waiting` waits.
    pub(super) async fn during<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            tokio::select! {
                waited = &mut waiting => return waited,
                Some(work) = self.work.recv() => self.doing.push(work),
                Some(()) = self.doing.next(), if !self.doing.is_empty() => {}
            }
        }
    }

    /// Begins nothing any more, and works until nothing is being done.
    pub(super) async fn drained(&mut self, clock: &dyn Clock) {
        self.host.set(Goes::Drains);
        let host = Arc::clone(&self.host);
        self.during(async {
            host.is_idle().await;
            // What follows from what has just ended is written down, too. A worker that goes at once leaves it to another one.
            clock.sleep(AFTERWARDS).await;
        })
        .await;
    }

    /// Lets go of everything, and waits until the server knows.
    pub(super) async fn leave(mut self) {
        self.host.set(Goes::Away);
        let mut ended = self.ended.clone();
        self.during(ended.wait_for(|ended| *ended)).await.ok();
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.host.set(Goes::Away);
    }
}

struct Thread {
    config: TemporalConfig,
    clock: Arc<dyn Clock>,
    host: Arc<Host>,
    work: mpsc::UnboundedSender<Work>,
}

impl Thread {
    fn run(&self) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.work()),
            Err(error) => tracing::error!(%error, "a worker cannot begin"),
        }
    }

    /// Works until the host goes, again and again where the server is out of reach.
    async fn work(&self) {
        while let Err(error) = self.work_once().await {
            tracing::warn!(error = %error, "a worker cannot go on; it is tried again");
            tokio::select! {
                () = self.gone() => return,
                () = self.clock.sleep(PAUSE) => {}
            }
        }
    }

    async fn gone(&self) {
        self.host.goes().wait_for(|goes| *goes == Goes::Away).await.ok();
    }

    async fn work_once(&self) -> Result<()> {
        let client = tokio::select! {
            () = self.gone() => return Ok(()),
            client = connect(&self.config) => client?,
        };
        let quiet = RuntimeOptions::builder().heartbeat_interval(None).build().map_err(failed)?;
        let runtime = Runtime::from_current_tokio(quiet).map_err(failed)?;
        let mut worker = Worker::new(&runtime, client, self.options()?).map_err(failed)?;
        let shut_down = worker.shutdown_handle();
        let gone = async {
            self.gone().await;
            shut_down();
            self.clock.sleep(FAREWELL).await;
        };
        tokio::select! {
            worked = worker.run() => worked.map_err(failed),
            () = gone => Ok(()),
        }
    }

    fn options(&self) -> Result<WorkerOptions> {
        let (host, beat) = (Arc::clone(&self.host), self.config.beat);
        let activities = Activities { host: Arc::clone(&host), clock: Arc::clone(&self.clock), work: self.work.clone(), beat };
        let tuner = TunerHolder::builder()
            .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(TASKS))
            .activity_task_slot_supplier(FixedSizeSlotSupplier::new(OPERATIONS))
            .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(1))
            .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
            .build();
        let workflow = move || RunWorkflow::new(Arc::clone(&host));
        let options = WorkerOptions::new(&self.config.queue)
            .tuner(tuner)
            .max_heartbeat_throttle_interval(beat)
            .default_heartbeat_throttle_interval(beat)
            .sticky_queue_schedule_to_start_timeout(Duration::from_secs(1))
            .register_activities(activities)
            .register_workflow_with_factory(workflow)
            .map_err(failed)?;
        Ok(options.build())
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::Unavailable, "drive runs").because(error.to_string()).with_source(error)
}
