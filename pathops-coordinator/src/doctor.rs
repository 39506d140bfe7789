//! What stands around a project that its policy counts on: read, compared, and told. Nothing is changed by it.

use std::collections::BTreeMap;
use std::fmt;

use pathops_core::adapter::BranchProtection;
use pathops_core::policy::{Ask, MergeBy, PROMOTION_CONTEXT};
use pathops_core::project::{Project, Unit};
use pathops_core::{BranchName, Error, ErrorKind, RepoId, Result, StatusContext};
use serde::Serialize;

use crate::activity::announce::SOURCE_BRANCH;
use crate::control_plane::{ControlPlane, context};
use crate::policy_change::POLICY_CONTEXT;
use crate::retry::with_retry;

/// Something around a project that is not as its policy needs it. Its text says what it is, what follows from it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Finding {
    /// A branch can be merged into without the status that PathOps posts there: what the policy says does not bind.
    Unguarded {
        /// The repository.
        repo: RepoId,
        /// The branch.
        branch: BranchName,
        /// The status that it is to require.
        status: StatusContext,
    },
    /// A branch of production asks for more approvals than the policy does: a change set waits there although it is granted.
    MoreApprovals {
        /// The repository.
        repo: RepoId,
        /// The branch.
        branch: BranchName,
        /// How many the branch asks for.
        asked: u32,
        /// How many the policy asks for, of the unit for which these are fewest.
        policy: u32,
    },
    /// A branch of preflight asks for approvals, and the policy lets PathOps merge there: it waits for people all the same.
    WaitsForPeople {
        /// The repository.
        repo: RepoId,
        /// The branch.
        branch: BranchName,
        /// How many approvals it asks for.
        asked: u32,
    },
    /// A branch that is to require a status of PathOps, of production or with the policy, is merged into by a queue, which asks for that
    /// status on a commit that the queue makes. People approved none of those, and no decision is about them: nothing gets through. Only a
    /// queue that the Git host tells of beforehand is found ([`BranchProtection::merge_queue`]).
    Queued {
        /// The repository.
        repo: RepoId,
        /// The branch.
        branch: BranchName,
    },
    /// What protects a branch cannot be read, so that nobody knows any of this.
    Unseen {
        /// The repository.
        repo: RepoId,
        /// The branch.
        branch: BranchName,
        /// Why.
        why: String,
    },
}

impl Finding {
    /// Whether what the policy says may not bind while this is so. The others only make people wait.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        matches!(self, Self::Unguarded { .. } | Self::Unseen { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unguarded { repo, branch, status } => {
                write!(
                    f,
                    "{repo}@{branch} can be merged into without the status `{status}`: let its protection require that status"
                )
            }
            Self::MoreApprovals { repo, branch, asked, policy } => write!(
                f,
                "{repo}@{branch} asks for {asked} approvals and the policy for {policy}: what is granted waits there for more; let the two \
                 ask for the same"
            ),
            Self::WaitsForPeople { repo, branch, asked } => write!(
                f,
                "{repo}@{branch} asks for {asked} approvals, and the policy lets PathOps merge there, which waits for them: ask for none, or \
                 let people merge (`preflightMerge: people`)"
            ),
            Self::Queued { repo, branch } => write!(
                f,
                "{repo}@{branch} has a merge queue, which waits in vain for the status of PathOps on its own commits: let it have none"
            ),
            Self::Unseen { repo, branch, why } => {
                write!(f, "what protects {repo}@{branch} cannot be read: {why}")
            }
        }
    }
}

/// What is asked of one branch by the policy, of all units that share it.
#[derive(Default)]
struct Needed {
    /// The status without which nothing may be merged.
    status: Option<StatusContext>,
    /// Who approves, where people merge what is granted.
    approvals: Option<u32>,
    /// Whether PathOps merges.
    merges: bool,
}

