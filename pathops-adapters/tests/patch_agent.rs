//! The conformance kit on the patch agent.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::patch_agent::PatchAgent;
use pathops_core::adapter::AgentCapabilities;
use pathops_core::conformance::agent::{AgentFixture, AgentWorld, trials};

struct OneAgent;

#[async_trait]
impl AgentFixture for OneAgent {
    async fn fresh(&self) -> AgentWorld {
        AgentWorld::new(Arc::new(PatchAgent::new("patch".parse().unwrap())), ())
    }
}

fn main() -> ExitCode {
    let mut capabilities = AgentCapabilities::default();
    capabilities.patch = true;
    libtest_mimic::run(&Arguments::from_args(), trials(Arc::new(OneAgent), capabilities)).exit_code()
}
