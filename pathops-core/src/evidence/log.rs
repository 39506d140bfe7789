//! Proof that a piece of evidence is in a log: RFC 6962 inclusion, over leaves of Rekor's `hashedrekord` 0.0.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::evidence::{EvidenceId, TrustRoot};

/// A state of a log that the host believes: it has checked who signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How many leaves the log has.
    pub size: u64,
    /// The root of its Merkle tree.
    pub root: Digest,
}

impl Checkpoint {
    /// Whether these hashes show that the leaf with this hash is the one with this index (RFC 9162, section 2.1.3.2). The path goes
    /// from the leaf up.
    #[must_use]
    pub fn includes(&self, leaf: &Digest, index: u64, path: &[Digest]) -> bool {
        self.root_over(leaf, index, path) == Some(self.root)
    }

    fn root_over(&self, leaf: &Digest, index: u64, path: &[Digest]) -> Option<Digest> {
        let (mut node, mut last) = (index, self.size.checked_sub(1).filter(|last| index <= *last)?);
        let mut hash = *leaf;
        for sibling in path {
            if last == 0 {
                return None;
            }
            if node % 2 == 1 || node == last {
                hash = parent(sibling, &hash);
                while node % 2 == 0 && node != 0 {
                    (node, last) = (node / 2, last / 2);
                }
            } else {
                hash = parent(&hash, sibling);
            }
            (node, last) = (node / 2, last / 2);
        }
        (last == 0).then_some(hash)
    }
}

/// Says that a leaf is in a log, with the hashes that show it (RFC 9162, section 2.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// The leaf: a `hashedrekord` whose digest is that of what was signed.
    pub leaf: Vec<u8>,
    /// Which leaf it is, from 0.
    pub index: u64,
    /// The audit path, from the leaf up.
    pub path: Vec<Digest>,
}

/// That a piece of evidence is in a log: what shows it, and for which state of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// The state of the log. Whoever hands it on has checked who signed it.
    pub checkpoint: Checkpoint,
    /// The evidence in it.
    pub inclusion: Inclusion,
}

impl Logged {
    /// Which evidence is in the log.
    ///
    /// # Errors
    /// As [`Inclusion::verify`].
    pub fn evidence(&self) -> Result<EvidenceId, InclusionError> {
        self.inclusion.verify(&self.checkpoint)
    }
}

/// Why an inclusion shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InclusionError {
    /// The leaf names no evidence.
    #[error("leaf {0} of the log is no hashedrekord with a SHA-256")]
    Leaf(u64),
    /// The hashes do not lead to the root.
    #[error("leaf {index} is not in the log of {size} leaves that the checkpoint is of")]
    NotIncluded {
        /// The leaf.
        index: u64,
        /// The log's size.
        size: u64,
    },
    /// It is shown for another piece of evidence than the one in question.
    #[error("what the leaf of the log names is other evidence: {0}")]
    OtherEvidence(EvidenceId),
}

impl Inclusion {
    /// Which evidence is in the log of `checkpoint`.
    ///
    /// # Errors
    /// [`InclusionError`] where the leaf is none of this log, or names no evidence.
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<EvidenceId, InclusionError> {
        let not_included = InclusionError::NotIncluded { index: self.index, size: checkpoint.size };
        let leaf = Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(&self.leaf).finalize().into());
        if !checkpoint.includes(&leaf, self.index, &self.path) {
            return Err(not_included);
        }
        self.evidence().ok_or(InclusionError::Leaf(self.index))
    }

    fn evidence(&self) -> Option<EvidenceId> {
        let leaf: Value = serde_json::from_slice(&self.leaf).ok()?;
        let data = leaf.pointer("/spec/hashedRekordV002/data")?;
        let known = leaf.get("kind")?.as_str()? == "hashedrekord" && data.get("algorithm")?.as_str()? == "SHA2_256";
        let digest = BASE64.decode(data.get("digest")?.as_str()?).ok()?;
        known.then_some(EvidenceId(Digest::from_bytes(digest.try_into().ok()?)))
    }
}

