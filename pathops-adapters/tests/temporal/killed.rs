//! Hosts that are killed at any moment, as a machine that fails would do it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use pathops_core::RunId;
use pathops_core::flow::Engine as _;

use crate::case;
use crate::toy::{Word, Yard, chain, job, plan, wait};
use crate::world::{World, Worlds, entries, say, verified};

/// The argument that makes this program a host.
pub(crate) const HOST: &str = "--host";

pub(crate) fn all(worlds: &Arc<Worlds>) -> Vec<Trial> {
    vec![
        case(worlds, "what_a_killed_host_did_is_done_by_another_one", while_it_waits),
        case(worlds, "hosts_that_are_killed_again_and_again_lose_nothing", again_and_again),
    ]
}

/// A host that drives a run, and says what it does.
struct Host(Child);

impl Host {
    fn start(world: &World, run: &RunId) -> Self {
        let mut host = Command::new(std::env::current_exe().unwrap());
        host.args([HOST, &world.config.address, &world.config.queue, run.as_str()]);
        Self(host.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Until it says something.
    async fn says(&mut self, wanted: &'static str) {
        let output = BufReader::new(self.0.stdout.take().unwrap());
        let found = move || output.lines().map_while(Result::ok).any(|line| line.starts_with(wanted));
        assert!(tokio::task::spawn_blocking(found).await.unwrap(), "the host has ended");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[expect(clippy::print_stdout, reason = "that is how it says what it does")]
pub(crate) fn host_process() {
    let [address, queue, run] = [2, 3, 4].map(|place| std::env::args().nth(place).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let yard = Arc::<Yard>::default();
    let world = World::of(&address, &queue, yard.clone());
    runtime.block_on(async move {
        let engine = world.engine().await;
        let (machines, run) = (yard.machines(), RunId::parse(run).unwrap());
        let told = async {
            let mut told = 0;
            loop {
                for line in yard.logged().into_iter().skip(told) {
                    println!("{line}");
                    told += 1;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            driven = engine.drive(&machines, &run) => drop(driven.unwrap()),
            () = told => {}
        }
    });
}

async fn while_it_waits(world: World) {
    let (engine, run) = (world.engine().await, world.run("killed-host"));
    world.started(&engine, &run, &plan([wait("gate"), job("one")])).await;
    let mut host = Host::start(&world, &run);
    host.says("perform gate").await;
    drop(host);
    world.yard.let_through("gate");
    let driven = engine.drive(&world.yard.machines(), &run).await.unwrap();
    let mut said = verified(&entries(&engine, &run).await, &driven);
    said.sort();
    assert_eq!(said, ["did gate", "did one"]);
    assert_eq!(world.yard.count(&format!("perform gate {run}/op-1")), 1);
}

async fn again_and_again(world: World) {
    let (engine, run) = (world.engine().await, world.run("killed-hosts"));
    world.started(&engine, &run, &plan([chain(6)])).await;
    for (place, step) in ["perform step-2", "perform step-4", "perform step-5"].into_iter().enumerate() {
        let mut host = Host::start(&world, &run);
        host.says(step).await;
        drop(host);
        say(&engine, &run, &format!("killed-{place}"), Word::Say(place.to_string())).await;
    }
    let driven = engine.drive(&world.yard.machines(), &run).await.unwrap();
    let said = verified(&entries(&engine, &run).await, &driven);
    let steps: Vec<_> = said.iter().filter(|text| text.starts_with("did")).cloned().collect();
    assert_eq!(steps, (1..=6).map(|step| format!("did step-{step}")).collect::<Vec<_>>());
    let words: Vec<_> = said.iter().filter(|text| !text.starts_with("did")).cloned().collect();
    assert_eq!(words, ["0", "1", "2"]);
}
