//! `go test -json` (<https://pkg.go.dev/cmd/test2json>), with the events of builds that Go 1.24 added.
//!
//! A package that fails without a test of it failing (a panic, a build that breaks, a time-out) is a failure of its own:
//! `package (package)`. Each package and each test must have an end, each time that it begins, and a package behind all that its tests
//! say: Go before 1.20 does not say where one begins. Only where a package has failed, tests of it may have none, since the process ended
//! (a time-out, `os.Exit`, a panic): those that ran have failed, and those that waited for others (`t.Parallel`) were skipped.
//!
//! A build that fails is told by the package that it fails; where none tells of it (the stream was cut, or two were put together), it
//! is a failure of its own package. With `-count` and in reruns a test ends several times: it is flaky where it passed and failed, and
//! its package has failed all the same.

use std::collections::{BTreeMap, BTreeSet};

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
    /// What was built.
    #[serde(default, deserialize_with = "or_default")]
    import_path: String,
    /// The build that failed a package.
    #[serde(default, deserialize_with = "or_default")]
    failed_build: String,
}

/// A test, or with an empty name its package.
type Key = (String, String);

/// How far a test or a package is.
#[derive(Default)]
struct Run {
    begun: u64,
    ended: u64,
    /// How many of those that have begun wait for other tests.
    paused: u64,
    /// Of a package, whether a test of it has said something since it ended.
    goes_on: bool,
    outcome: Option<Outcome>,
}

impl Run {
    fn end(&mut self, outcome: Outcome) {
        self.ended += 1;
        self.goes_on = false;
        self.outcome = Some(self.outcome.map_or(outcome, |earlier| both(earlier, outcome)));
        if self.begun <= self.ended {
            self.paused = 0;
        }
    }

    /// Ends all that has begun, since the process is over that ran it.
    fn cut(&mut self) {
        while self.ended < self.begun {
            let was_waiting = self.paused > 0;
            self.paused = self.paused.saturating_sub(1);
            self.end(if was_waiting { Outcome::Skipped } else { Outcome::Failed });
        }
    }

    /// How it ended as a whole; `None` where an end is missing.
    fn outcome(&self) -> Option<Outcome> {
        self.outcome.filter(|_| self.begun <= self.ended && !self.goes_on)
    }
}

/// What two ends of one test say together.
fn both(one: Outcome, other: Outcome) -> Outcome {
    match (one, other) {
        (Outcome::Flaky, _) | (_, Outcome::Flaky) | (Outcome::Passed, Outcome::Failed) | (Outcome::Failed, Outcome::Passed) => {
            Outcome::Flaky
        }
        (one, other) => one.max(other),
    }
}

/// Builds that failed, and what tells of that: packages that failed, and the builds that they name.
#[derive(Default)]
struct Builds {
    failed: BTreeSet<String>,
    told: BTreeSet<String>,
}

impl Builds {
    /// The packages of those that nothing tells of.
    fn untold(&self) -> BTreeSet<&str> {
        let untold = self.failed.iter().filter(|build| !self.told.contains(*build)).map(|build| package_of(build));
        untold.filter(|package| !self.told.contains(*package)).collect()
    }
}

/// `shop` of `shop [shop.test]`, as the package is called that is built for its tests.
fn package_of(import_path: &str) -> &str {
    import_path.split_once(' ').map_or(import_path, |(package, _)| package)
}

fn read(input: &Input<'_>) -> Result<TestReport, Fail> {
    let mut runs: BTreeMap<Key, Run> = BTreeMap::new();
    let mut builds = Builds::default();
    // Of each package, the tests that have begun since it failed.
    let mut begun: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = 0;
    for (number, line) in input.json_lines::<Line>()? {
        last = number;
        let outcome = match line.action.as_str() {
            "pass" | "bench" => Some(Outcome::Passed),
            "skip" => Some(Outcome::Skipped),
            "fail" => Some(Outcome::Failed),
            "start" | "run" | "pause" | "cont" | "output" | "artifacts" | "attr" => None,
            "build-fail" => {
                builds.failed.insert(line.import_path);
                continue;
            }
            "build-output" => continue,
            other => return Err(Fail::malformed(Place::Line(number), format!("the action `{other}` is not known"))),
        };
        if !line.test.is_empty() {
            runs.entry((line.package.clone(), String::new())).or_default().goes_on = true;
            if line.action == "run" {
                begun.entry(line.package.clone()).or_default().insert(line.test.clone());
            }
        } else if outcome == Some(Outcome::Failed) {
            for test in begun.remove(&line.package).unwrap_or_default() {
                runs.entry((line.package.clone(), test)).or_default().cut();
            }
            builds.told.extend([line.package.clone(), line.failed_build]);
        }
        let run = runs.entry((line.package, line.test)).or_default();
        match line.action.as_str() {
            "start" | "run" => run.begun += 1,
            "pause" => run.paused += 1,
            "cont" => run.paused = run.paused.saturating_sub(1),
            _ => {}
        }
        if let Some(outcome) = outcome {
            run.end(outcome);
        }
    }
    report(runs, &builds, Place::Line(last))
}

fn report(runs: BTreeMap<Key, Run>, builds: &Builds, place: Place) -> Result<TestReport, Fail> {
    let mut report = TestReport::default();
    // Of each package, whether a test of it is listed as failed, and whether one failed at any time.
    let mut failed_in: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    let mut packages = Vec::new();
    for ((package, test), run) in runs {
        let what = if test.is_empty() { format!("package `{package}`") } else { format!("test `{test}` of `{package}`") };
        let outcome = run.outcome().ok_or_else(|| Fail::truncated(place.clone(), format!("{what} has no end")))?;
        if test.is_empty() {
            packages.push((package, outcome));
        } else {
            let failed = failed_in.entry(package.clone()).or_default();
            failed.0 |= outcome == Outcome::Failed;
            failed.1 |= matches!(outcome, Outcome::Failed | Outcome::Flaky);
            report.push(format!("{package}::{test}"), outcome);
        }
    }
    if packages.is_empty() {
        return Err(Fail::truncated(place, "it names no package"));
    }
    for package in builds.untold() {
        report.push(format!("{package} (package)"), Outcome::Failed);
    }
    for (package, outcome) in packages {
        let (is_listed, has_failed) = failed_in.get(&package).copied().unwrap_or_default();
        match outcome {
            // Of a package that failed and passed when it was run again nobody knows why it failed.
            Outcome::Failed | Outcome::Flaky if !is_listed => report.push(format!("{package} (package)"), Outcome::Failed),
            Outcome::Passed | Outcome::Skipped if has_failed => {
                return Err(Fail::inconsistent(place, format!("package `{package}` passed, and a test of it failed")));
            }
            _ => {}
        }
    }
    Ok(report)
}
