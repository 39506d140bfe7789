//! How Flux writes down what it does.

use pathops_core::UnixMillis;
use serde_json::{Value, json};

use crate::kubernetes::second;

/// The annotation that asks for a reconciliation.
const ASKED: &str = "reconcile.fluxcd.io/requestedAt";

/// What an object is asked for, where that is not what was done last.
pub(super) fn open_request(object: &Value) -> bool {
    let asked = &object["metadata"]["annotations"][ASKED];
    !asked.is_null() && *asked != object["status"]["lastHandledReconcileAt"]
}

/// What was asked when a reconciliation began.
pub(super) fn request(object: &Value) -> Value {
    object["metadata"]["annotations"][ASKED].clone()
}

pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Sets a condition. Its time moves where it says something else than before.
pub(super) fn mark(object: &mut Value, kind: &str, status: &str, reason: &str, message: &str, at: UnixMillis) {
    let said = |it: &Value| it["status"] == status && it["reason"] == reason && it["message"] == message;
    let time = condition(object, kind).filter(|it| said(it)).map_or_else(|| second(at), |it| it["lastTransitionTime"].clone());
    unmark(object, kind);
    let set = json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time,
        "observedGeneration": object["metadata"]["generation"]});
    object["status"]["conditions"].as_array_mut().unwrap().push(set);
}

/// Takes a condition away.
pub(super) fn unmark(object: &mut Value, kind: &str) {
    let status = object["status"].as_object_mut().unwrap();
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    conditions.as_array_mut().unwrap().retain(|condition| condition["type"] != kind);
}

/// Adds an attempt to the history: one like the last of its kind is that again.
pub(super) fn attempted(object: &mut Value, digest: &str, status: &str, at: UnixMillis) {
    let fields = object["status"].as_object_mut().unwrap();
    let history = fields.entry("history").or_insert_with(|| json!([])).as_array_mut().unwrap();
    let same = history.iter().position(|it| it["digest"] == digest && it["lastReconciledStatus"] == status);
    let mut attempt = match same {
        Some(place) => history.remove(place),
        None => json!({"digest": digest, "firstReconciled": second(at), "lastReconciledStatus": status,
            "lastReconciledDuration": "100ms", "totalReconciliations": 0}),
    };
    attempt["lastReconciled"] = second(at);
    attempt["totalReconciliations"] = json!(attempt["totalReconciliations"].as_u64().unwrap() + 1);
    history.insert(0, attempt);
    history.truncate(5);
}
