//! Evidence of others: taking it in, finding it again for a decision, and waiting for what may still come.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use pathops_core::adapter::{IndexedEvidence, SubjectDigest};
use pathops_core::evidence::{Envelope, EnvelopeError, EvidenceId, Logged, TrustRoot, VerifiedEvidence};
use pathops_core::policy::{Ask, Decision, EvidenceFact, Known, Missing, Policy, RequirementResult, Stage, Verdict};
use pathops_core::{Digest, Error, ErrorKind, IdempotencyKey, OpContext, RepoId, Result, Retry};
use pathops_evidence::EvidenceRecord;
use pathops_evidence::ledger::{Item, Ledger};
use pathops_evidence::redact::Redactor;
use serde_json::Value;

use crate::activity::{Services, at_once};
use crate::change_set::Combination;
use crate::control_plane::ControlPlane;
use crate::retry::with_retry;

const TAKE: &str = "take evidence of others";

impl ControlPlane {
    /// Takes evidence that somebody else has signed: a scanner's report, a bill of materials, a measurement, a comparison of a
    /// contract, a verdict. From then on every decision about what it is about looks at it: a pull request that waits for it
    /// goes on, and one that it speaks against goes no further.
    ///
    /// With `logged`, it counts as evidence in the ledger. The host answers for the checkpoint: that it is one of the log that
    /// it trusts. A proof may come later, with the same envelope again.
    ///
    /// It is appended to the host's own ledger, where there is one, as what PathOps seals is: whoever verifies that sees it, and
    /// needs the producers' keys for it, by their names ([`TrustRoot::with_producer`]). That alone makes it no evidence "in the
    /// ledger" for a policy, which asks for what the producer has logged.
    ///
    /// Taking the same envelope again changes nothing and gives the same name; where it ended half way before, it completes it,
    /// and may append it a second time. When this returns, envelope, leaf and entry survive a crash.
    ///
    /// Which producers a requirement takes a word from is for the policy to say (`from`). What PathOps states itself, of what it
    /// has seen run and what it has decided, is taken from nobody ([`Statement::reserved`]).
    ///
    /// [`Statement::reserved`]: pathops_core::evidence::Statement::reserved
    /// [`TrustRoot::with_producer`]: pathops_core::evidence::TrustRoot::with_producer
    ///
    /// # Errors
    /// `Unsupported` where the host has given no [`Builder::evidence`](crate::Builder::evidence). `Denied` where no trusted key
    /// signed it as it is, and for what PathOps states itself. `Invalid` for what is no statement in canonical form, does not
    /// hold what its type says, or holds a secret (an envelope is signed and cannot be redacted), and where `logged` does not
    /// show it. Nothing is stored then. What the blob store, the ledger and the index answer.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use pathops_coordinator::ControlPlane;
    /// use pathops_core::Digest;
    /// use pathops_core::evidence::{Envelope, Statement, Subject, PAYLOAD_TYPE, pre_authentication_encoding};
    /// use pathops_core::memory::{MemoryEvidenceIndex, MemorySigner};
    /// # use pathops_core::adapter::{AgentCapabilities, Signer as _};
    /// # use pathops_core::memory::*;
    /// # use pathops_core::{IdempotencyKey, OpContext, Principal, UnixMillis};
    /// # let clock = Arc::new(ManualClock::new(UnixMillis(0)));
    /// # let forge = MemoryForge::new(clock.clone());
    /// # let (scm, blobs) = (forge.scm(Principal::System), Arc::new(MemoryBlobs::new()));
    /// # let agent = MemoryAgent::new("patch".parse()?, |_, _| Ok(String::new()));
    /// # let builder = ControlPlane::builder().name("docs").meta_repo("shop/meta".parse()?).scm(scm.clone())
    /// #     .merge(forge.merger(Principal::System)).ci(Arc::new(MemoryCi::new(scm.clone(), blobs.clone(), clock.clone())))
    /// #     .gitops(Arc::new(MemoryGitOps::new(scm, clock.clone()))).signals(Arc::new(MemorySignals::default())).blobs(blobs)
    /// #     .journal(Arc::new(MemoryJournal::new())).signer(Arc::new(MemorySigner::from_seed(1)?)).agent(Arc::new(agent))
    /// #     .streams(Arc::new(MemoryBucket::new())).notifier(Arc::new(MemoryNotifier::default())).clock(clock).ids(Arc::new(SeededIds::new(1)));
    /// // The host names the scanner's key, and gives a place to find its reports again.
    /// let scanner = MemorySigner::from_seed(2)?;
    /// let plane = builder
    ///     .producer("scanner".parse()?, scanner.public_key())
    ///     .evidence(Arc::new(MemoryEvidenceIndex::new()))
    ///     .build()?;
    ///
    /// // What the scanner has signed.
    /// let report = serde_json::json!({
    ///     "scanner": {"uri": "https://example.org/scanner", "result": []},
    ///     "metadata": {"scanStartedOn": "2026-11-25T08:00:00Z", "scanFinishedOn": "2026-11-25T08:01:00Z"},
    /// });
    /// let image = Subject::named("orders").with_sha256(&Digest::of(b"the image"));
    /// let payload = Statement::new(vec![image], "https://in-toto.io/attestation/vulns/v0.2", &report)?.to_canonical()?;
    /// # let message = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
    /// # let signing = async { scanner.sign(&OpContext::new(IdempotencyKey::new("docs")), &message).await };
    /// # let mut signing = std::pin::pin!(signing);
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let std::task::Poll::Ready(signature) = signing.as_mut().poll(&mut context) else { unreachable!() };
    /// # let signature = signature?;
    /// let envelope = Envelope::new(&payload, &scanner.public_key(), signature);
    ///
    /// # let taking = async {
    /// let id = plane.take_evidence(&envelope, None).await?;
    /// assert_eq!(plane.take_evidence(&envelope, None).await?, id);
    /// # Ok::<_, pathops_core::Error>(()) };
    /// # let mut taking = std::pin::pin!(taking);
    /// # let std::task::Poll::Ready(taken) = taking.as_mut().poll(&mut context) else { unreachable!() };
    /// # taken?;
    /// # Ok(()) }
    /// ```
    pub async fn take_evidence(&self, envelope: &Envelope, logged: Option<&Logged>) -> Result<EvidenceId> {
        let services = self.services();
        let Some(index) = &services.evidence else {
            let error = Error::new(ErrorKind::Unsupported, TAKE).because("this control plane could not find it again");
            return Err(error.advise("give an index to the builder (`Builder::evidence`)"));
        };
        let verified = services.accept(envelope, logged)?;
        let invalid = |why: &dyn std::fmt::Display| refusal(ErrorKind::Invalid, &verified).because(why);
        let bytes = envelope.to_vec().map_err(|error| invalid(&error))?;
        let mut entry = IndexedEvidence::new(&verified, Digest::of(&bytes));
        if let Some(logged) = logged {
            entry = entry
                .with_logged(logged.clone())
                .map_err(|error| invalid(&error).advise("hand it in with what shows this evidence in the log, or without"))?;
        }
        let cx = &OpContext::new(IdempotencyKey::new(format!("control-plane/evidence/{}", entry.envelope())));
        // The blob first: an entry must never name one that is not there.
        with_retry(&*services.clock, || services.blobs.put(cx, bytes.clone())).await?;
        if let Some(ledger) = &services.ledger {
            let known = with_retry(&*services.clock, || index.about(cx, entry.subjects())).await?;
            let is_it = |known: &&IndexedEvidence| known.id() == entry.id() && known.envelope() == entry.envelope();
            let leaf = match known.iter().find(is_it).and_then(IndexedEvidence::leaf) {
                Some(leaf) => Some(leaf),
                None => services.log_envelope(cx, ledger, envelope, &verified).await?,
            };
            entry = leaf.map_or(entry.clone(), |leaf| entry.with_leaf(leaf));
        }
        with_retry(&*services.clock, || index.add(cx, &entry)).await?;
        Ok(verified.id())
    }
}

