//! What GitLab's answers mean, and what is being tried. Every error of the adapter is made here.

use std::fmt::Display;
use std::time::Duration;

use http::StatusCode;
use pathops_core::{CommitId, Effect, Error, ErrorKind, Retry, UnixMillis};
use serde_json::Value;

use crate::rest::{Answer, Meter, Trouble};

/// How long to leave GitLab alone where it refuses without saying for how long: its windows have a minute.
const UNSAID: Duration = Duration::from_secs(60);
/// How much of GitLab's own words an error carries, in characters.
const WORDS: usize = 300;

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

    /// An answer that GitLab's documentation does not allow.
    pub(super) fn strange(&self, what: impl Display) -> Error {
        self.error(ErrorKind::Unexpected, format_args!("the answer is not what GitLab's API describes: {what}"))
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
        let reason = format!("{} ({})", words(answer), answer.status.as_u16());
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let wait = after(answer).unwrap_or(UNSAID);
            return self.error(ErrorKind::RateLimited, reason).with_retry(Retry::After(wait));
        }
        let (kind, advice) = kind(answer);
        let error = self.error(kind, reason);
        let error = if answer.status.is_server_error() || kind == ErrorKind::Timeout { error.with_effect(effect) } else { error };
        match advice {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }
}

fn kind(answer: &Answer) -> (ErrorKind, Option<&'static str>) {
    match answer.status.as_u16() {
        301 | 302 | 307 | 308 => (ErrorKind::Denied, Some("the project has another name now: use that one")),
        401 => (ErrorKind::Denied, Some("GitLab does not take the credential, or not for this: renew it")),
        403 if says(answer, "insufficient_scope") => (ErrorKind::Denied, Some("give the token the scope `api`")),
        403 => (ErrorKind::Denied, None),
        404 | 410 => (ErrorKind::NotFound, Some("what the credential may not see is not found either")),
        405 if says(answer, "moved") => (ErrorKind::Denied, Some("the project has another name now: use that one")),
        405 => (ErrorKind::Denied, None),
        408 => (ErrorKind::Timeout, None),
        409 => (ErrorKind::Conflict, None),
        400 | 413 | 414 | 415 | 422 => (ErrorKind::Invalid, None),
        500.. => (ErrorKind::Unavailable, None),
        _ => (ErrorKind::Unexpected, None),
    }
}

/// Everything that GitLab says in words: a text, a list of them, or lists of them by field.
fn texts(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::String(text) => all.push(text.clone()),
        Value::Array(some) => some.iter().for_each(|one| texts(one, all)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, all)),
        _ => {}
    }
}

/// Whether GitLab's words hold this, in any letter case.
pub(super) fn says(answer: &Answer, part: &str) -> bool {
    String::from_utf8_lossy(&answer.body).to_lowercase().contains(&part.to_lowercase())
}

/// All of it, on one line and not too long.
pub(super) fn words(answer: &Answer) -> String {
    let mut all = Vec::new();
    texts(&serde_json::from_slice(&answer.body).unwrap_or_default(), &mut all);
    let all: String = all.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    if all.is_empty() { "GitLab refused without a word".to_owned() } else { all }
}

fn after(answer: &Answer) -> Option<Duration> {
    answer.header("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs)
}

/// What an answer says about the budget.
pub(super) fn meter(answer: &Answer) -> Meter {
    let number = |name| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let reset = number("ratelimit-reset").and_then(|seconds| i64::try_from(seconds).ok());
    let refused = (answer.status == StatusCode::TOO_MANY_REQUESTS).then(|| Some(after(answer).unwrap_or(UNSAID)));
    Meter {
        left: number("ratelimit-limit").zip(number("ratelimit-remaining")),
        reset: reset.map(|seconds| UnixMillis(seconds.saturating_mul(1000))),
        refused,
    }
}

/// The first 12 digits, for people.
pub(super) fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..12).unwrap_or(commit.as_str())
}
