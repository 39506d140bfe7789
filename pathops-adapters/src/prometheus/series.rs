//! From Prometheus' series to samples.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pathops_core::UnixMillis;
use pathops_core::adapter::Sample;
use serde::Deserialize;

use super::range::Range;

/// So many series of a query are taken.
const SERIES: usize = 50;

/// So many samples are given in all.
const MOST: usize = 2_000;

/// So many bytes has the name of a series with its labels.
const NAME: usize = 300;

/// What `query_range` gives.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Matrix {
    Matrix(Vec<Found>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    /// Histograms are no numbers, and stand beside them.
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// A series with an entry for each instant, in order.
#[derive(Debug)]
pub(super) struct Series {
    metric: String,
    values: Vec<(UnixMillis, f64)>,
}

impl Matrix {
    /// Its series, at most so many; without any, one that is a gap from one end to the other.
    pub(super) fn series(self, name: &str, range: &Range) -> Vec<Series> {
        let Self::Matrix(found) = self;
        let left_out = found.len().saturating_sub(SERIES);
        let gap = |metric: String| Series { metric, values: range.ends().map(|at| (at, f64::NAN)).into() };
        let mut series: Vec<Series> = found.into_iter().take(SERIES).map(|it| it.at_all_instants(name, range)).collect();
        if series.is_empty() {
            series.push(gap(name.to_owned()));
        }
        if left_out > 0 {
            series.push(gap(format!("{name}: {left_out} more series are left out")));
        }
        series
    }
}

impl Found {
    fn at_all_instants(self, name: &str, range: &Range) -> Series {
        let mut values: Vec<(UnixMillis, f64)> = range.instants().map(|at| (at, f64::NAN)).collect();
        for (at, value) in self.values {
            let place = range.instant(instant(at)).and_then(|number| values.get_mut(number));
            let number = value.parse().ok().filter(|number: &f64| number.is_finite());
            if let (Some((_, value)), Some(number)) = (place, number) {
                *value = number;
            }
        }
        Series { metric: named(name, &self.metric), values }
    }
}

impl Series {
    /// Whether nothing was measured.
    pub(super) fn is_empty(&self) -> bool {
        self.values.iter().all(|(_, value)| value.is_nan())
    }

    /// Of each part of time its least, its greatest and its first gap, in the order of time.
    fn thinned(&mut self, parts: usize) {
        let size = self.values.len().div_ceil(parts.max(1)).max(1);
        let mut kept = Vec::new();
        for part in self.values.chunks(size) {
            let measured = || part.iter().filter(|(_, value)| !value.is_nan());
            let least = measured().min_by(|one, other| one.1.total_cmp(&other.1));
            let greatest = measured().max_by(|one, other| one.1.total_cmp(&other.1));
            let gap = part.iter().find(|(_, value)| value.is_nan());
            let mut some: Vec<_> =
                [least, greatest.filter(|it| Some(*it) != least), gap].into_iter().flatten().copied().collect();
            some.sort_by_key(|(at, _)| *at);
            kept.extend(some);
        }
        self.values = kept;
    }
}

/// All samples in the order of time, at most so many.
pub(super) fn samples(mut series: Vec<Series>) -> Vec<Sample> {
    if series.iter().map(|it| it.values.len()).sum::<usize>() > MOST {
        let parts = MOST / 3 / series.len().max(1);
        series.iter_mut().for_each(|it| it.thinned(parts));
    }
    let samples = series.into_iter().flat_map(|Series { metric, values }| {
        values.into_iter().map(move |(at, value)| Sample { metric: metric.clone(), at, value })
    });
    let mut samples: Vec<Sample> = samples.collect();
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// The name of the query, with the labels that tell its series apart.
fn named(name: &str, labels: &BTreeMap<String, String>) -> String {
    let mut named = name.to_owned();
    for (number, (label, value)) in labels.iter().filter(|(label, _)| *label != "__name__").enumerate() {
        let _infallible = write!(named, "{}{}={value:?}", if number == 0 { '{' } else { ',' }, label.escape_debug());
        if named.len() > NAME {
            named.truncate(named.floor_char_boundary(NAME));
            named.push('…');
            return named;
        }
    }
    if named.len() > name.len() {
        named.push('}');
    }
    named
}

#[expect(clippy::cast_possible_truncation, reason = "a time that is out of range is the first or the last there is")]
fn instant(seconds: f64) -> UnixMillis {
    UnixMillis((seconds * 1_000.0).round() as i64)
}
