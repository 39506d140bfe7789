//! I1: production is proposed by pull request, and becomes mergeable only by the status of a grant, which is used once.

use std::collections::{BTreeMap, BTreeSet};

use pathops_coordinator::change_set::State;
use pathops_core::adapter::{CheckState, PullRequestState};
use pathops_core::policy::{GrantId, PROMOTION_CONTEXT};
use pathops_core::{CommitId, RepoId};

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Place, Truth, cx, wait};

#[derive(Default)]
pub(super) struct Granted {
    /// What each grant was used for.
    grants: BTreeMap<GrantId, (RepoId, CommitId)>,
    /// Heads for which a success stands.
    stand: BTreeSet<(RepoId, CommitId)>,
}

impl Invariant for Granted {
    fn name(&self) -> &'static str {
        "i1 production needs a grant"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Posted { repo, commit, state: CheckState::Success, grant, .. } => {
                let at = ((*repo).clone(), (*commit).clone());
                let grant = grant.ok_or_else(|| format!("a success of {commit} without a grant"))?;
                let used = self.grants.entry(grant).or_insert_with(|| at.clone());
                holds!(*used == at, "the grant of {} serves {commit} too", used.1);
                let proposed = truth.proposing(repo, commit);
                let place = proposed.as_ref().and_then(|it| Place::of(repo, &it.head_branch));
                holds!(place.is_some_and(|place| place.in_production()), "a success of {commit}, which is proposed nowhere");
                self.stand.insert(at);
            }
            Step::Posted { repo, commit, .. } => {
                self.stand.remove(&((*repo).clone(), (*commit).clone()));
                holds!(!stands(truth, repo, commit)?, "the success of {commit} was taken back, and still stands");
            }
            Step::Committed { repo, new, .. } => {
                let straight = repo.as_str().ends_with("-gitops") && !new.branch.as_str().starts_with("pathops/");
                holds!(!straight, "a commit straight to {} of {repo}", new.branch);
            }
            Step::Merged { repo, number, head, .. } if truth.pull_request(repo, *number).base.as_str() == "production" => {
                let granted = self.stand.contains(&((*repo).clone(), (*head).clone()));
                holds!(granted, "{repo}{number} was merged without a grant");
                holds!(stands(truth, repo, head)?, "{repo}{number} was merged without the status");
            }
            _ => {}
        }
        Ok(())
    }

    /// No success stands on what can still be merged.
    fn end(&mut self, truth: &Truth, _: &[State]) -> Found {
        for repo in truth.repos() {
            for proposed in truth.pull_requests(&repo) {
                let merged = matches!(proposed.state, PullRequestState::Merged { .. });
                let stands = self.stand.contains(&(repo.clone(), proposed.head.clone()));
                holds!(merged || !stands, "{repo}{} is over, and its success still stands", proposed.number);
            }
        }
        Ok(())
    }
}

/// Whether the host really shows the success.
pub(super) fn stands(truth: &Truth, repo: &RepoId, commit: &CommitId) -> Result<bool, String> {
    let checks = wait(truth.scm.checks(&cx(), repo, commit)).map_err(|error| error.to_string())?;
    Ok(checks.iter().any(|it| it.name == PROMOTION_CONTEXT && it.state == CheckState::Success))
}
