use serde::{Deserialize, Serialize};

use crate::evidence::{Predicate, Reference, Treatment};
use crate::time::{UnixMillis, rfc3339};

/// That secrets were taken out of a payload after it had been stored: the rules of that day did not find them. The subject is the
/// payload as it was; it goes like any other, and a [`Tombstone`](super::Tombstone) says so.
///
/// What was taken out before anything was stored is in the [`Treatment`] that a snapshot has of each part, and needs no statement of
/// its own. No standard predicate exists; this is our own, version 0.1. The JSON Schema is `predicate-redaction-v0.1.schema.json` of
/// this crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Redaction {
    /// On whose word, in words: `report of the security team, 3 May`.
    pub authority: String,
    /// By which rules secrets were looked for this time, and how many were taken out by each. Nothing of them is kept, no hash either.
    pub treatment: Treatment,
    /// What is left of it.
    pub replacement: Reference,
    /// When.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub redacted_on: UnixMillis,
}

impl Predicate for Redaction {
    const TYPE: &'static str = "https://pathops.dev/predicate/redaction/v0.1";
}
