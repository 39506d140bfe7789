use serde::{Deserialize, Serialize};

use crate::adapter::{PullRequest, PullRequestState};
use crate::id::{CommitId, PullRequestNumber, RepoId, UnitId};
use crate::lifecycle::Proven;
use crate::principal::Principal;
use crate::project::{OpenIncident, Project};

/// A pull request as its Git host showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its repository.
    pub repo: RepoId,
    /// Its number.
    pub number: PullRequestNumber,
    /// Its head then.
    pub head: CommitId,
    /// How it was merged; `None` where it was not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
}

/// A merge of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    /// The commit that the base branch then pointed to.
    pub commit: CommitId,
    /// By whom.
    pub by: Principal,
}

impl Change {
    /// From what [`Scm::pull_request`](crate::adapter::Scm::pull_request) of that repository has just answered. The host answers
    /// for its adapter: what it hands in as read has to have been read.
    #[must_use]
    pub fn prove(repo: &RepoId, read: &PullRequest) -> Proven<Self> {
        let merged = match &read.state {
            PullRequestState::Merged { by, commit, .. } => Some(Merged { commit: commit.clone(), by: by.clone() }),
            PullRequestState::Open | PullRequestState::Closed { .. } => None,
        };
        Proven::checked(Self { repo: repo.clone(), number: read.number, head: read.head.clone(), merged })
    }
}

/// An incident that the meta repository declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The incident.
    #[serde(flatten)]
    pub incident: OpenIncident,
    /// The commit of the meta repository that it was read from; records from before it was noted have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_in: Option<CommitId>,
}

impl Reported {
    /// The incident that is open for a unit, its own or one of the whole project, in the project as it was loaded from this commit
    /// of its meta repository. `None` where none is.
    #[must_use]
    pub fn prove(project: &Project, commit: &CommitId, unit: &UnitId) -> Option<Proven<Self>> {
        let incident = project.incidents.iter().find(|it| it.unit.as_ref().is_none_or(|it| it == unit))?.clone();
        Some(Proven::checked(Self { incident, declared_in: Some(commit.clone()) }))
    }
}
