//! CloudEvents 1.0 in the HTTP binding, binary or structured, of which CDEvents are understood:
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>, <https://cdevents.dev>.
//!
//! Source and id together name an event, by the specification.

use pathops_core::adapter::{AlertHint, Hint, HintState, HintText, Rejection, WebhookRequest};
use pathops_core::{DeliveryKey, Hashing, Lane};
use serde::Deserialize;

use super::read::{hints, json, state, text, unknown};
use super::sender::Reading;

/// The attributes that every event has.
struct Attributes {
    id: String,
    source: String,
    kind: String,
    subject: Option<String>,
}

#[derive(Deserialize)]
struct Structured {
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: Option<String>,
    #[serde(default)]
    data: CdEvent,
}

#[derive(Default, Deserialize)]
struct CdEvent {
    subject: Option<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    id: String,
    #[serde(default)]
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    outcome: Option<String>,
    pipeline_name: Option<String>,
    task_name: Option<String>,
    environment: Option<Named>,
    service: Option<Named>,
    repository: Option<Named>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let binary = request.header("ce-id")?;
    if let Some(id) = binary {
        let attributes = Attributes {
            id: id.to_owned(),
            source: request.required("ce-source")?.to_owned(),
            kind: request.required("ce-type")?.to_owned(),
            subject: request.header("ce-subject")?.map(str::to_owned),
        };
        return Ok(reading(attributes, json(request.body())));
    }
    Ok(match json::<Structured>(request.body()) {
        Ok(Structured { id, source, kind, subject, data }) => reading(Attributes { id, source, kind, subject }, Ok(data)),
        Err(why) => {
            let (key, lane) = (DeliveryKey::of(request.body()), Lane::of("all", "cloud-events"));
            Reading { key, lane, hints: vec![unknown("event", why)] }
        }
    })
}

fn reading(attributes: Attributes, data: Result<CdEvent, String>) -> Reading {
    let mut hashing = Hashing::default();
    for part in [&attributes.source, &attributes.id] {
        hashing.update(part.as_bytes());
        hashing.update(b"\xff");
    }
    let data = data.map(|data| data.subject);
    let subject = match &data {
        Ok(Some(subject)) => Some(&subject.id),
        _ => attributes.subject.as_ref(),
    };
    let lane = Lane::of("subject", subject.unwrap_or(&attributes.source));
    let hint = data.map(|subject| subject.and_then(|subject| hint(&attributes.kind, &subject)));
    Reading { key: DeliveryKey::of(hashing.digest().as_bytes()), lane, hints: hints(&attributes.kind, hint) }
}

/// CDEvents of the types `dev.cdevents.<subject>.<what happened>.<version>`.
fn hint(kind: &str, subject: &Subject) -> Option<Hint> {
    let mut words = kind.strip_prefix("dev.cdevents.")?.split('.');
    let (what, happened) = (words.next()?, words.next()?);
    let content = &subject.content;
    let named = |it: &Option<Named>| text(it.as_ref().map(|it| it.id.as_str()));
    let id: HintText = subject.id.as_str().into();
    let ended = || content.outcome.as_deref().map_or(HintState::Running, state);
    Some(match (what, happened) {
        ("pipelinerun", "finished") => {
            let repo = text(content.pipeline_name.as_deref());
            Hint::CiFinished { repo, run: id, commit: None, state: content.outcome.as_deref().map_or(HintState::Other, state) }
        }
        ("pipelinerun" | "taskrun" | "build" | "testcaserun" | "testsuiterun", _) => {
            let name = content.task_name.as_deref().or(content.pipeline_name.as_deref()).map_or(id, HintText::new);
            Hint::Check { repo: named(&content.repository), name, commit: None, state: ended() }
        }
        ("service", "deployed" | "upgraded" | "rolledback" | "removed" | "published") => {
            Hint::Deployment { subject: id, environment: named(&content.environment), commit: None, state: HintState::Passed }
        }
        ("incident", "detected" | "reported") => Hint::AlertFiring(incident(id, content)),
        ("incident", "resolved") => Hint::AlertResolved(incident(id, content)),
        _ => return None,
    })
}

fn incident(fingerprint: HintText, content: &Content) -> AlertHint {
    let subject = text(content.service.as_ref().map(|it| it.id.as_str()));
    let name = text(content.description.as_deref());
    AlertHint { fingerprint, name, severity: text(None), subject, since: text(None) }
}
