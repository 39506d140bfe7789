use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Lack, LogExcerpt};
use crate::error::Result;
use crate::evidence::AbsenceKind;
use crate::id::UnitId;
use crate::op::OpContext;
use crate::project::EnvironmentTarget;
use crate::time::UnixMillis;

/// What a source of runtime signals can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalCapabilities {
    /// It has logs.
    pub logs: bool,
    /// It has events.
    pub events: bool,
    /// It has metrics.
    pub metrics: bool,
}

/// What to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalQuery {
    /// The app or component.
    pub unit: UnitId,
    /// The environment and where it is.
    pub target: EnvironmentTarget,
    /// From when.
    pub since: UnixMillis,
    /// At most so many bytes of the beginning of the logs.
    pub head_bytes: usize,
    /// At most so many bytes of their end.
    pub tail_bytes: usize,
}

/// Something that was collected, or the reason why there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Collected<T> {
    /// It is here.
    Present(T),
    /// There is nothing, and this is why.
    Absent(Lack),
}

impl<T> Collected<T> {
    /// There is nothing, for this reason: `the process was gone`.
    pub fn absent(kind: AbsenceKind, why: impl Into<String>) -> Self {
        Self::Absent(Lack::new(kind, why))
    }
}

/// Something that happened to a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeEvent {
    /// When.
    pub at: UnixMillis,
    /// A short word: `Started`, `Exited`, `Restarted`.
    pub reason: String,
    /// The rest, in words for people.
    pub message: String,
}

/// One number at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What is measured, with its unit in the name: `uptime_seconds`.
    pub metric: String,
    /// When.
    pub at: UnixMillis,
    /// How much. Not a number is no measurement where one was due: a gap, which is `null` where it is written. It never counts as good.
    #[serde(deserialize_with = "or_gap")]
    pub value: f64,
}

fn or_gap<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Logs, events and metrics of what runs, read only.
///
/// The bytes are what the process printed: redact them before they are stored or shown.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait RuntimeSignals: Debug + Send + Sync + 'static {
    /// The adapter's name.
    fn name(&self) -> &'static str;

    /// What this source offers.
    fn capabilities(&self) -> SignalCapabilities;

    /// The logs: their beginning, at most `head_bytes`, and their end, at most `tail_bytes`, with a count of what is left out between;
    /// all of them where they fit both together. The cut falls wherever it does, also into a line; where an answer is put together from
    /// several logs, halves of lines may be left out, and count as left out. No more than the limits, and what a source reads at once,
    /// stays in memory. `more` is told where a source cannot count; of what fits into a few pages it always can.
    ///
    /// # Errors
    /// `Unsupported` without the capability; `Unavailable`, `Timeout`. A process that is gone is no error but an absence.
    async fn logs(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        let _ = (cx, query);
        Err(crate::Error::unsupported("read logs"))
    }

    /// What happened, in the order of time.
    ///
    /// # Errors
    /// As [`RuntimeSignals::logs`].
    async fn events(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        let _ = (cx, query);
        Err(crate::Error::unsupported("read events"))
    }

    /// Measurements, in the order of time.
    ///
    /// # Errors
    /// As [`RuntimeSignals::logs`].
    async fn metrics(&self, cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<Sample>>> {
        let _ = (cx, query);
        Err(crate::Error::unsupported("read metrics"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_read_back_as_one_and_a_number_as_itself() {
        for value in [f64::NAN, 0.0, -1.5, 1e300] {
            let sample = Sample { metric: "uptime_seconds".to_owned(), at: UnixMillis(7), value };
            let read: Sample = serde_json::from_str(&serde_json::to_string(&sample).unwrap()).unwrap();
            assert!(read == sample || (read.value.is_nan() && value.is_nan()), "{read:?}");
        }
        assert!(serde_json::from_str::<Sample>(r#"{"metric":"uptime_seconds","at":7}"#).is_err(), "a gap is told");
    }
}
