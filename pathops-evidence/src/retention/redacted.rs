//! Taking out of a payload what was stored with it.

use std::collections::BTreeMap;

use pathops_core::evidence::{Redaction, Reference, Subject, Treatment};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result, UnixMillis};

use super::sealed::begins_sealed;
use super::store::StoredPayload;
use crate::redact::{Redacted, Redactor, Removed};
use crate::report::{RedactedReport, parse_redacted};
use crate::{EvidenceRecord, Sealer};

/// Takes secrets out of a payload that was stored with them, because the rules of that day did not find them: stores what is left
/// beside it, and states that, about the payload as it was. `None` where these rules find nothing either; then nothing is stored.
///
/// `stored` is how evidence refers to the payload, and `bytes` what was read of it, whole, from wherever it lies. The payload itself
/// stays until it is let go: [`Disposal::erase`](super::Disposal::erase) does that to one that was sealed. What is left of such a one
/// is stored sealed as well, with a key of its own ([`Sealer::with_erasable`]). It is another payload, with another digest: erasing the
/// one does not erase the other, so whoever has to let go of all of it erases both. Doing it again in the same operation gives the same
/// evidence, as long as rules, authority and time are the same.
///
/// # Errors
/// `Invalid` where the reference has no digest, or the payload was sealed and the sealer has no place for keys; what the signer, the
/// blob store, the keys or the ledger answer.
pub async fn redact_stored(
    cx: &OpContext,
    sealer: &Sealer,
    redactor: &Redactor,
    stored: &Reference,
    bytes: &[u8],
    authority: impl Into<String>,
    now: UnixMillis,
) -> Result<Option<EvidenceRecord>> {
    let Redacted { bytes, removed } = redacted(redactor, &stored.media_type, bytes);
    if removed.is_empty() {
        return Ok(None);
    }
    let left = left(cx, sealer, stored, bytes).await?;
    let redaction = Redaction {
        authority: authority.into(),
        treatment: Treatment { ruleset: *redactor.digest(), removed, cut: None },
        replacement: Reference {
            name: stored.name.clone(),
            digest: BTreeMap::from([("sha256".to_owned(), left.digest.hex())]),
            annotations: Some(left.annotate(stored.annotations.clone().unwrap_or_default())),
            download_location: left.location,
            media_type: stored.media_type.clone(),
        },
        redacted_on: now,
    };
    let subject = Subject { digest: stored.digest.clone(), ..Subject::named(stored.name.clone()) };
    sealer.seal(cx, format!("{} redaction", stored.name), vec![subject], &redaction).await.map(Some)
}

/// Stores what is left of a payload, as that was stored.
async fn left(cx: &OpContext, sealer: &Sealer, stored: &Reference, bytes: Vec<u8>) -> Result<StoredPayload> {
    if !was_sealed(cx, sealer, stored).await? {
        return Ok(sealer.stored(sealer.blobs().put(cx, bytes).await?, false));
    }
    let no_keys = || {
        let why = "it was stored encrypted, and there is no place for the key of what is left of it";
        let refused = Error::new(ErrorKind::Invalid, "redact a stored payload").on(&stored.name).because(why);
        refused.advise("give the sealer a store of sealed payloads")
    };
    let digest = sealer.erasable().ok_or_else(no_keys)?.put(cx, bytes).await?;
    Ok(sealer.stored(digest, true))
}

/// As the reference says; of one of earlier versions, as the payload looks, or because there is a key for it.
async fn was_sealed(cx: &OpContext, sealer: &Sealer, stored: &Reference) -> Result<bool> {
    if let Some(sealed) = stored.annotations.as_ref().and_then(|annotations| annotations.sealed) {
        return Ok(sealed);
    }
    let digest = stored.digest.get("sha256").and_then(|hex| Digest::from_hex(hex).ok());
    let Some(digest) = digest else { return Ok(false) };
    if begins_sealed(cx, &**sealer.blobs(), &digest).await? {
        return Ok(true);
    }
    match sealer.erasable() {
        Some(sealed) => sealed.has_key(cx, &digest).await,
        None => Ok(false),
    }
}

/// A report says what it said, where it can; a JSON document stays one.
fn redacted(redactor: &Redactor, media_type: &str, bytes: &[u8]) -> Redacted {
    if let Ok(RedactedReport { bytes, removed, .. }) = parse_redacted(redactor, bytes, None) {
        return Redacted { bytes, removed };
    }
    match serde_json::from_slice(bytes) {
        Ok(mut value) if media_type == "application/json" => {
            let mut removed = Removed::new();
            redactor.redact_json(&mut value, &mut removed);
            Redacted { bytes: value.to_string().into_bytes(), removed }
        }
        _ => redactor.redact(bytes),
    }
}
