//! `go test -json` (<https://pkg.go.dev/cmd/test2json>), with the events of builds that Go 1.24 added.
//!
//! A package that fails without a test of it failing (a panic, a build that breaks, a time-out) is a failure of its own:
//! `package (package)`. Each package and each test must have an end.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::report::content::Outcome;
use crate::report::error::{Fail, Place};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, Format, TestReport};

pub(super) const SPEC: Spec = Spec { format: Format::GoTestJson, look, parse: |input| Ok(Content::Tests(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    let is_event = |line: &serde_json::Value| {
        line.get("Action").is_some() && (line.get("Package").is_some() || line.get("ImportPath").is_some())
    };
    certain_if(!look.lines().is_empty() && look.lines().iter().all(is_event))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    action: String,
    #[serde(default, deserialize_with = "or_default")]
    package: String,
    #[serde(default, deserialize_with = "or_default")]
    test: String,
}

/// A test, or with an empty name its package.
type Key = (String, String);

fn read(input: &Input<'_>) -> Result<TestReport, Fail> {
    let mut ends: BTreeMap<Key, Option<Outcome>> = BTreeMap::new();
    let mut last = 0;
    for (number, line) in input.json_lines::<Line>()? {
        last = number;
        let outcome = match line.action.as_str() {
            "pass" | "bench" => Some(Outcome::Passed),
            "skip" => Some(Outcome::Skipped),
            "fail" => Some(Outcome::Failed),
            "start" | "run" | "pause" | "cont" | "output" | "artifacts" | "attr" => None,
            // What fails to build fails its package too.
            "build-output" | "build-fail" => continue,
            other => return Err(Fail::malformed(Place::Line(number), format!("the action `{other}` is not known"))),
        };
        if !line.test.is_empty() {
            ends.entry((line.package.clone(), String::new())).or_default();
        }
        let end = ends.entry((line.package, line.test)).or_default();
        match (&end, outcome) {
            (Some(_), Some(_)) => return Err(Fail::inconsistent(Place::Line(number), "a test ends twice")),
            (None, Some(_)) => *end = outcome,
            (_, None) => {}
        }
    }
    report(ends, Place::Line(last))
}

fn report(ends: BTreeMap<Key, Option<Outcome>>, place: Place) -> Result<TestReport, Fail> {
    let mut report = TestReport::default();
    let mut failed_in: BTreeMap<String, bool> = BTreeMap::new();
    let mut packages = Vec::new();
    for ((package, test), outcome) in ends {
        let what = if test.is_empty() { format!("package `{package}`") } else { format!("test `{test}` of `{package}`") };
        let outcome = outcome.ok_or_else(|| Fail::truncated(place.clone(), format!("{what} has no end")))?;
        if test.is_empty() {
            packages.push((package, outcome));
        } else {
            *failed_in.entry(package.clone()).or_default() |= outcome == Outcome::Failed;
            report.push(format!("{package}::{test}"), outcome);
        }
    }
    if packages.is_empty() {
        return Err(Fail::truncated(place, "it names no package"));
    }
    for (package, outcome) in packages {
        let test_failed = failed_in.get(&package).copied().unwrap_or(false);
        match outcome {
            Outcome::Failed if !test_failed => report.push(format!("{package} (package)"), Outcome::Failed),
            Outcome::Passed | Outcome::Skipped if test_failed => {
                return Err(Fail::inconsistent(place, format!("package `{package}` passed, and a test of it failed")));
            }
            _ => {}
        }
    }
    Ok(report)
}
