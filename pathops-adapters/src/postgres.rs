//! The evidence index in PostgreSQL, 12 or later: for hosts on several machines.
//!
//! What is acknowledged is on the server's disk: `synchronous_commit` is switched on for the connections of this adapter,
//! whatever the server has as its default. What is added at once is one transaction. Triggers refuse to change or delete an
//! entry, whoever asks, short of taking the triggers away.
//!
//! The tables are `pathops_evidence_index`, `pathops_evidence` and `pathops_subjects`, in the first schema of the search path of
//! who connects. They are made by the first who opens the index; of several at the same time one makes them, and the others
//! wait for it by an advisory lock.
//!
//! Connections are encrypted as the URL asks for (`sslmode`, `sslrootcert`), with `rustls`. As every client of PostgreSQL does,
//! the driver takes what a URL leaves open from the environment (`PGPASSWORD`, `PGSSLMODE` and the like): a host that does not
//! want that says all of it.

mod error;
mod evidence_index;

pub use evidence_index::PostgresEvidenceIndex;
