//! Taking in a log as it comes, of any size.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pathops_core::adapter::ByteStream;
use pathops_core::{Error, ErrorKind, OpContext, Result};

use super::encoding::{Encoding, Nuls, WRITE_UTF8};
use super::said::logged;
use super::{Ingested, Origin, taken_out};
use crate::redact::{Redactor, Removed, Stream};
use crate::report::{Format, LogTally};
use crate::{Draft, Sealer};

/// Takes in what a process printed, as [`ingest`](super::ingest) does with [`Format::PodLog`], and with the same evidence, but a
/// piece after the other: neither the log nor what is stored of it is ever in memory, however large it is. What is held back is a
/// line at most ([`Stream`]). What is not UTF-8, or UTF-16 with its byte order mark, is replaced by U+FFFD, and counted
/// ([`Ingested::replaced`]).
///
/// # Errors
/// `Invalid` where there is nothing in it, or it is full of NUL bytes: no blob is stored then. That it is full of them is told as soon as
/// 64 KiB are, so that a store which keeps pieces of a blob before all of it is there has kept none of a log that begins so. `Invalid` also
/// where a subject has no digest, or the attester is PathOps itself; what the stream, the signer, the blob store and the ledger answer.
pub async fn ingest_log(
    cx: &OpContext,
    sealer: &Sealer,
    redactor: &Arc<Redactor>,
    log: Box<dyn ByteStream>,
    origin: &Origin,
) -> Result<Ingested> {
    let origin = &origin.without_secrets(redactor);
    origin.check()?;
    let told = Arc::new(Mutex::new(Told::default()));
    let stream = Stream::new(redactor.clone());
    let redacting = Redacting {
        log,
        encoding: Encoding::default(),
        nuls: Nuls::default(),
        stream: Some(stream),
        text: Text::default(),
        told: told.clone(),
        name: origin.name.clone(),
    };
    let stored = sealer.store(cx, Box::new(redacting)).await?;
    let origin = origin.about(&stored, Format::PodLog);
    let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    let Told { removed, replaced, tally } = told;
    let redaction = taken_out(redactor, removed);
    let reference = origin.reference(Format::PodLog, &stored, &redaction, replaced);
    let mut drafts = vec![Draft::new(format!("{} report", origin.name), origin.subjects.clone(), &reference)?];
    drafts.extend(logged(&tally.finish(), &origin)?);
    let records = sealer.seal_all(cx, drafts).await?;
    Ok(Ingested { format: Format::PodLog, payload: stored.digest, redaction, replaced, records })
}

/// A log without its secrets.
struct Redacting {
    log: Box<dyn ByteStream>,
    encoding: Encoding,
    nuls: Nuls,
    /// Until the log has ended.
    stream: Option<Stream<Arc<Redactor>>>,
    text: Text,
    told: Arc<Mutex<Told>>,
    name: String,
}

/// What is known of a log so far.
#[derive(Default)]
struct Told {
    /// What was taken out, and how often something was replaced; once it has ended.
    removed: Removed,
    replaced: u64,
    tally: LogTally,
}

/// What it reads may be a secret.
impl fmt::Debug for Redacting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redacting").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl ByteStream for Redacting {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let (mut out, mut ended) = (Vec::new(), None);
        while let Some(stream) = self.stream.as_mut().filter(|_| out.is_empty()) {
            let mut redacted = Vec::new();
            if let Some(chunk) = self.log.next().await? {
                let chunk = self.encoding.push(&chunk);
                self.nuls.count(&chunk);
                check(&self.name, self.nuls, false)?;
                stream.push(&chunk, &mut redacted);
                self.text.push(&redacted, &mut out);
            } else if let Some(mut stream) = self.stream.take() {
                check(&self.name, self.nuls, true)?;
                stream.push(&self.encoding.finish(), &mut redacted);
                ended = Some(stream.finish(&mut redacted));
                self.text.push(&redacted, &mut out);
                self.text.finish(&mut out);
            }
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.tally.push(&out);
        if let Some(removed) = ended {
            (told.removed, told.replaced) = (removed, self.text.replaced + self.encoding.replaced);
        }
        drop(told);
        if out.is_empty() && !self.text.any {
            let error = Error::new(ErrorKind::Invalid, "take a log in").on(&self.name).because("there is nothing in it");
            return Err(error.advise("look whether this is the log, and whether the process printed anything"));
        }
        Ok(Some(out).filter(|out| !out.is_empty()))
    }
}

/// That a log is not full of NUL bytes.
fn check(name: &str, nuls: Nuls, has_ended: bool) -> Result<()> {
    nuls.refusal(has_ended).map_or(Ok(()), |why| {
        let error = Error::new(ErrorKind::Invalid, "take a log in").on(name).because(why);
        Err(error.advise(WRITE_UTF8))
    })
}

/// Makes UTF-8 of a text that comes in pieces.
#[derive(Default)]
struct Text {
    /// The beginning of a character whose end is in the next piece.
    begun: Vec<u8>,
    /// Whether it says anything.
    any: bool,
    replaced: u64,
}

impl Text {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.any |= !piece.trim_ascii().is_empty();
        let text = [std::mem::take(&mut self.begun).as_slice(), piece].concat();
        let mut chunks = text.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            out.extend_from_slice(chunk.valid().as_bytes());
            self.begun = chunk.invalid().to_vec();
            if chunks.peek().is_some() || !is_begun(chunk.invalid()) {
                self.finish(out);
            }
        }
    }

    /// What is held back has no end.
    fn finish(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.begun).is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
            self.replaced += 1;
        }
    }
}

/// Whether more bytes could make a character of these.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// All of a text as UTF-8, and how often something was replaced.
pub(super) fn as_text(bytes: &[u8]) -> (Vec<u8>, u64) {
    let (mut text, mut out) = (Text::default(), Vec::new());
    text.push(bytes, &mut out);
    text.finish(&mut out);
    (out, text.replaced)
}
