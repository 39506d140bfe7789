//! Declaring intent: a branch with an empty first commit, and a pull request. And the status comments.

use pathops_core::adapter::{NewCommit, NewPullRequest, PullRequest, PullRequestState, PullRequestUpdate};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{BranchName, ChangeSetId, CommitId, Error, ErrorKind, OpContext, PersonId, Principal, RepoId, Result};

use crate::activity::{Services, moved};
use crate::change_set::{Outcome, PullRequestRef, Role, Scope};

/// The branch that source repositories keep their code on.
pub(crate) const SOURCE_BRANCH: &str = "main";

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
        let ground = match self.ground(cx, scope, &repo, role, &base, reviewers).await? {
            Ground::Opened(pull_request) => return Ok(Outcome::Opened(pull_request)),
            Ground::Branch(commit) => commit,
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
        Ok(Outcome::Opened(self.open(cx, scope, &repo, ground, new).await?))
    }

    /// Where a pull request of this change set begins: makes its branch, or finds what is there from before a crash. As
    /// long as it has no pull request, nobody has seen a branch: it is made anew where the one it is for has moved on
    /// since, unless somebody has pushed to it all the same.
    pub(super) async fn ground(
        &self,
        cx: &OpContext,
        scope: &Scope,
        repo: &RepoId,
        role: Role,
        base: &BranchName,
        reviewers: &[PersonId],
    ) -> Result<Ground> {
        let branch = branch_for(scope, role)?;
        if let Some(found) = self.scm.pull_requests_from(cx, repo, &branch).await?.pop() {
            self.complete(cx, scope, repo, &found, reviewers).await?;
            let first = self.first_commit(cx, repo, &branch, &found.head).await?;
            // What people have pushed since is news to whoever waits for it.
            let (base, head) = first.unwrap_or_else(|| (found.head.clone(), found.head.clone()));
            return Ok(Ground::Opened(PullRequestRef { head, ..PullRequestRef::new(repo.clone(), &found, base) }));
        }
        let base = self.head(cx, repo, base).await?;
        // Each with a key of its own: a branch may be made at the same commit again after another one.
        let once = || cx.part(&format!("branch/{:032x}", self.ids.fresh()));
        match self.scm.create_branch(&once(), repo, &branch, &base).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| Ground::Branch(base)),
        }
        if let Some(tip) = self.scm.branch_head(cx, repo, &branch).await? {
            let first = self.first_commit(cx, repo, &branch, &tip).await?;
            let made_at = first.as_ref().map_or(&tip, |(parent, _)| parent);
            if *made_at == base || !self.only_ours(cx, repo, &base, &tip, first.as_ref()).await? {
                return Ok(Ground::Branch(made_at.clone()));
            }
            self.scm.delete_branch(&once(), repo, &branch, &tip).await.map_err(moved)?;
        }
        self.scm.create_branch(&once(), repo, &branch, &base).await?;
        Ok(Ground::Branch(base))
    }

    /// Some hosts ask for reviews and set labels in calls of their own, after the pull request is open, and we may have died in
    /// between.
    async fn complete(
        &self,
        cx: &OpContext,
        scope: &Scope,
        repo: &RepoId,
        found: &PullRequest,
        reviewers: &[PersonId],
    ) -> Result<()> {
        if found.state != PullRequestState::Open {
            return Ok(());
        }
        let labels = self.meta(&scope.change_set).labels.difference(&found.meta.labels).cloned().collect();
        let mut update = PullRequestUpdate { labels, ..PullRequestUpdate::default() };
        let asks = !reviewers.is_empty() && found.reviewers.is_empty();
        // Who has said something is asked no more.
        if asks && self.scm.reviews(cx, repo, found.number).await?.is_empty() {
            update.reviewers = Some(reviewers.to_vec());
        }
        if update == PullRequestUpdate::default() {
            return Ok(());
        }
        self.scm.update_pull_request(&cx.part("reviewers"), repo, found.number, &update).await
    }

    /// Whether nobody else has a commit on a branch of this change set: it has none of its own yet, or just our first.
    async fn only_ours(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        base: &CommitId,
        tip: &CommitId,
        first: Option<&(CommitId, CommitId)>,
    ) -> Result<bool> {
        match first {
            Some((_, ours)) if ours != tip => Ok(false),
            Some(_) => {
                let commit = self.scm.read_commit(cx, repo, tip).await?;
                Ok(commit.authors.iter().all(|author| author.principal == Some(Principal::System)))
            }
            None => Ok(self.scm.compare(cx, repo, base, tip).await?.ahead == 0),
        }
    }

    /// Puts the first commit on a branch that was made at `base_commit`, and opens a pull request from it.
    pub(super) async fn open(
        &self,
        cx: &OpContext,
        scope: &Scope,
        repo: &RepoId,
        base_commit: CommitId,
        new: Opening,
    ) -> Result<PullRequestRef> {
        let head = branch_for(scope, new.role)?;
        let commit = NewCommit {
            branch: head.clone(),
            expected_head: base_commit.clone(),
            message: new.message,
            author: Principal::System,
            at: scope.at,
            changes: new.changes,
        };
        self.scm.commit(&cx.part("commit"), repo, &commit).await.map_err(moved)?;
        let pull_request = NewPullRequest {
            title: new.title,
            body: new.body,
            head,
            base: new.base,
            author: self.author(scope),
            reviewers: new.reviewers,
            meta: self.meta(&scope.change_set),
        };
        let opened = self.scm.open_pull_request(&cx.part("pull-request"), repo, &pull_request).await?;
        Ok(PullRequestRef::new(repo.clone(), &opened, base_commit))
    }

    /// Who answers for a pull request: the requester, or the agent in their name. A host does not count their approval.
    pub(super) fn author(&self, scope: &Scope) -> Principal {
        let sponsor = scope.sponsor.clone();
        if scope.by_agent { Principal::Agent { agent: self.agent.agent(), sponsor } } else { Principal::Human(sponsor) }
    }

    /// All who answer for a change: those who asked for what it carries have a part in it as well.
    pub(super) fn answerable(&self, scope: &Scope) -> Vec<Principal> {
        let of = |sponsor: &PersonId| match self.author(scope) {
            Principal::Agent { agent, .. } => Principal::Agent { agent, sponsor: sponsor.clone() },
            _ => Principal::Human(sponsor.clone()),
        };
        scope.co_sponsors.iter().chain([&scope.sponsor]).map(of).collect()
    }

    /// Our first commit on a branch of this change set, by its trailer, after the commit that the branch was made at.
    /// `None` where it has none yet, or not any more: people may have rewritten it.
    pub(super) async fn first_commit(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        branch: &BranchName,
        tip: &CommitId,
    ) -> Result<Option<(CommitId, CommitId)>> {
        let marker = format!("{BRANCH_TRAILER}: {branch}");
        let mut commit = self.scm.read_commit(cx, repo, tip).await?;
        // It is near the tip.
        for _ in 0..1_000 {
            let Some(parent) = commit.parents.first() else { break };
            if commit.message.lines().any(|line| line == marker) {
                return Ok(Some((parent.clone(), commit.id)));
            }
            commit = self.scm.read_commit(cx, repo, parent).await?;
        }
        Ok(None)
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
        // One pull request that cannot be written to keeps the others from nothing.
        let mut written = Ok(Outcome::Done);
        for PullRequestRef { repo, number, .. } in pull_requests {
            let put = self.scm.put_comment(cx, repo, *number, &marker, &body).await;
            written = written.and_then(|done| put.map(|_| done));
        }
        written
    }
}

