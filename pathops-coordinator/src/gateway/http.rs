//! The gateway as a service of HTTP requests.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf as _;
use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use pathops_core::WebhookSourceName;
use pathops_core::adapter::{Rejection, SenderLaw};

use super::receive::full;
use super::room::Place;
use super::{Answer, Gateway};

/// Answers `POST …/<source>`: the last part of the path names the source. Any server mounts it that takes
/// [`tower_service::Service`]s, `axum` with `Router::new().route_service("/webhooks/{source}", service)`, for example.
///
/// A body is read up to the size that its sender ever sends, and as long as that waits for an answer; then the request is
/// refused. Reading it and storing it share that time.
/// `405` is answered to all but `POST`; redirects are never answered, since some senders take them for success.
///
/// ```
/// use std::sync::Arc;
/// use http::Request;
/// use pathops_coordinator::gateway::{Gateway, WebhookService};
/// use pathops_core::UnixMillis;
/// use pathops_core::memory::{ManualClock, MemoryBlobs, MemoryInbox};
/// use tower_service::Service as _;
///
/// let clock = Arc::new(ManualClock::new(UnixMillis(0)));
/// let gateway = Arc::new(Gateway::new(Arc::new(MemoryInbox::new()), Arc::new(MemoryBlobs::new()), clock));
/// let mut service = WebhookService::new(gateway);
/// let request = Request::post("/webhooks/github").body("{}".to_owned()).unwrap();
/// let response = futures_util::future::FutureExt::now_or_never(service.call(request)).unwrap().unwrap();
/// assert_eq!(response.status(), 404, "no source was given to this gateway");
/// ```
#[derive(Clone, Debug)]
pub struct WebhookService {
    gateway: Arc<Gateway>,
}

impl WebhookService {
    /// A service of this gateway.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

impl<B> tower_service::Service<Request<B>> for WebhookService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<String>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let gateway = self.gateway.clone();
        async move { Ok(respond(&gateway, request).await) }.boxed()
    }
}

/// Why there is no body.
enum Unread {
    TooLarge,
    NoRoom,
    /// Its sender went away, or was too slow.
    Broken,
}

async fn respond<B>(gateway: &Gateway, request: Request<B>) -> Response<String>
where
    B: Body + Send,
    B::Data: Send,
{
    if request.method() != Method::POST {
        return response(StatusCode::METHOD_NOT_ALLOWED, "webhooks are sent by POST\n".to_owned());
    }
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let source = WebhookSourceName::parse(last).ok().and_then(|name| gateway.law(&name).map(|law| (name, law)));
    let Some((name, law)) = source else { return told(&Answer::NoSource) };
    let at = gateway.clock.now();
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let reading = if announced > law.max_body_bytes { Err(Unread::TooLarge) } else { read(gateway, body, &law).await };
    let (body, place) = match reading {
        Ok(read) => read,
        Err(Unread::TooLarge) => return told(&Answer::Rejected(Rejection::TooLarge(law.max_body_bytes))),
        Err(Unread::NoRoom) => return told(&Answer::Busy(law.busy, full())),
        Err(Unread::Broken) => return response(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n".to_owned()),
    };
    let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    told(&gateway.receive_at(&name, &headers, body, place, at).await)
}

async fn read<B>(gateway: &Gateway, body: B, law: &SenderLaw) -> Result<(Vec<u8>, Place), Unread>
where
    B: Body + Send,
    B::Data: Send,
{
    let reading = async {
        let (mut body, mut place, mut bytes) = (pin!(body), gateway.room.place(), Vec::new());
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let Ok(mut data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            if bytes.len() + data.remaining() > law.max_body_bytes {
                return Err(Unread::TooLarge);
            }
            if !place.grow(data.remaining()) {
                return Err(Unread::NoRoom);
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                bytes.extend_from_slice(chunk);
                let taken = chunk.len();
                data.advance(taken);
            }
        }
        Ok((bytes, place))
    };
    let reading: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(reading);
    match select(reading, gateway.clock.sleep(law.answer_within)).await {
        Either::Left((read, _)) => read,
        Either::Right(_) => Err(Unread::Broken),
    }
}

fn told(answer: &Answer) -> Response<String> {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = response(status, answer.text());
    if let Some(wait) = answer.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    response
}

fn response(status: StatusCode, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response
}
