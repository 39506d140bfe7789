use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{Collected, LogExcerpt, RuntimeEvent, RuntimeSignals, Sample, SignalCapabilities, SignalQuery};
use pathops_core::conformance::signals::{SignalFixture, SignalWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemorySignals};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{OpContext, Result, UnixMillis};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    DropsTheBeginning,
    DropsTheEnd,
    OverlooksTheLimits,
    CutsWithoutAWord,
    ForgetsWhatItCut,
    LeavesHalfLinesOut,
    NeverCounts,
    OverlooksTheTime,
    GivesEmptyLogs,
    Reverses,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemorySignals,
}

#[async_trait]
impl RuntimeSignals for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> SignalCapabilities {
        self.inner.capabilities()
    }

    async fn logs(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        let mut query = query.clone();
        match self.defect {
            Defect::DropsTheBeginning => query.head_bytes = 0,
            Defect::DropsTheEnd => query.tail_bytes = 0,
            Defect::OverlooksTheLimits => query.tail_bytes = usize::MAX,
            _ => {}
        }
        let mut logs = match (self.defect, self.inner.logs(cx, &query).await?) {
            (_, Collected::Present(logs)) => logs,
            (Defect::GivesEmptyLogs, Collected::Absent(_)) => return Ok(Collected::Present(LogExcerpt::whole(Vec::new()))),
            (_, absent) => return Ok(absent),
        };
        match self.defect {
            Defect::CutsWithoutAWord => logs.cut_at = None,
            Defect::ForgetsWhatItCut => logs.total_bytes = logs.bytes.len() as u64,
            Defect::NeverCounts => logs.more = true,
            Defect::LeavesHalfLinesOut => {
                let half = logs.cut_at.unwrap_or(0)..;
                let line = logs.bytes[half.clone()].iter().position(|byte| *byte == b'\n').filter(|_| half.start > 0);
                logs.bytes.drain(half.start..half.start + line.map_or(0, |end| end + 1));
            }
            _ => {}
        }
        Ok(Collected::Present(logs))
    }

    async fn events(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        let ever = SignalQuery { since: UnixMillis(i64::MIN), ..query.clone() };
        let query = if self.defect == Defect::OverlooksTheTime { &ever } else { query };
        self.inner.events(cx, query).await
    }

    async fn metrics(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<Sample>>> {
        match (self.defect, self.inner.metrics(cx, query).await?) {
            (Defect::Reverses, Collected::Present(samples)) => Ok(Collected::Present(samples.into_iter().rev().collect())),
            (_, samples) => Ok(samples),
        }
    }
}

struct Memory {
    defect: Defect,
    capabilities: SignalCapabilities,
}

fn query(unit: &str) -> SignalQuery {
    let target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    SignalQuery { unit: unit.parse().unwrap(), target, since: UnixMillis(1_000), head_bytes: 1_000, tail_bytes: 1_000 }
}

#[async_trait]
impl SignalFixture for Memory {
    async fn fresh(&self) -> SignalWorld {
        let (inner, live) = (MemorySignals::new(self.capabilities), query("orders"));
        let (unit, environment) = (&live.unit, &live.target.environment);
        for at in [900, 1_000, 1_100].map(UnixMillis) {
            inner.print(unit, environment, at, format!("it is {at}\n"));
            let (reason, message) = ("Started".to_owned(), "it was started".to_owned());
            inner.event(unit, environment, RuntimeEvent { at, reason, message });
            inner.sample(unit, environment, Sample { metric: "uptime_seconds".to_owned(), at, value: 1.0 });
        }
        let planted: Arc<dyn RuntimeSignals> = Arc::new(Planted { defect: self.defect, inner });
        SignalWorld::new(Arc::new(Faulty::new(planted, no_faults())), live, query("nobody"), ())
    }
}

fn fails(defect: Defect, all: bool) -> Vec<String> {
    let mut capabilities = SignalCapabilities::default();
    (capabilities.logs, capabilities.events, capabilities.metrics) = (all, all, all);
    failing(&cases(capabilities), &worlds(Arc::new(Memory { defect, capabilities })))
}

#[test]
fn the_reference_source_does_all_of_it() {
    assert_eq!(fails(Defect::None, true), [""; 0]);
    assert_eq!(fails(Defect::None, false), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    for defect in [
        Defect::DropsTheBeginning,
        Defect::DropsTheEnd,
        Defect::OverlooksTheLimits,
        Defect::CutsWithoutAWord,
        Defect::ForgetsWhatItCut,
        Defect::LeavesHalfLinesOut,
        Defect::NeverCounts,
    ] {
        assert_eq!(fails(defect, true), ["logs_keep_both_ends_and_count_the_rest"], "{defect:?}");
    }
    assert_eq!(fails(Defect::OverlooksTheTime, true), ["events_come_in_order"]);
    assert_eq!(fails(Defect::GivesEmptyLogs, true), ["missing_logs_are_explained"]);
    assert_eq!(fails(Defect::Reverses, true), ["metrics_come_in_order"]);
}
