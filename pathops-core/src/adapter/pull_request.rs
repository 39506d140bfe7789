use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::adapter::ScmCapabilities;
use crate::id::{BranchName, CommitId, Label, PersonId, PullRequestNumber, TeamName};
use crate::principal::Principal;
use crate::time::UnixMillis;

/// What a pull request bears beside its words and branches. Each of it is a capability of its own.
///
/// ```
/// use pathops_core::adapter::{PullRequestMeta, ScmCapabilities};
///
/// let meta = PullRequestMeta { labels: ["pathops".parse()?].into(), ..PullRequestMeta::default() };
/// let nothing = ScmCapabilities::default();
/// assert_eq!(meta.offered(nothing), PullRequestMeta::default(), "this host has no labels");
/// # Ok::<(), pathops_core::IdError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestMeta {
    /// It is not to be merged yet, and the host lets nobody do so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// What it is sorted by. Of those that people have set, the ones that are no [`Label`] are not read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<Label>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub assignees: BTreeSet<PersonId>,
    /// The teams that are asked for a review. A host takes a team off where one of its people has reviewed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub teams: BTreeSet<TeamName>,
}

impl PullRequestMeta {
    /// Whether there is nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What of it a host with these capabilities can set: for callers that can do without the rest.
    #[must_use]
    pub fn offered(self, by: ScmCapabilities) -> Self {
        fn only<T>(offered: bool, all: BTreeSet<T>) -> BTreeSet<T> {
            if offered { all } else { BTreeSet::new() }
        }
        Self {
            draft: self.draft && by.drafts,
            labels: only(by.labels, self.labels),
            assignees: only(by.assignees, self.assignees),
            teams: only(by.team_reviewers, self.teams),
        }
    }
}

/// A pull request to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPullRequest {
    /// Its title.
    pub title: String,
    /// Its description, in Markdown.
    pub body: String,
    /// The branch with the change.
    pub head: BranchName,
    /// The branch it is for.
    pub base: BranchName,
    /// Who it is by.
    pub author: Principal,
    /// Who is asked for a review.
    pub reviewers: Vec<PersonId>,
    /// What else it bears.
    pub meta: PullRequestMeta,
}

impl NewPullRequest {
    /// What it asks for that a host with these capabilities does not offer, in words; `None` where there is nothing.
    #[must_use]
    pub fn lacks(&self, offered: ScmCapabilities) -> Option<&'static str> {
        let PullRequestMeta { draft, labels, assignees, teams } = &self.meta;
        let people = !self.reviewers.is_empty();
        lack(offered, people, [*draft, !labels.is_empty(), !assignees.is_empty(), !teams.is_empty()])
    }
}

/// What to change about a pull request; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequestUpdate {
    /// A new title.
    pub title: Option<String>,
    /// A new description.
    pub body: Option<String>,
    /// Everybody who is asked for a review from now on.
    pub reviewers: Option<Vec<PersonId>>,
    /// Whether it is a draft from now on: `false` says that it is ready.
    pub draft: Option<bool>,
    /// Labels that it bears from now on beside those that it has: labels are people's, too.
    pub labels: BTreeSet<Label>,
    /// Everybody who looks after it from now on.
    pub assignees: Option<BTreeSet<PersonId>>,
    /// All teams that are asked for a review from now on.
    pub teams: Option<BTreeSet<TeamName>>,
}

impl PullRequestUpdate {
    /// What it asks for that a host with these capabilities does not offer, in words; `None` where there is nothing.
    #[must_use]
    pub fn lacks(&self, offered: ScmCapabilities) -> Option<&'static str> {
        let Self { reviewers, draft, labels, assignees, teams, .. } = self;
        lack(offered, reviewers.is_some(), [draft.is_some(), !labels.is_empty(), assignees.is_some(), teams.is_some()])
    }
}

