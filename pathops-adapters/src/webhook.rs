//! Who may call us, and what a call means: a [`Source`] for each sender of webhooks.
//!
//! | [`Sender`] | it is the sender because | one delivery is known by | in order with |
//! |---|---|---|---|
//! | `github` | `X-Hub-Signature-256`, HMAC-SHA256 of the body | `X-GitHub-Delivery` | its repository |
//! | `gitlab` | `X-Gitlab-Token`, or a signature as in Standard Webhooks | `Idempotency-Key`, or `webhook-id` | its project |
//! | `argo-cd` | a token | the field `delivery` of [the template](ARGO_CD_TEMPLATE) | its application |
//! | `alertmanager` | a token | the group with the states of its alerts | its group |
//! | `sentry` | `Sentry-Hook-Signature`, HMAC-SHA256 of the body | `Request-ID` | its issue or alert |
//! | `dependency-track` | a token | `notification.id` | its project |
//! | `standard` | `webhook-signature`, HMAC-SHA256 of id, time and body | `webhook-id` | its type |
//! | `cloud-events` | a token | source and id of the event | its subject |
//! | `ci` | a signature as in Standard Webhooks | `webhook-id` | its repository |
//!
//! Two secrets may be live at once, so that they can be changed on both sides one after the other ([`Secrets::and`]). A signature
//! is compared in a time that does not depend on it, over the bytes as they came, before any of them is read; a header that
//! decides is there once or the request is refused. Where a sender gives no name to a delivery, the digest of its body is taken.
//!
//! What an authentic delivery says is read within bounds of depth and size, and without keeping more of it than is told. What
//! cannot be read, or is of a kind that is not known, is a [`Hint::Unknown`](pathops_core::adapter::Hint::Unknown) with the
//! reason, never an error: it is kept.
//!
//! A token says who called, and nothing about the body: use TLS, and treat what such a sender says as what it is, a hint.

mod alertmanager;
mod argo_cd;
mod ci;
mod cloud_events;
mod dependency_track;
mod github;
mod gitlab;
mod proof;
mod read;
mod secret;
mod sender;
mod sentry;
mod source;
mod standard;

pub use argo_cd::ARGO_CD_TEMPLATE;
pub use proof::TokenIn;
pub use secret::{SecretError, Secrets};
pub use sender::{Reading, Sender, UnknownSender};
pub use source::Source;
