//! One watch over all Applications of an instance, shared by all who ask.
//!
//! What it keeps is a hint: it answers that something is *not yet* so without a read of the Application. Whatever makes the caller
//! act is read back from the server first.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pathops_core::adapter::Clock;
use pathops_core::{Result, Retry, UnixMillis};

use super::source::{Event, Page, Place, Source};
use crate::argo_verdict::Application;

/// A watch that has said nothing for so long may be cut off: what it told is not believed.
const FRESH: Duration = Duration::from_secs(60);

/// One that has said nothing for so long is given up.
pub(super) const SILENCE: Duration = Duration::from_secs(300);

/// Waits after failures: doubled from the first to the last, or what the server says.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What is known of the Applications that are managed.
#[derive(Debug)]
pub(super) struct Watch {
    source: Arc<dyn Source>,
    clock: Arc<dyn Clock>,
    managed: HashSet<Place>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    applications: HashMap<Place, Arc<Application>>,
    /// When the watch last said something; `None` while there is none.
    heard: Option<UnixMillis>,
}

/// How a watch ended.
enum Ended {
    /// The server ended it, and it can be taken up where it was.
    Well,
    /// It has to begin anew with a list.
    Gone,
}

impl Watch {
    pub(super) fn new(source: Arc<dyn Source>, clock: Arc<dyn Clock>, managed: HashSet<Place>) -> Self {
        Self { source, clock, managed, known: Mutex::default() }
    }

    /// An Application as the watch last told of it, where it can be believed.
    pub(super) fn last(&self, place: &Place) -> Option<Arc<Application>> {
        let known = self.known();
        let now = self.clock.now();
        let fresh = known.heard.is_some_and(|heard| heard <= now && now.since(heard) <= FRESH);
        known.applications.get(place).filter(|_| fresh).cloned()
    }

    /// Keeps watching for ever.
    ///
    /// # Cancel safety
    /// Dropping the future stops it; what it knew is believed for no longer than a minute.
    pub(super) async fn keep(&self) {
        let mut wait = WAITS.0;
        loop {
            let ended = self.list_and_follow(&mut wait).await;
            self.known().heard = None;
            let after = match ended.as_ref().map_err(pathops_core::Error::retry) {
                Err(Retry::After(after)) => after,
                _ => wait,
            };
            match ended {
                Ok(()) => tracing::debug!("the watch of Applications begins anew"),
                Err(error) => tracing::warn!(%error, "the watch of Applications has failed; it begins anew"),
            }
            self.clock.sleep(after).await;
            wait = (wait * 2).min(WAITS.1);
        }
    }

    async fn list_and_follow(&self, wait: &mut Duration) -> Result<()> {
        let mut version = self.list().await?;
        loop {
            let began = version.clone();
            let ended = self.follow(&mut version, wait).await?;
            match ended {
                Ended::Well if self.source.resumes() && version != began => {}
                // Nothing was heard: not again at once.
                Ended::Well if self.source.resumes() => self.clock.sleep(*wait).await,
                Ended::Well | Ended::Gone => return Ok(()),
            }
        }
    }

    /// Reads everything, and returns from where to watch.
    async fn list(&self) -> Result<String> {
        *self.known() = Known::default();
        let mut next = None;
        loop {
            let Page { applications, version, next: more } = self.source.page(next.as_deref()).await?;
            applications.into_iter().for_each(|application| self.keep_it(application));
            next = more;
            if next.is_none() {
                self.heard();
                return Ok(version);
            }
        }
    }

    async fn follow(&self, version: &mut String, wait: &mut Duration) -> Result<Ended> {
        let mut lines = self.source.watch(version).await?;
        loop {
            let line = tokio::select! {
                line = lines.next() => line?,
                () = self.clock.sleep(SILENCE) => return Ok(Ended::Gone),
            };
            let Some(line) = line else { return Ok(Ended::Well) };
            match self.source.event(&line) {
                Event::Changed(application) => {
                    note(version, &application);
                    self.keep_it(*application);
                }
                Event::Deleted(application) => {
                    note(version, &application);
                    self.forget(&application);
                }
                Event::Bookmark(at) => *version = at,
                Event::Gone => return Ok(Ended::Gone),
            }
            self.heard();
            *wait = WAITS.0;
        }
    }

    fn keep_it(&self, mut application: Application) {
        let place = Place::of(&application);
        if !self.managed.contains(&place) {
            return;
        }
        application.compact();
        let mut known = self.known();
        if known.applications.get(&place).is_none_or(|last| !is_older(&application, last)) {
            known.applications.insert(place, Arc::new(application));
        }
    }

    fn forget(&self, application: &Application) {
        let place = Place::of(application);
        let mut known = self.known();
        if known.applications.get(&place).is_some_and(|last| !is_older(application, last)) {
            known.applications.remove(&place);
        }
    }

    fn heard(&self) {
        self.known().heard = Some(self.clock.now());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(version: &mut String, application: &Application) {
    if let Some(at) = application.resource_version() {
        at.clone_into(version);
    }
}

/// Whether an event came late. Versions of one kind of object are numbers that grow, where they are numbers.
fn is_older(event: &Application, last: &Application) -> bool {
    let number = |application: &Application| application.resource_version().and_then(|version| version.parse::<u128>().ok());
    match (number(event), number(last)) {
        (Some(event), Some(last)) => event < last,
        _ => false,
    }
}
