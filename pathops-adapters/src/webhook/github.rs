//! GitHub: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.
//!
//! Neither the name of the event nor that of the delivery is signed: whoever has seen a delivery can send its body again under
//! another name. It is a hint, and hints do no harm.

use pathops_core::adapter::{Hint, HintText, Rejection, WebhookRequest};
use pathops_core::{Lane, PullRequestNumber};
use serde::Deserialize;

use super::read::{commit, hints, json, key_in, state, text};
use super::sender::Reading;

#[derive(Default, Deserialize)]
struct About {
    action: Option<String>,
    repository: Option<Repository>,
    organization: Option<Organization>,
    installation: Option<Installation>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct Organization {
    login: String,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

impl About {
    fn lane(&self) -> Lane {
        match self {
            Self { repository: Some(it), .. } => Lane::of("repo", &it.full_name),
            Self { organization: Some(it), .. } => Lane::of("organization", &it.login),
            Self { installation: Some(it), .. } => Lane::of("installation", &it.id.to_string()),
            _ => Lane::of("all", "github"),
        }
    }
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let event = request.required("X-GitHub-Event")?;
    let key = key_in(request, "X-GitHub-Delivery")?;
    let (about, read) = match json::<About>(request.body()) {
        Ok(about) => {
            let read = hint(event, &about, request.body());
            (about, read)
        }
        Err(why) => (About::default(), Err(why)),
    };
    let what = about.action.as_ref().map_or_else(|| event.to_owned(), |action| format!("{event}.{action}"));
    Ok(Reading { key, lane: about.lane(), hints: hints(&what, read) })
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    after: String,
    deleted: bool,
}

#[derive(Deserialize)]
struct OfPullRequest {
    pull_request: PullRequest,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

#[derive(Deserialize)]
struct OfIssue {
    issue: Issue,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    name: Option<String>,
    app: Option<App>,
    head_sha: String,
    status: Option<String>,
    conclusion: Option<String>,
}

#[derive(Deserialize)]
struct App {
    name: String,
}

impl Run {
    fn check(&self, about: &About) -> Hint {
        let name = self.name.as_deref().or(self.app.as_ref().map(|app| app.name.as_str()));
        let word = self.conclusion.as_deref().or(self.status.as_deref()).unwrap_or_default();
        Hint::Check { repo: repo(about), name: text(name), commit: commit(Some(&self.head_sha)), state: state(word) }
    }

    fn finished(&self, about: &About) -> Hint {
        let state = state(self.conclusion.as_deref().unwrap_or_default());
        Hint::CiFinished { repo: repo(about), run: self.id.to_string().into(), commit: commit(Some(&self.head_sha)), state }
    }
}

#[derive(Deserialize)]
struct OfCheckRun {
    check_run: Run,
}

#[derive(Deserialize)]
struct OfCheckSuite {
    check_suite: Run,
}

#[derive(Deserialize)]
struct OfWorkflowRun {
    workflow_run: Run,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    sha: String,
    state: String,
}

#[derive(Deserialize)]
struct OfDeployment {
    deployment: Deployment,
    deployment_status: Option<DeploymentStatus>,
}

#[derive(Deserialize)]
struct Deployment {
    sha: String,
    environment: String,
}

#[derive(Deserialize)]
struct DeploymentStatus {
    state: String,
}

#[derive(Deserialize)]
struct OfAlert {
    alert: Alert,
}

#[derive(Deserialize)]
struct Alert {
    number: u64,
    rule: Option<Rule>,
    security_advisory: Option<Advisory>,
    secret_type: Option<String>,
}

#[derive(Deserialize)]
struct Rule {
    id: Option<String>,
    severity: Option<String>,
}

#[derive(Deserialize)]
struct Advisory {
    ghsa_id: String,
    cve_id: Option<String>,
    severity: String,
}

impl Alert {
    fn hint(self, about: &About) -> Hint {
        let (id, severity) = match self {
            Self { security_advisory: Some(it), .. } => (Some(it.cve_id.unwrap_or(it.ghsa_id)), Some(it.severity)),
            Self { rule: Some(it), .. } => (it.id, it.severity),
            Self { secret_type, .. } => (secret_type, None),
        };
        let id = id.unwrap_or_else(|| self.number.to_string()).into();
        Hint::Vulnerability {
            subject: repo(about),
            id,
            severity: text(severity.as_deref()),
            action: text(about.action.as_deref()),
        }
    }
}

fn repo(about: &About) -> HintText {
    text(about.repository.as_ref().map(|it| it.full_name.as_str()))
}

fn hint(event: &str, about: &About, body: &[u8]) -> Result<Option<Hint>, String> {
    let pull_request = |number, head: Option<&str>, action: String| Hint::PullRequest {
        repo: repo(about),
        number: PullRequestNumber(number),
        action: action.into(),
        head: commit(head),
    };
    let action = about.action.as_deref().unwrap_or_default();
    Ok(Some(match event {
        "push" => {
            let push: Push = json(body)?;
            let head = if push.deleted { None } else { commit(Some(&push.after)) };
            Hint::Pushed { repo: repo(about), reference: push.reference.into(), head }
        }
        "pull_request" | "pull_request_review" | "pull_request_review_comment" | "pull_request_review_thread" => {
            let it = json::<OfPullRequest>(body)?.pull_request;
            let action = event.strip_prefix("pull_request_").map_or(action.to_owned(), |about| format!("{about} {action}"));
            pull_request(it.number, Some(&it.head.sha), action.replace('_', " "))
        }
        "issue_comment" => match json::<OfIssue>(body)?.issue {
            Issue { number, pull_request: Some(_) } => pull_request(number, None, format!("comment {action}")),
            _ => return Ok(None),
        },
        "check_run" => json::<OfCheckRun>(body)?.check_run.check(about),
        "check_suite" => json::<OfCheckSuite>(body)?.check_suite.check(about),
        "workflow_run" => match json::<OfWorkflowRun>(body)?.workflow_run {
            run if action == "completed" => run.finished(about),
            run => run.check(about),
        },
        "status" => {
            let it: Status = json(body)?;
            let (name, state) = (it.context.into(), state(&it.state));
            Hint::Check { repo: repo(about), name, commit: commit(Some(&it.sha)), state }
        }
        "deployment" | "deployment_status" => {
            let it: OfDeployment = json(body)?;
            Hint::Deployment {
                subject: repo(about),
                environment: it.deployment.environment.into(),
                commit: commit(Some(&it.deployment.sha)),
                state: state(it.deployment_status.as_ref().map_or("pending", |status| status.state.as_str())),
            }
        }
        "code_scanning_alert" | "dependabot_alert" | "secret_scanning_alert" => json::<OfAlert>(body)?.alert.hint(about),
        _ => return Ok(None),
    }))
}
