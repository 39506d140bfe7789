//! What adapters of hosts with an HTTP API share: a budget of calls, turns among those who share it, conditional reads, and
//! one call for equal reads at the same time. Nothing here tries again; the driver does. And what is the same on each of them.

mod budget;
mod cache;
pub(crate) mod changes;
pub(crate) mod comment;
mod flight;
pub(crate) mod mark;
pub(crate) mod objects;
pub(crate) mod order;
pub(crate) mod projects;
pub(crate) mod recent;
pub(crate) mod rules;
mod turns;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use http::header::{ETAG, IF_NONE_MATCH, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use pathops_core::adapter::Clock;

use budget::Budget;
pub(crate) use budget::Meter;
pub use budget::Usage;
use cache::Cache;
use flight::Flights;
use turns::Turns;

/// The number of the next page, where a host says it, and nothing where there is none.
pub(crate) const NEXT_PAGE: HeaderName = HeaderName::from_static("x-next-page");
/// How many requests are on their way at once.
const AT_ONCE: usize = 16;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why nothing came back.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// Nothing was asked: the budget is used up, or the host wants to be left alone, for this long.
    NoRoom { wait: Duration, why: &'static str },
    /// The connection failed; `sent` where the host may have the request.
    Broken { sent: bool, source: Arc<dyn Error + Send + Sync> },
}

/// Sends one request and waits for the whole answer.
#[async_trait]
pub(crate) trait Wire: fmt::Debug + Send + Sync + 'static {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, Trouble>;
}

/// Who asks: whose budget it is, and for which of those who share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) lane: String,
}

/// Whether what was read before may stand in for the host's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// The host says whether it has changed.
    Ask,
    /// It never changes: its name is the digest of its content.
    Never,
}

/// An HTTP API behind a budget.
#[derive(Debug)]
pub(crate) struct Rest {
    wire: Arc<dyn Wire>,
    /// What an answer says about the budget.
    meter: fn(&Answer) -> Meter,
    budget: Budget,
    turns: Turns,
    cache: Cache,
    flights: Flights,
    /// Counts the writes, begun and ended: a read joins no other that began before a write.
    writes: AtomicU64,
}

impl Rest {
    pub(crate) fn new(wire: Arc<dyn Wire>, meter: fn(&Answer) -> Meter, clock: Arc<dyn Clock>) -> Self {
        let (turns, cache, flights) = (Turns::new(AT_ONCE), Cache::default(), Flights::default());
        Self { wire, meter, budget: Budget::new(clock), turns, cache, flights, writes: AtomicU64::new(0) }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.budget.usage()
    }

    /// Reads. Equal reads at the same time are one call, and what has not changed costs nothing of the budget.
    pub(crate) async fn read(
        self: &Arc<Self>,
        caller: Caller,
        uri: Uri,
        headers: HeaderMap,
        freshness: Freshness,
    ) -> Result<Arc<Answer>, Trouble> {
        let key = cache::key(&uri, &headers);
        if freshness == Freshness::Never
            && let Some((_, kept)) = self.cache.get(&key)
        {
            self.budget.count(|usage| usage.kept = usage.kept.saturating_add(1));
            return Ok(kept);
        }
        let place = (key.clone(), self.writes.load(Ordering::SeqCst));
        let rest = self.clone();
        let fetch = move || async move { rest.fetch(caller, key, uri, headers, freshness).await }.boxed();
        let (flight, joined) = self.flights.board(place, fetch);
        if joined {
            self.budget.count(|usage| usage.coalesced = usage.coalesced.saturating_add(1));
        }
        flight.await
    }

    async fn fetch(
        &self,
        caller: Caller,
        key: String,
        uri: Uri,
        mut headers: HeaderMap,
        freshness: Freshness,
    ) -> Result<Arc<Answer>, Trouble> {
        let known = self.cache.get(&key);
        if let Some((etag, _)) = &known {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        let answer = Arc::new(self.call(&caller, Method::GET, uri, headers, Vec::new()).await?);
        match (answer.status, known) {
            (StatusCode::NOT_MODIFIED, Some((etag, known))) => Ok(self.freshened(key, etag, known, &answer)),
            (StatusCode::OK, _) => {
                let never = (freshness == Freshness::Never).then(|| HeaderValue::from_static("\"\""));
                if let Some(etag) = answer.headers.get(ETAG).cloned().or(never) {
                    self.cache.put(key, etag, answer.clone());
                }
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }

    /// What is known, with where the list goes on from here: another page may have come although this one is the same.
    fn freshened(&self, key: String, etag: HeaderValue, known: Arc<Answer>, now: &Answer) -> Arc<Answer> {
        let moved = [LINK, NEXT_PAGE].into_iter().filter_map(|name| Some((now.headers.get(&name)?.clone(), name)));
        let moved: Vec<_> = moved.filter(|(to, name)| known.headers.get(name) != Some(to)).collect();
        if moved.is_empty() {
            return known;
        }
        let mut fresh = Answer::clone(&known);
        for (to, name) in moved {
            fresh.headers.insert(name, to);
        }
        let fresh = Arc::new(fresh);
        self.cache.put(key, etag, fresh.clone());
        fresh
    }

    /// Writes. It is sent once.
    pub(crate) async fn write(
        &self,
        caller: &Caller,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Trouble> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let answer = self.call(caller, method, uri, headers, body).await;
        self.writes.fetch_add(1, Ordering::SeqCst);
        answer
    }

    async fn call(
        &self,
        caller: &Caller,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Trouble> {
        let turn = self.turns.take(&caller.lane).await;
        self.budget.enter(caller)?;
        let mut request = Request::new(body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        let answer = self.wire.send(request).await;
        drop(turn);
        let answer = answer?;
        self.budget.learn(caller, answer.status, (self.meter)(&answer));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
