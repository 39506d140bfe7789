//! A question whose answer is whole or an error, and how servers refuse one.

use std::time::Duration;

use pathops_core::{Error, ErrorKind, OpContext, Result, Retry};
use reqwest::StatusCode;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use serde::Deserialize;
#[cfg(any(feature = "loki", feature = "prometheus"))]
use serde::de::DeserializeOwned;

use super::client::{Ask, Client, body, lost};

/// So much is read of why a query was refused, in bytes.
const REASON: usize = 64 << 10;

/// So much of a server's own words is told, in characters.
const WORDS: usize = 500;

impl Client {
    /// The whole answer, or `None` where it is longer than asked for.
    pub(crate) async fn ask(&self, cx: &OpContext, ask: &Ask<'_>) -> Result<Option<Vec<u8>>> {
        self.in_time(cx, ask, self.read(ask)).await
    }

    async fn read(&self, ask: &Ask<'_>) -> Result<Option<Vec<u8>>> {
        let answer = self.send(ask).await?;
        let (status, after) = (answer.status(), answer.headers().get(RETRY_AFTER).cloned());
        if !status.is_success() {
            let words = body(answer, REASON).await.ok().and_then(Result::ok).unwrap_or_default();
            return Err(refusal(ask, status, after, &words));
        }
        body(answer, ask.longest).await.map(Result::ok).map_err(|error| lost(ask, error))
    }
}

/// What Prometheus and Loki both answer with.
#[cfg(any(feature = "loki", feature = "prometheus"))]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: DeserializeOwned"))]
struct Answer<T> {
    #[serde(default)]
    status: String,
    data: Option<T>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    warnings: Option<Vec<String>>,
}

/// How they refuse, and Vault.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Refusal {
    error_type: String,
    error: String,
    errors: Vec<String>,
}

/// What an answer holds. One with a warning is not whole, and an error.
#[cfg(any(feature = "loki", feature = "prometheus"))]
pub(crate) fn answer<T: DeserializeOwned>(ask: &Ask<'_>, bytes: &[u8]) -> Result<T> {
    let unexpected = |why: &str| ask.error(ErrorKind::Unexpected).because(why);
    let read: Result<Answer<T>, _> = serde_json::from_slice(bytes);
    let Answer { status, data, error_type, error, warnings } =
        read.map_err(|error| unexpected(&format!("the answer cannot be read: {error}")))?;
    if status != "success" {
        let kind = kind_of_type(&error_type).unwrap_or(ErrorKind::Unexpected);
        return Err(ask.error(kind).because(words(&format!("{error_type}: {error}"))));
    }
    if let Some(warnings) = warnings.filter(|warnings| !warnings.is_empty()) {
        return Err(unexpected(&format!("the server warns that its answer is not whole: {}", words(&warnings.join("; ")))));
    }
    data.ok_or_else(|| unexpected("it holds no data"))
}

fn refusal(ask: &Ask<'_>, status: StatusCode, after: Option<HeaderValue>, bytes: &[u8]) -> Error {
    let Refusal { error_type, mut error, errors } = serde_json::from_slice(bytes).unwrap_or_default();
    if error.is_empty() {
        error = errors.join("; ");
    }
    let (kind, error) = match kind_of_type(&error_type) {
        Some(kind) if status != StatusCode::TOO_MANY_REQUESTS => (kind, error),
        _ if error.is_empty() => (kind(status), String::from_utf8_lossy(bytes).into_owned()),
        _ => (kind(status), error),
    };
    let reason = words(&error);
    let error = ask.error(kind).because(if reason.is_empty() { status.to_string() } else { format!("{status}: {reason}") });
    let after = after.and_then(|after| after.to_str().ok()?.trim().parse().ok());
    match (kind, after) {
        (ErrorKind::Denied, _) => error.advise("give it a credential that may do that"),
        (_, Some(seconds)) if error.retry() != Retry::Never => error.with_retry(Retry::After(Duration::from_secs(seconds))),
        _ => error,
    }
}

/// By the word of Prometheus' API.
fn kind_of_type(error_type: &str) -> Option<ErrorKind> {
    Some(match error_type {
        "bad_data" | "execution" => ErrorKind::Invalid,
        "timeout" => ErrorKind::Timeout,
        "canceled" | "internal" | "unavailable" => ErrorKind::Unavailable,
        "not_found" => ErrorKind::NotFound,
        _ => return None,
    })
}

fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        400..500 => ErrorKind::Invalid,
        500..600 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// On one line and not too long.
fn words(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect()
}
