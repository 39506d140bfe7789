//! Taking reports in.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{ByteStream, Clock as _};
use pathops_core::evidence::{Keeping, Subject, TestAnnotations};
use pathops_core::{ErrorKind, OpContext, UnixMillis};
use pathops_evidence::redact::Redactor;
use pathops_evidence::report::{BEGINNING, Format, MAX_BYTES, begins_a_log, made_at, recognise};
use pathops_evidence::{Ingested, Origin, Sealer, ingest as take_report, ingest_log};
use pathops_examples::Failure;
use pathops_examples::store::Open;
use serde_json::json;

use crate::arguments::Ingest;
use crate::find::caught_up;

/// The name of a log that this command begins.
pub(crate) const ORIGIN: &str = "localhost/evidence";

/// All files are read and recognised one after the other, and each is told when it was taken in; the first that is refused ends it, and
/// what was taken in before stays.
pub(crate) async fn ingest(cx: &OpContext, arguments: Ingest) -> Result<(), Failure> {
    let redactor = Arc::new(Redactor::new([])?);
    let store = arguments.place.clone().store()?;
    let open = store.open(cx, ORIGIN).await?;
    let sealed = open.sealed()?;
    let Open { signer, blobs, ledger, .. } = open;
    let (index, trust) = (Arc::new(store.index_to_fill(cx).await?), store.trust(cx).await?);
    let mut until = caught_up(cx, &store, &index).await?;
    let sealer = Sealer::new(signer, blobs).with_ledger(ledger).with_index(index.clone());
    let sealer = if arguments.erasable { sealer.with_erasable(sealed) } else { sealer };
    for file in &arguments.files {
        let refused = |error: Failure| format!("{}: {error}", file.display());
        let taken = take(cx, &sealer, &redactor, file, &arguments).await.map_err(refused)?;
        sealer.index(cx, &*index, &trust, &taken.records).await?;
        if let Some(until) = &mut until {
            let before = *until;
            taken.records.iter().for_each(|record| *until += u64::from(record.leaf == Some(*until)));
            if *until > before {
                store.indexed_until(&index, *until).await?;
            }
        }
        let mut out = io::stdout().lock();
        let told = told(file, &taken, arguments.json)?;
        io::Write::write_all(&mut out, told.as_bytes()).and_then(|()| io::Write::flush(&mut out))?;
    }
    Ok(())
}

/// A log is taken in as it comes, whatever its size; another report has to be in memory to be understood.
async fn take(
    cx: &OpContext,
    sealer: &Sealer,
    redactor: &Arc<Redactor>,
    file: &Path,
    arguments: &Ingest,
) -> Result<Ingested, Failure> {
    if fs::metadata(file)?.is_dir() {
        return Err("it is a folder: name the files in it".into());
    }
    let (format, mut origin) = (arguments.format, origin(arguments, file)?);
    let (mut rest, mut beginning) = (File::open(file)?, Vec::new());
    rest.by_ref().take(BEGINNING as u64).read_to_end(&mut beginning)?;
    let is_log = format.map_or_else(|| begins_a_log(&beginning), |format| format == Format::PodLog);
    let whole = io::Cursor::new(beginning).chain(rest);
    if is_log {
        return Ok(ingest_log(cx, sealer, redactor, Box::new(Pieces(whole)), &origin).await?);
    }
    let mut bytes = Vec::new();
    // One more than the limit shows that it is too large.
    whole.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if let (None, Some(format)) = (arguments.at, format.or_else(|| recognise(&bytes).ok())) {
        // What is not yet was not so.
        let said = made_at(format, &bytes).filter(|said| *said <= SystemClock.now());
        origin.at = said.unwrap_or(origin.at);
    }
    Ok(take_report(cx, sealer, redactor, &bytes, format, &origin).await?)
}

/// What is read, piece by piece.
#[derive(Debug)]
struct Pieces<R>(R);

#[async_trait]
impl<R: Read + fmt::Debug + Send> ByteStream for Pieces<R> {
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

/// What the reports are about; none where that is each itself.
fn subjects(arguments: &Ingest) -> Result<Vec<Subject>, Failure> {
    let mut subject = Subject::named(arguments.app.as_ref().map_or_else(|| "subject".to_owned(), ToString::to_string));
    for digest in &arguments.subject {
        if let Some(other) = subject.digest.insert(digest.algorithm.clone(), digest.value.clone()) {
            return Err(format!("one subject has one {}: `{other}` and `{}` are two", digest.algorithm, digest.value).into());
        }
    }
    Ok(if subject.digest.is_empty() { Vec::new() } else { vec![subject] })
}

fn origin(arguments: &Ingest, file: &Path) -> Result<Origin, Failure> {
    Ok(Origin {
        name: file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
        subjects: subjects(arguments)?,
        attester: arguments.attester.clone(),
        at: arguments.at.map_or_else(|| written(file), Ok)?,
        suite: arguments.suite.clone(),
        annotations: TestAnnotations {
            change_set: arguments.change_set.clone(),
            unit: arguments.app.clone(),
            environment: arguments.environment.clone(),
            pipeline_changed: !arguments.pipeline_unchanged,
            ..TestAnnotations::default()
        },
        keeping: Keeping::ForEver("this program knows no retention policy".to_owned()),
    })
}

/// When a file was last written.
fn written(file: &Path) -> Result<UnixMillis, Failure> {
    let since = fs::metadata(file)?.modified()?.duration_since(UNIX_EPOCH)?;
    Ok(UnixMillis(i64::try_from(since.as_millis())?))
}

fn told(file: &Path, taken: &Ingested, json: bool) -> Result<String, Failure> {
    let mut told = String::new();
    let Ingested { format, payload, redaction, replaced, records } = taken;
    if json {
        let line = json!({
            "file": file.display().to_string(), "format": format.id(), "payload": payload, "redaction": redaction,
            "replaced": replaced, "records": records,
        });
        return Ok(format!("{line}\n"));
    }
    let removed: u32 = redaction.removed.values().sum();
    writeln!(told, "{}: {format}, {removed} secrets taken out, stored as {payload}", file.display())?;
    if *replaced > 0 {
        writeln!(told, "  what is not UTF-8 was replaced in {replaced} places")?;
    }
    for record in records {
        let leaf = record.leaf.map_or_else(|| "no leaf".to_owned(), |leaf| format!("leaf {leaf}"));
        writeln!(told, "  {leaf:<8} {}  {}", record.id.0.hex(), record.predicate_type)?;
    }
    Ok(told)
}
