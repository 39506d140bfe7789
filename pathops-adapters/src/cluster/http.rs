//! Requests and their answers, of both servers alike.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use pathops_core::adapter::Clock;
use pathops_core::{Effect, Error, ErrorKind, Result, Retry};
use serde::Deserialize;

use super::access::Access;

/// An answer may be so long, in bytes: a page of Applications, each of which etcd holds to about 1.5 MB.
const BODY: usize = 256 << 20;

/// How long a server may take to begin its answer, and to end one that is no stream.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server and the client for it, which is made anew once its credential is refused.
pub(crate) struct Http {
    access: Access,
    clock: Arc<dyn Clock>,
    client: Mutex<Option<Client>>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// What is tried, as a phrase that completes "failed to …".
    pub(crate) operation: &'static str,
    /// What it is about, for people.
    pub(crate) on: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// With its type.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    pub(crate) patience: Duration,
}

impl Ask {
    pub(crate) fn get(operation: &'static str, on: impl fmt::Display, path: String) -> Self {
        Self { operation, on: on.to_string(), method: Method::GET, path, body: None, patience: PATIENCE }
    }

    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        let error = Error::new(kind, self.operation).on(&self.on);
        // To read leaves no trace.
        if self.method == Method::GET { error.with_effect(Effect::None) } else { error }
    }
}

impl Http {
    pub(crate) fn new(access: Access, clock: Arc<dyn Clock>) -> Self {
        Self { access, clock, client: Mutex::default() }
    }

    /// The whole answer.
    pub(crate) async fn read(&self, ask: &Ask) -> Result<Vec<u8>> {
        self.read_up_to(ask, BODY).await
    }

    /// The whole answer, which is no longer than this.
    pub(crate) async fn read_up_to(&self, ask: &Ask, longest: usize) -> Result<Vec<u8>> {
        let answer = async {
            let mut body = self.send(ask).await?.into_body().into_data_stream();
            let mut bytes = Vec::new();
            while let Some(piece) = body.next().await {
                let piece = piece.map_err(|error| lost(ask, error))?;
                if bytes.len().saturating_add(piece.len()) > longest {
                    return Err(ask.error(ErrorKind::Unexpected).because(format!("the answer is longer than {longest} bytes")));
                }
                bytes.extend_from_slice(&piece);
            }
            Ok(bytes)
        };
        self.in_time(ask, answer).await
    }

    pub(super) async fn in_time<T>(&self, ask: &Ask, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let answer = tokio::select! {
            answer = answer => answer,
            () = self.clock.sleep(ask.patience) => Err(ask.error(ErrorKind::Timeout)),
        };
        answer.map_err(|error| error.with_remote(self.access.remote()))
    }

    /// The answer where it is a success. A refused credential is read again, once.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Response<Body>> {
        let (client, is_new) = self.client().await?;
        let mut answer = self.send_by(&client, ask).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && !is_new {
            *self.kept() = None;
            answer = self.send_by(&self.client().await?.0, ask).await?;
        }
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(ask, answer).await) }
    }

    async fn send_by(&self, client: &Client, ask: &Ask) -> Result<Response<Body>> {
        let mut request = Request::builder().method(&ask.method).uri(&ask.path);
        let mut body = Vec::new();
        if let Some((kind, bytes)) = &ask.body {
            request = request.header(header::CONTENT_TYPE, *kind);
            body.clone_from(bytes);
        }
        let request = request.body(Body::from(body));
        let request = request.map_err(|error| ask.error(ErrorKind::Invalid).because(error))?;
        client.send(request).await.map_err(|error| lost(ask, error))
    }

    /// The client, and whether it was made just now.
    async fn client(&self) -> Result<(Client, bool)> {
        if let Some(client) = &*self.kept() {
            return Ok((client.clone(), false));
        }
        let client = self.access.client().await?;
        *self.kept() = Some(client.clone());
        Ok((client, true))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("access", &self.access).finish_non_exhaustive()
    }
}

/// The server was not reached, or its answer broke off. A write may have happened.
pub(super) fn lost(ask: &Ask, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let lost = Error::new(ErrorKind::Unavailable, ask.operation).on(&ask.on).with_source(error);
    if ask.method == Method::GET { lost } else { lost.with_effect(Effect::Unknown) }
}

/// Both servers tell why in a field of this name.
#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    message: String,
}

async fn refusal(ask: &Ask, answer: Response<Body>) -> Error {
    let status = answer.status();
    let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = answer.into_body().into_data_stream();
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = body.next().await {
        bytes.extend_from_slice(&piece);
        if bytes.len() > REASON {
            break;
        }
    }
    let told: Told = serde_json::from_slice(&bytes).unwrap_or_default();
    let reason = told.message.get(..told.message.floor_char_boundary(500)).unwrap_or_default();
    let error =
        ask.error(kind(status)).because(if reason.is_empty() { status.to_string() } else { format!("{status}: {reason}") });
    match (status, after) {
        (StatusCode::UNAUTHORIZED, _) => error.advise("give it a credential that is still valid"),
        (StatusCode::FORBIDDEN, _) => error.advise("grant it what the shipped role grants"),
        (StatusCode::CONFLICT, _) => error.with_retry(Retry::Backoff),
        (_, Some(seconds)) if error.retry() != Retry::Never => error.with_retry(Retry::After(Duration::from_secs(seconds))),
        _ => error,
    }
}

/// So much is read of why a request was refused.
const REASON: usize = 64 << 10;

/// What a refusal with this status is.
pub(crate) fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        409 | 410 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        400..500 => ErrorKind::Invalid,
        504 => ErrorKind::Timeout,
        500..600 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}
