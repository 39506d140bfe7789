//! What runs are told: early and late, twice, to pause and to end.

use super::super::case::Answer as _;
use super::super::{Case, Outcome, ensure};
use super::bench::{Bench, plan, run_id};
use super::errands::{Answer, Told};
use super::{EngineTraits, EngineWorld};
use crate::adapter::{OpId, SignalNumber};
use crate::error::ErrorKind;
use crate::flow::Event;

pub(super) fn cases(suite: &str, traits: EngineTraits) -> Vec<Case<EngineWorld>> {
    let mut cases = vec![
        Case::new(suite, "what_is_told_is_heard_once_in_order", what_is_told_is_heard_once_in_order),
        Case::new(suite, "what_is_told_early_is_heard", what_is_told_early_is_heard),
        Case::new(suite, "a_run_that_has_ended_hears_nothing", a_run_that_has_ended_hears_nothing),
        Case::new(suite, "under_a_key_the_first_counts", under_a_key_the_first_counts),
        Case::new(suite, "a_paused_run_holds_what_it_does", a_paused_run_holds_what_it_does),
        Case::new(suite, "a_cancelled_run_gives_up_waiting_and_undoes", a_cancelled_run_gives_up_waiting_and_undoes),
        Case::new(suite, "what_was_begun_is_brought_to_its_end", what_was_begun_is_brought_to_its_end),
        Case::new(suite, "cancelled_while_paused_it_ends", cancelled_while_paused_it_ends),
    ];
    if traits.compares_keys {
        cases.push(Case::new(suite, "another_under_a_key_is_refused", another_under_a_key_is_refused));
    }
    cases
}

fn note(text: &str) -> Told {
    Told::Note(text.to_owned())
}

fn heard(number: u64, told: Told) -> Event<super::Plan, Answer, Told> {
    Event::Heard { number: SignalNumber(number), told }
}

fn done(op: u64) -> Event<super::Plan, Answer, Told> {
    Event::Done { op: OpId(op), outcome: Answer::Done }
}

async fn what_is_told_is_heard_once_in_order(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    let plan = plan(&[&["gate 1"], &["b"]]);
    bench.start(&run, &plan).await?;
    bench.begins("gate 1", 1).await?;
    for n in 1..=5 {
        bench.tell(&format!("key-{n}"), &run, &note(&n.to_string())).await?;
    }
    for n in [3, 1, 5] {
        bench.tell(&format!("key-{n}"), &run, &note(&n.to_string())).await?;
    }
    let state = bench.comes_to(&run, "all is heard", |it| it.notes.len() >= 5).await?;
    ensure!(state.notes == ["1", "2", "3", "4", "5"], "it heard {:?}", state.notes);
    bench.hands.open("gate 1");
    let end = bench.ended(&run).await?;
    ensure!(end.notes.len() == 5, "what was told twice was heard twice: {:?}", end.notes);
    let mut events = vec![Event::Started(plan)];
    events.extend((1..=5).map(|n| heard(n, note(&n.to_string()))));
    events.extend([done(1), done(2)]);
    bench.happened(&run, events).await
}

async fn what_is_told_early_is_heard(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.tell("key-1", &run, &note("early")).await?;
    bench.tell("key-1", &run, &note("early")).await?;
    let plan = plan(&[&["gate 1"]]);
    bench.start(&run, &plan).await?;
    bench.comes_to(&run, "what it was told early is heard", |it| it.notes == ["early"]).await?;
    bench.hands.open("gate 1");
    let end = bench.ended(&run).await?;
    ensure!(end.notes == ["early"], "it heard {:?}", end.notes);
    bench.happened(&run, vec![Event::Started(plan), heard(1, note("early")), done(1)]).await
}

async fn a_run_that_has_ended_hears_nothing(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["a"]])).await?;
    bench.ended(&run).await?;
    bench.try_tell("key-1", &run, &note("late")).await.fails(ErrorKind::Invalid, "the run has ended")?;
    // Whoever has lost the answer asks again.
    let run = run_id("run-2")?;
    bench.start(&run, &plan(&[&["gate 1"]])).await?;
    bench.tell("key-1", &run, &note("early enough")).await?;
    bench.comes_to(&run, "it is heard", |it| it.notes.len() == 1).await?;
    bench.hands.open("gate 1");
    bench.ended(&run).await?;
    bench.tell("key-1", &run, &note("early enough")).await?;
    let run = run_id("run-1")?;
    let end = bench.ended(&run).await?;
    ensure!(end.notes.is_empty(), "it heard {:?}", end.notes);
    Ok(())
}

