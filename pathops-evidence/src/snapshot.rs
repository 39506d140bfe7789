//! Snapshots: everything that is known of one deploy, failure or recovery, and what is not.

use std::collections::BTreeMap;

use pathops_core::Digest;
use pathops_core::adapter::Collected;
use pathops_core::evidence::{Absence, Attester, Reference, ReferenceAnnotations, Retention, Snapshot, SnapshotExtent};

use crate::{ENVELOPE_MEDIA_TYPE, EvidenceRecord};

/// The URI that names PathOps as the one who collects and decides.
pub const VERIFIER_ID: &str = "https://pathops.dev/pathops";

/// A snapshot that is being put together. Each expected part ends up in it: as a reference, or as an absence with the
/// reason. There is no way to leave one out silently.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    references: Vec<Reference>,
    absent: Vec<Absence>,
}

impl Collection {
    /// Nothing collected yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a piece of evidence.
    pub fn evidence(&mut self, record: &EvidenceRecord) {
        self.payload(&record.name, &record.envelope, &record.location, ENVELOPE_MEDIA_TYPE);
    }

    /// Adds a stored payload.
    pub fn payload(&mut self, name: &str, digest: &Digest, location: &str, media_type: &str) {
        self.refer(name, digest, location, media_type, None);
    }

    /// Adds a stored payload, and signs in how long it is kept.
    pub fn payload_for(&mut self, name: &str, digest: &Digest, location: &str, media_type: &str, retention: Retention) {
        self.refer(name, digest, location, media_type, Some(ReferenceAnnotations { retention: Some(retention) }));
    }

    fn refer(
        &mut self,
        name: &str,
        digest: &Digest,
        location: &str,
        media_type: &str,
        annotations: Option<ReferenceAnnotations>,
    ) {
        self.references.push(Reference {
            name: name.to_owned(),
            download_location: location.to_owned(),
            digest: BTreeMap::from([("sha256".to_owned(), digest.hex())]),
            media_type: media_type.to_owned(),
            annotations,
        });
    }

    /// Records that a part is missing.
    pub fn absent(&mut self, name: &str, reason: impl Into<String>) {
        self.absent.push(Absence { name: name.to_owned(), reason: reason.into() });
    }

    /// Takes what a source collected: what is present is returned to be stored and added, what is absent is recorded.
    pub fn take<T>(&mut self, name: &str, collected: pathops_core::Result<Collected<T>>) -> Option<T> {
        match collected {
            Ok(Collected::Present(it)) => return Some(it),
            Ok(Collected::Absent(reason)) => self.absent(name, reason),
            Err(error) => self.absent(name, error.to_string()),
        }
        None
    }

    /// The predicate of the snapshot. `extent.absent` is filled in here.
    #[must_use]
    pub fn finish(self, mut extent: SnapshotExtent) -> Snapshot {
        extent.absent = self.absent;
        Snapshot { attester: Attester { id: VERIFIER_ID.to_owned() }, references: self.references, extent }
    }
}
