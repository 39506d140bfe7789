use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pathops_core::adapter::{
    EvidenceCursor, EvidenceIndex, EvidenceIndexCapabilities, EvidencePage, EvidenceQuery, IndexedEvidence, SubjectDigest, Window,
};
use pathops_core::conformance::evidence_index::{EvidenceIndexFixture, EvidenceIndexWorld, cases, worlds};
use pathops_core::evidence::EvidenceId;
use pathops_core::memory::{Faulty, MemoryEvidenceIndex};
use pathops_core::{Digest, OpContext, Result, UnixMillis};

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
    OverlooksAName,
    OverlooksAVerdict,
    TakesConditionsForAlternatives,
    TakesWhatHasNoTimeForOld,
    ClosesAWindowLate,
    QueriesTheOldestFirst,
    GivesThePageEndTwice,
    SkipsOneInstant,
    CountsPages,
    PromisesMore,
    LosesPlaces,
    AddsOneByOne,
    /// Of several, those before the one that it refuses are added.
    AddsWhatComesFirst,
    /// Says that all is well.
    DropsWhatItCannotTake,
}

/// The reference index, said to be durable and shared, with one defect.
#[derive(Clone, Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryEvidenceIndex,
    /// What was added, in that order.
    added: Arc<Mutex<Vec<IndexedEvidence>>>,
    /// How many pages of the query were given.
    pages: Arc<Mutex<usize>>,
}

impl Planted {
    fn new(defect: Defect) -> Self {
        Self { defect, inner: MemoryEvidenceIndex::new(), added: Arc::default(), pages: Arc::default() }
    }

    fn added(&self) -> Vec<IndexedEvidence> {
        self.added.lock().unwrap().clone()
    }