/// The first thing that is asked for and not offered: of people who review, and of drafts, labels, assignees and teams.
fn lack(offered: ScmCapabilities, people: bool, [draft, labels, assignees, teams]: [bool; 4]) -> Option<&'static str> {
    let all = [
        (people, offered.reviewers, "this host asks nobody for a review"),
        (draft, offered.drafts, "this host has no drafts"),
        (labels, offered.labels, "pull requests of this host bear no labels"),
        (assignees, offered.assignees, "pull requests of this host are assigned to nobody"),
        (teams, offered.team_reviewers, "this host asks no teams for a review"),
    ];
    all.into_iter().find(|(asked, offered, _)| *asked && !offered).map(|(_, _, why)| why)
}

/// Where a pull request is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullRequestState {
    /// Open. What waits in a merge queue is open too.
    Open,
    /// Closed without a merge.
    Closed {
        /// By whom.
        by: Principal,
    },
    /// Merged.
    Merged {
        /// By whom: where a merge queue did it, who put it there.
        by: Principal,
        /// The commit that the base branch then pointed to.
        commit: CommitId,
        /// When.
        at: UnixMillis,
    },
}

/// A pull request, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number.
    pub number: PullRequestNumber,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
    /// Who opened it.
    pub author: Principal,
    /// The branch with the change.
    pub head_branch: BranchName,
    /// The head commit: of the branch while it is open, at the end afterwards.
    pub head: CommitId,
    /// The branch it is for.
    pub base: BranchName,
    /// Who is asked for a review.
    pub reviewers: Vec<PersonId>,
    /// What else it bears.
    #[serde(default, skip_serializing_if = "PullRequestMeta::is_empty")]
    pub meta: PullRequestMeta,
    /// Where it is.
    pub state: PullRequestState,
    /// Where a person finds it, as a URI.
    pub url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> PullRequestMeta {
        PullRequestMeta {
            draft: true,
            labels: ["pathops".parse().unwrap()].into(),
            assignees: ["alice".parse().unwrap()].into(),
            teams: ["platform".parse().unwrap()].into(),
        }
    }

    #[test]
    fn each_needs_its_own_capability() {
        let all = ScmCapabilities { drafts: true, labels: true, assignees: true, team_reviewers: true, ..Default::default() };
        let new = |meta| NewPullRequest {
            title: "From topic".to_owned(),
            body: String::new(),
            head: "topic".parse().unwrap(),
            base: "main".parse().unwrap(),
            author: Principal::System,
            reviewers: Vec::new(),
            meta,
        };
        assert_eq!(new(whole()).lacks(all), None);
        assert_eq!(new(PullRequestMeta::default()).lacks(ScmCapabilities::default()), None);
        let without = [
            ScmCapabilities { drafts: false, ..all },
            ScmCapabilities { labels: false, ..all },
            ScmCapabilities { assignees: false, ..all },
            ScmCapabilities { team_reviewers: false, ..all },
        ];
        let mut said = BTreeSet::new();
        for offered in without {
            said.insert(new(whole()).lacks(offered).unwrap());
            let rest = whole().offered(offered);
            assert!(rest != whole() && new(rest).lacks(offered).is_none(), "{offered:?}");
            let PullRequestMeta { draft, labels, assignees, teams } = whole();
            let update = PullRequestUpdate {
                draft: Some(draft),
                labels,
                assignees: Some(assignees),
                teams: Some(teams),
                ..PullRequestUpdate::default()
            };
            assert_eq!(update.lacks(offered), new(whole()).lacks(offered));
        }
        assert_eq!(said.len(), 4, "each says what is missing: {said:?}");
    }

    #[test]
    fn what_earlier_versions_wrote_is_read() {
        let earlier = r#"{"number": 7, "title": "t", "body": "", "author": "system", "head_branch": "topic",
            "head": "1111111111111111111111111111111111111111", "base": "main", "reviewers": [], "state": "open", "url": "x:y"}"#;
        let author = serde_json::to_string(&Principal::System).unwrap();
        let read: PullRequest = serde_json::from_str(&earlier.replace(r#""system""#, &author)).unwrap();
        assert!(read.meta.is_empty());
        assert!(!serde_json::to_string(&read).unwrap().contains("meta"), "nothing is written that is not there");
        let whole = PullRequest { meta: whole(), ..read };
        assert_eq!(serde_json::from_str::<PullRequest>(&serde_json::to_string(&whole).unwrap()).unwrap(), whole);
    }
}