fn refusal(kind: ErrorKind, verified: &VerifiedEvidence) -> Error {
    Error::new(kind, TAKE).on(verified.id())
}

impl Services {
    /// Whether it may be taken: somebody trusted signed it, and it is theirs to say, can be read, and holds no secret.
    fn accept(&self, envelope: &Envelope, logged: Option<&Logged>) -> Result<VerifiedEvidence> {
        let verified = self.trust.verify(envelope).map_err(|error| self.unverified(&error))?;
        let texts = [envelope.payload().ok(), logged.map(|logged| logged.inclusion.leaf.clone())];
        let texts = texts.iter().flatten().filter_map(|text| serde_json::from_slice(text).ok());
        if let Some(form) = texts.into_iter().find_map(|text: Value| secret_in(&self.redactor, &text)) {
            let why = format!("it holds a secret, by the rule `{form}`, and what is signed cannot be redacted");
            return Err(refusal(ErrorKind::Invalid, &verified).because(why).advise("take the secret out and sign it anew"));
        }
        if let Some(what) = verified.statement().reserved() {
            let why = format!("it is {what}, which PathOps states itself: nobody else speaks for it");
            return Err(refusal(ErrorKind::Denied, &verified).because(why));
        }
        for subject in &verified.statement().subject {
            if !digests(&subject.digest).any(|digest| digest.is_looked_for()) {
                let why = format!("no decision would find it by the digests of its subject `{}`", subject.name);
                let advice = "give a `sha256`, `gitCommit` or `gitTree`, by that name and in lower-case hexadecimal";
                return Err(refusal(ErrorKind::Invalid, &verified).because(self.redactor.redact_text(&why)).advise(advice));
            }
        }
        match EvidenceFact::read(&verified, &self.trust) {
            Ok(Some(_)) => Ok(verified),
            Ok(None) => Err(refusal(ErrorKind::Denied, &verified).because("it is PathOps' own account of evidence")),
            Err(why) => Err(refusal(ErrorKind::Invalid, &verified).because(self.redactor.redact_text(&why))),
        }
    }

