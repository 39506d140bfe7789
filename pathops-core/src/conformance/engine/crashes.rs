//! Engines that end in the middle, and several at once.

use super::super::case::Answer as _;
use super::super::{Case, Outcome, ensure};
use super::bench::{Bench, Worker, plan, run_id};
use super::errands::Told;
use super::{EngineTraits, EngineWorld};

pub(super) fn cases(suite: &str, traits: EngineTraits) -> Vec<Case<EngineWorld>> {
    let mut cases = vec![
        Case::new(suite, "after_a_crash_it_goes_on_with_the_same_keys", after_a_crash_it_goes_on_with_the_same_keys),
        Case::new(suite, "who_watches_is_told_again_after_a_crash", who_watches_is_told_again_after_a_crash),
        Case::new(suite, "a_crash_at_each_step_changes_no_end", a_crash_at_each_step_changes_no_end),
        Case::new(suite, "a_crash_while_it_undoes_changes_no_end", a_crash_while_it_undoes_changes_no_end),
        Case::new(suite, "what_was_told_survives_a_crash", what_was_told_survives_a_crash),
        Case::new(suite, "a_run_that_is_paused_stays_so", a_run_that_is_paused_stays_so),
        Case::new(suite, "drained_it_lets_go_and_another_goes_on", drained_it_lets_go_and_another_goes_on),
    ];
    if traits.shared {
        cases.push(Case::new(suite, "of_several_hosts_one_drives_a_run", of_several_hosts_one_drives_a_run));
        cases.push(Case::new(suite, "another_host_goes_on", another_host_goes_on));
        cases.push(Case::new(suite, "hosts_take_turns", hosts_take_turns));
    }
    if traits.has_server {
        cases.push(Case::new(suite, "the_end_of_the_server_loses_nothing", the_end_of_the_server_loses_nothing));
    }
    cases
}

async fn after_a_crash_it_goes_on_with_the_same_keys(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let worker = bench.worker();
    bench.start(&run, &plan(&[&["a"], &["gate 1", "gate 2"], &["c"]])).await?;
    bench.begins("gate 1", 1).await?;
    bench.begins("gate 2", 1).await?;
    worker.crash().await;
    let bench = bench.again().await?;
    let _worker = bench.worker();
    bench.begins("gate 1", 2).await?;
    bench.hands.open("gate 1");
    bench.hands.open("gate 2");
    bench.ended(&run).await?;
    let began = bench.hands.seen().began.clone();
    for (errand, key) in [("a", "run-1/op-1"), ("gate 1", "run-1/op-2"), ("gate 2", "run-1/op-3"), ("c", "run-1/op-4")] {
        let mut keys = began.iter().filter(|(_, began)| began == errand).map(|(key, _)| key);
        ensure!(keys.all(|it| it == key), "`{errand}` was not always performed as {key}: {began:?}");
    }
    ensure!(bench.hands.begun("a") == 1, "what had ended is performed again: {began:?}");
    bench.replays(&run).await
}

/// A host may act on what it is told, and what it did is gone with it: people are asked again.
async fn who_watches_is_told_again_after_a_crash(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let worker = bench.worker();
    bench.start(&run, &plan(&[&["await people"]])).await?;
    bench.begins("await people", 1).await?;
    ensure!(bench.hands.shown("await people") == 1, "the host is not told of what waits before that is performed, or twice");
    worker.crash().await;
    let bench = bench.again().await?;
    let _worker = bench.worker();
    bench.world.until("the host is told again", || bench.hands.shown("await people") == 2).await?;
    bench.hands.open("await people");
    bench.ended(&run).await.map(drop)
}

async fn a_crash_at_each_step_changes_no_end(world: EngineWorld) -> Outcome {
    let mut bench = Bench::new(world).await;
    let run = run_id("run-1")?;
    let gates: Vec<_> = (1..=6).map(|n| format!("gate {n}")).collect();
    bench.start(&run, &super::Plan { waves: gates.iter().map(|gate| vec![gate.clone()]).collect() }).await?;
    for gate in &gates {
        let worker = bench.worker();
        bench.begins(gate, 1).await?;
        // Its outcome may be stored, or not.
        bench.hands.open(gate);
        bench.world.until("it has ended", || bench.hands.seen().ended.iter().any(|(_, ended)| ended == gate)).await?;
        worker.crash().await;
        bench = bench.again().await?;
    }
    let _worker = bench.worker();
    let end = bench.ended(&run).await?;
    ensure!(end.done == gates, "it ended with {:?}", end.done);
    bench.replays(&run).await
}

async fn a_crash_while_it_undoes_changes_no_end(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let worker = bench.worker();
    bench.start(&run, &plan(&[&["a"], &["b"], &["refused 1"]])).await?;
    bench.begins("undo b", 1).await?;
    worker.crash().await;
    let bench = bench.again().await?;
    let _worker = bench.worker();
    let end = bench.ended(&run).await?;
    ensure!(end.done.is_empty(), "it ended with {:?}", end.done);
    let undone = bench.hands.seen().ended.iter().filter(|(_, errand)| errand == "undo a").count();
    ensure!(undone >= 1, "not all of it was undone: {:?}", bench.hands.seen().ended);
    bench.replays(&run).await
}

