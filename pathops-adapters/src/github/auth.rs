//! By which credential, and for how much of the host.
//!
//! A GitHub App works by tokens of one repository each. One is kept until five minutes before it ends, which is an hour after it
//! was made, and no longer than this process: the host's entity tags belong to a token, so a token for each call would make every
//! read count. A token that GitHub does not take any more is forgotten at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pathops_core::adapter::Clock;
use pathops_core::{Error, ErrorKind, RepoId, Result, UnixMillis};
use serde::{Deserialize, Serialize};

/// How long before its end a token is not used any more.
const BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// How far GitHub's clock may be behind, in seconds.
const SKEW: i64 = 60;
/// How long an App's own token lives, in seconds; GitHub takes ten minutes at most.
const LIFE: i64 = 8 * 60;

/// A text that is never shown.
#[derive(Clone)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a host gives.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    Token(Secret),
    App { id: u64, key: Secret },
}

/// What calls are made with.
pub(super) enum Auth {
    Token(HeaderValue),
    App(App),
}

/// A GitHub App: where it is installed, and its tokens.
pub(super) struct App {
    id: u64,
    key: EncodingKey,
    clock: Arc<dyn Clock>,
    tokens: Mutex<HashMap<RepoId, Slot>>,
}

/// The token of a repository; whoever holds the lock makes it.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<Minted>>>;

/// A token that was made.
#[derive(Clone)]
pub(super) struct Minted {
    pub(super) installation: u64,
    pub(super) header: HeaderValue,
    ends: UnixMillis,
}

/// GitHub's answer to the wish for a token.
#[derive(Deserialize)]
pub(super) struct InstallationToken {
    token: String,
    expires_at: String,
}

#[derive(Serialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
}

impl Auth {
    pub(super) fn new(credential: &Credential, clock: Arc<dyn Clock>) -> Result<Self> {
        let invalid = |why: &str| Error::new(ErrorKind::Invalid, "use a credential of GitHub").because(why);
        match credential {
            Credential::Token(token) => {
                bearer(&token.0).map(Self::Token).ok_or_else(|| invalid("the token holds what no header can hold"))
            }
            Credential::App { id, key } => {
                // What is wrong with the key could quote it, so it is not told.
                let key = EncodingKey::from_rsa_pem(key.0.as_bytes()).map_err(|_| {
                    invalid("the App's key is no RSA key in PEM").advise("give it as it was downloaded from GitHub")
                })?;
                Ok(Self::App(App { id: *id, key, clock, tokens: Mutex::default() }))
            }
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::Token(_) => f.write_str("Token"),
            Auth::App(app) => write!(f, "App({})", app.id),
        }
    }
}

impl App {
    /// The token that the App itself speaks with: it can only look around and make other tokens.
    pub(super) fn own(&self) -> Result<HeaderValue> {
        let now = self.clock.now().0.div_euclid(1000);
        let claims = Claims { iss: self.id.to_string(), iat: now.saturating_sub(SKEW), exp: now.saturating_add(LIFE) };
        let failed = || Error::new(ErrorKind::Invalid, "sign as a GitHub App").because("the App's key cannot sign");
        let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key).map_err(|_| failed())?;
        bearer(&token).ok_or_else(failed)
    }

    /// Where the token of a repository is kept.
    pub(super) fn slot(&self, repo: &RepoId) -> Slot {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).entry(repo.clone()).or_default().clone()
    }

    /// Whether a token can still be used.
    pub(super) fn lives(&self, minted: &Minted) -> bool {
        self.clock.now() + BEFORE_END < minted.ends
    }

    /// Takes GitHub's answer; `None` where it is none.
    pub(super) fn minted(installation: u64, token: &InstallationToken) -> Option<Minted> {
        Some(Minted { installation, header: bearer(&token.token)?, ends: token.expires_at.parse().ok()? })
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok()?;
    header.set_sensitive(true);
    Some(header)
}
