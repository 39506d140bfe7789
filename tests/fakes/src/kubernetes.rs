//! The API server of Kubernetes, as far as the adapters ask of it: objects of some kinds, with watches, what runs, and reviews of
//! one's own access. Answers have the shapes of real ones; requests are counted, and go wrong on demand.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a fake: what it cannot play is a failed test")]
#![expect(clippy::missing_panics_doc, reason = "a fake: what it is asked and cannot play is a panic everywhere")]
#![expect(clippy::disallowed_methods, reason = "the fakes take real time")]

mod cluster;
mod core_api;
mod http;
mod verifications;

use pathops_core::UnixMillis;
use serde_json::{Value, json};

pub use cluster::{Cluster, Faults, Key, Resource, key};
pub use core_api::{Log, Runs, container, event, pod, series, usage};
pub use http::{Body, Piece, Reply, Request, Server};

/// An instant as Kubernetes writes it: to the second.
#[must_use]
pub fn second(at: UnixMillis) -> Value {
    json!(UnixMillis(at.0 - at.0.rem_euclid(1000)).to_string())
}
