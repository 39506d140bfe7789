//! The smallest host: what a team writes to run PathOps inside a service of its own.
//!
//! `cargo run --example embed` asks for one feature of a project with a single component, goes on until people are
//! needed, says why it waits, and stops. Everything is in memory, so nothing is left behind; with adapters that last in
//! the same places, the next `run` would go on from there.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

#[path = "embed/chat.rs"]
mod chat;
#[path = "embed/sample.rs"]
mod sample;

use std::sync::Arc;

use pathops_adapters::patch_agent::PatchAgent;
use pathops_adapters::system::{SystemClock, SystemIds};
use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::headline;
use pathops_core::Principal;
use pathops_core::adapter::Importance;
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemoryCi, MemoryJournal, MemorySignals, MemorySigner};
use tokio::sync::mpsc;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let clock = Arc::new(SystemClock);
    let blobs = Arc::new(MemoryBlobs::new());
    let forge = sample::forge(clock.clone())?;
    let scm = forge.scm(Principal::System);
    let (chat, mut notices) = mpsc::unbounded_channel();

    let plane = ControlPlane::builder()
        .name("embed")
        .meta_repo("demo/meta".parse()?)
        .scm(scm.clone())
        .merge(forge.merger(Principal::System))
        .ci(Arc::new(MemoryCi::new(scm.clone(), blobs.clone(), clock.clone())))
        .gitops(sample::controller(scm, clock.clone())?)
        .signals(Arc::new(MemorySignals::default()))
        .blobs(blobs)
        .streams(Arc::new(MemoryBucket::new()))
        .journal(Arc::new(MemoryJournal::new()))
        .signer(Arc::new(MemorySigner::from_seed(1)?))
        .agent(Arc::new(PatchAgent::new("patch".parse()?)))
        .notifier(Arc::new(chat::Chat(chat)))
        .clock(clock)
        .ids(Arc::new(SystemIds))
        .build()?;

    let change_set = plane.request_feature(sample::request()?, None).await?;
    let people_are_needed = async {
        while let Some(notice) = notices.recv().await {
            println!("chat: {}", notice.text);
            if notice.importance == Importance::ActionNeeded {
                return;
            }
        }
    };
    plane.run(people_are_needed).await?;

    let state = plane.state(&change_set).await?.ok_or("the journal has lost the change set")?;
    println!("\n{change_set}: {}", headline(&state));
    for decided in state.units.values().filter_map(|unit| unit.first.as_ref()) {
        println!("{}", decided.decision.to_text());
    }
    Ok(())
}
