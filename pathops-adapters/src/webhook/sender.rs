use std::str::FromStr;
use std::time::Duration;

use pathops_core::adapter::{Busy, Hint, Rejection, SenderLaw, WebhookRequest};
use pathops_core::{DeliveryKey, Lane};

use super::{alertmanager, argo_cd, ci, cloud_events, dependency_track, github, gitlab, sentry, standard};

/// Whose webhooks are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sender {
    /// `github`
    GitHub,
    /// `gitlab`
    GitLab,
    /// `argo-cd`
    ArgoCd,
    /// `alertmanager`
    Alertmanager,
    /// `sentry`
    Sentry,
    /// `dependency-track`
    DependencyTrack,
    /// `standard`
    Standard,
    /// `cloud-events`
    CloudEvents,
    /// `ci`
    Ci,
}

/// A name that is none of a sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no sender that is known: take one of {names}", names = Sender::ALL.map(Sender::as_str).join(", "))]
pub struct UnknownSender(String);

/// What a request says, whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the sender calls it.
    pub key: DeliveryKey,
    /// What it is in order with.
    pub lane: Lane,
    /// What it says; never empty.
    pub hints: Vec<Hint>,
}

const MIB: usize = 1 << 20;

/// Most senders send again what was answered with a server error, and heed when.
const LATER: Busy = Busy { status: 503, retry_after: Some(Duration::from_secs(30)) };

impl Sender {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::GitHub,
        Self::GitLab,
        Self::ArgoCd,
        Self::Alertmanager,
        Self::Sentry,
        Self::DependencyTrack,
        Self::Standard,
        Self::CloudEvents,
        Self::Ci,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::ArgoCd => "argo-cd",
            Self::Alertmanager => "alertmanager",
            Self::Sentry => "sentry",
            Self::DependencyTrack => "dependency-track",
            Self::Standard => "standard",
            Self::CloudEvents => "cloud-events",
            Self::Ci => "ci",
        }
    }

    /// How it wants to be treated.
    #[must_use]
    pub fn law(self) -> SenderLaw {
        let law = |mib: usize, seconds: u64, repeats: bool| SenderLaw {
            max_body_bytes: mib * MIB,
            answer_within: Duration::from_secs(seconds),
            busy: LATER,
            repeats,
            gives_up_after: None,
        };
        match self {
            // It sends nothing again by itself: a sweep asks it for what was not delivered.
            Self::GitHub => law(25, 10, false),
            // The fourth failure in a row switches the hook off for a minute, then for longer each time, and the fortieth for good.
            Self::GitLab => SenderLaw { gives_up_after: Some(4), ..law(25, 10, false) },
            Self::ArgoCd => law(1, 10, true),
            // It drops what is answered with 429, and sends again what is answered with 5xx.
            Self::Alertmanager => law(16, 10, true),
            // It stops after 1,000 answers in a day that took longer than a second.
            Self::Sentry => SenderLaw { gives_up_after: Some(1_000), ..law(10, 1, false) },
            // It sends again after 429, 502, 503 and 504; 500 is the end.
            Self::DependencyTrack => law(16, 10, true),
            Self::Standard | Self::CloudEvents | Self::Ci => law(1, 10, true),
        }
    }

    /// Reads a request without asking who sent it: for tools that show one. Nothing may follow from what it says.
    ///
    /// # Errors
    /// [`Rejection`] where a header that names the delivery cannot be read.
    pub fn read_unverified(self, request: &WebhookRequest<'_>) -> Result<Reading, Rejection> {
        self.read(request, false)
    }

    pub(super) fn read(self, request: &WebhookRequest<'_>, signed: bool) -> Result<Reading, Rejection> {
        match self {
            Self::GitHub => github::read(request),
            Self::GitLab => gitlab::read(request, signed),
            Self::ArgoCd => argo_cd::read(request),
            Self::Alertmanager => alertmanager::read(request),
            Self::Sentry => sentry::read(request),
            Self::DependencyTrack => dependency_track::read(request),
            Self::Standard => standard::read(request),
            Self::CloudEvents => cloud_events::read(request),
            Self::Ci => ci::read(request),
        }
    }
}

impl FromStr for Sender {
    type Err = UnknownSender;

    fn from_str(text: &str) -> Result<Self, UnknownSender> {
        Self::ALL.into_iter().find(|sender| sender.as_str() == text).ok_or_else(|| UnknownSender(text.to_owned()))
    }
}
