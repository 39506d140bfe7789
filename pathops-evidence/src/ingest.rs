//! Taking in what a tool has reported: recognised, redacted, stored, and stated.

mod encoding;
mod log;
mod said;

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use pathops_core::adapter::{EvidenceIndex, IndexedEvidence};
use pathops_core::evidence::{
    Attester, Keeping, PartOf, PayloadKind, Reference, ReferenceAnnotations, ReportFacts, Subject, TakenReport, TestAnnotations,
    TrustRoot,
};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result, UnixMillis};

use crate::redact::{Redacted, Redactor, Removed};
use crate::report::{
    BEGINNING, Format, MAX_BYTES, ParseError, RedactedReport, Report, begins_a_log, parse_given, parse_redacted, reference_to,
};
use crate::retention::StoredPayload;
use crate::{Draft, EvidenceRecord, Sealer};

pub use log::ingest_log;
pub use pathops_core::evidence::TakenOut;

use encoding::{Encoding, Nuls, WRITE_UTF8};
use said::said;

/// What a report is about, and who hands it in.
#[derive(Clone, Debug)]
pub struct Origin {
    /// What it is, for people: `orders scan`.
    pub name: String,
    /// What it is about: an artifact, a commit. Where there is none, each report is about itself, as it is stored.
    pub subjects: Vec<Subject>,
    /// Who hands it in: a URI, which is not one of PathOps' own.
    pub attester: String,
    /// When what it reports was so: the time of the event, not of taking it in.
    pub at: UnixMillis,
    /// Of tests and checks: which suite. Of a measurement: what was measured.
    pub suite: String,
    /// Which change set, unit and environment it belongs to: all that is stated of it can be found by them. Of tests, also how they
    /// were run.
    pub annotations: TestAnnotations,
    /// How long what is stored of it is kept.
    pub keeping: Keeping,
}

/// A report that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// The format that it is in.
    pub format: Format,
    /// The blob with what was stored of it: of the ciphertext, where that is encrypted.
    pub payload: Digest,
    /// What was taken out before.
    pub redaction: TakenOut,
    /// In how many places of a log there was something that is not UTF-8, and U+FFFD was put there.
    pub replaced: u64,
    /// What was stated: a reference to what was stored, first; and what it says where PathOps has a type for it.
    pub records: Vec<EvidenceRecord>,
}

/// Takes a report in: recognises it by its content, unless `format` says what it is, takes the secrets out of it, stores what is left by
/// its digest, and states what it is and what it says. No secret is stored or hashed. Without its secrets a report says what it said
/// ([`parse_redacted`](crate::report::parse_redacted)), or is refused. Secrets are taken out of the name, the suite, the attester and the
/// subjects' names, too. What begins with the byte order mark of UTF-16 is turned into UTF-8 before.
///
/// Stated are a reference to what was stored, with what was taken out of it, whatever the report is; beside it what it says to
/// policy. Tests, probes, checks of other systems and what tools of progressive delivery have verified are a test result of the suite of the
/// origin. So are deployments, events of
/// a cluster and traces, in which nothing has passed, and what failed has failed; traces are a runtime trace with their ids as well. A scan is what was found. A bill of materials is
/// the document itself, in CycloneDX JSON or SPDX 2 JSON of at most 1 MiB, otherwise how much it lists
/// ([`SbomSummary`](pathops_core::evidence::SbomSummary)), and vulnerabilities that it names are what was found; that it names none says
/// nothing. Measurements are a signal of the name of the suite, and coverage is the
/// signals `coverage.lines` and `coverage.branches`, from 0 to 1, where the annotations name unit and environment. There, too, a log is
/// the signal `log.errors`, how many of its lines are of an error or something worse, and resources are `images.unpinned`, how many
/// images they ask for by a tag. All of it can be found by the change set, the unit and the environment that the annotations name.
///
/// Taking the same in again gives the same evidence, unless it is stored encrypted ([`Sealer::with_erasable`]). Envelopes are for `ControlPlane::take_evidence` by
/// [`Sealer::envelope`], and for an index by [`Sealer::index`].
///
/// # Errors
/// `Invalid` where the report is larger than [`MAX_BYTES`], is not recognised, could be in several formats, is not whole, contradicts
/// itself, or would not say the same without its secrets, and where a log is full of NUL bytes: then nothing is stored; where a subject
/// has no digest, or the attester is PathOps itself; what signer, blob store and ledger answer.
pub async fn ingest(
    cx: &OpContext,
    sealer: &Sealer,
    redactor: &Redactor,
    original: &[u8],
    format: Option<Format>,
    origin: &Origin,
) -> Result<Ingested> {
    let origin = &origin.without_secrets(redactor);
    origin.check()?;
    if original.len() > MAX_BYTES {
        // Before it is redacted, which would hold it in memory a second time.
        const REMEDY: &str = "split it, or have the tool leave out what is not needed; a log of any size is taken in as it comes";
        let why = format!("it has {} bytes, and {MAX_BYTES} are the limit", original.len());
        return Err(origin.refuse(&why).advise(REMEDY));
    }
    let Taken { report, bytes, removed, replaced } = take(redactor, original, format, origin)?;
    let stored = sealer.store(cx, bytes.clone().into()).await?;
    let origin = &origin.about(&stored, report.format);
    // Of what is stored encrypted, the digest is another one than that of what was read.
    let report = Report { digest: stored.digest, ..report };
    let said = said(&report, &bytes, origin)?;
    let redaction = taken_out(redactor, removed);
    let reference = origin.reference(report.format, &stored, &redaction, replaced);
    let mut drafts = vec![Draft::new(format!("{} report", origin.name), origin.subjects.clone(), &reference)?];
    drafts.extend(said);
    let records = sealer.seal_all(cx, drafts).await?;
    Ok(Ingested { format: report.format, payload: stored.digest, redaction, replaced, records })
}

