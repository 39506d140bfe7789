//! What GitHub's answers mean, and what is being tried. Every error of the adapter is made here.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use http::StatusCode;
use pathops_core::{CommitId, Effect, Error, ErrorKind, Retry, UnixMillis};
use serde::Deserialize;

use crate::rest::{Answer, Meter, Trouble};

/// How long to leave GitHub alone where it refuses without saying for how long; its documentation asks for a minute.
const UNSAID: Duration = Duration::from_secs(60);
/// How much of GitHub's own words an error carries, in characters.
const WORDS: usize = 300;

/// Words in a refusal that a rule about the branch makes.
const RULES: [&str; 9] = [
    "protected branch",
    "rule violation",
    "through a pull request",
    "is expected",
    "review is required",
    "reference update failed",
    "cannot update",
    "cannot delete",
    "default branch",
];

/// An operation and what it is about.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    operation: &'static str,
    subject: String,
}

impl Attempt {
    /// `operation` completes "failed to …".
    pub(super) fn new(operation: &'static str, subject: impl Display) -> Self {
        Self { operation, subject: subject.to_string() }
    }

    pub(super) fn error(&self, kind: ErrorKind, reason: impl Display) -> Error {
        Error::new(kind, self.operation).on(&self.subject).because(reason)
    }

    /// An answer that GitHub's own description does not allow.
    pub(super) fn strange(&self, what: impl Display) -> Error {
        self.error(ErrorKind::Unexpected, format_args!("the answer is not what GitHub's API describes: {what}"))
    }

    /// No answer.
    pub(super) fn trouble(&self, trouble: Trouble, effect: Effect) -> Error {
        match trouble {
            Trouble::NoRoom { wait, why } => self.error(ErrorKind::RateLimited, why).with_retry(Retry::After(wait)),
            Trouble::Broken { sent, source } => {
                let reason = if sent { "the connection broke before the answer" } else { "no connection" };
                let effect = if sent { effect } else { Effect::None };
                self.error(ErrorKind::Unavailable, reason).with_effect(effect).with_source(source)
            }
        }
    }

    /// An answer that is a refusal; `effect` is what a failure on their side may have had.
    pub(super) fn refused(&self, answer: &Answer, effect: Effect) -> Error {
        let words = Words::of(answer);
        let reason = format!("{} ({})", words.all(), answer.status.as_u16());
        if let Some(wait) = too_many(answer) {
            return self.error(ErrorKind::RateLimited, reason).with_retry(Retry::After(wait.unwrap_or(UNSAID)));
        }
        let (kind, advice) = kind(answer.status, &words);
        let error = self.error(kind, reason);
        let error = if answer.status.is_server_error() || kind == ErrorKind::Timeout { error.with_effect(effect) } else { error };
        match advice {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }
}

fn kind(status: StatusCode, words: &Words) -> (ErrorKind, Option<&'static str>) {
    match status.as_u16() {
        301 | 302 | 307 | 308 => (ErrorKind::Denied, Some("the repository has another name now: use that one")),
        401 => (ErrorKind::Denied, Some("GitHub does not take the credential: renew it")),
        403 if words.has("archived") => (ErrorKind::Denied, Some("an archived repository takes no changes")),
        403 | 451 => (ErrorKind::Denied, None),
        404 | 410 => (ErrorKind::NotFound, Some("what the credential may not see is not found either")),
        408 => (ErrorKind::Timeout, None),
        409 => (ErrorKind::Conflict, None),
        422 if words.has("No commit found") || words.has("Object does not exist") => (ErrorKind::NotFound, None),
        422 if words.is_rule() => (ErrorKind::Denied, None),
        400 | 413 | 415 | 422 => (ErrorKind::Invalid, None),
        500.. => (ErrorKind::Unavailable, None),
        _ => (ErrorKind::Unexpected, None),
    }
}

/// What GitHub says in words.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Words {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

impl Words {
    pub(super) fn of(answer: &Answer) -> Self {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    pub(super) fn has(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        self.texts().any(|text| text.to_lowercase().contains(&part))
    }

    /// Whether a rule about the branch stands in the way.
    pub(super) fn is_rule(&self) -> bool {
        RULES.iter().any(|rule| self.has(rule))
    }

    fn texts(&self) -> impl Iterator<Item = String> {
        let said = |error: &serde_json::Value| match error {
            serde_json::Value::String(text) => text.clone(),
            other => {
                let part = |name| other.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
                match part("message") {
                    "" => format!("{} {}", part("field"), part("code")),
                    message => message.to_owned(),
                }
            }
        };
        std::iter::once(self.message.clone()).chain(self.errors.iter().map(said)).filter(|text| !text.trim().is_empty())
    }

    /// All of it, on one line and not too long.
    pub(super) fn all(&self) -> String {
        let all = self.texts().collect::<Vec<_>>().join("; ");
        let all: String = all.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
        if all.is_empty() { "GitHub refused without a word".to_owned() } else { all }
    }
}

/// Whether it was refused for there being too many calls, and for how long where it says so.
fn too_many(answer: &Answer) -> Option<Option<Duration>> {
    if !matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
        return None;
    }
    let after = answer.header("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let used_up = answer.header("x-ratelimit-remaining") == Some("0");
    let refused =
        after.is_some() || used_up || answer.status == StatusCode::TOO_MANY_REQUESTS || Words::of(answer).has("rate limit");
    refused.then_some(after)
}

/// What an answer says about the budget.
pub(super) fn meter(answer: &Answer) -> Meter {
    let number = |name| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let reset = number("x-ratelimit-reset").and_then(|seconds| i64::try_from(seconds).ok());
    let used_up = number("x-ratelimit-remaining") == Some(0);
    let refused = too_many(answer).map(|wait| if used_up { wait } else { Some(wait.unwrap_or(UNSAID)) });
    Meter {
        left: number("x-ratelimit-limit").zip(number("x-ratelimit-remaining")),
        reset: reset.map(|seconds| UnixMillis(seconds.saturating_mul(1000))),
        refused,
    }
}

/// A failure on the way there: whether the request may have arrived.
pub(super) fn was_sent(error: &(dyn std::error::Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let before = |kind| matches!(kind, io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable);
    !chain.filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| before(error.kind()))
}

/// The first 12 digits, for people.
pub(super) fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..12).unwrap_or(commit.as_str())
}