    /// Appends what somebody else has signed to the host's ledger.
    async fn log_envelope(
        &self,
        cx: &OpContext,
        ledger: &Ledger,
        envelope: &Envelope,
        verified: &VerifiedEvidence,
    ) -> Result<Option<u64>> {
        let untrusted = || refusal(ErrorKind::Denied, verified).because("its key is not known");
        let key = self.trust.key(verified.signer()).ok_or_else(untrusted)?;
        let item = Item::new(envelope.clone(), key.clone())?;
        let leaves = with_retry(&*self.clock, || Box::pin(ledger.append(cx, vec![item.clone()]))).await?;
        Ok(leaves.first().copied())
    }

    fn unverified(&self, error: &EnvelopeError) -> Error {
        let (kind, advice) = match error {
            EnvelopeError::UntrustedKey(_) => (ErrorKind::Denied, "name the key to the builder (`Builder::producer`)"),
            EnvelopeError::BadSignature(_) => (ErrorKind::Denied, "hand it in as it was signed"),
            _ => (ErrorKind::Invalid, "sign one canonical in-toto statement with one key"),
        };
        Error::new(kind, TAKE).because(self.redactor.redact_text(&error.to_string())).advise(advice)
    }

    /// All that others have stated about any of `subjects`, and whom to trust for it: with what is in the ledger.
    ///
    /// An envelope that is gone is an error and not left out, since it may be what speaks against a change. One that nobody
    /// trusted has signed any more is handed on: a decision refuses for it, and says why.
    pub(crate) async fn outside_evidence(
        &self,
        cx: &OpContext,
        subjects: &BTreeSet<SubjectDigest>,
    ) -> Result<(TrustRoot, Vec<Envelope>)> {
        let (mut trust, mut envelopes) = (self.trust.clone(), Vec::new());
        let Some(index) = &self.evidence else { return Ok((trust, envelopes)) };
        let entries = index.about(cx, subjects).await.map_err(mendable)?;
        let records: Vec<_> = entries.iter().map(|entry| self.record_of(entry)).collect();
        let read = at_once(records.iter().map(|record| self.sealer.envelope(cx, record).boxed())).await;
        let read = read.map_err(|error| mendable(error).advise("restore its blob, or hand the envelope in again"))?;
        for (entry, envelope) in entries.iter().zip(read) {
            if let Ok(verified) = self.trust.verify(&envelope)
                && let Some(what) = verified.statement().reserved()
            {
                tracing::warn!(evidence = %entry.id(), what, "the index holds what only PathOps states; it is left out");
                continue;
            }
            if let Some(Logged { checkpoint, inclusion }) = entry.logged() {
                trust = trust.with_log(checkpoint, std::slice::from_ref(inclusion)).map_err(|error| {
                    let unshown = Error::new(ErrorKind::Corrupt, "read evidence").on(entry.id()).because(error);
                    mendable(unshown).advise("restore the index from a backup")
                })?;
            }
            envelopes.push(envelope);
        }
        Ok((trust, envelopes))
    }

    fn record_of(&self, entry: &IndexedEvidence) -> EvidenceRecord {
        EvidenceRecord {
            id: entry.id(),
            name: entry.id().to_string(),
            predicate_type: entry.predicate_type().to_owned(),
            envelope: entry.envelope(),
            location: self.blobs.location(&entry.envelope()),
            leaf: None,
            certificates: None,
        }
    }

