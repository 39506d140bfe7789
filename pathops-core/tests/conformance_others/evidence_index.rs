use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pathops_core::adapter::{EvidenceIndex, EvidenceIndexCapabilities, IndexedEvidence, SubjectDigest};
use pathops_core::conformance::evidence_index::{EvidenceIndexFixture, EvidenceIndexWorld, cases, worlds};
use pathops_core::evidence::EvidenceId;
use pathops_core::memory::{Faulty, MemoryEvidenceIndex};
use pathops_core::{Digest, OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    FindsByOneSubjectOnly,
    OverlooksTheAlgorithm,
    TakesABeginning,
    TakesAPattern,
    GivesOneForEachSubject,
    GivesTheOldestFirst,
    GivesAPageOnly,
    KeepsWhatIsAddedAgain,
    KeepsOneEnvelopeOfAStatement,
    OverlooksLaterProofs,
    LosesProofs,
    LetsWritersMeet,
    AddsHalf,
    ForgetsOnRestart,
}

/// The reference index, said to be durable and shared, with one defect.
#[derive(Clone, Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryEvidenceIndex,
    /// What was added, in that order.
    added: Arc<Mutex<Vec<IndexedEvidence>>>,
}

impl Planted {
    fn new(defect: Defect) -> Self {
        Self { defect, inner: MemoryEvidenceIndex::new(), added: Arc::default() }
    }

    fn added(&self) -> Vec<IndexedEvidence> {
        self.added.lock().unwrap().clone()
    }

    fn is_about(&self, evidence: &IndexedEvidence, subject: &SubjectDigest) -> bool {
        let any = |is: &dyn Fn(&SubjectDigest) -> bool| evidence.subjects().iter().any(is);
        match self.defect {
            Defect::FindsByOneSubjectOnly => evidence.subjects().first() == Some(subject),
            Defect::OverlooksTheAlgorithm => any(&|it| it.value == subject.value),
            Defect::TakesABeginning => any(&|it| it.algorithm == subject.algorithm && it.value.starts_with(&subject.value)),
            Defect::TakesAPattern => subject.value == "%" || evidence.subjects().contains(subject),
            _ => evidence.subjects().contains(subject),
        }
    }
}

fn key(evidence: &IndexedEvidence) -> (EvidenceId, Digest) {
    (evidence.id(), evidence.envelope())
}

#[async_trait]
impl EvidenceIndex for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> EvidenceIndexCapabilities {
        capabilities()
    }

    async fn add(&self, cx: &OpContext, evidence: &IndexedEvidence) -> Result<()> {
        let mut before = self.added();
        let known = match self.defect {
            Defect::KeepsOneEnvelopeOfAStatement => before.iter().any(|it| it.id() == evidence.id()),
            Defect::OverlooksLaterProofs => before.iter().any(|it| key(it) == key(evidence)),
            _ => false,
        };
        if known {
            return Ok(());
        }
        before.push(evidence.clone());
        match self.defect {
            Defect::LetsWritersMeet => {
                tokio::task::yield_now().await;
                *self.added.lock().unwrap() = before;
            }
            Defect::AddsHalf => {
                *self.added.lock().unwrap() = before;
                tokio::task::yield_now().await;
            }
            _ => *self.added.lock().unwrap() = before,
        }
        self.inner.add(cx, evidence).await
    }

    async fn about(&self, _: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        let added = self.added();
        let about = |it: &IndexedEvidence| subjects.iter().any(|subject| self.is_about(it, subject));
        let mut found: Vec<_> = self.inner.all().into_iter().filter(about).collect();
        match self.defect {
            Defect::GivesOneForEachSubject => {
                let times = |it: IndexedEvidence| vec![it.clone(); it.subjects().intersection(subjects).count()];
                found = found.into_iter().flat_map(times).collect();
            }
            Defect::GivesTheOldestFirst => found.sort_by_key(|it| added.iter().position(|other| key(other) == key(it))),
            Defect::GivesAPageOnly => found.truncate(100),
            Defect::KeepsWhatIsAddedAgain => {
                found = added.into_iter().filter(about).collect();
                found.sort_by_key(key);
            }
            Defect::LosesProofs => {
                let last = |it: &IndexedEvidence| added.iter().rev().find(|other| key(other) == key(it)).cloned();
                found = found.iter().filter_map(last).collect();
            }
            Defect::LetsWritersMeet => found.retain(|it| added.iter().any(|other| key(other) == key(it))),
            Defect::AddsHalf => {
                let half = |it: &IndexedEvidence| it.subjects().first().is_some_and(|first| subjects.contains(first));
                let whole: BTreeSet<_> = found.iter().map(key).collect();
                found.extend(added.into_iter().filter(|it| !whole.contains(&key(it)) && half(it)));
                found.sort_by_key(key);
            }
            _ => {}
        }
        Ok(found)
    }
}

