//! What a pull request bears beside its words. GitHub takes each part in a call of its own, when the pull request is there.

use std::collections::BTreeSet;

use http::Method;
use pathops_core::adapter::PullRequestMeta;
use pathops_core::{Label, PersonId, PullRequestNumber, Result, TeamName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Write};
use super::graphql::mutate;
use super::people::{login, person};

const READY: &str = "mutation($id: ID!) { markPullRequestReadyForReview(input: { pullRequestId: $id }) { clientMutationId } }";
const DRAFT: &str = "mutation($id: ID!) { convertPullRequestToDraft(input: { pullRequestId: $id }) { clientMutationId } }";

/// What a pull request bears, as GitHub gives it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Borne {
    #[serde(default)]
    pub(super) draft: bool,
    #[serde(default)]
    labels: Vec<Named>,
    #[serde(default)]
    assignees: Vec<Reviewer>,
    #[serde(default)]
    requested_reviewers: Vec<Reviewer>,
    #[serde(default)]
    requested_teams: Vec<Team>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Reviewer {
    login: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Team {
    slug: String,
}

/// Teams by the names that GitHub gives them, which are in lower case and mean the same in any other.
pub(super) fn slugs(teams: &BTreeSet<TeamName>) -> BTreeSet<TeamName> {
    teams.iter().filter_map(|team| team.as_str().to_ascii_lowercase().parse().ok()).collect()
}

/// Who is to be asked for a review besides those who are, or no more.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) people: Vec<PersonId>,
    pub(super) teams: Vec<TeamName>,
}

impl Request {
    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty() && self.teams.is_empty()
    }
}

impl Borne {
    pub(super) fn reviewers(&self) -> BTreeSet<PersonId> {
        self.requested_reviewers.iter().filter_map(|reviewer| person(&reviewer.login)).collect()
    }

    pub(super) fn meta(&self) -> PullRequestMeta {
        PullRequestMeta {
            draft: self.draft,
            labels: self.labels.iter().filter_map(|label| label.name.parse().ok()).collect(),
            assignees: self.assignees.iter().filter_map(|assignee| person(&assignee.login)).collect(),
            teams: self.requested_teams.iter().filter_map(|team| team.slug.parse().ok()).collect(),
        }
    }

    /// Whether nobody is asked for a review.
    pub(super) fn asks_nobody(&self) -> bool {
        self.requested_reviewers.is_empty() && self.requested_teams.is_empty()
    }

    /// Asks for reviews, or takes that back.
    pub(super) async fn ask(&mut self, call: &Call<'_>, number: PullRequestNumber, request: &Request) -> Result<()> {
        let mut wish = json!({ "reviewers": request.people.iter().map(login).collect::<Vec<_>>() });
        if let (Some(wish), false) = (wish.as_object_mut(), request.teams.is_empty()) {
            wish.insert("team_reviewers".to_owned(), json!(request.teams));
        }
        let path = call.path(&format!("/pulls/{}/requested_reviewers", number.0));
        let asked: Borne = call.send(Write::Seen, request.method.clone(), &path, &wish).await?;
        (self.requested_reviewers, self.requested_teams) = (asked.requested_reviewers, asked.requested_teams);
        Ok(())
    }

    /// Adds those labels that are missing, in any letter case; GitHub makes the ones that the repository does not have yet. Whether there
    /// were any.
    pub(super) async fn label(&mut self, call: &Call<'_>, number: PullRequestNumber, wanted: &BTreeSet<Label>) -> Result<bool> {
        let there: BTreeSet<String> = self.labels.iter().map(|label| label.name.to_lowercase()).collect();
        let missing: Vec<_> = wanted.iter().filter(|label| !there.contains(&label.as_str().to_lowercase())).collect();
        if missing.is_empty() {
            return Ok(false);
        }
        let path = call.path(&format!("/issues/{}/labels", number.0));
        self.labels = call.send(Write::Seen, Method::POST, &path, &json!({ "labels": missing })).await?;
        Ok(true)
    }

    /// Assigns these people and no others. GitHub leaves out without a word who may not be assigned.
    pub(super) async fn assign(&mut self, call: &Call<'_>, number: PullRequestNumber, people: &BTreeSet<PersonId>) -> Result<()> {
        #[derive(Deserialize)]
        struct Issue {
            assignees: Vec<Reviewer>,
        }
        let wish = json!({ "assignees": people.iter().map(login).collect::<Vec<_>>() });
        let issue: Issue = call.send(Write::Seen, Method::PATCH, &call.path(&format!("/issues/{}", number.0)), &wish).await?;
        self.assignees = issue.assignees;
        Ok(())
    }
}

/// Makes a pull request a draft, or says that it is ready, by the name that GitHub's GraphQL API has for it.
pub(super) async fn set_draft(call: &Call<'_>, node: &str, draft: bool) -> Result<()> {
    let variables: Value = json!({ "id": node });
    mutate(call, if draft { DRAFT } else { READY }, &variables).await
}
