//! The conformance kit on the SQLite inbox.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::sqlite::SqliteInbox;
use pathops_core::adapter::{Inbox, InboxCapabilities};
use pathops_core::conformance::inbox::{InboxFixture, InboxWorld, trials};

struct OneFile;

#[async_trait]
impl InboxFixture for OneFile {
    async fn fresh(&self) -> InboxWorld {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.db");
        let open = move || {
            let path = path.clone();
            async move { Arc::new(SqliteInbox::open(path).await.unwrap()) as Arc<dyn Inbox> }
        };
        InboxWorld::new(open, folder)
    }
}

fn main() -> ExitCode {
    let mut capabilities = InboxCapabilities::default();
    (capabilities.durable, capabilities.shared) = (true, true);
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(OneFile), capabilities)).exit_code()
}
