//! Several sources of signals as one.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{
    Collected, JoinedSignals, LogExcerpt, RuntimeEvent, RuntimeSignals, Sample, SignalCapabilities, SignalQuery,
};
use pathops_core::conformance::signals::{SignalFixture, SignalWorld, cases, worlds};
use pathops_core::evidence::AbsenceKind;
use pathops_core::memory::MemorySignals;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Result, UnixMillis};

use crate::failing;

fn offers(logs: bool, events: bool, metrics: bool) -> SignalCapabilities {
    let mut offers = SignalCapabilities::default();
    (offers.logs, offers.events, offers.metrics) = (logs, events, metrics);
    offers
}

fn query(unit: &str) -> SignalQuery {
    let target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    SignalQuery { unit: unit.parse().unwrap(), target, since: UnixMillis(1_000), head_bytes: 1_000, tail_bytes: 1_000 }
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

/// A source with these capabilities, in which something of each kind is recorded.
fn source(offers: SignalCapabilities, says: &str) -> MemorySignals {
    let (source, query) = (MemorySignals::new(offers), query("orders"));
    let (unit, environment) = (&query.unit, &query.target.environment);
    for at in [1_000, 1_100].map(UnixMillis) {
        source.print(unit, environment, at, format!("{says} says that it is {at}\n"));
        source.event(unit, environment, RuntimeEvent { at, reason: says.to_owned(), message: String::new() });
        source.sample(unit, environment, Sample { metric: says.to_owned(), at, value: 1.0 });
    }
    source
}

/// One that cannot be asked.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl RuntimeSignals for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn capabilities(&self) -> SignalCapabilities {
        offers(true, true, true)
    }

    async fn logs(&self, _cx: &OpContext, _query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        Err(Error::new(ErrorKind::Unavailable, "read logs"))
    }

    async fn events(&self, _cx: &OpContext, _query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        Err(Error::new(ErrorKind::Denied, "read events"))
    }
}

/// Each kind comes from a source of its own, or none does.
struct Each(SignalCapabilities);

#[async_trait]
impl SignalFixture for Each {
    async fn fresh(&self) -> SignalWorld {
        let Self(has) = *self;
        let joined = JoinedSignals::default()
            .with_logs(Arc::new(source(offers(has.logs, false, false), "a")))
            .with_events(Arc::new(source(offers(false, has.events, false), "b")))
            .with_metrics(Arc::new(source(offers(false, false, has.metrics), "c")));
        SignalWorld::new(Arc::new(joined), query("orders"), query("nobody"), ())
    }
}

#[test]
fn a_source_of_each_kind_passes_the_kit() {
    for has in [offers(true, true, true), offers(false, true, false), offers(true, false, true), offers(false, false, false)] {
        assert_eq!(failing(&cases(has), &worlds(Arc::new(Each(has)))), [""; 0], "{has:?}");
    }
}

#[tokio::test]
async fn the_first_that_has_some_gives_it_and_the_next_stands_in() {
    let all = offers(true, true, true);
    let (first, second) = (Arc::new(source(all, "first")), Arc::new(source(all, "second")));
    let empty = Arc::new(MemorySignals::new(all));
    let reasons = async |joined: JoinedSignals| match joined.events(&cx(), &query("orders")).await.unwrap() {
        Collected::Present(events) => events.into_iter().map(|event| event.reason).collect::<Vec<_>>(),
        Collected::Absent(why) => panic!("{why}"),
    };
    assert_eq!(reasons(JoinedSignals::default().with_events(first.clone()).with_events(second.clone())).await, ["first"; 2]);
    assert_eq!(reasons(JoinedSignals::default().with_events(empty.clone()).with_events(second.clone())).await, ["second"; 2]);
    assert_eq!(reasons(JoinedSignals::default().with_events(Arc::new(Broken)).with_events(second.clone())).await, ["second"; 2]);
    // One without the capability is not asked.
    let without = Arc::new(source(offers(true, false, true), "without"));
    assert_eq!(reasons(JoinedSignals::default().with_events(without).with_events(second)).await, ["second"; 2]);
}

#[tokio::test]
async fn where_none_has_any_it_is_told_why() {
    let empty = Arc::new(MemorySignals::default());
    let twice = JoinedSignals::default().with_logs(empty.clone()).with_logs(empty.clone());
    let said = twice.logs(&cx(), &query("orders")).await.unwrap();
    assert_eq!(
        said,
        Collected::absent(AbsenceKind::NothingThere, "memory-signals: nothing was printed; memory-signals: nothing was printed")
    );
    // One that could not be asked may have had some: that is no absence.
    let broken = JoinedSignals::default().with_logs(empty.clone()).with_logs(Arc::new(Broken)).with_logs(empty);
    assert_eq!(broken.logs(&cx(), &query("orders")).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let nobody = JoinedSignals::default();
    assert_eq!(nobody.metrics(&cx(), &query("orders")).await.unwrap_err().kind(), ErrorKind::Unsupported);
}
