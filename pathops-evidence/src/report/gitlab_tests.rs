//! GitLab's test report of a pipeline: `GET /projects/:id/pipelines/:id/test_report` of its API v4, which holds the JUnit
//! reports of all jobs.

use serde::Deserialize;

use crate::report::content::Outcome;
use crate::report::error::{Fail, Place, pointer};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, Format, TestReport};

pub(super) const SPEC: Spec = Spec { format: Format::GitlabTests, look, parse: |input| Ok(Content::Tests(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(look.has(&["total_count", "success_count", "test_suites"]))
}

#[derive(Deserialize)]
struct Pipeline {
    total_count: u64,
    failed_count: u64,
    error_count: u64,
    test_suites: Vec<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    name: String,
    /// A report of the job that could not be read.
    suite_error: Option<String>,
    test_cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    status: String,
    name: String,
    classname: Option<String>,
}

fn read(input: &Input<'_>) -> Result<TestReport, Fail> {
    let pipeline: Pipeline = input.json()?;
    let mut report = TestReport::default();
    let (mut cases, mut bad) = (0_u64, 0_u64);
    for (s, suite) in pipeline.test_suites.iter().enumerate() {
        if suite.suite_error.is_some() {
            report.push(format!("{} (suite)", suite.name), Outcome::Failed);
        }
        for (c, case) in suite.test_cases.iter().enumerate() {
            let outcome = match case.status.as_str() {
                "success" => Outcome::Passed,
                "skipped" => Outcome::Skipped,
                "failed" | "error" => Outcome::Failed,
                other => {
                    let place = pointer!("test_suites", s, "test_cases", c, "status");
                    return Err(Fail::malformed(place, format!("the status `{other}` is not known")));
                }
            };
            cases += 1;
            bad += u64::from(outcome == Outcome::Failed);
            let class = case.classname.as_deref().filter(|class| !class.is_empty());
            report.push(class.map_or_else(|| case.name.clone(), |class| format!("{class}::{}", case.name)), outcome);
        }
    }
    let said_bad = pipeline.failed_count.saturating_add(pipeline.error_count);
    if report.failed.is_empty() && (pipeline.total_count > cases || said_bad > bad) {
        let problem = format!("it counts {} tests, {said_bad} of them bad, and lists {cases} and {bad}", pipeline.total_count);
        return Err(Fail::inconsistent(Place::Whole, problem));
    }
    Ok(report)
}
