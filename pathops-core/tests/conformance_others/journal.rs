use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Created, Entry, Journal, JournalCapabilities, Lease, Run, RunFilter, Seq, Signal, SignalNumber, Transition,
};
use pathops_core::conformance::journal::{JournalFixture, JournalWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryJournal};
use pathops_core::{ErrorKind, OpContext, Result, RunId, UnixMillis};
use serde_json::Value;

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    TakesAnyExpectedNumber,
    RefusesTheSameTransition,
    OverlooksTheFence,
    GivesHeldLeases,
    NeverGivesExpiredLeases,
    FreesAnybodysLease,
    MixesUpOpenOperations,
    GivesEntriesTwice,
    OverlooksTheLimit,
    ListsEndedRuns,
    ListsRunsOfAnyMachine,
    ListsInNoOrder,
    ListsTheFirstPageAgain,
    OverlooksTheLimitOfAList,
    TakesAnotherRunOfThatName,
    CallsEveryRunNew,
    ClosesAnything,
    SkipsUsedOperations,
    LeavesPartsOfWhatItRefuses,
    GoesOnAfterTheEnd,
    ForgetsOnRestart,
    ClaimsHeldRuns,
    ClaimsEndedRuns,
    ClaimsRunsOfAnyMachine,
    NeverClaimsExpired,
    OverlooksTheLimitOfAClaim,
    SurrendersNothing,
    SurrendersForEverybody,
    SurrendersAnyLease,
    WakesNobody,
    WakesAllTheTime,
    ForgetsSignals,
    TellsTheSameTwice,
    TakesAnythingUnderAKey,
    GivesSignalsInNoOrder,
    OverlooksTheLimitOfSignals,
    HearsAnything,
    ForgetsWhatWasHeard,
    TellsWhatHasEnded,
    NamesNoRun,
    ArchivesNothing,
    ArchivesWhatHasJustEnded,
    OverlooksTheLimitOfAnArchive,
    ListsTheArchive,
    LosesWhatIsArchived,
    TellsTheArchive,
    BeginsWhatIsArchivedAgain,
}

/// The reference journal, said to be durable and shared, with one defect.
#[derive(Clone, Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryJournal,
    given: Arc<Mutex<Vec<Lease>>>,
    ended: Arc<Mutex<Vec<RunId>>>,
    archived: Arc<Mutex<Vec<RunId>>>,
}

impl Planted {
    fn new(defect: Defect) -> Self {
        Self { defect, inner: MemoryJournal::new(), given: Arc::default(), ended: Arc::default(), archived: Arc::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn has_archived(&self, run: &RunId) -> bool {
        self.archived.lock().unwrap().contains(run)
    }

    fn newest(&self, lease: &Lease) -> Lease {
        self.given.lock().unwrap().iter().rev().find(|given| given.name == lease.name).unwrap_or(lease).clone()
    }

    /// Gives back every lease that is held, of those that are `meant`.
    async fn free(&self, cx: &OpContext, meant: impl Fn(&Lease) -> bool + Send) -> Result<()> {
        let given = self.given.lock().unwrap().clone();
        for lease in given.iter().filter(|lease| meant(lease)) {
            self.inner.release(cx, lease).await?;
        }
        Ok(())
    }

    async fn append_anyway(&self, cx: &OpContext, lease: &Lease, run: &RunId, at: Seq, next: &Transition) -> Result<Seq> {
        let answer = self.inner.append(cx, lease, run, at, next).await;
        if !answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Invalid) {
            return answer;
        }
        let entries = self.inner.entries(cx, run, Seq(0), usize::MAX).await?;
        let used = |op| entries.iter().flat_map(|entry| &entry.opens).any(|open| open.op == op);
        let unused = next.opens.iter().filter(|open| !used(open.op)).cloned().collect();
        match self.defect {
            Defect::ClosesAnything => self.inner.append(cx, lease, run, at, &Transition { closes: None, ..next.clone() }).await,
            Defect::SkipsUsedOperations => {
                self.inner.append(cx, lease, run, at, &Transition { opens: unused, ..next.clone() }).await
            }
            Defect::LeavesPartsOfWhatItRefuses => {
                let _part = self.inner.append(cx, lease, run, at, &Transition { opens: unused, ..next.clone() }).await;
                answer
            }
            _ => answer,
        }
    }
}

#[async_trait]
impl Journal for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> JournalCapabilities {
        capabilities()
    }

