//! GitLab's pipelines and jobs: its API v4, one or a list, and its webhooks `pipeline` and `build`
//! (<https://docs.gitlab.com/api/pipelines/>, <https://docs.gitlab.com/api/jobs/>).
//!
//! A job that may fail and did is neutral. A pipeline or a job that waits for somebody to start it is pending; a job that may
//! fail and waits so is neutral.

use serde::Deserialize;
use serde_json::Value;

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, ExternalCheck, ExternalState, Format};

pub(super) const SPEC: Spec =
    Spec { format: Format::GitlabPipeline, look, parse: |input| Ok(Content::ExternalChecks(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let sent = matches!(look.text_at("/object_kind"), Some("pipeline" | "build"));
    match look {
        Look::Json(Value::Array(list)) if list.is_empty() => Some(Confidence::Possible),
        Look::Json(Value::Array(list)) => certain_if(list.iter().all(is_one)),
        Look::Json(one) => certain_if(sent || is_one(one)),
        _ => None,
    }
}

/// Whether it is a pipeline or a job of the API.
fn is_one(it: &Value) -> bool {
    let has = |keys: &[&str]| keys.iter().all(|key| it.get(key).is_some());
    has(&["id", "status", "ref", "sha", "web_url"]) || has(&["id", "status", "stage", "name", "pipeline"])
}

#[derive(Deserialize)]
struct One {
    id: u64,
    status: String,
    sha: Option<String>,
    /// Of a job.
    name: Option<String>,
    stage: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    allow_failure: bool,
    pipeline: Option<Pipeline>,
}

#[derive(Deserialize)]
struct Pipeline {
    sha: Option<String>,
}

#[derive(Deserialize)]
struct PipelineHook {
    object_attributes: One,
    #[serde(default, deserialize_with = "or_default")]
    builds: Vec<One>,
}

#[derive(Deserialize)]
struct JobHook {
    build_name: String,
    build_status: String,
    build_allow_failure: bool,
    sha: String,
}

fn read(input: &Input<'_>) -> Result<Vec<ExternalCheck>, Fail> {
    match (input.look.text_at("/object_kind"), &input.look) {
        (Some("pipeline"), _) => {
            let hook: PipelineHook = input.json()?;
            let sha = hook.object_attributes.sha.clone();
            let pipeline = One { name: None, stage: None, ..hook.object_attributes };
            Ok(std::iter::once(pipeline).chain(hook.builds).map(|it| it.check(sha.clone())).collect())
        }
        (Some("build"), _) => {
            let hook: JobHook = input.json()?;
            let state = state(&hook.build_status, true, hook.build_allow_failure);
            Ok(vec![ExternalCheck { name: hook.build_name, commit: Some(hook.sha), state, by: "GitLab".to_owned() }])
        }
        (_, Look::Json(Value::Array(_))) => Ok(input.json::<Vec<One>>()?.into_iter().map(|it| it.check(None)).collect()),
        _ => Ok(vec![input.json::<One>()?.check(None)]),
    }
}

impl One {
    fn check(self, sha: Option<String>) -> ExternalCheck {
        let is_job = self.stage.is_some();
        ExternalCheck {
            state: state(&self.status, is_job, self.allow_failure),
            name: self.name.filter(|_| is_job).unwrap_or_else(|| format!("pipeline {}", self.id)),
            commit: self.sha.or_else(|| self.pipeline?.sha).or(sha),
            by: "GitLab".to_owned(),
        }
    }
}

fn state(status: &str, is_job: bool, may_fail: bool) -> ExternalState {
    match status {
        "success" => ExternalState::Passed,
        "skipped" => ExternalState::Neutral,
        "manual" | "failed" if is_job && may_fail => ExternalState::Neutral,
        "created"
        | "waiting_for_resource"
        | "preparing"
        | "waiting_for_callback"
        | "pending"
        | "running"
        | "scheduled"
        | "manual" => ExternalState::Pending,
        _ => ExternalState::Failed,
    }
}