fn parent(left: &Digest, right: &Digest) -> Digest {
    Digest::from_bytes(
        Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes()).finalize().into(),
    )
}

impl TrustRoot {
    /// And takes evidence that is shown to be in this log for evidence in the ledger.
    ///
    /// # Errors
    /// [`InclusionError`] for the first that is not shown. Nothing is believed then.
    pub fn with_log(mut self, checkpoint: &Checkpoint, entries: &[Inclusion]) -> Result<Self, InclusionError> {
        for entry in entries {
            self.logged.insert(entry.verify(checkpoint)?);
        }
        Ok(self)
    }

    /// Whether this evidence was shown to be in the ledger.
    #[must_use]
    pub fn has_logged(&self, id: EvidenceId) -> bool {
        self.logged.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(n: u64) -> Vec<u8> {
        let digest = BASE64.encode(Digest::of(&n.to_be_bytes()).as_bytes());
        format!(r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"SHA2_256","digest":"{digest}"}}}}}}}}"#)
            .into_bytes()
    }

    /// RFC 9162, section 2.1.1, as it is written there: the root of a list of leaves.
    fn root(leaves: &[Vec<u8>]) -> Digest {
        match leaves {
            [leaf] => Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()),
            leaves => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                parent(&root(left), &root(right))
            }
        }
    }

    /// Section 2.1.3.1: the path of a leaf.
    fn path(index: usize, leaves: &[Vec<u8>]) -> Vec<Digest> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, sibling) =
            if index < left.len() { (path(index, left), root(right)) } else { (path(index - left.len(), right), root(left)) };
        path.push(sibling);
        path
    }

    fn split(len: usize) -> usize {
        len.next_power_of_two() / 2
    }

    #[test]
    fn every_leaf_of_every_log_is_shown_and_nothing_else_is() {
        for size in 1..=20_u64 {
            let leaves: Vec<_> = (0..size).map(leaf).collect();
            let checkpoint = Checkpoint { size, root: root(&leaves) };
            for index in 0..size {
                let place = usize::try_from(index).unwrap();
                let entry = Inclusion { leaf: leaves[place].clone(), index, path: path(place, &leaves) };
                assert_eq!(entry.verify(&checkpoint).unwrap(), EvidenceId(Digest::of(&index.to_be_bytes())));
                let bad = |entry: Inclusion| assert!(entry.verify(&checkpoint).is_err(), "{index} of {size}: {entry:?}");
                bad(Inclusion { leaf: leaf(size), ..entry.clone() });
                bad(Inclusion { index: index + size, ..entry.clone() });
                bad(Inclusion { path: [entry.path.clone(), vec![checkpoint.root]].concat(), ..entry.clone() });
                for other in (0..size).filter(|other| *other != index) {
                    bad(Inclusion { index: other, ..entry.clone() });
                }
                for gone in 0..entry.path.len() {
                    let mut path = entry.path.clone();
                    path.remove(gone);
                    bad(Inclusion { path, ..entry.clone() });
                }
            }
        }
    }

    #[test]
    fn a_leaf_that_names_no_evidence_shows_nothing() {
        for leaf in [b"{}".to_vec(), b"no JSON".to_vec(), leaf(1)[..40].to_vec()] {
            let checkpoint = Checkpoint { size: 1, root: root(std::slice::from_ref(&leaf)) };
            let entry = Inclusion { leaf, index: 0, path: Vec::new() };
            assert_eq!(entry.verify(&checkpoint), Err(InclusionError::Leaf(0)));
        }
        let empty = Checkpoint { size: 0, root: Digest::of(b"") };
        let entry = Inclusion { leaf: leaf(0), index: 0, path: Vec::new() };
        assert_eq!(entry.verify(&empty), Err(InclusionError::NotIncluded { index: 0, size: 0 }));
    }
}
