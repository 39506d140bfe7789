//! Loki as a source of signals: the conformance kit and paging on a small fake in the shapes of its API description (`fake`), and faults on
//! a server that only answers wrongly. No real server.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

mod fake;
mod faults;
mod pages;
#[path = "../trial/mod.rs"]
mod trial;

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::loki::{Endpoint, Loki, Value};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, SignalCapabilities, SignalQuery};
use pathops_core::conformance::signals::{self, SignalFixture, SignalWorld};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{IdempotencyKey, OpContext, UnixMillis};

use fake::Fake;
use trial::trial;

fn main() -> ExitCode {
    let mut offers = SignalCapabilities::default();
    offers.logs = true;
    let mut trials = signals::trials(Arc::new(Conformance), offers);
    trials.extend(pages::trials());
    trials.extend(faults::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn ago(seconds: i64) -> UnixMillis {
    UnixMillis(SystemClock.now().0 - seconds * 1000)
}

/// What `unit` printed in the last five minutes.
fn query(unit: &str) -> SignalQuery {
    let mut target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    "shop".clone_into(&mut target.namespace);
    SignalQuery { unit: unit.parse().unwrap(), target, since: ago(300), head_bytes: 0, tail_bytes: 1 << 20 }
}

fn loki(url: &str) -> Loki {
    let builder = Loki::builder(Endpoint::new(url).basic("robot", "s3cret").tenant("shop"), Arc::new(SystemClock));
    builder.label("namespace", Value::Namespace).label("app", Value::Unit).build().unwrap()
}

/// Two pods of `orders` print, one in turn with the other.
#[derive(Debug)]
struct Conformance;

#[async_trait]
impl SignalFixture for Conformance {
    async fn fresh(&self) -> SignalWorld {
        let fake = Fake::start().await;
        for seconds in [400, 100, 90, 80, 70] {
            fake.print("orders", &format!("pod-{}", seconds % 20), ago(seconds), 0, &format!("it was {seconds} s ago"));
        }
        let loki = loki(fake.url());
        SignalWorld::new(Arc::new(loki), query("orders"), query("nobody"), fake)
    }
}
