//! Argo Rollouts' AnalysisRun (`argoproj.io/v1alpha1`), or a list of them: `kubectl get analysisrun -o json`.
//!
//! What a run is called is only what it is called. Each metric is judged by its measurements, counted again, against the limits that
//! the run was given (`failureLimit`, `inconclusiveLimit`, `consecutiveErrorLimit`, `consecutiveSuccessLimit`, `count`, `dryRun`), with
//! their values of today where a limit is an argument. What it is called, its counters and the summary of the run can only make it
//! worse, and a metric whose counters contradict its measurements has not passed:
//!
//! | what was counted | state |
//! |---|---|
//! | more failures, or more errors in a row, than may be; counted again or by the counters | failed |
//! | a measurement or the run has not ended | pending |
//! | nothing but what was stopped with the run, no success, fewer than `count`, more inconclusive ones than may be, counters that say otherwise | neutral |
//! | fewer measurements than the counters tell of | neutral |
//! | all that was asked for, within the limits | passed |
//!
//! Rollouts keeps the last 10 measurements of a metric, unless `measurementRetention` in the template asks for more. The others
//! cannot be counted again, and what only the counters say has not passed: a template whose runs are to pass keeps as many as it takes.
//! A dry run counts for nothing, and is not told. Whoever stops a run early (`terminate`) gets `Successful` from Rollouts, and from here only what was measured in full.

mod recount;

use std::collections::{BTreeMap, BTreeSet};

