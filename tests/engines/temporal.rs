//! Temporal, on its server for development.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;
use pathops_adapters::temporal::{Temporal, TemporalConfig};
use pathops_core::adapter::Clock;
use pathops_core::conformance::engine::{EngineFixture, EngineTraits, EngineWorld, trials};
use pathops_core::flow::Engine;
use tokio::sync::Mutex;

use crate::embedded::clock;
use crate::temporal_server::{Server, installed};

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
    let traits = EngineTraits { shared: true, own_clock: true, has_server: true, ..EngineTraits::default() };
    let mut all = trials("temporal", Arc::new(OnServer(program.clone(), None)), traits);
    // Runs that go on in a new execution again and again.
    all.extend(trials("temporal_rolls", Arc::new(OnServer(program, Some(3))), traits));
    all.into_iter().map(|trial| trial.with_ignored_flag(missing)).collect()
}
