//! A process that runs, what its health check says, and the job that tests it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::UnixMillis;
use pathops_core::adapter::{Clock, JobResult};
use tokio::task::JoinSet;

use super::http;
use super::plan::Plan;
use super::process::{End, Process};

/// How long one health check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(2);
/// How long a process that was healthy may be ill before it counts as unhealthy.
const ILL_LIMIT: Duration = Duration::from_secs(1);
/// Between two checks: while it comes up, while it is new, and later.
const PAUSES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(100), Duration::from_secs(1)];
const NEW: Duration = Duration::from_secs(10);

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happened next.
pub(super) enum Happened {
    /// The process ended, and how.
    Ended(End),
    /// The health check answered well.
    Well,
    /// It did not.
    Ill,
    /// It has been ill for too long.
    OutOfPatience,
    /// A job ended.
    Tested(JobResult),
}

/// A process and what is known of its health. Dropping it kills the process.
pub(super) struct Running {
    plan: Plan,
    process: Process,
    started_at: UnixMillis,
    health: Health,
    patience: Timer,
    jobs: JoinSet<JobResult>,
    /// What the jobs found that have ended.
    results: Vec<JobResult>,
}

struct Health {
    since: Option<UnixMillis>,
    /// Whether it was healthy before, or answers at all.
    shows_life: bool,
    complaint: String,
}

impl Running {
    pub(super) fn new(plan: Plan, process: Process, start_limit: Duration, clock: &Arc<dyn Clock>) -> Self {
        let health = Health { since: None, shows_life: false, complaint: "it was not asked yet".to_owned() };
        let (started_at, patience) = (clock.now(), timer(start_limit, clock));
        Self { plan, process, started_at, health, patience, jobs: JoinSet::new(), results: Vec::new() }
    }

    /// Waits for what happens next.
    ///
    /// # Cancel safety
    /// Nothing is lost but a health check under way.
    pub(super) async fn next(&mut self, clock: &Arc<dyn Clock>) -> Happened {
        let (port, path, pause) = (self.plan.port, self.plan.health.clone(), self.pause(clock));
        let check = async {
            clock.sleep(pause).await;
            http::get(port, path, CHECK_LIMIT).await
        };
        let answer = tokio::select! {
            biased;
            end = self.process.ended() => return Happened::Ended(end),
            Some(Ok(result)) = self.jobs.join_next(), if !self.jobs.is_empty() => return Happened::Tested(result),
            () = &mut self.patience => {
                self.patience = Box::pin(std::future::pending());
                return Happened::OutOfPatience;
            }
            answer = check => answer,
        };
        let path = self.plan.health.as_str();
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => return Happened::Well,
            Ok(answer) => {
                self.health.shows_life = true;
                self.health.complaint = format!("GET {path} answered with status {}", answer.status);
            }
            Err(reason) => self.health.complaint = format!("GET {path}: no answer: {reason}"),
        }
        Happened::Ill
    }

    fn pause(&self, clock: &Arc<dyn Clock>) -> Duration {
        let [coming_up, new, later] = PAUSES;
        match self.health.since {
            None => coming_up,
            Some(since) if clock.now().since(since) < NEW => new,
            Some(_) => later,
        }
    }

    /// It is healthy from now on.
    pub(super) fn is_healthy(&mut self, now: UnixMillis) {
        self.health = Health { since: Some(now), shows_life: true, complaint: String::new() };
        self.patience = Box::pin(std::future::pending());
    }

    /// It was healthy and is no longer.
    pub(super) fn is_ill(&mut self, clock: &Arc<dyn Clock>) {
        self.health.since = None;
        self.patience = timer(ILL_LIMIT, clock);
    }

    /// Notes what a job found. Once each job has a result, gives them all.
    pub(super) fn tested(&mut self, result: JobResult) -> Option<Vec<JobResult>> {
        self.results.push(result);
        (self.results.len() >= self.plan.jobs.len()).then(|| std::mem::take(&mut self.results))
    }

    /// Starts the first job without a result for this tree, if it is healthy and no other job runs.
    pub(super) fn start_job(&mut self, done: &[JobResult], limit: Duration, clock: &Arc<dyn Clock>) {
        let results = || self.results.iter().chain(done);
        let has_ended = |name| results().any(|result| result.job == name && result.tree == self.plan.tree);
        let job = self.plan.jobs.iter().find(|job| !has_ended(job.name.clone()));
        if let (Some(job), true) = (job, self.health.since.is_some() && self.jobs.is_empty()) {
            self.jobs.spawn(job.clone().run(self.plan.port, self.plan.tree.clone(), limit, clock.clone()));
        }
    }

    pub(super) fn healthy_since(&self) -> Option<UnixMillis> {
        self.health.since
    }

    pub(super) fn shows_life(&self) -> bool {
        self.health.shows_life
    }

    pub(super) fn complaint(&self) -> &str {
        &self.health.complaint
    }

    pub(super) fn started_at(&self) -> UnixMillis {
        self.started_at
    }

    pub(super) fn url(&self) -> String {
        http::url(self.plan.port)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes over a plan for the same process.
    pub(super) fn set_plan(&mut self, plan: Plan) {
        self.plan = plan;
    }

    pub(super) fn into_plan(self) -> Plan {
        self.plan
    }

    /// Ends the process, gently first.
    pub(super) async fn stop(self) {
        self.process.stop().await;
    }
}

fn timer(duration: Duration, clock: &Arc<dyn Clock>) -> Timer {
    let clock = clock.clone();
    Box::pin(async move { clock.sleep(duration).await })
}
