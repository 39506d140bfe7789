//! Standard Webhooks of any sender: <https://www.standardwebhooks.com>. What they say is the sender's own affair, so they are
//! kept under their type.

use pathops_core::Lane;
use pathops_core::adapter::{Rejection, WebhookRequest};
use serde::Deserialize;

use super::read::{hints, json, key_in};
use super::sender::Reading;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
}

pub(super) fn read(request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
    let key = key_in(request, "webhook-id")?;
    let (kind, read) = match json::<Event>(request.body()) {
        Ok(event) => (event.kind, Ok(None)),
        Err(why) => ("event".to_owned(), Err(why)),
    };
    Ok(Reading { key, lane: Lane::of("type", &kind), hints: hints(&kind, read) })
}
