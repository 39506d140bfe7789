//! Which server, and who asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};
use pathops_core::{Error, ErrorKind, Result};

/// Which server, and what of it. `Debug` shows no secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct NatsConfig {
    servers: String,
    login: Login,
    root_certificates: Option<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
    /// The stream, and the first part of its subjects: 1 to 63 of `a-z`, `0-9` and `-`.
    pub stream: String,
    /// How long events are kept, in a stream that is made.
    pub kept: Duration,
    /// On how many servers of a cluster, in a stream that is made.
    pub replicas: usize,
}

#[derive(Clone)]
enum Login {
    Nobody,
    User(String, String),
    Token(String),
}

impl NatsConfig {
    /// The servers of these addresses, with commas between them: `tls://one:4222,tls://two:4222`, or `nats://…` without encryption.
    #[must_use]
    pub fn new(servers: impl Into<String>) -> Self {
        Self {
            servers: servers.into(),
            login: Login::Nobody,
            root_certificates: None,
            client_certificate: None,
            stream: "pathops".to_owned(),
            kept: Duration::from_secs(7 * 24 * 60 * 60),
            replicas: 1,
        }
    }

    /// Asks as this user.
    #[must_use]
    pub fn with_user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { login: Login::User(name.into(), password.into()), ..self }
    }

    /// Asks with this token.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Self { login: Login::Token(token.into()), ..self }
    }

    /// Trusts the certificates of this file, in PEM, instead of those of the machine.
    #[must_use]
    pub fn with_root_certificates(self, file: impl Into<PathBuf>) -> Self {
        Self { root_certificates: Some(file.into()), ..self }
    }

    /// Shows this certificate, with the key that it is of, both files in PEM.
    #[must_use]
    pub fn with_client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_certificate: Some((certificate.into(), key.into())), ..self }
    }

    pub(super) fn options(&self) -> ConnectOptions {
        let options = ConnectOptions::new().name("pathops").connection_timeout(Duration::from_secs(10));
        let options = match self.login.clone() {
            Login::Nobody => options,
            Login::User(name, password) => options.user_and_password(name, password),
            Login::Token(token) => options.token(token),
        };
        let options = match self.root_certificates.clone() {
            Some(file) => options.add_root_certificates(file),
            None => options,
        };
        match self.client_certificate.clone() {
            Some((certificate, key)) => options.add_client_certificate(certificate, key),
            None => options,
        }
    }

    pub(super) fn addresses(&self) -> Result<Vec<ServerAddr>> {
        let invalid = |_| {
            let invalid = Error::new(ErrorKind::Invalid, "connect to NATS").because("what is given is no address of a server");
            invalid.advise("write it as tls://host:4222, and the password apart")
        };
        self.servers.split(',').map(|it| it.trim().parse().map_err(invalid)).collect()
    }
}

impl fmt::Debug for NatsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a password.
        f.debug_struct("NatsConfig").field("stream", &self.stream).finish_non_exhaustive()
    }
}