async fn under_a_key_the_first_counts(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["gate 1"]])).await?;
    bench.tell("key-1", &run, &note("first")).await?;
    // Whether it is refused or only not heard is the engine's.
    let _refused = bench.try_tell("key-1", &run, &note("second")).await;
    bench.tell("key-2", &run, &note("third")).await?;
    let state = bench.comes_to(&run, "both are heard", |it| it.notes.len() >= 2).await?;
    ensure!(state.notes == ["first", "third"], "it heard {:?}", state.notes);
    bench.hands.open("gate 1");
    bench.ended(&run).await.map(drop)
}

async fn another_under_a_key_is_refused(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    bench.start(&run, &plan(&[&["a"]])).await?;
    bench.tell("key-1", &run, &note("first")).await?;
    let other = bench.try_tell("key-1", &run, &note("second")).await;
    other.fails(ErrorKind::AlreadyExists, "something else was told under that key")?;
    let told = bench.engine.told(&run, SignalNumber(0), 10).await.works()?;
    ensure!(told.len() == 1, "it was told {told:?}");
    Ok(())
}

async fn a_paused_run_holds_what_it_does(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    let plan = plan(&[&["gate 1"], &["b"]]);
    bench.start(&run, &plan).await?;
    bench.begins("gate 1", 1).await?;
    bench.tell("key-1", &run, &Told::Pause).await?;
    bench.world.until("what it did is held", || bench.hands.was_held("gate 1")).await?;
    bench.hands.open("gate 1");
    bench.clock().sleep(super::LOOK * 20).await;
    let state = bench.comes_to(&run, "it is paused", |it| it.is_paused).await?;
    ensure!(state.done.is_empty() && bench.hands.seen().ended.is_empty(), "it went on while it was paused: {state:?}");
    bench.tell("key-2", &run, &Told::Resume).await?;
    let end = bench.ended(&run).await?;
    ensure!(end.done == ["gate 1", "b"], "it ended with {:?}", end.done);
    let keys: Vec<_> = bench.hands.seen().began.iter().map(|(key, _)| key.clone()).collect();
    ensure!(keys == ["run-1/op-1", "run-1/op-1", "run-1/op-2"], "it is performed again under its key, and not: {keys:?}");
    let at_once = bench.hands.seen().at_once.clone();
    ensure!(at_once.is_empty(), "it is held while it is still performed: {at_once:?}");
    let events = vec![Event::Started(plan), heard(1, Told::Pause), heard(2, Told::Resume), done(1), done(2)];
    bench.happened(&run, events).await
}

async fn a_cancelled_run_gives_up_waiting_and_undoes(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    let plan = plan(&[&["a"], &["b"], &["await people"], &["never"]]);
    bench.start(&run, &plan).await?;
    bench.begins("await people", 1).await?;
    bench.tell("key-1", &run, &Told::Cancel).await?;
    let end = bench.ended(&run).await?;
    ensure!(end.done.is_empty(), "it ended with {:?}", end.done);
    ensure!(bench.hands.was_held("await people"), "what was given up was not taken back");
    let ended: Vec<_> = bench.hands.seen().ended.iter().map(|(_, errand)| errand.clone()).collect();
    ensure!(ended == ["a", "b", "undo b", "undo a"], "it did {ended:?}");
    let dropped = Event::Done { op: OpId(3), outcome: Answer::Dropped };
    let cancelled = heard(1, Told::Cancel);
    bench.happened(&run, vec![Event::Started(plan), done(1), done(2), cancelled, dropped, done(4), done(5)]).await
}

async fn what_was_begun_is_brought_to_its_end(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["gate 1"], &["never"]])).await?;
    bench.begins("gate 1", 1).await?;
    bench.tell("key-1", &run, &Told::Cancel).await?;
    bench.comes_to(&run, "it is cancelled", |it| it.is_cancelled).await?;
    ensure!(bench.hands.begun("undo gate 1") == 0, "it is undone while it is being done");
    bench.hands.open("gate 1");
    bench.ended(&run).await?;
    let ended: Vec<_> = bench.hands.seen().ended.iter().map(|(_, errand)| errand.clone()).collect();
    ensure!(ended == ["gate 1", "undo gate 1"], "it did {ended:?}");
    bench.replays(&run).await
}

async fn cancelled_while_paused_it_ends(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["await people"]])).await?;
    bench.begins("await people", 1).await?;
    bench.tell("key-1", &run, &Told::Pause).await?;
    bench.world.until("what it did is held", || bench.hands.was_held("await people")).await?;
    bench.tell("key-2", &run, &Told::Cancel).await?;
    let end = bench.ended(&run).await?;
    ensure!(end.is_paused && end.is_cancelled, "it ended as {end:?}");
    bench.replays(&run).await
}