fn capabilities() -> EvidenceIndexCapabilities {
    let mut capabilities = EvidenceIndexCapabilities::default();
    (capabilities.durable, capabilities.shared) = (true, true);
    capabilities
}

struct Memory;

#[async_trait]
impl EvidenceIndexFixture for Memory {
    async fn fresh(&self) -> EvidenceIndexWorld {
        let index = MemoryEvidenceIndex::new();
        EvidenceIndexWorld::new(
            move || {
                let index: Arc<dyn EvidenceIndex> = Arc::new(index.clone());
                async { index }
            },
            (),
        )
    }
}

#[async_trait]
impl EvidenceIndexFixture for Defect {
    async fn fresh(&self) -> EvidenceIndexWorld {
        let (defect, index) = (*self, Planted::new(*self));
        EvidenceIndexWorld::new(
            move || {
                let index = if defect == Defect::ForgetsOnRestart { Planted::new(defect) } else { index.clone() };
                let index: Arc<dyn EvidenceIndex> = Arc::new(index);
                async { Arc::new(Faulty::new(index, no_faults())) as Arc<dyn EvidenceIndex> }
            },
            (),
        )
    }
}

#[test]
fn the_reference_index_does_all_of_it() {
    assert_eq!(failing(&cases(EvidenceIndexCapabilities::default()), &worlds(Arc::new(Memory))), [""; 0]);
    assert_eq!(failing(&cases(capabilities()), &worlds(Arc::new(Defect::None))), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let table: &[(Defect, &[&str])] = &[
        (
            Defect::FindsByOneSubjectOnly,
            &["evidence_is_found_by_each_of_its_subjects", "abandoned_evidence_is_whole_or_not_there"],
        ),
        (Defect::OverlooksTheAlgorithm, &["what_is_about_something_else_is_not_found"]),
        (Defect::TakesABeginning, &["what_is_about_something_else_is_not_found"]),
        (Defect::TakesAPattern, &["what_is_about_something_else_is_not_found"]),
        (
            Defect::GivesOneForEachSubject,
            &["evidence_about_several_subjects_comes_once", "abandoned_evidence_is_whole_or_not_there"],
        ),
        (
            Defect::GivesTheOldestFirst,
            &[
                "it_comes_in_the_order_of_evidence_and_blob",
                "nothing_of_many_is_left_out",
                "writers_beside_each_other_lose_nothing",
                "what_one_has_added_another_finds",
            ],
        ),
        (Defect::GivesAPageOnly, &["nothing_of_many_is_left_out"]),
        (
            Defect::KeepsWhatIsAddedAgain,
            &[
                "adding_again_changes_nothing",
                "a_proof_that_comes_later_is_taken_up",
                "a_proof_is_not_lost_by_adding_again",
                "writers_beside_each_other_lose_nothing",
                "abandoned_evidence_is_whole_or_not_there",
                "what_was_acknowledged_is_there_after_a_restart",
                "what_one_has_added_another_finds",
            ],
        ),
        (Defect::KeepsOneEnvelopeOfAStatement, &["a_second_signer_is_a_second_envelope", "a_proof_that_comes_later_is_taken_up"]),
        (Defect::OverlooksLaterProofs, &["a_proof_that_comes_later_is_taken_up"]),
        (Defect::LosesProofs, &["a_proof_is_not_lost_by_adding_again"]),
        (Defect::LetsWritersMeet, &["writers_beside_each_other_lose_nothing"]),
        (Defect::AddsHalf, &["abandoned_evidence_is_whole_or_not_there"]),
        (Defect::ForgetsOnRestart, &["what_was_acknowledged_is_there_after_a_restart", "what_one_has_added_another_finds"]),
    ];
    for (defect, expected) in table {
        assert_eq!(failing(&cases(capabilities()), &worlds(Arc::new(*defect))), *expected, "{defect:?}");
    }
}

#[test]
fn an_index_that_declares_something_else_is_noticed() {
    let failing = failing(&cases(EvidenceIndexCapabilities::default()), &worlds(Arc::new(Defect::None)));
    assert_eq!(failing, ["declares_what_it_is_tested_for"]);
}
