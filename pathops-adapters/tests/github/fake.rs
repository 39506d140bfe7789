//! GitHub, as far as the adapter asks of it: branches, commits and merges are real, in bare repositories in a folder; what Git has
//! no place for is kept beside them. It counts calls, pages, tags, throttles, and loses answers on demand; each exchange is held
//! against the official description of the API.

mod app;
mod branches;
mod checks;
mod commits;
mod git;
mod hosted;
mod pulls;
mod server;
mod shapes;
mod talk;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::Method;
use pathops_core::UnixMillis;
use pathops_core::adapter::Clock as _;
use pathops_core::memory::ManualClock;
use serde_json::{Value, json};

use crate::description::Description;
pub(crate) use app::{ID as APP_ID, KEY as APP_KEY};
pub(crate) use hosted::{Hosted, Merging, OUTSIDER};

/// Calls in an hour.
pub(crate) const LIMIT: u64 = 5000;
/// What is below the server's address.
const API: &str = "/api/v3";

/// The server. It runs on the runtime that it was started on, and ends with it.
#[derive(Clone, Debug)]
pub(crate) struct Fake(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    port: u16,
    clock: ManualClock,
    description: Option<Description>,
}

/// Everything that the server keeps.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) repos: BTreeMap<String, Hosted>,
    /// Other names that a repository had.
    pub(crate) renamed: HashMap<String, String>,
    pub(crate) tokens: HashMap<String, Who>,
    pub(crate) calls: Vec<(Method, String, u16)>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) left: u64,
    /// How an exchange differed from the description.
    pub(crate) differences: Vec<String>,
    next: u64,
}

/// Who a token is of.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) login: String,
    pub(crate) is_app: bool,
    /// The only repositories it is good for.
    pub(crate) only: Option<Vec<String>>,
}

/// What goes wrong the next time that such a call comes.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) method: Method,
    /// A part of the path.
    pub(crate) path: &'static str,
    pub(crate) what: Wrong,
}

#[derive(Debug)]
pub(crate) enum Wrong {
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// It is not done, and there is no answer.
    LoseRequest,
    /// It is not done, and this is the answer.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// It is not done, and no answer ever comes.
    Stall,
    /// Just before it, this happens.
    First(Meanwhile),
}

/// What happens at the worst moment.
pub(crate) type Meanwhile = Box<dyn FnOnceSend>;

pub(crate) trait FnOnceSend: FnOnce(&mut State) + Send {}
impl<T: FnOnce(&mut State) + Send> FnOnceSend for T {}

impl std::fmt::Debug for dyn FnOnceSend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FnOnce")
    }
}

/// A call, taken apart.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Below [`API`].
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) accept: String,
    pub(crate) token: String,
    pub(crate) known: Option<String>,
    pub(crate) body: Value,
    pub(crate) at: UnixMillis,
    /// The address of the API.
    pub(crate) api: String,
}

/// What is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    One(u16, Value),
    List(Vec<Value>),
    /// Something with a list in it.
    Part(Value, &'static str),
    Raw(Vec<u8>),
    Nothing,
    Moved(u16, String),
    Refused(u16, String, Vec<Value>),
}

impl Reply {
    pub(crate) fn refused(status: u16, message: impl Into<String>) -> Self {
        Self::Refused(status, message.into(), Vec::new())
    }

    pub(crate) fn not_found() -> Self {
        Self::refused(404, "Not Found")
    }

    /// A field that is wrong.
    pub(crate) fn invalid(field: &str, code: &str, message: &str) -> Self {
        let mut error = json!({ "resource": "PullRequest", "field": field, "code": code });
        if !message.is_empty() {
            error["message"] = message.into();
        }
        Self::Refused(422, "Validation Failed".to_owned(), vec![error])
    }
}

/// Either what was wanted, or the refusal.
pub(crate) type Answered<T = Reply> = Result<T, Reply>;

impl Fake {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> ManualClock {
        self.0.clock.clone()
    }

