//! Making evidence: statement, signature, envelope, blob.

use std::sync::Arc;

use pathops_core::adapter::{BlobStore, ByteStream, EvidenceIndex, EvidenceQuery, IndexedEvidence, Signer};
use pathops_core::evidence::{
    CertificateChain, Envelope, EvidenceId, PAYLOAD_TYPE, Predicate, Statement, Subject, pre_authentication_encoding,
};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};
use serde::{Deserialize, Serialize};

use crate::ledger::{Item, Ledger, SignedBy, Stored};
use crate::retention::{SealedBlobs, StoredPayload};

/// The media type of a stored envelope.
pub const ENVELOPE_MEDIA_TYPE: &str = "application/vnd.dsse.envelope+json";

/// Where a piece of evidence is and what it is: what a change set keeps of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceRecord {
    /// Its name: SHA-256 of what was signed.
    pub id: EvidenceId,
    /// What it is, for people: `orders unit tests`.
    pub name: String,
    /// The URI of its predicate.
    pub predicate_type: String,
    /// The blob with its envelope.
    pub envelope: Digest,
    /// Where a person or tool finds that blob.
    pub location: String,
    /// Which leaf of the ledger it is, where it was appended to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
    /// The certificates of the key that signed it, where that is one that nobody knows by itself: for [`bundle_certified`]. A ledger
    /// has them, too.
    ///
    /// [`bundle_certified`]: crate::bundle_certified
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<CertificateChain>,
}

/// A statement that is to be sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    name: String,
    statement: Statement,
}

impl Draft {
    /// States `predicate` about `subjects`; `name` is what it is, for people.
    ///
    /// # Errors
    /// `Invalid` where no subject has a digest.
    pub fn new<P: Predicate>(name: impl Into<String>, subjects: Vec<Subject>, predicate: &P) -> Result<Self> {
        let name = name.into();
        match Statement::new(subjects, P::TYPE, predicate) {
            Ok(statement) => Ok(Self { name, statement }),
            Err(error) => Err(Error::new(ErrorKind::Invalid, "state evidence").on(name).because(error)),
        }
    }
}

/// Signs statements, stores them, and appends them to a ledger where there is one.
#[derive(Clone, Debug)]
pub struct Sealer {
    signer: Arc<dyn Signer>,
    blobs: Arc<dyn BlobStore>,
    ledger: Option<Arc<Ledger>>,
    index: Option<Arc<dyn EvidenceIndex>>,
    erasable: Option<SealedBlobs>,
}

