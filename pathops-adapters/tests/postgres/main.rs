//! The journal, the evidence index, the inbox and the event bus in a PostgreSQL that the test starts: the conformance kits, and what is particular to it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: a failure is a failed test"
)]
#![expect(clippy::print_stderr, reason = "a skip is told")]
#![expect(clippy::disallowed_methods, reason = "it waits for a real server")]

mod draft;
mod event_bus;
mod faults;
mod journal;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use pathops_adapters::postgres::{
    PostgresEventBus, PostgresEvidenceDraft, PostgresEvidenceIndex, PostgresInbox, PostgresJournal,
};
use pathops_core::adapter::{
    EventBus, EventBusCapabilities, EvidenceIndex, EvidenceIndexCapabilities, Inbox, InboxCapabilities, Journal,
    JournalCapabilities,
};
use pathops_core::conformance::event_bus::{self as event_bus_kit, EventBusFixture, EventBusWorld};
use pathops_core::conformance::evidence_index::{self, EvidenceIndexFixture, EvidenceIndexWorld};
use pathops_core::conformance::inbox::{self, InboxFixture, InboxWorld};
use pathops_core::conformance::journal::{self as journal_kit, JournalFixture, JournalWorld};
use tokio::sync::OnceCell;

use server::Server;

/// One server for all cases of this process, started with the first.
#[derive(Clone)]
struct OneServer {
    programs: PathBuf,
    server: Arc<OnceCell<Server>>,
}

impl OneServer {
    async fn server(&self) -> &Server {
        self.server.get_or_init(|| Server::start(&self.programs)).await
    }
}

#[async_trait]
impl EventBusFixture for OneServer {
    async fn fresh(&self) -> EventBusWorld {
        let url = self.server().await.database().await;
        let open = move || {
            let url = url.clone();
            async move { Arc::new(PostgresEventBus::open(&url).await.unwrap()) as Arc<dyn EventBus> }
        };
        EventBusWorld::new(open, self.clone())
    }
}

#[async_trait]
impl EvidenceIndexFixture for OneServer {
    async fn fresh(&self) -> EvidenceIndexWorld {
        let url = self.server().await.database().await;
        // One that was made anew is one like any other.
        PostgresEvidenceDraft::begin(&url).await.unwrap().publish(&faults::cx()).await.unwrap();
        let open = move || {
            let url = url.clone();
            async move { Arc::new(PostgresEvidenceIndex::open(&url).await.unwrap()) as Arc<dyn EvidenceIndex> }
        };
        EvidenceIndexWorld::new(open, self.clone())
    }
}

#[async_trait]
impl InboxFixture for OneServer {
    async fn fresh(&self) -> InboxWorld {
        let url = self.server().await.database().await;
        let open = move || {
            let url = url.clone();
            async move { Arc::new(PostgresInbox::open(&url).await.unwrap()) as Arc<dyn Inbox> }
        };
        InboxWorld::new(open, self.clone())
    }
}

#[async_trait]
impl JournalFixture for OneServer {
    async fn fresh(&self) -> JournalWorld {
        let url = self.server().await.database().await;
        let open = move || {
            let url = url.clone();
            async move { Arc::new(PostgresJournal::open(&url).await.unwrap()) as Arc<dyn Journal> }
        };
        JournalWorld::new(open, self.clone())
    }
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(journal::WRITER) {
        journal::writer_process();
        return ExitCode::SUCCESS;
    }
    let mut of_bus = EventBusCapabilities::default();
    (of_bus.durable, of_bus.shared, of_bus.deduplicates) = (true, true, true);
    let mut of_index = EvidenceIndexCapabilities::default();
    (of_index.durable, of_index.shared) = (true, true);
    let mut of_inbox = InboxCapabilities::default();
    (of_inbox.durable, of_inbox.shared) = (true, true);
    let mut of_journal = JournalCapabilities::default();
    (of_journal.durable, of_journal.shared, of_journal.wakes) = (true, true, true);
    let arguments = Arguments::from_args();
    let programs = server::installed();
    if programs.is_none() {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing: `.ci/test` installs it");
        eprintln!("skipped: PostgreSQL is not installed; `.ci/test` does it");
    }
    let missing = programs.is_none();
    let server = OneServer { programs: programs.unwrap_or_default(), server: Arc::default() };
    let mut all = evidence_index::trials(Arc::new(server.clone()), of_index);
    all.extend(event_bus_kit::trials(Arc::new(server.clone()), of_bus));
    all.extend(inbox::trials(Arc::new(server.clone()), of_inbox));
    all.extend(journal_kit::trials(Arc::new(server.clone()), of_journal));
    all.extend(draft::trials(&server));
    all.extend(event_bus::trials(&server));
    all.extend(faults::trials(&server));
    all.extend(journal::trials(&server));
    let all: Vec<Trial> = all.into_iter().map(|trial| trial.with_ignored_flag(missing)).collect();
    libtest_mimic::run(&arguments, all).exit_code()
}
