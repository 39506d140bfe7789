//! Post-deploy jobs: requests to what was deployed, and what must hold for the answers.

use std::sync::Arc;
use std::time::Duration;

use jsonschema::Validator;
use pathops_core::adapter::{Clock, JobCheck, JobKind, JobResult};
use pathops_core::{JobName, TreeId};

use super::document::{HttpPath, JobSpec};
use super::git::Snapshot;
use super::http::{self, Answer};

/// A job whose schemas have been read.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) name: JobName,
    kind: JobKind,
    requests: Vec<Request>,
}

#[derive(Clone, Debug)]
struct Request {
    name: String,
    get: HttpPath,
    status: u16,
    contains: Vec<String>,
    schema: Option<Arc<Validator>>,
}

/// Reads the declared jobs.
///
/// # Errors
/// What cannot work: a job that checks nothing, two of one name, a schema that is missing or is none.
pub(super) fn read(specs: &[JobSpec], health: &HttpPath, snapshot: &Snapshot) -> Result<Vec<Job>, String> {
    let mut jobs: Vec<Job> = Vec::new();
    for spec in specs {
        if jobs.iter().any(|job| job.name == spec.name) {
            return Err(format!("two jobs are called `{}`", spec.name));
        }
        jobs.push(job(spec, health, snapshot)?);
    }
    Ok(jobs)
}

fn job(spec: &JobSpec, health: &HttpPath, snapshot: &Snapshot) -> Result<Job, String> {
    let mut requests = Vec::new();
    for declared in &spec.requests {
        let schema = declared.schema.as_deref().map(|file| schema(file, snapshot)).transpose();
        requests.push(Request {
            name: declared.name.clone(),
            get: declared.get.clone(),
            status: declared.status,
            contains: declared.contains.clone(),
            schema: schema.map_err(|reason| format!("job `{}`: {reason}", spec.name))?,
        });
    }
    if requests.is_empty() && spec.kind == JobKind::Health {
        let name = format!("GET {} answers", health.as_str());
        requests.push(Request { name, get: health.clone(), status: 200, contains: Vec::new(), schema: None });
    }
    if requests.is_empty() {
        return Err(format!("job `{}` declares no requests, so it would show nothing", spec.name));
    }
    Ok(Job { name: spec.name.clone(), kind: spec.kind, requests })
}

fn schema(file: &str, snapshot: &Snapshot) -> Result<Arc<Validator>, String> {
    let files = snapshot.files.as_ref().map_err(Clone::clone)?;
    let bytes = files.get(file).ok_or_else(|| format!("schema `{file}` is not in the same folder"))?;
    let schema = serde_json::from_slice(bytes).map_err(|e| format!("schema `{file}` is not JSON: {e}"))?;
    let validator = jsonschema::validator_for(&schema).map_err(|e| format!("schema `{file}` is not a JSON Schema: {e}"))?;
    Ok(Arc::new(validator))
}

impl Job {
    /// Runs it against the unit at `port`; it ends within `limit`.
    pub(super) async fn run(self, port: u16, tree: TreeId, limit: Duration, clock: Arc<dyn Clock>) -> JobResult {
        let started_at = clock.now();
        let mut checks = Vec::new();
        let mut over = clock.sleep(limit);
        for request in &self.requests {
            let failure = tokio::select! {
                answer = http::get(port, request.get.clone(), limit) => request.judge(answer),
                () = &mut over => {
                    let failure = Some(format!("the job did not end within {} ms", limit.as_millis()));
                    checks.push(JobCheck { name: request.name.clone(), failure });
                    break;
                }
            };
            checks.push(JobCheck { name: request.name.clone(), failure });
        }
        drop(over);
        JobResult { job: self.name, kind: self.kind, tree, started_at, finished_at: clock.now(), checks }
    }
}

impl Request {
    /// What is wrong with the answer, if anything is.
    fn judge(&self, answer: Result<Answer, String>) -> Option<String> {
        let path = self.get.as_str();
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => return Some(format!("GET {path}: no answer: {reason}")),
        };
        if answer.status != self.status {
            return Some(format!("GET {path}: expected status {}, got {}", self.status, answer.status));
        }
        let body = String::from_utf8_lossy(&answer.body);
        if let Some(text) = self.contains.iter().find(|text| !body.contains(text.as_str())) {
            return Some(format!("GET {path}: the answer does not contain `{text}`"));
        }
        self.schema.as_ref().and_then(|schema| against(schema, &answer.body)).map(|why| format!("GET {path}: {why}"))
    }
}

/// The answer's own values stay out of the message.
fn against(schema: &Validator, body: &[u8]) -> Option<String> {
    let value: serde_json::Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(e) => return Some(format!("the answer is not JSON: {e}")),
    };
    let error = schema.iter_errors(&value).next()?;
    Some(format!("the answer does not fit the schema at `{}`: {}", error.instance_path(), error.masked()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let schema = serde_json::json!({"type": "object", "required": ["total"], "properties": {"total": {"type": "integer"}}});
        Request {
            name: "an order keeps its schema".to_owned(),
            get: HttpPath::try_from("/orders/1".to_owned()).unwrap(),
            status: 200,
            contains: vec!["total".to_owned()],
            schema: Some(Arc::new(jsonschema::validator_for(&schema).unwrap())),
        }
    }

    fn judge(status: u16, body: &str) -> String {
        request().judge(Ok(Answer { status, body: body.as_bytes().to_vec() })).unwrap_or_default()
    }

    #[test]
    fn an_answer_must_have_status_text_and_shape() {
        assert_eq!(judge(200, r#"{"total": 3}"#), "");
        assert!(judge(500, r#"{"total": 3}"#).contains("expected status 200, got 500"));
        assert!(judge(200, "{}").contains("does not contain `total`"));
        assert!(judge(200, "total").contains("is not JSON"));
        let wrong = judge(200, r#"{"total": "s3cret"}"#);
        assert!(wrong.contains("`/total`") && !wrong.contains("s3cret"), "{wrong}");
    }

    #[test]
    fn no_answer_is_a_failure() {
        assert!(request().judge(Err("refused".to_owned())).unwrap().contains("no answer: refused"));
    }
}
