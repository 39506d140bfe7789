//! Runs that nothing disturbs.

use std::time::Duration;

use serde_json::json;

use super::super::case::Answer as _;
use super::super::{Case, Outcome, ensure};
use super::bench::{Bench, plan, run_id};
use super::errands::{Answer, Errands};
use super::{EngineTraits, EngineWorld};
use crate::adapter::{Created, OpId, RunFilter, Seq};
use crate::error::ErrorKind;
use crate::flow::{Event, Machine as _};

pub(super) fn cases(suite: &str, traits: EngineTraits) -> Vec<Case<EngineWorld>> {
    let archive = move |world| what_has_ended_goes_to_the_archive(world, traits.archives);
    vec![
        Case::new(suite, "a_run_goes_to_its_end", a_run_goes_to_its_end),
        Case::new(suite, "driving_one_run_gives_its_end", driving_one_run_gives_its_end),
        Case::new(suite, "starting_again_changes_nothing", starting_again_changes_nothing),
        Case::new(suite, "what_is_no_start_is_refused", what_is_no_start_is_refused),
        Case::new(suite, "an_unknown_run_is_not_there", an_unknown_run_is_not_there),
        Case::new(suite, "operations_have_keys_of_their_own", operations_have_keys_of_their_own),
        Case::new(suite, "operations_are_performed_at_once", operations_are_performed_at_once),
        Case::new(suite, "what_fails_is_performed_again", what_fails_is_performed_again),
        Case::new(suite, "what_is_refused_is_undone", what_is_refused_is_undone),
        Case::new(suite, "time_passes", time_passes),
        Case::new(suite, "a_long_run_is_read_in_pages", a_long_run_is_read_in_pages),
        Case::new(suite, "runs_are_listed_in_order", runs_are_listed_in_order),
        Case::new(suite, "what_has_ended_goes_to_the_archive", archive),
        Case::new(suite, "one_has_the_turn", one_has_the_turn),
        Case::new(suite, "a_clock_that_jumps_changes_nothing", a_clock_that_jumps_changes_nothing),
    ]
}

fn done(op: u64) -> Event<super::Plan, Answer, super::Told> {
    Event::Done { op: OpId(op), outcome: Answer::Done }
}

async fn a_run_goes_to_its_end(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let plan = plan(&[&["a"], &["b"], &["c"]]);
    let _worker = bench.worker();
    bench.start(&run, &plan).await?;
    let end = bench.ended(&run).await?;
    ensure!(end.done == ["a", "b", "c"], "it ended with {:?}", end.done);
    let stored = bench.load(&run).await?;
    ensure!(stored.ended && stored.open.is_empty(), "it has ended, and is stored as {stored:?}");
    ensure!((stored.machine.as_str(), stored.seq) == (Errands::NAME, Seq(4)), "it is stored as {stored:?}");
    bench.replays(&run).await?;
    bench.happened(&run, vec![Event::Started(plan), done(1), done(2), done(3)]).await
}

async fn driving_one_run_gives_its_end(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    bench.start(&run, &plan(&[&["a"]])).await?;
    let driven = bench.world.in_time("a run is driven", bench.engine.drive(&bench.machines, &run)).await?.works()?;
    ensure!(driven.ended && driven.seq == Seq(2), "it was driven to {driven:?}");
    let again = bench.world.in_time("one that has ended is driven", bench.engine.drive(&bench.machines, &run)).await?.works()?;
    ensure!(again == driven, "driven again, it is {again:?}");
    let unknown = bench.world.in_time("it is refused", bench.engine.drive(&bench.machines, &run_id("run-2")?)).await?;
    unknown.fails(ErrorKind::NotFound, "there is no such run")
}

async fn starting_again_changes_nothing(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let start = json!({ "waves": [["a"]] });
    bench.start(&run, &plan(&[&["a"]])).await?;
    let again = bench.try_start(&run, &start).await.works()?;
    ensure!(again == Created::Existing, "a run that is there is {again:?}");
    let other = bench.try_start(&run, &json!({ "waves": [["b"]] })).await;
    other.fails(ErrorKind::AlreadyExists, "a run of that id began with something else")?;
    let _worker = bench.worker();
    bench.ended(&run).await?;
    let ended = bench.try_start(&run, &start).await.works()?;
    ensure!(ended == Created::Existing, "a run that has ended is {ended:?}");
    ensure!(bench.hands.begun("a") == 1 && bench.hands.begun("b") == 0, "it began {:?}", bench.hands.seen().began);
    Ok(())
}

async fn what_is_no_start_is_refused(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    bench.try_start(&run, &json!({ "waves": "none" })).await.fails(ErrorKind::Corrupt, "it is no start of the machine")?;
    let loaded = bench.engine.load(&run).await.works()?;
    ensure!(loaded.is_none(), "what was refused is there: {loaded:?}");
    Ok(())
}

