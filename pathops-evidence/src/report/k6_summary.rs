//! k6's summary in JSON: what `--summary-export` writes, and the data that `handleSummary` gets
//! (<https://grafana.com/docs/k6/latest/results-output/end-of-test/custom-summary/>).
//!
//! Checks and thresholds each are one check. A check that never ran, and a threshold over a metric that was never measured,
//! have not passed, whatever k6 says. Of what was never measured k6 writes zeros; so where a metric does not say how often it was
//! measured, one that is zero throughout counts as never measured, unless it is a gauge: zero is often what one is to be. With `--summary-export` a threshold's `true` means that it was
//! *crossed*.
//!
//! The summary that k6 writes with `--new-machine-readable-summary` since 1.5 does not tell of thresholds at all: a load test that
//! failed by one would look like one that passed, so it is refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, Format, ProbeCheck};

pub(super) const SPEC: Spec = Spec { format: Format::K6Summary, look, parse: |input| Ok(Content::Checks(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(
        look.has(&["metrics", "root_group"]) || look.has(&["metadata", "results"]) && look.at("/metadata/k6_version").is_some(),
    )
}

const TELLS_TOO_LITTLE: &str =
    "it does not tell whether thresholds held, and what k6 writes without `--new-machine-readable-summary` does";

/// The summary without thresholds.
#[derive(Deserialize)]
struct WithoutThresholds {
    #[serde(rename = "results")]
    _results: IgnoredAny,
}

#[derive(Deserialize)]
struct Summary {
    metrics: BTreeMap<String, BTreeMap<String, Value>>,
    root_group: Group,
}

#[derive(Deserialize)]
struct Group {
    groups: Many<Group>,
    checks: Many<Check>,
}

/// `handleSummary` has lists, `--summary-export` maps.
#[derive(Deserialize)]
#[serde(untagged)]
enum Many<T> {
    List(Vec<T>),
    Map(BTreeMap<String, T>),
}

impl<T> Many<T> {
    fn iter(&self) -> Box<dyn Iterator<Item = &T> + '_> {
        match self {
            Many::List(list) => Box::new(list.iter()),
            Many::Map(map) => Box::new(map.values()),
        }
    }
}

#[derive(Deserialize)]
struct Check {
    name: String,
    path: String,
    passes: u64,
    fails: u64,
}

fn read(input: &Input<'_>) -> Result<Vec<ProbeCheck>, Fail> {
    let summary: Summary = input.json().map_err(|fail| match input.json::<WithoutThresholds>() {
        Ok(_) => Fail::unsupported(Place::Whole, TELLS_TOO_LITTLE),
        Err(_) => fail,
    })?;
    let mut checks = Vec::new();
    let fails = of_group(&summary.root_group, &mut checks);
    for (name, metric) in &summary.metrics {
        let values = values(metric);
        if name == "checks" && values.get("fails").is_some_and(|counted| *counted > fails) {
            return Err(Fail::inconsistent(pointer!("metrics", "checks"), "it counts more failed checks than it lists"));
        }
        let Some(Value::Object(thresholds)) = metric.get("thresholds") else { continue };
        let counted = ["count", "passes", "fails"].iter().filter_map(|key| values.get(*key)).copied().reduce(|a, b| a + b);
        // Of those that do not count, a gauge alone has a last value.
        let may_be_measured = || values.contains_key("value") || values.values().any(|value| *value != 0.0);
        let measured = counted.map_or_else(may_be_measured, |counted| counted > 0.0);
        // In one order, however the JSON reader was built.
        for (threshold, verdict) in thresholds.iter().collect::<BTreeMap<_, _>>() {
            let held = match verdict {
                Value::Bool(crossed) => Some(!crossed),
                other => other.get("ok").and_then(Value::as_bool),
            };
            let place = || pointer!("metrics", name, "thresholds", threshold);
            let held = held.ok_or_else(|| Fail::malformed(place(), "it says neither `ok` nor whether it was crossed"))?;
            checks.push(ProbeCheck { name: format!("{name}: {threshold}"), passed: held && measured, values: values.clone() });
        }
    }
    Ok(checks)
}

/// The checks of a group and of the groups in it; how many times they failed.
fn of_group(group: &Group, checks: &mut Vec<ProbeCheck>) -> f64 {
    let mut failed = 0.0;
    for check in group.checks.iter() {
        let (passes, fails) = (count(check.passes), count(check.fails));
        failed += fails;
        let name = check.path.trim_start_matches("::");
        checks.push(ProbeCheck {
            name: if name.is_empty() { check.name.clone() } else { name.to_owned() },
            passed: check.fails == 0 && check.passes > 0,
            values: [("passes".to_owned(), passes), ("fails".to_owned(), fails)].into(),
        });
    }
    failed + group.groups.iter().map(|group| of_group(group, checks)).sum::<f64>()
}

#[expect(clippy::cast_precision_loss, reason = "nobody makes 2^53 requests")]
fn count(it: u64) -> f64 {
    it as f64
}

/// The numbers of a metric, wherever they stand.
fn values(metric: &BTreeMap<String, Value>) -> BTreeMap<String, f64> {
    let numbers = |(key, value): (&String, &Value)| Some((key.clone(), value.as_f64()?));
    match metric.get("values") {
        Some(Value::Object(values)) => values.iter().filter_map(numbers).collect(),
        _ => metric.iter().filter_map(numbers).collect(),
    }
}
