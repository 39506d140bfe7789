use pathops_core::UnixMillis;
use pathops_core::evidence::{TestAnnotations, TestConfiguration, TestResult, TestVerdict};

use crate::report::Report;

/// What was tested: each test once in one of the lists, by its name.
///
/// A name is whatever the format has for it, with the class, package or binary before it where there is one. One name may
/// stand in a list several times, where the tool gave it to several tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    /// Tests that passed at once.
    pub passed: Vec<String>,
    /// Tests that were skipped, disabled, or not expected to pass: they prove nothing.
    pub skipped: Vec<String>,
    /// Tests that failed first and passed when they were run again.
    pub flaky: Vec<String>,
    /// Tests that failed or errored.
    pub failed: Vec<String>,
}

impl TestReport {
    /// What it says as a whole; `None` where no test was run, which is no success.
    ///
    /// ```
    /// use pathops_core::evidence::TestVerdict;
    /// use pathops_evidence::report::{Content, Format, parse_as};
    /// # fn verdict(tap: &[u8]) -> Option<TestVerdict> {
    /// let Content::Tests(tests) = parse_as(Format::Tap, tap).unwrap().content else { unreachable!() };
    /// tests.verdict()
    /// # }
    /// assert_eq!(verdict(b"1..1\nok 1\n"), Some(TestVerdict::Passed));
    /// assert_eq!(verdict(b"1..2\nok 1\nok 2 # SKIP later\n"), Some(TestVerdict::Warned));
    /// assert_eq!(verdict(b"1..0 # SKIP no database\n"), None);
    /// ```
    #[must_use]
    pub fn verdict(&self) -> Option<TestVerdict> {
        if !self.failed.is_empty() {
            Some(TestVerdict::Failed)
        } else if self.passed.is_empty() && self.flaky.is_empty() {
            None
        } else if self.skipped.is_empty() && self.flaky.is_empty() {
            Some(TestVerdict::Passed)
        } else {
            Some(TestVerdict::Warned)
        }
    }

    /// How many tests it lists.
    #[must_use]
    pub fn count(&self) -> usize {
        [&self.passed, &self.skipped, &self.flaky, &self.failed].into_iter().map(Vec::len).sum()
    }

    /// The predicate for it. Where no test was run the result is `Warned`, with no test in it.
    ///
    /// Names come from the report and may hold secrets: redact them first.
    #[must_use]
    pub fn to_predicate(
        &self,
        report: &Report,
        suite: &str,
        annotations: TestAnnotations,
        finished_on: UnixMillis,
    ) -> TestResult {
        TestResult {
            result: self.verdict().unwrap_or(TestVerdict::Warned),
            configuration: vec![TestConfiguration {
                name: suite.to_owned(),
                digest: report.digests(),
                annotations: TestAnnotations { flaky_tests: self.flaky.clone(), ..annotations },
            }],
            passed_tests: self.passed.clone(),
            warned_tests: self.skipped.iter().chain(&self.flaky).cloned().collect(),
            failed_tests: self.failed.clone(),
            finished_on,
        }
    }

    pub(in crate::report) fn push(&mut self, name: String, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed.push(name),
            Outcome::Skipped => self.skipped.push(name),
            Outcome::Flaky => self.flaky.push(name),
            Outcome::Failed => self.failed.push(name),
        }
    }
}

/// How a test ended, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Outcome {
    Passed,
    Flaky,
    Skipped,
    Failed,
}
