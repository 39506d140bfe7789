use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;

/// Something that was expected and is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Absence {
    /// What: `logs`.
    pub name: String,
    /// What kind of reason there is, for programs. Snapshots of the first three forms do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AbsenceKind>,
    /// Why, for people: `the process was gone`.
    pub reason: String,
}

/// What kind of reason there is for an absence, as far as it matters for what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum AbsenceKind {
    /// Nobody has set up what would give it: no source, nothing installed that records it, or nobody asked.
    NotConfigured,
    /// It was looked for, and there is none: nothing was printed, nobody approved, no such job ran.
    NothingThere,
    /// Who collects may not read it.
    Refused,
    /// Its source cannot be reached, or is out of order.
    Unreachable,
    /// Its source did not answer in time.
    TimedOut,
    /// The process died while it was being collected.
    Interrupted,
    /// It is there, perhaps, and cannot be read, understood or stored.
    Unreadable,
}

/// Why something is absent whose source, or whose store, has failed.
impl From<ErrorKind> for AbsenceKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NothingThere,
            ErrorKind::Unsupported => Self::NotConfigured,
            ErrorKind::Denied => Self::Refused,
            ErrorKind::RateLimited | ErrorKind::Unavailable => Self::Unreachable,
            ErrorKind::Timeout => Self::TimedOut,
            ErrorKind::AlreadyExists
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::StorageFull
            | ErrorKind::Corrupt
            | ErrorKind::Unexpected => Self::Unreadable,
        }
    }
}