impl ControlPlane {
    /// Compares what protects the branches of a project with what its policy needs: that production and the policy cannot be merged
    /// into without the status that PathOps posts, and that a branch does not ask people for more than the policy does. Gives what
    /// is to be mended, sorted, and nothing where all is as it should be.
    ///
    /// A promotion looks at its own branch by itself, where the Git host tells, and goes nowhere while that is [`Finding::Unguarded`]; this is for whoever sets a
    /// project up, and for whoever looks after it.
    ///
    /// # Errors
    /// `Invalid` where the project cannot be read, with every mistake; what the Git host answers to that. What cannot be read of one branch
    /// is a finding.
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        let project = self.project().await?;
        let mut found = Vec::new();
        for ((repo, branch), needed) in needed(&project)? {
            match self.protection(&repo, &branch).await {
                Ok(rules) => compare(&repo, &branch, &needed, &rules, &mut found),
                Err(error) => {
                    found.push(Finding::Unseen { repo, branch, why: self.services().redactor.redact_text(&error.to_string()) })
                }
            }
        }
        found.sort();
        Ok(found)
    }

    async fn protection(&self, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        let services = self.services();
        if !services.scm.capabilities().branch_protection {
            let error = Error::new(ErrorKind::Unsupported, "read what protects a branch");
            return Err(error.because("the Git host does not tell").advise("look there that it requires the status"));
        }
        let cx = &context("doctor");
        with_retry(&*services.clock, || Box::pin(services.scm.protection(cx, repo, branch))).await
    }
}

/// The branches that the policy counts on, with what it needs of each.
fn needed(project: &Project) -> Result<BTreeMap<(RepoId, BranchName), Needed>> {
    let invalid = |error| Error::new(ErrorKind::Invalid, "look after a project").because(error);
    let mut all: BTreeMap<_, Needed> = BTreeMap::new();
    let context = |name: &str| StatusContext::parse(name).map_err(invalid).map(Some);
    let main: BranchName = SOURCE_BRANCH.parse().map_err(invalid)?;
    all.entry((project.meta_repo.clone(), main)).or_default().status = context(POLICY_CONTEXT)?;
    let environments = &project.environments;
    for unit in project.units.values() {
        let repo = || unit.desired_state.clone();
        let production = all.entry((repo(), environments.production.branch.clone())).or_default();
        production.status = context(PROMOTION_CONTEXT)?;
        let approvals = approvals(project, unit);
        production.approvals = Some(production.approvals.map_or(approvals, |others| others.min(approvals)));
        let preflight = all.entry((repo(), environments.preflight.branch.clone())).or_default();
        preflight.merges |= project.policy.preflight_merge(unit) == MergeBy::Pathops;
    }
    Ok(all)
}

/// How many people approve each change of a unit.
fn approvals(project: &Project, unit: &Unit) -> u32 {
    let count = |ask: &Ask| if let Ask::Approvals(rule) = ask { Some(rule.count.get()) } else { None };
    project.policy.requirements(unit).filter_map(|(_, requirement)| count(&requirement.asks)).max().unwrap_or(0)
}

fn compare(repo: &RepoId, branch: &BranchName, needed: &Needed, rules: &BranchProtection, found: &mut Vec<Finding>) {
    let (repo, branch, asked) = (|| repo.clone(), || branch.clone(), rules.required_approvals);
    if let Some(status) = needed.status.clone().filter(|status| !rules.required_checks.contains(status)) {
        found.push(Finding::Unguarded { repo: repo(), branch: branch(), status });
    }
    if let Some(policy) = needed.approvals.filter(|policy| asked > *policy) {
        found.push(Finding::MoreApprovals { repo: repo(), branch: branch(), asked, policy });
    }
    if rules.merge_queue && needed.status.is_some() {
        found.push(Finding::Queued { repo: repo(), branch: branch() });
    }
    if needed.merges && asked > 0 {
        found.push(Finding::WaitsForPeople { repo: repo(), branch: branch(), asked });
    }
}
