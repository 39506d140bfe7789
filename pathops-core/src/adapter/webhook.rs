use std::fmt::Debug;
use std::time::Duration;

use crate::adapter::Delivery;
use crate::id::WebhookSourceName;
use crate::time::UnixMillis;

/// A request as it came in: nothing in it is believed yet.
#[derive(Clone, Copy, Debug)]
pub struct WebhookRequest<'r> {
    headers: &'r [(&'r str, &'r [u8])],
    body: &'r [u8],
    at: UnixMillis,
}

impl<'r> WebhookRequest<'r> {
    /// `headers` in the order in which they came, each as often as it came; `body` the very bytes that were sent; `at` the time
    /// now, for signatures that hold for a while only.
    #[must_use]
    pub fn new(headers: &'r [(&'r str, &'r [u8])], body: &'r [u8], at: UnixMillis) -> Self {
        Self { headers, body, at }
    }

    /// The bytes that were sent.
    #[must_use]
    pub fn body(&self) -> &'r [u8] {
        self.body
    }

    /// When it is judged.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        self.at
    }

    /// The value of a header, whatever the case of its name, where it is there.
    ///
    /// # Errors
    /// [`Rejection::Repeated`] where it is there twice: one part of a chain of servers might read the first, and another one the
    /// second. [`Rejection::Unreadable`] where it holds anything but printable ASCII and spaces.
    pub fn header(&self, name: &'static str) -> Result<Option<&'r str>, Rejection> {
        let mut values = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Rejection::Repeated(name));
        }
        let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
        text.map(Some).ok_or(Rejection::Unreadable(name))
    }

    /// The value of a header that has to be there.
    ///
    /// # Errors
    /// [`Rejection::Missing`], and as [`WebhookRequest::header`].
    pub fn required(&self, name: &'static str) -> Result<&'r str, Rejection> {
        self.header(name)?.ok_or(Rejection::Missing(name))
    }
}

/// Why a request is no delivery of a sender. It says nothing about the secrets, and nothing of the request but names of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The body is larger than the sender ever sends.
    #[error("the body has more than {0} bytes; check that it comes from the sender")]
    TooLarge(usize),
    /// A header that the sender always sends is not there.
    #[error("the header `{0}` is missing; check that the webhook is set up with a secret")]
    Missing(&'static str),
    /// A header is there more than once.
    #[error("the header `{0}` is there more than once; check what lies between the sender and here")]
    Repeated(&'static str),
    /// A header is not of the form that the sender gives it.
    #[error("the header `{0}` cannot be read; check what lies between the sender and here")]
    Unreadable(&'static str),
    /// It was not made with one of the secrets, or was changed on its way.
    #[error("it is not signed with a secret of this source; check that both sides have the same one")]
    Unauthentic,
    /// What it is signed with holds for a while only, and the clocks are further apart than that.
    #[error("it was signed at another time than now; it is sent again by somebody, or a clock is wrong")]
    Stale,
}

/// What a source answers to a sender that it cannot serve now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Retry-After`, where the sender heeds it.
    pub retry_after: Option<Duration>,
}

/// What a sender does with answers: how to treat it so that it neither loses a delivery nor stops sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderLaw {
    /// The largest body that it sends, in bytes.
    pub max_body_bytes: usize,
    /// How long it waits for an answer.
    pub answer_within: Duration,
    /// What it is told where a delivery cannot be stored now.
    pub busy: Busy,
    /// Whether it sends again by itself what was answered with `busy`. Where it does not, only a spool or a sweep brings back what
    /// could not be stored.
    pub repeats: bool,
    /// How many answers that are no success, one after another, make it stop sending.
    pub gives_up_after: Option<u32>,
}

/// One sender of webhooks: who may call, and what a call means.
///
/// It is pure: it looks at the bytes and at nothing else, so that a delivery means the same whenever it is looked at.
#[cfg_attr(feature = "mockall", mockall::automock)]
pub trait WebhookSource: Debug + Send + Sync + 'static {
    /// The name under which the host has set it up. Keys and lanes are unique within it.
    fn name(&self) -> &WebhookSourceName;

    /// How its sender wants to be treated.
    fn law(&self) -> SenderLaw;

    /// Checks who sent a request and reads it. Who sent it is found out from the bytes of the body, before any of them is
    /// understood, and in a time that does not depend on how much of a signature is right.
    ///
    /// What comes from the sender is always a delivery: one that cannot be understood is [`Hint::Unknown`](super::Hint::Unknown),
    /// with the reason, and is kept like any other.
    ///
    /// # Errors
    /// [`Rejection`] for what does not come from the sender, or not unchanged.
    fn receive<'r>(&self, request: &WebhookRequest<'r>) -> Result<Delivery, Rejection>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_there_once_or_it_is_refused() {
        let headers: [(&str, &[u8]); 4] = [("X-Once", b"1"), ("x-twice", b"1"), ("X-Twice", b"1"), ("x-odd", b"\xe9t\xe9")];
        let request = WebhookRequest::new(&headers, b"", UnixMillis(0));
        assert_eq!(request.header("x-ONCE"), Ok(Some("1")));
        assert_eq!(request.header("x-none"), Ok(None));
        assert_eq!(request.required("x-none"), Err(Rejection::Missing("x-none")));
        assert_eq!(request.header("x-twice"), Err(Rejection::Repeated("x-twice")));
        assert_eq!(request.header("x-odd"), Err(Rejection::Unreadable("x-odd")));
    }
}
