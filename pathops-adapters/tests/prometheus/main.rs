//! Prometheus as a source of signals: the conformance kit, gaps and limits on a small fake that evaluates selectors (`fake`), held
//! against a recorded answer of a real Prometheus, and faults on a server that only answers wrongly. No real server.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod fake;
mod faults;
mod gaps;
#[path = "../trial/mod.rs"]
mod trial;

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::prometheus::{Endpoint, Prometheus};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, SignalCapabilities, SignalQuery};
use pathops_core::conformance::signals::{self, SignalFixture, SignalWorld};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{IdempotencyKey, OpContext, UnixMillis};

use fake::Fake;
use trial::trial;

fn main() -> ExitCode {
    let mut offers = SignalCapabilities::default();
    offers.metrics = true;
    let mut trials = signals::trials(Arc::new(Conformance), offers);
    trials.extend(gaps::trials());
    trials.extend(faults::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn ago(seconds: i64) -> UnixMillis {
    UnixMillis(SystemClock.now().0 - seconds * 1000)
}

/// What `unit` did in the last ten minutes.
fn query(unit: &str) -> SignalQuery {
    let mut target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    "shop".clone_into(&mut target.namespace);
    SignalQuery { unit: unit.parse().unwrap(), target, since: ago(600), head_bytes: 0, tail_bytes: 1 << 20 }
}

fn prometheus(url: &str) -> Prometheus {
    let builder = Prometheus::builder(Endpoint::new(url).bearer("s3cret"), Arc::new(SystemClock));
    builder.query("errors", "demo_errors{namespace=$namespace,app=$unit}").build().unwrap()
}

/// Two instances of `orders` report their errors every 15 s.
#[derive(Debug)]
struct Conformance;

#[async_trait]
impl SignalFixture for Conformance {
    async fn fresh(&self) -> SignalWorld {
        let fake = Fake::start().await;
        for instance in ["one", "two"] {
            let labels = [("namespace", "shop"), ("app", "orders"), ("instance", instance)];
            fake.series("demo_errors", &labels, (0..60).map(|number| (ago(900 - number * 15), number.to_string())));
        }
        let prometheus = prometheus(fake.url());
        SignalWorld::new(Arc::new(prometheus), query("orders"), query("nobody"), fake)
    }
}
