//! Sentry: <https://docs.sentry.io/organization/integrations/integration-platform/webhooks/>.
//!
//! What an event is follows from its body; the header that says so too is not signed, nor is its time.

use pathops_core::Lane;
use pathops_core::adapter::{AlertHint, Hint, Rejection, WebhookRequest};
use serde::Deserialize;

use super::read::{Loose, hints, json, key_in, text};
use super::sender::Reading;

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    action: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    issue: Option<Issue>,
    event: Option<Occurrence>,
    metric_alert: Option<MetricAlert>,
}

#[derive(Deserialize)]
struct Issue {
    id: Loose,
    title: Option<String>,
    level: Option<String>,
    project: Option<Project>,
    #[serde(rename = "firstSeen")]
    first_seen: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    slug: Option<String>,
}

#[derive(Deserialize)]
struct Occurrence {
    issue_id: Loose,
    title: Option<String>,
    level: Option<String>,
    datetime: Option<String>,
}

#[derive(Deserialize)]
struct MetricAlert {
    id: Loose,
    title: Option<String>,
    date_started: Option<String>,
    alert_rule: Option<AlertRule>,
}

#[derive(Deserialize)]
struct AlertRule {
    name: Option<String>,
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let key = key_in(request, "Request-ID")?;
    let (what, lane, hint) = match json::<Event>(request.body()) {
        Ok(event) => {
            let (lane, hint) = hint(&event);
            (event.action, lane, Ok(hint))
        }
        Err(why) => ("event".to_owned(), None, Err(why)),
    };
    Ok(Reading { key, lane: lane.unwrap_or_else(|| Lane::of("all", "sentry")), hints: hints(&what, hint) })
}

fn hint(event: &Event) -> (Option<Lane>, Option<Hint>) {
    let (about, lane) = match &event.data {
        Data { issue: Some(it), .. } => {
            let subject = text(it.project.as_ref().and_then(|it| it.slug.as_deref()));
            let about = alert("issue", &it.id, it.title.as_deref(), it.level.as_deref(), it.first_seen.as_deref());
            (AlertHint { subject, ..about }, Lane::of("issue", &it.id.text()))
        }
        Data { event: Some(it), .. } => {
            let about = alert("issue", &it.issue_id, it.title.as_deref(), it.level.as_deref(), it.datetime.as_deref());
            (about, Lane::of("issue", &it.issue_id.text()))
        }
        Data { metric_alert: Some(it), .. } => {
            let name = it.alert_rule.as_ref().and_then(|rule| rule.name.as_deref()).or(it.title.as_deref());
            let about = alert("metric-alert", &it.id, name, Some(&event.action), it.date_started.as_deref());
            (about, Lane::of("metric-alert", &it.id.text()))
        }
        _ => return (None, None),
    };
    let hint = match event.action.as_str() {
        "created" | "unresolved" | "triggered" | "critical" | "warning" => Some(Hint::AlertFiring(about)),
        "resolved" => Some(Hint::AlertResolved(about)),
        _ => None,
    };
    (Some(lane), hint)
}

fn alert(kind: &str, id: &Loose, name: Option<&str>, severity: Option<&str>, since: Option<&str>) -> AlertHint {
    AlertHint {
        fingerprint: format!("{kind}/{}", id.text()).into(),
        name: text(name),
        severity: text(severity),
        subject: text(None),
        since: text(since),
    }
}
