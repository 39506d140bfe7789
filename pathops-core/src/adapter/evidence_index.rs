use std::collections::BTreeSet;
use std::fmt::{self, Debug};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::adapter::{EvidencePage, EvidenceQuery};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::{
    Envelope, EnvelopeError, EvidenceId, Facets, InclusionError, Logged, Statement, TrustRoot, VerifiedEvidence,
};
use crate::id::{CommitId, TreeId};
use crate::op::OpContext;

/// How many bytes a digest of a subject, the name of its algorithm, or the type of a predicate has at most in an index: far more than
/// any that is in use, and as much as every database finds by.
pub const MAX_INDEXED_BYTES: usize = 1_024;

/// One digest that evidence is about, as a subject of an in-toto statement has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubjectDigest {
    /// Of what kind: `sha256`, `gitCommit`, `gitTree`.
    pub algorithm: String,
    /// The digest, as the statement writes it.
    pub value: String,
}

impl SubjectDigest {
    fn new(algorithm: &str, value: String) -> Self {
        Self { algorithm: algorithm.to_owned(), value }
    }

    /// The SHA-256 of some bytes, for example of an artifact.
    #[must_use]
    pub fn sha256(digest: &Digest) -> Self {
        Self::new("sha256", digest.hex())
    }

    /// A Git commit.
    #[must_use]
    pub fn commit(commit: &CommitId) -> Self {
        Self::new("gitCommit", commit.to_string())
    }

    /// Whether a decision can look for it: a digest of a kind that PathOps knows, written as PathOps writes it.
    #[must_use]
    pub fn is_looked_for(&self) -> bool {
        match self.algorithm.as_str() {
            "sha256" => Digest::from_hex(&self.value).is_ok_and(|digest| digest.hex() == self.value),
            "gitCommit" => CommitId::parse(&*self.value).is_ok(),
            "gitTree" => TreeId::parse(&*self.value).is_ok(),
            _ => false,
        }
    }

    /// A Git tree.
    #[must_use]
    pub fn tree(tree: &TreeId) -> Self {
        Self::new("gitTree", tree.to_string())
    }
}

impl fmt::Display for SubjectDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.value)
    }
}

/// What an index holds of one envelope: what it is about, what else it can be found by, and where it is.
///
/// It is made from evidence only, verified or of a log, so that none says something else than its envelope. That it can be
/// read back is for adapters, and is no proof of anything: whoever decides verifies the envelope again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexedEvidence {
    id: EvidenceId,
    envelope: Digest,
    predicate_type: String,
    subjects: BTreeSet<SubjectDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facets: Option<Facets>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logged: Option<Logged>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaf: Option<u64>,
}

impl IndexedEvidence {
    /// What there is to know of this evidence, whose envelope is the blob `envelope`.
    #[must_use]
    pub fn new(verified: &VerifiedEvidence, envelope: Digest) -> Self {
        Self::of(verified.id(), Facets::of(verified.signer(), verified.statement()), verified.statement(), envelope)
    }

    /// What there is to know of an envelope that a log has as this leaf, in the name of a trusted key.
    ///
    /// Its signature is not checked: who appended it has made or checked it, and the log's root is over it, its key and what
    /// it signs. That takes a tenth of the time, which counts where an index is made anew. It is enough to find evidence by,
    /// and no more.
    ///
    /// # Errors
    /// [`EnvelopeError`] for everything else that verifying an envelope would find.
    pub fn of_leaf(trust: &TrustRoot, envelope: &Envelope, leaf: u64) -> Result<Self, EnvelopeError> {
        let claim = trust.claim(envelope)?;
        let (id, statement, blob) = (claim.id(), claim.statement()?, Digest::of(&envelope.to_vec()?));
        Ok(Self::of(id, Facets::of(claim.signer, &statement), &statement, blob).with_leaf(leaf))
    }

    fn of(id: EvidenceId, facets: Facets, statement: &Statement, envelope: Digest) -> Self {
        let digests = statement.subject.iter().flat_map(|subject| &subject.digest);
        Self {
            id,
            envelope,
            predicate_type: statement.predicate_type.clone(),
            subjects: digests.map(|(algorithm, value)| SubjectDigest::new(algorithm, value.clone())).collect(),
            facets: Some(facets),
            logged: None,
            leaf: None,
        }
    }

    /// And it is this leaf of the host's own ledger, from 0. It is a place to look at: the ledger proves it.
    #[must_use]
    pub fn with_leaf(self, leaf: u64) -> Self {
        Self { leaf: Some(leaf), ..self }
    }

    /// And it is in a log.
    ///
    /// # Errors
    /// [`InclusionError`] where `logged` does not show that, or shows it of other evidence.
    pub fn with_logged(mut self, logged: Logged) -> Result<Self, InclusionError> {
        let named = logged.evidence()?;
        if named != self.id {
            return Err(InclusionError::OtherEvidence(named));
        }
        self.logged = Some(logged);
        Ok(self)
    }

    /// That every index can find it by all that it is found by. Each index asks this before it adds anything, so that all of them
    /// have the same.
    ///
    /// # Errors
    /// `Invalid` where a digest, the name of an algorithm or the type of the predicate has more than [`MAX_INDEXED_BYTES`], or a NUL,
    /// which not every database stores.
    pub fn check(&self) -> Result<()> {
        let digests = self.subjects.iter().flat_map(|it| [("an algorithm", &it.algorithm), ("a digest", &it.value)]);
        for (what, text) in digests.chain([("its predicate type", &self.predicate_type)]) {
            let why = match text.len() {
                bytes if bytes > MAX_INDEXED_BYTES => format!("{what} has {bytes} bytes, above {MAX_INDEXED_BYTES}"),
                _ if text.contains('\0') => format!("{what} has a NUL in it"),
                _ => continue,
            };
            let advice = "state it with digests as tools write them; the ledger has it, and no index does";
            return Err(Error::new(ErrorKind::Invalid, "index evidence").on(self.id).because(why).advise(advice));
        }
        Ok(())
    }

