//! Calls of GitHub's API.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LINK, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use pathops_core::adapter::Clock;
use pathops_core::{CommitId, Effect, Error, ErrorKind, OpContext, RepoId, Result, UnixMillis};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::auth::{App, Auth, InstallationToken, Minted};
use super::errors::{Attempt, was_sent};
use super::graphql::too_many;
use super::objects::Objects;
use super::people::People;
use crate::rest::comment::Comments;
use crate::rest::projects::Projects;
use crate::rest::recent::Recent;
use crate::rest::{Answer, Caller, Freshness, Rest, Trouble, Wire};

/// How long connecting may take, and how long nothing may come.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is taken. The largest file that GitHub gives has 100 MiB.
const LARGEST: usize = 128 * 1024 * 1024;
/// How many pages a list may have.
const PAGES: usize = 1000;
/// How often a read follows a repository to its new place.
const MOVES: usize = 3;
/// How many of the branches that were moved, and of the comments that were written here, are remembered.
const REMEMBERED: usize = 10_000;
/// What an account is called that is no installation of an App.
const OWN_ACCOUNT: &str = "own";

/// Where the GraphQL API is, below an address of its own.
pub(super) const GRAPHQL: &str = "/graphql";

/// GitHub's forms of an answer.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
pub(super) const OBJECT: HeaderValue = HeaderValue::from_static("application/vnd.github.object+json");
pub(super) const RAW: HeaderValue = HeaderValue::from_static("application/vnd.github.raw+json");
const VERSION: HeaderValue = HeaderValue::from_static("2022-11-28");

/// Sends by octocrab, which was built without its feature `retry` and follows no redirect.
#[derive(Debug)]
struct Octo {
    rest: Octocrab,
    /// GitHub Enterprise Server has GraphQL beside the REST API, and not below.
    graph: Octocrab,
}

#[async_trait]
impl Wire for Octo {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, Trouble> {
        let broken = |error: octocrab::Error| Trouble::Broken { sent: was_sent(&error), source: Arc::new(error) };
        let is_graph = request.uri().path() == GRAPHQL;
        let octo = if is_graph { &self.graph } else { &self.rest };
        let answer = octo.send(request.map(Into::into)).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        let cut = |source: Box<dyn std::error::Error + Send + Sync>| Trouble::Broken { sent: true, source: source.into() };
        let body = Limited::new(body, LARGEST).collect().await.map_err(cut)?.to_bytes().to_vec();
        // So it is a refusal for all, and for the budget.
        let status = if is_graph && too_many(&body) { StatusCode::TOO_MANY_REQUESTS } else { head.status };
        Ok(Answer { status, headers: head.headers, body })
    }
}

/// One GitHub, by one credential.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) rest: Arc<Rest>,
    pub(super) auth: Auth,
    /// Its web pages, without a slash at the end.
    pub(super) web: String,
    projects: Projects,
    pub(super) clock: Arc<dyn Clock>,
    /// The server of its API, with the port.
    host: String,
    people: OnceCell<People>,
    pub(super) objects: Objects,
    /// Where branches were left, and when; nothing where that is not known any more.
    pub(super) heads: Recent<Option<(CommitId, UnixMillis)>>,
    /// Those that are edited in place.
    pub(super) comments: Comments,
}

impl Client {
    pub(super) fn new(api: &str, web: String, auth: Auth, projects: Projects, clock: Arc<dyn Clock>) -> Result<Self> {
        let invalid = |source: octocrab::Error| {
            Error::new(ErrorKind::Invalid, "connect to GitHub")
                .on(api)
                .because("it is no address of a server")
                .with_source(source)
        };
        let at = |base: &str| {
            let octo = Octocrab::builder().base_uri(base).map_err(invalid)?;
            let octo =
                octo.set_connect_timeout(Some(PATIENCE)).set_read_timeout(Some(PATIENCE)).set_write_timeout(Some(PATIENCE));
            octo.build().map_err(invalid)
        };
        let wire = Arc::new(Octo { rest: at(api)?, graph: at(api.strip_suffix("/v3").unwrap_or(api))? });
        let rest = Arc::new(Rest::new(wire, super::errors::meter, clock.clone()));
        let host = api.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default();
        let (heads, comments) = (Recent::new(REMEMBERED), Recent::new(REMEMBERED));
        Ok(Self { rest, auth, web, projects, clock, host, people: OnceCell::new(), objects: Objects::default(), heads, comments })
    }

