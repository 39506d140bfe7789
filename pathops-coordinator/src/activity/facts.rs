//! Gathering facts for a decision: everything is read back, nothing is remembered.

use std::collections::BTreeSet;

use pathops_core::adapter::Scm;
use pathops_core::policy::{Policy, Proposal, Readings, VerifiedFacts};
use pathops_core::project::{EnvironmentTarget, Project, load};
use pathops_core::{CommitId, Error, ErrorKind, OpContext, Principal, RepoId, RepoPath, Result};

use crate::activity::Services;
use crate::activity::announce::SOURCE_BRANCH;
use crate::change_set::{Combination, PullRequestRef, Scope};
use crate::desired_state::carries;

/// How far back the commits of a pull request are read for their authors.
const MAX_COMMITS: usize = 1_000;

impl Services {
    /// The policy as it is now, and the facts about a unit. The policy and the unit's declaration are those of the meta
    /// repository's head, not those the change set began with.
    pub(super) async fn facts(
        &self,
        cx: &OpContext,
        scope: &Scope,
        combination: &Combination,
        production: Option<(&PullRequestRef, &EnvironmentTarget, &EnvironmentTarget)>,
    ) -> Result<(Policy, VerifiedFacts)> {
        let project = read_project(&*self.scm, cx, &scope.meta_repo).await?;
        let unit = project.units.get(&scope.unit.id).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Denied, "decide about a promotion")
                .on(&scope.unit.id)
                .because("the project does not declare it any more")
        })?;
        let mut authors = BTreeSet::from([Principal::Human(scope.sponsor.clone())]);
        let mut source_reviews = Vec::new();
        let mut source_head = None;
        for pull_request in combination.source_pull_request.iter().chain([&combination.preflight_pull_request]) {
            authors.extend(self.authors(cx, pull_request).await?);
        }
        if let Some(PullRequestRef { repo, number, .. }) = &combination.source_pull_request {
            source_reviews = self.scm.reviews(cx, repo, *number).await?;
            source_head = Some(self.scm.pull_request(cx, repo, *number).await?.head);
        }
        let proposal = match production {
            None => None,
            Some((pull_request, target, preflight)) => {
                authors.extend(self.authors(cx, pull_request).await?);
                Some(self.proposal(cx, combination, pull_request, target, preflight).await?)
            }
        };
        let mut envelopes = Vec::new();
        for record in &combination.evidence {
            envelopes.push(self.sealer.envelope(cx, record).await?);
        }
        let readings = Readings {
            change_set: scope.change_set.clone(),
            unit,
            environment: project.environments.production.environment.clone(),
            preflight: project.environments.preflight.environment.clone(),
            artifact: combination.artifact,
            source: combination.source.clone(),
            tested: combination.tested.clone(),
            proposal,
            authors,
            source_reviews,
            source_head,
            people: project.people,
            incidents: project.incidents,
        };
        Ok((project.policy, VerifiedFacts::new(&self.trust, &envelopes, readings)))
    }

    async fn proposal(
        &self,
        cx: &OpContext,
        combination: &Combination,
        pull_request: &PullRequestRef,
        target: &EnvironmentTarget,
        preflight: &EnvironmentTarget,
    ) -> Result<Proposal> {
        let PullRequestRef { repo, number, .. } = pull_request;
        let head = self.scm.pull_request(cx, repo, *number).await?.head;
        let state = self.git_state(cx, repo, &head, &target.path).await?;
        let proposed = self.scm.read_tree(cx, repo, &head, &target.path).await?;
        let tested = self.scm.read_tree(cx, repo, &combination.tested.commit, &preflight.path).await?;
        let carries_tested = carries(&tested, &preflight.path, &proposed, &target.path);
        Ok(Proposal {
            repo: repo.clone(),
            head,
            tree: state.tree,
            carries_tested,
            reviews: self.scm.reviews(cx, repo, *number).await?,
        })
    }

    /// Everybody who has a part in a pull request: who opened it, who committed to it, and co-authors.
    async fn authors(&self, cx: &OpContext, pull_request: &PullRequestRef) -> Result<BTreeSet<Principal>> {
        let PullRequestRef { repo, number, base_commit, .. } = pull_request;
        let now = self.scm.pull_request(cx, repo, *number).await?;
        let mut authors = BTreeSet::from([now.author]);
        let mut next = Some(now.head);
        for _ in 0..MAX_COMMITS {
            let Some(commit) = next.take().filter(|commit: &CommitId| commit != base_commit) else { break };
            let commit = self.scm.read_commit(cx, repo, &commit).await?;
            authors.extend(named(&commit.author));
            let co_authors = commit.message.lines().filter_map(|line| line.strip_prefix("Co-authored-by: "));
            authors.extend(co_authors.flat_map(named));
            next = commit.parents.into_iter().next();
        }
        Ok(authors)
    }
}

/// The person whom `Name <address>` names, as the Git hosts of this project write people: their name before the `<`.
fn named(author: &str) -> Option<Principal> {
    let name = author.split('<').next()?.trim();
    name.parse().ok().map(Principal::Human)
}

/// The project as its meta repository declares it now.
pub(crate) async fn read_project(scm: &dyn Scm, cx: &OpContext, meta_repo: &RepoId) -> Result<Project> {
    let operation = "read the project";
    let wrong = |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, operation).on(meta_repo).because(why);
    let branch = SOURCE_BRANCH.parse().map_err(|error| wrong(&error))?;
    let head = scm.branch_head(cx, meta_repo, &branch).await?;
    let head = head.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, operation).on(meta_repo).because(format!("it has no branch `{branch}`"))
    })?;
    let files = scm.read_tree(cx, meta_repo, &head, &RepoPath::root()).await?;
    load(&files, meta_repo.clone()).map_err(|findings| wrong(&findings))
}
