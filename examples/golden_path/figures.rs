//! What the control plane itself costs: wall time without CI, app start-up and declared waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Ci, CiCapabilities, CiRequest, CiRunId, CiState};
use pathops_core::{OpContext, Result, UnixMillis};

/// From one instant to another, in milliseconds since 1970.
pub(crate) type Span = (i64, i64);

/// The wall time of this run of the example.
pub(crate) struct Stopwatch {
    begun: std::time::Instant,
}

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the host: it measures itself")]
    pub(crate) fn start() -> Self {
        Self { begun: std::time::Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// A CI system whose scripts' running times are kept.
#[derive(Debug)]
pub(crate) struct MeasuredCi {
    inner: Arc<dyn Ci>,
    runs: Mutex<Vec<(CiRunId, Span)>>,
}

impl MeasuredCi {
    pub(crate) fn new(inner: Arc<dyn Ci>) -> Self {
        Self { inner, runs: Mutex::default() }
    }

    /// When scripts ran.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, span)| *span).collect()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Ci for MeasuredCi {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> CiCapabilities {
        self.inner.capabilities()
    }

    async fn start(&self, cx: &OpContext, request: &CiRequest) -> Result<CiRunId> {
        self.inner.start(cx, request).await
    }

    async fn state(&self, cx: &OpContext, run: &CiRunId) -> Result<CiState> {
        let state = self.inner.state(cx, run).await?;
        if let CiState::Finished(outcome) = &state {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            if !runs.iter().any(|(known, _)| known == run) {
                runs.push((run.clone(), (outcome.started_at.0, outcome.finished_at.0)));
            }
        }
        Ok(state)
    }

    async fn cancel(&self, cx: &OpContext, run: &CiRunId) -> Result<()> {
        self.inner.cancel(cx, run).await
    }
}

/// How long at least one of the spans lasted: what runs at the same time counts once.
pub(crate) fn union(mut spans: Vec<Span>) -> Duration {
    spans.sort_unstable();
    let mut total = 0;
    let mut end = i64::MIN;
    for (from, until) in spans {
        total += (until - from.max(end)).max(0);
        end = end.max(until);
    }
    Duration::from_millis(u64::try_from(total).unwrap_or(0))
}

/// The span from an instant, for a time.
pub(crate) fn span(from: UnixMillis, time: Duration) -> Span {
    (from.0, (from + time).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_at_the_same_time_counts_once() {
        assert_eq!(union(vec![(10, 20), (0, 5), (15, 30), (16, 18)]), Duration::from_millis(25));
        assert_eq!(union(vec![]), Duration::ZERO);
    }
}
