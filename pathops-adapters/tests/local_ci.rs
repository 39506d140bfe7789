//! The conformance kit on local CI.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::CiCapabilities;
use pathops_core::conformance::ci::{CiFixture, CiWorld, Commits, trials};
use shop::{Shop, file, script};

#[path = "local_ci/shop.rs"]
mod shop;

const PASS: &str = "echo '<testsuite tests=\"1\"/>' > $PATHOPS_OUT/junit.xml
mkdir $PATHOPS_OUT/artifact
cp app.txt $PATHOPS_OUT/artifact/";

struct OneShop;

#[async_trait]
impl CiFixture for OneShop {
    async fn fresh(&self) -> CiWorld {
        let shop = Shop::new();
        let (passing, passing_tree) = shop.commit(&[script(PASS), file("app.txt", "orders")]);
        let (other_pipeline, _) = shop.commit(&[script("true"), file("app.txt", "orders")]);
        let commits = Commits {
            passing: shop.request(&passing, &passing),
            passing_tree,
            failing: shop.build_of(&[script("exit 3")]),
            changed_pipeline: shop.request(&passing, &other_pipeline),
            slow: shop.build_of(&[script("sleep 60")]),
        };
        let ci = Arc::new(shop.ci(shop.config()));
        CiWorld::new(ci, shop.blobs.clone(), Arc::new(SystemClock), commits, shop.folder)
    }
}

fn main() -> ExitCode {
    let mut capabilities = CiCapabilities::default();
    capabilities.cancel = true;
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(OneShop), capabilities)).exit_code()
}