async fn an_unknown_run_is_not_there(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let loaded = bench.engine.load(&run).await.works()?;
    ensure!(loaded.is_none(), "an unknown run is {loaded:?}");
    bench.engine.entries(&run, Seq(0), 10).await.fails(ErrorKind::NotFound, "there is no such run")?;
    let told = bench.engine.told(&run, crate::adapter::SignalNumber(0), 10).await.works()?;
    ensure!(told.is_empty(), "an unknown run was told {told:?}");
    Ok(())
}

async fn operations_have_keys_of_their_own(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["a"], &["b"]])).await?;
    bench.ended(&run).await?;
    let began = bench.hands.seen().began.clone();
    let expected = [("run-1/op-1", "a"), ("run-1/op-2", "b")].map(|(key, errand)| (key.to_owned(), errand.to_owned()));
    ensure!(began == expected, "each is performed once, under a key of its own, and not: {began:?}");
    Ok(())
}

async fn operations_are_performed_at_once(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["gate 1", "gate 2"], &["c"]])).await?;
    bench.begins("gate 1", 1).await?;
    bench.begins("gate 2", 1).await?;
    bench.hands.open("gate 2");
    bench.comes_to(&run, "the second one is done", |it| it.done == ["gate 2"]).await?;
    ensure!(bench.hands.begun("c") == 0, "the next wave is begun before this one has ended");
    bench.hands.open("gate 1");
    let end = bench.ended(&run).await?;
    ensure!(end.done == ["gate 2", "gate 1", "c"], "it ended with {:?}", end.done);
    bench.replays(&run).await
}

async fn what_fails_is_performed_again(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["faulty 1"], &["b"]])).await?;
    let end = bench.ended(&run).await?;
    ensure!(end.done == ["faulty 1", "b"], "it ended with {:?}", end.done);
    let began = bench.hands.seen().began.clone();
    let tries = began.iter().filter(|(key, errand)| key == "run-1/op-1" && errand == "faulty 1").count();
    ensure!(tries == 3, "it fails twice, and is then done, always under the same key: {began:?}");
    bench.replays(&run).await
}

async fn what_is_refused_is_undone(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    let plan = plan(&[&["a"], &["b"], &["refused 1"], &["never"]]);
    bench.start(&run, &plan).await?;
    let end = bench.ended(&run).await?;
    ensure!(end.done.is_empty() && end.is_cancelled, "it ended with {end:?}");
    let refused = Event::Done { op: OpId(3), outcome: Answer::Refused };
    bench.happened(&run, vec![Event::Started(plan), done(1), done(2), refused, done(4), done(5)]).await?;
    let began: Vec<_> = bench.hands.seen().began.iter().map(|(_, errand)| errand.clone()).collect();
    ensure!(began == ["a", "b", "refused 1", "undo b", "undo a"], "it did {began:?}");
    Ok(())
}

async fn time_passes(world: EngineWorld) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    bench.start(&run, &plan(&[&["sleep 300"], &["b"]])).await?;
    bench.begins("sleep 300", 1).await?;
    ensure!(bench.hands.begun("b") == 0, "what comes after it is begun at once");
    let end = bench.ended(&run).await?;
    ensure!(end.done == ["sleep 300", "b"], "it ended with {:?}", end.done);
    Ok(())
}

async fn a_long_run_is_read_in_pages(world: EngineWorld) -> Outcome {
    const ERRANDS: usize = 150;
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    let names: Vec<_> = (0..ERRANDS).map(|n| vec![format!("errand {n}")]).collect();
    bench.start(&run, &super::Plan { waves: names }).await?;
    let end = bench.ended(&run).await?;
    ensure!(end.done.len() == ERRANDS, "of {ERRANDS} errands {} are done", end.done.len());
    let (mut after, mut read) = (Seq(0), 0);
    loop {
        let page = bench.engine.entries(&run, after, 40).await.works()?;
        ensure!(page.len() <= 40, "a page of 40 has {}", page.len());
        let Some(last) = page.last() else { break };
        read += page.len();
        after = last.seq;
    }
    ensure!(read == ERRANDS + 1, "{read} entries are read, and {} were made", ERRANDS + 1);
    bench.replays(&run).await
}

async fn runs_are_listed_in_order(world: EngineWorld) -> Outcome {
    let bench = Bench::new(world).await;
    let _worker = bench.worker();
    for name in ["run-b", "run-c", "run-a"] {
        let gate = if name == "run-c" { "gate c" } else { "a" };
        bench.start(&run_id(name)?, &plan(&[&[gate]])).await?;
    }
    let all = RunFilter::of(Errands::NAME);
    let listed = bench.list(&all).await?;
    ensure!(listed == ["run-a", "run-b", "run-c"], "those that were started are not all listed: {listed:?}");
    for name in ["run-a", "run-b"] {
        bench.ended(&run_id(name)?).await?;
    }
    // An index of runs may come a little later than their end.
    let ended = RunFilter { ended: Some(true), ..all.clone() };
    bench
        .world
        .in_time("those that have ended are listed", async {
            while bench.list(&ended).await? != ["run-a", "run-b"] {
                bench.clock().sleep(super::LOOK).await;
            }
            Ok::<_, String>(())
        })
        .await??;
    let open = bench.list(&all.clone().open()).await?;
    ensure!(open == ["run-c"], "open are {open:?}");
    let page = bench.engine.runs(&all, Some(&run_id("run-a")?), 1).await.works()?;
    ensure!(page == [run_id("run-b")?], "after the first comes {page:?}");
    let others = bench.list(&RunFilter::of("another")).await?;
    ensure!(others.is_empty(), "of another machine there are {others:?}");
    Ok(())
}

