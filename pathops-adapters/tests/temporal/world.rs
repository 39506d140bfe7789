//! One server for all cases, and engines of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pathops_adapters::system::SystemClock;
use pathops_adapters::temporal::{Temporal, TemporalConfig};
use pathops_core::adapter::{Created, Entry, Run, Seq};
use pathops_core::flow::{Engine as _, Replay};
use pathops_core::{IdempotencyKey, RunId};
use serde_json::Value;

use crate::server::Server;
use crate::toy::{Toy, Word, Yard};

pub(crate) struct Worlds {
    program: PathBuf,
    server: Mutex<Option<Server>>,
    worlds: AtomicU32,
}

/// What one case has.
pub(crate) struct World {
    pub(crate) program: PathBuf,
    pub(crate) config: TemporalConfig,
    pub(crate) yard: Arc<Yard>,
    number: u32,
}

impl Worlds {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, server: Mutex::default(), worlds: AtomicU32::new(0) }
    }

    pub(crate) fn world(&self) -> World {
        let address = self.server.lock().unwrap().get_or_insert_with(|| Server::start(&self.program)).address();
        let number = self.worlds.fetch_add(1, Ordering::Relaxed);
        let world = World::of(&address, &format!("case-{number}"), Arc::default());
        World { program: self.program.clone(), number, ..world }
    }
}

impl World {
    pub(crate) fn of(address: &str, queue: &str, yard: Arc<Yard>) -> Self {
        let mut config = TemporalConfig::new(address, queue);
        config.beat = Duration::from_millis(200);
        Self { program: PathBuf::new(), config, yard, number: 0 }
    }

    pub(crate) async fn engine(&self) -> Temporal {
        Temporal::connect(self.config.clone(), Arc::new(SystemClock)).await.unwrap()
    }

    pub(crate) fn run(&self, name: &str) -> RunId {
        RunId::parse(format!("{name}-{}", self.number)).unwrap()
    }

    pub(crate) async fn started(&self, engine: &Temporal, run: &RunId, plan: &Value) -> Created {
        let turn = engine.turn(&format!("start-{}", self.number)).await.unwrap();
        let machines = self.yard.machines();
        let started = engine.start(&turn, &**machines.get("toy").unwrap(), run, plan).await.unwrap();
        engine.release(&turn).await.unwrap();
        started
    }
}

pub(crate) async fn say(engine: &Temporal, run: &RunId, key: &str, word: Word) {
    let told = serde_json::to_value(word).unwrap();
    engine.tell(&IdempotencyKey::new(key), run, &told).await.unwrap();
}

pub(crate) async fn entries(engine: &Temporal, run: &RunId) -> Vec<Entry> {
    let all = engine.entries(run, Seq(0), 1_000).await.unwrap();
    // In pages it is the same.
    let mut paged: Vec<Entry> = Vec::new();
    loop {
        let after = paged.last().map_or(Seq(0), |entry| entry.seq);
        let page = engine.entries(run, after, 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(all, paged);
    all
}

/// The machine makes the same of what happened.
pub(crate) fn verified(entries: &[Entry], run: &Run) -> Vec<String> {
    let mut replay = Replay::<Toy>::new();
    for entry in entries {
        replay.follow(entry).unwrap();
    }
    replay.finish(run).unwrap().said
}
