use std::fmt::Debug;

use pathops_core::WebhookSourceName;
use pathops_core::adapter::{Delivery, Rejection, SenderLaw, WebhookRequest, WebhookSource};

use super::proof::{Proof, TokenIn};
use super::secret::Secrets;
use super::sender::Sender;

/// A sender with the secrets that it is known by.
///
/// ```
/// use pathops_adapters::webhook::{Secrets, Source};
/// use pathops_core::UnixMillis;
/// use pathops_core::adapter::{Rejection, WebhookRequest, WebhookSource as _};
///
/// let github = Source::github("github".parse()?, Secrets::new("It's a Secret to Everybody")?);
/// let headers: [(&str, &[u8]); 3] = [
///     ("X-GitHub-Event", b"ping"),
///     ("X-GitHub-Delivery", b"72d3162e-cc78-11e3-81ab-4c9367dc0958"),
///     ("X-Hub-Signature-256", b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
/// ];
/// let delivery = github.receive(&WebhookRequest::new(&headers, b"Hello, World!", UnixMillis(0)))?;
/// assert_eq!(delivery.key.as_str(), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
///
/// let changed = github.receive(&WebhookRequest::new(&headers, b"Hello, world!", UnixMillis(0)));
/// assert_eq!(changed, Err(Rejection::Unauthentic));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    name: WebhookSourceName,
    sender: Sender,
    proof: Proof,
}

impl Source {
    /// GitHub and GitHub Enterprise, with the secret of the webhook or the app. Its content type has to be JSON.
    #[must_use]
    pub fn github(name: WebhookSourceName, secrets: Secrets) -> Self {
        let proof = Proof::Hex { headers: &["X-Hub-Signature-256"], prefix: "sha256=", secrets };
        Self { name, sender: Sender::GitHub, proof }
    }

    /// GitLab with a secret token: it says who called, and nothing about the body.
    #[must_use]
    pub fn gitlab(name: WebhookSourceName, tokens: Secrets) -> Self {
        let proof = Proof::Token { place: TokenIn::Header("X-Gitlab-Token"), secrets: tokens };
        Self { name, sender: Sender::GitLab, proof }
    }

    /// GitLab with a signing token ([`Secrets::whsec`]). A secret token that is sent as well is not looked at.
    #[must_use]
    pub fn gitlab_signed(name: WebhookSourceName, keys: Secrets) -> Self {
        Self { name, sender: Sender::GitLab, proof: Proof::Standard(keys) }
    }

    /// Argo CD's notifications, made by [`ARGO_CD_TEMPLATE`](super::ARGO_CD_TEMPLATE).
    #[must_use]
    pub fn argo_cd(name: WebhookSourceName, place: TokenIn, tokens: Secrets) -> Self {
        Self { name, sender: Sender::ArgoCd, proof: Proof::Token { place, secrets: tokens } }
    }

    /// Alertmanager's notifications, version 4, with the `authorization` or `basic_auth` of its `http_config`.
    #[must_use]
    pub fn alertmanager(name: WebhookSourceName, place: TokenIn, tokens: Secrets) -> Self {
        Self { name, sender: Sender::Alertmanager, proof: Proof::Token { place, secrets: tokens } }
    }

    /// Sentry's integration platform, with the client secret of the integration.
    #[must_use]
    pub fn sentry(name: WebhookSourceName, secrets: Secrets) -> Self {
        let headers = &["Sentry-Hook-Signature", "Sentry-App-Signature"];
        Self { name, sender: Sender::Sentry, proof: Proof::Hex { headers, prefix: "", secrets } }
    }

    /// Dependency-Track's outbound webhooks with an authentication header.
    #[must_use]
    pub fn dependency_track(name: WebhookSourceName, place: TokenIn, tokens: Secrets) -> Self {
        Self { name, sender: Sender::DependencyTrack, proof: Proof::Token { place, secrets: tokens } }
    }

    /// Anybody who sends [Standard Webhooks](https://www.standardwebhooks.com) with a symmetric key ([`Secrets::whsec`]).
    #[must_use]
    pub fn standard(name: WebhookSourceName, keys: Secrets) -> Self {
        Self { name, sender: Sender::Standard, proof: Proof::Standard(keys) }
    }

    /// CloudEvents 1.0 over HTTP, binary or structured, of which CDEvents are understood.
    #[must_use]
    pub fn cloud_events(name: WebhookSourceName, place: TokenIn, tokens: Secrets) -> Self {
        Self { name, sender: Sender::CloudEvents, proof: Proof::Token { place, secrets: tokens } }
    }

    /// CI that calls back when it has something to tell, with our own small document, signed as Standard Webhooks are:
    ///
    /// ```json
    /// {"format": 1, "repo": "shop/orders-src", "run": "4711", "commit": "<40 hexadecimal digits>", "state": "passed"}
    /// ```
    ///
    /// `state` is `running`, `passed`, `failed` or `other`; `name` may name a check of the run that it is about.
    #[must_use]
    pub fn ci(name: WebhookSourceName, keys: Secrets) -> Self {
        Self { name, sender: Sender::Ci, proof: Proof::Standard(keys) }
    }
}

impl WebhookSource for Source {
    fn name(&self) -> &WebhookSourceName {
        &self.name
    }

    fn law(&self) -> SenderLaw {
        self.sender.law()
    }

    fn receive(&self, request: &WebhookRequest<'_>) -> Result<Delivery, Rejection> {
        let limit = self.law().max_body_bytes;
        if request.body().len() > limit {
            return Err(Rejection::TooLarge(limit));
        }
        self.proof.check(request)?;
        // Which of two schemes a delivery is signed by decides which of two names it has.
        let signed = matches!(self.proof, Proof::Standard(_));
        let reading = self.sender.read(request, signed)?;
        Ok(Delivery { source: self.name.clone(), key: reading.key, lane: reading.lane, hints: reading.hints })
    }
}
