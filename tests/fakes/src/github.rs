//! GitHub, as far as the adapter asks of it: branches, commits and merges are real, in bare repositories in a folder; what Git has
//! no place for is kept beside them. It counts calls, pages, tags, throttles, and loses answers on demand; each exchange is held
//! against a description of the API, where one is given.
//!
//! A repository that is made here lies in a temporary folder and is gone with the server. One that was there before
//! ([`Fake::host`]) stays where it is, and what Git has no place for lies beside it in `<name>.github.json`: a server that is
//! started later goes on with it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a fake: what it cannot play is a failed test")]
#![expect(clippy::missing_panics_doc, reason = "a fake: what it is asked and cannot play is a panic everywhere")]

mod app;
mod branches;
mod checks;
mod commits;
mod git;
mod graphql;
mod hosted;
mod kept;
mod pulls;
mod queue;
mod server;
mod shapes;
mod talk;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::Method;
use pathops_core::UnixMillis;
use pathops_core::adapter::{BranchProtection, Clock};
use serde_json::{Value, json};

pub use app::{ID as APP_ID, KEY as APP_KEY};
pub use hosted::{Hosted, Merging, OUTSIDER, Pull};

/// Calls in an hour, unless a test says otherwise.
const LIMIT: u64 = 5000;
/// What is below the server's address.
const API: &str = "/api/v3";

/// The server. It runs on the runtime that it was started on, and ends with it.
#[derive(Clone, Debug)]
pub struct Fake<C>(Arc<Shared<C>>);

#[derive(Debug)]
struct Shared<C> {
    state: Mutex<State>,
    port: u16,
    clock: C,
    description: Option<Box<dyn Description>>,
}

/// What the vendor says of its API.
pub trait Description: fmt::Debug + Send + Sync + 'static {
    /// What is wrong with a request, or with its answer.
    fn differences(&self, asked: &Asked, status: u16, answer: &Value) -> Vec<String>;
}

/// Everything that the server keeps.
#[derive(Debug)]
pub struct State {
    /// By `owner/name`.
    pub repos: BTreeMap<String, Hosted>,
    /// Other names that a repository had.
    pub renamed: HashMap<String, String>,
    /// Whose each credential is.
    pub tokens: HashMap<String, Who>,
    calls: Vec<Call>,
    faults: Vec<Fault>,
    /// Calls in an hour.
    pub limit: u64,
    /// Calls that are left in this hour.
    pub left: u64,
    /// Which hour that is.
    hour: i64,
    /// How an exchange differed from the description.
    pub differences: Vec<String>,
    next: u64,
}

/// A call that was answered.
#[derive(Debug)]
struct Call {
    method: Method,
    path: String,
    status: u16,
    token: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.path, self.status)
    }
}

/// Who a token is of.
#[derive(Clone, Debug)]
pub struct Who {
    /// The account.
    pub login: String,
    /// Whether it is an App's.
    pub is_app: bool,
    /// The only repositories it is good for.
    pub only: Option<Vec<String>>,
}

/// What goes wrong the next time that such a call comes.
#[derive(Debug)]
struct Fault {
    method: Method,
    /// A part of the path.
    path: &'static str,
    what: Wrong,
}

/// How a call goes wrong.
#[derive(Debug)]
pub enum Wrong {
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// It is not done, and there is no answer.
    LoseRequest,
    /// It is not done, and this is the answer.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// It is not done, and this is the answer, whatever it is in JSON.
    Json(u16, Vec<(&'static str, String)>, Value),
    /// It is not done, and no answer ever comes.
    Stall,
    /// Just before it, this happens.
    First(Meanwhile),
}

/// What happens at the worst moment.
pub type Meanwhile = Box<dyn FnOnceSend>;

/// Something that is done to the state, once.
pub trait FnOnceSend: FnOnce(&mut State) + Send {}
impl<T: FnOnce(&mut State) + Send> FnOnceSend for T {}

impl fmt::Debug for dyn FnOnceSend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FnOnce")
    }
}

/// A call, taken apart.
#[derive(Debug)]
pub struct Asked {
    /// What is to be done.
    pub method: Method,
    /// Below the address of the API.
    pub path: String,
    /// The parameters after the path.
    pub query: BTreeMap<String, String>,
    /// The media types that are wanted.
    pub accept: String,
    /// The JSON that came along.
    pub body: Value,
    token: String,
    known: Option<String>,
    at: UnixMillis,
    api: String,
}

/// What is answered.
#[derive(Debug)]
enum Reply {
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
    fn refused(status: u16, message: impl Into<String>) -> Self {
        Self::Refused(status, message.into(), Vec::new())
    }

    fn not_found() -> Self {
        Self::refused(404, "Not Found")
    }

