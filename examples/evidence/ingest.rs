//! Taking reports in.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use pathops_core::adapter::ByteStream;
use pathops_core::evidence::{Keeping, Subject, TestAnnotations};
use pathops_core::{Digest, ErrorKind, OpContext, UnixMillis};
use pathops_evidence::redact::Redactor;
use pathops_evidence::report::{Format, MAX_BYTES};
use pathops_evidence::{Ingested, Origin, Sealer, ingest as take_report, ingest_log};
use pathops_examples::Failure;
use pathops_examples::store::Open;
use serde_json::json;

use crate::arguments::Ingest;
use crate::erase::sealed;

/// The name of a log that this command begins.
pub(crate) const ORIGIN: &str = "localhost/evidence";

/// All files are read and recognised one after the other; the first that is refused ends it, and what was taken in before stays.
pub(crate) async fn ingest(cx: &OpContext, arguments: Ingest) -> Result<String, Failure> {
    let redactor = Arc::new(Redactor::new([])?);
    let store = arguments.place.clone().store()?;
    let Open { signer, blobs, ledger, bucket, .. } = store.open(cx, ORIGIN).await?;
    let sealer = Sealer::new(signer, blobs.clone()).with_ledger(ledger);
    let sealer = if arguments.erasable { sealer.with_erasable(sealed(&blobs, &bucket)?) } else { sealer };
    let (index, trust) = (store.index_to_fill(cx).await?, store.trust(cx).await?);
    let mut told = String::new();
    for file in &arguments.files {
        let refused = |error: Failure| format!("{told}{}: {error}", file.display());
        let taken = take(cx, &sealer, &redactor, file, &arguments).await.map_err(refused)?;
        sealer.index(cx, &index, &trust, &taken.records).await?;
        tell(&mut told, file, &taken, arguments.json)?;
    }
    Ok(told)
}

/// A log with a subject is taken in as it comes, whatever its size; a report has to be in memory to be understood, and so has what is its
/// own subject.
async fn take(
    cx: &OpContext,
    sealer: &Sealer,
    redactor: &Arc<Redactor>,
    file: &Path,
    arguments: &Ingest,
) -> Result<Ingested, Failure> {
    let format = arguments.format;
    if format == Some(Format::PodLog) && !arguments.subject.is_empty() {
        let log = Box::new(Pieces(File::open(file)?));
        return Ok(ingest_log(cx, sealer, redactor, log, &origin(arguments, file, subject(arguments)?)?).await?);
    }
    let mut bytes = Vec::new();
    // One more than the limit shows that it is too large.
    File::open(file)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let mut subject = subject(arguments)?;
    if subject.digest.is_empty() {
        // Not of what the file says: a digest of a secret would let it be guessed.
        let stored = Digest::of(&redactor.redact(&bytes).bytes);
        subject.digest.insert("sha256".to_owned(), stored.hex());
    }
    Ok(take_report(cx, sealer, redactor, &bytes, format, &origin(arguments, file, subject)?).await?)
}

/// A file, piece by piece.
#[derive(Debug)]
struct Pieces(File);

#[async_trait]
impl ByteStream for Pieces {
    async fn next(&mut self) -> pathops_core::Result<Option<Vec<u8>>> {
        let mut piece = vec![0; 1 << 16];
        let read = self
            .0
            .read(&mut piece)
            .map_err(|error| pathops_core::Error::new(ErrorKind::Unavailable, "read a log").because(&error).with_source(error))?;
        piece.truncate(read);
        Ok((read > 0).then_some(piece))
    }
}

fn subject(arguments: &Ingest) -> Result<Subject, Failure> {
    let mut subject = Subject::named(arguments.app.as_ref().map_or_else(|| "subject".to_owned(), ToString::to_string));
    for digest in &arguments.subject {
        if let Some(other) = subject.digest.insert(digest.algorithm.clone(), digest.value.clone()) {
            return Err(format!("one subject has one {}: `{other}` and `{}` are two", digest.algorithm, digest.value).into());
        }
    }
    Ok(subject)
}

fn origin(arguments: &Ingest, file: &Path, subject: Subject) -> Result<Origin, Failure> {
    Ok(Origin {
        name: file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
        subjects: vec![subject],
        attester: arguments.attester.clone(),
        at: arguments.at.map_or_else(|| written(file), Ok)?,
        suite: arguments.suite.clone(),
        annotations: TestAnnotations {
            change_set: arguments.change_set.clone(),
            unit: arguments.app.clone(),
            pipeline_changed: !arguments.pipeline_unchanged,
            ..TestAnnotations::default()
        },
        keeping: Keeping::ForEver("this program knows no retention policy".to_owned()),
    })
}

/// When a file was last written.
fn written(file: &Path) -> Result<UnixMillis, Failure> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let written = fs::metadata(file).and_then(|it| it.modified()).map_err(|error| failed(&error))?;
    let since = written.duration_since(UNIX_EPOCH).map_err(|error| failed(&error))?;
    Ok(UnixMillis(i64::try_from(since.as_millis())?))
}

fn tell(told: &mut String, file: &Path, taken: &Ingested, json: bool) -> Result<(), Failure> {
    let Ingested { format, payload, redaction, records } = taken;
    if json {
        let line = json!({
            "file": file.display().to_string(), "format": format.id(), "payload": payload, "redaction": redaction, "records": records,
        });
        writeln!(told, "{line}")?;
        return Ok(());
    }
    let removed: u32 = redaction.removed.values().sum();
    writeln!(told, "{}: {format}, {removed} secrets taken out, stored as {payload}", file.display())?;
    for record in records {
        let leaf = record.leaf.map_or_else(|| "no leaf".to_owned(), |leaf| format!("leaf {leaf}"));
        writeln!(told, "  {leaf:<8} {}  {}", record.id.0.hex(), record.predicate_type)?;
    }
    Ok(())
}
