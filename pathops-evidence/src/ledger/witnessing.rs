//! Asking witnesses for cosignatures, and being one (C2SP `tlog-witness`, `add-checkpoint`).
//!
//! What is posted and what is answered are values and functions of this module; who carries them to a witness and back, for example
//! over HTTP, is a [`WitnessClient`] of the host.

mod ask;
mod memory;
mod wire;

pub use ask::{CosignedBy, WitnessClient};
pub use memory::MemoryWitness;
pub use wire::{AddCheckpoint, CosignatureRequest, MAX_PROOF_LINES, WitnessAnswer, WitnessSaid};
