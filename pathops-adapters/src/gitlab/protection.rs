//! What a branch asks of a merge request.
//!
//! Approvals are asked for by the project's rules, of which each must be met, so the strictest counts. A check is asked for by
//! name only where external status checks are (Ultimate), and the project lets nothing be merged before all of them passed.
//! "Pipelines must succeed" names none: it is met where no pipeline ran that could say no.

use gitlab::api::projects::Project;
use gitlab::api::projects::approval_rules::ProjectApprovalRules;
use pathops_core::adapter::BranchProtection;
use pathops_core::{BranchName, ErrorKind, Result, StatusContext};
use serde::Deserialize;

use super::branches;
use super::client::Call;
use crate::rest::Freshness;

/// A project, as GitLab gives it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct FoundProject {
    /// Left out where there are no external status checks.
    #[serde(default)]
    pub(super) only_allow_merge_if_all_status_checks_passed: Option<bool>,
}

/// An external status check.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct External {
    pub(super) id: u64,
    pub(super) name: String,
    /// All of them where it names none.
    #[serde(default)]
    protected_branches: Vec<Named>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    approvals_required: u32,
    #[serde(default)]
    protected_branches: Vec<Named>,
    #[serde(default)]
    applies_to_all_protected_branches: bool,
}

pub(super) async fn project(call: &Call<'_>) -> Result<FoundProject> {
    call.get(call.ask(Project::builder().project(call.project()).build())?, Freshness::Ask).await
}

impl External {
    pub(super) fn is_about(&self, branch: &str) -> bool {
        self.protected_branches.is_empty() || covers(&self.protected_branches, branch)
    }
}

/// The external status checks that nothing is merged without.
pub(super) async fn externals(call: &Call<'_>) -> Result<Vec<External>> {
    match project(call).await?.only_allow_merge_if_all_status_checks_passed {
        Some(true) => call.pages(call.look("/external_status_checks")?).await,
        _ => Ok(Vec::new()),
    }
}

/// A check whose name no [`StatusContext`] can have is left out: PathOps has none of that name.
pub(super) async fn protection(call: &Call<'_>, branch: &BranchName) -> Result<BranchProtection> {
    let externals = externals(call).await?;
    let externals = externals.into_iter().filter(|external| external.is_about(branch.as_str()));
    let required_checks: Vec<StatusContext> = externals.filter_map(|external| external.name.parse().ok()).collect();
    // What a merge train asks of its own commits is asked of none by name.
    Ok(BranchProtection { required_checks, required_approvals: approvals(call, branch).await?, merge_queue: false })
}

async fn approvals(call: &Call<'_>, branch: &BranchName) -> Result<u32> {
    let asked = call.ask(ProjectApprovalRules::builder().project(call.project()).build())?;
    let Some(rules) = call.listed::<Rule>(asked, Freshness::Ask, usize::MAX).await? else {
        return if has_rules(call).await? {
            let error =
                call.error(ErrorKind::NotFound, "the rules for approvals are not there, or the credential may not see them");
            Err(error.advise("give the token's account the role Developer at least"))
        } else {
            Ok(0)
        };
    };
    let is_protected = branches::found(call, branch).await?.is_some_and(|found| found.protected);
    let applies = |rule: &Rule| {
        let everywhere = rule.protected_branches.is_empty() && !rule.applies_to_all_protected_branches;
        everywhere
            || (rule.applies_to_all_protected_branches && is_protected)
            || covers(&rule.protected_branches, branch.as_str())
    };
    Ok(rules.iter().filter(|rule| applies(rule)).map(|rule| rule.approvals_required).max().unwrap_or(0))
}

/// Whether this GitLab is an edition that has rules for approvals; the Community Edition has not, and says so.
async fn has_rules(call: &Call<'_>) -> Result<bool> {
    #[derive(Deserialize)]
    struct Metadata {
        enterprise: bool,
    }
    let found: Metadata = call.get(call.elsewhere("metadata")?, Freshness::Ask).await?;
    Ok(found.enterprise)
}

/// Whether one of the names is the branch's, where `*` stands for anything.
fn covers(names: &[Named], branch: &str) -> bool {
    names.iter().any(|named| matches(&named.name, branch))
}

fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.filter_map(|at| rest.get(at..)).any(|rest| matches(after, rest))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, branch) in
            [("main", "main"), ("*", "main"), ("release/*", "release/1/2"), ("*-stable", "1-2-stable"), ("a*c*", "abcd")]
        {
            assert!(matches(pattern, branch), "{pattern} {branch}");
        }
        for (pattern, branch) in
            [("main", "main2"), ("release/*", "releases"), ("*-stable", "stable"), ("a*c", "abcd"), ("", "main")]
        {
            assert!(!matches(pattern, branch), "{pattern} {branch}");
        }
    }
}