    /// A field that is wrong.
    fn invalid(field: &str, code: &str, message: &str) -> Self {
        let mut error = json!({ "resource": "PullRequest", "field": field, "code": code });
        if !message.is_empty() {
            error["message"] = message.into();
        }
        Self::Refused(422, "Validation Failed".to_owned(), vec![error])
    }
}

/// Either what was wanted, or the refusal.
type Answered<T = Reply> = Result<T, Reply>;

impl<C: Clock + Clone> Fake<C> {
    /// Everything that it keeps, to be looked at and changed: no call is answered meanwhile.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The clock that it was started with.
    pub fn clock(&self) -> C {
        self.0.clock.clone()
    }

    /// The address of its web pages.
    pub fn web(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// The calls since the last look, as `GET /path 200`.
    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls).iter().map(Call::to_string).collect()
    }

    /// The same, of one token; those of others are forgotten.
    pub fn taken_by(&self, token: &str) -> Vec<String> {
        std::mem::take(&mut self.state().calls).iter().filter(|call| call.token == token).map(Call::to_string).collect()
    }

    /// How many calls about a repository counted against the limit, since the last look.
    pub fn counted(&self, repo: &str) -> u64 {
        let about = format!("/repos/{repo}");
        let of = |path: &str| path.strip_prefix(&about).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.state().calls.iter().map(|call| u64::from(call.status != 304 && of(&call.path))).sum()
    }

    /// Lets the next such call go wrong.
    pub fn fault(&self, method: Method, path: &'static str, what: Wrong) {
        self.state().faults.push(Fault { method, path, what });
    }

    /// Where an exchange was not as the official description says, this is a failed test.
    pub fn check(&self) {
        let differences = std::mem::take(&mut self.state().differences);
        assert!(differences.is_empty(), "not as GitHub describes its API: {differences:#?}");
    }

    fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    /// Makes the bare repository at `git` this one, with what was kept beside it.
    pub fn host(&self, name: &str, git: &Path) {
        let mut state = self.state();
        let id = u64::try_from(state.repos.len()).unwrap() + 1;
        let (hosted, next) = Hosted::open(git, id, name);
        state.next = state.next.max(next);
        state.repos.insert(name.to_owned(), hosted);
    }

    /// Sets what a branch asks of pull requests.
    pub fn protect(&self, repo: &str, branch: &str, rules: BranchProtection) {
        self.by_hand(repo, |hosted, _, _| hosted.protections.insert(branch.to_owned(), rules));
    }

    /// Somebody reviews a pull request on the web pages: `state` is `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`.
    pub fn review(&self, who: &str, repo: &str, number: u64, commit: &str, state: &str) {
        self.by_hand(repo, |hosted, id, at| hosted.review(who, number, commit, state, id, at));
    }

    /// Somebody merges a pull request on the web pages, if it still is at `head` and its branch lets them; returns the commit.
    ///
    /// # Errors
    /// The status and the words with which it is refused.
    pub fn merge(&self, who: &str, repo: &str, number: u64, head: &str) -> Result<String, (u16, String)> {
        let refused = |reply| match reply {
            Reply::Refused(status, message, _) => (status, message),
            other => panic!("{other:?} is no refusal"),
        };
        self.by_hand(repo, |hosted, _, at| hosted.merge_by_the_rules(who, number, head, at)).map_err(refused)
    }

    fn by_hand<T>(&self, repo: &str, act: impl FnOnce(&mut Hosted, u64, UnixMillis) -> T) -> T {
        let (at, mut state) = (self.now(), self.state());
        let number = state.number();
        let hosted = state.repo(repo);
        let done = act(hosted, number, at);
        hosted.keep(number);
        done
    }
}

impl State {
    /// A number that nothing else has.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A repository that is there.
    pub fn repo(&mut self, name: &str) -> &mut Hosted {
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
            ["api", "graphql"] => graphql::answer(self, asked),
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
        let answered = Self::within(&mut at, asked.method.as_str(), rest);
        if asked.method != Method::GET {
            at.hosted.keep(number);
        }
        answered
    }

    fn within(at: &mut hosted::At<'_>, method: &str, rest: &[&str]) -> Answered {
        match (method, rest) {
            ("GET", []) => Ok(Reply::One(200, at.hosted.shape())),
            (_, ["git", "refs" | "ref", ..] | ["branches", ..] | ["rules", ..]) => branches::answer(at, method, rest),
            (_, ["git", ..] | ["contents", ..] | ["compare", _]) | ("GET", ["commits"]) => commits::answer(at, method, rest),
            (_, ["commits", ..] | ["statuses", _] | ["check-runs"]) => checks::answer(at, method, rest),
            (_, ["pulls", _, "reviews"] | ["issues", ..]) => talk::answer(at, method, rest),
            (_, ["pulls", ..]) => pulls::answer(at, method, rest),
            _ => Err(Reply::not_found()),
        }
    }
}
