//! Where a server is, and who asks.

use std::fmt;
use std::path::PathBuf;

/// Where a server is, and who asks it. `Debug` shows no secret.
#[derive(Clone)]
pub struct Endpoint {
    /// `None` where it had a credential in it, which is not kept.
    pub(super) url: Option<String>,
    pub(super) credential: Credential,
    pub(super) tenant: Option<String>,
    pub(super) roots: Option<Vec<u8>>,
}

#[derive(Clone)]
pub(super) enum Credential {
    None,
    Bearer(String),
    File(PathBuf),
    Basic { user: String, password: String },
}

impl Endpoint {
    /// A server at this URL, below which its API is: `https://prometheus.example` or `https://metrics.example/prometheus`. A credential
    /// in the URL itself, which is where an `@` is, is refused: URLs are shown.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let url = Some(url.into()).filter(|url| !url.contains('@'));
        Self { url, credential: Credential::None, tenant: None, roots: None }
    }

    /// Asks with this bearer token. The last credential counts.
    #[must_use]
    pub fn bearer(self, token: impl Into<String>) -> Self {
        Self { credential: Credential::Bearer(token.into()), ..self }
    }

    /// Asks with the bearer token in this file, which is read again for each question: something else renews it. The last credential
    /// counts.
    #[must_use]
    pub fn bearer_file(self, file: impl Into<PathBuf>) -> Self {
        Self { credential: Credential::File(file.into()), ..self }
    }

    /// Asks as this user. The last credential counts.
    #[must_use]
    pub fn basic(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { credential: Credential::Basic { user: user.into(), password: password.into() }, ..self }
    }

    /// Asks for what belongs to this tenant (`X-Scope-OrgID`), on a server that has several.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }

    /// Trusts the certificates in this PEM text, and no others.
    #[must_use]
    pub fn trusting(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { roots: Some(pem.into()), ..self }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, credential, tenant, roots } = self;
        let mut shown = f.debug_struct("Endpoint");
        shown.field("url", url).field("credential", credential).field("tenant", tenant);
        shown.field("roots", &roots.is_some()).finish()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bearer(_) => "Bearer(…)",
            Self::File(_) => "File(…)",
            Self::Basic { .. } => "Basic(…)",
        })
    }
}
