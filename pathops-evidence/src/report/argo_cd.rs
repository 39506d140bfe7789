//! Argo CD's Application (`argoproj.io/v1alpha1`), or a list of them: `kubectl get application -o json`, `argocd app get -o
//! json`, and the same with `-o yaml`. In YAML, one that has no status, no operation and no identity is a resource that somebody asks
//! for, and not one of these. A cut between two lines of YAML cannot be seen.
//!
//! It is settled where it is synced and healthy, no operation runs or waits, and the last one succeeded. That is no proof that
//! the *expected* state is live: Argo CD may not have looked since.

use serde::Deserialize;
use serde_json::Value;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, DeploymentPhase, DeploymentReport, Fault, Format, yaml};

pub(super) const SPEC: Spec = Spec { format: Format::ArgoCd, look, parse: |input| Ok(Content::Deployments(read(input)?)) };

const GROUP: &str = "argoproj.io/";

fn look(look: &Look<'_>) -> Option<Confidence> {
    let one = |at: &str, kinds: &[&str]| {
        look.text_at(&format!("{at}/apiVersion")).is_some_and(|version| version.starts_with(GROUP))
            && look.text_at(&format!("{at}/kind")).is_some_and(|kind| kinds.contains(&kind))
    };
    let json = certain_if(one("", &["Application", "ApplicationList"]) || one("/items/0", &["Application"]));
    json.or_else(|| yaml::sure(look, is_observed))
}

/// Whether it is an Application as a cluster tells of it.
pub(super) fn is_observed(object: &Value) -> bool {
    let is_there = |it: &Value| !it.is_null() && it.as_object().is_none_or(|fields| !fields.is_empty());
    let told = ["/status", "/operation", "/metadata/uid", "/metadata/resourceVersion"];
    yaml::text(object, "apiVersion").starts_with(GROUP)
        && match yaml::text(object, "kind") {
            "ApplicationList" => true,
            "Application" => told.iter().any(|pointer| object.pointer(pointer).is_some_and(is_there)),
            _ => false,
        }
}

#[derive(Deserialize)]
struct Document {
    kind: String,
    metadata: Metadata,
    items: Option<Vec<Application>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Application {
    kind: Option<String>,
    metadata: Metadata,
    operation: Option<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    deletion_timestamp: Option<String>,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    sync: Sync,
    health: Health,
    operation_state: Option<Operation>,
    conditions: Vec<Condition>,
    summary: Summary,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sync {
    status: String,
    revision: Option<String>,
    revisions: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Health {
    status: String,
}

#[derive(Deserialize)]
struct Operation {
    phase: String,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    images: Vec<String>,
}

fn read(input: &Input<'_>) -> Result<Vec<DeploymentReport>, Fail> {
    let document: Document = input.kubernetes()?;
    let applications = match (document.kind.as_str(), document.items) {
        ("Application", _) => vec![input.kubernetes::<Application>()?],
        ("List" | "ApplicationList", Some(items)) => items,
        (other, _) => return Err(Fail::malformed(pointer!("kind"), format!("`{other}` is no Application"))),
    };
    if document.metadata.next.is_some_and(|next| !next.is_empty()) {
        return Err(Fail::new(Fault::Paged, pointer!("metadata", "continue"), "the list goes on"));
    }
    applications.into_iter().enumerate().map(|(number, application)| application.read(number)).collect()
}

impl Application {
    fn read(self, number: usize) -> Result<DeploymentReport, Fail> {
        if let Some(other) = self.kind.as_deref().filter(|kind| *kind != "Application") {
            return Err(Fail::malformed(pointer!("items", number), format!("it is a `{other}`, and no Application")));
        }
        let (phase, reason) = self.phase();
        let name = self.metadata.name.ok_or_else(|| Fail::malformed(pointer!("metadata", "name"), "it is missing"))?;
        let single = self.status.sync.revision.filter(|revision| !revision.is_empty());
        Ok(DeploymentReport {
            name: self.metadata.namespace.map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}")),
            phase,
            revisions: if self.status.sync.revisions.is_empty() {
                single.into_iter().collect()
            } else {
                self.status.sync.revisions
            },
            images: self.status.summary.images,
            reason,
        })
    }

    /// The worst that is said of it, and what that is.
    fn phase(&self) -> (DeploymentPhase, String) {
        use DeploymentPhase as P;
        let Status { sync, health, operation_state, conditions, .. } = &self.status;
        let said =
            |what: &str, state: &str| if state.is_empty() { format!("no {what} status") } else { format!("{what}: {state}") };
        let operation = operation_state.as_ref().map(|it| (it.phase.as_str(), it.message.as_deref().unwrap_or_default()));
        if let Some(at) = &self.metadata.deletion_timestamp {
            return (P::Gone, format!("deleted at {at}"));
        }
        if let Some(condition) = conditions.iter().find(|condition| condition.kind.ends_with("Error")) {
            return (P::Failed, format!("{}: {}", condition.kind, condition.message));
        }
        match (operation, sync.status.as_str(), health.status.as_str()) {
            (Some((phase @ ("Failed" | "Error"), message)), ..) => (P::Failed, format!("operation {phase}: {message}")),
            (.., "Degraded") => (P::Failed, said("health", "Degraded")),
            _ if self.operation.is_some() => (P::UnderWay, "an operation waits".to_owned()),
            (Some((phase @ ("Running" | "Terminating"), message)), ..) => (P::UnderWay, format!("operation {phase}: {message}")),
            (.., health @ ("Progressing" | "Suspended" | "Missing")) => (P::UnderWay, said("health", health)),
            (_, "OutOfSync", _) => (P::UnderWay, said("sync", "OutOfSync")),
            (None | Some(("Succeeded", _)), "Synced", "Healthy") => (P::Settled, "synced and healthy".to_owned()),
            (_, "Synced", health) => (P::Unknown, said("health", health)),
            (_, sync, _) => (P::Unknown, said("sync", sync)),
        }
    }
}
