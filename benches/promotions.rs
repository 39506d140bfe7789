//! How long it takes from an approval to the decision about it, while many promotions wait for people over a large project:
//! `cargo bench -p pathops-benches --bench promotions`; with `-- --test` a few, to see that it works.
//!
//! The host is as it would be: a control plane that drives every change set, on the journal in SQLite and the clock of this machine, with
//! two threads. What is around it is in memory, in the same process, and its memory counts. Each change set goes its whole way to the pull
//! request into production; then people approve one after the other, [`APPROVALS`] in a second, and the host is told so as a webhook
//! would tell it. A decision counts once it is in the journal and its status is posted.
//!
//! Beside it stands what it takes to read and check the declarations of the project once, which every look would take that read them for
//! itself. It fails where 99 of 100 decisions take longer than [`DECISION`], or the process ever has more than [`MEMORY`] MiB resident.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]
#![expect(clippy::disallowed_methods, reason = "it measures the wall clock: people and the disk are what is waited for")]

#[path = "promotions/world.rs"]
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pathops_adapters::sqlite::SqliteJournal;
use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::{ChangeSet, Command, Outcome, PullRequestRef, Role};
use pathops_core::adapter::ReviewState;
use pathops_core::flow::{Observer, Progress};
use pathops_core::memory::MemoryForge;
use pathops_core::project::load;
use pathops_core::{CommitId, IdempotencyKey, PullRequestNumber, RepoId};

use world::{World, feature, meta};

/// How long 99 of 100 decisions may take.
const DECISION: Duration = Duration::from_millis(100);

/// What may be resident, in MiB.
const MEMORY: u64 = 500;

/// Approvals in a second.
const APPROVALS: u32 = 50;

/// After this it is given up.
const PATIENCE: Duration = Duration::from_secs(900);

type PullRequest = (RepoId, PullRequestNumber);

/// What the host has said of its pull requests.
#[derive(Default)]
struct Said {
    /// Those into the sources that wait for people, with their heads.
    reviews: VecDeque<(PullRequest, CommitId)>,
    /// Those into production that wait for people.
    waiting: Vec<(PullRequest, CommitId)>,
    decided: BTreeMap<PullRequest, Instant>,
    failed: Vec<String>,
}

#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Said>>);

impl Desk {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observer(&self) -> Observer<ChangeSet> {
        let desk = self.clone();
        Arc::new(move |_, progress| match progress {
            Progress::Began { command: Command::AwaitMerge { role: Role::Source, pull_request, .. }, .. } => {
                desk.said().reviews.push_back(named(pull_request));
            }
            Progress::Began { command: Command::Promote { pull_request, until_merged: false, .. }, .. } => {
                desk.said().waiting.push(named(pull_request));
            }
            Progress::Ended { command: Command::Promote { pull_request, .. }, outcome: Outcome::Granted(_), .. } => {
                desk.said().decided.insert(named(pull_request).0, Instant::now());
            }
            Progress::Ended { outcome: outcome @ (Outcome::Failed { .. } | Outcome::Refused(_)), .. } => {
                desk.said().failed.push(format!("{outcome:?}").chars().take(400).collect());
            }
            Progress::Stopped { error } => desk.said().failed.push(error.to_string()),
            _ => {}
        })
    }

