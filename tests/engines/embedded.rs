//! The engine that is built in, on each journal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use libtest_mimic::Trial;
use pathops_adapters::postgres::PostgresJournal;
use pathops_adapters::sqlite::SqliteJournal;
use pathops_adapters::system::SystemClock;
use pathops_coordinator::engine::Embedded;
use pathops_core::adapter::{Clock, Journal};
use pathops_core::conformance::engine::{EngineFixture, EngineTraits, EngineWorld, trials};
use pathops_core::flow::Engine;
use pathops_core::memory::MemoryJournal;
use tokio::sync::{Mutex, OnceCell};

use crate::server::{Server, installed};

/// How often it looks for what it was not told of.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) const ALONE: EngineTraits = EngineTraits { shared: false, compares_keys: true, archives: true, has_server: false };

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

pub(crate) fn engine(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, name: String) -> Arc<dyn Engine> {
    Arc::new(Embedded::new(journal, clock, name, PAUSE))
}

struct InMemory;

#[async_trait]
impl EngineFixture for InMemory {
    async fn fresh(&self) -> EngineWorld {
        let journal = MemoryJournal::new();
        let open = move |name, clock| {
            let journal = Arc::new(journal.clone());
            async move { engine(journal, clock, name) }
        };
        EngineWorld::new(open, clock(), ())
    }
}

pub(crate) fn in_memory() -> Vec<Trial> {
    trials("memory", Arc::new(InMemory), EngineTraits { shared: true, ..ALONE })
}

struct OneFile;

#[async_trait]
impl EngineFixture for OneFile {
    async fn fresh(&self) -> EngineWorld {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let open = move |name, clock| {
            let path = path.clone();
            async move { engine(Arc::new(SqliteJournal::open(path).await.unwrap()), clock, name) }
        };
        EngineWorld::new(open, clock(), folder)
    }
}

pub(crate) fn sqlite() -> Vec<Trial> {
    trials("sqlite", Arc::new(OneFile), ALONE)
}

/// One server for all cases of this process, started with the first.
struct OneServer {
    programs: PathBuf,
    server: Arc<OnceCell<Server>>,
}

fn over(url: String) -> impl Fn(String, Arc<dyn Clock>) -> BoxFuture<'static, Arc<dyn Engine>> {
    move |name, clock| {
        let url = url.clone();
        Box::pin(async move { engine(Arc::new(PostgresJournal::open(&url).await.unwrap()), clock, name) })
    }
}

#[async_trait]
impl EngineFixture for OneServer {
    async fn fresh(&self) -> EngineWorld {
        let server = self.server.get_or_init(|| Server::start(&self.programs)).await;
        EngineWorld::new(over(server.database().await), clock(), self.server.clone())
    }
}

/// A server for each case, which it may end.
struct OwnServer(PathBuf);

#[async_trait]
impl EngineFixture for OwnServer {
    async fn fresh(&self) -> EngineWorld {
        let server = Server::start(&self.0).await;
        let (url, server) = (server.database().await, Arc::new(Mutex::new(server)));
        let world = EngineWorld::new(over(url), clock(), server.clone());
        world.with_restart(move || {
            let server = server.clone();
            async move { server.lock().await.fail().await }
        })
    }
}

pub(crate) fn postgres() -> Vec<Trial> {
    let programs = installed();
    if programs.is_none() {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing: `.ci/test` installs it");
        eprintln!("skipped: PostgreSQL is not installed; `.ci/test` does it");
    }
    let (missing, programs) = (programs.is_none(), programs.unwrap_or_default());
    let shared = EngineTraits { shared: true, ..ALONE };
    let mut all = trials("postgres", Arc::new(OneServer { programs: programs.clone(), server: Arc::default() }), shared);
    let ends = trials("postgres", Arc::new(OwnServer(programs)), EngineTraits { has_server: true, ..shared });
    all.extend(ends.into_iter().filter(|trial| trial.name().ends_with("::the_end_of_the_server_loses_nothing")));
    all.into_iter().map(|trial| trial.with_ignored_flag(missing)).collect()
}
