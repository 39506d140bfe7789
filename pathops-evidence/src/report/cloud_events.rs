//! CloudEvents 1.0 in structured JSON, one event or a batch (<https://github.com/cloudevents/spec>, sections on the JSON
//! format).
//!
//! An event that carries a CDEvent must name the same id, source and type as that. The CDEvent is an object, an object that is
//! written out in a text, or one in base64.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::UnixMillis;
use serde::Deserialize;
use serde_json::Value;

use crate::report::cd_events::{is_cd_event, outcome};
use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::sketch;
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
    data_base64: Option<String>,
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
        let carried = if is_cd_event(&self.kind) { self.cd_event(place)? } else { None };
        let content = carried.as_ref().and_then(|event| event.pointer("/subject/content"));
        Ok(EventEnvelope {
            outcome: outcome(&self.kind, content.unwrap_or(&Value::Null)),
            source: self.source,
            id: self.id,
            kind: self.kind,
            subject: self.subject,
            at: time(self.time, place)?,
        })
    }

    /// The CDEvent in it, where there is one; it must be of the same event.
    fn cd_event(&self, place: &Place) -> Result<Option<Value>, Fail> {
        let wrong = |problem: String| Fail::malformed(place.clone(), format!("the CDEvent in it {problem}"));
        let carried = match (&self.data, &self.data_base64) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(wrong("stands in `data` and in `data_base64`".to_owned())),
            (Some(Value::String(text)), None) => written_out(text.as_bytes()).map_err(wrong)?,
            (Some(data), None) => data.clone(),
            (None, Some(text)) => {
                let bytes = BASE64.decode(text).map_err(|error| wrong(format!("is no base64: {error}")))?;
                written_out(&bytes).map_err(wrong)?
            }
        };
        if !carried.is_object() {
            return Err(wrong("is no object".to_owned()));
        }
        let Some(context) = carried.get("context") else { return Ok(Some(carried)) };
        let other = [("id", &self.id), ("source", &self.source), ("type", &self.kind)]
            .into_iter()
            .find(|(key, value)| context.get(key).and_then(Value::as_str) != Some(value.as_str()));
        match other {
            Some((key, _)) => Err(Fail::inconsistent(place.clone(), format!("`{key}` is not that of the CDEvent in it"))),
            None => Ok(Some(carried)),
        }
    }
}

/// JSON in bytes of its own, within the limits and without a key twice; else what is wrong with it.
fn written_out(bytes: &[u8]) -> Result<Value, String> {
    let read = sketch(bytes, &Cell::new(0)).and_then(|_| serde_json::from_slice(bytes));
    read.map_err(|error| format!("is no JSON: {error}"))
}

/// An instant in RFC 3339, where there is one.
pub(super) fn time(text: Option<String>, place: &Place) -> Result<Option<UnixMillis>, Fail> {
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error: pathops_core::TimeError| Fail::malformed(place.clone(), error.to_string()))
}
