//! The gateway as a service of HTTP requests.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

#[path = "gateway/world.rs"]
#[expect(dead_code, reason = "most of it is for the other tests")]
mod world;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use http::{Request, Response};
use http_body::{Body, Frame};
use pathops_coordinator::gateway::{Gateway, Limits, WebhookService};
use pathops_core::UnixMillis;
use pathops_core::adapter::{Clock as _, Inbox, InboxQuery};
use pathops_core::memory::{Fault, Faults, Faulty, ManualClock, MemoryBlobs, MemoryInbox, When};
use tower_service::Service as _;

use world::{Plain, cx, now};

/// A body that comes in pieces, and may stop coming.
struct Pieces {
    left: Vec<&'static [u8]>,
    ends: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match (self.left.pop(), self.ends) {
            (Some(piece), _) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece))))),
            (None, true) => Poll::Ready(None),
            (None, false) => Poll::Pending,
        }
    }
}

/// A body that comes in one piece after a while.
struct Late {
    wait: Option<BoxFuture<'static, ()>>,
    piece: Option<&'static [u8]>,
}

impl Body for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.poll_unpin(cx));
            self.wait = None;
        }
        Poll::Ready(self.piece.take().map(|piece| Ok(Frame::data(Bytes::from_static(piece)))))
    }
}

struct World {
    clock: Arc<ManualClock>,
    inbox: MemoryInbox,
    service: WebhookService,
}

impl World {
    fn new(limits: Limits) -> Self {
        Self::with(limits, None)
    }

    /// A world whose inbox has this fault.
    fn with(limits: Limits, fault: Option<Fault>) -> Self {
        let (clock, inbox) = (Arc::new(ManualClock::new(UnixMillis(0))), MemoryInbox::new());
        let faults = Faults::new(1, clock.clone());
        let faults = fault.into_iter().fold(faults, |faults, fault| faults.with(fault, When::Always));
        let stored: Arc<dyn Inbox> = Arc::new(inbox.clone());
        let faulty: Faulty<dyn Inbox> = Faulty::new(stored, Arc::new(faults));
        let gateway = Gateway::new(Arc::new(faulty), Arc::new(MemoryBlobs::new()), clock.clone());
        let gateway = gateway.with_source(Arc::new(Plain::new("plain"))).with_limits(limits);
        Self { clock, inbox, service: WebhookService::new(Arc::new(gateway)) }
    }

    fn answer<B>(&mut self, request: Request<B>) -> Response<String>
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        now(self.service.call(request)).unwrap()
    }

    fn stored(&self) -> usize {
        now(self.inbox.find(&cx(), &InboxQuery::default(), 10)).unwrap().len()
    }
}

fn post(path: &str) -> http::request::Builder {
    Request::post(path).header("X-Token", "good")
}

#[test]
fn a_webhook_is_stored_and_answered() {
    let mut world = World::new(Limits::default());
    let pieces = Pieces { left: vec![b"first", b"k1 a "], ends: true };
    let response = world.answer(post("/hooks/plain").body(pieces).unwrap());
    assert_eq!((response.status().as_u16(), response.body().as_str(), world.stored()), (202, "stored\n", 1));
    let again = world.answer(post("/hooks/plain").body("k1 a first".to_owned()).unwrap());
    assert_eq!((again.status().as_u16(), again.body().as_str(), world.stored()), (202, "stored before\n", 1));
}

#[test]
fn what_is_no_webhook_is_refused() {
    let mut world = World::new(Limits::default());
    let large = "x".repeat(1_001);
    for (request, status) in [
        (Request::get("/hooks/plain").header("X-Token", "good").body(String::new()), 405),
        (post("/hooks/other").body("k a".to_owned()), 404),
        (post("/hooks/plain/").body("k a".to_owned()), 404),
        (Request::post("/hooks/plain").body("k a".to_owned()), 400),
        (post("/hooks/plain").header("x-token", "good").body("k a".to_owned()), 400),
        (Request::post("/hooks/plain").header("X-Token", "bad").body("k a".to_owned()), 401),
        (post("/hooks/plain").body(large.clone()), 413),
        (post("/hooks/plain").header("Content-Length", "1001").body(String::new()), 413),
    ] {
        let response = world.answer(request.unwrap());
        assert_eq!((response.status().as_u16(), world.stored()), (status, 0), "{response:?}");
    }
}

#[test]
fn a_sender_is_told_when_to_come_again_where_there_is_no_room() {
    let mut world = World::new(Limits { bytes_in_flight: 8, ..Limits::default() });
    let response = world.answer(post("/hooks/plain").body("k1 a first".to_owned()).unwrap());
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"30".parse().unwrap()));
    let small = world.answer(post("/hooks/plain").body("k1 a".to_owned()).unwrap());
    assert_eq!(small.status(), 202, "what was refused has given its room back");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let mut world = World::new(Limits::default());
    let mut answering = world.service.call(post("/hooks/plain").body(Pieces { left: vec![b"k1 a"], ends: false }).unwrap());
    assert!((&mut answering).now_or_never().is_none());
    world.clock.advance(Plain::LAW.answer_within);
    assert_eq!(answering.now_or_never().unwrap().unwrap().status(), 408);
    assert_eq!(world.stored(), 0);
}

#[test]
fn what_reading_took_is_not_there_for_storing() {
    let within = Plain::LAW.answer_within;
    // How long the body takes, and when the answer has come by, of a store that takes for ever.
    for (reading, answered) in [(within / 2, within / 2 + within / 2 * 4 / 5), (Duration::ZERO, within * 4 / 5)] {
        let mut world = World::with(Limits::default(), Some(Fault::Slow(within * 10)));
        let clock = world.clock.clone();
        let wait = async move { clock.sleep(reading).await }.boxed();
        let body = Late { wait: Some(wait), piece: Some(b"k1 a") };
        let mut answering = world.service.call(post("/hooks/plain").body(body).unwrap());
        assert!((&mut answering).now_or_never().is_none());
        world.clock.advance(reading);
        assert!((&mut answering).now_or_never().is_none());
        world.clock.advance(answered - reading - Duration::from_millis(1));
        assert!((&mut answering).now_or_never().is_none(), "there is time left to store it");
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(answering.now_or_never().unwrap().unwrap().status(), 503, "its sender waits for {within:?} altogether");
    }
}