async fn what_was_told_survives_a_crash(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    bench.start(&run, &plan(&[&["gate 1"]])).await?;
    bench.tell("key-1", &run, &Told::Note("kept".to_owned())).await?;
    let bench = bench.again().await?;
    let _worker = bench.worker();
    bench.comes_to(&run, "what it was told is heard", |it| it.notes == ["kept"]).await?;
    bench.hands.open("gate 1");
    bench.ended(&run).await.map(drop)
}

async fn a_run_that_is_paused_stays_so(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let worker = bench.worker();
    bench.start(&run, &plan(&[&["gate 1"]])).await?;
    bench.begins("gate 1", 1).await?;
    bench.tell("key-1", &run, &Told::Pause).await?;
    bench.comes_to(&run, "it is paused", |it| it.is_paused).await?;
    worker.crash().await;
    let bench = bench.again().await?;
    let begun = bench.hands.begun("gate 1");
    let _worker = bench.worker();
    bench.world.until("what it did is held", || bench.hands.was_held("gate 1")).await?;
    bench.clock().sleep(super::LOOK * 20).await;
    ensure!(bench.hands.begun("gate 1") == begun, "it is performed while the run is paused");
    bench.tell("key-2", &run, &Told::Resume).await?;
    bench.hands.open("gate 1");
    bench.ended(&run).await.map(drop)
}

async fn drained_it_lets_go_and_another_goes_on(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let worker = bench.worker();
    bench.start(&run, &plan(&[&["gate 1", "await people"], &["c"]])).await?;
    bench.begins("gate 1", 1).await?;
    bench.begins("await people", 1).await?;
    bench.engine.drain();
    bench.clock().sleep(super::LOOK * 20).await;
    bench.hands.open("gate 1");
    worker.ended(&bench.world).await?;
    ensure!(bench.hands.begun("gate 1") == 1, "what was begun came to no end");
    bench.engine.end(&bench.machines).await.works()?;
    ensure!(bench.hands.begun("c") == 0, "something new was begun");
    let bench = bench.again().await?;
    let _worker = bench.worker();
    bench.hands.open("await people");
    let end = bench.ended(&run).await?;
    ensure!(end.done == ["gate 1", "await people", "c"], "it ended with {:?}", end.done);
    bench.replays(&run).await
}

/// Another host over the same store, with what performs the same.
async fn beside(bench: &Bench) -> Worker {
    let engine = (bench.world.open)("two".to_owned(), bench.world.clock.clone()).await;
    Worker::new(&engine, &bench.machines)
}

async fn of_several_hosts_one_drives_a_run(world: EngineWorld) -> Outcome {
    const RUNS: usize = 12;
    let bench = Bench::new(world).await;
    let (_one, _two) = (bench.worker(), beside(&bench).await);
    for n in 0..RUNS {
        bench.start(&run_id(&format!("run-{n}"))?, &plan(&[&["sleep 5", "b"], &["c"], &["sleep 10"]])).await?;
    }
    for n in 0..RUNS {
        let run = run_id(&format!("run-{n}"))?;
        bench.ended(&run).await?;
        bench.replays(&run).await?;
    }
    let at_once = bench.hands.seen().at_once.clone();
    ensure!(at_once.is_empty(), "two hosts performed the same at a time: {at_once:?}");
    Ok(())
}

async fn another_host_goes_on(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let one = bench.worker();
    bench.start(&run, &plan(&[&["gate 1"], &["b"]])).await?;
    bench.begins("gate 1", 1).await?;
    one.crash().await;
    bench.engine.end(&bench.machines).await.works()?;
    let _two = beside(&bench).await;
    bench.begins("gate 1", 2).await?;
    bench.hands.open("gate 1");
    bench.ended(&run).await?;
    bench.replays(&run).await
}

async fn hosts_take_turns(world: EngineWorld) -> Outcome {
    let bench = Bench::new(world).await;
    let two = (bench.world.open)("two".to_owned(), bench.world.clock.clone()).await;
    let first = bench.engine.turn("starting").await.works()?;
    let waiting = tokio::spawn(async move {
        let turn = two.turn("starting").await?;
        two.release(&turn).await
    });
    bench.clock().sleep(super::LOOK * 60).await;
    ensure!(!waiting.is_finished(), "two hosts have the same turn");
    bench.engine.release(&first).await.works()?;
    let answer = bench.world.in_time("the next one has its turn", waiting).await?;
    answer.map_err(|error| error.to_string())?.works()
}

async fn the_end_of_the_server_loses_nothing(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let Some(restart) = bench.world.restart.clone() else { return Err("the fixture does not restart its server".to_owned()) };
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["gate 1"], &["b"], &["gate 2"], &["d"]])).await?;
    for gate in ["gate 1", "gate 2"] {
        bench.begins(gate, 1).await?;
        bench.tell(&format!("before {gate}"), &run, &Told::Note(gate.to_owned())).await?;
        restart().await;
        bench.hands.open(gate);
    }
    let end = bench.ended(&run).await?;
    ensure!(end.done == ["gate 1", "b", "gate 2", "d"], "it ended with {:?}", end.done);
    ensure!(end.notes == ["gate 1", "gate 2"], "it heard {:?}", end.notes);
    bench.replays(&run).await
}
