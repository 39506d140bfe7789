//! The journal, the evidence index, the inbox and the event bus in PostgreSQL, 12 or later: for hosts on several machines.
//!
//! What is acknowledged is on the server's disk: `synchronous_commit` is switched on for the connections of this adapter,
//! whatever the server has as its default. Triggers refuse to change or delete an entry of either, whoever asks, short of taking
//! the triggers away; entries of the journal move to its archive.
//!
//! Of the journal, a transition is one transaction and one call of the server. It locks its run, and then the lease that it is
//! written under, so that who has lost a lease writes nothing, however late they notice: taking a lease waits for a transition
//! that is being written under it, and a transition that comes after is refused. Of the evidence index, what is added at once is
//! one transaction.
//!
//! The tables are `pathops_journal`, `pathops_leases`, `pathops_runs`, `pathops_entries`, `pathops_ops` and `pathops_signals`, those of its
//! archive (`pathops_archived_…`), views of both (`pathops_all_…`), and functions of such names; `pathops_evidence_index`,
//! `pathops_evidence` and `pathops_subjects`; `pathops_inbox`, `pathops_lanes` and `pathops_deliveries`; and `pathops_event_bus`,
//! `pathops_topics`, `pathops_events` and `pathops_subscriptions`: in the first schema of the search path of who connects; those of
//! an index that is made anew ([`PostgresEvidenceDraft`]) lie in a schema of their own until it is published. They are made by the
//! first who opens the journal, the index, the inbox or the bus, and those of an earlier version are taken further; of several at the
//! same time one makes them, and the others wait for it by an advisory lock.
//!
//! Connections are encrypted as the URL asks for (`sslmode`, `sslrootcert`), with `rustls`. As every client of PostgreSQL does,
//! the driver takes what a URL leaves open from the environment (`PGPASSWORD`, `PGSSLMODE` and the like): a host that does not
//! want that says all of it.

mod database;
mod error;
mod event_bus;
mod evidence_draft;
mod evidence_index;
mod inbox;
mod journal;

pub use event_bus::PostgresEventBus;
pub use evidence_draft::PostgresEvidenceDraft;
pub use evidence_index::PostgresEvidenceIndex;
pub use inbox::PostgresInbox;
pub use journal::PostgresJournal;
