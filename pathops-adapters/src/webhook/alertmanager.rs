//! Prometheus Alertmanager, version 4: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>.
//!
//! It names no delivery, and several Alertmanagers of one cluster send the same on purpose. So one is known by its group and by
//! which alerts of it fire since when.

use pathops_core::adapter::{AlertHint, Hint, Rejection, WebhookRequest};
use pathops_core::{DeliveryKey, Hashing, Lane};
use serde::Deserialize;

use super::read::{json, text, unknown};
use super::sender::Reading;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    version: String,
    group_key: String,
    alerts: Vec<Alert>,
    truncated_alerts: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: String,
    #[serde(default)]
    labels: Labels,
    starts_at: String,
    ends_at: String,
    fingerprint: String,
}

#[derive(Default, Deserialize)]
struct Labels {
    alertname: Option<String>,
    severity: Option<String>,
    service: Option<String>,
    job: Option<String>,
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let read: Result<Notification, String> = json(request.body());
    let known = read.and_then(|it| if it.version == "4" { Ok(it) } else { Err("its version is not known here".to_owned()) });
    Ok(match known {
        Ok(it) => Reading { key: key(&it), lane: Lane::of("group", &it.group_key), hints: hints(&it) },
        Err(why) => {
            let (key, lane) = (DeliveryKey::of(request.body()), Lane::of("all", "alertmanager"));
            Reading { key, lane, hints: vec![unknown("notification", why)] }
        }
    })
}

/// No part can pass for two: each ends with a byte that JSON cannot hold.
fn key(it: &Notification) -> DeliveryKey {
    let mut alerts: Vec<_> =
        it.alerts.iter().map(|a| [&a.fingerprint, &a.status, &a.starts_at, &a.ends_at].map(String::as_str)).collect();
    alerts.sort_unstable();
    let mut hashing = Hashing::default();
    for part in std::iter::once(it.group_key.as_str()).chain(alerts.into_iter().flatten()) {
        hashing.update(part.as_bytes());
        hashing.update(b"\xff");
    }
    DeliveryKey::of(hashing.digest().as_bytes())
}

fn hints(it: &Notification) -> Vec<Hint> {
    let mut hints: Vec<Hint> = it.alerts.iter().map(hint).collect();
    match it.truncated_alerts {
        Some(left_out @ 1..) => hints.push(unknown("alerts", format!("{left_out} alerts of the group were left out"))),
        _ if hints.is_empty() => hints.push(unknown("alerts", "the group has no alerts")),
        _ => {}
    }
    hints
}

fn hint(alert: &Alert) -> Hint {
    let Labels { alertname, severity, service, job } = &alert.labels;
    let about = AlertHint {
        fingerprint: alert.fingerprint.as_str().into(),
        name: text(alertname.as_deref()),
        severity: text(severity.as_deref()),
        subject: text(service.as_deref().or(job.as_deref())),
        since: alert.starts_at.as_str().into(),
    };
    match alert.status.as_str() {
        "firing" => Hint::AlertFiring(about),
        "resolved" => Hint::AlertResolved(about),
        _ => unknown("alert", "it neither fires nor is it resolved"),
    }
}
