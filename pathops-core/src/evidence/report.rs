use std::collections::BTreeMap;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::{Attester, PartOf, Predicate, Reference};
use crate::time::{UnixMillis, rfc3339};

/// A report of a tool that was taken in: in-toto `reference/v0.1` to what was stored of it, with what was taken out of it before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TakenReport {
    /// Who handed it in.
    pub attester: Attester,
    /// What was stored of it.
    pub references: Vec<Reference>,
    /// What was taken out of it (an addition to the standard's fields).
    #[serde(rename = "https://pathops.dev/redaction")]
    pub redaction: TakenOut,
    /// What it is (an addition to the standard's fields).
    #[serde(rename = "https://pathops.dev/report")]
    pub report: ReportFacts,
}

impl Predicate for TakenReport {
    const TYPE: &'static str = "https://in-toto.io/attestation/reference/v0.1";
}

/// What was taken out of something before it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TakenOut {
    /// The digest of the rules, forms and options that were used, by algorithm.
    pub ruleset: BTreeMap<String, String>,
    /// How often, by rule.
    pub removed: BTreeMap<String, u32>,
}

/// What a report is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportFacts {
    /// The format that it is in, by its name.
    pub format: String,
    /// When what it reports was so.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub finished_on: UnixMillis,
    /// In how many places there was something that is no text, and is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<NonZeroU64>,
    /// What it is part of. Earlier versions did not say it.
    #[serde(flatten)]
    pub part_of: PartOf,
}
