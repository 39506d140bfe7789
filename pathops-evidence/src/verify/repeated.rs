//! Evidence that a log has more than once: appended again, or put there again by who can write.

use std::collections::BTreeMap;

use pathops_core::evidence::EvidenceId;

use super::Verification;

/// Where each piece of evidence was first, and which of them came again.
#[derive(Default)]
pub(super) struct Repeated {
    first: BTreeMap<EvidenceId, u64>,
    /// How many leaves have what was there before.
    count: u64,
    /// The first of those, and where its evidence was first.
    told: Option<(u64, u64)>,
}

impl Repeated {
    /// Takes up what is at a leaf.
    pub(super) fn take(&mut self, leaf: u64, id: EvidenceId) {
        let before = *self.first.entry(id).or_insert(leaf);
        if before != leaf {
            self.count += 1;
            self.told = self.told.or(Some((leaf, before)));
        }
    }

    /// It is the same evidence, which counts once: that it is there again is told, and nothing is wrong with it.
    pub(super) fn finish(self, verification: &mut Verification) {
        let Some((leaf, before)) = self.told else { return };
        let first = format!("the first is leaf {leaf}, with that of leaf {before}");
        verification.checked.push(format!("{} leaves have evidence that the log had before: {first}", self.count));
    }
}
