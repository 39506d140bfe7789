//! The conformance kit on the local signer.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::local_signer::LocalSigner;
use pathops_core::conformance::signer::{SignerFixture, SignerWorld, trials};

struct OneKey;

#[async_trait]
impl SignerFixture for OneKey {
    async fn fresh(&self) -> SignerWorld {
        let folder = tempfile::tempdir().unwrap();
        SignerWorld::new(Arc::new(LocalSigner::open_or_create(folder.path().join("key.pem")).unwrap()), folder)
    }
}

fn main() -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(OneKey))).exit_code()
}