    /// People see to the sources until so many change sets wait for their approval into production.
    async fn until_waiting(&self, many: usize, forge: &MemoryForge, plane: &ControlPlane) {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "{} came to wait for people", self.said().waiting.len());
            let reviews = std::mem::take(&mut self.said().reviews);
            for ((repo, number), head) in reviews {
                let bob = forge.person("bob".parse().expect("a name"));
                bob.review(&repo, number, &head, ReviewState::Approved, "fine").expect("a review");
                bob.merge(&repo, number, &head).expect("a merge");
                plane.pull_request_moved(&repo, number);
            }
            {
                let said = self.said();
                assert!(said.failed.is_empty(), "it does not get there: {:?}", said.failed);
                if said.waiting.len() == many {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn named(pull_request: &PullRequestRef) -> (PullRequest, CommitId) {
    ((pull_request.repo.clone(), pull_request.number), pull_request.head.clone())
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (apps, promotions) = if is_test { (100, 10) } else { (10_000, 1_000) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let problems = runtime.block_on(measured(apps, promotions));
    // A few of anything say nothing.
    if !problems.is_empty() && !is_test {
        println!("{}", problems.join("\n"));
        std::process::exit(1);
    }
}

/// What is worse than its limit.
async fn measured(apps: usize, promotions: usize) -> Vec<String> {
    let files = meta(apps);
    let begun = Instant::now();
    load(&files, "shop/meta".parse().expect("a name")).expect("a project");
    println!("to read and check the declarations of {apps} apps once: {:.0} ms", millis(begun.elapsed()));
    drop(files);

    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = (World::new(apps, promotions), Desk::default());
    let around = resident("VmRSS:");
    let journal = SqliteJournal::open(folder.path().join("journal.db")).await.expect("a journal");
    let plane = Arc::new(world.plane(journal, desk.observer()));
    let (over, host) = (Arc::new(AtomicBool::new(false)), tokio::runtime::Handle::current());
    let driving = std::thread::spawn({
        let (plane, over) = (plane.clone(), over.clone());
        let until_over = async move {
            while !over.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        move || host.block_on(plane.run(until_over)).expect("it drives them")
    });
    let begun = Instant::now();
    for app in 0..promotions {
        let key = IdempotencyKey::new(format!("feature-{app}"));
        plane.request_feature(feature(app), Some(&key)).await.expect("a change set");
    }
    desk.until_waiting(promotions, &world.forge, &plane).await;
    println!("{promotions} promotions came to wait for people in {:.1} s", begun.elapsed().as_secs_f64());

    let waiting = desk.said().waiting.clone();
    let carol = world.forge.person("carol".parse().expect("a name"));
    let (begun, mut approved) = (Instant::now(), BTreeMap::new());
    for (turn, ((repo, number), head)) in (0_u32..).zip(waiting) {
        tokio::time::sleep_until((begun + Duration::from_secs(1) * turn / APPROVALS).into()).await;
        approved.insert((repo.clone(), number), Instant::now());
        carol.review(&repo, number, &head, ReviewState::Approved, "fine").expect("a review");
        assert!(plane.pull_request_moved(&repo, number), "it waits for people");
    }
    while desk.said().decided.len() < promotions {
        assert!(!driving.is_finished() && begun.elapsed() < PATIENCE, "{} are decided", desk.said().decided.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    over.store(true, Ordering::Relaxed);
    driving.join().expect("it ends");
    let decided = std::mem::take(&mut desk.said().decided);
    let since = |(of, at): (&PullRequest, &Instant)| decided.get(of).map(|then| then.duration_since(*at));
    let mut took: Vec<_> = approved.iter().filter_map(since).collect();
    took.sort_unstable();
    let at = |hundredths: usize| took.get((took.len() * hundredths / 100).min(took.len() - 1)).copied().unwrap_or(Duration::MAX);
    let most = resident("VmHWM:");
    println!(
        "approval to decision, {APPROVALS} a second: median {:.1} ms, 99 of 100 {:.1} ms (limit {})",
        millis(at(50)),
        millis(at(99)),
        DECISION.as_millis()
    );
    println!("resident memory {most} MiB at most (limit {MEMORY}), {around} MiB of it for what is around the host");
    let slow = (at(99) > DECISION).then(|| format!("99 of 100 decisions take {:.1} ms", millis(at(99))));
    let large = (most > MEMORY).then(|| format!("{most} MiB are resident"));
    slow.into_iter().chain(large).collect()
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// In MiB.
fn resident(which: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix(which)).unwrap_or_default();
    kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1_024
}
