//! What a host supplies: one trait a file, each object safe, with its requests, answers and capabilities.
//!
//! Rules that hold for every trait here, so that the methods need not repeat them:
//!
//! * **Errors.** One type, [`Error`](crate::Error): kind, retry and effect. Adapters never retry and switch
//!   their SDK's own retries off; the driver retries, in one place. A write whose answer is lost ends in
//!   [`Effect::Unknown`](crate::Effect::Unknown), and the caller reads back.
//! * **Idempotency.** A write carries a key in its [`OpContext`](crate::OpContext). The same key with the
//!   same request has its effect once and gives the same answer again.
//! * **Cancel safety.** Dropping a future means "stop waiting". A read leaves no trace. A write may or may not
//!   have happened; it is never left half done, and calling it again with the same key settles it.
//! * **Capabilities.** What is optional is declared as data. A method that is not declared answers
//!   [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) and changes nothing.
//! * **Secrets** never appear in `Debug`, errors or answers.
//!
//! The conformance kit (feature `conformance`) tests these rules against any implementation.

mod agent;
mod blob;
mod blob_collector;
mod bucket;
mod byte_stream;
mod ci;
mod clock;
mod co_authors;
mod data_keys;
mod event_bus;
mod evidence_index;
mod evidence_query;
mod gitops;
mod ids;
mod inbox;
mod joined;
mod journal;
mod lack;
mod log;
mod merge;
mod notifier;
mod owners;
mod pull_request;
mod scm;
mod signals;
mod signer;
mod webhook;
mod webhook_hint;
mod witness;

pub use agent::*;
pub use blob::*;
pub use blob_collector::*;
pub use bucket::*;
pub use byte_stream::*;
pub use ci::*;
pub use clock::*;
pub use co_authors::*;
pub use data_keys::*;
pub use event_bus::*;
pub use evidence_index::*;
pub use evidence_query::*;
pub use gitops::*;
pub use ids::*;
pub use inbox::*;
pub use joined::*;
pub use journal::*;
pub use lack::*;
pub use log::*;
pub use merge::*;
pub use notifier::*;
pub use owners::*;
pub use pull_request::*;
pub use scm::*;
pub use signals::*;
pub use signer::*;
pub use webhook::*;
pub use webhook_hint::*;
pub use witness::*;

#[cfg(test)]
#[expect(clippy::too_many_arguments, reason = "it only has to compile: every trait is object safe")]
fn _object_safe(
    _: &dyn AgentBackend,
    _: &dyn BlobCollector,
    _: &dyn BlobStore,
    _: &dyn Bucket,
    _: &dyn Ci,
    _: &dyn Clock,
    _: &dyn DataKeys,
    _: &dyn EventBus,
    _: &dyn EvidenceIndex,
    _: &dyn EvidenceSink,
    _: &dyn GitOps,
    _: &dyn IdSource,
    _: &dyn Inbox,
    _: &dyn Journal,
    _: &dyn Merge,
    _: &dyn Notifier,
    _: &dyn RuntimeSignals,
    _: &dyn Scm,
    _: &dyn Signer,
    _: &dyn Subscriber,
    _: &dyn WebhookSource,
    _: &dyn WitnessClient,
) {
}
