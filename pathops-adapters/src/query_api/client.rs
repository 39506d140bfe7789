//! Reads of a server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use pathops_core::adapter::Clock;
use pathops_core::{Effect, Error, ErrorKind, OpContext, Result};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, RequestBuilder, Response, Url};

use super::endpoint::{Credential, Endpoint};

/// How long connecting may take, how long nothing may come, and how long an answer may take where nobody says it.
const PATIENCE: Duration = Duration::from_secs(30);

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
    /// What is posted, by its media type.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
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

    /// Where it is, without a credential.
    #[cfg(feature = "witness")]
    pub(crate) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// The status of the answer, whatever it is, and its beginning, which is longer than asked for where the answer is.
    #[cfg(feature = "witness")]
    pub(crate) async fn exchange(&self, cx: &OpContext, ask: &Ask<'_>) -> Result<(u16, Vec<u8>)> {
        let exchanged = async {
            let answer = self.send(ask).await?;
            let status = answer.status().as_u16();
            let (Ok(beginning) | Err(beginning)) = body(answer, ask.longest).await.map_err(|error| lost(ask, error))?;
            Ok((status, beginning))
        };
        self.in_time(cx, ask, exchanged).await
    }

    pub(super) async fn in_time<T>(&self, cx: &OpContext, ask: &Ask<'_>, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let over = self.clock.sleep(cx.timeout().unwrap_or(PATIENCE));
        let answer = match select(std::pin::pin!(answer), over).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(ask.error(ErrorKind::Timeout)),
        };
        answer.map_err(|error| error.with_remote(self.base.authority()))
    }

    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Response> {
        self.request(ask).await?.send().await.map_err(|error| lost(ask, error))
    }

    async fn request(&self, ask: &Ask<'_>) -> Result<RequestBuilder> {
        let mut url = self.base.join(ask.path).map_err(|error| ask.error(ErrorKind::Invalid).because(error))?;
        if !ask.parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.parameters);
        }
        let mut request = match &ask.body {
            None => self.net.get(url),
            Some((media, body)) => self.net.post(url).header(CONTENT_TYPE, *media).body(body.clone()),
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

pub(super) fn lost(ask: &Ask<'_>, error: reqwest::Error) -> Error {
    ask.error(ErrorKind::Unavailable).with_source(error.without_url())
}

/// All of it, or, of one that is longer than asked for, one byte more than that.
pub(super) async fn body(mut answer: Response, longest: usize) -> reqwest::Result<Result<Vec<u8>, Vec<u8>>> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > longest {
            bytes.truncate(longest.saturating_add(1));
            return Ok(Err(bytes));
        }
    }
    Ok(Ok(bytes))
}
