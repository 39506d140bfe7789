//! I5: every decision that was acted on is on record with what it was made of, and comes out the same again.

use std::collections::BTreeSet;

use pathops_coordinator::change_set::Outcome;
use pathops_core::Digest;
use pathops_core::adapter::BlobStore as _;
use pathops_core::evidence::{Envelope, Statement, VerificationSummary};
use pathops_core::policy::{DecisionRecord, Languages, replay};

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Truth, cx, wait};

#[derive(Default)]
pub(super) struct Replays {
    seen: BTreeSet<Digest>,
}

impl Invariant for Replays {
    fn name(&self) -> &'static str {
        "i5 decisions replay"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        let Step::Settled { outcome, .. } = step else { return Ok(()) };
        let decided = match outcome {
            Outcome::Granted(passed) | Outcome::Merged { decided: Some(passed), .. } => &passed.decided,
            Outcome::Refused(decided) => decided,
            _ => return Ok(()),
        };
        if !self.seen.insert(decided.record.envelope) {
            return Ok(());
        }
        let read = |digest: &Digest| {
            let bytes = wait(truth.blobs.get(&cx(), digest)).map_err(|error| error.to_string())?;
            bytes.ok_or_else(|| format!("a part of a decision is gone: {digest}"))
        };
        let payload = Envelope::from_slice(&read(&decided.record.envelope)?).and_then(|it| it.payload());
        let payload = payload.map_err(|error| error.to_string())?;
        let statement: Statement = serde_json::from_slice(&payload).map_err(|error| error.to_string())?;
        let summary: VerificationSummary = serde_json::from_value(statement.predicate).map_err(|error| error.to_string())?;
        let reference = summary.record.ok_or("a decision without its record")?;
        let digest = reference.digest.get("sha256").and_then(|hex| Digest::from_hex(hex).ok());
        let record: DecisionRecord =
            serde_json::from_slice(&read(&digest.ok_or("a record without a digest")?)?).map_err(|error| error.to_string())?;
        let again = replay(&record, &Languages::default()).map_err(|error| error.to_string())?;
        holds!(again == decided.decision, "the decision about {} is another one on record", again.unit);
        Ok(())
    }
}
