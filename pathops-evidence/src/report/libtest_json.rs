//! `cargo nextest run --message-format libtest-json` (and `-plus`), and the JSON of Rust's own libtest, which it follows.
//!
//! libtest's JSON is unstable; what is read is what nextest 0.9 writes as its versions 0.1, and libtest of Rust 1.95. nextest
//! writes the number of the attempt after the name (`…$works#2`): a test that passed as such was flaky. It may start a test
//! that it ignores without ending it, and may open the same suite again. A benchmark is a test that passed: libtest ends it with its times,
//! and counts it as measured. `rustdoc` closes with a `report` of times, which says nothing about a test.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::report::content::Outcome;
use crate::report::error::{Fail, Place};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, Format, TestReport};

pub(super) const SPEC: Spec = Spec { format: Format::LibtestJson, look, parse: |input| Ok(Content::Tests(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let kind = |line: &serde_json::Value| line.get("type").and_then(|it| it.as_str()).map(str::to_owned).unwrap_or_default();
    let is_event = |line: &serde_json::Value| line.get("event").is_some() && matches!(kind(line).as_str(), "suite" | "test");
    let is_other = |line: &serde_json::Value| matches!(kind(line).as_str(), "bench" | "report");
    let lines = look.lines();
    certain_if(lines.first().is_some_and(is_event) && lines.iter().all(|line| is_event(line) || is_other(line)))
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    event: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    passed: u64,
    #[serde(default, deserialize_with = "or_default")]
    failed: u64,
    #[serde(default, deserialize_with = "or_default")]
    ignored: u64,
    #[serde(default, deserialize_with = "or_default")]
    measured: u64,
}

#[derive(Default)]
struct Reader {
    report: TestReport,
    /// Tests that were started and have not ended, and how often.
    running: BTreeMap<String, u64>,
    open_suites: u64,
    suites: u64,
    /// What the ends of suites count: passed, failed, ignored.
    counted: (u64, u64, u64),
    /// What single tests say: passed, failed.
    seen: (u64, u64),
}

fn read(input: &Input<'_>) -> Result<TestReport, Fail> {
    let mut reader = Reader::default();
    let mut last = 0;
    for (number, line) in input.json_lines::<Line>()? {
        last = number;
        match line.kind.as_str() {
            "suite" => reader.suite(&line, number)?,
            "test" => reader.test(&line, number)?,
            "bench" => reader.end(attempt(&line.name).0, Outcome::Passed, number)?,
            // Reports of times and the like say nothing about a test.
            _ => {}
        }
    }
    reader.finish(Place::Line(last))
}

impl Reader {
    fn suite(&mut self, line: &Line, number: usize) -> Result<(), Fail> {
        match line.event.as_str() {
            "started" => {
                self.open_suites += 1;
                self.suites += 1;
            }
            "ok" | "failed" => {
                self.open_suites = self
                    .open_suites
                    .checked_sub(1)
                    .ok_or_else(|| Fail::inconsistent(Place::Line(number), "a suite ends that was not started"))?;
                let (passed, failed, ignored) = self.counted;
                self.counted = (
                    passed.saturating_add(line.passed).saturating_add(line.measured),
                    failed.saturating_add(line.failed),
                    ignored.saturating_add(line.ignored),
                );
                if line.event == "failed" && line.failed == 0 {
                    self.report.push("(suite)".to_owned(), Outcome::Failed);
                }
            }
            other => return Err(Fail::malformed(Place::Line(number), format!("a suite says `{other}`"))),
        }
        Ok(())
    }

    fn test(&mut self, line: &Line, number: usize) -> Result<(), Fail> {
        let (name, again) = attempt(&line.name);
        let outcome = match line.event.as_str() {
            "started" => {
                *self.running.entry(name.to_owned()).or_default() += 1;
                return Ok(());
            }
            "ok" if again => Outcome::Flaky,
            "ok" => Outcome::Passed,
            "ignored" => Outcome::Skipped,
            "failed" => Outcome::Failed,
            // Only a warning that it takes long: its end is still to come.
            "timeout" => return Ok(()),
            other => return Err(Fail::malformed(Place::Line(number), format!("a test says `{other}`"))),
        };
        self.end(name, outcome, number)
    }

    fn end(&mut self, name: &str, outcome: Outcome, number: usize) -> Result<(), Fail> {
        let running = self.running.get_mut(name).filter(|running| **running > 0);
        *running.ok_or_else(|| Fail::inconsistent(Place::Line(number), format!("`{name}` ends and was not started")))? -= 1;
        self.seen.0 += u64::from(matches!(outcome, Outcome::Passed | Outcome::Flaky));
        self.seen.1 += u64::from(outcome == Outcome::Failed);
        self.report.push(name.to_owned(), outcome);
        Ok(())
    }

    fn finish(mut self, place: Place) -> Result<TestReport, Fail> {
        if self.suites == 0 || self.open_suites > 0 {
            return Err(Fail::truncated(place, "a suite has no end"));
        }
        let (passed, failed, ignored) = self.counted;
        if (passed, failed) != self.seen {
            let (seen, bad) = self.seen;
            let problem = format!("its suites count {passed} passed and {failed} failed, and its tests {seen} and {bad}");
            return Err(Fail::inconsistent(place, problem));
        }
        let left: Vec<String> = self.running.into_iter().filter(|(_, running)| *running > 0).map(|(name, _)| name).collect();
        match left.first() {
            Some(name) if u64::try_from(left.len()).is_ok_and(|left| left > ignored) => {
                Err(Fail::truncated(place, format!("`{name}` was started and has no end")))
            }
            _ => {
                left.into_iter().for_each(|name| self.report.push(name, Outcome::Skipped));
                Ok(self.report)
            }
        }
    }
}

/// The name of a test, and whether it was run again.
fn attempt(name: &str) -> (&str, bool) {
    match name.rsplit_once('#') {
        Some((test, attempt)) if !attempt.is_empty() && attempt.bytes().all(|b| b.is_ascii_digit()) => (test, attempt != "1"),
        _ => (name, false),
    }
}
