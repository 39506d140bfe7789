//! CloudEvents 1.0 in structured JSON, one event or a batch (<https://github.com/cloudevents/spec>, sections on the JSON
//! format).
//!
//! An event that carries a CDEvent must name the same id, source and type as that.

use pathops_core::UnixMillis;
use serde::Deserialize;
use serde_json::Value;

use crate::report::cd_events::{is_cd_event, outcome};
use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, EventEnvelope, Format};

pub(super) const SPEC: Spec = Spec { format: Format::CloudEvents, look, parse: |input| Ok(Content::Events(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let is_event = |it: &Value| ["specversion", "id", "source", "type"].iter().all(|key| it.get(key).is_some());
    certain_if(match look {
        Look::Json(Value::Array(batch)) => !batch.is_empty() && batch.iter().all(is_event),
        Look::Json(one) => is_event(one),
        _ => false,
    })
}

#[derive(Deserialize)]
struct Event {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: Option<String>,
    time: Option<String>,
    data: Option<Value>,
}

fn read(input: &Input<'_>) -> Result<Vec<EventEnvelope>, Fail> {
    match &input.look {
        Look::Json(Value::Array(_)) => {
            let batch: Vec<Event> = input.json()?;
            batch.into_iter().enumerate().map(|(number, event)| event.read(&pointer!(number))).collect()
        }
        _ => Ok(vec![input.json::<Event>()?.read(&Place::Whole)?]),
    }
}

impl Event {
    fn read(self, place: &Place) -> Result<EventEnvelope, Fail> {
        if self.specversion != "1.0" {
            return Err(Fail::unsupported(place.clone(), format!("CloudEvents {}, and 1.0 is read", self.specversion)));
        }
        if let Some((name, _)) =
            [("id", &self.id), ("source", &self.source), ("type", &self.kind)].iter().find(|(_, it)| it.is_empty())
        {
            return Err(Fail::malformed(place.clone(), format!("`{name}` is empty")));
        }
        if is_cd_event(&self.kind) {
            self.check_cd_event(place)?;
        }
        let content = self.data.as_ref().and_then(|data| data.pointer("/subject/content"));
        Ok(EventEnvelope {
            outcome: content.and_then(|content| outcome(&self.kind, content)),
            source: self.source,
            id: self.id,
            kind: self.kind,
            subject: self.subject,
            at: time(self.time, place)?,
        })
    }

    fn check_cd_event(&self, place: &Place) -> Result<(), Fail> {
        let Some(context) = self.data.as_ref().and_then(|data| data.get("context")) else { return Ok(()) };
        let wrong = [("id", &self.id), ("source", &self.source), ("type", &self.kind)]
            .into_iter()
            .find(|(key, value)| context.get(key).and_then(Value::as_str) != Some(value.as_str()));
        match wrong {
            Some((key, _)) => Err(Fail::inconsistent(place.clone(), format!("`{key}` is not that of the CDEvent in it"))),
            None => Ok(()),
        }
    }
}

/// An instant in RFC 3339, where there is one.
pub(super) fn time(text: Option<String>, place: &Place) -> Result<Option<UnixMillis>, Fail> {
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error: pathops_core::TimeError| Fail::malformed(place.clone(), error.to_string()))
}