use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::report::error::{Fail, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::kubernetes_objects::{Kind, Metadata, is_of, listed, objects, shown};
use crate::report::{Content, ExternalState, Format, Verification};

pub(super) use recount::Judged;

pub(super) const SPEC: Spec =
    Spec { format: Format::ArgoRollouts, look, parse: |input| Ok(Content::Verifications(read(input)?)) };

pub(super) const ANALYSIS_RUN: Kind = Kind { group: "argoproj.io", name: "AnalysisRun" };

/// So large may the patterns be that name dry runs, in bytes of their program.
const PATTERNS: usize = 64 << 10;

fn look(look: &Look<'_>) -> Option<Confidence> {
    let shown = listed(look, &[ANALYSIS_RUN]);
    certain_if(is_of(look, &[ANALYSIS_RUN]) || !shown.is_empty() && shown.iter().all(|is_one| *is_one))
}

fn read(input: &Input<'_>) -> Result<Vec<Verification>, Fail> {
    let mut verifications = Vec::new();
    for object in objects(input, &[ANALYSIS_RUN])? {
        verifications.extend(object.read::<AnalysisRun>()?.verifications()?);
    }
    Ok(verifications)
}

/// A run of an analysis.
#[derive(Deserialize)]
pub(super) struct AnalysisRun {
    pub(super) metadata: Metadata,
    #[serde(default)]
    spec: Asked,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    #[serde(deserialize_with = "or_default")]
    metrics: Vec<Metric>,
    #[serde(deserialize_with = "or_default")]
    args: Vec<Argument>,
    #[serde(deserialize_with = "or_default")]
    dry_run: Vec<DryRun>,
}

/// A metric as the run asks for it. Limits may be arguments: `{{args.limit}}`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    name: String,
    interval: Option<String>,
    count: Option<Limit>,
    failure_limit: Option<Limit>,
    inconclusive_limit: Option<Limit>,
    consecutive_error_limit: Option<Limit>,
    consecutive_success_limit: Option<Limit>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Limit {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DryRun {
    /// A regular expression.
    metric_name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    #[serde(deserialize_with = "or_default")]
    metric_results: Vec<MetricResult>,
    #[serde(deserialize_with = "or_default")]
    run_summary: Summary,
}

/// How many metrics ended in which way, without dry runs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    failed: u64,
    inconclusive: u64,
    error: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MetricResult {
    name: String,
    phase: String,
    #[serde(deserialize_with = "or_default")]
    measurements: Vec<Measurement>,
    count: u64,
    successful: u64,
    failed: u64,
    inconclusive: u64,
    error: u64,
    consecutive_error: u64,
    dry_run: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Measurement {
    phase: String,
    #[serde(deserialize_with = "or_default")]
    message: String,
}

impl Measurement {
    /// Whether it was stopped with the run, which Rollouts calls a success of a Job.
    fn was_stopped(&self) -> bool {
        self.message.eq_ignore_ascii_case("metric terminated")
    }
}

/// What a phase says. One that is unknown is a failure.
pub(super) fn state_of(phase: &str) -> ExternalState {
    match phase {
        "Successful" => ExternalState::Passed,
        "Inconclusive" => ExternalState::Neutral,
        "" | "Pending" | "Running" => ExternalState::Pending,
        _ => ExternalState::Failed,
    }
}

impl AnalysisRun {
    /// Each of its metrics, without dry runs, and the run where it is called worse than they are, or measures nothing else.
    fn verifications(&self) -> Result<Vec<Verification>, Fail> {
        let run = self.metadata.full_name();
        let verification = |name: String, Judged { state, reason, .. }| Verification {
            name,
            of: Vec::new(),
            state,
            failed_before: false,
            by: Format::ArgoRollouts.title().to_owned(),
            reason,
        };
        let metrics = self.metrics()?;
        let whole = self.beside(&metrics).map(|judged| verification(run.clone(), judged));
        let counted = metrics.into_iter().filter(|(_, judged)| !judged.is_dry_run);
        let metrics = counted.map(|(metric, judged)| verification(format!("{run}: {metric}"), judged));
        Ok(metrics.chain(whole).collect())
    }

    /// The whole of it: as bad as the worst of its metrics, without dry runs, and as bad as it is called.
    pub(super) fn judge(&self) -> Result<Judged, Fail> {
        let metrics = self.metrics()?;
        let said = self.beside(&metrics);
        let counted = metrics.into_iter().filter(|(_, judged)| !judged.is_dry_run);
        let counted =
            counted.map(|(metric, judged)| Judged { reason: format!("{}: {}", shown(&metric), judged.reason), ..judged });
        let worst = counted.chain(said).max_by_key(|judged| judged.state);
        Ok(worst.unwrap_or_else(|| Judged::new(ExternalState::Neutral, "it measures nothing that counts")))
    }

    /// What the run as a whole says beside its metrics, where that is worse than they are, or where there are none.
    fn beside(&self, metrics: &[(String, Judged)]) -> Option<Judged> {
        let Status { phase, run_summary: Summary { failed, inconclusive, error }, .. } = &self.status;
        let counted = metrics.iter().filter(|(_, judged)| !judged.is_dry_run);
        let Some(worst) = counted.map(|(_, judged)| judged.state).max() else {
            return Some(Judged::new(state_of(phase).max(ExternalState::Neutral), "it measures nothing that counts"));
        };
        let summary = match (failed.saturating_add(*error), inconclusive) {
            (1.., _) => ExternalState::Failed,
            (_, 1..) => ExternalState::Neutral,
            _ => ExternalState::Passed,
        };
        let said = [
            (state_of(phase), format!("it is called `{}`, which its metrics do not show", shown(phase))),
            (summary, "its summary tells of metrics that did not succeed, and none of them shows that".to_owned()),
        ];
        let worse = said.into_iter().filter(|(state, _)| *state > worst).max_by_key(|(state, _)| *state);
        worse.map(|(state, reason)| Judged::new(state, reason))
    }

    /// Each metric that is asked for or has a result, with what was counted.
    fn metrics(&self) -> Result<Vec<(String, Judged)>, Fail> {
        let mut results = BTreeMap::new();
        for result in &self.status.metric_results {
            if results.insert(result.name.as_str(), result).is_some() {
                return Err(twice("status", "metricResults", &result.name));
            }
        }
        let (rules, arguments, mut asked) = (self.dry_runs(), self.arguments(), BTreeSet::new());
        let ended = !matches!(state_of(&self.status.phase), ExternalState::Pending);
        let mut metrics = Vec::new();
        for metric in &self.spec.metrics {
            if !asked.insert(metric.name.as_str()) {
                return Err(twice("spec", "metrics", &metric.name));
            }
            let is_dry_run = rules.as_ref().is_some_and(|rules| rules.is_match(metric.name.as_bytes()));
            let limits = metric.limits(&arguments);
            let judged = recount::judge(&limits, results.get(metric.name.as_str()).copied(), is_dry_run, ended);
            metrics.push((metric.name.clone(), self.called(judged)));
        }
        let unasked = results.into_iter().filter(|(name, _)| !asked.contains(name));
        metrics.extend(unasked.map(|(name, result)| {
            let judged = recount::judge(&Metric::default().limits(&arguments), Some(result), false, ended);
            (name.to_owned(), self.called(judged.at_best(ExternalState::Neutral, "the run does not ask for it")))
        }));
        Ok(metrics)
    }

    /// A metric that failed, with what the run is called where that is better.
    fn called(&self, judged: Judged) -> Judged {
        match (judged.state, state_of(&self.status.phase)) {
            (ExternalState::Failed, ExternalState::Passed | ExternalState::Neutral) => {
                judged.at_best(ExternalState::Failed, &format!("the run is called `{}`", shown(&self.status.phase)))
            }
            _ => judged,
        }
    }

    /// Which metrics are dry runs. Patterns that cannot be read name none, so that all of them count.
    fn dry_runs(&self) -> Option<RegexSet> {
        let patterns = self.spec.dry_run.iter().map(|rule| rule.metric_name.as_str());
        RegexSetBuilder::new(patterns).unicode(false).size_limit(PATTERNS).build().ok()
    }

    fn arguments(&self) -> BTreeMap<&str, &str> {
        let given = self.spec.args.iter();
        given.filter_map(|argument| Some((argument.name.as_str(), argument.value.as_deref()?))).collect()
    }
}

fn twice(part: &str, list: &str, metric: &str) -> Fail {
    Fail::inconsistent(pointer!(part, list), format!("the metric `{metric}` stands in it twice"))
}