    /// A call about a repository.
    pub(super) fn about<'a>(&'a self, repo: &'a RepoId, operation: &'static str, subject: impl fmt::Display) -> Call<'a> {
        Call { client: self, repo, attempt: Attempt::new(operation, subject) }
    }
}

/// What is done about one repository: one operation of the trait, in one call of the API or several.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) client: &'a Client,
    pub(super) repo: &'a RepoId,
    pub(super) attempt: Attempt,
}

/// How a write reads where its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// It makes something that nothing leads to yet: as good as no effect.
    Unseen,
    /// It may have happened.
    Seen,
}

impl Call<'_> {
    pub(super) fn error(&self, kind: ErrorKind, reason: impl fmt::Display) -> Error {
        self.attempt.error(kind, reason)
    }

    /// A path below that of the repository.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.repo)
    }

    /// What something of the repository is remembered by.
    pub(super) fn named(&self, what: impl fmt::Display) -> String {
        format!("{} {what}", self.repo)
    }

    /// Does all of it, for no longer than the caller wants. What fails says at which server.
    pub(super) async fn within<T>(&self, cx: &OpContext, effect: Effect, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.in_time(cx, effect, work).await.map_err(|error| error.with_remote(&self.client.host))
    }

    async fn in_time<T>(&self, cx: &OpContext, effect: Effect, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(timeout) = cx.timeout() else { return work.await };
        let (work, over) = (std::pin::pin!(work), self.client.clock.sleep(timeout));
        match select(work, over).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => Err(self.error(ErrorKind::Timeout, "GitHub gave no answer in time").with_effect(effect)),
        }
    }

    /// Who is who here.
    pub(super) async fn people(&self) -> Result<&People> {
        self.client.people.get_or_try_init(|| People::read(self)).await
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.fetch(path, JSON, Freshness::Ask).await?;
        self.parse(&*self.good(answer, Effect::None)?, Effect::None)
    }

    /// Reads one thing that never changes.
    pub(super) async fn get_fixed<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.fetch(path, JSON, Freshness::Never).await?;
        self.parse(&*self.good(answer, Effect::None)?, Effect::None)
    }

    /// Reads all pages of a list.
    pub(super) async fn pages<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        self.pages_of(path, |page: Vec<T>| page, usize::MAX).await
    }

    /// Reads all pages of a list that is part of something, and no more of them once there are more than `enough`.
    pub(super) async fn pages_of<P: DeserializeOwned, T>(
        &self,
        path: &str,
        part: impl Fn(P) -> Vec<T>,
        enough: usize,
    ) -> Result<Vec<T>> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let (mut all, mut next) = (Vec::new(), Some(format!("{path}{mark}per_page=100")));
        for _ in 0..PAGES {
            let Some(path) = next else { return Ok(all) };
            let answer = self.good(self.fetch(&path, JSON, Freshness::Ask).await?, Effect::None)?;
            all.extend(part(self.parse(&answer, Effect::None)?));
            if all.len() > enough {
                return Ok(all);
            }
            next = next_page(&answer).map(|uri| self.local(&uri)).transpose()?;
        }
        Err(self.attempt.strange("a list does not end"))
    }

    /// Writes, and reads the answer.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        write: Write,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let effect = if write == Write::Seen { Effect::Unknown } else { Effect::None };
        let answer = self.good(Arc::new(self.sent(write, method, path, body).await?), effect)?;
        self.parse(&answer, effect)
    }

    /// Writes; what the answer means is the caller's to say.
    pub(super) async fn sent(&self, write: Write, method: Method, path: &str, body: &impl Serialize) -> Result<Answer> {
        let effect = if write == Write::Seen { Effect::Unknown } else { Effect::None };
        let body = serde_json::to_vec(body).map_err(|e| self.error(ErrorKind::Invalid, "it is no JSON").with_source(e))?;
        let (caller, mut headers) = self.headers(JSON).await?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.client.rest.write(&caller, method, self.uri(path)?, headers, body).await;
        let answer = answer.map_err(|trouble| self.attempt.trouble(trouble, effect))?;
        self.heed(&answer).await;
        Ok(answer)
    }

    /// The answer, where it is no refusal.
    pub(super) fn good(&self, answer: Arc<Answer>, effect: Effect) -> Result<Arc<Answer>> {
        if answer.status.is_success() { Ok(answer) } else { Err(self.attempt.refused(&answer, effect)) }
    }

    pub(super) fn parse<T: DeserializeOwned>(&self, answer: &Answer, effect: Effect) -> Result<T> {
        serde_json::from_slice(&answer.body).map_err(|e| self.attempt.strange(&e).with_effect(effect))
    }

    /// Reads, and follows a repository that was renamed.
    pub(super) async fn fetch(&self, path: &str, form: HeaderValue, freshness: Freshness) -> Result<Arc<Answer>> {
        let mut path = path.to_owned();
        for _ in 0..MOVES {
            let (caller, headers) = self.headers(form.clone()).await?;
            let answer = self.client.rest.read(caller, self.uri(&path)?, headers, freshness).await;
            let answer = answer.map_err(|trouble| self.attempt.trouble(trouble, Effect::None))?;
            self.heed(&answer).await;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()?.parse::<Uri>().ok());
            path = self.local(&to.ok_or_else(|| self.attempt.strange("it leads nowhere"))?)?;
        }
        Err(self.attempt.strange("it leads from one place to the next"))
    }

    /// The path of an address that GitHub gave. The credential goes to no other server.
    fn local(&self, uri: &Uri) -> Result<String> {
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        match uri.authority() {
            Some(host) if host.as_str() != self.client.host => {
                Err(self.attempt.strange(format_args!("it leads to another server, `{}`", host.host())))
            }
            _ => Ok(path.to_owned()),
        }
    }

    fn uri(&self, path: &str) -> Result<Uri> {
        let invalid = |e: http::uri::InvalidUri| self.error(ErrorKind::Invalid, "it has no address at GitHub").with_source(e);
        path.parse().map_err(invalid)
    }

    pub(super) async fn headers(&self, form: HeaderValue) -> Result<(Caller, HeaderMap)> {
        let (account, authorization) = match &self.client.auth {
            Auth::Token(header) => (OWN_ACCOUNT.to_owned(), header.clone()),
            Auth::App(app) => {
                let minted = self.token(app).await?;
                (minted.installation.to_string(), minted.header)
            }
        };
        Ok((self.caller(account), headers(form, authorization)))
    }

    fn caller(&self, account: String) -> Caller {
        Caller { account, lane: self.client.projects.lane(self.repo) }
    }

    /// The token of this repository and no other.
    async fn token(&self, app: &App) -> Result<Minted> {
        let slot = app.slot(self.repo);
        let mut slot = slot.lock().await;
        if let Some(minted) = slot.as_ref().filter(|minted| app.lives(minted)) {
            return Ok(minted.clone());
        }
        #[derive(serde::Deserialize)]
        struct Installation {
            id: u64,
        }
        let Installation { id } = self.as_app(app, Method::GET, &self.path("/installation"), &Value::Null).await?;
        let name = self.repo.as_str().split_once('/').map_or(self.repo.as_str(), |(_, name)| name);
        let wish = serde_json::json!({ "repositories": [name] });
        let path = format!("/app/installations/{id}/access_tokens");
        let token: InstallationToken = self.as_app(app, Method::POST, &path, &wish).await?;
        let minted = App::minted(id, &token).ok_or_else(|| self.attempt.strange("a token that cannot be used"))?;
        Ok(slot.insert(minted).clone())
    }

    /// A call by the App itself. A token that is made and lost is nobody's: it ends by itself.
    pub(super) async fn as_app<T: DeserializeOwned>(&self, app: &App, method: Method, path: &str, body: &Value) -> Result<T> {
        let mut headers = headers(JSON, app.own()?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let caller = self.caller("app".to_owned());
        let answer = self.client.rest.write(&caller, method, self.uri(path)?, headers, body).await;
        let answer = answer.map_err(|trouble| self.attempt.trouble(trouble, Effect::None))?;
        self.parse(&*self.good(Arc::new(answer), Effect::None)?, Effect::None)
    }

    /// Forgets a token that GitHub does not take.
    pub(super) async fn heed(&self, answer: &Answer) {
        if let (StatusCode::UNAUTHORIZED, Auth::App(app)) = (answer.status, &self.client.auth) {
            *app.slot(self.repo).lock().await = None;
        }
    }
}

fn headers(form: HeaderValue, authorization: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, form);
    headers.insert(AUTHORIZATION, authorization);
    headers.insert("x-github-api-version", VERSION);
    headers
}

/// Where the next page is.
fn next_page(answer: &Answer) -> Option<Uri> {
    let links = answer.headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    next.split_once('<')?.1.split_once('>')?.0.parse().ok()
}

/// A part of a path, so that it stays one part; slashes are kept.
pub(super) fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'/');
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}
