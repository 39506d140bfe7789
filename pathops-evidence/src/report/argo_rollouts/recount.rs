//! A metric, judged by its measurements.

use std::collections::BTreeMap;

use super::{Limit, Metric, MetricResult, state_of};
use crate::report::ExternalState;
use crate::report::kubernetes_objects::shown;

/// So many errors in a row may be, where a metric does not say how many.
const ERRORS_IN_A_ROW: u64 = 4;

/// What was found of something.
#[derive(Clone, Debug)]
pub(in crate::report) struct Judged {
    pub(in crate::report) state: ExternalState,
    pub(in crate::report) reason: String,
    /// That it counts for nothing.
    pub(in crate::report) is_dry_run: bool,
}

impl Judged {
    pub(in crate::report) fn new(state: ExternalState, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into(), is_dry_run: false }
    }

    /// It is at best this, for one reason more.
    pub(in crate::report) fn at_best(mut self, state: ExternalState, reason: &str) -> Self {
        self.state = self.state.max(state);
        self.reason.push_str("; ");
        self.reason.push_str(reason);
        self
    }
}

/// What a metric is held to.
#[derive(Debug)]
pub(super) struct Limits {
    /// How many may fail; `None` where any number may.
    failed: Option<u64>,
    inconclusive: u64,
    errors_in_a_row: u64,
    /// How many in a row have to succeed, where that is asked for.
    successes_in_a_row: Option<u64>,
    count: Count,
}

/// How many measurements are asked for.
#[derive(Debug)]
enum Count {
    Of(u64),
    /// As many as there are when the run is ended.
    Endless,
    /// It cannot be read.
    Unknown,
}

impl Limit {
    /// The number, with the arguments put in; `None` where that gives none.
    fn number(&self, arguments: &BTreeMap<&str, &str>) -> Option<i64> {
        let text = match self {
            Limit::Number(number) => return Some(*number),
            Limit::Text(text) => text.trim(),
        };
        let argument = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        let argument = argument.and_then(|inner| inner.trim().strip_prefix("args."));
        argument.map_or(Some(text), |name| arguments.get(name).copied())?.trim().parse().ok()
    }
}

impl Metric {
    /// What it is held to. A limit that cannot be read is the strictest.
    pub(super) fn limits(&self, arguments: &BTreeMap<&str, &str>) -> Limits {
        let number = |limit: &Option<Limit>| limit.as_ref().map(|limit| limit.number(arguments));
        let at_most = |limit: &Option<Limit>, or: u64| match number(limit) {
            None => or,
            Some(number) => number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0),
        };
        let successes_in_a_row = Some(at_most(&self.consecutive_success_limit, 0)).filter(|limit| *limit > 0);
        let failed = match number(&self.failure_limit) {
            // It is switched off, which is right only where successes in a row are asked for.
            Some(Some(..0)) if successes_in_a_row.is_some() => None,
            _ => Some(at_most(&self.failure_limit, 0)),
        };
        let count = match (number(&self.count), number(&self.consecutive_success_limit)) {
            (Some(None), _) | (_, Some(None)) => Count::Unknown,
            (Some(Some(count)), _) if count != 0 => u64::try_from(count).map_or(Count::Unknown, Count::Of),
            _ if self.interval.as_ref().is_none_or(String::is_empty) => Count::Of(1),
            _ => Count::Endless,
        };
        Limits {
            failed,
            inconclusive: at_most(&self.inconclusive_limit, 0),
            errors_in_a_row: at_most(&self.consecutive_error_limit, ERRORS_IN_A_ROW),
            successes_in_a_row,
            count,
        }
    }
}

/// How many measurements ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    successful: u64,
    failed: u64,
    inconclusive: u64,
    error: u64,
    /// The longest row of errors, and the row of successes at the end.
    errors_in_a_row: u64,
    successes_in_a_row: u64,
    unfinished: u64,
    /// Of the successful ones those that were stopped, which show nothing.
    stopped: u64,
}

impl Counts {
    /// Of the measurements themselves. One that is in no known phase has failed.
    fn of(result: &MetricResult) -> Self {
        let (mut counts, mut errors) = (Self::default(), 0);
        for measurement in &result.measurements {
            let (mut succeeded, mut is_error) = (false, false);
            match (state_of(&measurement.phase), measurement.phase.as_str()) {
                (_, "Error") => is_error = true,
                (ExternalState::Passed, _) => succeeded = true,
                (ExternalState::Neutral, _) => counts.inconclusive += 1,
                (ExternalState::Pending, _) => counts.unfinished += 1,
                (ExternalState::Failed, _) => counts.failed += 1,
            }
            errors = if is_error { errors + 1 } else { 0 };
            counts.error += u64::from(is_error);
            counts.successful += u64::from(succeeded);
            counts.errors_in_a_row = counts.errors_in_a_row.max(errors);
            let stopped = succeeded && measurement.was_stopped();
            counts.stopped += u64::from(stopped);
            counts.successes_in_a_row = if succeeded { counts.successes_in_a_row + u64::from(!stopped) } else { 0 };
        }
        counts
    }

    /// By the word of the counters.
    fn told(result: &MetricResult) -> Self {
        Self {
            successful: result.successful,
            failed: result.failed,
            inconclusive: result.inconclusive,
            error: result.error,
            errors_in_a_row: result.consecutive_error,
            ..Self::default()
        }
    }

