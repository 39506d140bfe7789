//! Calls of GitLab's REST API. The `gitlab` crate says what a call looks like; it is sent from here, so that budget, turns and
//! entity tags are the same for all of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use gitlab::api::Endpoint;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use pathops_core::adapter::Clock;
use pathops_core::{Effect, Error, ErrorKind, OpContext, RepoId, Result};
use reqwest::Url;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::sync::OnceCell;

use super::GitLabConfig;
use super::errors::Attempt;
use super::pages::Next;
use super::people::People;
use crate::rest::comment::Comments;
use crate::rest::projects::Projects;
use crate::rest::{Answer, Caller, Freshness, Rest, Trouble, Wire};

/// How long connecting may take, and how long nothing may come.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is taken.
const LARGEST: usize = 128 * 1024 * 1024;
/// How many pages a list may have.
const PAGES: usize = 1000;
/// How many a page has.
const FULL: usize = 100;
/// How often a read follows a project to its new place.
const MOVES: usize = 3;
/// How many of the notes that were written here are remembered.
const REMEMBERED: usize = 10_000;
/// Where the API is, below the server.
const API: &str = "/api/v4/";

const TOKEN: HeaderName = HeaderName::from_static("private-token");
const JSON: &str = "application/json";

/// Sends by reqwest, which tries nothing again and follows no redirect.
#[derive(Debug)]
struct Net(reqwest::Client);

#[async_trait]
impl Wire for Net {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, Trouble> {
        // The address is left out of what went wrong: it is told where the operation is.
        let broken = |error: reqwest::Error| {
            let sent = !(error.is_connect() || error.is_builder());
            Trouble::Broken { sent, source: Arc::new(error.without_url()) }
        };
        let request = reqwest::Request::try_from(request).map_err(broken)?;
        let mut answer = self.0.execute(request).await.map_err(broken)?;
        let (status, headers, mut body) = (answer.status(), answer.headers().clone(), Vec::new());
        while let Some(some) = answer.chunk().await.map_err(broken)? {
            if body.len().saturating_add(some.len()) > LARGEST {
                return Err(Trouble::Broken { sent: true, source: Arc::new(std::io::Error::other("the answer is too large")) });
            }
            body.extend_from_slice(&some);
        }
        Ok(Answer { status, headers, body })
    }
}

/// One GitLab, by one credential.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) rest: Arc<Rest>,
    token: HeaderValue,
    /// Its web pages, without a slash at the end.
    pub(super) web: String,
    api: Url,
    projects: Projects,
    pub(super) clock: Arc<dyn Clock>,
    people: OnceCell<People>,
    /// How long a push takes to be on every open page.
    pub(super) settled: Duration,
    /// The notes that are edited in place.
    pub(super) comments: Comments,
}

impl Client {
    pub(super) fn new(config: GitLabConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let (web, token) = (config.address()?.to_owned(), config.header()?);
        let invalid = || Error::new(ErrorKind::Invalid, "connect to GitLab").on(&web).because("it is no address of a server");
        let api = Url::parse(&format!("{web}{API}")).map_err(|e| invalid().with_source(e))?;
        let net = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .user_agent("pathops");
        let net = net.build().map_err(|e| invalid().because("no client can be made for it").with_source(e))?;
        let rest = Arc::new(Rest::new(Arc::new(Net(net)), super::errors::meter, clock.clone()));
        let GitLabConfig { projects, settled, .. } = config;
        Ok(Self { rest, token, web, api, projects, clock, people: OnceCell::new(), settled, comments: Comments::new(REMEMBERED) })
    }

    /// A call about a project.
    pub(super) fn about<'a>(&'a self, repo: &'a RepoId, operation: &'static str, subject: impl fmt::Display) -> Call<'a> {
        Call { client: self, repo, attempt: Attempt::new(operation, subject) }
    }

    /// An address that GitLab gave, where it is on this server. The credential goes to no other.
    fn here(&self, text: &str) -> Option<Url> {
        let to = self.api.join(text).ok()?;
        (to.origin() == self.api.origin()).then_some(to)
    }
}

/// What is done about one project: one operation of the trait, in one call of the API or several.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) client: &'a Client,
    pub(super) repo: &'a RepoId,
    pub(super) attempt: Attempt,
}

/// A call of the API that is not sent yet.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    method: Method,
    url: Url,
    body: Option<(&'static str, Vec<u8>)>,
}

impl Asked {
    /// With the pages of a list told apart by where they begin, which GitLab wants for large ones.
    pub(super) fn by_key(mut self) -> Self {
        self.url.query_pairs_mut().append_pair("pagination", "keyset");
        self
    }

