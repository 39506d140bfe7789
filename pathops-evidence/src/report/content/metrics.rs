use std::collections::BTreeMap;

use pathops_core::evidence::SignalReading;
use pathops_core::{EnvironmentId, UnitId, UnixMillis};

/// What was measured: the series that answered a query. None is no value, and not zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricReport {
    /// The series.
    pub series: Vec<Series>,
    /// What the server warns of: the answer may be partial.
    pub warnings: Vec<String>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its samples, oldest first.
    pub samples: Vec<Sample>,
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub at: UnixMillis,
    /// What: may be NaN or infinite, as the server said; `None` where it is no single number (a histogram).
    pub value: Option<f64>,
}

/// Why a query's answer is no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query answers with {0} series, and a reading is one: write a query that gives one, or choose")]
pub struct SeveralSeries(pub usize);

impl MetricReport {
    /// The reading of a query that gives one series: its last value, over all its samples. Where there is no series, no
    /// number, or a warning, the reading has no value; what is no number counts as an error.
    ///
    /// # Errors
    /// [`SeveralSeries`] where there is more than one.
    pub fn to_predicate(
        &self,
        unit: UnitId,
        environment: EnvironmentId,
        name: &str,
        observed_on: UnixMillis,
    ) -> Result<SignalReading, SeveralSeries> {
        let samples = match self.series.as_slice() {
            [] => &[][..],
            [one] => &one.samples,
            several => return Err(SeveralSeries(several.len())),
        };
        let number = |sample: &Sample| sample.value.filter(|value| value.is_finite());
        let errors = samples.iter().filter(|sample| number(sample).is_none()).count() + self.warnings.len();
        let value = if self.warnings.is_empty() { samples.last().and_then(number) } else { None };
        let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        let name = name.to_owned();
        Ok(SignalReading { unit, environment, name, value, samples: count(samples.len()), errors: count(errors), observed_on })
    }
}