/// What is there of a pull request that is to be opened.
pub(super) enum Ground {
    /// It is there, whatever has become of it since.
    Opened(PullRequestRef),
    /// Its branch, and the commit that this was made at.
    Branch(CommitId),
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
const CHANGE_SET_TRAILER: &str = "PathOps-Change-Set";

/// The change sets that a commit says it is of: several, where it was squashed from theirs.
pub(super) fn change_sets_of(message: &str) -> impl Iterator<Item = &str> {
    message.lines().filter_map(|line| line.trim_start().strip_prefix(CHANGE_SET_TRAILER)?.strip_prefix(": ")).map(str::trim)
}

/// A commit message with the trailers that anchor the change set in a repository that holds no records.
pub(super) fn message(scope: &Scope, subject: &str, role: Role) -> String {
    let branch = branch_name(scope, role);
    format!(
        "{subject}\n\n{CHANGE_SET_TRAILER}: {}\nPathOps-Unit: {}\n{BRANCH_TRAILER}: {branch}\n",
        scope.change_set, scope.unit.id
    )
}

fn branch_name(scope: &Scope, role: Role) -> String {
    format!("pathops/{}-{role}", scope.change_set)
}

pub(super) fn branch_for(scope: &Scope, role: Role) -> Result<BranchName> {
    branch(&branch_name(scope, role))
}

fn branch(name: &str) -> Result<BranchName> {
    BranchName::parse(name).map_err(|error| Error::new(ErrorKind::Invalid, "name a branch").on(name).because(error))
}