/// A report without its secrets, and how often something in it was replaced.
struct Taken {
    report: Report,
    bytes: Vec<u8>,
    removed: Removed,
    replaced: u64,
}

fn take(redactor: &Redactor, original: &[u8], format: Option<Format>, origin: &Origin) -> Result<Taken> {
    let mut encoding = Encoding::default();
    let mut text = encoding.push(original);
    text.extend(encoding.finish());
    let refuse = |error: ParseError| origin.refuse(&redactor.redact_text(&error.to_string()));
    let readable = || {
        let mut nuls = Nuls::default();
        nuls.count(&text);
        nuls.refusal(true).map_or(Ok(()), |why| Err(origin.refuse(&why).advise(WRITE_UTF8)))
    };
    if is_log(&text, format) {
        readable()?;
        let Redacted { bytes, removed } = redactor.redact(&text);
        let (bytes, replaced) = log::as_text(&bytes);
        let report = parse_given(&bytes, format).map_err(refuse)?;
        return Ok(Taken { report, bytes, removed, replaced: replaced + encoding.replaced });
    }
    if encoding.replaced > 0 {
        return Err(origin.refuse(&"it is not whole UTF-16").advise("have the tool write it again, in UTF-8"));
    }
    let RedactedReport { report, bytes, removed } = parse_redacted(redactor, &text, format).map_err(refuse)?;
    if report.format == Format::PodLog {
        readable()?;
    }
    Ok(Taken { report, bytes, removed, replaced: 0 })
}

impl Origin {
    /// The same, as it may be stated.
    fn without_secrets(&self, redactor: &Redactor) -> Self {
        let without = |text: &str| redactor.redact_text(text);
        let subject = |subject: &Subject| Subject { name: without(&subject.name), ..subject.clone() };
        let keeping = match &self.keeping {
            Keeping::ForEver(why) => Keeping::ForEver(without(why)),
            by @ Keeping::By(..) => by.clone(),
        };
        Self {
            name: without(&self.name),
            subjects: self.subjects.iter().map(subject).collect(),
            attester: without(&self.attester),
            at: self.at,
            suite: without(&self.suite),
            annotations: self.annotations.clone(),
            keeping,
        }
    }

    fn refuse(&self, why: &dyn std::fmt::Display) -> Error {
        Error::new(ErrorKind::Invalid, "take a report in").on(&self.name).because(why)
    }

    fn check(&self) -> Result<()> {
        if self.attester.starts_with("https://pathops.dev/") {
            let error = self.refuse(&"PathOps itself hands nothing in");
            return Err(error.advise("name the tool, or who runs it, as the attester"));
        }
        if self.subjects.iter().any(|subject| subject.digest.is_empty()) {
            return Err(self.refuse(&"it is about nothing with a digest").advise("name a subject with a digest"));
        }
        Ok(())
    }

    /// The same, about something, and with what each reference says of what was stored: how, and how long it is kept.
    fn about(&self, stored: &StoredPayload, format: Format) -> Self {
        let mut about = self.clone();
        if about.subjects.is_empty() {
            about.subjects.push(Subject::named(&self.name).with_sha256(&stored.digest));
        }
        about.annotations.report = stored.annotate(self.kept(format));
        about
    }

    /// What all that it says belongs to.
    fn part_of(&self) -> PartOf {
        let TestAnnotations { change_set, unit, environment, .. } = self.annotations.clone();
        PartOf { change_set, unit, environment }
    }

    /// What a statement is about whose type has no field for all that it belongs to: the subjects say it.
    fn subjects_of(&self) -> Vec<Subject> {
        let part_of = self.part_of();
        self.subjects.iter().map(|subject| subject.clone().with_part_of(&part_of)).collect()
    }

    /// How long what is stored of a report is kept.
    fn kept(&self, format: Format) -> ReferenceAnnotations {
        self.keeping.of(Some(match format {
            Format::PodLog => PayloadKind::Logs,
            Format::KubernetesEvents => PayloadKind::Events,
            Format::PrometheusQuery => PayloadKind::Metrics,
            _ => PayloadKind::Reports,
        }))
    }

    /// A reference to what was stored of it.
    fn reference(&self, format: Format, stored: &StoredPayload, redaction: &TakenOut, replaced: u64) -> TakenReport {
        TakenReport {
            attester: Attester { id: self.attester.clone() },
            references: vec![Reference {
                annotations: Some(self.annotations.report.clone()),
                ..reference_to(format, &stored.digest, &self.name, &stored.location)
            }],
            redaction: redaction.clone(),
            report: ReportFacts {
                format: format.to_string(),
                finished_on: self.at,
                replaced: NonZeroU64::new(replaced),
                part_of: self.part_of(),
            },
        }
    }
}

fn taken_out(redactor: &Redactor, removed: Removed) -> TakenOut {
    TakenOut { ruleset: BTreeMap::from([("sha256".to_owned(), redactor.digest().hex())]), removed }
}

/// Whether it is taken for a log. One byte in it that is no text is not worth the whole of it; in another report it is a damage.
fn is_log(bytes: &[u8], format: Option<Format>) -> bool {
    let begins_one = || begins_a_log(bytes.get(..BEGINNING).unwrap_or(bytes));
    let has_other_bytes = || std::str::from_utf8(bytes).is_err();
    format.map_or_else(|| has_other_bytes() && begins_one(), |format| format == Format::PodLog)
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
