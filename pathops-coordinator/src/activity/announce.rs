//! Declaring intent: a branch with an empty first commit, and a pull request. And the status comments.

use pathops_core::adapter::{NewCommit, NewPullRequest};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{BranchName, ChangeSetId, CommitId, Error, ErrorKind, OpContext, PersonId, Principal, RepoId, Result};

use crate::activity::Services;
use crate::change_set::{Outcome, PullRequestRef, Role, Scope};

/// The branch that source repositories keep their code on.
pub(super) const SOURCE_BRANCH: &str = "main";

impl Services {
    pub(super) async fn announce(
        &self,
        cx: &OpContext,
        scope: &Scope,
        role: Role,
        target: Option<&EnvironmentTarget>,
        reviewers: &[PersonId],
        body: &str,
    ) -> Result<Outcome> {
        let (repo, base) = match (target, scope.unit.source()) {
            (None, Some(source)) => (source.clone(), branch(SOURCE_BRANCH)?),
            (Some(target), _) => (scope.unit.desired_state.clone(), target.branch.clone()),
            (None, None) => {
                return Err(Error::new(ErrorKind::Invalid, "announce a change")
                    .on(&scope.unit.id)
                    .because("it has no source repository"));
            }
        };
        let message = message(scope, &format!("Declare intent: {}", scope.title), role);
        let new = Opening {
            role,
            base,
            title: scope.title.clone(),
            body: body.to_owned(),
            reviewers: reviewers.to_vec(),
            message,
            changes: Vec::new(),
        };
        Ok(Outcome::Opened(self.open(cx, scope, &repo, new).await?))
    }

    /// Makes a branch with one commit and opens a pull request; finds what is there already.
    pub(super) async fn open(&self, cx: &OpContext, scope: &Scope, repo: &RepoId, new: Opening) -> Result<PullRequestRef> {
        let head = branch_for(scope, new.role)?;
        if let Some(found) = self.scm.pull_requests_from(cx, repo, &head).await?.pop() {
            let base = self.fork_point(cx, repo, &head, &found.head).await?;
            return Ok(PullRequestRef::new(repo.clone(), &found, base));
        }
        let base_commit = match self.scm.branch_head(cx, repo, &head).await? {
            // The branch is there, from before a crash: with or without its commit.
            Some(tip) => self.fork_point(cx, repo, &head, &tip).await?,
            None => {
                let base = self.head(cx, repo, &new.base).await?;
                self.scm.create_branch(cx, repo, &head, &base).await?;
                base
            }
        };
        let commit = NewCommit {
            branch: head.clone(),
            expected_head: base_commit.clone(),
            message: new.message,
            author: Principal::System,
            at: scope.at,
            changes: new.changes,
        };
        self.scm.commit(&cx.part("commit"), repo, &commit).await?;
        let pull_request = NewPullRequest {
            title: new.title,
            body: new.body,
            head,
            base: new.base,
            author: self.author(scope),
            reviewers: new.reviewers,
        };
        let opened = self.scm.open_pull_request(&cx.part("pull-request"), repo, &pull_request).await?;
        Ok(PullRequestRef::new(repo.clone(), &opened, base_commit))
    }

    /// Who answers for a pull request: the requester, or the agent in their name. A host does not count their approval.
    pub(super) fn author(&self, scope: &Scope) -> Principal {
        let sponsor = scope.sponsor.clone();
        if scope.by_agent { Principal::Agent { agent: self.agent.agent(), sponsor } } else { Principal::Human(sponsor) }
    }

    /// The commit that a branch of this change set was made at: the parent of the commit with our trailer, or the tip
    /// itself while it has none.
    async fn fork_point(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, tip: &CommitId) -> Result<CommitId> {
        let marker = format!("{BRANCH_TRAILER}: {branch}");
        let mut commit = self.scm.read_commit(cx, repo, tip).await?;
        // Our commit is near the tip; a branch that was rewritten by people may not have it any more.
        for _ in 0..1_000 {
            let Some(parent) = commit.parents.first() else { break };
            if commit.message.lines().any(|line| line == marker) {
                return Ok(parent.clone());
            }
            commit = self.scm.read_commit(cx, repo, parent).await?;
        }
        Ok(tip.clone())
    }

    pub(super) async fn comment(
        &self,
        cx: &OpContext,
        change_set: &ChangeSetId,
        pull_requests: &[PullRequestRef],
        body: &str,
    ) -> Result<Outcome> {
        let marker = format!("status/{change_set}");
        let body = self.redactor.redact_text(body);
        for pull_request in pull_requests {
            self.scm.put_comment(cx, &pull_request.repo, pull_request.number, &marker, &body).await?;
        }
        Ok(Outcome::Done)
    }
}

/// A pull request that is to be there, with its first commit.
pub(super) struct Opening {
    pub(super) role: Role,
    pub(super) base: BranchName,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) reviewers: Vec<PersonId>,
    pub(super) message: String,
    pub(super) changes: Vec<pathops_core::adapter::FileChange>,
}

const BRANCH_TRAILER: &str = "PathOps-Branch";

/// A commit message with the trailers that anchor the change set in a repository that holds no records.
pub(super) fn message(scope: &Scope, subject: &str, role: Role) -> String {
    let branch = branch_name(scope, role);
    format!(
        "{subject}\n\nPathOps-Change-Set: {}\nPathOps-Unit: {}\n{BRANCH_TRAILER}: {branch}\n",
        scope.change_set, scope.unit.id
    )
}

fn branch_name(scope: &Scope, role: Role) -> String {
    format!("pathops/{}-{role}", scope.change_set)
}

fn branch_for(scope: &Scope, role: Role) -> Result<BranchName> {
    branch(&branch_name(scope, role))
}

fn branch(name: &str) -> Result<BranchName> {
    BranchName::parse(name).map_err(|error| Error::new(ErrorKind::Invalid, "name a branch").on(name).because(error))
}
