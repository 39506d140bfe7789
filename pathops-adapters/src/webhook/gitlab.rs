//! GitLab: <https://docs.gitlab.com/user/project/integrations/webhook_events/>.
//!
//! What an event is stands in its body; the header that says so too is not signed.

use pathops_core::adapter::{Hint, HintState, HintText, Rejection, WebhookRequest};
use pathops_core::{Lane, PullRequestNumber};
use serde::Deserialize;

use super::read::{commit, hints, json, key_in, state, text};
use super::sender::Reading;

#[derive(Default, Deserialize)]
struct About {
    object_kind: Option<String>,
    event_name: Option<String>,
    project: Option<Project>,
    project_name: Option<String>,
    group_path: Option<String>,
    full_path: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
}

impl About {
    fn kind(&self) -> &str {
        self.object_kind.as_deref().or(self.event_name.as_deref()).unwrap_or_default()
    }

    fn project(&self) -> Option<&str> {
        self.project.as_ref().map(|it| it.path_with_namespace.as_str()).or(self.project_name.as_deref())
    }

    fn lane(&self) -> Lane {
        match (self.project(), self.group_path.as_deref().or(self.full_path.as_deref())) {
            (Some(project), _) => Lane::of("repo", project),
            (None, Some(group)) => Lane::of("group", group),
            (None, None) => Lane::of("all", "gitlab"),
        }
    }
}

pub(super) fn read(request: &WebhookRequest<'_>, signed: bool) -> Result<Reading, Rejection> {
    let key = key_in(request, if signed { "webhook-id" } else { "Idempotency-Key" })?;
    let (about, read) = match json::<About>(request.body()) {
        Ok(about) => {
            let read = hint(&about, request.body());
            (about, read)
        }
        Err(why) => (About::default(), Err(why)),
    };
    Ok(Reading { key, lane: about.lane(), hints: hints(about.kind(), read) })
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    after: String,
}

#[derive(Deserialize)]
struct Of<T> {
    object_attributes: T,
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: u64,
    action: Option<String>,
    last_commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

#[derive(Deserialize)]
struct Note {
    merge_request: Option<MergeRequest>,
}

#[derive(Deserialize)]
struct Pipeline {
    id: u64,
    sha: String,
    status: String,
}

#[derive(Deserialize)]
struct Build {
    sha: String,
    build_name: String,
    build_status: String,
}

#[derive(Deserialize)]
struct Deployment {
    status: String,
    environment: String,
    commit_url: Option<String>,
}

fn hint(about: &About, body: &[u8]) -> Result<Option<Hint>, String> {
    let repo: HintText = text(about.project());
    let merge_request = |it: MergeRequest, action: &str| Hint::PullRequest {
        repo: repo.clone(),
        number: PullRequestNumber(it.iid),
        action: action.into(),
        head: commit(it.last_commit.as_ref().map(|it| it.id.as_str())),
    };
    Ok(Some(match about.kind() {
        "push" | "tag_push" => {
            let it: Push = json(body)?;
            let gone = it.after.bytes().all(|digit| digit == b'0');
            Hint::Pushed { repo, reference: it.reference.into(), head: if gone { None } else { commit(Some(&it.after)) } }
        }
        "merge_request" => {
            let it = json::<Of<MergeRequest>>(body)?.object_attributes;
            let action = it.action.clone().unwrap_or_else(|| "update".to_owned());
            merge_request(it, &action)
        }
        "note" => match json::<Note>(body)?.merge_request {
            Some(it) => merge_request(it, "comment"),
            None => return Ok(None),
        },
        "pipeline" => {
            let it = json::<Of<Pipeline>>(body)?.object_attributes;
            let (run, commit, state) = (HintText::from(it.id.to_string()), commit(Some(&it.sha)), state(&it.status));
            match state {
                HintState::Running => Hint::Check { repo, name: "pipeline".into(), commit, state },
                _ => Hint::CiFinished { repo, run, commit, state },
            }
        }
        "build" => {
            let it: Build = json(body)?;
            Hint::Check { repo, name: it.build_name.into(), commit: commit(Some(&it.sha)), state: state(&it.build_status) }
        }
        "deployment" => {
            let it: Deployment = json(body)?;
            let sha = it.commit_url.as_deref().and_then(|url| url.rsplit('/').next());
            Hint::Deployment { subject: repo, environment: it.environment.into(), commit: commit(sha), state: state(&it.status) }
        }
        _ => return Ok(None),
    }))
}
