//! What is particular to Temporal: the kit of engines asks the rest (`tests/engines`).

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_adapters::system::SystemClock;
use pathops_adapters::temporal::Temporal;
use pathops_core::adapter::{Created, Entry, RunFilter, SignalNumber};
use pathops_core::flow::{Engine as _, EventOf, Shell, digest};
use pathops_core::{Digest, ErrorKind, RunId};

use crate::case;
use crate::server::Server;
use crate::toy::{Toy, Word, chain, job, plan, wait};
use crate::world::{World, Worlds, entries, say, verified};

pub(crate) fn all(worlds: &Arc<Worlds>) -> Vec<Trial> {
    vec![
        case(worlds, "what_is_told_before_the_start_is_heard_first_and_once", told_early),
        case(worlds, "what_fails_is_tried_again_and_the_host_is_told", failing),
        case(worlds, "a_machine_that_the_host_does_not_have_is_refused", unknown_machine),
        case(worlds, "a_turn_is_one_hosts_at_a_time", turns),
        case(worlds, "a_run_goes_on_in_new_executions_and_stays_one", rolled),
        case(worlds, "a_server_that_is_killed_loses_nothing", server_killed),
        case(worlds, "a_server_that_is_not_there_is_told", nowhere),
        case(worlds, "a_cancellation_by_hand_changes_nothing", cancelled),
    ]
}

