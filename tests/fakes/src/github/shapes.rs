//! Answers in GitHub's shapes: the least that its description asks for, and over it what matters here.

use std::sync::LazyLock;

use serde_json::{Value, json};

static SHAPES: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).unwrap());

/// The least of a shape, with these fields.
pub(super) fn shaped(name: &str, fields: Value) -> Value {
    let mut shape = SHAPES[name].clone();
    assert!(shape.is_object(), "there is no shape `{name}`");
    lay(&mut shape, fields);
    shape
}

fn lay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            over.into_iter().for_each(|(name, value)| lay(under.entry(name).or_insert(Value::Null), value));
        }
        (under, over) => *under = over,
    }
}

/// An account; machines have `[bot]` at the end of their name.
pub(super) fn account(login: &str) -> Value {
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    shaped("simple-user", json!({ "login": login, "id": number(login), "type": kind }))
}

/// Whose token it is.
pub(super) fn me(login: &str) -> Value {
    shaped("private-user", json!({ "login": login, "id": number(login), "type": "User" }))
}

/// A label.
pub(super) fn label(name: &str) -> Value {
    let url = "https://github.invalid";
    json!({ "id": number(name), "node_id": "x", "url": url, "name": name, "description": "", "color": "ededed", "default": false })
}

/// A team of the owner.
pub(super) fn team(slug: &str) -> Value {
    let url = "https://github.invalid";
    json!({
        "id": number(slug), "node_id": "x", "url": url, "html_url": url, "members_url": "x", "repositories_url": url, "name": slug,
        "slug": slug, "description": null, "permission": "push", "type": "organization", "parent": null,
    })
}

/// An App.
pub(super) fn app(slug: &str) -> Value {
    json!({
        "id": number(slug), "slug": slug, "node_id": "x", "owner": account("shop"), "name": slug, "description": null,
        "external_url": "https://github.invalid", "html_url": "https://github.invalid", "permissions": {}, "events": [],
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    })
}

fn number(name: &str) -> u64 {
    name.bytes().fold(7, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_003)
}