    async fn add_one(&self, cx: &OpContext, evidence: &IndexedEvidence) -> Result<()> {
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
        match self.inner.add(cx, evidence).await {
            Err(_) if self.defect == Defect::DropsWhatItCannotTake => Ok(()),
            added => added,
        }
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

    async fn add_all(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        if !matches!(self.defect, Defect::AddsWhatComesFirst | Defect::DropsWhatItCannotTake) {
            evidence.iter().try_for_each(IndexedEvidence::check)?;
        }
        for one in evidence {
            self.add_one(cx, one).await?;
            if self.defect == Defect::AddsOneByOne {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
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
            Defect::LosesPlaces => found = found.into_iter().map(|it| added_last(&added, it)).collect(),
            _ => {}
        }
        Ok(found)
    }

    async fn query(&self, _: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage> {
        if query.after.is_none() {
            *self.pages.lock().unwrap() = 0;
        }
        let found = self.found(query);
        *self.pages.lock().unwrap() += 1;
        let mut page = EvidencePage::cut(found, query.limit);
        match self.defect {
            Defect::PromisesMore if page.evidence.len() == usize::from(query.limit.get()) => {
                page.next = page.evidence.last().map(EvidenceCursor::of);
            }
            Defect::LosesPlaces => {
                let added = self.added();
                page.evidence = page.evidence.into_iter().map(|it| added_last(&added, it)).collect();
            }
            _ => {}
        }
        Ok(page)
    }
}

/// What was added last of the same envelope.
fn added_last(added: &[IndexedEvidence], evidence: IndexedEvidence) -> IndexedEvidence {
    added.iter().rev().find(|other| key(other) == key(&evidence)).cloned().unwrap_or(evidence)
}

impl Planted {
    /// What the defect makes of a query.
    fn asked(&self, query: &EvidenceQuery) -> EvidenceQuery {
        let mut asked = query.clone();
        match (self.defect, query.window) {
            (Defect::OverlooksAName, _) => asked.id = None,
            (Defect::OverlooksAVerdict, _) => asked.verdict = None,
            (Defect::ClosesAWindowLate, Some(window)) => {
                let late = UnixMillis(window.until().0.saturating_add(1));
                asked.window = Window::new(window.from(), late).ok();
            }
            (Defect::QueriesTheOldestFirst | Defect::GivesThePageEndTwice | Defect::SkipsOneInstant | Defect::CountsPages, _) => {
                asked.after = None;
            }
            _ => {}
        }
        asked
    }

    /// All that a query finds behind its place, in order, whatever its limit.
    fn found(&self, query: &EvidenceQuery) -> Vec<IndexedEvidence> {
        let asked = self.asked(query);
        let undated = EvidenceQuery { window: None, ..asked.clone() };
        let is_old =
            |it: &IndexedEvidence| query.window.is_some_and(|window| window.from() == UnixMillis(i64::MIN)) && at(it).is_none();
        let matches = |it: &IndexedEvidence| match self.defect {
            Defect::TakesConditionsForAlternatives if query.unit.is_some() && query.change_set.is_some() => {
                let either = EvidenceQuery { change_set: None, ..asked.clone() };
                let or = EvidenceQuery { unit: None, ..asked.clone() };
                either.matches(it) || or.matches(it)
            }
            Defect::TakesWhatHasNoTimeForOld if is_old(it) => undated.matches(it),
            _ => asked.matches(it),
        };
        let mut found: Vec<_> = self.inner.all().into_iter().filter(matches).collect();
        found.sort_by_key(EvidenceCursor::of);
        let Some(after) = query.after else {
            if self.defect == Defect::QueriesTheOldestFirst {
                found.reverse();
            }
            return found;
        };
        match self.defect {
            Defect::QueriesTheOldestFirst => {
                found.reverse();
                found.retain(|it| EvidenceCursor::of(it) < after);
            }
            Defect::GivesThePageEndTwice => found.retain(|it| EvidenceCursor::of(it) >= after),
            Defect::SkipsOneInstant => found.retain(|it| at(it) < after.at()),
            Defect::CountsPages => found = found.split_off(found.len().min(usize::from(query.limit.get()) * self.pages())),
            _ => {}
        }
        found
    }

    /// How many pages were asked for before this one.
    fn pages(&self) -> usize {
        *self.pages.lock().unwrap()
    }
}

fn at(evidence: &IndexedEvidence) -> Option<UnixMillis> {
    evidence.facets().and_then(|facets| facets.at)
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
                "a_place_in_the_ledger_is_taken_up_and_kept",
                "what_was_acknowledged_is_there_after_a_restart",
                "what_one_has_added_another_finds",
            ],
        ),
        (
            Defect::KeepsOneEnvelopeOfAStatement,
            &[
                "a_second_signer_is_a_second_envelope",
                "a_proof_that_comes_later_is_taken_up",
                "a_place_in_the_ledger_is_taken_up_and_kept",
                "many_are_added_as_one",
            ],
        ),
        (
            Defect::OverlooksLaterProofs,
            &["a_proof_that_comes_later_is_taken_up", "a_place_in_the_ledger_is_taken_up_and_kept", "many_are_added_as_one"],
        ),
        (Defect::LosesProofs, &["a_proof_is_not_lost_by_adding_again", "a_place_in_the_ledger_is_taken_up_and_kept"]),
        (Defect::LetsWritersMeet, &["writers_beside_each_other_lose_nothing", "many_are_added_as_one"]),
        (Defect::AddsHalf, &["abandoned_evidence_is_whole_or_not_there", "many_are_added_as_one"]),
        (Defect::OverlooksAName, &["a_query_finds_by_each_of_its_conditions"]),
        (Defect::OverlooksAVerdict, &["a_query_finds_by_each_of_its_conditions", "conditions_narrow_together"]),
        (Defect::TakesConditionsForAlternatives, &["conditions_narrow_together"]),
        (Defect::TakesWhatHasNoTimeForOld, &["a_window_has_its_first_instant_and_not_its_last"]),
        (Defect::ClosesAWindowLate, &["a_window_has_its_first_instant_and_not_its_last"]),
        (
            Defect::QueriesTheOldestFirst,
            &[
                "a_query_finds_by_each_of_its_conditions",
                "conditions_narrow_together",
                "a_window_has_its_first_instant_and_not_its_last",
                "pages_follow_each_other_without_a_gap",
                "what_is_added_between_two_pages_disturbs_none",
            ],
        ),
        (
            Defect::GivesThePageEndTwice,
            &["pages_follow_each_other_without_a_gap", "what_is_added_between_two_pages_disturbs_none"],
        ),
        (Defect::SkipsOneInstant, &["pages_follow_each_other_without_a_gap"]),
        (Defect::CountsPages, &["what_is_added_between_two_pages_disturbs_none"]),
        (Defect::PromisesMore, &["pages_follow_each_other_without_a_gap"]),
        (Defect::LosesPlaces, &["a_proof_is_not_lost_by_adding_again", "a_place_in_the_ledger_is_taken_up_and_kept"]),
        (Defect::AddsOneByOne, &["many_are_added_as_one"]),
        (Defect::AddsWhatComesFirst, &["what_no_index_takes_is_refused_and_the_rest_with_it"]),
        (Defect::DropsWhatItCannotTake, &["what_no_index_takes_is_refused_and_the_rest_with_it"]),
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
