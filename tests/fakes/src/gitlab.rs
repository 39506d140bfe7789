//! GitLab, as far as the adapter asks of it: branches, commits and merges are real, in bare repositories in a folder; what Git has
//! no place for is kept beside them. It counts calls, pages, tags, throttles, and loses answers on demand.
//!
//! A project that is made here lies in a temporary folder and is gone with the server. One whose repository was there before
//! ([`Fake::host`]) stays where it is, and what Git has no place for lies beside it in `<name>.gitlab.json`: a server that is
//! started later goes on with it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a fake: what it cannot play is a failed test")]
#![expect(clippy::missing_panics_doc, reason = "a fake: what it is asked and cannot play is a panic everywhere")]

mod branches;
mod checks;
mod commits;
mod git;
mod hosted;
mod kept;
mod pulls;
mod server;
mod shapes;
mod talk;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::Method;
use pathops_core::UnixMillis;
use pathops_core::adapter::{BranchProtection, Clock, ReviewState};
use serde_json::{Value, json};

pub use hosted::{Hosted, Merging, Pull};

/// Calls in a window.
pub const LIMIT: u64 = 2000;
/// How long a window is, in milliseconds.
const WINDOW: i64 = 60_000;
/// Whose a group access token is.
const GROUP_BOT: &str = "group_1_bot_5f";
/// What is below the server's address.
const API: &str = "/api/v4";

/// The server. It runs on the runtime that it was started on, and ends with it.
#[derive(Clone, Debug)]
pub struct Fake<C>(Arc<Shared<C>>);

#[derive(Debug)]
struct Shared<C> {
    state: Mutex<State>,
    port: u16,
    clock: C,
}

