//! Reports as evidence: predicates that point at the original.

use std::collections::BTreeMap;

use pathops_core::Digest;
use pathops_core::evidence::{Attester, Predicate, Reference};
use serde::Serialize;

use crate::VERIFIER_ID;
use crate::report::{Format, Report};

/// A predicate that points at a report: in-toto `reference/v0.1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportReference {
    /// Who collected it.
    pub attester: Attester,
    /// The report.
    pub references: Vec<Reference>,
}

impl Predicate for ReportReference {
    const TYPE: &'static str = "https://in-toto.io/attestation/reference/v0.1";
}

impl Report {
    /// The digest of the original, as in-toto writes it.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("sha256".to_owned(), self.digest.hex())])
    }

    /// The type of predicate that the document is by itself, so that it can stand in a statement as it is. Bills of materials
    /// in CycloneDX JSON and SPDX 2 JSON are; XML and SPDX 3 are referred to.
    #[must_use]
    pub fn document_predicate_type(&self) -> Option<&'static str> {
        match self.format {
            Format::CyclonedxJson => Some("https://cyclonedx.org/bom"),
            Format::Spdx2Json => Some("https://spdx.dev/Document"),
            _ => None,
        }
    }

    /// The predicate for a report of any kind: a reference to the original, which the caller has stored at
    /// `download_location`. What is redacted before it is stored has another digest: parse what is stored.
    #[must_use]
    pub fn reference(&self, name: &str, download_location: &str) -> ReportReference {
        ReportReference {
            attester: Attester { id: VERIFIER_ID.to_owned() },
            references: vec![reference_to(self.format, &self.digest, name, download_location)],
        }
    }
}

/// Points at a report in this format.
pub(crate) fn reference_to(format: Format, digest: &Digest, name: &str, download_location: &str) -> Reference {
    Reference {
        name: name.to_owned(),
        download_location: download_location.to_owned(),
        digest: BTreeMap::from([("sha256".to_owned(), digest.hex())]),
        media_type: format.media_type().to_owned(),
        annotations: None,
    }
}
