//! The answer of Prometheus' HTTP API v1 to `query` and `query_range`
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/>).
//!
//! An empty answer stays empty, NaN stays NaN, and a native histogram is a sample without a value. An answer with an error is
//! an error. What VictoriaMetrics and others call `isPartial` is a warning.

use std::collections::BTreeMap;

use pathops_core::UnixMillis;
use serde::Deserialize;
use serde_json::Value;

use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, Fault, Format, MetricReport, Sample, Series};

pub(super) const SPEC: Spec = Spec { format: Format::PrometheusQuery, look, parse: |input| Ok(Content::Metrics(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let failed = look.text_at("/status") == Some("error") && look.has(&["errorType", "error"]);
    certain_if(look.has(&["status"]) && look.text_at("/data/resultType").is_some() || failed)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    data: Option<Data>,
    error: Option<String>,
    error_type: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    warnings: Vec<String>,
    #[serde(default)]
    is_partial: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

#[derive(Deserialize)]
struct PromSeries {
    metric: BTreeMap<String, String>,
    value: Option<Point>,
    histogram: Option<(f64, Value)>,
    #[serde(default, deserialize_with = "or_default")]
    values: Vec<Point>,
    #[serde(default, deserialize_with = "or_default")]
    histograms: Vec<(f64, Value)>,
}

/// A time in seconds, and a number in text.
type Point = (f64, String);

fn read(input: &Input<'_>) -> Result<MetricReport, Fail> {
    let answer: Answer = input.json()?;
    let Data { result_type, result } = match (answer.status.as_str(), answer.data) {
        ("success", Some(data)) => data,
        ("error", _) => {
            let what = [answer.error_type, answer.error].into_iter().flatten().collect::<Vec<_>>().join(": ");
            return Err(Fail::new(Fault::ToolFailed, pointer!("error"), format!("the query failed: {what}")));
        }
        (other, _) => return Err(Fail::malformed(pointer!("status"), format!("`{other}` without data"))),
    };
    let wrong = |error: serde_json::Error| Fail::malformed(pointer!("data", "result"), error.to_string());
    let series = match result_type.as_str() {
        "vector" | "matrix" => {
            let all = Vec::<PromSeries>::deserialize(result).map_err(wrong)?;
            all.into_iter().enumerate().map(|(number, it)| it.read(number)).collect::<Result<_, _>>()?
        }
        "scalar" => {
            let point = Point::deserialize(result).map_err(wrong)?;
            vec![Series { labels: BTreeMap::new(), samples: vec![sample(point, || pointer!("data", "result"))?] }]
        }
        other => return Err(Fail::unsupported(pointer!("data", "resultType"), format!("`{other}` is no number"))),
    };
    let is_partial = !matches!(answer.is_partial, Value::Null | Value::Bool(false));
    let partial = is_partial.then(|| "the answer is partial (`isPartial`)".to_owned());
    Ok(MetricReport { series, warnings: answer.warnings.into_iter().chain(partial).collect() })
}

impl PromSeries {
    fn read(self, number: usize) -> Result<Series, Fail> {
        let place = || pointer!("data", "result", number);
        let points = self.value.into_iter().chain(self.values).map(|point| sample(point, place));
        let mut samples: Vec<Sample> = points.collect::<Result<_, _>>()?;
        let histograms = self.histogram.into_iter().chain(self.histograms);
        samples.extend(histograms.map(|(at, _)| Sample { at: instant(at), value: None }));
        if samples.is_empty() {
            return Err(Fail::malformed(place(), "a series has no value"));
        }
        samples.sort_by_key(|sample| sample.at);
        Ok(Series { labels: self.metric, samples })
    }
}

fn sample((at, value): Point, place: impl Fn() -> Place) -> Result<Sample, Fail> {
    let number = value.parse().map_err(|_| Fail::malformed(place(), format!("`{value}` is no number")))?;
    Ok(Sample { at: instant(at), value: Some(number) })
}

#[expect(clippy::cast_possible_truncation, reason = "a time that is out of range is the first or the last there is")]
fn instant(seconds: f64) -> UnixMillis {
    UnixMillis((seconds * 1_000.0).round() as i64)
}