    /// The page with this number.
    fn at_page(mut self, number: &str) -> Self {
        let mut pairs: Vec<(String, String)> = self.url.query_pairs().into_owned().collect();
        pairs.retain(|(name, _)| !matches!(name.as_str(), "page" | "page_token" | "pagination"));
        self.url.query_pairs_mut().clear().extend_pairs(pairs).append_pair("page", number);
        self
    }
}

impl Call<'_> {
    pub(super) fn error(&self, kind: ErrorKind, reason: impl fmt::Display) -> Error {
        self.attempt.error(kind, reason)
    }

    /// The project, as the `gitlab` crate wants it.
    pub(super) fn project(&self) -> &str {
        self.repo.as_str()
    }

    /// Does all of it, for no longer than the caller wants. What fails says at which server.
    pub(super) async fn within<T>(&self, cx: &OpContext, effect: Effect, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.in_time(cx, effect, work).await.map_err(|error| error.with_remote(self.client.api.authority()))
    }

    async fn in_time<T>(&self, cx: &OpContext, effect: Effect, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(timeout) = cx.timeout() else { return work.await };
        let (work, over) = (std::pin::pin!(work), self.client.clock.sleep(timeout));
        match select(work, over).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => Err(self.error(ErrorKind::Timeout, "GitLab gave no answer in time").with_effect(effect)),
        }
    }

    /// Who is who here.
    pub(super) async fn people(&self) -> Result<&People> {
        self.client.people.get_or_try_init(|| People::read(self)).await
    }

    fn invalid(&self, why: impl fmt::Display) -> Error {
        self.error(ErrorKind::Invalid, format_args!("it cannot be asked of GitLab: {why}"))
    }

    /// A call that the `gitlab` crate describes. It puts the parameters of some reads into their body, where no cache sees them.
    pub(super) fn ask<E: Endpoint>(&self, described: Result<E, impl fmt::Display>) -> Result<Asked> {
        let described = described.map_err(|e| self.invalid(e))?;
        let mut url = self.client.api.join(&described.endpoint()).map_err(|e| self.invalid(e))?;
        described.parameters().add_to_url(&mut url);
        let (method, body) = (described.method(), described.body().map_err(|e| self.invalid(e))?);
        if method != Method::GET {
            return Ok(Asked { method, url, body });
        }
        if let Some((_, parameters)) = body {
            let parameters = String::from_utf8(parameters).map_err(|e| self.invalid(e))?;
            url.set_query(Some(&[url.query(), Some(&parameters)].into_iter().flatten().collect::<Vec<_>>().join("&")));
        }
        Ok(Asked { method, url, body: None })
    }

    /// A read that the `gitlab` crate does not describe: a path below the project's.
    pub(super) fn look(&self, rest: &str) -> Result<Asked> {
        self.asked(Method::GET, rest, None)
    }

    /// A read of what belongs to no project.
    pub(super) fn elsewhere(&self, path: &str) -> Result<Asked> {
        Ok(Asked { method: Method::GET, url: self.client.api.join(path).map_err(|e| self.invalid(e))?, body: None })
    }

    /// A write that it does not describe, or not as JSON.
    pub(super) fn write(&self, method: Method, rest: &str, wish: &impl Serialize) -> Result<Asked> {
        let body = serde_json::to_vec(wish).map_err(|e| self.invalid(e))?;
        self.asked(method, rest, Some((JSON, body)))
    }

    fn asked(&self, method: Method, rest: &str, body: Option<(&'static str, Vec<u8>)>) -> Result<Asked> {
        let path = format!("projects/{}{rest}", self.repo.as_str().replace('/', "%2F"));
        Ok(Asked { method, url: self.client.api.join(&path).map_err(|e| self.invalid(e))?, body })
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, asked: Asked, freshness: Freshness) -> Result<T> {
        let answer = self.fetch(asked, freshness).await?;
        self.parse(&*self.good(answer, Effect::None)?, Effect::None)
    }

    /// Reads one thing, where it is there.
    pub(super) async fn find<T: DeserializeOwned>(&self, asked: Asked, freshness: Freshness) -> Result<Option<T>> {
        let answer = self.fetch(asked, freshness).await?;
        if answer.status == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.parse(&*self.good(answer, Effect::None)?, Effect::None).map(Some)
    }

    /// Reads all pages of a list, and no more of them once there are more than `enough`. `None` where there is no such list.
    pub(super) async fn listed<T: DeserializeOwned>(
        &self,
        mut asked: Asked,
        freshness: Freshness,
        enough: usize,
    ) -> Result<Option<Vec<T>>> {
        asked.url.query_pairs_mut().append_pair("per_page", &FULL.to_string());
        let mut all = Vec::new();
        for number in 1..=PAGES {
            let answer = self.fetch(asked.clone(), freshness).await?;
            if answer.status == http::StatusCode::NOT_FOUND && all.is_empty() {
                return Ok(None);
            }
            let answer = self.good(answer, Effect::None)?;
            let page = self.parse::<Vec<T>>(&answer, Effect::None)?;
            let is_full = page.len() >= FULL;
            all.extend(page);
            if all.len() > enough {
                return Ok(Some(all));
            }
            asked = match Next::of(&answer) {
                Next::At(to) => Asked { url: self.client.here(to).ok_or_else(|| self.led_away())?, ..asked },
                Next::Page(page) => asked.at_page(page),
                Next::None => return Ok(Some(all)),
                Next::Unsaid if !is_full || self.is_last(&asked, number, freshness).await? => return Ok(Some(all)),
                Next::Unsaid | Next::Unreadable => return Err(self.attempt.strange("a list does not say how it goes on")),
            };
        }
        Err(self.attempt.strange("a list does not end"))
    }

    /// Whether a full page that names no next one is the last. By key the last one names none, so its number is tried.
    async fn is_last(&self, asked: &Asked, number: usize, freshness: Freshness) -> Result<bool> {
        if !asked.url.query_pairs().any(|(name, value)| name == "pagination" && value == "keyset") {
            return Ok(false);
        }
        let more = asked.clone().at_page(&number.saturating_add(1).to_string());
        Ok(self.get::<Vec<IgnoredAny>>(more, freshness).await?.is_empty())
    }

    /// Reads all pages of a list that there is.
    pub(super) async fn pages<T: DeserializeOwned>(&self, asked: Asked) -> Result<Vec<T>> {
        let all = self.listed(asked, Freshness::Ask, usize::MAX).await?;
        all.ok_or_else(|| self.error(ErrorKind::NotFound, "it is not there, or the credential may not see it"))
    }

    /// Writes, and reads the answer.
    pub(super) async fn send<T: DeserializeOwned>(&self, asked: Asked) -> Result<T> {
        let answer = self.good(Arc::new(self.sent(asked).await?), Effect::Unknown)?;
        self.parse(&answer, Effect::Unknown)
    }

    /// Writes; what the answer means is the caller's to say.
    pub(super) async fn sent(&self, asked: Asked) -> Result<Answer> {
        let (caller, mut headers, uri) = (self.caller(), self.headers(), self.uri(&asked.url)?);
        let Asked { method, body, .. } = asked;
        let body = body.map(|(form, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(form));
            body
        });
        let answer = self.client.rest.write(&caller, method, uri, headers, body.unwrap_or_default()).await;
        answer.map_err(|trouble| self.attempt.trouble(trouble, Effect::Unknown))
    }

    /// The answer, where it is no refusal.
    pub(super) fn good(&self, answer: Arc<Answer>, effect: Effect) -> Result<Arc<Answer>> {
        if answer.status.is_success() { Ok(answer) } else { Err(self.attempt.refused(&answer, effect)) }
    }

    pub(super) fn parse<T: DeserializeOwned>(&self, answer: &Answer, effect: Effect) -> Result<T> {
        serde_json::from_slice(&answer.body).map_err(|e| self.attempt.strange(&e).with_effect(effect))
    }

    /// Reads, and follows a project that was renamed.
    pub(super) async fn fetch(&self, asked: Asked, freshness: Freshness) -> Result<Arc<Answer>> {
        let mut url = asked.url;
        for _ in 0..MOVES {
            let answer = self.client.rest.read(self.caller(), self.uri(&url)?, self.headers(), freshness).await;
            let answer = answer.map_err(|trouble| self.attempt.trouble(trouble, Effect::None))?;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.ok_or_else(|| self.attempt.strange("it leads nowhere"))?;
            url = self.client.here(to).ok_or_else(|| self.led_away())?;
        }
        Err(self.attempt.strange("it leads from one place to the next"))
    }

    fn led_away(&self) -> Error {
        self.attempt.strange("it leads to another server").advise("name the server as GitLab's `external_url` does")
    }

    fn uri(&self, url: &Url) -> Result<Uri> {
        url.as_str().parse().map_err(|e: http::uri::InvalidUri| self.invalid(e))
    }

    fn caller(&self) -> Caller {
        Caller { account: String::new(), lane: self.client.projects.lane(self.repo) }
    }

    fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([(TOKEN, self.client.token.clone())])
    }
}

/// A part of a path or a value of a query, so that it stays one.
pub(super) fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}
