//! What is really so: the reference adapters themselves, behind every fault and every planted bug, and what their scripts
//! have done. Invariants are held against this, never against what PathOps was told.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pathops_coordinator::change_set::Role;
use pathops_coordinator::incident::{self, Incident, Standing};
use pathops_core::adapter::{
    Clock as _, Commit, Inbox as _, InboxQuery, Journal as _, PullRequest, Run, RunFilter, Scm, SourceTree, StoredDelivery,
};
use pathops_core::flow::Machine as _;
use pathops_core::memory::{ManualClock, MemoryBlobs, MemoryForge, MemoryInbox, MemoryJournal, MemoryNotifier};
use pathops_core::{
    BranchName, CommitId, Digest, IdempotencyKey, OpContext, PersonId, PullRequestNumber, RepoId, RepoPath, RunId, UnitId,
    UnixMillis,
};
use pathops_evidence::EvidenceRecord;

use crate::shape::Shape;

/// Where virtual time begins: a Monday.
pub(crate) const START: UnixMillis = UnixMillis(1_763_971_200_000);

/// What is really so.
#[derive(Clone)]
pub(crate) struct Truth {
    pub(crate) shape: Arc<Shape>,
    pub(crate) clock: ManualClock,
    pub(crate) forge: MemoryForge,
    pub(crate) scm: Arc<dyn Scm>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) journal: MemoryJournal,
    pub(crate) notifier: MemoryNotifier,
    pub(crate) inbox: MemoryInbox,
    pub(crate) records: Arc<Mutex<Records>>,
    /// How long a rollout takes, until its jobs have ended.
    pub(crate) rollout: Duration,
}

/// What was done outside, as those note it who did it.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// How far the wall clock has been off so far, in milliseconds; the last one counts now.
    pub(crate) offsets: Vec<i64>,
    /// What each artifact was built from, and whether its tests ran and passed.
    pub(crate) built: BTreeMap<Digest, Built>,
    /// Every rollout, oldest first.
    pub(crate) rollouts: Vec<Rolled>,
    /// People who pushed to a unit in a change set, or were named as co-authors there.
    pub(crate) parts: BTreeMap<(String, UnitId), BTreeSet<PersonId>>,
    /// When a success was last posted, by commit.
    pub(crate) posted: BTreeMap<CommitId, Duration>,
    /// How many reviews a pull request had when they were last read, and when that was.
    pub(crate) reviews_read: BTreeMap<(RepoId, PullRequestNumber), (usize, Duration)>,
    /// Commits that PathOps made.
    pub(crate) published: BTreeSet<CommitId>,
    /// When each unit was last really seen in preflight.
    pub(crate) looks: BTreeMap<UnitId, Duration>,
    /// Commits that people made.
    pub(crate) by_people: BTreeSet<CommitId>,
    /// Every incident that was declared, by its name.
    pub(crate) incidents: BTreeMap<String, Declared>,
    /// Those of which there is a run.
    pub(crate) begun: BTreeSet<String>,
    /// Runs that were moved to the archive.
    pub(crate) archived: BTreeSet<RunId>,
}

/// An incident, as the meta repository declares it.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// `None`: the whole project.
    pub(crate) unit: Option<UnitId>,
    pub(crate) since: UnixMillis,
    /// When it could be read there, by the clock that never jumps.
    pub(crate) opened: Duration,
    /// As of when people have closed it.
    pub(crate) closed: Option<UnixMillis>,
}

/// What a pipeline made.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) unit: UnitId,
    pub(crate) passed: bool,
}

/// What the controller deployed.
#[derive(Clone, Debug)]
pub(crate) struct Rolled {
    pub(crate) unit: UnitId,
    pub(crate) production: bool,
    pub(crate) artifact: Option<Digest>,
    pub(crate) passes: bool,
    /// When, by the clock that never jumps.
    pub(crate) at: Duration,
}

/// Which pull request of which change set and unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) change_set: String,
    pub(crate) unit: UnitId,
    pub(crate) role: Role,
}

impl Declared {
    pub(crate) fn is_about(&self, unit: &UnitId) -> bool {
        self.unit.as_ref().is_none_or(|it| it == unit)
    }
}

impl Truth {
    /// How much time has passed, by the clock that never jumps.
    pub(crate) fn elapsed(&self) -> Duration {
        let offset = self.records.lock().unwrap().offsets.last().copied().unwrap_or(0);
        Duration::from_millis(u64::try_from(self.clock.now().0 - START.0 - offset).unwrap_or(0))
    }

    /// What the wall clock shows.
    pub(crate) fn clock_now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub(crate) fn pull_request(&self, repo: &RepoId, number: PullRequestNumber) -> PullRequest {
        wait(self.scm.pull_request(&cx(), repo, number)).unwrap()
    }

    /// All pull requests of a repository.
    pub(crate) fn pull_requests(&self, repo: &RepoId) -> Vec<PullRequest> {
        (1..).map_while(|number| wait(self.scm.pull_request(&cx(), repo, PullRequestNumber(number))).ok()).collect()
    }

