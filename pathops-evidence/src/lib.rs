//! Evidence: signed, typed statements about what happened, and the snapshots that bundle them.
//!
//! * [`Sealer`] makes a statement, signs it (DSSE, ECDSA P-256) and stores the envelope by digest.
//! * [`redact`] takes secrets out of what tools print, before anything is stored, and counts what it took out.
//! * [`report`] reads what tools report: tests, scans, SBOMs, coverage, checks, events, metrics and more.
//! * [`ledger`] is an append-only log of evidence that anybody can verify, [`verify_ledger`], [`verify_bundle`] and
//!   [`verify_history`] do so.
//! * [`ingest()`] takes a report in: recognised, redacted, stored by digest, stated and signed.
//! * [`rebuild_index`] makes an index of evidence anew from the ledger; [`lineage`] goes from a digest back to what led to it.
//! * [`Collection`] bundles what is known of one deploy, failure, recovery or incident, with what is absent and why; [`Collector`] asks
//!   the sources, and [`Streams`] numbers the snapshots without a gap;
//!   [`SnapshotDifference`] says what is different between two.
//! * [`retention`] lets payloads go when their time is over, and says so in the log.
//! * [`openssl`] gives the files and the command with which anybody checks a signature, without this library.
//!
//! The formats, and their verification, are in [`pathops_core::evidence`]: what a decision rests on is checked there.

mod admit;
mod authority;
mod bundle;
mod collect;
mod difference;
mod history;
mod ingest;
pub mod ledger;
mod lineage;
pub mod openssl;
mod rebuild;
pub mod redact;
mod referred;
pub mod report;
pub mod retention;
mod seal;
mod snapshot;
mod streams;
mod verify;

pub use bundle::*;
pub use collect::*;
pub use difference::*;
pub use history::*;
pub use ingest::*;
pub use lineage::*;
pub use rebuild::*;
pub use report::junit;
pub use seal::*;
pub use snapshot::*;
pub use streams::*;
pub use verify::*;