    /// The address of its web pages.
    pub(crate) fn web(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// The calls since the last look, as `GET /path`.
    pub(crate) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls)
            .into_iter()
            .map(|(method, path, status)| format!("{method} {path} {status}"))
            .collect()
    }

    pub(crate) fn fault(&self, method: Method, path: &'static str, what: Wrong) {
        self.state().faults.push(Fault { method, path, what });
    }

    /// Where an exchange was not as the official description says, this is a failed test.
    pub(crate) fn check(&self) {
        let differences = std::mem::take(&mut self.state().differences);
        assert!(differences.is_empty(), "not as GitHub describes its API: {differences:#?}");
    }

    fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }
}

impl State {
    /// A number that nothing else has.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn repo(&mut self, name: &str) -> &mut Hosted {
        self.repos.get_mut(name).unwrap()
    }

    /// Who asks, or 401.
    fn who(&self, asked: &Asked) -> Answered<Who> {
        self.tokens.get(&asked.token).cloned().ok_or_else(|| Reply::refused(401, "Bad credentials"))
    }

    /// The answer to a call.
    fn answer(&mut self, asked: &Asked) -> Answered {
        let parts: Vec<String> = asked.path.split('/').skip(1).map(server::unescaped).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["app"] => app::itself(asked),
            ["app", "installations", _, "access_tokens"] => app::token(self, asked),
            ["repos", owner, name, "installation"] => app::installation(self, asked, &format!("{owner}/{name}")),
            ["user"] => Ok(Reply::One(200, shapes::me(&self.who(asked)?.login))),
            ["repos", owner, name, rest @ ..] => {
                let repo = format!("{owner}/{name}");
                if let Some(id) = self.renamed.get(&repo).and_then(|now| self.repos.get(now)).map(|hosted| hosted.id) {
                    let status = if asked.method == Method::GET { 301 } else { 307 };
                    let rest = asked.path.strip_prefix(&format!("/repos/{repo}")).unwrap();
                    return Ok(Reply::Moved(status, format!("{}/repositories/{id}{rest}", asked.api)));
                }
                self.in_repo(asked, &repo, rest)
            }
            ["repositories", id, rest @ ..] => {
                let repo = self.repos.iter().find(|(_, hosted)| hosted.id.to_string() == *id).map(|(name, _)| name.clone());
                self.in_repo(asked, &repo.ok_or_else(Reply::not_found)?, rest)
            }
            _ => Err(Reply::not_found()),
        }
    }

    fn in_repo(&mut self, asked: &Asked, repo: &str, rest: &[&str]) -> Answered {
        let who = self.who(asked)?;
        if who.only.as_ref().is_some_and(|only| !only.iter().any(|only| repo.ends_with(&format!("/{only}")))) {
            return Err(Reply::not_found());
        }
        let number = self.number();
        let hosted = self.repos.get_mut(repo).ok_or_else(Reply::not_found)?;
        if asked.method != Method::GET && hosted.archived {
            return Err(Reply::refused(403, "Repository was archived so is read-only."));
        }
        let mut at = hosted::At { hosted, who: &who, asked, number };
        let (method, rest) = (asked.method.as_str(), rest);
        match (method, rest) {
            ("GET", []) => Ok(Reply::One(200, at.hosted.shape())),
            (_, ["git", "refs" | "ref", ..] | ["branches", ..] | ["rules", ..]) => branches::answer(&mut at, method, rest),
            (_, ["git", ..] | ["contents", ..] | ["compare", _]) | ("GET", ["commits"]) => commits::answer(&mut at, method, rest),
            (_, ["commits", ..] | ["statuses", _] | ["check-runs"]) => checks::answer(&mut at, method, rest),
            (_, ["pulls", _, "reviews"] | ["issues", ..]) => talk::answer(&mut at, method, rest),
            (_, ["pulls", ..]) => pulls::answer(&mut at, method, rest),
            _ => Err(Reply::not_found()),
        }
    }
}
