//! PathOps core: the words, rules and seams of a control plane for software change.
//!
//! **No change reaches production without evidence.** This crate holds what that takes and does no I/O: entities
//! ([`project`]), the promotion policy and its decisions ([`policy`]), signed evidence and its verification
//! ([`evidence`]), lifecycles ([`lifecycle`]), deploy order ([`order`]), the shape of workflow machines ([`flow`]), and
//! one trait for each thing that a host supplies ([`adapter`]).
//!
//! The handbook is in [`docs`].

pub mod adapter;
mod code_owners;
#[cfg(feature = "conformance")]
pub mod conformance;
mod digest;
pub mod docs;
mod error;
pub mod evidence;
pub mod flow;
mod id;
pub mod lifecycle;
#[cfg(feature = "memory")]
pub mod memory;
mod op;
pub mod order;
pub mod policy;
mod principal;
pub mod project;
pub mod readiness;
mod time;

pub use code_owners::{CodeOwners, CodeOwnersForm};
pub use digest::{Digest, DigestError, Hashing};
pub use error::{Effect, Error, ErrorKind, Result, Retry};
pub use id::*;
pub use op::{IdempotencyKey, OpContext};
pub use principal::Principal;
pub use time::{TimeError, UnixMillis};