    /// What its envelope says, without where it is: the same whenever it is added.
    #[must_use]
    pub fn without_place(&self) -> Self {
        let Self { id, envelope, predicate_type, subjects, facets, .. } = self.clone();
        Self { id, envelope, predicate_type, subjects, facets, logged: None, leaf: None }
    }

    /// The name of the evidence.
    #[must_use]
    pub fn id(&self) -> EvidenceId {
        self.id
    }

    /// The blob with its envelope.
    #[must_use]
    pub fn envelope(&self) -> Digest {
        self.envelope
    }

    /// The URI of its predicate.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// The digests of everything that it is about.
    #[must_use]
    pub fn subjects(&self) -> &BTreeSet<SubjectDigest> {
        &self.subjects
    }

    /// What else it can be found by; `None` where it was added by a version that did not know: adding the envelope again
    /// makes it known.
    #[must_use]
    pub fn facets(&self) -> Option<&Facets> {
        self.facets.as_ref()
    }

    /// Which leaf of the host's own ledger it is, as far as the index was told.
    #[must_use]
    pub fn leaf(&self) -> Option<u64> {
        self.leaf
    }

    /// Takes up what is missing here and known there, of the same envelope; what is known stays. Whether anything was.
    pub fn complete(&mut self, again: &Self) -> bool {
        let before = (self.facets.is_some(), self.logged.is_some(), self.leaf.is_some());
        self.facets = self.facets.take().or_else(|| again.facets.clone());
        self.logged = self.logged.take().or_else(|| again.logged.clone());
        self.leaf = self.leaf.or(again.leaf);
        before != (self.facets.is_some(), self.logged.is_some(), self.leaf.is_some())
    }

    /// What shows that it is in a log.
    #[must_use]
    pub fn logged(&self) -> Option<&Logged> {
        self.logged.as_ref()
    }
}

/// What an index can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvidenceIndexCapabilities {
    /// What was acknowledged survives the end of the process.
    pub durable: bool,
    /// Several processes may use it at once.
    pub shared: bool,
}

/// Finds evidence by what it is about.
///
/// It is an index and no store: envelopes are in a [`BlobStore`](super::BlobStore), and what an index says is believed in one
/// respect only, which is that it leaves nothing out. One that forgets hides bad news, so nothing is ever removed from it.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait EvidenceIndex: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `sqlite`.
    fn name(&self) -> &'static str;

    /// What this index offers.
    fn capabilities(&self) -> EvidenceIndexCapabilities;

    /// Adds an envelope; see [`EvidenceIndex::add_all`].
    ///
    /// # Errors
    /// As [`EvidenceIndex::add_all`].
    async fn add(&self, cx: &OpContext, evidence: &IndexedEvidence) -> Result<()> {
        self.add_all(cx, std::slice::from_ref(evidence)).await
    }

    /// Adds envelopes, all of them with all their subjects or nothing at all. What is added after `Ok` is found by every
    /// later look.
    ///
    /// An envelope is known by its evidence and its blob together: what a second one has signed is a second envelope of one
    /// piece of evidence. Adding one again changes nothing, but that what is missing is taken up
    /// ([`IndexedEvidence::complete`]). So a lost answer is settled by adding again, under any key.
    ///
    /// # Errors
    /// `Invalid` where one of them is none that an index takes ([`IndexedEvidence::check`]): the others can be added without it;
    /// `StorageFull`, `Unavailable`, `Timeout`, `Corrupt`. With every error that has no unknown effect, nothing has changed.
    ///
    /// # Cancel safety
    /// Dropped half way, they are all there or none of them; adding again settles it.
    async fn add_all(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()>;

    /// Everything that was added and is about any of `subjects`, each envelope once, in the order of evidence and blob. About
    /// no subjects is nothing. There is no limit to what is returned: what is left out could be what speaks against a change.
    ///
    /// # Errors
    /// `Corrupt` where something of it cannot be read as it was written, so that nothing is left out silently;
    /// `Unavailable`, `Timeout`.
    async fn about(&self, cx: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>>;

    /// A page of what was added and matches ([`EvidenceQuery::matches`]), in its order. Going on from
    /// [`EvidencePage::next`] gives everything that was there when the first page was asked for, once each; what is added in
    /// between comes where its place is not behind yet.
    ///
    /// # Errors
    /// `Unsupported` where there are entries without [`IndexedEvidence::facets`], which would be left out silently: add their
    /// envelopes again. `Corrupt` as with [`EvidenceIndex::about`]; `Unavailable`, `Timeout`.
    async fn query(&self, cx: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage>;
}

/// Takes up what an index is made of: an index itself, or one in the making, which nobody looks into yet.
#[async_trait]
pub trait EvidenceSink: Send + Sync {
    /// Takes envelopes up, all of them or none.
    ///
    /// # Errors
    /// As [`EvidenceIndex::add_all`].
    ///
    /// # Cancel safety
    /// As [`EvidenceIndex::add_all`].
    async fn take(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()>;
}

#[async_trait]
impl<I: EvidenceIndex + ?Sized> EvidenceSink for I {
    async fn take(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        self.add_all(cx, evidence).await
    }
}
