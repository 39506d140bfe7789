//! Performing the commands of a change set: calls of adapter traits, one activity a file.
//!
//! Every activity looks before it acts, so that performing it again after a crash or a lost answer changes nothing more.

pub(crate) mod announce;
mod build;
mod collect;
mod decide;
mod deploy;
mod expect;
pub(crate) mod facts;
mod governance;
pub(crate) mod incident;
mod labels;
mod late;
mod looks;
mod merge;
mod notify;
pub(crate) mod project;
pub(crate) mod promote;
mod prove;
pub(crate) mod record;
mod recover;
pub(crate) mod redaction;
mod release;
mod turn;
mod work;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use pathops_core::adapter::{
    AgentBackend, BlobStore, Ci, Clock, EvidenceIndex, GitOps, IdSource, Merge, Notifier, RuntimeSignals, Scm,
};
use pathops_core::evidence::TrustRoot;
use pathops_core::flow::{Engine, Performer};
use pathops_core::policy::{Languages, Policy};
use pathops_core::project::Unit;
use pathops_core::{
    BranchName, EnvironmentId, Error, ErrorKind, OpContext, PullRequestNumber, RepoId, Result, Retry, UnitId, UnixMillis,
};
use pathops_evidence::ledger::Ledger;
use pathops_evidence::redact::Redactor;
use pathops_evidence::retention::SealedBlobs;
use pathops_evidence::{CollectLimits, Sealer, Streams};

use crate::activity::looks::Looks;
use crate::activity::project::LastRead;
use crate::activity::redaction::PayloadRedaction;
use crate::bells::Bells;
use crate::change_set::{ChangeSet, Command, Limits, Outcome, PullRequestRef, State};
use crate::retry::{RetryBudgets, Tries, with_budget};
use crate::waits::{GIT_HOST, system_of};

/// The part of an operation that collects a snapshot.
pub(crate) const SNAPSHOT: &str = "snapshot";

/// How patiently the outside is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The first wait between two looks; each next one is twice as long.
    pub shortest: Duration,
    /// The longest wait between two looks.
    pub longest: Duration,
    /// How long a deployment may take before it counts as failed.
    pub deploy_limit: Duration,
    /// How long an agent may work on a task.
    pub agent_limit: Duration,
    /// How often what is in production is looked at once more: whether it would still get there, and has no incident.
    pub doubts: Duration,
}

impl Default for Pace {
    /// From 10 ms to 2 s between looks; 10 minutes for a deployment, 30 for an agent; every 10 minutes at production.
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(10),
            longest: Duration::from_secs(2),
            deploy_limit: Duration::from_secs(600),
            agent_limit: Duration::from_secs(1_800),
            doubts: Duration::from_secs(600),
        }
    }
}

/// Everything an activity may call.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) scm: Arc<dyn Scm>,
    pub(crate) merge: Arc<dyn Merge>,
    pub(crate) ci: Arc<dyn Ci>,
    pub(crate) gitops: Arc<dyn GitOps>,
    pub(crate) signals: Arc<dyn RuntimeSignals>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// Where payloads go that are to be erasable.
    pub(crate) sealed: Option<SealedBlobs>,
    pub(crate) agent: Arc<dyn AgentBackend>,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) evidence: Option<Arc<dyn EvidenceIndex>>,
    pub(crate) sealer: Sealer,
    pub(crate) ledger: Option<Arc<Ledger>>,
    pub(crate) trust: TrustRoot,
    /// Takes secrets out of texts and records.
    pub(crate) redactor: Redactor,
    /// Takes them out of payloads.
    pub(crate) payloads: PayloadRedaction,
    pub(crate) streams: Streams,
    pub(crate) collect_limits: CollectLimits,
    pub(crate) languages: Languages,
    /// The project as it was read last.
    pub(crate) last_read: LastRead,
    /// How many approvals a policy has to ask for with its own check; `None` where it may leave that out.
    pub(crate) needs_policy_check: Option<u32>,
    /// Whether pull requests get labels.
    pub(crate) labels: bool,
    pub(crate) pace: Pace,
    /// Rings where a deployment may have got further that is waited for.
    pub(crate) deployments: Bells<(UnitId, EnvironmentId)>,
    /// The same of a pull request.
    pub(crate) pull_requests: Bells<(RepoId, PullRequestNumber)>,
    pub(crate) limits: Limits,
    pub(crate) budgets: Arc<RetryBudgets>,
}

