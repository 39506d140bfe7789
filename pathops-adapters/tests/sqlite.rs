//! The conformance kit on the SQLite journal.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::sqlite::SqliteJournal;
use pathops_core::adapter::{Journal, JournalCapabilities};
use pathops_core::conformance::journal::{JournalFixture, JournalWorld, trials};

struct OneFile;

#[async_trait]
impl JournalFixture for OneFile {
    async fn fresh(&self) -> JournalWorld {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let open = move || {
            let path = path.clone();
            async move { Arc::new(SqliteJournal::open(path).await.unwrap()) as Arc<dyn Journal> }
        };
        JournalWorld::new(open, folder)
    }
}

fn main() -> ExitCode {
    let mut capabilities = JournalCapabilities::default();
    (capabilities.durable, capabilities.wakes) = (true, true);
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(OneFile), capabilities)).exit_code()
}
