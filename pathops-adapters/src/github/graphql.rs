//! Calls of GitHub's GraphQL API, for what its REST API cannot do. GitHub counts them apart, and so does the budget.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Uri};
use pathops_core::{Effect, Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, GRAPHQL, JSON};

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    errors: Vec<Fault>,
}

/// What is wrong, which GitHub says in an answer that is a success.
#[derive(Deserialize)]
pub(super) struct Fault {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

impl Fault {
    /// Whether it says so, in any letter case.
    pub(super) fn says(&self, part: &str) -> bool {
        self.message.to_lowercase().contains(part)
    }

    pub(super) fn error(&self, call: &Call<'_>) -> Error {
        let kind = match self.kind.as_str() {
            "NOT_FOUND" => ErrorKind::NotFound,
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" => ErrorKind::Denied,
            "UNPROCESSABLE" => ErrorKind::Invalid,
            "SERVICE_UNAVAILABLE" | "INTERNAL" => ErrorKind::Unavailable,
            _ => ErrorKind::Unexpected,
        };
        let words: String = self.message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        let error = call.error(kind, words);
        if matches!(kind, ErrorKind::Unavailable | ErrorKind::Unexpected) { error.with_effect(Effect::Unknown) } else { error }
    }
}

/// Whether it is refused for there being too many calls: by either of two names, in an answer that is a success.
pub(super) fn too_many(answer: &[u8]) -> bool {
    let said: Option<Said> = serde_json::from_slice(answer).ok();
    said.is_some_and(|said| said.errors.iter().any(|fault| matches!(fault.kind.as_str(), "RATE_LIMITED" | "RATE_LIMIT")))
}

/// Changes something. Doing so again must be no harm: the answer may be lost.
pub(super) async fn mutate(call: &Call<'_>, mutation: &str, variables: &Value) -> Result<()> {
    attempt(call, mutation, variables).await?.map_or(Ok(()), |fault| Err(fault.error(call)))
}

/// The same, where the caller says what a fault means.
pub(super) async fn attempt(call: &Call<'_>, mutation: &str, variables: &Value) -> Result<Option<Fault>> {
    let body = json!({ "query": mutation, "variables": variables }).to_string().into_bytes();
    let (mut caller, mut headers) = call.headers(JSON).await?;
    caller.account.push_str(GRAPHQL);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = call.client.rest.write(&caller, Method::POST, Uri::from_static(GRAPHQL), headers, body).await;
    let answer = answer.map_err(|trouble| call.attempt.trouble(trouble, Effect::Unknown))?;
    call.heed(&answer).await;
    if !answer.status.is_success() {
        return Err(call.attempt.refused(&answer, Effect::Unknown));
    }
    let said: Said = call.parse(&answer, Effect::Unknown)?;
    Ok(said.errors.into_iter().next())
}
