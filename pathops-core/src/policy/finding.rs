//! What signed evidence says, as far as policy is concerned.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::evidence::{EvidenceId, KeyId, Subject};
use crate::id::{ContractId, EnvironmentId, PersonId, ProducerName, UnitId};
use crate::policy::{FindingSeverity, SbomFormat};
use crate::project::Role;
use crate::time::UnixMillis;

/// One piece of evidence, as far as policy is concerned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceFact {
    /// Its name.
    pub id: EvidenceId,
    /// The key that signed it.
    pub signer: KeyId,
    /// Who that is, by the names that the trust root gives to the key.
    pub producers: BTreeSet<ProducerName>,
    /// Whether it is in the ledger.
    pub in_ledger: bool,
    /// What kind of thing it says.
    pub predicate_type: String,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The unit it is about.
    pub unit: Option<UnitId>,
    /// The environment it is from; what is about a build has none.
    pub environment: Option<EnvironmentId>,
    /// When what it says was so.
    #[serde(with = "crate::time::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: UnixMillis,
    /// What it says.
    pub says: Finding,
}

/// What a piece of evidence says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Finding {
    /// Tests were run.
    Tests {
        /// The suite.
        suite: String,
        /// How many passed.
        passed: u32,
        /// How many were skipped, or passed with a warning.
        skipped: u32,
        /// How many failed first and passed when they were run again.
        flaky: u32,
        /// How many failed, or the whole of it failed.
        failed: u32,
        /// Whether the change touched the pipeline that ran them.
        pipeline_changed: bool,
    },
    /// A deployment was observed.
    Deployment {
        /// `None` where it was ready, else why not.
        failure: Option<String>,
    },
    /// Health was observed.
    Health {
        /// Whether it was healthy at the end.
        healthy: bool,
        /// For how long without a gap.
        settled_millis: u64,
    },
    /// A scanner has looked.
    Vulnerabilities {
        /// The scanner, by its URI.
        scanner: String,
        /// What it found.
        found: Vec<Vulnerability>,
    },
    /// What the artifact is made of.
    Sbom {
        /// In which format.
        format: SbomFormat,
        /// How many parts it lists.
        parts: u64,
    },
    /// A contract was compared with the one before.
    Contract {
        /// Which.
        contract: ContractId,
        /// What breaks, in words; nothing where it is compatible.
        breaking: Vec<String>,
    },
    /// A value was measured.
    Signal {
        /// Which.
        name: String,
        /// The value; `None` where there is none, or none that is a number.
        value: Option<f64>,
        /// How many samples it rests on.
        samples: u64,
        /// How many measurements gave an error or no number.
        errors: u64,
    },
    /// A policy was checked.
    Policy {
        /// How many checks passed.
        passed: u32,
        /// How many failed, or the whole of it failed.
        failed: u32,
        /// Who has approved it, with the roles that they had then.
        approved_by: BTreeMap<PersonId, BTreeSet<Role>>,
    },
    /// Somebody else's verdict.
    Verified {
        /// Whether it is good.
        passed: bool,
    },
    /// Something that is neither good nor bad by itself.
    Stated {},
}

/// What a scanner found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vulnerability {
    /// Its name, for example `CVE-2026-1234`.
    pub id: String,
    /// How bad it is; `None` where the scanner does not say.
    pub severity: Option<FindingSeverity>,
}

/// What kind of thing a piece of evidence says. What runs in preflight is one kind, since soaking looks at all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FindingKind {
    Tests,
    Running,
    Vulnerabilities,
    Sbom,
    Contract,
    Signal,
    Policy,
    Other,
}

impl Finding {
    pub(super) fn kind(&self) -> FindingKind {
        match self {
            Finding::Tests { .. } => FindingKind::Tests,
            Finding::Deployment { .. } | Finding::Health { .. } => FindingKind::Running,
            Finding::Vulnerabilities { .. } => FindingKind::Vulnerabilities,
            Finding::Sbom { .. } => FindingKind::Sbom,
            Finding::Contract { .. } => FindingKind::Contract,
            Finding::Signal { .. } => FindingKind::Signal,
            Finding::Policy { .. } => FindingKind::Policy,
            Finding::Verified { .. } | Finding::Stated {} => FindingKind::Other,
        }
    }

    /// Whether it speaks against a promotion by itself.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            Finding::Tests { failed, .. } | Finding::Policy { failed, .. } => *failed > 0,
            Finding::Deployment { failure } => failure.is_some(),
            Finding::Health { healthy, .. } => !healthy,
            Finding::Contract { breaking, .. } => !breaking.is_empty(),
            Finding::Verified { passed } => !passed,
            Finding::Vulnerabilities { .. } | Finding::Sbom { .. } | Finding::Signal { .. } | Finding::Stated {} => false,
        }
    }
}

/// Whose word a piece of evidence is: the names that the trust root gives to the key, or the key where it has none. A key
/// that is changed for another of the same names changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Speaker {
    Producers(BTreeSet<ProducerName>),
    Key(KeyId),
}

impl EvidenceFact {
    pub(super) fn speaker(&self) -> Speaker {
        if self.producers.is_empty() { Speaker::Key(self.signer) } else { Speaker::Producers(self.producers.clone()) }
    }

    /// A value that is no number is none, and a measurement that failed.
    pub(super) fn keep_numbers(&mut self) {
        if let Finding::Signal { value, errors, .. } = &mut self.says
            && value.is_some_and(|value| !value.is_finite())
        {
            *value = None;
            *errors = errors.saturating_add(1);
        }
    }

    /// Whether it is about a subject with this digest.
    #[must_use]
    pub fn is_about(&self, algorithm: &str, value: &str) -> bool {
        self.subjects.iter().any(|subject| subject.has(algorithm, value))
    }
}
