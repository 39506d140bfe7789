//! Reading JSON of somebody else within bounds, and the words that senders have in common.

use pathops_core::adapter::{Hint, HintState, HintText, Rejection, WebhookRequest};
use pathops_core::{CommitId, DeliveryKey};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;

/// No sender nests its payloads half as deep.
const MAX_DEPTH: usize = 64;

/// How many values there may be: what is kept of each takes more room than it does in the text.
const MAX_VALUES: usize = 250_000;

/// Reads what is known of a payload and skips the rest, or says why it cannot be read. What it says holds nothing of the payload.
pub(super) fn json<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, String> {
    bounded(body)?;
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            Category::Data => "its JSON is not of the form that is known here",
            Category::Io | Category::Syntax | Category::Eof => "it is no JSON",
        };
        format!("{what} (line {}, column {})", error.line(), error.column())
    })
}

/// One pass over the bytes that keeps nothing.
fn bounded(body: &[u8]) -> Result<(), String> {
    let (mut depth, mut values, mut in_text, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in body {
        if in_text {
            (in_text, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => (depth, values) = (depth + 1, values + 1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("its JSON is nested more than {MAX_DEPTH} deep"));
        }
        if values > MAX_VALUES {
            return Err(format!("its JSON has more than {MAX_VALUES} values"));
        }
    }
    Ok(())
}

/// A name that is a text with one sender's version and a number with another's.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Loose {
    Text(String),
    Number(u64),
    Other(IgnoredAny),
}

impl Loose {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Other(_) => String::new(),
        }
    }
}

/// The name that the sender gives the delivery, in a header that some versions do not send.
pub(super) fn key_in(request: &WebhookRequest<'_>, header: &'static str) -> Result<DeliveryKey, Rejection> {
    match request.header(header)? {
        Some(key) => DeliveryKey::parse(key).map_err(|_| Rejection::Unreadable(header)),
        None => Ok(DeliveryKey::of(request.body())),
    }
}

/// A name that a body gives; where it is no key, its digest is.
pub(super) fn key_of(text: &str) -> DeliveryKey {
    DeliveryKey::parse(text).unwrap_or_else(|_| DeliveryKey::of(text.as_bytes()))
}

pub(super) fn commit(text: Option<&str>) -> Option<CommitId> {
    CommitId::parse(text?).ok()
}

pub(super) fn text(text: Option<&str>) -> HintText {
    HintText::new(text.unwrap_or_default())
}

pub(super) fn unknown(what: &str, why: impl Into<HintText>) -> Hint {
    Hint::Unknown { what: HintText::new(what), why: why.into() }
}

/// What the reading of one event gives: `None` where it is of a kind that is not known.
pub(super) fn hints(what: &str, read: Result<Option<Hint>, String>) -> Vec<Hint> {
    vec![match read {
        Ok(Some(hint)) => hint,
        Ok(None) => unknown(what, "events of this kind are not known here"),
        Err(why) => unknown(what, why),
    }]
}

/// The words for where something has got to that Git hosts, CI and Argo CD use.
pub(super) fn state(word: &str) -> HintState {
    match word.to_ascii_lowercase().as_str() {
        "success" | "succeeded" | "passed" => HintState::Passed,
        "failure" | "failed" | "error" | "errored" | "timed_out" | "startup_failure" | "fail" => HintState::Failed,
        "created"
        | "pending"
        | "queued"
        | "requested"
        | "waiting"
        | "waiting_for_resource"
        | "preparing"
        | "scheduled"
        | "in_progress"
        | "running"
        | "terminating" => HintState::Running,
        _ => HintState::Other,
    }
}
