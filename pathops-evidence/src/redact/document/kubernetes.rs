//! Secrets of Kubernetes, whose values go, whatever they look like: in a document, and in a text that is one.

use memchr::memmem;
use serde_json::Value;

use super::super::bytes::{at, before, cut, is_name, is_quote, skip_back};
use super::super::span::Label;
use super::{Texts, json, yaml};

/// Under which keys a Secret of Kubernetes has its values.
pub(super) const VALUES: [&str; 2] = ["data", "stringData"];

/// How many documents within each other are looked through; what is deeper may hold anything.
const DEEPEST: u8 = 3;

/// What stands for a value in a Secret of Kubernetes.
const TAKEN_OUT: &[u8] = b"[redacted kubernetes-secret]";

impl Texts<'_> {
    /// What stands for a value in a Secret of Kubernetes; `None` where nothing is there, or that stands there already.
    pub(super) fn kubernetes_secret(&mut self, value: &[u8]) -> Option<Vec<u8>> {
        (!value.is_empty() && value != TAKEN_OUT).then(|| self.whole(Label::KubernetesSecret))
    }

    /// A text that is a document, without the secrets that are found in it as such: JSON, as `kubectl apply` writes down what it applied,
    /// and YAML with a Secret of Kubernetes, as Helm shows what it has installed. Where the values of one cannot be taken out, all of
    /// the text is.
    pub(super) fn within(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let left = if matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) && json::is_json(text) {
            json::redact(text, self)
        } else if says_so(text) {
            let left = yaml::without_secrets(text, self);
            let holds_one = std::str::from_utf8(&left).is_ok_and(|left| held(left, DEEPEST) == Some(true));
            if holds_one { self.whole(Label::KubernetesSecret) } else { left }
        } else {
            return None;
        };
        (left != text).then_some(left)
    }
}

/// Whether a text says that it is a Secret, or that something in it is one: `kind: Secret`, in quotation marks or not.
pub(super) fn says_so(text: &[u8]) -> bool {
    let is_between = |byte: u8| byte.is_ascii_whitespace() || is_quote(byte) || byte == b'\\';
    memmem::find_iter(text, b"Secret").any(|start| {
        let colon = skip_back(text, start, 64, is_between);
        let key = skip_back(text, colon.saturating_sub(1), 16, is_between);
        before(text, colon) == b':' && cut(text, 0, key).ends_with(b"kind") && !is_name(at(text, start + b"Secret".len()))
    })
}

/// Whether a Secret of Kubernetes still holds a value. What cannot be looked through may hold anything.
pub(crate) fn holds_a_secret(yaml: &str) -> bool {
    memmem::find(yaml.as_bytes(), b"Secret").is_some() && held(yaml, DEEPEST).unwrap_or(true)
}

/// Whether a Secret of Kubernetes in these documents, or in documents that are texts in them, holds a value; `None` where they cannot be
/// looked through.
fn held(yaml: &str, depth: u8) -> Option<bool> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).ok()?;
    Some(documents.iter().any(|document| holds_one(document, depth)))
}

fn holds_one(value: &Value, depth: u8) -> bool {
    match value {
        Value::Object(fields) => {
            let is_secret = fields.get("kind").is_some_and(|kind| kind == "Secret");
            let held = VALUES.iter().filter_map(|key| fields.get(*key)).any(|values| !is_taken_out(values));
            is_secret && held || fields.values().any(|value| holds_one(value, depth))
        }
        Value::Array(items) => items.iter().any(|value| holds_one(value, depth)),
        Value::String(text) => {
            let deeper = || depth.checked_sub(1).is_none_or(|depth| held(text, depth) == Some(true));
            says_so(text.as_bytes()) && deeper()
        }
        _ => false,
    }
}

fn is_taken_out(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_taken_out),
        Value::Array(items) => items.iter().all(is_taken_out),
        Value::String(text) => text.is_empty() || text.as_bytes() == TAKEN_OUT,
        other => other.is_null(),
    }
}
