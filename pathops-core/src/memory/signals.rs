use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::adapter::{Collected, LogEnds, LogExcerpt, RuntimeEvent, RuntimeSignals, Sample, SignalCapabilities, SignalQuery};
use crate::error::{Error, Result};
use crate::evidence::AbsenceKind;
use crate::id::{EnvironmentId, UnitId};
use crate::op::OpContext;
use crate::time::UnixMillis;

/// Logs, events and metrics that a test recorded. Clones share them.
#[derive(Clone, Debug)]
pub struct MemorySignals {
    capabilities: SignalCapabilities,
    recorded: Arc<Mutex<BTreeMap<(UnitId, EnvironmentId), Recorded>>>,
}

#[derive(Clone, Debug, Default)]
struct Recorded {
    logs: Vec<(UnixMillis, Vec<u8>)>,
    events: Vec<RuntimeEvent>,
    samples: Vec<Sample>,
}

impl Default for MemorySignals {
    fn default() -> Self {
        Self::new(SignalCapabilities { logs: true, events: true, metrics: true })
    }
}

impl MemorySignals {
    /// A source with these capabilities, which it keeps to.
    #[must_use]
    pub fn new(capabilities: SignalCapabilities) -> Self {
        Self { capabilities, recorded: Arc::default() }
    }

    /// The unit printed this.
    pub fn print(&self, unit: &UnitId, environment: &EnvironmentId, at: UnixMillis, bytes: impl Into<Vec<u8>>) {
        self.record(unit, environment, |recorded| {
            recorded.logs.push((at, bytes.into()));
            recorded.logs.sort_by_key(|(at, _)| *at);
        });
    }

    /// This happened to the unit.
    pub fn event(&self, unit: &UnitId, environment: &EnvironmentId, event: RuntimeEvent) {
        self.record(unit, environment, |recorded| {
            recorded.events.push(event);
            recorded.events.sort_by_key(|event| event.at);
        });
    }

    /// This was measured.
    pub fn sample(&self, unit: &UnitId, environment: &EnvironmentId, sample: Sample) {
        self.record(unit, environment, |recorded| {
            recorded.samples.push(sample);
            recorded.samples.sort_by_key(|sample| sample.at);
        });
    }

    fn record(&self, unit: &UnitId, environment: &EnvironmentId, change: impl FnOnce(&mut Recorded)) {
        change(self.all().entry((unit.clone(), environment.clone())).or_default());
    }

    fn recorded(&self, query: &SignalQuery) -> Recorded {
        let place = (query.unit.clone(), query.target.environment.clone());
        self.all().get(&place).cloned().unwrap_or_default()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(UnitId, EnvironmentId), Recorded>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RuntimeSignals for MemorySignals {
    fn name(&self) -> &'static str {
        "memory-signals"
    }

    fn capabilities(&self) -> SignalCapabilities {
        self.capabilities
    }

    async fn logs(&self, _cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        if !self.capabilities.logs {
            return Err(Error::unsupported("read logs"));
        }
        let mut ends = LogEnds::new(query.head_bytes, query.tail_bytes);
        let logs = self.recorded(query).logs.into_iter().filter(|(at, _)| *at >= query.since);
        logs.for_each(|(_, bytes)| ends.push(&bytes));
        Ok(match ends.total() {
            0 => Collected::absent(AbsenceKind::NothingThere, "nothing was printed"),
            _ => Collected::Present(ends.excerpt()),
        })
    }

    async fn events(&self, _cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        if !self.capabilities.events {
            return Err(Error::unsupported("read events"));
        }
        let events = self.recorded(query).events.into_iter().filter(|event| event.at >= query.since);
        Ok(present(events.collect(), "nothing happened"))
    }

    async fn metrics(&self, _cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<Sample>>> {
        if !self.capabilities.metrics {
            return Err(Error::unsupported("read metrics"));
        }
        let samples = self.recorded(query).samples.into_iter().filter(|sample| sample.at >= query.since);
        Ok(present(samples.collect(), "nothing was measured"))
    }
}

fn present<T>(items: Vec<T>, why_not: &str) -> Collected<Vec<T>> {
    if items.is_empty() { Collected::absent(AbsenceKind::NothingThere, why_not) } else { Collected::Present(items) }
}
