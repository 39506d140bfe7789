//! Taking out of a payload what was stored with it.

use std::collections::BTreeMap;

use pathops_core::evidence::{Redaction, Reference, Subject, Treatment};
use pathops_core::{OpContext, Result, UnixMillis};

use crate::redact::{Redacted, Redactor, Removed};
use crate::report::{RedactedReport, parse_redacted};
use crate::{EvidenceRecord, Sealer};

/// Takes secrets out of a payload that was stored with them, because the rules of that day did not find them: stores what is left
/// beside it, and states that, about the payload as it was. `None` where these rules find nothing either; then nothing is stored.
///
/// `stored` is how evidence refers to the payload, and `bytes` what was read of it, whole, from wherever it lies. The payload itself
/// stays until it is let go: [`Disposal::erase`](super::Disposal::erase) does that to one that was sealed. Doing it again gives the
/// same evidence, as long as rules, authority and time are the same.
///
/// # Errors
/// `Invalid` where the reference has no digest; what the signer, the blob store or the ledger answers.
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
    let digest = sealer.blobs().put(cx, bytes).await?;
    let redaction = Redaction {
        authority: authority.into(),
        treatment: Treatment { ruleset: *redactor.digest(), removed, cut: None },
        replacement: Reference {
            name: stored.name.clone(),
            download_location: sealer.blobs().location(&digest),
            digest: BTreeMap::from([("sha256".to_owned(), digest.hex())]),
            media_type: stored.media_type.clone(),
            annotations: stored.annotations.clone(),
        },
        redacted_on: now,
    };
    let subject = Subject { digest: stored.digest.clone(), ..Subject::named(stored.name.clone()) };
    sealer.seal(cx, format!("{} redaction", stored.name), vec![subject], &redaction).await.map(Some)
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
