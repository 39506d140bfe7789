//! The conformance kit on the SQLite evidence index.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::sqlite::SqliteEvidenceIndex;
use pathops_core::adapter::{EvidenceIndex, EvidenceIndexCapabilities};
use pathops_core::conformance::evidence_index::{EvidenceIndexFixture, EvidenceIndexWorld, trials};

struct OneFile;

#[async_trait]
impl EvidenceIndexFixture for OneFile {
    async fn fresh(&self) -> EvidenceIndexWorld {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.db");
        let open = move || {
            let path = path.clone();
            async move { Arc::new(SqliteEvidenceIndex::open(path).await.unwrap()) as Arc<dyn EvidenceIndex> }
        };
        EvidenceIndexWorld::new(open, folder)
    }
}

fn main() -> ExitCode {
    let mut capabilities = EvidenceIndexCapabilities::default();
    (capabilities.durable, capabilities.shared) = (true, true);
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(OneFile), capabilities)).exit_code()
}
