//! Histories that were recorded, and machines that have changed since.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::Trial;
use pathops_adapters::temporal::replay;
use pathops_core::ErrorKind;
use pathops_core::flow::{Engine as _, Machines};

use crate::case;
use crate::toy::{Word, chain, plan, wait};
use crate::world::{World, Worlds, say};

pub(crate) fn all(worlds: &Arc<Worlds>) -> Vec<Trial> {
    vec![
        case(worlds, "a_history_replays_and_a_changed_machine_is_found", |world| fresh(world, None, "toy-1.json")),
        case(worlds, "so_does_one_that_begins_where_another_execution_ended", |world| fresh(world, Some(3), "toy-2.json")),
        Trial::test("recorded_histories_replay", || {
            tokio::runtime::Runtime::new()?.block_on(recorded());
            Ok(())
        }),
    ]
}

/// A run in which much happens: its latest execution, where it goes on in new ones. As `name` it is recorded, where that is asked for.
async fn fresh(mut world: World, roll_after: Option<u64>, name: &str) {
    world.config.roll_after = roll_after;
    let (engine, run) = (world.engine().await, world.run("replayed"));
    say(&engine, &run, "early", Word::Say("early".to_owned())).await;
    world.started(&engine, &run, &plan([chain(3), wait("gate"), wait("other")])).await;
    let (yard, machines) = (Arc::clone(&world.yard), world.yard.machines());
    let words = async {
        yard.is_at("gate").await;
        say(&engine, &run, "hold", Word::Hold).await;
        yard.is_off("gate").await;
        say(&engine, &run, "drop", Word::Drop("other".to_owned())).await;
        say(&engine, &run, "go-on", Word::GoOn).await;
        yard.let_through("gate");
    };
    let (driven, ()) = tokio::join!(engine.drive(&machines, &run), words);
    driven.unwrap();
    let history = engine.history(&run).await.unwrap();
    // How a recorded one is made, for another one that is kept for ever.
    if std::env::var_os("PATHOPS_RECORD").is_some() {
        std::fs::write(folder().join(name), &history).unwrap();
    }
    checked(&machines, &history).await;
}

async fn recorded() {
    let yard = Arc::<crate::toy::Yard>::default();
    let mut all = 0;
    for history in std::fs::read_dir(folder()).unwrap() {
        checked(&yard.machines(), &std::fs::read(history.unwrap().path()).unwrap()).await;
        all += 1;
    }
    assert!(all > 0);
}

async fn checked(machines: &Machines, history: &[u8]) {
    replay(machines, history).await.unwrap();
    let changed = crate::toy::changed();
    let found = replay(&changed, history).await.unwrap_err();
    assert_eq!(found.kind(), ErrorKind::Conflict, "{found}");
    assert_eq!(replay(machines, b"{}").await.unwrap_err().kind(), ErrorKind::Invalid);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/temporal/histories")
}
