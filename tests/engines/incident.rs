//! Incidents on engines: one after the other, the same script comes to the same on each of them.

use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;
use pathops_coordinator::incident::{Command, End, Errand, Incident, Outcome, Reached, Start, State, WayBack};
use pathops_core::adapter::{Entry, Seq};
use pathops_core::evidence::{EvidenceId, Subject};
use pathops_core::flow::{Engine, Event, Host, Machine as _, Machines, Performer, Shell, digest};
use pathops_core::memory::MemoryJournal;
use pathops_core::project::OpenIncident;
use pathops_core::{Digest, OpContext, Result, RunId, UnixMillis};
use pathops_evidence::EvidenceRecord;

use crate::embedded::{clock, engine};

const SINCE: UnixMillis = UnixMillis(1_763_971_200_000);

/// What an operation of the script answers. What is open beside it waits for `turn`: the number of transitions after which it ends.
fn answer(command: &Command) -> (u64, Outcome) {
    let failed = || Outcome::Failed { reason: "it is out of reach".to_owned() };
    let after = |turn: u64, outcome: Outcome| (turn, outcome);
    match command {
        Command::Watch { known, .. } if known.is_empty() => {
            after(1, Outcome::Reached([("orders".parse().unwrap(), reached())].into()))
        }
        Command::Watch { .. } => {
            let seen_in = "a".repeat(40).parse().unwrap();
            after(6, Outcome::Over(End::Closed { at: UnixMillis(SINCE.0 + 3_600_000), seen_in }))
        }
        Command::Do { errand: Errand::Snapshot { .. }, tries: 0, .. } => after(2, failed()),
        Command::Do { errand: Errand::Propose { .. }, .. } => {
            after(3, Outcome::Proposed(WayBack::To([("orders".parse().unwrap(), "one".parse().unwrap())].into())))
        }
        Command::Later { .. } => after(4, Outcome::Due),
        Command::Do { errand: Errand::Snapshot { .. }, .. } => after(5, signed("orders production snapshot (incident)")),
        Command::Do { errand: Errand::Sign { .. }, .. } => after(7, signed("incident odd resolved")),
    }
}

fn reached() -> Reached {
    let runs = Subject::named("orders@production").with_sha256(&Digest::of(b"orders"));
    Reached { change_set: "two".parse().unwrap(), runs }
}

fn signed(name: &str) -> Outcome {
    let digest = Digest::of(name.as_bytes());
    Outcome::Signed(EvidenceRecord {
        id: EvidenceId(digest),
        name: name.to_owned(),
        predicate_type: "https://pathops.dev/predicate/incident/v0.1".to_owned(),
        envelope: digest,
        location: format!("blobs/{}", digest.hex()),
        leaf: Some(7),
        certificates: None,
    })
}

fn start() -> Start {
    Start {
        project: "shop".parse().unwrap(),
        meta_repo: "shop/meta".parse().unwrap(),
        environment: "production".parse().unwrap(),
        incident: OpenIncident {
            id: "odd".to_owned(),
            unit: Some("orders".parse().unwrap()),
            since: SINCE,
            summary: "Orders are lost.".to_owned(),
        },
        apps: ["orders".parse().unwrap()].into(),
        again: 0,
        at: SINCE,
    }
}

/// Waits for the turn of each operation, which is when the run has come so far.
struct InTurn(Arc<dyn Engine>, RunId);

#[async_trait]
impl Performer<Incident> for InTurn {
    async fn perform(&self, _: &OpContext, command: &Command) -> Result<Outcome> {
        let (turn, outcome) = answer(command);
        while self.0.load(&self.1).await?.is_none_or(|run| run.seq < Seq(turn)) {
            clock().sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(outcome)
    }

    async fn hold(&self, _: &OpContext, _: &Command) -> Result<()> {
        Ok(())
    }
}

/// What the machine makes of the script by hand.
fn by_hand() -> (Vec<Entry>, State) {
    let (mut shell, mut made, mut event) = (Shell::<Incident>::new(), Vec::new(), Some(Event::Started(start())));
    while let Some(happens) = event.take() {
        let at = UnixMillis(0);
        let step = shell.step(at, &happens).unwrap();
        let transition = step.stored(at, &happens).unwrap();
        shell.take(step);
        let (format, closes, opens) = (transition.format, transition.closes, transition.opens);
        made.push(Entry { seq: shell.seq(), format, at, event: transition.event, closes, opens });
        let next = shell.open().iter().map(|(op, command)| (*op, answer(command)));
        event = next.min_by_key(|(_, (turn, _))| *turn).map(|(op, (_, outcome))| Event::Done { op, outcome });
    }
    (made, shell.state().unwrap().clone())
}

/// The run of the script on an engine, which ends as by hand.
pub(crate) async fn comes_to_the_same(engine: Arc<dyn Engine>) -> RunId {
    let run: RunId = "incident-odd-0123456789abcdef0123456789abcdef".parse().unwrap();
    let host = Host::<Incident>::new(Arc::new(InTurn(engine.clone(), run.clone())), Arc::new(|_, _| {}));
    let machines = Machines::default().with(Arc::new(host));
    let turn = engine.turn("open incidents").await.unwrap();
    let machine = &**machines.get(Incident::NAME).unwrap();
    engine.start(&turn, machine, &run, &serde_json::to_value(start()).unwrap()).await.unwrap();
    engine.release(&turn).await.unwrap();
    let driven = engine.drive(&machines, &run).await.unwrap();
    let (made, state) = by_hand();
    let entries = engine.entries(&run, Seq(0), usize::MAX).await.unwrap();
    assert_eq!((entries.len(), digest(&entries)), (8, digest(&made)), "{entries:#?} and not {made:#?}");
    assert_eq!((driven.ended, serde_json::from_value::<State>(driven.state).unwrap()), (true, state));
    run
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("memory::an_incident_comes_to_the_same", || {
        let engine = engine(Arc::new(MemoryJournal::new()), clock(), "one".to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(60), comes_to_the_same(engine)).await })?;
        Ok(())
    })]
}
