//! The people of the example. They stand beside PathOps and not in it: they act on the forge through handles of their
//! own, as people do on a Git host. Simulated, or the person at the terminal.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::system::SystemClock;
use pathops_coordinator::change_set::{Command, PullRequestRef, Role, Scope};
use pathops_core::adapter::{Clock as _, PullRequest, PullRequestState, ReviewState, Scm};
use pathops_core::{ErrorKind, IdempotencyKey, OpContext, PersonId, UnitId};
use tokio::sync::mpsc;

use crate::Failure;
use crate::account::{Account, Tone};
use crate::git_host::{GitHost, Reviewed};

/// Somebody is needed.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    unit: UnitId,
    sponsor: PersonId,
    pull_request: PullRequestRef,
    role: Role,
    /// Whether it is to be merged; else it is to be approved only.
    merge: bool,
}

impl Call {
    /// Whom a command needs; `None` where it needs nobody.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        let call = |scope: &Scope, pull_request: &PullRequestRef, role, merge| Self {
            unit: scope.unit.id.clone(),
            sponsor: scope.sponsor.clone(),
            pull_request: pull_request.clone(),
            role,
            merge,
        };
        match command {
            Command::AwaitMerge { scope, role, pull_request, .. } => Some(call(scope, pull_request, *role, true)),
            Command::Promote { scope, role, pull_request, until_merged, .. } => {
                Some(call(scope, pull_request, *role, *until_merged))
            }
            _ => None,
        }
    }
}

/// Everybody who can act.
pub(crate) struct People {
    host: Arc<dyn GitHost>,
    scm: Arc<dyn Scm>,
    account: Arc<Account>,
    interactive: bool,
}

impl People {
    pub(crate) fn new(host: Arc<dyn GitHost>, account: Arc<Account>, interactive: bool) -> Self {
        Self { scm: host.scm(), host, account, interactive }
    }
}

/// Answers calls, one after the other, until somebody is needed who cannot help; says why.
pub(crate) async fn act(people: People, mut calls: mpsc::UnboundedReceiver<Call>) -> Failure {
    while let Some(call) = calls.recv().await {
        if let Err(failure) = people.answer(&call).await {
            return format!("{}: no person could do what is needed: {failure}", call.unit).into();
        }
    }
    std::future::pending().await
}

impl People {
    async fn answer(&self, call: &Call) -> Result<(), Failure> {
        let now = self.read(call).await?;
        if now.state != PullRequestState::Open {
            return Ok(());
        }
        match self.review_and_merge(call, &now).await {
            // A change set that fails elsewhere closes its pull requests, whatever people are about to do with them.
            Err(_) if self.read(call).await?.state != PullRequestState::Open => Ok(()),
            done => done,
        }
    }

    async fn review_and_merge(&self, call: &Call, now: &PullRequest) -> Result<(), Failure> {
        // The people who were asked, without the one who asked for the change: that one could not approve it.
        let mut able: Vec<_> = now.reviewers.iter().filter(|person| **person != call.sponsor).cloned().collect();
        if able.is_empty() {
            // Some hosts ask nobody any more who has said something.
            let reviews = self.scm.reviews(&context(), &call.pull_request.repo, now.number).await?;
            able = reviews.iter().filter_map(|review| review.author.person()).cloned().collect();
        }
        let (Some(first), Some(last)) = (able.first(), able.last()) else {
            let advice = "give somebody else in people.yaml the role of an owner or a reviewer";
            return Err(format!("only {} could, who asked for the change; {advice}", call.sponsor).into());
        };
        let needs_review = matches!(call.role, Role::Source) || !call.merge;
        // Production is approved by another person than the source.
        let reviewer = if call.role == Role::Source { first } else { last };
        if needs_review && !self.review(call, now, reviewer).await? {
            return self.close(call, now, reviewer).await;
        }
        if call.merge { self.merge(call, now, first).await } else { Ok(()) }
    }

    /// Whether the person approved.
    async fn review(&self, call: &Call, now: &PullRequest, person: &PersonId) -> Result<bool, Failure> {
        let name = format!("{}{}", call.pull_request.repo, now.number);
        let agrees = self.agrees(&format!("{} ({})", now.title, now.head), &format!("{person}: approve {name}?")).await?;
        let (state, text, tells) = if agrees {
            (ReviewState::Approved, "Looks good.", "approves")
        } else {
            (ReviewState::ChangesRequested, "Not like this.", "does not want")
        };
        self.host.review(person, seen(call, now), state, text).await?;
        self.tell(call, &format!("{person} {tells} {name}"));
        Ok(agrees)
    }

    async fn close(&self, call: &Call, now: &PullRequest, person: &PersonId) -> Result<(), Failure> {
        self.scm.close_pull_request(&context(), &call.pull_request.repo, now.number).await?;
        self.tell(call, &format!("{person} closes {}{} instead of merging it", call.pull_request.repo, now.number));
        Ok(())
    }

    /// Merges, as soon as the branch's protection allows it: people press the button when it turns green.
    async fn merge(&self, call: &Call, now: &PullRequest, person: &PersonId) -> Result<(), Failure> {
        let name = format!("{}{}", call.pull_request.repo, now.number);
        if !self.agrees(&now.title, &format!("{person}: merge {name}?")).await? {
            return self.close(call, now, person).await;
        }
        for _ in 0..100 {
            match self.host.merge(person, seen(call, now)).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Denied => SystemClock.sleep(Duration::from_millis(20)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(format!("{name} could not be merged: its branch still refuses it").into())
    }

    async fn read(&self, call: &Call) -> Result<PullRequest, Failure> {
        Ok(self.scm.pull_request(&context(), &call.pull_request.repo, call.pull_request.number).await?)
    }

    fn tell(&self, call: &Call, text: &str) {
        self.account.line(SystemClock.now(), call.unit.as_str(), Tone::Person, text);
    }

    /// Whether the person agrees: always, when simulated; else as they answer.
    async fn agrees(&self, about: &str, question: &str) -> Result<bool, Failure> {
        if !self.interactive {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() {
            return Err("--interactive needs a terminal to ask on".into());
        }
        let _asked = self.account.ask(&format!("  {about}"), &format!("  {question} [y/n] "));
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map(|_| line)
        });
        let answer = answer.await??;
        if answer.is_empty() {
            return Err("the input has ended before the question was answered; start it again and it goes on from here".into());
        }
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

fn seen<'a>(call: &'a Call, now: &'a PullRequest) -> Reviewed<'a> {
    Reviewed { repo: &call.pull_request.repo, number: now.number, head: &now.head }
}

fn context() -> OpContext {
    OpContext::new(IdempotencyKey::new("people"))
}
