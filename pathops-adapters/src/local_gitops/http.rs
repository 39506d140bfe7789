//! Real HTTP to units on this machine: one connection a request, no redirects, no proxy, and a limit for everything.

use std::fmt::Write as _;
use std::time::Duration;

use super::document::HttpPath;

const BODY_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// What a unit answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Asks the unit at `port`.
///
/// # Errors
/// Why there was no answer, in words for people.
///
/// # Cancel safety
/// Dropping the future stops the waiting; the request itself ends with `timeout` at the latest.
pub(super) async fn get(port: u16, path: HttpPath, timeout: Duration) -> Result<Answer, String> {
    let asked = tokio::task::spawn_blocking(move || ask(port, &path, timeout));
    asked.await.unwrap_or_else(|_| Err("the request was given up".to_owned()))
}

fn ask(port: u16, path: &HttpPath, timeout: Duration) -> Result<Answer, String> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .max_idle_connections(0)
        .timeout_global(Some(timeout))
        .build();
    let url = format!("{}{}", url(port), path.as_str());
    let request = ureq::Agent::new_with_config(config).get(&url).header("connection", "close");
    let mut response = request.call().map_err(|e| said(&e))?;
    let body = response.body_mut().with_config().limit(BODY_LIMIT_BYTES).read_to_vec().map_err(|e| said(&e))?;
    Ok(Answer { status: response.status().as_u16(), body })
}

/// Where the unit at `port` answers.
pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn said(error: &ureq::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let _infallible = write!(text, ": {source}");
        next = source.source();
    }
    text
}
