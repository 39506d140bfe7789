//! Argo CD's notifications: what they say is what a template makes of the application, so the template is part of this.

use pathops_core::adapter::{Hint, HintState, Rejection, WebhookRequest};
use pathops_core::{DeliveryKey, Lane};
use serde::Deserialize;

use super::read::{commit, hints, json, key_of, state};
use super::sender::Reading;

/// What belongs into the ConfigMap `argocd-notifications-cm`: the service, the template and the trigger. Replace the address in
/// it, and put the token into the secret `argocd-notifications-secret`.
pub const ARGO_CD_TEMPLATE: &str = include_str!("argo_cd.yaml");

#[derive(Deserialize)]
struct Notification {
    format: u32,
    delivery: String,
    app: String,
    namespace: String,
    destination: String,
    revision: String,
    phase: String,
    health: String,
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let read: Result<Notification, String> = json(request.body());
    let known = read.and_then(|it| if it.format == 1 { Ok(it) } else { Err("its format is not known here".to_owned()) });
    let (key, lane, hint) = match known {
        Ok(it) => {
            let app = format!("{}/{}", it.namespace, it.app);
            (key_of(&it.delivery), Lane::of("app", &app), Ok(Some(deployment(&it, &app))))
        }
        Err(why) => (DeliveryKey::of(request.body()), Lane::of("all", "argo-cd"), Err(why)),
    };
    Ok(Reading { key, lane, hints: hints("notification", hint) })
}

fn deployment(it: &Notification, app: &str) -> Hint {
    let state = match (state(&it.phase), it.health.as_str()) {
        (HintState::Passed, "Healthy") => HintState::Passed,
        (HintState::Failed, _) | (_, "Degraded") => HintState::Failed,
        (HintState::Passed, "Progressing") => HintState::Running,
        (HintState::Passed, _) => HintState::Other,
        (state, _) => state,
    };
    Hint::Deployment {
        subject: app.into(),
        environment: it.destination.as_str().into(),
        commit: commit(Some(&it.revision)),
        state,
    }
}
