//! Taking in what a tool has reported: recognised, redacted, stored, and stated.

mod log;

use std::collections::BTreeMap;

use pathops_core::adapter::{EvidenceIndex, IndexedEvidence};
use pathops_core::evidence::{Attester, Predicate, Reference, Subject, TestAnnotations, TrustRoot};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result, UnixMillis};
use serde::Serialize;
use serde_json::Value;

use crate::redact::{Redactor, Removed};
use crate::report::{Content, Format, MAX_BYTES, ParseError, Report, parse, parse_as, reference_to};
use crate::{EvidenceRecord, Sealer};

pub use log::ingest_log;

/// The largest document that is stated as a whole, in bytes; a larger one is referred to.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// What a report is about, and who hands it in.
#[derive(Clone, Debug)]
pub struct Origin {
    /// What it is, for people: `orders scan`.
    pub name: String,
    /// What it is about: an artifact, a commit.
    pub subjects: Vec<Subject>,
    /// Who hands it in: a URI, which is not one of PathOps' own.
    pub attester: String,
    /// When what it reports was so: the time of the event, not of taking it in.
    pub at: UnixMillis,
    /// Of tests: which suite.
    pub suite: String,
    /// Of tests: where and how they were run.
    pub annotations: TestAnnotations,
}

/// A report that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// The format that it is in.
    pub format: Format,
    /// The blob with what was stored of it.
    pub payload: Digest,
    /// What was taken out before.
    pub redaction: TakenOut,
    /// What was stated: a reference to what was stored, first; and what it says where PathOps has a type for it.
    pub records: Vec<EvidenceRecord>,
}

/// What was taken out of something before it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenOut {
    /// The rules, forms and options that were used ([`Redactor::digest`]).
    pub ruleset: BTreeMap<String, String>,
    /// How often, by rule.
    pub removed: Removed,
}

/// A reference to a report, in-toto `reference/v0.1`, with what was taken out of it.
#[derive(Clone, Debug, Serialize)]
struct ReportTaken {
    attester: Attester,
    references: Vec<Reference>,
    #[serde(rename = "https://pathops.dev/redaction")]
    redaction: TakenOut,
    #[serde(rename = "https://pathops.dev/report")]
    report: ReportFacts,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportFacts {
    format: String,
    finished_on: String,
}

impl Predicate for ReportTaken {
    const TYPE: &'static str = "https://in-toto.io/attestation/reference/v0.1";
}

macro_rules! document {
    ($name:ident, $uri:literal) => {
        #[derive(Serialize)]
        #[serde(transparent)]
        struct $name(Value);
        impl Predicate for $name {
            const TYPE: &'static str = $uri;
        }
    };
}
document!(CycloneDx, "https://cyclonedx.org/bom");
document!(Spdx, "https://spdx.dev/Document");

/// Takes a report in: takes the secrets out of it, recognises what is left by its content, unless `format` says what it is,
/// stores that by its digest, and states what it is and what it says. In this order, so that no secret is stored or hashed.
///
/// Stated are a reference to what was stored, with what was taken out of it, whatever the report is; beside it a test result, a
/// scan, or a bill of materials in CycloneDX JSON or SPDX 2 JSON of at most 1 MiB. Everything else is for whoever reads what
/// was stored.
///
/// Taking the same in again gives the same evidence. Envelopes are for `ControlPlane::take_evidence` by
/// [`Sealer::envelope`], and for an index by [`Sealer::index`].
///
/// # Errors
/// `Invalid` where the report is larger than [`MAX_BYTES`], is not recognised, could be in several formats, is not whole, or
/// contradicts itself: then nothing is stored; where no subject has a digest, or the attester is PathOps itself; what signer, blob
/// store and ledger answer.
pub async fn ingest(
    cx: &OpContext,
    sealer: &Sealer,
    redactor: &Redactor,
    original: &[u8],
    format: Option<Format>,
    origin: &Origin,
) -> Result<Ingested> {
    origin.check()?;
    if original.len() > MAX_BYTES {
        // Before it is redacted, which would hold it in memory a second time.
        const REMEDY: &str = "split it, or have the tool leave out what is not needed; a log of any size is taken in as it comes";
        let why = format!("it has {} bytes, and {MAX_BYTES} are the limit", original.len());
        return Err(origin.refuse(&why).advise(REMEDY));
    }
    let redacted = redactor.redact(original);
    let report = read(&redacted.bytes, format).map_err(|error| origin.refuse(&redactor.redact_text(&error.to_string())))?;
    let document = Document::of(&report, &redacted.bytes);
    let payload = sealer.blobs().put(cx, redacted.bytes).await?;
    let redaction = TakenOut::by(redactor, redacted.removed);
    let reference = origin.reference(sealer, report.format, &payload, &redaction);
    let subjects = || origin.subjects.clone();
    let mut records = vec![sealer.seal(cx, format!("{} report", origin.name), subjects(), &reference).await?];
    let name = origin.name.clone();
    match (&report.content, document) {
        (Content::Tests(tests), _) => {
            let result = tests.to_predicate(&report, &origin.suite, origin.annotations.clone(), origin.at);
            records.push(sealer.seal(cx, name, subjects(), &result).await?);
        }
        (Content::Scan(scan), _) => {
            let found = scan.to_predicate_at(&format!("urn:pathops:report:{}", report.format), origin.at);
            records.push(sealer.seal(cx, name, subjects(), &found).await?);
        }
        (_, Some(Document::CycloneDx(document))) => {
            records.push(sealer.seal(cx, name, subjects(), &CycloneDx(document)).await?);
        }
        (_, Some(Document::Spdx(document))) => records.push(sealer.seal(cx, name, subjects(), &Spdx(document)).await?),
        _ => {}
    }
    Ok(Ingested { format: report.format, payload, redaction, records })
}

impl Origin {
    fn refuse(&self, why: &dyn std::fmt::Display) -> Error {
        Error::new(ErrorKind::Invalid, "take a report in").on(&self.name).because(why)
    }

