//! Signed, typed statements: what they look like and how they are checked. No key is ever used here.
//!
//! Formats: in-toto Statement v1 in canonical JSON (RFC 8785), in a DSSE v1 envelope, signed with ECDSA P-256 over
//! SHA-256. `openssl` alone can check one; see `pathops-evidence` for making and storing them.

mod absence;
mod authority;
mod canonical;
mod certificate;
mod envelope;
mod facets;
mod governance;
mod key;
mod log;
mod predicate;
mod provenance;
mod redaction;
mod report;
mod reserved;
mod retention;
#[cfg(feature = "schema")]
mod schema;
mod snapshot;
mod standard;
mod statement;
mod verified;

pub use absence::*;
pub use authority::*;
pub use certificate::*;
pub use envelope::*;
pub use facets::*;
pub use governance::*;
pub use key::*;
pub use log::*;
pub use predicate::*;
pub use provenance::*;
pub use redaction::*;
pub use report::*;
pub use reserved::BUILD_SUITE;
pub use retention::*;
#[cfg(feature = "schema")]
pub use schema::predicate_schemas;
pub use snapshot::*;
pub use standard::*;
pub use statement::*;