    /// Where each piece of evidence is: one place for what PathOps made, and one for each envelope of what others did.
    pub(crate) async fn locations(
        &self,
        cx: &OpContext,
        meta_repo: &RepoId,
        policy: &Digest,
        combination: &Combination,
        evidence: &[EvidenceFact],
    ) -> Result<BTreeMap<EvidenceId, Vec<String>>> {
        let mut locations = BTreeMap::new();
        let checked = self.policy_checked(cx, meta_repo, policy).await?.map(|checked| checked.evidence);
        for record in combination.evidence.iter().chain(&checked) {
            locations.entry(record.id).or_insert_with(|| vec![record.location.clone()]);
        }
        let of_others = evidence.iter().filter(|fact| !locations.contains_key(&fact.id));
        let subjects: BTreeSet<_> =
            of_others.flat_map(|fact| &fact.subjects).flat_map(|subject| digests(&subject.digest)).collect();
        if let Some(index) = self.evidence.as_ref().filter(|_| !subjects.is_empty()) {
            let made_here: BTreeSet<_> = locations.keys().copied().collect();
            for entry in index.about(cx, &subjects).await?.iter().filter(|entry| !made_here.contains(&entry.id())) {
                locations.entry(entry.id()).or_default().push(self.blobs.location(&entry.envelope()));
            }
        }
        Ok(locations)
    }

    /// How a decision looks to one who may wait for evidence of others.
    pub(crate) fn outlook(&self, policy: &Policy, facts: &Known, decision: &Decision) -> Outlook {
        let unit = &facts.facts().readings.unit;
        let asks =
            |it: &RequirementResult| policy.requirements(unit).find(|(_, rule)| rule.id == it.id).map(|(_, rule)| &rule.asks);
        let may_come = |it: &RequirementResult| it.verdict == Verdict::Unknown && asks(it).is_some_and(is_for_others);
        let waits = self.evidence.is_some() && decision.blocking().any(may_come);
        // What a condition counts may change with what comes.
        let awaited = |it: &RequirementResult| waits && (may_come(it) || matches!(asks(it), Some(Ask::Condition(_))));
        let is_proposable = decision.stage == Stage::First && decision.blocking().all(|it| it.breakable || awaited(it));
        let mut decision = decision.clone();
        for it in decision.requirements.iter_mut().filter(|it| awaited(it)) {
            let nothing = || Missing { what: "evidence of others".to_owned(), from: Vec::new(), by_people: true, count: 1 };
            it.missing.get_or_insert_with(nothing).by_people = true;
        }
        Outlook { is_proposable, can_wait: decision.can_wait(), needs_newer_evidence: decision.needs_newer_evidence() }
    }
}

/// What a decision leads to where evidence of others may come at any time, as people may act at any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    /// As [`Decision::is_proposable`]: a production pull request is where it is waited, since people can close it.
    pub(crate) is_proposable: bool,
    /// As [`Decision::can_wait`].
    pub(crate) can_wait: bool,
    /// As [`Decision::needs_newer_evidence`].
    pub(crate) needs_newer_evidence: bool,
}

/// Whether it asks for evidence that PathOps never makes.
fn is_for_others(asks: &Ask) -> bool {
    matches!(asks, Ask::Findings(_) | Ask::Sbom(_) | Ask::Contracts(_) | Ask::Signal(_) | Ask::Evidence(_))
}

fn digests(digest: &BTreeMap<String, String>) -> impl Iterator<Item = SubjectDigest> + '_ {
    digest.iter().map(|(algorithm, value)| SubjectDigest { algorithm: algorithm.clone(), value: value.clone() })
}

/// What is lost or damaged says nothing about a change: it is waited until somebody has mended it.
pub(crate) fn mendable(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Corrupt => error.with_retry(Retry::Backoff),
        _ => error,
    }
}

/// The form of a secret in a JSON text. Each string is looked at by itself and beside its name, not the text as a whole: its
/// punctuation would hide what strings hold, and join what does not belong together.
fn secret_in(redactor: &Redactor, value: &Value) -> Option<String> {
    let form = |text: &str| redactor.redact(text.as_bytes()).removed.into_keys().next();
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| match value {
            Value::String(text) => form(&format!("{name}: {text}")),
            value => form(name).or_else(|| secret_in(redactor, value)),
        }),
        Value::Array(values) => values.iter().find_map(|value| secret_in(redactor, value)),
        Value::String(text) => form(text),
        value => form(&value.to_string()),
    }
}
