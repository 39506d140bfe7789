//! The local reconciler: the conformance kit, and the faults of a machine.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the app of these tests prints")]

mod faults;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{ExpectedDeployment, GitOpsCapabilities, SignalCapabilities, SignalQuery};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState, GitOpsFixture, GitOpsWorld};
use pathops_core::conformance::signals::{SignalFixture, SignalWorld};
use pathops_core::conformance::{gitops, signals};
use pathops_core::{Digest, UnixMillis};
use world::{SMOKE, World, commit_outside, deployment, jobs, preflight, program, reference, serve, unit};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // The apps and hosts of the tests are this very program, started again.
    match args.get(1).map(String::as_str) {
        Some("serve") => {
            serve(&args[2..]);
            return ExitCode::SUCCESS;
        }
        Some("host") => {
            faults::host(&args[2]);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let mut offers = GitOpsCapabilities::default();
    (offers.refresh, offers.jobs, offers.jobs_of_trees) = (true, true, true);
    let mut signs = SignalCapabilities::default();
    (signs.logs, signs.events) = (true, true);
    let mut trials = gitops::trials(Arc::new(OneMachine), offers);
    trials.extend(signals::trials(Arc::new(OneMachine), signs));
    trials.extend(faults::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

struct OneMachine;

/// What changes the desired state of `orders`.
#[derive(Debug)]
struct Orders {
    world: Arc<World>,
    artifacts: [Digest; 2],
    last: Mutex<Option<ExpectedDeployment>>,
}

#[async_trait]
impl DesiredState for Orders {
    async fn commit(&self, desired: Desired) -> Committed {
        let [one, two] = self.artifacts;
        let (mode, digest) = match desired {
            Desired::Healthy { version: 1 } => ("", one),
            Desired::Healthy { .. } => ("", two),
            Desired::Broken => ("dies", one),
            Desired::FailingJob => ("sick", one),
            Desired::Unchanged => return self.unchanged(),
        };
        let jobs = format!("{SMOKE}    - {{name: up, kind: health}}\n");
        let committed = self.world.commit("orders", &[deployment(mode, &jobs), reference(&digest)]);
        *self.last.lock().unwrap() = Some(committed.clone());
        Committed { commit: committed.commit, tree: committed.tree, artifact: committed.artifact }
    }
}

impl Orders {
    fn unchanged(&self) -> Committed {
        let last = self.last.lock().unwrap().clone().unwrap();
        let repository: PathBuf = self.world.repository("orders");
        Committed { commit: commit_outside(&repository), tree: last.tree, artifact: last.artifact }
    }
}

#[async_trait]
impl GitOpsFixture for OneMachine {
    async fn fresh(&self) -> GitOpsWorld {
        let world = World::new(&["orders"]);
        let artifacts = [world.artifact("v1").await, world.artifact("v2").await];
        let host = world.start();
        let repo = world.watched[0].repo.clone();
        let git = Orders { world: Arc::new(world), artifacts, last: Mutex::default() };
        GitOpsWorld {
            gitops: host.reconciler.clone(),
            git: Arc::new(git),
            clock: Arc::new(SystemClock),
            unit: unit("orders"),
            target: preflight(),
            repo,
            jobs: jobs(&["smoke", "up"]),
            guard: Box::new(host),
        }
    }
}

#[async_trait]
impl SignalFixture for OneMachine {
    async fn fresh(&self) -> SignalWorld {
        let world = World::new(&["store", "mail"]);
        let host = world.start();
        let expected = world.commit("store", &[program("", "")]);
        host.until_ready(&expected).await;
        let live =
            SignalQuery { unit: unit("store"), target: preflight(), since: UnixMillis(0), head_bytes: 1000, tail_bytes: 1000 };
        let gone = SignalQuery { unit: unit("mail"), ..live.clone() };
        SignalWorld::new(host.reconciler.clone(), live, gone, (world, host))
    }
}