impl Services {
    /// The tries of an operation that asks a system.
    fn tries<'c>(&'c self, cx: &'c OpContext, system: &'static str) -> Tries<'c> {
        Tries::new(&self.budgets, cx.key(), system)
    }

    /// Looks again and again until there is an answer. A fault that passes is no answer: a wait may outlast an outage.
    async fn poll<'c, T>(&self, tries: Tries<'_>, look: impl FnMut() -> BoxFuture<'c, Result<Option<T>>> + Send) -> Result<T> {
        let answer = self.poll_until(tries, None, look).await?;
        answer.ok_or_else(|| Error::new(ErrorKind::Unexpected, "wait without a limit").because("it came to an end"))
    }

    /// The same, until an instant; `None` where it is later than that, nothing is wrong, and there still is no answer.
    async fn poll_until<'c, T>(
        &self,
        tries: Tries<'_>,
        until: Option<UnixMillis>,
        look: impl FnMut() -> BoxFuture<'c, Result<Option<T>>> + Send,
    ) -> Result<Option<T>> {
        self.look_until(Looks::by_the_pace(self), tries, until, look).await
    }

    /// The same of a pull request. A hint that it was approved or merged, or that it moved in another way, makes this look at once, and is
    /// believed nothing else.
    async fn poll_pull_request<'c, T>(
        &self,
        cx: &OpContext,
        PullRequestRef { repo, number, .. }: &PullRequestRef,
        until: Option<UnixMillis>,
        look: impl FnMut() -> BoxFuture<'c, Result<Option<T>>> + Send,
    ) -> Result<Option<T>> {
        let hints = self.pull_requests.of(&(repo.clone(), *number));
        self.look_until(Looks::hinted(self, hints), self.tries(cx, GIT_HOST), until, look).await
    }

    async fn look_until<'c, K: Ord + Send + Sync, T>(
        &self,
        mut looks: Looks<'_, K>,
        mut tries: Tries<'_>,
        until: Option<UnixMillis>,
        mut look: impl FnMut() -> BoxFuture<'c, Result<Option<T>>> + Send,
    ) -> Result<Option<T>> {
        loop {
            looks.begin();
            // An answer that was there in time is one, however long the look takes.
            let asked = self.clock.now();
            let failed = match look().await {
                Err(error) if error.retry() == Retry::Never => return Err(error),
                Err(error) => Some(error),
                Ok(answer) => {
                    tries.answered();
                    if answer.is_some() || until.is_some_and(|until| until <= asked) {
                        return Ok(answer);
                    }
                    None
                }
            };
            looks.next().await;
            if let Some(error) = failed {
                tracing::info!(error = %error, "looking again");
                tries.again(&*self.clock, &error).await;
            }
        }
    }

    /// What is wrong with a policy for a unit, by what the host asks of policies.
    pub(crate) fn objection(&self, policy: &Policy, unit: &Unit) -> Option<String> {
        let wanted = self.needs_policy_check?;
        let objects = policy.approvals_of_itself(unit).is_none_or(|asked| asked < wanted);
        objects.then(|| {
            format!(
                "this host promotes by policies only that were checked, with at least {wanted} approvals, and no requirement of `{}` \
                 asks for that of every change, whatever glass is broken",
                unit.id
            )
        })
    }

    /// Where the branch is that the meta repository is declared on.
    pub(crate) async fn main(&self, cx: &OpContext, meta_repo: &RepoId) -> Result<pathops_core::CommitId> {
        let invalid = |error| Error::new(ErrorKind::Invalid, "read the project").on(meta_repo).because(error);
        let branch = announce::SOURCE_BRANCH.parse().map_err(|error: pathops_core::IdError| invalid(error))?;
        self.head(cx, meta_repo, &branch).await
    }

    /// The head of a branch that has to be there.
    async fn head(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<pathops_core::CommitId> {
        let head = self.scm.branch_head(cx, repo, branch).await?;
        head.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "read a branch").on(format!("{repo}@{branch}")).because("there is no such branch")
        })
    }

    async fn try_perform(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        match command {
            Command::AwaitTurn { .. } => self.await_turn(cx, command).await,
            Command::Announce { scope, role, target, reviewers, body } => {
                self.announce(cx, scope, *role, target.as_ref(), reviewers, body).await
            }
            Command::Work { scope, pull_request, objective, patch, allowed, until } => match patch {
                Some(patch) => self.agent_work(cx, scope, pull_request, objective, patch, allowed).await,
                None => self.human_work(cx, pull_request, allowed, *until).await,
            },
            Command::Build { .. } => self.build(cx, command).await,
            Command::AwaitMerge { role, pull_request, path, until, .. } => {
                self.await_merge(cx, *role, pull_request, path, *until).await
            }
            Command::Stage { scope, target, pull_request, built } => {
                self.stage(cx, scope, target, pull_request, built.as_ref()).await
            }
            Command::MergePreflight { scope, target, pull_request } => {
                self.merge_preflight(cx, scope, target, pull_request).await
            }
            Command::Observe { scope, target, desired, artifact, settle_millis } => {
                self.observe(cx, scope, target, desired, *artifact, Duration::from_millis(*settle_millis)).await
            }
            Command::Collect { .. } => self.collect(cx, command).await,
            Command::Decide { .. } => self.decide(cx, command).await,
            Command::Propose { .. } => self.propose(cx, command).await,
            Command::Promote { .. } => self.promote(cx, command).await,
            Command::AwaitRetry { until, .. } => {
                self.clock.sleep(until.since(self.clock.now())).await;
                Ok(Outcome::Overdue)
            }
            Command::Close { scope, pull_requests } => self.close(cx, scope, pull_requests).await,
            Command::Revert { .. } => self.revert(cx, command).await,

            Command::Comment { change_set, pull_requests, body, .. } => self.comment(cx, change_set, pull_requests, body).await,
            Command::Record { change_set, meta_repo, at, files, once, apps, releases } => {
                let record =
                    record::Record { message: record::message(change_set), meta_repo, at: *at, files, once, apps, releases };
                self.record(cx, &record).await
            }
        }
    }
}