    async fn acquire(&self, cx: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>> {
        let newest = self.given.lock().unwrap().iter().rev().find(|given| given.name == name).cloned();
        if self.has(Defect::NeverGivesExpiredLeases) && newest.as_ref().is_some_and(|newest| newest.owner != owner) {
            return Ok(None);
        }
        if let Some(newest) = newest.filter(|_| self.has(Defect::GivesHeldLeases)) {
            self.inner.release(cx, &newest).await?;
        }
        let lease = self.inner.acquire(cx, name, owner, now, ttl).await?;
        self.given.lock().unwrap().extend(lease.clone());
        Ok(lease)
    }

    async fn release(&self, cx: &OpContext, lease: &Lease) -> Result<()> {
        let lease = if self.has(Defect::FreesAnybodysLease) { self.newest(lease) } else { lease.clone() };
        self.inner.release(cx, &lease).await
    }

    async fn claim(
        &self,
        cx: &OpContext,
        machine: &str,
        owner: &str,
        now: UnixMillis,
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        if self.has(Defect::ClaimsHeldRuns) {
            self.free(cx, |lease| lease.name != "engine").await?;
        }
        // To it, what has expired is still held.
        let now = if self.has(Defect::NeverClaimsExpired) { UnixMillis(1_000) } else { now };
        let limit = if self.has(Defect::OverlooksTheLimitOfAClaim) { usize::MAX } else { limit };
        let mut claimed = self.inner.claim(cx, machine, owner, now, ttl, limit).await?;
        if self.has(Defect::ClaimsRunsOfAnyMachine) {
            claimed.extend(self.inner.claim(cx, "another", owner, now, ttl, limit).await?);
        }
        let ended = self.ended.lock().unwrap().clone();
        if self.has(Defect::GoesOnAfterTheEnd) {
            claimed.retain(|lease| !ended.iter().any(|run| run.as_str() == lease.name));
        }
        for run in ended.iter().filter(|_| self.has(Defect::ClaimsEndedRuns)) {
            claimed.extend(self.inner.acquire(cx, run.as_str(), owner, now, ttl).await?);
        }
        self.given.lock().unwrap().extend(claimed.iter().cloned());
        Ok(claimed)
    }

    async fn surrender(&self, cx: &OpContext, machine: &str, owner: &str) -> Result<()> {
        match self.defect {
            Defect::SurrendersNothing => Ok(()),
            Defect::SurrendersForEverybody => self.free(cx, |lease| lease.name != "engine").await,
            Defect::SurrendersAnyLease => self.free(cx, |lease| lease.owner == owner).await,
            _ => self.inner.surrender(cx, machine, owner).await,
        }
    }

    async fn woken(&self) -> Option<RunId> {
        match self.defect {
            Defect::WakesNobody => std::future::pending().await,
            Defect::WakesAllTheTime => None,
            Defect::NamesNoRun => self.inner.woken().await.and(None),
            _ => self.inner.woken().await,
        }
    }

    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber> {
        match (self.defect, self.inner.tell(cx, run, at, told).await) {
            (Defect::TellsTheSameTwice, Ok(_)) => {
                let others = self.inner.told(cx, run, SignalNumber(0), usize::MAX).await?.len();
                self.inner.tell(&cx.part(&others.to_string()), run, at, told).await
            }
            (Defect::TakesAnythingUnderAKey, Err(error)) if error.kind() == ErrorKind::AlreadyExists => Ok(SignalNumber(1)),
            (Defect::TellsTheArchive, Err(error)) if error.kind() == ErrorKind::Invalid && self.has_archived(run) => {
                Ok(SignalNumber(2))
            }
            (Defect::TellsWhatHasEnded, Err(error)) if error.kind() == ErrorKind::Invalid => Ok(SignalNumber(2)),
            (_, answer) => answer,
        }
    }

    async fn told(&self, cx: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        let limit = if self.has(Defect::OverlooksTheLimitOfSignals) { usize::MAX } else { limit };
        let mut told = self.inner.told(cx, run, after, limit).await?;
        match self.defect {
            Defect::ForgetsSignals => told.clear(),
            Defect::GivesSignalsInNoOrder => told.reverse(),
            _ => {}
        }
        Ok(told)
    }

    async fn create(&self, cx: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        let lease = if self.has(Defect::OverlooksTheFence) { self.newest(lease) } else { lease.clone() };
        if first.ends {
            self.ended.lock().unwrap().push(run.clone());
        }
        match self.inner.create(cx, &lease, run, machine, first).await {
            Ok(_) if self.has(Defect::CallsEveryRunNew) => Ok(Created::New),
            _ if self.has(Defect::BeginsWhatIsArchivedAgain) && self.has_archived(run) => Ok(Created::New),
            Err(error) if self.has(Defect::TakesAnotherRunOfThatName) && error.kind() == ErrorKind::AlreadyExists => {
                Ok(Created::Existing)
            }
            answer => answer,
        }
    }

    async fn append(&self, cx: &OpContext, lease: &Lease, run: &RunId, expected: Seq, next: &Transition) -> Result<Seq> {
        let lease = if self.has(Defect::OverlooksTheFence) { self.newest(lease) } else { lease.clone() };
        let last = self.inner.load(cx, run).await?.map_or(expected, |run| run.seq);
        let expected = if self.has(Defect::TakesAnyExpectedNumber) { last } else { expected };
        if self.has(Defect::RefusesTheSameTransition) && last != expected {
            return Err(pathops_core::Error::new(ErrorKind::Conflict, "add a transition"));
        }
        if self.has(Defect::HearsAnything) && next.hears.is_some() {
            let deaf = Transition { hears: None, ..next.clone() };
            let heard = self.inner.append(cx, &lease, run, expected, next).await;
            return if heard.is_ok() { heard } else { self.inner.append(cx, &lease, run, expected, &deaf).await };
        }
        let ends = next.ends && !self.has(Defect::GoesOnAfterTheEnd);
        if next.ends {
            self.ended.lock().unwrap().push(run.clone());
        }
        self.append_anyway(cx, &lease, run, expected, &Transition { ends, ..next.clone() }).await
    }

    async fn load(&self, cx: &OpContext, run: &RunId) -> Result<Option<Run>> {
        let mut loaded = self.inner.load(cx, run).await?;
        if self.has(Defect::LosesWhatIsArchived) && self.has_archived(run) {
            return Ok(None);
        }
        if let Some(run) = loaded.as_mut().filter(|_| self.has(Defect::MixesUpOpenOperations)) {
            run.open.sort_by_key(|open| open.op.0.to_string());
        }
        if let Some(run) = loaded.as_mut().filter(|_| self.has(Defect::ForgetsWhatWasHeard)) {
            run.heard = SignalNumber(0);
        }
        if let Some(run) = loaded.as_mut().filter(|_| self.has(Defect::GoesOnAfterTheEnd)) {
            run.ended = self.ended.lock().unwrap().contains(&run.id);
        }
        Ok(loaded)
    }

    async fn runs<'a>(&self, cx: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        let (mut filter, mut after, mut limit) = (filter.clone(), after, limit);
        let wanted = filter.ended;
        if self.has(Defect::ListsEndedRuns) || self.has(Defect::GoesOnAfterTheEnd) {
            filter.ended = None;
        }
        if self.has(Defect::ListsRunsOfAnyMachine) {
            filter.machine = None;
        }
        if self.has(Defect::ListsTheFirstPageAgain) {
            after = None;
        }
        if self.has(Defect::OverlooksTheLimitOfAList) {
            limit = usize::MAX;
        }
        let mut runs = self.inner.runs(cx, &filter, after, limit).await?;
        if self.has(Defect::GoesOnAfterTheEnd) {
            let ended = self.ended.lock().unwrap();
            runs.retain(|run| wanted.is_none_or(|wanted| wanted == ended.contains(run)));
        }
        if self.has(Defect::ListsTheArchive) && !filter.archived {
            filter.archived = true;
            runs.extend(self.inner.runs(cx, &filter, after, limit).await?);
            runs.sort();
        }
        if self.has(Defect::ListsInNoOrder) {
            runs.reverse();
        }
        Ok(runs)
    }

