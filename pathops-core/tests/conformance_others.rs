//! The kit under test, for every adapter trait but the Git host's: the reference implementations pass all cases, and with
//! one planted defect they fail exactly the cases that name it.

#[cfg(test)]
#[path = "conformance_others/agent.rs"]
mod agent;
#[cfg(test)]
#[path = "conformance_others/blob.rs"]
mod blob;
#[cfg(test)]
#[path = "conformance_others/blob_collector.rs"]
mod blob_collector;
#[path = "conformance_others/bucket.rs"]
mod bucket;
#[cfg(test)]
#[path = "conformance_others/ci.rs"]
mod ci;
#[cfg(test)]
#[path = "conformance_others/condition.rs"]
mod condition;
#[cfg(test)]
#[path = "conformance_others/data_keys.rs"]
mod data_keys;
#[cfg(test)]
#[path = "conformance_others/event_bus.rs"]
mod event_bus;
#[cfg(test)]
#[path = "conformance_others/evidence_index.rs"]
mod evidence_index;
#[cfg(test)]
#[path = "conformance_others/forge.rs"]
mod forge;
#[cfg(test)]
#[path = "conformance_others/gitops.rs"]
mod gitops;
#[cfg(test)]
#[path = "conformance_others/inbox.rs"]
mod inbox;
#[cfg(test)]
#[path = "conformance_others/joined.rs"]
mod joined;
#[cfg(test)]
#[path = "conformance_others/journal.rs"]
mod journal;
#[cfg(test)]
#[path = "conformance_others/notifier.rs"]
mod notifier;
#[cfg(test)]
#[path = "conformance_others/signals.rs"]
mod signals;
#[cfg(test)]
#[path = "conformance_others/signer.rs"]
mod signer;
#[cfg(test)]
#[path = "conformance_others/time.rs"]
mod time;
#[cfg(test)]
#[path = "conformance_others/witness.rs"]
mod witness;

/// What fails, without the name of the suite.
#[cfg(test)]
fn failing<W: Send + 'static>(
    cases: &[pathops_core::conformance::Case<W>],
    worlds: &pathops_core::conformance::Fresh<W>,
) -> Vec<String> {
    let name = |name: String| name.split_once("::").map_or(name.clone(), |(_, behaviour)| behaviour.to_owned());
    pathops_core::conformance::failures(cases, worlds).into_iter().map(name).collect()
}
