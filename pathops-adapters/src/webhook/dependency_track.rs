//! OWASP Dependency-Track, versions 4 and 5: <https://docs.dependencytrack.org/integrations/notifications/>.

use pathops_core::adapter::{Hint, Rejection, WebhookRequest};
use pathops_core::{DeliveryKey, Lane};
use serde::Deserialize;

use super::read::{json, key_of, text, unknown};
use super::sender::Reading;

#[derive(Deserialize)]
struct Message {
    notification: Notification,
}

#[derive(Deserialize)]
struct Notification {
    /// Since version 5.
    id: Option<String>,
    group: String,
    #[serde(default)]
    subject: Subject,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subject {
    project: Option<Project>,
    affected_projects: Option<Vec<Project>>,
    component: Option<Component>,
    vulnerability: Option<Vulnerability>,
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Deserialize)]
struct Project {
    uuid: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    purl: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability {
    vuln_id: String,
    severity: Option<String>,
}

impl Subject {
    fn project(&self) -> Option<&Project> {
        self.project.as_ref().or(self.affected_projects.as_deref().and_then(<[Project]>::first))
    }

    fn name(&self) -> Option<&str> {
        let component = self.component.as_ref().and_then(|it| it.purl.as_deref().or(it.name.as_deref()));
        component.or(self.project().and_then(|it| it.name.as_deref()))
    }
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let of_body = || DeliveryKey::of(request.body());
    Ok(match json::<Message>(request.body()) {
        Ok(Message { notification: it }) => {
            let lane = it.subject.project().map_or_else(|| Lane::of("all", "dependency-track"), |p| Lane::of("project", &p.uuid));
            Reading { key: it.id.as_deref().map_or_else(of_body, key_of), lane, hints: hints(&it) }
        }
        Err(why) => {
            Reading { key: of_body(), lane: Lane::of("all", "dependency-track"), hints: vec![unknown("notification", why)] }
        }
    })
}

fn hints(it: &Notification) -> Vec<Hint> {
    // Version 5 names its groups as its protocol does.
    let group = it.group.strip_prefix("GROUP_").unwrap_or(&it.group);
    let about = match group {
        "NEW_VULNERABILITY" | "NEW_VULNERABLE_DEPENDENCY" | "VULNERABILITY_RETRACTED" | "PROJECT_AUDIT_CHANGE" => &it.subject,
        _ => return vec![unknown(group, "events of this kind are not known here")],
    };
    let all = about.vulnerability.iter().chain(about.vulnerabilities.iter().flatten());
    let hint = |vulnerability: &Vulnerability| Hint::Vulnerability {
        subject: text(about.name()),
        id: vulnerability.vuln_id.as_str().into(),
        severity: text(vulnerability.severity.as_deref()),
        action: group.into(),
    };
    let hints: Vec<Hint> = all.map(hint).collect();
    if hints.is_empty() { vec![unknown(group, "it names no vulnerability")] } else { hints }
}
