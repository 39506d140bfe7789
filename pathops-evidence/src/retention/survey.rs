//! What a log refers to, and what it says is gone.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::adapter::Bucket;
use pathops_core::evidence::{
    Checkpoint, Envelope, EvidenceId, Predicate as _, Retention, RetentionPolicy, Statement, Tombstone, TombstoneReason,
    TrustRoot, VerifiedEvidence,
};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result, UnixMillis};
use serde_json::Value;

use crate::ledger;
use crate::ledger::audit::{Audit, Found};
use crate::referred::each_digest;

/// That evidence refers to a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Referred {
    /// How long the payload is kept; `None` is for ever.
    retention: Option<Retention>,
    /// Whether somebody who is trusted has signed it. The word of all others holds things and lets nothing go.
    is_trusted: bool,
}

impl Referred {
    /// By what the payload may go once its time is over. Holds are in its retention, whoever has signed it.
    fn lets_go(&self) -> Option<&Retention> {
        self.retention.as_ref().filter(|_| self.is_trusted)
    }

    fn is_over(&self, at: UnixMillis) -> bool {
        self.lets_go().is_some_and(|retention| retention.retain_until <= at)
    }
}

/// The tombstones of a log.
#[derive(Debug, Default)]
pub(crate) struct Tombstones(BTreeMap<Digest, Vec<(EvidenceId, Tombstone)>>);

impl Tombstones {
    /// Takes up a tombstone, where that is what the evidence is. `None` where it is something else. Only PathOps may
    /// state one: the key of a producer, who is trusted for what it makes, buries nothing.
    ///
    /// # Errors
    /// Why it does not count.
    pub(crate) fn take(&mut self, evidence: &VerifiedEvidence, trust: &TrustRoot) -> Option<std::result::Result<(), String>> {
        (evidence.statement().predicate_type == Tombstone::TYPE).then(|| {
            if let Some(producer) = trust.producers(evidence.signer()).first() {
                return Err(format!("the producer `{producer}` may not say that payloads are gone"));
            }
            self.bury(evidence)
        })
    }

    fn bury(&mut self, evidence: &VerifiedEvidence) -> std::result::Result<(), String> {
        let statement = evidence.statement();
        let tombstone = serde_json::from_value::<Tombstone>(statement.predicate.clone()).map_err(|error| error.to_string())?;
        for subject in &statement.subject {
            let digest = subject.digest.get("sha256").and_then(|hex| Digest::from_hex(hex).ok());
            let digest = digest.ok_or_else(|| format!("`{}` has no SHA-256", subject.name))?;
            self.0.entry(digest).or_default().push((evidence.id(), tombstone.clone()));
        }
        Ok(())
    }

    /// The tombstone that lets a payload be gone to which evidence refers with this `retention`, whichever of the two came first: a
    /// change set refers to the same log again in each of its snapshots, also after that has gone.
    ///
    /// * One of an erasure is over every reference. What it names is a ciphertext: nothing is erased that has no key. That key was
    ///   destroyed, and nothing gives the digest a meaning again: keys are random, so that no other payload comes to it; the operation
    ///   that has stored the payload finds no key when it is repeated, and stores another ciphertext; and whoever takes in the
    ///   ciphertext itself, as a payload in the clear, has taken in bytes that nobody can read.
    /// * One of an expiry is over a reference whose own signed time was over by then, and over no other. The digest may be that of a
    ///   payload in the clear, which is the same one when it is taken in again after it was purged: then it is signed with a later
    ///   time, or with none, and has to be there. What is signed with a time that was over before promises nothing that the
    ///   tombstone breaks.
    ///
    /// Only PathOps states tombstones ([`Tombstones::take`]), so that nobody else can bury beforehand what will be referred to. Whoever
    /// makes references and no tombstones gains nothing by this either: what they let go of by a time is their own.
    pub(crate) fn over(&self, digest: &Digest, retention: Option<&Retention>) -> Option<(EvidenceId, &Tombstone)> {
        let expired = |at: UnixMillis| retention.is_some_and(|retention| retention.retain_until <= at);
        let covers = |it: &Tombstone| it.reason == TombstoneReason::Erased || expired(it.gone_on);
        let (id, tombstone) = self.0.get(digest)?.iter().find(|(_, tombstone)| covers(tombstone))?;
        Some((*id, tombstone))
    }
}

/// What becomes of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Something needs it, or a hold is on it.
    Kept,
    /// Its time is over.
    Expired,
    /// Nothing refers to it, or a tombstone is over it.
    Free,
}

/// What a log refers to.
#[derive(Debug, Default)]
pub(super) struct Survey {
    referred: BTreeMap<Digest, Vec<Referred>>,
    /// What is referred to by what will be in the log, and is not yet.
    coming: BTreeSet<Digest>,
    tombstones: Tombstones,
}

