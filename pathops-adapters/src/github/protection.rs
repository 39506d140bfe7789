//! What protects a branch: rules of the repository or the organisation, and the older protection of one branch.

use pathops_core::adapter::BranchProtection;
use pathops_core::{BranchName, Effect, Result, StatusContext};
use serde::Deserialize;

use super::client::{Call, JSON, escaped};
use super::errors::Words;
use crate::rest::Freshness;

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    required_status_checks: Vec<Context>,
    #[serde(default)]
    required_approving_review_count: u32,
}

#[derive(Deserialize)]
struct Context {
    context: String,
}

#[derive(Deserialize)]
struct Protection {
    required_status_checks: Option<StatusChecks>,
    required_pull_request_reviews: Option<Reviews>,
}

#[derive(Deserialize)]
struct StatusChecks {
    #[serde(default)]
    contexts: Vec<String>,
    #[serde(default)]
    checks: Vec<Context>,
}

#[derive(Deserialize)]
struct Reviews {
    #[serde(default)]
    required_approving_review_count: u32,
}

/// Everything that either of the two asks for, but for a merge queue of the older one, which it does not show. A check whose name no
/// [`StatusContext`] can have is left out: PathOps has none of that name.
pub(super) async fn protection(call: &Call<'_>, branch: &BranchName) -> Result<BranchProtection> {
    let branch = escaped(branch.as_str());
    let rules: Vec<Rule> = call.pages(&call.path(&format!("/rules/branches/{branch}"))).await?;
    let older = older(call, &branch).await?;
    let (mut names, mut approvals, mut merge_queue) = (Vec::new(), 0, false);
    for Rule { kind, parameters } in rules {
        match kind.as_str() {
            "required_status_checks" => names.extend(parameters.required_status_checks.into_iter().map(|check| check.context)),
            "pull_request" => approvals = approvals.max(parameters.required_approving_review_count),
            "merge_queue" => merge_queue = true,
            _ => {}
        }
    }
    if let Some(Protection { required_status_checks, required_pull_request_reviews }) = older {
        if let Some(StatusChecks { contexts, checks }) = required_status_checks {
            names.extend(contexts.into_iter().chain(checks.into_iter().map(|check| check.context)));
        }
        approvals = approvals.max(required_pull_request_reviews.map_or(0, |reviews| reviews.required_approving_review_count));
    }
    let mut required_checks: Vec<StatusContext> = Vec::new();
    for name in names.into_iter().filter_map(|name| name.parse().ok()) {
        if !required_checks.contains(&name) {
            required_checks.push(name);
        }
    }
    Ok(BranchProtection { required_checks, required_approvals: approvals, merge_queue })
}

/// The protection of one branch, where it has one. GitHub says `404` too where the credential may not read it, in other words.
async fn older(call: &Call<'_>, branch: &str) -> Result<Option<Protection>> {
    let answer = call.fetch(&call.path(&format!("/branches/{branch}/protection")), JSON, Freshness::Ask).await?;
    if answer.status == http::StatusCode::NOT_FOUND && Words::of(&answer).has("not protected") {
        return Ok(None);
    }
    call.parse(&*call.good(answer, Effect::None)?, Effect::None).map(Some)
}
