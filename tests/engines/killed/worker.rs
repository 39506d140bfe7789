//! A worker as a process of its own: it starts a run, drives it to its end and archives it, or goes on with what an earlier one of its
//! name has left of that.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, join, select};
use pathops_adapters::postgres::PostgresJournal;
use pathops_adapters::sqlite::SqliteJournal;
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock, Journal, SignalNumber};
use pathops_core::conformance::engine::{Answer, Errand, Errands, Plan, Told};
use pathops_core::flow::{Engine, Host, Machine as _, Machines, Performer};
use pathops_core::{ErrorKind, IdempotencyKey, OpContext, Result, RunId, UnixMillis};
use tokio::runtime::Builder;

use super::account::Account;
use super::fate::{Blow, Fate, Mortal};
use super::{RUN, WAVES};

/// The argument that makes this program a worker.
pub(crate) const WORKER: &str = "--worker";

const LOOK: Duration = Duration::from_millis(5);

/// How long everything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker, as its arguments say.
#[derive(Debug)]
struct Worker {
    store: String,
    account: Account,
    name: String,
    clock: Arc<dyn Clock>,
    fate: Fate,
}

/// Its arguments are where the journal is, the folder of the account, its name, how many seconds its clock is ahead, and its fate: at
/// which point, for which time, and whether it is frozen there and not killed.
pub(crate) fn process() {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [store, folder, name, ahead, point, times, blow] = &arguments[..] else { panic!("{arguments:?}") };
    let blow = if blow == "freeze" { Blow::Freeze } else { Blow::Kill };
    let worker = Worker {
        store: store.clone(),
        account: Account::new(Path::new(folder)),
        name: name.clone(),
        clock: Arc::new(Ahead(Duration::from_secs(ahead.parse().unwrap()))),
        fate: Fate::new(point, times.parse().unwrap(), blow),
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (clock, work) = (SystemClock, worker.works());
        assert!(matches!(select(pin!(work), clock.sleep(PATIENCE)).await, Either::Left(((), _))), "it took too long: {worker:?}");
    });
}

pub(super) async fn open(store: &str) -> Box<dyn Journal> {
    if store.starts_with("postgres:") {
        return Box::new(PostgresJournal::open(store).await.unwrap());
    }
    // What held the file may take a moment to let go of it: the lock of one that was killed, or that is being started beside.
    for _ in 0..1_000 {
        match SqliteJournal::open(store).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => SystemClock.sleep(LOOK).await,
            opened => return Box::new(opened.unwrap()),
        }
    }
    panic!("`{store}` is held by somebody");
}

impl Worker {
    async fn works(&self) {
        let (run, plan) = (RunId::parse(RUN).unwrap(), Plan { waves: WAVES.iter().map(|it| vec![(*it).to_owned()]).collect() });
        let journal = Mortal { right: open(&self.store).await, fate: self.fate.clone() };
        let engine = crate::embedded::engine(Arc::new(journal), self.clock.clone(), self.name.clone());
        let hands = Hands { engine: engine.clone(), run: run.clone(), account: self.account.clone(), fate: self.fate.clone() };
        let machines = Machines::default().with(Arc::new(Host::<Errands>::new(Arc::new(hands), Arc::new(|_, _| {}))));
        // What an earlier one of this name drove nobody drives any more.
        engine.end(&machines).await.unwrap();
        let turn = engine.turn("starting").await.unwrap();
        let (machine, start) = (&**machines.get(Errands::NAME).unwrap(), serde_json::to_value(&plan).unwrap());
        engine.start(&turn, machine, &run, &start).await.unwrap();
        engine.release(&turn).await.unwrap();
        let ended = async {
            while !engine.load(&run).await.unwrap().is_some_and(|run| run.ended) {
                SystemClock.sleep(LOOK).await;
            }
            engine.drain();
        };
        join(engine.run(&machines), ended).await.0.unwrap();
        engine.end(&machines).await.unwrap();
        engine.archive(UnixMillis(i64::MAX), 9).await.unwrap();
    }
}

/// The clock of a machine that is ahead of the others.
#[derive(Debug)]
struct Ahead(Duration);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> UnixMillis {
        SystemClock.now() + self.0
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// Runs errands. What they do outside is done once for each key.
struct Hands {
    engine: Arc<dyn Engine>,
    run: RunId,
    account: Account,
    fate: Fate,
}

impl Hands {
    async fn tell(&self, key: &str, told: &Told) -> Result<()> {
        self.engine.tell(&IdempotencyKey::new(key), &self.run, &serde_json::to_value(told).unwrap()).await
    }

    /// Until the run has heard so many signals.
    async fn heard(&self, signals: u64) -> Result<()> {
        while self.engine.load(&self.run).await?.is_none_or(|run| run.heard < SignalNumber(signals)) {
            SystemClock.sleep(LOOK).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Performer<Errands> for Hands {
    async fn perform(&self, cx: &OpContext, Errand(errand): &Errand) -> Result<Answer> {
        let key = cx.key().as_str();
        self.account.tries(key, errand);
        self.fate.comes_to(&format!("begun {errand}"));
        match errand.as_str() {
            "sleep" => {
                SystemClock.sleep(Duration::from_millis(20)).await;
                self.fate.comes_to("within sleep");
                SystemClock.sleep(Duration::from_millis(20)).await;
            }
            "note" => {
                self.tell(key, &Told::Note("kept".to_owned())).await?;
                self.heard(1).await?;
            }
            // It is held once the run has heard that, and what holds it has it go on.
            "pause" => {
                self.tell(key, &Told::Pause).await?;
                self.heard(3).await?;
            }
            // It is given up once the run has heard that.
            "await end" => {
                self.tell(key, &Told::Cancel).await?;
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        self.account.effect(key, errand);
        self.fate.comes_to(&format!("done {errand}"));
        Ok(Answer::Done)
    }

    async fn hold(&self, cx: &OpContext, Errand(errand): &Errand) -> Result<()> {
        self.fate.comes_to(&format!("holding {errand}"));
        if errand == "pause" {
            self.tell(cx.key().as_str(), &Told::Resume).await?;
        }
        self.fate.comes_to(&format!("held {errand}"));
        Ok(())
    }
}
