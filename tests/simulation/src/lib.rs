//! A deterministic simulation of the whole control plane: one seed, one world, every byte the same each time.
//!
//! ```text
//! cargo run --release --example simulate -- --seeds 10000         many seeds, on every core
//! cargo run --release --example simulate -- --seed 17 --trace     everything that happens in one
//! cargo run --release --example simulate -- --bug list            bugs that can be planted
//! ```
//!
//! A seed decides the project (units, what they need of each other, policy, requests), what people and agents do, and what goes
//! wrong. Time is virtual and nothing else comes from outside: no runtime, clock, file, network or thread. The coordinator,
//! the gate, the evidence and the embedded engine are the real ones; the systems around are the reference adapters of
//! `pathops_core::memory`. There is no ledger and no index of evidence, and runtime signals never fail.
//!
//! First there is chaos: the process dies before and after writes, requests and answers are lost, calls are made twice, fail or
//! are slow and so overtake each other, parts are cut off for minutes, the wall clock jumps, people come late, twice, not at
//! all or without a right to, ask for what others are changing, cancel and pause what is under way, agents lie. In every third world
//! operators have things tried again, reset units and move runs to the archive; in every third one alarms go off, are lost, repeated
//! or forged on their way to the gateway, and stop promotions until people say that it is over. Then everything is calm, and it has
//! to come to an end by itself: every change set and every incident ends, every delivery was handled, nothing is left open,
//! everything happened once and is on record.
//!
//! # How to read a trace
//!
//! ```text
//!    788.000    787.413   journal: feature-0-c1185fd39a                a call of an adapter, with how it failed where it did
//!    788.000    787.413 = AwaitMerge source of ale: Merged             an operation has ended, and that is in the journal
//!    788.000    787.413 + shop/ale-gitops#1 is merged by erin          something happened outside
//!    846.057    845.470 ? Feature 1 by alice: feature-1-19f1064b61     a feature was asked for; the answer
//!    871.000    870.413 + incident alert-ale-0b1f6b5c27 of ale is open   people and PathOps know of it from now on
//!    900.000    899.413 ! feature-0-c1185fd39a stands still: […]       a run stopped, and is tried again
//!    912.000    911.413 the process dies after it could journal        chaos
//!    950.000    949.413 VIOLATED i6 effects happen once: […]           the finding
//! ```
//!
//! The first column is the time that has passed, in seconds; the second is what the wall clock shows. A call whose answer was
//! lost on its way looks well here: what came of it is seen in the lines after it.
//!
//! # How to add
//!
//! * *something that goes wrong*: a rule in `chaos.rs` where it is about calls, an act in `people.rs` where somebody does it (in
//!   `responders.rs` where it is about an incident), an alarm in `alarms.rs`, what pipelines, rollouts and agents do in `world.rs`.
//!   Roll it from a stream of its own (`dice.of("…")`): seeds stay what they were but for it.
//! * *an invariant*: a file in `invariants/`, see there.
//! * *a planted bug*: see [`Bug`]. Bugs are in the wrappers of `adapters/`, never in the library.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a simulation that cannot go on is a failed test"
)]

mod adapters;
mod alarms;
mod bug;
mod chaos;
mod dice;
mod host;
mod invariants;
mod lens;
mod operators;
mod people;
mod responders;
mod run;
mod search;
mod shape;
mod step;
mod truth;
mod wishes;
mod world;

pub use bug::Bug;
pub use invariants::lifecycles_are_kept;
pub use lens::Violation;
pub use run::{Run, journals, simulate};
pub use search::{Searched, search};