impl Sealer {
    /// Signs with `signer`, stores in `blobs`.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, blobs: Arc<dyn BlobStore>) -> Self {
        Self { signer, blobs, ledger: None, index: None, erasable: None }
    }

    /// And appends what it seals to this ledger.
    #[must_use]
    pub fn with_ledger(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    /// And does not append again what its own key has signed and the ledger has: this index says where, and the ledger whether it is
    /// so. Without it, what is sealed twice is there twice: a ledger by itself does not know what it has. What is sealed is not added
    /// to it: see [`Sealer::index`]. What is twice among those that are sealed at once is there twice, too.
    #[must_use]
    pub fn with_index(self, index: Arc<dyn EvidenceIndex>) -> Self {
        Self { index: Some(index), ..self }
    }

    /// And stores the payloads that are [taken in](crate::ingest()) encrypted, each with a key of its own, so that one can be
    /// erased ([`Disposal::erase`](crate::retention::Disposal::erase)). Statements are stored as they are.
    #[must_use]
    pub fn with_erasable(self, payloads: SealedBlobs) -> Self {
        Self { erasable: Some(payloads), ..self }
    }

    /// Stores a payload.
    pub(crate) async fn store(&self, cx: &OpContext, payload: Box<dyn ByteStream>) -> Result<StoredPayload> {
        let digest = match &self.erasable {
            Some(sealed) => sealed.put_stream(cx, payload).await?,
            None => self.blobs.put_stream(cx, payload).await?,
        };
        Ok(self.stored(digest, self.erasable.is_some()))
    }

    /// A payload that lies among its blobs.
    pub(crate) fn stored(&self, digest: Digest, sealed: bool) -> StoredPayload {
        StoredPayload { digest, location: self.blobs.location(&digest), sealed: Some(sealed) }
    }

    /// Where payloads go that are to be erasable.
    pub(crate) fn erasable(&self) -> Option<&SealedBlobs> {
        self.erasable.as_ref()
    }

    /// Where envelopes go, and payloads that are not to be erased.
    #[must_use]
    pub fn blobs(&self) -> &Arc<dyn BlobStore> {
        &self.blobs
    }

    /// The ledger that it appends to.
    pub(crate) fn ledger(&self) -> Option<&Arc<Ledger>> {
        self.ledger.as_ref()
    }

    /// States `predicate` about `subjects`, signs the statement, and stores its envelope. When this returns, the
    /// evidence survives a crash, and is in the ledger where there is one. Sealing the same statement again gives evidence
    /// with the same id; it is in the ledger twice then, unless an index says that it is there ([`Sealer::with_index`]).
    ///
    /// # Errors
    /// `Invalid` where no subject has a digest; what the signer, the blob store or the ledger answers.
    pub async fn seal<P: Predicate + Sync>(
        &self,
        cx: &OpContext,
        name: impl Into<String>,
        subjects: Vec<Subject>,
        predicate: &P,
    ) -> Result<EvidenceRecord> {
        let mut records = self.seal_all(cx, vec![Draft::new(name, subjects, predicate)?]).await?;
        records.pop().ok_or_else(|| Error::new(ErrorKind::Unexpected, "seal evidence"))
    }

    /// As [`Sealer::seal`], for several at once: in a ledger they are appended together, one batch and one checkpoint, so that
    /// after a crash all of them are in it or none. The records are in the order of the drafts.
    ///
    /// # Errors
    /// What the signer, the blob store or the ledger answers.
    pub async fn seal_all(&self, cx: &OpContext, drafts: Vec<Draft>) -> Result<Vec<EvidenceRecord>> {
        let (mut items, mut envelopes) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
        for draft in &drafts {
            let item = self.sign(cx, draft).await?;
            envelopes.push(encoded(&draft.name, &item)?);
            items.push(item);
        }
        let stored = self.blobs.put_all(cx, envelopes).await.into_iter().collect::<Result<Vec<_>>>()?;
        let mut places = Vec::with_capacity(drafts.len());
        for item in &items {
            places.push(self.place(cx, item).await?);
        }
        let kept = drafts.into_iter().zip(&items).zip(stored);
        let record = |((Draft { name, statement }, item), envelope): ((Draft, &Item), Digest)| {
            self.record(name, statement.predicate_type, item, envelope)
        };
        let mut records: Vec<_> = kept.map(record).collect();
        let is_new: Vec<_> = places.iter().map(Option::is_none).collect();
        for (record, place) in records.iter_mut().zip(places) {
            // A signature may be another one each time: what counts is the one that is in the ledger.
            let Some(entry) = place else { continue };
            (record.leaf, record.envelope) = (entry.leaf(), entry.envelope());
            record.location = self.blobs.location(&record.envelope);
        }
        let new: Vec<_> = items.into_iter().zip(&is_new).filter(|(_, is_new)| **is_new).map(|(item, _)| item).collect();
        if let Some(ledger) = self.ledger.as_ref().filter(|_| !new.is_empty()) {
            let leaves = ledger.append(cx, new).await?;
            let records = records.iter_mut().zip(is_new).filter(|(_, is_new)| *is_new);
            records.zip(leaves).for_each(|((record, _), leaf)| record.leaf = Some(leaf));
        }
        Ok(records)
    }

    /// What of this key the ledger has of the same evidence, as the index says and the ledger shows.
    async fn place(&self, cx: &OpContext, item: &Item) -> Result<Option<IndexedEvidence>> {
        let (Some(ledger), Some(index)) = (&self.ledger, &self.index) else { return Ok(None) };
        let signer = Some(item.public_key().id());
        let query = EvidenceQuery { id: Some(item.id()), signer, ..EvidenceQuery::default() };
        let known = index.query(cx, &query).await?.evidence.into_iter().find(|it| it.leaf().is_some());
        let Some(entry) = known else { return Ok(None) };
        match ledger.reader().holds(cx, &entry).await {
            Ok(there) => Ok(there.filter(|there| there.public_key() == item.public_key()).map(|_| entry)),
            // What an index says wrongly is no reason not to append.
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Signs, and stores nothing.
    pub(crate) async fn sign(&self, cx: &OpContext, Draft { name, statement }: &Draft) -> Result<Item> {
        let payload = statement.to_canonical();
        let payload = payload.map_err(|error| Error::new(ErrorKind::Invalid, "state evidence").on(name).because(error))?;
        let signed = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        let signature = self.signer.sign(cx, &signed).await?;
        let public_key = self.signer.public_key();
        let envelope = Envelope::new(&payload, &public_key, signature);
        let by = match self.signer.certificates().filter(|it| *it.public_key() == public_key) {
            Some(chain) => SignedBy::Certified(chain),
            None => SignedBy::Key(public_key),
        };
        Item::unchecked(Stored { envelope, by })
    }

    /// Stores the envelope of what was signed. Storing it again changes nothing.
    pub(crate) async fn keep(&self, cx: &OpContext, name: String, predicate_type: &str, item: &Item) -> Result<EvidenceRecord> {
        let envelope = self.blobs.put(cx, encoded(&name, item)?).await?;
        Ok(self.record(name, predicate_type.to_owned(), item, envelope))
    }

    fn record(&self, name: String, predicate_type: String, item: &Item, envelope: Digest) -> EvidenceRecord {
        let location = self.blobs.location(&envelope);
        let certificates = item.stored.by.certificates().cloned();
        EvidenceRecord { id: item.id(), name, predicate_type, envelope, location, leaf: None, certificates }
    }

    /// Reads an envelope back.
    ///
    /// # Errors
    /// `NotFound` where the blob is gone, `Corrupt` where it is no envelope, and what the blob store answers.
    pub async fn envelope(&self, cx: &OpContext, record: &EvidenceRecord) -> Result<Envelope> {
        let operation = "read evidence";
        let gone = || {
            Error::new(ErrorKind::NotFound, operation).on(&record.name).because(format!("the blob {} is gone", record.envelope))
        };
        let bytes = self.blobs.get(cx, &record.envelope).await?.ok_or_else(gone)?;
        Envelope::from_slice(&bytes).map_err(|error| Error::new(ErrorKind::Corrupt, operation).on(&record.name).because(error))
    }
}

/// An envelope as it is stored.
fn encoded(name: &str, item: &Item) -> Result<Vec<u8>> {
    let bytes = item.stored.envelope.to_vec();
    bytes.map_err(|error| Error::new(ErrorKind::Invalid, "state evidence").on(name).because(error))
}
