//! CDEvents 0.3 to 0.5 in JSON (<https://cdevents.dev/docs/spec/>), without CloudEvents around them; custom events too.

use serde::Deserialize;
use serde_json::Value;

use crate::report::cloud_events::time;
use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, EventEnvelope, ExternalState, Format};

pub(super) const SPEC: Spec = Spec { format: Format::CdEvents, look, parse: |input| Ok(Content::Events(vec![read(input)?])) };

/// How the types of events begin: those of the specification, and custom ones.
const PREFIXES: [&str; 2] = ["dev.cdevents.", "dev.cdeventsx."];

/// The versions that are read.
const VERSIONS: [&str; 3] = ["0.3.", "0.4.", "0.5."];

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.has(&["context", "subject"]) && look.text_at("/context/type").is_some_and(is_cd_event))
}

pub(super) fn is_cd_event(kind: &str) -> bool {
    PREFIXES.iter().any(|prefix| kind.starts_with(prefix))
}

#[derive(Deserialize)]
struct Document {
    context: Context,
    subject: Subject,
}

#[derive(Deserialize)]
struct Context {
    #[serde(alias = "specversion")]
    version: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
}

#[derive(Deserialize)]
struct Subject {
    id: String,
    #[serde(default)]
    content: Value,
}

/// How what a CDEvent tells of has ended, where it says so. What is no word of the specification proves nothing good.
pub(super) fn outcome(kind: &str, content: &Value) -> Option<ExternalState> {
    if kind.starts_with("dev.cdevents.incident.detected.") {
        return Some(ExternalState::Failed);
    }
    let said = content.get("outcome").filter(|_| kind.starts_with("dev.cdevents."))?;
    Some(match said.as_str() {
        Some("pass" | "success") => ExternalState::Passed,
        Some("cancel") => ExternalState::Neutral,
        _ => ExternalState::Failed,
    })
}

fn read(input: &Input<'_>) -> Result<EventEnvelope, Fail> {
    let Document { context, subject } = input.json()?;
    if !VERSIONS.iter().any(|version| context.version.starts_with(version)) {
        let problem = format!("CDEvents {}, and 0.3 to 0.5 are read", context.version);
        return Err(Fail::unsupported(pointer!("context", "version"), problem));
    }
    if context.id.is_empty() || context.source.is_empty() || !is_cd_event(&context.kind) {
        return Err(Fail::malformed(pointer!("context"), "its id, source or type is empty, or of something else"));
    }
    let place: Place = pointer!("context", "timestamp");
    Ok(EventEnvelope {
        outcome: outcome(&context.kind, &subject.content),
        source: context.source,
        id: context.id,
        kind: context.kind,
        subject: Some(subject.id),
        at: time(Some(context.timestamp), &place)?,
    })
}
