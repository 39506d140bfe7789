use std::sync::Arc;

use async_trait::async_trait;

use super::{Collected, Lack, LogExcerpt, RuntimeEvent, RuntimeSignals, Sample, SignalCapabilities, SignalQuery};
use crate::error::{Error, Result};
use crate::op::OpContext;

/// Several sources of signals as one: logs from here, events from there.
///
/// Of each kind of signal the first source that has some gives it; the next ones stand in where it has none or cannot be asked. Where
/// none has any, the absence tells the reasons of all; where one of those could not be asked, that is the error instead.
///
/// ```
/// use std::sync::Arc;
/// use pathops_core::adapter::{JoinedSignals, RuntimeSignals, SignalCapabilities};
/// # use pathops_core::memory::MemorySignals;
/// # let mut logs = SignalCapabilities::default();
/// # logs.logs = true;
/// # let (loki, kubernetes) = (Arc::new(MemorySignals::new(logs)), Arc::new(MemorySignals::default()));
/// // Logs from Loki, or else from Kubernetes; events from Kubernetes alone, and nobody asks for metrics.
/// let signals = JoinedSignals::default().with_logs(loki).with_logs(kubernetes.clone()).with_events(kubernetes);
/// assert!(signals.capabilities().logs && signals.capabilities().events && !signals.capabilities().metrics);
/// ```
#[derive(Clone, Debug, Default)]
pub struct JoinedSignals {
    logs: Vec<Arc<dyn RuntimeSignals>>,
    events: Vec<Arc<dyn RuntimeSignals>>,
    metrics: Vec<Arc<dyn RuntimeSignals>>,
}

impl JoinedSignals {
    /// Logs come from this source, where none that was given before has any.
    #[must_use]
    pub fn with_logs(mut self, source: Arc<dyn RuntimeSignals>) -> Self {
        self.logs.push(source);
        self
    }

    /// Events come from this source, where none that was given before has any.
    #[must_use]
    pub fn with_events(mut self, source: Arc<dyn RuntimeSignals>) -> Self {
        self.events.push(source);
        self
    }

    /// Metrics come from this source, where none that was given before has any.
    #[must_use]
    pub fn with_metrics(mut self, source: Arc<dyn RuntimeSignals>) -> Self {
        self.metrics.push(source);
        self
    }
}

/// What the sources said so far, none of which had any.
struct Without {
    operation: &'static str,
    reasons: Vec<Lack>,
    failed: Option<Error>,
}

impl Without {
    fn new(operation: &'static str) -> Self {
        Self { operation, reasons: Vec::new(), failed: None }
    }

    /// What a source has, or nothing, which is noted.
    fn heard<T>(&mut self, source: &dyn RuntimeSignals, answer: Result<Collected<T>>) -> Option<T> {
        match answer {
            Ok(Collected::Present(some)) => return Some(some),
            Ok(Collected::Absent(why)) => self.reasons.push(why.within(source.name())),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
        None
    }

    fn ended<T>(self) -> Result<Collected<T>> {
        match self.failed {
            Some(error) => Err(error),
            None => Lack::of_all(self.reasons).map(Collected::Absent).ok_or_else(|| Error::unsupported(self.operation)),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RuntimeSignals for JoinedSignals {
    fn name(&self) -> &'static str {
        "joined-signals"
    }

    fn capabilities(&self) -> SignalCapabilities {
        SignalCapabilities {
            logs: self.logs.iter().any(|source| source.capabilities().logs),
            events: self.events.iter().any(|source| source.capabilities().events),
            metrics: self.metrics.iter().any(|source| source.capabilities().metrics),
        }
    }

    async fn logs(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        let mut without = Without::new("read logs");
        for source in self.logs.iter().filter(|source| source.capabilities().logs) {
            if let Some(logs) = without.heard(&**source, source.logs(cx, query).await) {
                return Ok(Collected::Present(logs));
            }
        }
        without.ended()
    }

    async fn events(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        let mut without = Without::new("read events");
        for source in self.events.iter().filter(|source| source.capabilities().events) {
            if let Some(events) = without.heard(&**source, source.events(cx, query).await) {
                return Ok(Collected::Present(events));
            }
        }
        without.ended()
    }

    async fn metrics(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<Sample>>> {
        let mut without = Without::new("read metrics");
        for source in self.metrics.iter().filter(|source| source.capabilities().metrics) {
            if let Some(samples) = without.heard(&**source, source.metrics(cx, query).await) {
                return Ok(Collected::Present(samples));
            }
        }
        without.ended()
    }
}
