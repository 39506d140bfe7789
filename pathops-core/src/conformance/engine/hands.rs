//! What performs errands, and keeps an account of every try.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::LOOK;
use super::errands::{Answer, Errand, Errands};
use crate::adapter::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Observer, Performer, Progress};
use crate::op::OpContext;
use std::time::Duration;

/// It outlives every engine of a case, as the systems outside do.
#[derive(Clone)]
pub(super) struct Hands {
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Seen>>,
}

/// Each with the key that it was done under, in order.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) began: Vec<(String, String)>,
    pub(super) ended: Vec<(String, String)>,
    pub(super) held: Vec<(String, String)>,
    /// What a host that watches was told is being performed.
    shown: Vec<String>,
    /// How many are being performed now, by key.
    under_way: BTreeMap<String, u32>,
    /// The keys of those that were performed twice at a time, or held while they were performed.
    pub(super) at_once: BTreeSet<String>,
    open: BTreeSet<String>,
    failures: BTreeMap<String, u32>,
}

impl Hands {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seen: Arc::default() }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the errand of that name, which waits for this, end.
    pub(super) fn open(&self, errand: &str) {
        self.seen().open.insert(errand.to_owned());
    }

    /// How often an errand was begun.
    pub(super) fn begun(&self, errand: &str) -> usize {
        self.seen().began.iter().filter(|(_, began)| began == errand).count()
    }

    /// What a host watches with.
    pub(super) fn observer(&self) -> Observer<Errands> {
        let hands = self.clone();
        Arc::new(move |_, progress| {
            if let Progress::Began { command: Errand(errand), .. } = progress {
                hands.seen().shown.push(errand.clone());
            }
        })
    }

    /// How often a host was told that an errand is being performed.
    pub(super) fn shown(&self, errand: &str) -> usize {
        self.seen().shown.iter().filter(|shown| *shown == errand).count()
    }

    pub(super) fn was_held(&self, errand: &str) -> bool {
        self.seen().held.iter().any(|(_, held)| held == errand)
    }

    async fn pass(&self, errand: &str) {
        while !self.seen().open.contains(errand) {
            self.clock.sleep(LOOK).await;
        }
    }
}

/// Counts one that is being performed for as long as it is.
struct UnderWay(Hands, String);

impl UnderWay {
    fn begin(hands: &Hands, key: &str) -> Self {
        let mut seen = hands.seen();
        let count = seen.under_way.entry(key.to_owned()).or_default();
        *count += 1;
        if *count > 1 {
            seen.at_once.insert(key.to_owned());
        }
        drop(seen);
        Self(hands.clone(), key.to_owned())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.seen().under_way.entry(self.1.clone()).and_modify(|count| *count -= 1);
    }
}

#[async_trait]
impl Performer<Errands> for Hands {
    async fn perform(&self, cx: &OpContext, Errand(errand): &Errand) -> Result<Answer> {
        let key = cx.key().as_str();
        let _under_way = UnderWay::begin(self, key);
        self.seen().began.push((key.to_owned(), errand.clone()));
        let (kind, rest) = errand.split_once(' ').unwrap_or((errand, ""));
        match kind {
            "await" | "gate" => self.pass(errand).await,
            "sleep" => self.clock.sleep(Duration::from_millis(rest.parse().unwrap_or(0))).await,
            "faulty" => {
                let tries = {
                    let mut seen = self.seen();
                    let tries = seen.failures.entry(errand.clone()).or_default();
                    *tries += 1;
                    *tries
                };
                if tries <= 2 {
                    let error = Error::new(ErrorKind::Corrupt, "run an errand").on(errand);
                    return Err(error.because("it is meant to fail twice"));
                }
            }
            "refused" => return Ok(Answer::Refused),
            _ => {}
        }
        self.seen().ended.push((key.to_owned(), errand.clone()));
        Ok(Answer::Done)
    }

    async fn hold(&self, cx: &OpContext, Errand(errand): &Errand) -> Result<()> {
        let mut seen = self.seen();
        let operation = cx.key().as_str().trim_end_matches("/hold");
        if seen.under_way.get(operation).is_some_and(|count| *count > 0) {
            seen.at_once.insert(cx.key().as_str().to_owned());
        }
        seen.held.push((cx.key().as_str().to_owned(), errand.clone()));
        Ok(())
    }
}