/// Everything that the server keeps.
#[derive(Debug)]
pub struct State {
    /// By their names.
    pub projects: BTreeMap<String, Hosted>,
    /// Other names that a project had.
    pub renamed: HashMap<String, String>,
    /// Whether an account is a machine's, by its user name. Its number is its place here.
    pub users: Vec<(String, bool)>,
    /// User names by token.
    pub tokens: HashMap<String, String>,
    /// Whether it is an edition that has rules for approvals.
    pub enterprise: bool,
    /// Every call: its method, its path below the API, and the status of the answer.
    pub calls: Vec<(Method, String, u16)>,
    /// How many calls are left in this window.
    pub left: u64,
    faults: Vec<Fault>,
    window: i64,
    next: u64,
    /// Every answer with a body, by the kind of thing it is of.
    pub answers: Vec<(&'static str, Value)>,
}

/// What goes wrong the next time that such a call comes.
#[derive(Debug)]
struct Fault {
    method: Method,
    /// A part of the path.
    path: &'static str,
    what: Wrong,
}

/// What can go wrong with a call.
#[derive(Debug)]
pub enum Wrong {
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// It is not done, and there is no answer.
    LoseRequest,
    /// It is not done, and this is the answer.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// It is not done, and no answer ever comes.
    Stall,
    /// It is done, and the answer has these headers instead of its own, or lacks them.
    Headers(Vec<(&'static str, Option<String>)>),
    /// Just before it, this happens.
    First(Meanwhile),
}

/// What happens at the worst moment.
pub struct Meanwhile(Box<dyn FnOnce(&mut State) + Send>);

impl Meanwhile {
    /// This.
    pub fn new(happens: impl FnOnce(&mut State) + Send + 'static) -> Self {
        Self(Box::new(happens))
    }
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

/// A call, taken apart.
#[derive(Debug)]
struct Asked {
    method: Method,
    /// Below [`API`].
    path: String,
    query: BTreeMap<String, Vec<String>>,
    token: String,
    known: Option<String>,
    body: Value,
    at: UnixMillis,
    /// The address of the API.
    api: String,
}

impl Asked {
    fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.first().map(String::as_str)
    }
}

/// What is answered.
#[derive(Debug)]
enum Reply {
    One(u16, Value),
    List(Vec<Value>),
    Raw(Vec<u8>),
    Nothing,
    Moved(String),
    Refused(u16, Value),
}

impl Reply {
    fn refused(status: u16, message: &str) -> Self {
        Self::Refused(status, json!({ "message": message }))
    }

    fn not_found(what: &str) -> Self {
        Self::refused(404, &format!("404 {what} Not Found"))
    }
}

/// Either what was wanted, or the refusal.
type Answered<T = Reply> = Result<T, Reply>;

impl<C: Clock + Clone> Fake<C> {
    /// What it keeps, for as long as nobody else looks.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The clock that it was started with.
    #[must_use]
    pub fn clock(&self) -> C {
        self.0.clock.clone()
    }

    /// The address of its web pages.
    #[must_use]
    pub fn web(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// The calls since the last look, as `GET /path 200`.
    #[must_use]
    pub fn taken(&self) -> Vec<String> {
        let calls = std::mem::take(&mut self.state().calls);
        calls.into_iter().map(|(method, path, status)| format!("{method} {path} {status}")).collect()
    }

    /// How many calls about a project were answered with something new, since the last look.
    #[must_use]
    pub fn counted(&self, project: &str) -> u64 {
        let about = format!("/projects/{}", project.replace('/', "%2F"));
        let of = |path: &str| path.strip_prefix(&about).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.state().calls.iter().map(|(_, path, status)| u64::from(*status != 304 && of(path))).sum()
    }

    /// The next call of that method with that part in its path goes wrong.
    pub fn fault(&self, method: Method, path: &'static str, what: Wrong) {
        self.state().faults.push(Fault { method, path, what });
    }

    fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    /// A group access token. GitLab makes an account for it, which is a machine's.
    #[must_use]
    pub fn access_token(&self) -> String {
        let (mut state, token) = (self.state(), format!("glpat-{GROUP_BOT}"));
        state.join(GROUP_BOT, true);
        state.tokens.insert(token.clone(), GROUP_BOT.to_owned());
        token
    }

    /// A person who has an account.
    pub fn person(&self, name: &str) {
        self.state().join(name, false);
    }

    /// Makes the bare repository at `git` this project, with what was kept beside it.
    pub fn host(&self, name: &str, git: &Path) {
        let mut state = self.state();
        let id = u64::try_from(state.projects.len()).unwrap() + 1;
        let (hosted, next) = Hosted::open(git, id, name);
        state.next = state.next.max(next);
        state.projects.insert(name.to_owned(), hosted);
    }

    /// A maintainer sets what a branch asks of merge requests: it is protected, has a rule for approvals, and an external status
    /// check for each name.
    pub fn protect(&self, project: &str, branch: &str, rules: BranchProtection) {
        self.by_hand(project, |hosted, _, _| hosted.protections.insert(branch.to_owned(), rules));
    }

    /// Somebody reviews a merge request on the web pages, where they see its head and nothing else.
    ///
    /// # Errors
    /// The status and the words with which it is refused: `sha` is not the head any more.
    pub fn review(&self, who: &str, project: &str, number: u64, sha: &str, state: ReviewState) -> Result<(), (u16, String)> {
        self.by_hand(project, |hosted, id, at| hosted.review_at(who, number, sha, state, id, at)).map_err(refusal)
    }

    /// Somebody merges a merge request on the web pages, if `sha` still is its head and its branch lets them; returns the commit.
    ///
    /// # Errors
    /// The status and the words with which it is refused.
    pub fn merge(&self, who: &str, project: &str, number: u64, sha: &str) -> Result<String, (u16, String)> {
        self.by_hand(project, |hosted, _, at| hosted.merge_by_the_rules(who, number, sha, at)).map_err(refusal)
    }

    fn by_hand<T>(&self, project: &str, act: impl FnOnce(&mut Hosted, u64, UnixMillis) -> T) -> T {
        let mut state = self.state();
        let (at, number) = (self.now(), state.number());
        let hosted = state.project(project);
        let done = act(hosted, number, at);
        hosted.keep(number);
        done
    }
}

/// Status and words of a refusal.
fn refusal(reply: Reply) -> (u16, String) {
    match reply {
        Reply::Refused(status, body) => (status, body["message"].as_str().unwrap_or_default().to_owned()),
        other => panic!("{other:?} is no refusal"),
    }
}

impl State {
    /// A number that nothing else has.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A project that is there.
    pub fn project(&mut self, name: &str) -> &mut Hosted {
        self.projects.get_mut(name).unwrap()
    }

    /// An account, once.
    fn join(&mut self, name: &str, is_machine: bool) {
        if !self.users.iter().any(|(user, _)| user == name) {
            self.users.push((name.to_owned(), is_machine));
        }
    }

    /// An account, as it is told of.
    #[must_use]
    pub fn account(&self, name: &str) -> Value {
        shapes::account(1 + self.users.iter().position(|(user, _)| user == name).unwrap() as u64, name)
    }

    /// The answer to a call.
    fn answer(&mut self, asked: &Asked) -> Answered {
        let parts: Vec<String> = asked.path.split('/').skip(1).map(server::unescaped).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let who = self.tokens.get(&asked.token).cloned().ok_or_else(|| Reply::refused(401, "401 Unauthorized"))?;
        match parts.as_slice() {
            ["user"] => Ok(Reply::One(200, self.account(&who))),
            ["metadata"] => Ok(Reply::One(200, json!({ "version": "19.5.0", "revision": "0", "enterprise": self.enterprise }))),
            ["users"] => {
                let named =
                    |(user, _): &&(String, bool)| asked.text("username").is_none_or(|name| name.eq_ignore_ascii_case(user));
                Ok(Reply::List(self.users.iter().filter(named).map(|(user, _)| self.account(user)).collect()))
            }
            ["users", id] => {
                let found = id.parse().ok().and_then(|id: usize| self.users.get(id.checked_sub(1)?));
                let (user, bot) = found.ok_or_else(|| Reply::not_found("User"))?;
                let mut shape = self.account(user);
                shape["bot"] = (*bot).into();
                Ok(Reply::One(200, shape))
            }
            ["projects", name, rest @ ..] => {
                let by_id = self.projects.iter().find(|(_, hosted)| hosted.id.to_string() == *name).map(|(name, _)| name.clone());
                let name = by_id.as_deref().unwrap_or(name);
                if let Some(id) = self.renamed.get(name).and_then(|now| self.projects.get(now)).map(|hosted| hosted.id) {
                    if asked.method != Method::GET {
                        return Err(Reply::refused(405, "Non GET methods are not allowed for moved projects"));
                    }
                    let rest = asked.path.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap_or_default();
                    return Ok(Reply::Moved(format!("{}/projects/{id}{rest}", asked.api)));
                }
                self.in_project(asked, &who, name, rest)
            }
            _ => Err(Reply::not_found("Route")),
        }
    }

    fn in_project(&mut self, asked: &Asked, who: &str, name: &str, rest: &[&str]) -> Answered {
        let number = self.number();
        let accounts: BTreeMap<String, Value> = self.users.iter().map(|(user, _)| (user.clone(), self.account(user))).collect();
        let enterprise = self.enterprise;
        let hosted = self.projects.get_mut(name).ok_or_else(|| Reply::not_found("Project"))?;
        if asked.method != Method::GET && hosted.archived {
            return Err(Reply::refused(403, "403 Forbidden"));
        }
        hosted.follow(asked.at);
        let mut at = hosted::At { hosted, who, asked, number, accounts: &accounts, enterprise };
        let answered = Self::within(&mut at, asked.method.as_str(), rest);
        if asked.method != Method::GET {
            at.hosted.keep(number);
        }
        answered
    }

    fn within(at: &mut hosted::At<'_>, method: &str, rest: &[&str]) -> Answered {
        match rest {
            [] => Ok(Reply::One(200, at.hosted.shape())),
            ["repository", "branches", ..] => branches::answer(at, method, rest),
            ["approval_rules" | "external_status_checks"] => branches::rules(at, rest),
            ["repository", "commits", _, "statuses"] | ["statuses", _] | ["merge_requests", _, "status_check_responses"] => {
                checks::answer(at, method, rest)
            }
            ["repository", "commits", sha, "merge_requests"] => pulls::of_commit(at, sha),
            ["repository", ..] => commits::answer(at, method, rest),
            ["merge_requests", _, "notes" | "approvals" | "versions", ..] => talk::answer(at, method, rest),
            ["merge_requests", ..] => pulls::answer(at, method, rest),
            _ => Err(Reply::not_found("Route")),
        }
    }
}