    /// Those that count: errors do not.
    fn made(&self) -> u64 {
        self.successful.saturating_add(self.failed).saturating_add(self.inconclusive)
    }

    fn all(&self) -> u64 {
        self.made().saturating_add(self.error)
    }

    /// Whether there are fewer of one kind here.
    fn is_less_than(&self, other: &Self) -> bool {
        let kinds = |it: &Self| [it.successful, it.failed, it.inconclusive, it.error, it.errors_in_a_row];
        kinds(self).into_iter().zip(kinds(other)).any(|(here, there)| here < there)
    }

    /// What is beyond a limit for good.
    fn beyond(&self, limits: &Limits) -> Option<String> {
        let Counts { failed, errors_in_a_row: errors, .. } = self;
        match limits.failed {
            Some(limit) if *failed > limit => Some(format!("{failed} of {} measurements failed, and {limit} may", self.made())),
            _ if *errors > limits.errors_in_a_row => {
                Some(format!("{errors} measurements in a row ended in an error, and {} may", limits.errors_in_a_row))
            }
            _ => None,
        }
    }

    fn judge(&self, limits: &Limits, ended: bool) -> Judged {
        let neutral = |reason: String| Judged::new(ExternalState::Neutral, reason);
        let (made, successful) = (self.made().saturating_sub(self.stopped), self.successful.saturating_sub(self.stopped));
        let inconclusive = self.inconclusive;
        if let Some(reason) = self.beyond(limits) {
            return Judged::new(ExternalState::Failed, reason);
        }
        if self.unfinished > 0 {
            return Judged::new(ExternalState::Pending, "a measurement has not ended");
        }
        if inconclusive > limits.inconclusive {
            let limit = limits.inconclusive;
            return neutral(format!("{inconclusive} of {made} measurements were inconclusive, and {limit} may be"));
        }
        let in_a_row = limits.successes_in_a_row;
        let is_complete = match (in_a_row, &limits.count) {
            (Some(limit), _) if self.successes_in_a_row >= limit => Ok(true),
            (Some(limit), Count::Of(count)) if made >= *count => {
                let reason = format!("{} measurements in a row succeeded, and {limit} have to", self.successes_in_a_row);
                let state = if limits.failed.is_none() { ExternalState::Failed } else { ExternalState::Neutral };
                return Judged::new(state, reason);
            }
            (None, Count::Of(count)) => Ok(made >= *count),
            (None, Count::Endless) => Ok(ended),
            (None, Count::Unknown) => Err("how many measurements are asked for cannot be read"),
            (Some(_), _) => Ok(false),
        };
        match is_complete {
            _ if made == 0 && self.stopped > 0 => neutral("it was stopped before it ended".to_owned()),
            _ if made == 0 && ended => neutral("nothing was measured".to_owned()),
            _ if made == 0 => Judged::new(ExternalState::Pending, "nothing was measured yet"),
            Ok(false) if ended => neutral(format!("it was ended after {made} measurements, before it was measured in full")),
            Ok(false) => Judged::new(ExternalState::Pending, format!("{made} measurements were made so far")),
            Err(why) => neutral(why.to_owned()),
            Ok(true) if successful == 0 => neutral(format!("none of {made} measurements succeeded")),
            Ok(true) => Judged::new(ExternalState::Passed, format!("{successful} of {made} measurements succeeded")),
        }
    }
}

/// A metric, by its measurements first, and then by whatever makes it worse.
pub(super) fn judge(limits: &Limits, result: Option<&MetricResult>, is_dry_run: bool, ended: bool) -> Judged {
    let none = MetricResult::default();
    let is_unmeasured = result.is_none();
    let result = result.unwrap_or(&none);
    let (counted, told) = (Counts::of(result), Counts::told(result));
    let mut judged = counted.judge(limits, ended);
    if told.is_less_than(&Counts { errors_in_a_row: 0, ..counted }) {
        judged = judged.at_best(ExternalState::Neutral, "its counters tell of fewer than were measured");
    }
    if result.count != told.made() {
        judged = judged.at_best(ExternalState::Neutral, "its counters do not add up");
    }
    if counted.is_less_than(&told) {
        let reason = format!(
            "{} of {} measurements are kept, and the others cannot be counted again: let `measurementRetention` keep all",
            counted.all(),
            told.all()
        );
        judged = judged.at_best(ExternalState::Neutral, &reason);
    }
    if let (Some(beyond), None) = (told.beyond(limits), counted.beyond(limits)) {
        judged = judged.at_best(ExternalState::Failed, &format!("by its counters, {beyond}"));
    }
    let said = state_of(&result.phase);
    if !is_unmeasured && said != judged.state {
        judged = judged.at_best(said, &format!("it is called `{}`", shown(&result.phase)));
    }
    match (is_dry_run, result.dry_run || is_unmeasured) {
        (true, true) => {
            let reason = format!("it is a dry run: {}", judged.reason);
            Judged { state: ExternalState::Neutral, reason, is_dry_run: true }
        }
        (false, true) if !is_unmeasured => judged.at_best(ExternalState::Neutral, "it is called a dry run, and is none"),
        (true, false) => judged.at_best(ExternalState::Neutral, "it is to be a dry run, and was none"),
        _ => judged,
    }
}
