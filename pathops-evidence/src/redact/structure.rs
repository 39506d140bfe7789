//! Forms that an expression is the wrong tool for: each begins with a word, and is read from there by hand.
//!
//! A form looks at a bounded part of the line, or takes all that it looked at; so many words cost no more than their number.

mod assignment;
mod header;
mod key;
mod url;

pub(super) use assignment::{names_a_secret, value_beside};
pub(super) use header::open_header;
pub(super) use key::{closes_key, end_of_key, opens_key};

use super::span::Span;

/// Whether what stands in quotation marks behind a name is found up to its end, whatever lines it has.
pub(super) fn names_a_value(name: &[u8]) -> bool {
    assignment::names_a_secret_and_more(name) || header::names_a_header(name)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    Assignment,
    Authorization,
    Cookie,
    Bearer,
    Basic,
    DockerAuth,
    UserOption,
    PasswordOption,
    Url,
    Dsn,
    SignedUrl,
    Jwt,
    PrivateKey,
}

impl Structure {
    /// How many forms there are.
    pub(super) const COUNT: usize = 13;

    /// What each form begins with, in any case.
    pub(super) fn words() -> impl Iterator<Item = (&'static str, Self)> {
        let others = [
            ("authorization", Self::Authorization),
            ("cookie", Self::Cookie),
            ("bearer ", Self::Bearer),
            ("basic ", Self::Basic),
            ("\"auth\"", Self::DockerAuth),
            (" --user", Self::UserOption),
            (" -u", Self::UserOption),
            (" -a", Self::PasswordOption),
            (" -p", Self::PasswordOption),
            (" -w", Self::PasswordOption),
            (" pass:", Self::PasswordOption),
            ("://", Self::Url),
            ("@tcp(", Self::Dsn),
            ("sig=", Self::SignedUrl),
            ("signature=", Self::SignedUrl),
            ("eyj", Self::Jwt),
            ("-----begin", Self::PrivateKey),
            ("---- begin", Self::PrivateKey),
        ];
        assignment::KEYS.iter().map(|word| (*word, Self::Assignment)).chain(others)
    }

    /// What there is at the word that was seen at `start..end`.
    pub(super) fn find(self, line: &[u8], start: usize, end: usize) -> Option<Span> {
        match self {
            Self::Assignment => assignment::find(line, start, end),
            Self::Authorization => header::authorization(line, start, end),
            Self::Cookie => header::cookie(line, start, end),
            Self::Bearer => header::bearer(line, end),
            Self::Basic => header::basic(line, end),
            Self::DockerAuth => header::docker_auth(line, end),
            Self::UserOption => header::user_option(line, start, end),
            Self::PasswordOption => header::password_option(line, start, end),
            Self::Url => url::userinfo(line, start, end),
            Self::Dsn => url::dsn(line, start),
            Self::SignedUrl => url::signature(line, start, end),
            Self::Jwt => key::jwt(line, start),
            Self::PrivateKey => key::private_key(line, start),
        }
    }
}
