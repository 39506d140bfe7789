use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::adapter::{
    EvidenceCursor, EvidenceIndex, EvidenceIndexCapabilities, EvidencePage, EvidenceQuery, IndexedEvidence, SubjectDigest,
};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::EvidenceId;
use crate::op::OpContext;

type Envelopes = BTreeMap<(EvidenceId, Digest), IndexedEvidence>;

/// An index in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryEvidenceIndex {
    envelopes: Arc<Mutex<Envelopes>>,
}

impl MemoryEvidenceIndex {
    /// An empty index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that was added, in the order of evidence and blob.
    #[must_use]
    pub fn all(&self) -> Vec<IndexedEvidence> {
        self.envelopes().values().cloned().collect()
    }

    fn envelopes(&self) -> MutexGuard<'_, Envelopes> {
        self.envelopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EvidenceIndex for MemoryEvidenceIndex {
    fn name(&self) -> &'static str {
        "memory-evidence-index"
    }

    fn capabilities(&self) -> EvidenceIndexCapabilities {
        EvidenceIndexCapabilities::default()
    }

    async fn add_all(&self, _: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        evidence.iter().try_for_each(IndexedEvidence::check)?;
        let mut envelopes = self.envelopes();
        for evidence in evidence {
            let known = envelopes.entry((evidence.id(), evidence.envelope())).or_insert_with(|| evidence.clone());
            known.complete(evidence);
        }
        Ok(())
    }

    async fn about(&self, _: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        let envelopes = self.envelopes();
        Ok(envelopes.values().filter(|evidence| !evidence.subjects().is_disjoint(subjects)).cloned().collect())
    }

    async fn query(&self, _: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage> {
        let envelopes = self.envelopes();
        if envelopes.values().any(|evidence| evidence.facets().is_none()) {
            let error = Error::new(ErrorKind::Unsupported, "query evidence").because("some entries cannot be told apart");
            return Err(error.advise("add their envelopes again"));
        }
        let mut found: Vec<_> = envelopes.values().filter(|evidence| query.matches(evidence)).cloned().collect();
        found.sort_by_key(EvidenceCursor::of);
        Ok(EvidencePage::cut(found, query.limit))
    }
}
