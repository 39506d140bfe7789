//! Taking in a log as it comes, of any size.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pathops_core::adapter::ByteStream;
use pathops_core::{Error, ErrorKind, OpContext, Result};

use super::{Ingested, Origin, TakenOut};
use crate::Sealer;
use crate::redact::{Redactor, Removed, Stream};
use crate::report::Format;

/// Takes in what a process printed, as [`ingest`](super::ingest) does with [`Format::PodLog`], and with the same evidence, but a
/// piece after the other: neither the log nor what is stored of it is ever in memory, however large it is. What is held back is a
/// line at most ([`Stream`]).
///
/// # Errors
/// `Invalid` where there is nothing in it, or it is not UTF-8: then nothing is stored; where a subject has no digest, or the
/// attester is PathOps itself; what the stream, the signer, the blob store and the ledger answer.
pub async fn ingest_log(
    cx: &OpContext,
    sealer: &Sealer,
    redactor: &Arc<Redactor>,
    log: Box<dyn ByteStream>,
    origin: &Origin,
) -> Result<Ingested> {
    origin.check()?;
    let removed = Arc::new(Mutex::new(Removed::new()));
    let stream = Stream::new(redactor.clone());
    let redacting =
        Redacting { log, stream: Some(stream), text: Text::default(), removed: removed.clone(), name: origin.name.clone() };
    let payload = sealer.store(cx, Box::new(redacting)).await?;
    let origin = origin.about(&payload);
    let removed = std::mem::take(&mut *removed.lock().unwrap_or_else(PoisonError::into_inner));
    let redaction = TakenOut::by(redactor, removed);
    let reference = origin.reference(sealer, Format::PodLog, &payload, &redaction);
    let record = sealer.seal(cx, format!("{} report", origin.name), origin.subjects.clone(), &reference).await?;
    Ok(Ingested { format: Format::PodLog, payload, redaction, records: vec![record] })
}

/// A log without its secrets.
struct Redacting {
    log: Box<dyn ByteStream>,
    /// Until the log has ended.
    stream: Option<Stream<Arc<Redactor>>>,
    text: Text,
    /// What was taken out, once it has ended.
    removed: Arc<Mutex<Removed>>,
    name: String,
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
        let mut out = Vec::new();
        while let Some(stream) = self.stream.as_mut().filter(|_| out.is_empty()) {
            if let Some(chunk) = self.log.next().await? {
                stream.push(&chunk, &mut out);
            } else if let Some(stream) = self.stream.take() {
                *self.removed.lock().unwrap_or_else(PoisonError::into_inner) = stream.finish(&mut out);
            }
        }
        self.text.check(&out).map_err(|why| {
            let error = Error::new(ErrorKind::Invalid, "take a log in").on(&self.name).because(why);
            error.advise("look whether this is the log, and whether the process printed anything")
        })?;
        Ok(Some(out).filter(|out| !out.is_empty()))
    }
}

/// Whether pieces are a text that says something.
#[derive(Default)]
struct Text {
    /// The beginning of a character whose end is in the next piece.
    begun: Vec<u8>,
    any: bool,
}

impl Text {
    /// Takes the next piece; an empty one is the end.
    fn check(&mut self, piece: &[u8]) -> Result<(), &'static str> {
        self.any |= !piece.trim_ascii().is_empty();
        let text = [std::mem::take(&mut self.begun).as_slice(), piece].concat();
        match std::str::from_utf8(&text) {
            Err(error) if error.error_len().is_some() || piece.is_empty() => Err("it is not UTF-8"),
            Err(error) => {
                self.begun = text.get(error.valid_up_to()..).unwrap_or_default().to_vec();
                Ok(())
            }
            Ok(_) if piece.is_empty() && !self.any => Err("there is nothing in it"),
            Ok(_) => Ok(()),
        }
    }
}
