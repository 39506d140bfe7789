//! Snapshots: everything that is known of one deploy, failure or recovery, and what is not.

use std::collections::BTreeMap;

use pathops_core::evidence::{
    Absence, AbsenceKind, Attester, EvidenceId, Keeping, Occasion, PayloadKind, Place, Reference, ReferenceAnnotations,
    Retention, SNAPSHOT_FORMAT, Snapshot, SnapshotExtent, StreamId, Treatment, Window,
};
use pathops_core::{ChangeSetId, Digest, UnixMillis};

use crate::retention::StoredPayload;
use crate::{ENVELOPE_MEDIA_TYPE, EvidenceRecord};

/// The URI that names PathOps as the one who collects and decides.
pub const VERIFIER_ID: &str = "https://pathops.dev/pathops";

/// A snapshot that is being put together, from the parts that are expected of it.
///
/// Each expected part ends up in it exactly once: as a reference, or as an absence with the reason. One of which nobody has
/// said anything at the end is absent, and that is the reason; there is no way to leave one out.
#[derive(Clone, Debug)]
pub struct Collection {
    expected: BTreeMap<String, Option<Found>>,
    besides: BTreeMap<String, Reference>,
    treated: BTreeMap<String, Treatment>,
    keeping: Option<Keeping>,
}

#[derive(Clone, Debug)]
enum Found {
    There(Reference),
    Absent(AbsenceKind, String),
}

impl Collection {
    /// Nothing collected yet of what is expected.
    #[must_use]
    pub fn of(expected: impl IntoIterator<Item = String>) -> Self {
        let expected = expected.into_iter().map(|name| (name, None)).collect();
        Self { expected, besides: BTreeMap::new(), treated: BTreeMap::new(), keeping: None }
    }

    /// The same, with how long each payload is kept that is added from now on: its reference says so. A statement is never let go,
    /// and says nothing.
    #[must_use]
    pub fn kept(self, keeping: Keeping) -> Self {
        Self { keeping: Some(keeping), ..self }
    }

    /// Whether this part is expected and nothing is known of it yet.
    #[must_use]
    pub fn is_open(&self, name: &str) -> bool {
        matches!(self.expected.get(name), Some(None))
    }

    /// The expected parts of which nothing is known yet.
    #[must_use]
    pub fn open(&self) -> Vec<String> {
        self.expected.iter().filter(|(_, found)| found.is_none()).map(|(name, _)| name.clone()).collect()
    }

    /// Adds a piece of evidence, as the part of its name.
    pub fn evidence(&mut self, record: &EvidenceRecord) {
        self.payload(&record.name, &record.envelope, &record.location, ENVELOPE_MEDIA_TYPE, None);
    }

    /// Adds a payload, and signs in how it is stored. One that nobody expected, or of which there is one already, stands beside what
    /// was expected, under a name of its own; the same bytes under the same name are there once.
    pub fn stored(&mut self, name: &str, payload: &StoredPayload, media_type: &str, treated: Option<Treatment>) {
        let annotations = payload.annotate(self.kept_for(name, media_type).unwrap_or_default());
        let annotations = Some(annotations).filter(|it| *it != ReferenceAnnotations::default());
        self.refer(name, &payload.digest, &payload.location, media_type, treated, annotations);
    }

    /// As [`Collection::stored`], of what lies somewhere: nothing is signed in of how it is stored, so that it counts as encrypted only
    /// where it looks so and has a key, and a lost key is not missed.
    pub fn payload(&mut self, name: &str, digest: &Digest, location: &str, media_type: &str, treated: Option<Treatment>) {
        let annotations = self.kept_for(name, media_type);
        self.refer(name, digest, location, media_type, treated, annotations);
    }

    /// As [`Collection::payload`], and signs in how long it is kept.
    pub fn payload_for(
        &mut self,
        name: &str,
        digest: &Digest,
        location: &str,
        media_type: &str,
        treated: Option<Treatment>,
        retention: Retention,
    ) {
        let annotations = ReferenceAnnotations { retention: Some(retention), ..ReferenceAnnotations::default() };
        self.refer(name, digest, location, media_type, treated, Some(annotations));
    }

    fn kept_for(&self, name: &str, media_type: &str) -> Option<ReferenceAnnotations> {
        let keeping = self.keeping.as_ref().filter(|_| media_type != ENVELOPE_MEDIA_TYPE)?;
        Some(keeping.of(PayloadKind::of_part(name)))
    }

