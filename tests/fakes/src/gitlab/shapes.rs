//! What GitLab's answers look like.

use serde_json::{Value, json};

pub(super) fn account(id: u64, name: &str) -> Value {
    let page = format!("https://gitlab.invalid/{name}");
    json!({ "id": id, "username": name, "name": name, "state": "active", "avatar_url": null, "web_url": page })
}
