//! What makes sure that a request comes from its sender.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pathops_core::UnixMillis;
use pathops_core::adapter::{Rejection, WebhookRequest};

use super::secret::Secrets;

/// How far the clocks of sender and receiver may be apart, and how long a delivery may be on its way.
const TOLERANCE: Duration = Duration::from_secs(300);

/// How many signatures of one delivery are looked at.
const MAX_SIGNATURES: usize = 8;

/// Where a sender that signs nothing puts its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenIn {
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: Basic …`: the secret is `user:password`.
    Basic,
    /// A header of its own.
    Header(&'static str),
}

#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// Hexadecimal HMAC of the body, after a prefix, in one of these headers.
    Hex {
        headers: &'static [&'static str],
        prefix: &'static str,
        secrets: Secrets,
    },
    /// As in Standard Webhooks.
    Standard(Secrets),
    Token {
        place: TokenIn,
        secrets: Secrets,
    },
}

impl Proof {
    pub(super) fn check(&self, request: &WebhookRequest<'_>) -> Result<(), Rejection> {
        let authentic = match self {
            Self::Hex { headers, prefix, secrets } => {
                let given = one_of(request, headers)?;
                given.strip_prefix(prefix).is_some_and(|hex| secrets.signed_hex(&[request.body()], hex))
            }
            Self::Standard(secrets) => return standard(request, secrets),
            Self::Token { place, secrets } => token(request, *place)?.is_some_and(|token| secrets.are(&token)),
        };
        if authentic { Ok(()) } else { Err(Rejection::Unauthentic) }
    }
}

/// The one of several headers that is there.
fn one_of<'r>(request: &WebhookRequest<'r>, names: &'static [&'static str]) -> Result<&'r str, Rejection> {
    let mut found = None;
    for name in names {
        if let Some(value) = request.header(name)?
            && found.replace(value).is_some()
        {
            return Err(Rejection::Repeated(name));
        }
    }
    found.ok_or(Rejection::Missing(names.first().copied().unwrap_or_default()))
}

fn token(request: &WebhookRequest<'_>, place: TokenIn) -> Result<Option<Vec<u8>>, Rejection> {
    let after = |scheme: &str| -> Result<Option<&str>, Rejection> {
        let (given, rest) = request.required("Authorization")?.split_once(' ').unwrap_or_default();
        Ok(given.eq_ignore_ascii_case(scheme).then_some(rest))
    };
    Ok(match place {
        TokenIn::Bearer => after("Bearer")?.map(|token| token.as_bytes().to_vec()),
        TokenIn::Basic => after("Basic")?.and_then(|token| STANDARD.decode(token).ok()),
        TokenIn::Header(name) => Some(request.required(name)?.as_bytes().to_vec()),
    })
}

/// Standard Webhooks 1.0, symmetric signatures (`v1`).
fn standard(request: &WebhookRequest<'_>, secrets: &Secrets) -> Result<(), Rejection> {
    let [id, time, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| request.required(name));
    let (id, time, signatures) = (id?, time?, signatures?);
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", request.body()];
    let given = signatures.split(' ').take(MAX_SIGNATURES).filter_map(|signature| signature.strip_prefix("v1,"));
    if !given.fold(false, |signed, given| secrets.signed_base64(&parts, given) | signed) {
        return Err(Rejection::Unauthentic);
    }
    let seconds: i64 = time.parse().map_err(|_| Rejection::Unreadable("webhook-timestamp"))?;
    let signed_at = UnixMillis(seconds.saturating_mul(1_000));
    let apart = request.at().since(signed_at).max(signed_at.since(request.at()));
    if apart > TOLERANCE { Err(Rejection::Stale) } else { Ok(()) }
}
