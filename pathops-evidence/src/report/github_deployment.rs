//! GitHub's deployment statuses: the webhook `deployment_status`, and the list of a deployment's statuses of its REST API,
//! newest first (<https://docs.github.com/rest/deployments/statuses>).

use serde::Deserialize;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, DeploymentPhase, DeploymentReport, Format};

pub(super) const SPEC: Spec =
    Spec { format: Format::GithubDeployment, look, parse: |input| Ok(Content::Deployments(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let is_status = |it: &serde_json::Value| it.get("deployment_url").is_some() && it.get("state").is_some();
    let listed = look.list().is_some_and(|list| !list.is_empty() && list.iter().all(is_status));
    certain_if(listed || look.has(&["deployment_status", "deployment"]))
}

#[derive(Deserialize)]
struct Hook {
    deployment_status: Status,
    deployment: Deployment,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    environment: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Deployment {
    sha: String,
    environment: String,
}

fn read(input: &Input<'_>) -> Result<Vec<DeploymentReport>, Fail> {
    if matches!(&input.look, Look::Json(serde_json::Value::Array(_))) {
        let statuses: Vec<Status> = input.json()?;
        return Ok(statuses.into_iter().map(|status| status.report(None)).collect());
    }
    let hook: Hook = input.json()?;
    Ok(vec![hook.deployment_status.report(Some(hook.deployment))])
}

impl Status {
    fn report(self, deployment: Option<Deployment>) -> DeploymentReport {
        let (of, sha) = deployment.map(|it| (it.environment, it.sha)).unzip();
        let name = self.environment.filter(|name| !name.is_empty()).or(of).unwrap_or_default();
        let description = self.description.unwrap_or_default();
        DeploymentReport {
            name,
            phase: match self.state.as_str() {
                "success" => DeploymentPhase::Settled,
                "error" | "failure" => DeploymentPhase::Failed,
                "pending" | "queued" | "in_progress" | "waiting" => DeploymentPhase::UnderWay,
                "inactive" => DeploymentPhase::Gone,
                _ => DeploymentPhase::Unknown,
            },
            revisions: sha.into_iter().collect(),
            images: Vec::new(),
            reason: format!("{}: {description}", self.state).trim_end_matches([':', ' ']).to_owned(),
        }
    }
}