    async fn entries(&self, cx: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        let after = if self.has(Defect::GivesEntriesTwice) { Seq(after.0.saturating_sub(1)) } else { after };
        let limit = if self.has(Defect::OverlooksTheLimit) { usize::MAX } else { limit };
        self.inner.entries(cx, run, after, limit).await
    }

    async fn archive(&self, cx: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        let archived = match self.defect {
            Defect::ArchivesNothing => Vec::new(),
            Defect::ArchivesWhatHasJustEnded => self.inner.archive(cx, UnixMillis(ended_before.0 + 1), limit).await?,
            Defect::OverlooksTheLimitOfAnArchive => self.inner.archive(cx, ended_before, usize::MAX).await?,
            _ => self.inner.archive(cx, ended_before, limit).await?,
        };
        self.archived.lock().unwrap().extend(archived.iter().cloned());
        Ok(archived)
    }
}

fn capabilities() -> JournalCapabilities {
    let mut capabilities = JournalCapabilities::default();
    (capabilities.durable, capabilities.shared, capabilities.wakes) = (true, true, true);
    capabilities
}

fn of_memory() -> JournalCapabilities {
    let mut capabilities = JournalCapabilities::default();
    capabilities.wakes = true;
    capabilities
}

struct Memory;

#[async_trait]
impl JournalFixture for Memory {
    async fn fresh(&self) -> JournalWorld {
        let journal = MemoryJournal::new();
        JournalWorld::new(
            move || {
                let journal = journal.clone();
                async move { Arc::new(journal) as Arc<dyn Journal> }
            },
            (),
        )
    }
}