#[async_trait]
impl Performer<ChangeSet> for Services {
    async fn perform(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        self.tell(cx, notify::before(command)).await;
        if let Command::Comment { failures: failures @ 1.., .. } = command {
            self.clock.sleep(self.pace.longest * 2_u32.saturating_pow(*failures)).await;
        }
        let tries = self.tries(cx, system_of(command));
        let outcome = match with_budget(&*self.clock, tries, || Box::pin(self.try_perform(cx, command))).await {
            Ok(outcome) => outcome,
            Err(error) if says_nothing(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(key = %cx.key(), error = %error, "operation failed");
                Outcome::Failed { reason: self.redactor.redact_text(&error.to_string()) }
            }
        };
        self.tell(&cx.part("outcome"), notify::after(command, &outcome)).await;
        Ok(outcome)
    }

    async fn hold(&self, cx: &OpContext, command: &Command) -> Result<()> {
        let tries = self.tries(cx, system_of(command));
        match with_budget(&*self.clock, tries, || Box::pin(self.withhold(cx, command))).await {
            Err(error) if !says_nothing(&error) => {
                // As with what is performed, the change set goes on; what it ends with closes the pull request.
                tracing::warn!(key = %cx.key(), error = %error, "what was granted could not be taken back");
                Ok(())
            }
            held => held,
        }
    }

    async fn late(&self, cx: &OpContext, command: &Command, state: &State) -> Result<()> {
        let Some(unit) = command.unit() else { return Ok(()) };
        let swept = with_budget(&*self.clock, self.tries(cx, GIT_HOST), || Box::pin(self.sweep(cx, state, unit))).await?;
        for what in swept {
            tracing::warn!(key = %cx.key(), "this host came too late, and has taken back {what}");
        }
        Ok(())
    }
}

/// Somebody else may have pushed between a look and a write, which is refused then: the driver looks again.
pub(crate) fn moved(error: Error) -> Error {
    if error.kind() == ErrorKind::Conflict { error.with_retry(Retry::Backoff) } else { error }
}

/// Whether an error is about the systems around and says nothing about the change: it must not be refused for that.
fn says_nothing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited | ErrorKind::Corrupt
    )
}

/// What comes of many reads, in their order, some of them at a time: a decision about many pieces of evidence is made and used within
/// the life of its grant.
pub(crate) async fn at_once<T: Send>(reads: impl Iterator<Item = BoxFuture<'_, Result<T>>>) -> Result<Vec<T>> {
    const AT_ONCE: usize = 16;
    stream::iter(reads.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await
}
