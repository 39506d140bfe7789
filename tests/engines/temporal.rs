//! Temporal, on its server for development; and change sets that were recorded on one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;
use pathops_adapters::temporal::{Temporal, TemporalConfig, replay};
use pathops_coordinator::change_set::ChangeSet;
use pathops_coordinator::incident::Incident;
use pathops_core::adapter::{Clock, RunFilter};
use pathops_core::conformance::engine::{EngineFixture, EngineTraits, EngineWorld, trials};
use pathops_core::flow::{Engine, Host, Machine, Machines, Performer};
use pathops_core::{OpContext, Result};
use tokio::runtime::Builder;
use tokio::sync::Mutex;

use crate::embedded::clock;
use crate::temporal_server::{Server, installed};
use crate::{incident, waits};

/// A server for each case, since the names of runs are those of the server.
struct OnServer(PathBuf, Option<u64>);

#[async_trait]
impl EngineFixture for OnServer {
    async fn fresh(&self) -> EngineWorld {
        let server = Server::start(&self.0);
        let (address, roll_after, server) = (server.address(), self.1, Arc::new(Mutex::new(server)));
        let open = move |name: String, clock: Arc<dyn Clock>| {
            let mut config = TemporalConfig::new(address.clone(), "pathops-kit");
            (config.identity, config.beat, config.roll_after) = (name, Duration::from_millis(200), roll_after);
            async move { Arc::new(Temporal::connect(config, clock).await.unwrap()) as Arc<dyn Engine> }
        };
        EngineWorld::new(open, clock(), server.clone()).with_restart(move || {
            let server = server.clone();
            async move { server.lock().await.fail(Duration::from_millis(500)) }
        })
    }
}

pub(crate) fn all() -> Vec<Trial> {
    let program = installed();
    if program.is_none() {
        assert!(std::env::var_os("CI").is_none(), "the program `temporal` is missing: `.ci/test` installs it");
        eprintln!("skipped: the program `temporal` is not installed; `.ci/test` does it");
    }
    let (missing, program) = (program.is_none(), program.unwrap_or_default());
    let traits = EngineTraits { shared: true, has_server: true, ..EngineTraits::default() };
    let mut all = trials("temporal", Arc::new(OnServer(program.clone(), None)), traits);
    // Runs that go on in a new execution again and again.
    all.extend(trials("temporal_rolls", Arc::new(OnServer(program.clone(), Some(3))), traits));
    let mut all: Vec<_> = all.into_iter().map(|trial| trial.with_ignored_flag(missing)).collect();
    all.push(
        Trial::test("temporal::an_incident_comes_to_the_same", move || {
            Builder::new_current_thread().enable_all().build()?.block_on(an_incident_comes_to_the_same(&program));
            Ok(())
        })
        .with_ignored_flag(missing),
    );
    let program = installed().unwrap_or_default();
    all.push(
        Trial::test("temporal::a_change_set_says_why_it_waits_as_on_the_engine_that_is_built_in", move || {
            Builder::new_current_thread().enable_all().build()?.block_on(it_says_the_same(&program));
            Ok(())
        })
        .with_ignored_flag(missing),
    );
    all.push(Trial::test("temporal::recorded_runs_replay", || {
        Builder::new_current_thread().enable_all().build()?.block_on(recorded_runs_replay());
        Ok(())
    }));
    all
}

/// With `PATHOPS_RECORD` set, its history is written beside those of change sets.
async fn an_incident_comes_to_the_same(program: &Path) {
    let server = Server::start(program);
    let engine = Arc::new(Temporal::connect(TemporalConfig::new(server.address(), "pathops-incident"), clock()).await.unwrap());
    let run = incident::comes_to_the_same(engine.clone()).await;
    assert_eq!(engine.runs(&RunFilter::of(Incident::NAME), None, 9).await.unwrap(), std::slice::from_ref(&run));
    assert_eq!(engine.runs(&RunFilter::of(ChangeSet::NAME), None, 9).await.unwrap(), []);
    let history = engine.history(&run).await.unwrap();
    assert!(String::from_utf8_lossy(&history).contains("PathOpsApps"), "it is found by its apps");
    if std::env::var_os("PATHOPS_RECORD").is_some() {
        let history = zstd::encode_all(&*history, 19).unwrap();
        std::fs::write(folder().join(format!("{run}.json.zst")), history).unwrap();
    }
}

/// What an engine keeps of a run is all that the answer is made of, so that it is the same wherever it is kept.
async fn it_says_the_same(program: &Path) {
    let server = Server::start(program);
    let config = TemporalConfig::new(server.address(), "pathops-waits");
    let engine = Arc::new(Temporal::connect(config, clock()).await.unwrap());
    assert_eq!(waits::answers(engine).await, waits::embedded().await);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/histories")
}

/// Every history beside this file is made again by its machine as it is now. With `PATHOPS_RECORD_FROM` set to the address and the task queue of
/// a server, separated by a blank, those of its change sets are written there first, under their ids.
async fn recorded_runs_replay() {
    let folder = folder();
    if let Some(server) = std::env::var_os("PATHOPS_RECORD_FROM") {
        let server = server.into_string().unwrap();
        let (address, queue) = server.split_once(' ').unwrap();
        let engine = Temporal::connect(TemporalConfig::new(address, queue), clock()).await.unwrap();
        for run in engine.runs(&RunFilter::of(ChangeSet::NAME), None, 99).await.unwrap() {
            let history = zstd::encode_all(&*engine.history(&run).await.unwrap(), 19).unwrap();
            std::fs::write(folder.join(format!("{run}.json.zst")), history).unwrap();
        }
    }
    let change_sets = Host::<ChangeSet>::new(Arc::new(Nobody), Arc::new(|_, _| {}));
    let incidents = Host::<Incident>::new(Arc::new(Nobody), Arc::new(|_, _| {}));
    let (machines, mut replayed) = (Machines::default().with(Arc::new(change_sets)).with(Arc::new(incidents)), 0);
    for history in std::fs::read_dir(folder).unwrap() {
        let history = history.unwrap().path();
        let made = replay(&machines, &zstd::decode_all(std::fs::File::open(&history).unwrap()).unwrap()).await;
        made.unwrap_or_else(|error| panic!("{}: {error}", history.display()));
        replayed += 1;
    }
    assert!(replayed >= 3, "{replayed} histories are there");
}

/// A replay performs nothing.
struct Nobody;

#[async_trait]
impl<M: Machine> Performer<M> for Nobody {
    async fn perform(&self, _: &OpContext, command: &M::Command) -> Result<M::Outcome> {
        panic!("a replay performs {command:?}");
    }

    async fn hold(&self, _: &OpContext, command: &M::Command) -> Result<()> {
        panic!("a replay holds {command:?}");
    }
}