    /// The pull request that proposes a commit: as its head, or as an earlier one, where somebody has pushed more meanwhile.
    /// Nobody can be quicker than those who push between a look and a write; the status is that of the commit it was for.
    pub(crate) fn proposing(&self, repo: &RepoId, commit: &CommitId) -> Option<PullRequest> {
        let was_head = |it: &PullRequest| {
            let base = self.head(repo, &it.base);
            let commits = wait(self.scm.log(&cx(), repo, base.as_ref(), &it.head, 1_000)).unwrap();
            commits.iter().any(|earlier| earlier.id == *commit)
        };
        let mut all = self.pull_requests(repo);
        let place = all.iter().position(|it| it.head == *commit).or_else(|| all.iter().position(was_head))?;
        Some(all.swap_remove(place))
    }

    pub(crate) fn head(&self, repo: &RepoId, branch: &BranchName) -> Option<CommitId> {
        wait(self.scm.branch_head(&cx(), repo, branch)).unwrap()
    }

    pub(crate) fn files(&self, repo: &RepoId, commit: &CommitId, folder: &str) -> SourceTree {
        wait(self.scm.read_tree(&cx(), repo, commit, &RepoPath::parse(folder).unwrap())).unwrap()
    }

    /// The commits of a branch of a change set, after the one that it was made at.
    pub(crate) fn log(&self, repo: &RepoId, base: &CommitId, head: &CommitId) -> Vec<Commit> {
        wait(self.scm.log(&cx(), repo, Some(base), head, 1_000)).unwrap()
    }

    /// The latest rollout of a unit in an environment.
    pub(crate) fn rolled(&self, unit: &UnitId, production: bool) -> Option<Rolled> {
        let records = self.records.lock().unwrap();
        records.rollouts.iter().rev().find(|it| it.unit == *unit && it.production == production).cloned()
    }

    /// Whether somebody has looked at a unit in preflight within `age`.
    pub(crate) fn seen_lately(&self, unit: &UnitId, age: Duration) -> bool {
        let now = self.elapsed();
        self.records.lock().unwrap().looks.get(unit).is_some_and(|look| now.saturating_sub(*look) <= age)
    }

    /// The runs of incidents, as the journal really has them.
    pub(crate) fn incidents(&self) -> Vec<(Run, incident::State)> {
        let list = |archived: bool| {
            let filter = RunFilter { archived, ..RunFilter::of(Incident::NAME) };
            wait(self.journal.runs(&cx(), &filter, None, usize::MAX)).unwrap()
        };
        let load = |run: &RunId| {
            let run = wait(self.journal.load(&cx(), run)).unwrap().unwrap();
            let state = serde_json::from_value(run.state.clone()).unwrap();
            (run, state)
        };
        [false, true].into_iter().flat_map(list).map(|run| load(&run)).collect()
    }

    /// Everything that was stored of what the gateway has received, the oldest first.
    pub(crate) fn deliveries(&self) -> Vec<StoredDelivery> {
        wait(self.inbox.find(&cx(), &InboxQuery::default(), usize::MAX)).unwrap()
    }

    /// Repositories of a unit: the source where it has one, and the desired state.
    pub(crate) fn repos(&self) -> Vec<RepoId> {
        let units = &self.shape.units;
        let names = units.iter().flat_map(|unit| {
            let source = unit.app.then(|| format!("shop/{}-src", unit.id));
            source.into_iter().chain([format!("shop/{}-gitops", unit.id)])
        });
        names.map(|name| name.parse().unwrap()).collect()
    }
}

impl Place {
    /// `None` where the branch is none of a change set.
    pub(crate) fn of(repo: &RepoId, branch: &BranchName) -> Option<Self> {
        let unit = repo.as_str().strip_prefix("shop/")?;
        let unit = unit.strip_suffix("-src").or_else(|| unit.strip_suffix("-gitops"))?.parse().ok()?;
        let name = branch.as_str().strip_prefix("pathops/")?;
        // The way back in production ends like the other one.
        let roles = [Role::Restore, Role::Recovery, Role::Source, Role::Preflight, Role::Production];
        let (change_set, role) =
            roles.into_iter().find_map(|role| Some((name.strip_suffix(&format!("-{role}"))?.to_owned(), role)))?;
        Some(Self { change_set, unit, role })
    }

    pub(crate) fn in_production(&self) -> bool {
        matches!(self.role, Role::Production | Role::Restore)
    }
}

/// Whether a run is one of an incident: in these worlds no change set is called that.
pub(crate) fn is_incident(run: &RunId) -> bool {
    run.as_str().starts_with("incident-")
}

/// What was signed in the run of an incident.
pub(crate) fn signed_in(state: &incident::State) -> impl Iterator<Item = &EvidenceRecord> {
    let snapshots = state.affected.values().map(|affected| &affected.snapshot);
    let ends = state.over.iter().filter_map(|over| over.signed.as_ref());
    snapshots.chain(ends).filter_map(|standing| if let Standing::Done(record) = standing { Some(record) } else { None })
}

/// Runs a future that never has to wait: the memory adapters answer at once.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a memory adapter waits"),
    }
}

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("simulation"))
}
