//! Kubernetes events: `kubectl get events -o json` or `-o yaml`, or the answer of the API, in `v1` and `events.k8s.io/v1`.
//!
//! A page of a longer list is an error. A list of kind `List` without items says too little to be recognised. A cut between two lines
//! of YAML cannot be seen.

use pathops_core::UnixMillis;
use serde::Deserialize;
use serde_json::Value;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec};
use crate::report::input::{Input, Look};
use crate::report::{Content, Fault, Format, RuntimeEvent, yaml};

pub(super) const SPEC: Spec =
    Spec { format: Format::KubernetesEvents, look, parse: |input| Ok(Content::RuntimeEvents(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let first = look.text_at("/items/0/kind");
    match (look.text_at("/kind"), first) {
        (Some("EventList" | "Event"), _) if look.has(&["apiVersion"]) => Some(Confidence::Certain),
        (Some("List"), Some("Event")) => Some(Confidence::Certain),
        (Some("List"), None) => Some(Confidence::Possible),
        _ => yaml::sure(look, is_event),
    }
}

/// Whether it is an event, or a list of nothing else.
pub(super) fn is_event(object: &Value) -> bool {
    let version = yaml::text(object, "apiVersion");
    matches!(yaml::text(object, "kind"), "Event" | "EventList") && (version == "v1" || version.starts_with("events.k8s.io/"))
}

#[derive(Deserialize)]
struct Document {
    kind: String,
    metadata: Option<Metadata>,
    items: Option<Vec<Event>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(rename = "continue")]
    next: Option<String>,
    creation_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    kind: Option<String>,
    #[serde(rename = "type")]
    severity: Option<String>,
    reason: Option<String>,
    #[serde(alias = "note")]
    message: Option<String>,
    #[serde(alias = "regarding")]
    involved_object: Object,
    count: Option<u64>,
    deprecated_count: Option<u64>,
    series: Option<Series>,
    last_timestamp: Option<String>,
    deprecated_last_timestamp: Option<String>,
    event_time: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    count: Option<u64>,
    last_observed_time: Option<String>,
}

#[derive(Deserialize)]
struct Object {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

fn read(input: &Input<'_>) -> Result<Vec<RuntimeEvent>, Fail> {
    let document: Document = input.kubernetes()?;
    if document.kind == "Event" {
        return Ok(vec![input.kubernetes::<Event>()?.read()]);
    }
    if !matches!(document.kind.as_str(), "List" | "EventList") {
        return Err(Fail::malformed(pointer!("kind"), format!("`{}` is no list of events", document.kind)));
    }
    if document.metadata.and_then(|metadata| metadata.next).is_some_and(|next| !next.is_empty()) {
        return Err(Fail::new(Fault::Paged, pointer!("metadata", "continue"), "the list goes on"));
    }
    let items = document.items.ok_or_else(|| Fail::malformed(pointer!("items"), "it is missing"))?;
    let read = |(number, event): (usize, Event)| match event.kind.as_deref() {
        None | Some("Event") => Ok(event.read()),
        Some(other) => Err(Fail::malformed(pointer!("items", number), format!("it is a `{other}`, and no event"))),
    };
    items.into_iter().enumerate().map(read).collect()
}

impl Event {
    fn read(self) -> RuntimeEvent {
        let series = self.series.as_ref();
        let times = [
            series.and_then(|series| series.last_observed_time.as_deref()),
            self.last_timestamp.as_deref(),
            self.deprecated_last_timestamp.as_deref(),
            self.event_time.as_deref(),
            self.metadata.as_ref().and_then(|metadata| metadata.creation_timestamp.as_deref()),
        ];
        let at = times.into_iter().flatten().find_map(|time| time.parse::<UnixMillis>().ok());
        let Object { kind, namespace, name } = self.involved_object;
        let place = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        RuntimeEvent {
            warning: self.severity.as_deref() != Some("Normal"),
            reason: self.reason.unwrap_or_default(),
            about: format!("{} {place}{}", kind.unwrap_or_default(), name.unwrap_or_default()).trim().to_owned(),
            message: self.message.unwrap_or_default(),
            count: series.and_then(|series| series.count).or(self.count).or(self.deprecated_count).unwrap_or(1),
            at,
        }
    }
}
