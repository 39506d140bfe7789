use pathops_core::UnixMillis;

use super::ExternalState;

/// Something that a cluster reports of what runs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeEvent {
    /// Whether it warns. Any kind but `Normal` does.
    pub warning: bool,
    /// Why, in a word: `BackOff`.
    pub reason: String,
    /// What it is about: `Pod shop/orders-1`.
    pub about: String,
    /// What it says. It may hold anything a process printed: redact it before it is kept.
    pub message: String,
    /// How often it happened.
    pub count: u64,
    /// When it happened last, where that can be read.
    pub at: Option<UnixMillis>,
}

/// Something that another system says has happened: who says it, under which id, and what kind of thing. `source` and
/// `id` together are the same only for one and the same event, so that a second delivery is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventEnvelope {
    /// Who says it.
    pub source: String,
    /// Its id, unique for the source.
    pub id: String,
    /// What kind of thing happened.
    pub kind: String,
    /// What it is about.
    pub subject: Option<String>,
    /// When.
    pub at: Option<UnixMillis>,
    /// How what it tells of has ended, where it is a CDEvent that says so: tests, pipelines and their tasks do; that an incident
    /// was detected is a failure.
    pub outcome: Option<ExternalState>,
}
