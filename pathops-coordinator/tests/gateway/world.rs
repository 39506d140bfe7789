//! A sender, a handler, and time that passes when told to.

use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use pathops_coordinator::gateway::{Answer, DeliveryHandler, Gateway};
use pathops_core::adapter::{Busy, Delivery, Hint, Rejection, SenderLaw, StoredDelivery, WebhookRequest, WebhookSource};
use pathops_core::memory::ManualClock;
use pathops_core::{Error, IdempotencyKey, OpContext, Result, WebhookSourceName};

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

pub(crate) fn name(text: &str) -> WebhookSourceName {
    text.parse().unwrap()
}

/// The answer of what has no reason to wait.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

/// A sender with a token whose bodies are `<key> <lane> <anything>`.
#[derive(Debug)]
pub(crate) struct Plain {
    name: WebhookSourceName,
    law: SenderLaw,
}

impl Plain {
    pub(crate) const LAW: SenderLaw = SenderLaw {
        max_body_bytes: 1_000,
        answer_within: Duration::from_secs(10),
        busy: Busy { status: 503, retry_after: Some(Duration::from_secs(30)) },
        repeats: true,
        gives_up_after: None,
    };

    pub(crate) fn new(text: &str) -> Self {
        Self { name: name(text), law: Self::LAW }
    }

    /// With bodies of so many bytes at most.
    pub(crate) fn up_to(mut self, bytes: usize) -> Self {
        self.law.max_body_bytes = bytes;
        self
    }
}

impl WebhookSource for Plain {
    fn name(&self) -> &WebhookSourceName {
        &self.name
    }

    fn law(&self) -> SenderLaw {
        self.law
    }

    fn receive(&self, request: &WebhookRequest<'_>) -> std::result::Result<Delivery, Rejection> {
        if request.body().len() > self.law.max_body_bytes {
            return Err(Rejection::TooLarge(self.law.max_body_bytes));
        }
        if request.required("X-Token")? != "good" {
            return Err(Rejection::Unauthentic);
        }
        let text = std::str::from_utf8(request.body()).unwrap();
        let mut words = text.split(' ');
        let (key, lane) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap());
        let hints = vec![Hint::Unknown { what: "plain".into(), why: text.into() }];
        Ok(Delivery { source: self.name.clone(), key, lane, hints })
    }
}

pub(crate) fn send(gateway: &Gateway, text: &str) -> Answer {
    now(gateway.receive(&name("plain"), &[("x-token", b"good")], text.as_bytes().to_vec()))
}

/// Lets a gateway work for so many moves of the clock.
pub(crate) fn run(gateway: &Gateway, handler: &Arc<Handler>, clock: &ManualClock, moves: usize) {
    let mut running = pin!(gateway.run(handler.clone(), pending()));
    for _ in 0..moves {
        assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        clock.advance_to_next();
    }
}

/// Writes down what it is given, and fails or waits where it is told to.
#[derive(Default)]
pub(crate) struct Handler {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    begun: Vec<String>,
    handled: Vec<String>,
    held: bool,
    failing: Option<(String, Box<dyn Fn() -> Error + Send>)>,
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handler")
    }
}

impl Handler {
    pub(crate) fn holding() -> Self {
        Self { state: Mutex::new(State { held: true, ..State::default() }) }
    }

    pub(crate) fn failing(key: &str, error: impl Fn() -> Error + Send + 'static) -> Self {
        Self { state: Mutex::new(State { failing: Some((key.to_owned(), Box::new(error))), ..State::default() }) }
    }

    pub(crate) fn let_go(&self) {
        self.state.lock().unwrap().held = false;
    }

    pub(crate) fn recover(&self) {
        self.state.lock().unwrap().failing = None;
    }

    pub(crate) fn begun(&self) -> Vec<String> {
        self.state.lock().unwrap().begun.clone()
    }

    pub(crate) fn handled(&self) -> Vec<String> {
        self.state.lock().unwrap().handled.clone()
    }
}

#[async_trait]
impl DeliveryHandler for Handler {
    async fn handle(&self, cx: &OpContext, it: &StoredDelivery) -> Result<()> {
        let key = it.delivery.key.to_string();
        assert_eq!(cx.key().as_str(), format!("webhook/plain/{key}"));
        self.state.lock().unwrap().begun.push(key.clone());
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if self.state.lock().unwrap().held { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let mut state = self.state.lock().unwrap();
        if let Some((failing, error)) = &state.failing
            && *failing == key
        {
            return Err(error());
        }
        state.handled.push(key);
        Ok(())
    }
}

/// Which of a process's steps is its last.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    left: Mutex<Option<usize>>,
}

impl Fuse {
    pub(crate) fn of(steps: Option<usize>) -> Self {
        Self { left: Mutex::new(steps) }
    }

    pub(crate) fn is_out(&self) -> bool {
        *self.left.lock().unwrap() == Some(0)
    }

    /// One step; where the process ends here, nothing comes after.
    pub(crate) async fn step(&self) {
        let out = {
            let mut left = self.left.lock().unwrap();
            *left = left.map(|left| left.saturating_sub(1));
            *left == Some(0)
        };
        if out {
            pending::<()>().await;
        }
    }
}

/// Something outside that knows by a key what was asked of it before.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) calls: Vec<String>,
    pub(crate) done: Vec<(String, String)>,
    keys: BTreeSet<String>,
}

impl Outside {
    pub(crate) fn ask(&mut self, key: &str, lane: &str) {
        self.calls.push(key.to_owned());
        if self.keys.insert(key.to_owned()) {
            self.done.push((lane.to_owned(), key.to_owned()));
        }
    }
}
