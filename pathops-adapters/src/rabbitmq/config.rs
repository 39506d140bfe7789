//! Which server, and who asks.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::AMQPUri;
use pathops_core::{Error, ErrorKind, Result};

const OPERATION: &str = "connect to RabbitMQ";

/// How often both sides say that they are there, in seconds. Who has been silent twice as long is given up.
const HEARTBEAT: u16 = 10;

/// Which server, and what of it. `Debug` shows no secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct RabbitMqConfig {
    address: String,
    login: Option<(String, String)>,
    root_certificates: Option<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
    /// The exchange, and the first part of the names of queues: 1 to 63 of `a-z`, `0-9` and `-`.
    pub exchange: String,
    /// How long events that are published are kept in the queues, 49 days at most.
    pub kept: Duration,
}

impl RabbitMqConfig {
    /// The server of this address: `amqps://host:5671/virtual-host`, or `amqp://…` without encryption. A `/` in the name of a virtual
    /// host is written as `%2f`; without a name it is the one that servers have by default.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            login: None,
            root_certificates: None,
            client_certificate: None,
            exchange: "pathops".to_owned(),
            kept: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }

    /// Asks as this user.
    #[must_use]
    pub fn with_user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { login: Some((name.into(), password.into())), ..self }
    }

    /// Trusts the certificates of this file, in PEM, beside those of the machine.
    #[must_use]
    pub fn with_root_certificates(self, file: impl Into<PathBuf>) -> Self {
        Self { root_certificates: Some(file.into()), ..self }
    }

    /// Shows this certificate, with the key that it is of, both files in PEM.
    #[must_use]
    pub fn with_client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_certificate: Some((certificate.into(), key.into())), ..self }
    }

    /// What is said of the address never holds it: it may hold a password.
    pub(super) fn uri(&self) -> Result<AMQPUri> {
        let mut uri: AMQPUri = self.address.parse().map_err(|_| {
            let invalid = Error::new(ErrorKind::Invalid, OPERATION).because("what is given is no address of a server");
            invalid.advise("write it as amqps://host:5671/virtual-host, and the password apart")
        })?;
        if let Some((name, password)) = &self.login {
            uri.authority.userinfo.username.clone_from(name);
            uri.authority.userinfo.password.clone_from(password);
        }
        uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT));
        Ok(uri)
    }

    pub(super) fn certificates(&self) -> Result<OwnedTLSConfig> {
        let identity = |(pem, key): &(PathBuf, PathBuf)| Ok(OwnedIdentity::PKCS8 { pem: read(pem)?, key: read(key)? });
        let chain = self.root_certificates.as_deref().map(|file| {
            let no_pem = |e| Error::new(ErrorKind::Invalid, OPERATION).on(file.display()).because("it is no PEM").with_source(e);
            String::from_utf8(read(file)?).map_err(no_pem)
        });
        Ok(OwnedTLSConfig {
            identity: self.client_certificate.as_ref().map(identity).transpose()?,
            cert_chain: chain.transpose()?,
        })
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let unread = |e| Error::new(ErrorKind::Invalid, OPERATION).on(file.display()).because("it cannot be read").with_source(e);
    fs::read(file).map_err(unread)
}

impl fmt::Debug for RabbitMqConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a password.
        f.debug_struct("RabbitMqConfig").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}