#[async_trait]
impl JournalFixture for Defect {
    async fn fresh(&self) -> JournalWorld {
        let (defect, journal) = (*self, Planted::new(*self));
        JournalWorld::new(
            move || {
                let journal = if defect == Defect::ForgetsOnRestart { Planted::new(defect) } else { journal.clone() };
                let journal: Arc<dyn Journal> = Arc::new(journal);
                async { Arc::new(Faulty::new(journal, no_faults())) as Arc<dyn Journal> }
            },
            (),
        )
    }
}

#[test]
fn the_reference_journal_does_all_of_it() {
    assert_eq!(failing(&cases(of_memory()), &worlds(Arc::new(Memory))), [""; 0]);
    assert_eq!(failing(&cases(capabilities()), &worlds(Arc::new(Defect::None))), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let table: &[(Defect, &[&str])] = &[
        (
            Defect::TakesAnyExpectedNumber,
            &[
                "the_same_transition_again_gives_its_number",
                "an_abandoned_transition_is_settled_by_asking_again",
                "another_expected_number_is_a_conflict",
                "a_lost_answer_is_settled_under_a_new_lease",
                "nothing_follows_in_the_archive",
                "of_two_writers_one_wins",
            ],
        ),
        (
            Defect::RefusesTheSameTransition,
            &[
                "the_same_transition_again_gives_its_number",
                "an_abandoned_transition_is_settled_by_asking_again",
                "a_lost_answer_is_settled_under_a_new_lease",
                "nothing_follows_in_the_archive",
            ],
        ),
        (Defect::OverlooksTheFence, &["an_old_fence_writes_nothing", "a_claim_takes_over_what_has_expired"]),
        (
            Defect::GivesHeldLeases,
            &[
                "a_held_lease_is_not_given_to_others",
                "an_expired_lease_is_taken_over",
                "the_same_owner_gets_a_higher_fence",
                "giving_back_an_old_lease_changes_nothing",
                "a_claim_gives_the_right_to_write",
                "what_is_surrendered_is_claimed_by_others",
                "what_was_acknowledged_is_there_after_a_restart",
            ],
        ),
        (
            Defect::NeverGivesExpiredLeases,
            &[
                "an_expired_lease_is_taken_over",
                "a_lease_given_back_is_free",
                "giving_back_an_old_lease_changes_nothing",
                "an_old_fence_writes_nothing",
            ],
        ),
        (Defect::FreesAnybodysLease, &["giving_back_an_old_lease_changes_nothing"]),
        (Defect::MixesUpOpenOperations, &["open_operations_come_by_number"]),
        (Defect::GivesEntriesTwice, &["entries_come_page_by_page", "what_is_archived_is_read_as_before"]),
        (Defect::OverlooksTheLimit, &["entries_come_page_by_page", "what_is_archived_is_read_as_before"]),
        (Defect::ListsEndedRuns, &["runs_are_listed_by_what_they_are", "what_ended_before_is_archived"]),
        (Defect::ListsRunsOfAnyMachine, &["runs_are_listed_by_what_they_are", "what_ended_before_is_archived"]),
        (
            Defect::ListsInNoOrder,
            &["runs_are_listed_by_what_they_are", "runs_come_page_by_page", "what_ended_before_is_archived"],
        ),
        (Defect::ListsTheFirstPageAgain, &["runs_come_page_by_page", "what_ended_before_is_archived"]),
        (Defect::OverlooksTheLimitOfAList, &["runs_come_page_by_page", "what_ended_before_is_archived"]),
        (Defect::TakesAnotherRunOfThatName, &["another_run_of_that_name_already_exists", "nothing_follows_in_the_archive"]),
        (Defect::CallsEveryRunNew, &["creating_again_changes_nothing", "nothing_follows_in_the_archive"]),
        (Defect::ClosesAnything, &["only_an_open_operation_is_closed"]),
        (Defect::SkipsUsedOperations, &["an_operation_number_is_used_once"]),
        (Defect::LeavesPartsOfWhatItRefuses, &["an_operation_number_is_used_once"]),
        (
            Defect::GoesOnAfterTheEnd,
            &[
                "nothing_follows_the_end",
                "what_ended_before_is_archived",
                "what_is_archived_is_read_as_before",
                "nothing_follows_in_the_archive",
            ],
        ),
        (
            Defect::ForgetsOnRestart,
            &[
                "what_was_acknowledged_is_there_after_a_restart",
                "what_was_told_is_there_after_a_restart",
                "what_was_archived_is_there_after_a_restart",
                "of_two_writers_one_wins",
                "of_many_who_tell_each_has_a_number",
                "who_waits_hears_which_run_was_told",
                "who_waits_is_woken",
            ],
        ),
        (
            Defect::ClaimsHeldRuns,
            &[
                "open_runs_that_nobody_holds_are_claimed",
                "a_claim_takes_over_what_has_expired",
                "a_claim_has_a_limit",
                "what_is_surrendered_is_claimed_by_others",
                "each_run_is_claimed_by_one",
            ],
        ),
        (
            Defect::ClaimsEndedRuns,
            &["open_runs_that_nobody_holds_are_claimed", "a_claim_gives_the_right_to_write", "nothing_follows_in_the_archive"],
        ),
        (Defect::ClaimsRunsOfAnyMachine, &["open_runs_that_nobody_holds_are_claimed"]),
        (Defect::NeverClaimsExpired, &["a_claim_takes_over_what_has_expired"]),
        (Defect::OverlooksTheLimitOfAClaim, &["a_claim_has_a_limit"]),
        (Defect::SurrendersNothing, &["what_is_surrendered_is_claimed_by_others", "who_waits_is_woken"]),
        (Defect::SurrendersForEverybody, &["what_is_surrendered_is_claimed_by_others"]),
        (Defect::SurrendersAnyLease, &["what_is_surrendered_is_claimed_by_others"]),
        (Defect::WakesNobody, &["who_waits_hears_which_run_was_told", "who_waits_is_woken"]),
        (Defect::WakesAllTheTime, &["who_waits_hears_which_run_was_told", "who_waits_is_woken"]),
    ];
    fail_as_they_should(table);
}

#[test]
fn each_defect_of_signals_fails_the_cases_that_name_it() {
    fail_as_they_should(&[
        (
            Defect::ForgetsSignals,
            &[
                "signals_are_heard_one_after_the_other",
                "telling_again_changes_nothing",
                "a_run_is_told_before_it_begins",
                "what_is_archived_is_read_as_before",
                "what_was_told_is_there_after_a_restart",
                "of_many_who_tell_each_has_a_number",
            ],
        ),
        (
            Defect::TellsTheSameTwice,
            &[
                "signals_are_heard_one_after_the_other",
                "telling_again_changes_nothing",
                "a_run_is_told_before_it_begins",
                "a_run_that_has_ended_is_told_nothing",
                "what_is_archived_is_read_as_before",
                "nothing_follows_in_the_archive",
                "what_was_told_is_there_after_a_restart",
                "of_many_who_tell_each_has_a_number",
            ],
        ),
        (Defect::TakesAnythingUnderAKey, &["telling_again_changes_nothing", "nothing_follows_in_the_archive"]),
        (
            Defect::GivesSignalsInNoOrder,
            &[
                "signals_are_heard_one_after_the_other",
                "what_was_told_is_there_after_a_restart",
                "of_many_who_tell_each_has_a_number",
            ],
        ),
        (Defect::OverlooksTheLimitOfSignals, &["signals_are_heard_one_after_the_other"]),
        (Defect::HearsAnything, &["only_the_next_signal_is_heard"]),
        (Defect::ForgetsWhatWasHeard, &["signals_are_heard_one_after_the_other", "what_was_told_is_there_after_a_restart"]),
        (Defect::TellsWhatHasEnded, &["a_run_that_has_ended_is_told_nothing", "nothing_follows_in_the_archive"]),
        (Defect::NamesNoRun, &["who_waits_hears_which_run_was_told"]),
    ]);
}

#[test]
fn each_defect_of_the_archive_fails_the_cases_that_name_it() {
    fail_as_they_should(&[
        (Defect::ArchivesNothing, &["what_ended_before_is_archived", "what_is_archived_is_read_as_before"]),
        (Defect::ArchivesWhatHasJustEnded, &["what_ended_before_is_archived"]),
        (Defect::OverlooksTheLimitOfAnArchive, &["what_ended_before_is_archived"]),
        (Defect::ListsTheArchive, &["what_ended_before_is_archived"]),
        (
            Defect::LosesWhatIsArchived,
            &[
                "what_is_archived_is_read_as_before",
                "nothing_follows_in_the_archive",
                "what_was_archived_is_there_after_a_restart",
            ],
        ),
        (Defect::TellsTheArchive, &["nothing_follows_in_the_archive"]),
        (Defect::BeginsWhatIsArchivedAgain, &["nothing_follows_in_the_archive"]),
    ]);
}

fn fail_as_they_should(table: &[(Defect, &[&str])]) {
    let failing = |defect| failing(&cases(capabilities()), &worlds(Arc::new(defect)));
    let others: Vec<_> = table.iter().map(|(defect, expected)| (defect, failing(*defect), expected)).collect();
    let others: Vec<_> = others.into_iter().filter(|(_, failing, expected)| failing != *expected).collect();
    assert!(others.is_empty(), "{others:#?}");
}