async fn told_early(world: World) {
    let (engine, run) = (world.engine().await, world.run("early"));
    for (key, text) in [("k1", "a"), ("k2", "b"), ("k1", "c")] {
        say(&engine, &run, key, Word::Say(text.to_owned())).await;
    }
    assert_eq!(engine.load(&run).await.unwrap(), None);
    assert_eq!(engine.runs(&RunFilter::default(), None, 9).await.unwrap(), [] as [RunId; 0]);
    assert_eq!(engine.told(&run, SignalNumber(0), 9).await.unwrap().len(), 2);
    let jobs = plan([job("one")]);
    assert_eq!(world.started(&engine, &run, &jobs).await, Created::New);
    assert_eq!(world.started(&engine, &run, &jobs).await, Created::Existing);
    assert_eq!(engine.runs(&RunFilter::of("toy").open(), None, 9).await.unwrap(), std::slice::from_ref(&run));
    assert_eq!(engine.load(&run).await.unwrap().unwrap().heard, SignalNumber(0));
    say(&engine, &run, "k3", Word::Say("d".to_owned())).await;
    let driven = engine.drive(&world.yard.machines(), &run).await.unwrap();
    assert_eq!(verified(&entries(&engine, &run).await, &driven), ["a", "b", "d", "did one"]);
    let told = engine.told(&run, SignalNumber(1), 9).await.unwrap();
    assert_eq!(
        told.iter().map(|signal| (signal.number.0, signal.told.to_string())).collect::<Vec<_>>(),
        [(2, r#"{"Say":"b"}"#.to_owned()), (3, r#"{"Say":"d"}"#.to_owned())]
    );
}

async fn failing(world: World) {
    let (engine, run) = (world.engine().await, world.run("failing"));
    world.yard.failures.lock().unwrap().insert("one".to_owned(), 3);
    world.started(&engine, &run, &plan([job("one")])).await;
    let driven = engine.drive(&world.yard.machines(), &run).await.unwrap();
    assert_eq!(verified(&entries(&engine, &run).await, &driven), ["did one"]);
    assert_eq!(world.yard.count(&format!("perform one {run}/op-1")), 4);
    let progress = world.yard.progress.lock().unwrap().clone();
    assert_eq!(progress.iter().filter(|line| *line == "stopped Unavailable").count(), 3);
    assert_eq!(progress.iter().filter(|line| *line == "began 1").count(), 1);
}

async fn unknown_machine(world: World) {
    let (engine, run) = (world.engine().await, world.run("unknown"));
    world.started(&engine, &run, &plan([job("one")])).await;
    let refused = engine.drive(&pathops_core::flow::Machines::default(), &run).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(engine.drive(&world.yard.machines(), &run).await.unwrap().ended);
}

async fn turns(world: World) {
    let (one, other) = (world.engine().await, world.engine().await);
    let name = format!("turn-{}", world.config.queue);
    let turn = one.turn(&name).await.unwrap();
    let waiting = other.turn(&name);
    tokio::pin!(waiting);
    tokio::select! {
        _ = &mut waiting => panic!("it is taken"),
        () = tokio::time::sleep(Duration::from_millis(300)) => {}
    }
    one.release(&turn).await.unwrap();
    let next = waiting.await.unwrap();
    assert!(next.fence > turn.fence);
    let (machines, run) = (world.yard.machines(), world.run("turn"));
    let toy = &**machines.get("toy").unwrap();
    let refused = one.start(&turn, toy, &run, &plan([job("one")])).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    one.release(&turn).await.unwrap();
    assert_eq!(other.start(&next, toy, &run, &plan([job("one")])).await.unwrap(), Created::New);
    let mut late = next.clone();
    late.expires_at = pathops_core::UnixMillis(0);
    let refused = other.start(&late, toy, &run, &plan([job("one")])).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

async fn rolled(mut world: World) {
    world.config.roll_after = Some(3);
    let (engine, run) = (world.engine().await, world.run("rolled"));
    say(&engine, &run, "early", Word::Say("early".to_owned())).await;
    world.started(&engine, &run, &plan([chain(9), wait("gate")])).await;
    let (yard, machines) = (Arc::clone(&world.yard), world.yard.machines());
    let words = async {
        for text in 0..5 {
            say(&engine, &run, &format!("word-{text}"), Word::Say(text.to_string())).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        while engine.load(&run).await.unwrap().unwrap().open.len() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // In other executions than those in which they came.
        for key in ["early", "word-0", "word-4"] {
            say(&engine, &run, key, Word::Say("twice".to_owned())).await;
        }
        say(&engine, &run, "last", Word::Say("last".to_owned())).await;
        while engine.load(&run).await.unwrap().unwrap().heard.0 < 7 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        yard.let_through("gate");
    };
    let (driven, ()) = tokio::join!(engine.drive(&machines, &run), words);
    let driven = driven.unwrap();
    let entries = entries(&engine, &run).await;
    assert_eq!(entries.len(), 1 + 9 + 1 + 7);
    let said = verified(&entries, &driven);
    assert_eq!(said.iter().filter(|text| *text == "twice").count(), 0);
    assert_eq!(said.last().unwrap(), "did gate");
    let told = engine.told(&run, SignalNumber(0), 99).await.unwrap();
    assert_eq!(told.iter().map(|signal| signal.number.0).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert_eq!(engine.told(&run, SignalNumber(6), 99).await.unwrap().len(), 1);
    assert_eq!(engine.runs(&RunFilter::default(), None, 9).await.unwrap(), std::slice::from_ref(&run));
    assert_eq!(by_hand(&entries), digest(&entries));
    assert!(world.yard.count(&format!("perform gate {run}/op-2")) > 2);
    for step in 2..=9 {
        assert_eq!(world.yard.count(&format!("perform step-{step} {run}/op-{}", step + 1)), 1);
    }
}

async fn server_killed(mut world: World) {
    let mut server = Server::start(&world.program);
    world.config.address = server.address();
    let (engine, run) = (world.engine().await, world.run("killed"));
    world.started(&engine, &run, &plan([chain(3), wait("gate")])).await;
    let (yard, machines) = (Arc::clone(&world.yard), world.yard.machines());
    let failing = async {
        yard.is_at("step-2").await;
        let server = tokio::task::spawn_blocking(move || {
            server.fail(Duration::from_secs(1));
            server
        });
        let server = server.await.unwrap();
        say(&engine, &run, "word", Word::Say("after".to_owned())).await;
        yard.let_through("gate");
        server
    };
    let (driven, _server) = tokio::join!(engine.drive(&machines, &run), failing);
    let mut said = verified(&entries(&engine, &run).await, &driven.unwrap());
    said.sort();
    assert_eq!(said, ["after", "did gate", "did step-1", "did step-2", "did step-3"]);
}

async fn nowhere(mut world: World) {
    let clock = Arc::new(SystemClock);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.config.address = format!("http://{free}");
    let error = Temporal::connect(world.config.clone(), clock.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    world.config.address = "nowhere".to_owned();
    let error = Temporal::connect(world.config.clone(), clock).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

async fn cancelled(world: World) {
    let (engine, run) = (world.engine().await, world.run("cancelled"));
    world.started(&engine, &run, &plan([wait("gate")])).await;
    let (yard, machines) = (Arc::clone(&world.yard), world.yard.machines());
    let cancel = async {
        yard.is_at("gate").await;
        let mut command = std::process::Command::new(&world.program);
        command.args(["workflow", "cancel", "--workflow-id", run.as_str(), "--disable-config-file", "--address"]);
        command.arg(world.config.address.trim_start_matches("http://")).stdout(std::process::Stdio::null());
        assert!(command.status().unwrap().success());
        tokio::time::sleep(Duration::from_millis(500)).await;
        yard.let_through("gate");
    };
    let (driven, ()) = tokio::join!(engine.drive(&machines, &run), cancel);
    assert_eq!(verified(&entries(&engine, &run).await, &driven.unwrap()), ["did gate"]);
    assert_eq!(world.yard.count(&format!("perform gate {run}/op-1")), 1);
}

/// The digest of the same script where the machine is led by hand.
fn by_hand(entries: &[Entry]) -> Digest {
    let mut shell = Shell::<Toy>::new();
    let made = entries.iter().map(|entry| {
        let event: EventOf<Toy> = serde_json::from_value(entry.event.clone()).unwrap();
        let step = shell.step(entry.at, &event).unwrap();
        let made = step.stored(entry.at, &event).unwrap();
        shell.take(step);
        let (seq, closes, opens) = (shell.seq(), made.closes, made.opens);
        Entry { seq, format: made.format, at: entry.at, event: made.event, closes, opens }
    });
    digest(&made.collect::<Vec<_>>())
}
