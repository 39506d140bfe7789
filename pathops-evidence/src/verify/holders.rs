//! Who held the keys that a log has certificates of.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use pathops_core::evidence::{CertificateChain, EnvelopeError, TrustRoot, VerifiedEvidence};

use super::{MAX_FAILURES, Verification};
use crate::authority::{Certified, UNASKED, certified};
use crate::ledger::{LogIdentity, SignedBy, Stored};

/// So many answers are remembered: of a few signers, each with one certificate for many leaves.
const MAX_ANSWERS: usize = 16;

/// A certificate, when its key was used, and what came of it.
type Answer = (CertificateChain, Option<u64>, Result<Certified, String>);

/// Who was found to have held them, and when which part of the log had been seen.
pub(crate) struct Holders<'r> {
    trust: &'r TrustRoot,
    /// The sizes of checkpoints that witnesses have cosigned, the smallest first, and when the log had been seen with so many leaves.
    seen: Vec<(u64, u64)>,
    /// The last answers, the newest last.
    answers: VecDeque<Answer>,
    /// How many envelopes are by whom.
    certified: BTreeMap<String, u64>,
    /// How many have a certificate, and their key is trusted by itself.
    by_key: u64,
    /// And how many of those have others above it.
    above: u64,
    /// Why certificates do not hold: the first, and how many more.
    refused: (Vec<String>, u64),
}

impl<'r> Holders<'r> {
    /// None yet, in a log whose newest checkpoint this is, and of which others are known.
    pub(crate) fn of(trust: &'r TrustRoot, log: &LogIdentity, known: &[String], newest: &str) -> Self {
        let notes = known.iter().map(String::as_str).chain([newest]);
        let seen = notes.filter_map(|note| Some((log.signed(note).ok()?.size, log.seen(note)?)));
        let mut seen: Vec<_> = seen.collect();
        seen.sort_unstable();
        let mut earliest = u64::MAX;
        for (_, at) in seen.iter_mut().rev() {
            earliest = earliest.min(*at);
            *at = earliest;
        }
        let (answers, certified) = (VecDeque::new(), BTreeMap::new());
        Self { trust, seen, answers, certified, by_key: 0, above: 0, refused: (Vec::new(), 0) }
    }

    /// What an envelope says, and whom to trust for that: nobody where its certificate does not show who has signed it.
    pub(super) fn verify(
        &mut self,
        leaf: u64,
        stored: &Stored,
    ) -> Result<(VerifiedEvidence, Option<Cow<'r, TrustRoot>>), EnvelopeError> {
        let Some(chain) = self.asked(&stored.by) else {
            let evidence = self.trust.verify(&stored.envelope)?;
            self.by_key += u64::from(stored.by.certificates().is_some());
            self.above += u64::from(stored.by.certificates().is_some_and(|chain| !chain.above().is_empty()));
            return Ok((evidence, Some(Cow::Borrowed(self.trust))));
        };
        let evidence = TrustRoot::new([chain.public_key().clone()]).verify(&stored.envelope)?;
        match self.certified(chain, self.seen(leaf)) {
            Ok(Certified { trust, by, .. }) => {
                *self.certified.entry(by).or_default() += 1;
                Ok((evidence, Some(Cow::Owned(trust))))
            }
            Err(why) => {
                if self.refused.0.len() < MAX_FAILURES {
                    self.refused.0.push(format!("who signed leaf {leaf}: {why}"));
                } else {
                    self.refused.1 += 1;
                }
                Ok((evidence, None))
            }
        }
    }

    /// Whom to trust for what the key of a leaf has signed; why nobody, where its certificate does not show who held it.
    pub(crate) fn trusted(&mut self, leaf: u64, by: &SignedBy) -> Result<Cow<'r, TrustRoot>, String> {
        let Some(chain) = self.asked(by) else { return Ok(Cow::Borrowed(self.trust)) };
        self.certified(chain, self.seen(leaf)).map(|certified| Cow::Owned(certified.trust))
    }

    /// The certificate that has to show who held a key: none has to where the key is trusted by itself, or no authority is.
    fn asked<'s>(&self, by: &'s SignedBy) -> Option<&'s CertificateChain> {
        let by_itself = self.trust.key(by.key().id()).is_some();
        by.certificates().filter(|_| !by_itself && !self.trust.authorities().is_empty())
    }

    /// When somebody trusted has seen the log with a leaf, first.
    fn seen(&self, leaf: u64) -> Option<u64> {
        self.seen.get(self.seen.partition_point(|(size, _)| *size <= leaf)).map(|(_, at)| *at)
    }

    /// Verifies a certificate, once as long as the answer is remembered: that takes longer than all else of a leaf.
    fn certified(&mut self, chain: &CertificateChain, seen: Option<u64>) -> Result<Certified, String> {
        if let Some((.., answer)) = self.answers.iter().find(|(of, at, _)| *at == seen && of == chain) {
            return answer.clone();
        }
        let answer = certified(self.trust, chain, seen);
        if self.answers.len() >= MAX_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((chain.clone(), seen, answer.clone()));
        answer
    }

    /// What came of it.
    pub(super) fn finish(self, verification: &mut Verification) {
        verification.left_out.extend((!self.certified.is_empty()).then(|| UNASKED.to_owned()));
        let certified = self.certified.into_iter().map(|(by, count)| format!("{count} envelopes by {by}"));
        verification.checked.extend(certified);
        let (first, more) = self.refused;
        verification.missing.extend(first);
        verification.missing.extend((more > 0).then(|| format!("who signed {more} more leaves, each with a certificate")));
        if self.by_key > 0 {
            let count = self.by_key;
            let what = format!("who issued the certificates of {count} envelopes: their keys are trusted by themselves");
            verification.left_out.push(what);
        }
        if self.above > 0 {
            let count = self.above;
            verification.left_out.push(format!("the certificates above those of {count} envelopes: no leaf is over them"));
        }
    }
}