async fn what_has_ended_goes_to_the_archive(world: EngineWorld, archives: bool) -> Outcome {
    let (bench, run) = (Bench::new(world).await, run_id("run-1")?);
    let _worker = bench.worker();
    let plan = plan(&[&["a"]]);
    bench.start(&run, &plan).await?;
    bench.start(&run_id("run-2")?, &super::bench::plan(&[&["gate 1"]])).await?;
    bench.ended(&run).await?;
    let (before, later) = (bench.load(&run).await?, bench.clock().now() + Duration::from_secs(3_600));
    let archived = bench.engine.archive(later, 10).await;
    if !archives {
        return archived.fails(ErrorKind::Unsupported, "it has no archive of its own");
    }
    ensure!(archived.works()? == [run.clone()], "what has ended is archived, and nothing else");
    let (left, moved) = (RunFilter::default(), RunFilter { archived: true, ..RunFilter::default() });
    let (left, moved) = (bench.list(&left).await?, bench.list(&moved).await?);
    ensure!(left == ["run-2"] && moved == ["run-1"], "listed are {left:?}, and of the archive {moved:?}");
    ensure!(bench.load(&run).await? == before, "it is not what it was");
    let again = bench.try_start(&run, &serde_json::to_value(&plan).unwrap_or_default()).await.works()?;
    ensure!(again == Created::Existing, "its id is given to another run");
    bench.try_tell("key-1", &run, &super::Told::Cancel).await.fails(ErrorKind::Invalid, "the run has ended")?;
    bench.hands.open("gate 1");
    bench.ended(&run_id("run-2")?).await?;
    bench.happened(&run, vec![Event::Started(plan), done(1)]).await?;
    bench.replays(&run).await
}

async fn one_has_the_turn(world: EngineWorld) -> Outcome {
    let bench = Bench::new(world).await;
    let first = bench.engine.turn("starting").await.works()?;
    // A host takes its own turn again at once where it is a lease of the host; another one waits.
    let turn = bench.engine.turn("another").await.works()?;
    bench.engine.release(&turn).await.works()?;
    bench.engine.release(&first).await.works()?;
    bench.engine.release(&first).await.works()?;
    let again = bench.world.in_time("a turn that was given back is taken", bench.engine.turn("starting")).await?.works()?;
    let machine = bench.machines.get(Errands::NAME).works()?;
    let start = json!({ "waves": [["a"]] });
    let lost = bench.engine.start(&first, &**machine, &run_id("run-1")?, &start).await;
    lost.fails(ErrorKind::Conflict, "the turn was given back")?;
    bench.engine.release(&again).await.works()
}

async fn a_clock_that_jumps_changes_nothing(world: EngineWorld) -> Outcome {
    let clock = std::sync::Arc::new(Jumping::new(world.clock.clone()));
    let (bench, run) = (Bench::new(EngineWorld { clock: clock.clone(), ..world }).await, run_id("run-1")?);
    let _worker = bench.worker();
    let plan = plan(&[&["a"], &["gate 1"], &["sleep 50"], &["gate 2"], &["c"]]);
    bench.start(&run, &plan).await?;
    for (gate, hours) in [("gate 1", 3), ("gate 2", -7)] {
        bench.world.until("a gate is reached", || bench.hands.begun(gate) == 1).await?;
        clock.jump(hours);
        bench.hands.open(gate);
    }
    bench.ended(&run).await?;
    let events = std::iter::once(Event::Started(plan)).chain((1..=5).map(done)).collect();
    bench.happened(&run, events).await
}

/// A clock whose time jumps.
#[derive(Debug)]
struct Jumping {
    clock: std::sync::Arc<dyn crate::adapter::Clock>,
    ahead: std::sync::atomic::AtomicI64,
}

impl Jumping {
    fn new(clock: std::sync::Arc<dyn crate::adapter::Clock>) -> Self {
        Self { clock, ahead: std::sync::atomic::AtomicI64::new(0) }
    }

    fn jump(&self, hours: i64) {
        self.ahead.fetch_add(hours * 3_600_000, std::sync::atomic::Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl crate::adapter::Clock for Jumping {
    fn now(&self) -> crate::time::UnixMillis {
        crate::time::UnixMillis(self.clock.now().0 + self.ahead.load(std::sync::atomic::Ordering::SeqCst))
    }

    async fn sleep(&self, duration: std::time::Duration) {
        self.clock.sleep(duration).await;
    }
}
