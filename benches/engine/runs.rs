//! A machine that costs nothing: so many beats, one after the other, and one for each signal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pathops_core::flow::{Host, Machine, Machines, Performer};
use pathops_core::{OpContext, Result, RunId, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) struct Beats;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beat {
    /// The signal that it follows from.
    signal: Option<u32>,
    /// As much as a command of a change set.
    text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    left: u32,
    /// Without any beats of its own it never ends.
    listens: bool,
    text: String,
}

impl Machine for Beats {
    const NAME: &'static str = "beats";
    const FORMAT: u32 = 1;
    const OLDEST: u32 = 1;
    type Start = u32;
    type Outcome = ();
    type Signal = u32;
    type Command = Beat;
    type State = State;

    fn start(beats: &u32) -> (State, Vec<Beat>) {
        let state = State { left: *beats, listens: *beats == 0, text: "s".repeat(200) };
        // One that listens waits for what never comes.
        (state, vec![Beat { signal: None, text: "c".repeat(100) }])
    }

    fn step(state: State, beat: &Beat, (): &(), _: UnixMillis) -> (State, Vec<Beat>) {
        if beat.signal.is_some() {
            return (state, Vec::new());
        }
        let left = state.left.saturating_sub(1);
        let next = (left > 0).then(|| beat.clone());
        (State { left, ..state }, next.into_iter().collect())
    }

    fn hear(state: State, signal: &u32, _: UnixMillis) -> (State, Vec<Beat>) {
        (state, vec![Beat { signal: Some(*signal), text: "c".repeat(100) }])
    }

    fn goes_on(_: &State, _: &Beat) -> bool {
        true
    }

    fn wants(_: &State, _: &Beat) -> bool {
        true
    }

    fn waits(_: &Beat) -> bool {
        false
    }

    fn dropped() {}

    fn has_ended(state: &State) -> bool {
        !state.listens && state.left == 0
    }
}

/// When signals were sent, and how long it took until what follows from them was begun.
#[derive(Clone, Default)]
pub(crate) struct Stamps(Arc<Mutex<Stamped>>);

#[derive(Default)]
struct Stamped {
    sent: BTreeMap<u32, Instant>,
    taken: Vec<Duration>,
    waiting: u32,
}

impl Stamps {
    pub(crate) fn sent(&self, signal: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sent.insert(signal, Instant::now());
    }

    pub(crate) fn taken(&self) -> Vec<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).taken.clone()
    }

    /// How many have begun to wait for what never comes.
    pub(crate) fn waiting(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting
    }
}

struct Beating(Stamps, bool);

#[async_trait]
impl Performer<Beats> for Beating {
    async fn perform(&self, _: &OpContext, beat: &Beat) -> Result<()> {
        match beat.signal {
            Some(signal) => {
                let mut stamps = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                let sent = stamps.sent.remove(&signal);
                stamps.taken.extend(sent.map(|sent| sent.elapsed()));
            }
            None if self.1 => {
                self.0.0.lock().unwrap_or_else(PoisonError::into_inner).waiting += 1;
                std::future::pending().await
            }
            None => {}
        }
        Ok(())
    }

    async fn hold(&self, _: &OpContext, _: &Beat) -> Result<()> {
        Ok(())
    }
}

pub(crate) fn hosted(stamps: &Stamps, listens: bool) -> Machines {
    let host: Host<Beats> = Host::new(Arc::new(Beating(stamps.clone(), listens)), Arc::new(|_, _| {}));
    Machines::default().with(Arc::new(host))
}

pub(crate) fn name(number: u32) -> RunId {
    RunId::parse(format!("run-{number}")).unwrap_or_else(|error| unreachable!("a number makes a name: {error}"))
}

pub(crate) fn start(beats: u32) -> Value {
    beats.into()
}

pub(crate) fn told(signal: u32) -> Value {
    signal.into()
}