    fn check(&self) -> Result<()> {
        if self.attester.starts_with("https://pathops.dev/") {
            let error = self.refuse(&"PathOps itself hands nothing in");
            return Err(error.advise("name the tool, or who runs it, as the attester"));
        }
        if self.subjects.is_empty() || self.subjects.iter().any(|subject| subject.digest.is_empty()) {
            return Err(self.refuse(&"it is about nothing with a digest").advise("name a subject with a digest"));
        }
        Ok(())
    }

    /// A reference to what was stored of it.
    fn reference(&self, sealer: &Sealer, format: Format, payload: &Digest, redaction: &TakenOut) -> ReportTaken {
        ReportTaken {
            attester: Attester { id: self.attester.clone() },
            references: vec![reference_to(format, payload, &self.name, &sealer.blobs().location(payload))],
            redaction: redaction.clone(),
            report: ReportFacts { format: format.to_string(), finished_on: self.at.to_string() },
        }
    }
}

impl TakenOut {
    fn by(redactor: &Redactor, removed: Removed) -> Self {
        Self { ruleset: BTreeMap::from([("sha256".to_owned(), redactor.digest().hex())]), removed }
    }
}

fn read(bytes: &[u8], format: Option<Format>) -> Result<Report, ParseError> {
    match format {
        None => parse(bytes),
        Some(format) => parse_as(format, bytes),
    }
}

/// A report that is a predicate by itself.
enum Document {
    CycloneDx(Value),
    Spdx(Value),
}

impl Document {
    fn of(report: &Report, bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return None;
        }
        let value = || serde_json::from_slice(bytes).ok();
        match report.format {
            Format::CyclonedxJson => value().map(Document::CycloneDx),
            Format::Spdx2Json => value().map(Document::Spdx),
            _ => None,
        }
    }
}

impl Sealer {
    /// Adds what was sealed to an index, verified as whoever looks for it would, with its place in the ledger.
    ///
    /// # Errors
    /// `Denied` where the key is not one of `trust`; as [`Sealer::envelope`]; what the index answers.
    pub async fn index(
        &self,
        cx: &OpContext,
        index: &dyn EvidenceIndex,
        trust: &TrustRoot,
        records: &[EvidenceRecord],
    ) -> Result<()> {
        let mut entries = Vec::new();
        for record in records {
            let envelope = self.envelope(cx, record).await?;
            let denied = |why| Error::new(ErrorKind::Denied, "index evidence").on(&record.name).because(&why).with_source(why);
            let entry = IndexedEvidence::new(&trust.verify(&envelope).map_err(denied)?, record.envelope);
            entries.push(record.leaf.map_or_else(|| entry.clone(), |leaf| entry.clone().with_leaf(leaf)));
        }
        index.add_all(cx, &entries).await
    }
}