    fn refer(
        &mut self,
        name: &str,
        digest: &Digest,
        location: &str,
        media_type: &str,
        treated: Option<Treatment>,
        annotations: Option<ReferenceAnnotations>,
    ) {
        let digest = BTreeMap::from([("sha256".to_owned(), digest.hex())]);
        let Some(own) = self.own_name(name, &digest) else { return };
        let (name, download_location, media_type) = (own.clone(), location.to_owned(), media_type.to_owned());
        let reference = Reference { name, download_location, digest, media_type, annotations };
        if let Some(treated) = treated {
            self.treated.insert(own.clone(), treated);
        }
        match self.expected.get_mut(&own) {
            Some(open) => *open = Some(Found::There(reference)),
            None => drop(self.besides.insert(own, reference)),
        }
    }

    /// The name under which a payload stands; none where it is there already.
    fn own_name(&self, name: &str, digest: &BTreeMap<String, String>) -> Option<String> {
        let names = std::iter::once(name.to_owned()).chain((2_u64..).map(|number| format!("{name} ({number})")));
        for own in names {
            match (self.expected.get(&own), self.besides.get(&own)) {
                (Some(None), _) | (None, None) => return Some(own),
                (Some(Some(Found::There(it))), _) | (None, Some(it)) if it.digest == *digest => return None,
                _ => {}
            }
        }
        None
    }

    /// Records that an expected part is missing. What is there already is not, and what nobody expected cannot be.
    pub fn absent(&mut self, name: &str, kind: AbsenceKind, reason: impl Into<String>) {
        if let Some(open @ None) = self.expected.get_mut(name) {
            let reason = Some(reason.into()).filter(|reason| !reason.trim().is_empty());
            *open = Some(Found::Absent(kind, reason.unwrap_or_else(|| "no reason was given".to_owned())));
        }
    }

    /// Everything is collected. What is still open is absent.
    #[must_use]
    pub fn finish(self, about: SnapshotOf) -> Unplaced {
        Unplaced { about, collection: self }
    }
}

/// What a snapshot was collected for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotOf {
    /// The stream that it goes into.
    pub stream: StreamId,
    /// The change set.
    pub change_set: ChangeSetId,
    /// Why it was collected.
    pub occasion: Occasion,
    /// What was looked at.
    pub window: Window,
    /// When it was collected.
    pub collected_on: UnixMillis,
}

/// A snapshot that is whole and has no place in its stream yet: [`Streams`](crate::Streams) gives it one.
#[derive(Clone, Debug)]
pub struct Unplaced {
    about: SnapshotOf,
    collection: Collection,
}

/// A place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its number, from 0.
    pub sequence: u64,
    /// The snapshot before it; none before number 0.
    pub previous: Option<EvidenceId>,
}

impl Unplaced {
    /// The stream that it goes into.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.about.stream
    }

    /// The predicate of the snapshot at this place.
    #[must_use]
    pub fn at(&self, position: Position, interruptions: u32) -> Snapshot {
        let Self { about, collection: Collection { expected, besides, treated, .. } } = self;
        let (mut references, mut absent) = (Vec::new(), Vec::new());
        for (name, found) in expected {
            let (kind, reason) = match found {
                Some(Found::There(reference)) => {
                    references.push(reference.clone());
                    continue;
                }
                Some(Found::Absent(kind, reason)) => (*kind, reason.clone()),
                None => (AbsenceKind::NotConfigured, "nothing was collected of it".to_owned()),
            };
            absent.push(Absence { name: name.clone(), kind: Some(kind), reason });
        }
        references.extend(besides.values().cloned());
        let place = Place {
            format: SNAPSHOT_FORMAT,
            stream: about.stream.clone(),
            sequence: position.sequence,
            previous: position.previous,
            expected: expected.keys().cloned().collect(),
            besides: besides.keys().cloned().collect(),
            window: about.window,
            interruptions,
            treated: treated.clone(),
        };
        let extent = SnapshotExtent {
            change_set: about.change_set.clone(),
            unit: about.stream.unit.clone(),
            environment: about.stream.environment.clone(),
            occasion: about.occasion,
            absent,
            collected_on: about.collected_on,
            place: Some(place),
        };
        Snapshot { attester: Attester { id: VERIFIER_ID.to_owned() }, references, extent }
    }
}
