//! Reads of a server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use pathops_core::adapter::Clock;
use pathops_core::{Effect, Error, ErrorKind, OpContext, Result, Retry};
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
#[cfg(any(feature = "loki", feature = "prometheus"))]
use serde::de::DeserializeOwned;

use super::endpoint::{Credential, Endpoint};

/// How long connecting may take, how long nothing may come, and how long an answer may take where nobody says it.
const PATIENCE: Duration = Duration::from_secs(30);

/// So much is read of why a query was refused, in bytes.
const REASON: usize = 64 << 10;

/// So much of a server's own words is told, in characters.
const WORDS: usize = 500;

/// A server that answers questions.
pub(crate) struct Client {
    net: reqwest::Client,
    base: Url,
    credential: Credential,
    tenant: Option<HeaderValue>,
    clock: Arc<dyn Clock>,
}

/// One question.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// What is tried, as a phrase that completes "failed to …".
    pub(crate) operation: &'static str,
    /// What it is about, for people.
    pub(crate) on: String,
    /// Below the server.
    pub(crate) path: &'a str,
    pub(crate) parameters: &'a [(&'static str, String)],
    /// In JSON, where it is posted.
    pub(crate) body: Option<Vec<u8>>,
    /// So long an answer may be, in bytes.
    pub(crate) longest: usize,
}

impl Ask<'_> {
    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        // To ask changes nothing.
        Error::new(kind, self.operation).on(&self.on).with_effect(Effect::None)
    }
}

impl Client {
    /// # Errors
    /// `Invalid` where the endpoint cannot be one.
    pub(crate) fn new(endpoint: Endpoint, operation: &'static str, clock: Arc<dyn Clock>) -> Result<Self> {
        let Endpoint { url, credential, tenant, roots } = endpoint;
        let invalid = |why: &str| Error::new(ErrorKind::Invalid, operation).because(why);
        let with_credential = || invalid("the URL has an `@`, so a credential is in it").advise("hand it in beside the URL");
        let url = url.ok_or_else(with_credential)?;
        let base = Url::parse(&format!("{}/", url.trim_end_matches('/'))).ok();
        let base = base.filter(|base| matches!(base.scheme(), "http" | "https") && base.query().is_none());
        let base = base.ok_or_else(|| invalid("it is no address of a server").on(&url))?;
        let tenant = tenant.map(HeaderValue::try_from).transpose().map_err(|_| invalid("the tenant is no value of a header"))?;
        let net = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .user_agent("pathops");
        let net = match roots.map(|pem| Certificate::from_pem_bundle(&pem)) {
            None => net,
            Some(Ok(roots)) if !roots.is_empty() => net.tls_certs_only(roots),
            Some(_) => return Err(invalid("the certificates to trust are none in PEM")),
        };
        let net = net.build().map_err(|error| invalid("no client can be made for it").with_source(error))?;
        Ok(Self { net, base, credential, tenant, clock })
    }

    #[cfg(any(feature = "loki", feature = "prometheus"))]
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The whole answer, or `None` where it is longer than asked for.
    pub(crate) async fn ask(&self, cx: &OpContext, ask: &Ask<'_>) -> Result<Option<Vec<u8>>> {
        let over = self.clock.sleep(cx.timeout().unwrap_or(PATIENCE));
        match select(std::pin::pin!(self.read(ask)), over).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(ask.error(ErrorKind::Timeout)),
        }
    }

    async fn read(&self, ask: &Ask<'_>) -> Result<Option<Vec<u8>>> {
        let lost = |error: reqwest::Error| ask.error(ErrorKind::Unavailable).with_source(error.without_url());
        let answer = self.request(ask).await?.send().await.map_err(lost)?;
        let (status, after) = (answer.status(), answer.headers().get(RETRY_AFTER).cloned());
        if !status.is_success() {
            let words = body(answer, REASON).await.ok().flatten().unwrap_or_default();
            return Err(refusal(ask, status, after, &words));
        }
        body(answer, ask.longest).await.map_err(lost)
    }

    async fn request(&self, ask: &Ask<'_>) -> Result<RequestBuilder> {
        let mut url = self.base.join(ask.path).map_err(|error| ask.error(ErrorKind::Invalid).because(error))?;
        if !ask.parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.parameters);
        }
        let mut request = match &ask.body {
            None => self.net.get(url),
            Some(body) => self.net.post(url).header(CONTENT_TYPE, "application/json").body(body.clone()),
        };
        if let Some(tenant) = &self.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        Ok(match &self.credential {
            Credential::None => request,
            Credential::Bearer(token) => request.bearer_auth(token),
            Credential::File(file) => request.bearer_auth(token_in(ask, file.clone()).await?),
            Credential::Basic { user, password } => request.basic_auth(user, Some(password)),
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, credential, tenant, .. } = self;
        let mut shown = f.debug_struct("Client");
        shown.field("base", &base.as_str()).field("credential", credential).field("tenant", tenant).finish_non_exhaustive()
    }
}

async fn token_in(ask: &Ask<'_>, file: PathBuf) -> Result<String> {
    let named = file.display().to_string();
    let refused = |why: String| {
        let why = format!("its token cannot be read from {named}: {why}");
        ask.error(ErrorKind::Denied).because(why).advise("have the file there, readable, with a token and nothing else")
    };
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file));
    let text = read.await.map_err(|error| refused(error.to_string()))?.map_err(|error| refused(error.to_string()))?;
    let is_one = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    Some(text.trim()).filter(|it| is_one(it)).map(str::to_owned).ok_or_else(|| refused("it holds no token".to_owned()))
}

async fn body(mut answer: Response, longest: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if bytes.len().saturating_add(piece.len()) > longest {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
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
