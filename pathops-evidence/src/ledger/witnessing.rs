//! Asking witnesses for cosignatures, and being one (C2SP `tlog-witness`, `add-checkpoint`).
//!
//! What is posted and what is answered are values and functions; who carries them to a witness and back is a
//! [`WitnessClient`](pathops_core::adapter::WitnessClient) of the host: over HTTP, that of the adapters' feature `witness`.

mod ask;
mod memory;
mod wire;

pub use ask::CosignedBy;
pub use memory::MemoryWitness;
pub use wire::{AddCheckpoint, CosignatureRequest, MAX_PROOF_LINES};
