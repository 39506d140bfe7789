//! I8: a credential that pipelines print, jobs report and people write is in nothing that PathOps writes.

use base64::Engine as _;
use pathops_core::adapter::Transition;
use serde_json::Value;

use super::{Found, Invariant, holds};
use crate::shape::SECRET;
use crate::step::Step;
use crate::truth::Truth;

pub(super) struct Secrets;

impl Invariant for Secrets {
    fn name(&self) -> &'static str {
        "i8 no secret gets out"
    }

    fn see(&mut self, _: &Truth, step: &Step<'_>) -> Found {
        let clean = |what: &str, text: &str| {
            holds!(!text.contains(SECRET), "a secret is in {what}");
            Ok(())
        };
        match step {
            Step::Opened { new, .. } => clean("a pull request", &new.body).and_then(|()| clean("a title", &new.title)),
            Step::Committed { new, .. } => {
                let files = new.changes.iter().filter_map(|change| change.file.as_ref());
                let texts: Vec<_> = files.map(|file| String::from_utf8_lossy(&file.bytes)).collect();
                clean("a message", &new.message).and_then(|()| texts.iter().try_for_each(|text| clean("a commit", text)))
            }
            Step::Posted { says, .. } => clean("a status", says),
            Step::Said { says, .. } => clean("a comment", says),
            Step::Told { says, .. } => clean("a notice", says),
            Step::Stored { bytes } => {
                let text = String::from_utf8_lossy(bytes);
                clean("a blob", &text)?;
                clean("a payload", &payload(&text))
            }
            Step::Tasked { task } => clean("a task", &task.objective),
            Step::Began { transition, .. } | Step::Journaled { transition, .. } => journaled(transition),
            _ => Ok(()),
        }
    }
}

/// What an envelope holds; nothing of anything else.
fn payload(text: &str) -> String {
    let Some((_, rest)) = text.split_once("\"payload\":\"") else { return String::new() };
    let encoded = rest.split('"').next().unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
    String::from_utf8_lossy(&decoded).into_owned()
}

fn journaled(transition: &Transition) -> Found {
    let commands = transition.opens.iter().map(|open| &open.command);
    for value in [&transition.event, &transition.state].into_iter().chain(commands) {
        holds!(!says(value), "a secret is in the journal");
    }
    Ok(())
}

fn says(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(SECRET),
        Value::Array(values) => values.iter().any(says),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains(SECRET) || says(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