impl Survey {
    /// Goes through the whole log, what was appended behind its checkpoint, and `numbered`: snapshots that will be in it. Those are
    /// to be read before the checkpoint, so that what is published in between is found in the log.
    ///
    /// # Errors
    /// `Corrupt` where a part of it is damaged: what that refers to is not known. What the bucket answers.
    pub(super) async fn of(
        cx: &OpContext,
        bucket: &dyn Bucket,
        checkpoint: Option<Checkpoint>,
        numbered: Vec<Envelope>,
        trust: &TrustRoot,
    ) -> Result<Self> {
        let mut survey = Self::default();
        let mut numbered: BTreeMap<Digest, Envelope> =
            numbered.into_iter().map(|it| Ok((named(&it)?, it))).collect::<Result<_>>()?;
        let mut size = 0;
        if let Some(checkpoint) = checkpoint {
            size = checkpoint.size;
            let mut audit = Audit::new(bucket, checkpoint);
            loop {
                match audit.next(cx).await? {
                    Found::End => break,
                    Found::Item { index, item, .. } => survey.take(index, &item.envelope, &mut numbered, trust)?,
                    Found::Spoilt { part, why } => {
                        let error = Error::new(ErrorKind::Corrupt, SURVEY).on(part).because(why);
                        return Err(error.advise("restore it from a backup; until then nothing is let go"));
                    }
                }
            }
        }
        while let Some(items) = ledger::batch_at(cx, bucket, size).await? {
            for item in items {
                survey.take(size, item.envelope(), &mut numbered, trust)?;
                size += 1;
            }
        }
        for (digest, envelope) in numbered {
            survey.coming.insert(digest);
            each_digest(&stated(&envelope)?, &mut |digest, _| {
                survey.coming.insert(digest);
            });
        }
        Ok(survey)
    }

    fn take(
        &mut self,
        leaf: u64,
        envelope: &Envelope,
        numbered: &mut BTreeMap<Digest, Envelope>,
        trust: &TrustRoot,
    ) -> Result<()> {
        let digest = named(envelope)?;
        numbered.remove(&digest);
        self.refer(digest, Referred { retention: None, is_trusted: false });
        let Ok(evidence) = trust.verify(envelope) else {
            // A key that was rotated, or one with a certificate: whose word does not count keeps and holds, and lets nothing go.
            each_digest(&stated(envelope)?, &mut |digest, retention| {
                self.refer(digest, Referred { retention, is_trusted: false });
            });
            return Ok(());
        };
        match self.tombstones.take(&evidence, trust) {
            Some(Ok(())) => {}
            Some(Err(why)) => tracing::warn!(leaf, %why, "a tombstone does not count"),
            None => each_digest(&said(evidence.statement()), &mut |digest, retention| {
                self.refer(digest, Referred { retention, is_trusted: true });
            }),
        }
        Ok(())
    }

    fn refer(&mut self, digest: Digest, reference: Referred) {
        let referred = self.referred.entry(digest).or_default();
        if !referred.contains(&reference) {
            referred.push(reference);
        }
    }

    /// The references to a payload that no tombstone is over.
    fn open(&self, digest: &Digest) -> impl Iterator<Item = &Referred> {
        let referred = self.referred.get(digest).map_or([].as_slice(), Vec::as_slice);
        referred.iter().filter(|it| self.tombstones.over(digest, it.lets_go()).is_none())
    }

    /// What becomes of a payload at this instant.
    pub(super) fn standing(&self, digest: &Digest, policy: &RetentionPolicy, at: UnixMillis) -> Standing {
        let mut open = self.open(digest).peekable();
        if self.is_coming(digest) || self.hold(digest, policy).is_some() {
            Standing::Kept
        } else if open.peek().is_none() {
            Standing::Free
        } else if open.all(|it| it.is_over(at)) {
            Standing::Expired
        } else {
            Standing::Kept
        }
    }

    /// Whether something refers to a payload that will be in the log: what holds it signs is known from then on.
    pub(super) fn is_coming(&self, digest: &Digest) -> bool {
        self.coming.contains(digest)
    }

    /// The hold on a payload, whichever reference it came with.
    pub(super) fn hold<'r>(&'r self, digest: &Digest, policy: &'r RetentionPolicy) -> Option<&'r str> {
        let referred = self.referred.get(digest).into_iter().flatten().filter_map(|it| it.retention.as_ref());
        referred.into_iter().find_map(|retention| policy.held(digest, retention)).or_else(|| policy.hold_on(digest, None))
    }

    /// The tombstone that says of a payload that it was erased, whatever refers to it since.
    pub(super) fn erased(&self, digest: &Digest) -> Option<EvidenceId> {
        let mut tombstones = self.tombstones.0.get(digest)?.iter();
        tombstones.find(|(_, tombstone)| tombstone.reason == TombstoneReason::Erased).map(|(id, _)| *id)
    }
}

const SURVEY: &str = "find out what the log refers to";

/// The blob that an envelope is.
fn named(envelope: &Envelope) -> Result<Digest> {
    Ok(Digest::of(&envelope.to_vec().map_err(|error| Error::new(ErrorKind::Corrupt, SURVEY).because(error))?))
}

/// What an envelope says, whoever has signed it.
fn stated(envelope: &Envelope) -> Result<Value> {
    let payload = envelope.payload().map_err(|error| Error::new(ErrorKind::Corrupt, SURVEY).because(error))?;
    Ok(serde_json::from_slice(&payload).unwrap_or_default())
}

/// Everything that a statement says that may be a digest.
fn said(statement: &Statement) -> Value {
    let subjects = statement.subject.iter().flat_map(|subject| subject.digest.values().cloned().map(Value::String)).collect();
    Value::Array(vec![Value::Array(subjects), statement.predicate.clone()])
}
