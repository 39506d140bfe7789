//! JUnit XML: what test runners write, in the dialects that are about (Ant, Maven Surefire, Gradle, pytest, nextest, Jest,
//! Node).
//!
//! There is no standard; what is read here is what those tools write, with the attributes of Ant's `<testsuite>` and the
//! reruns of Maven Surefire's schema 3.0. A test counts once, by the worst that is said of it:
//!
//! * `<failure>` or `<error>`: it failed. In a suite, outside of any test, it stands for one that failed: `suite (suite)`.
//! * `<skipped>`, `<disabled>`, or `status="notrun"` (GoogleTest): it was skipped.
//! * `<flakyFailure>` or `<flakyError>` without the above: it failed first and passed then.
//!
//! Where a suite counts more tests than it lists, more failures or more skipped ones, something was lost on the way: an
//! error, unless a listed test has failed anyhow. Catch2 counts assertions and not tests, so only its failures are held
//! against the list. jest-junit lists a `todo` as it lists a test that passed, and so it is read as one.

use crate::report::content::Outcome;
use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::xml::Element;
use crate::report::{Content, Format, ParseError, TestReport};

pub(super) const SPEC: Spec = Spec { format: Format::Junit, look, parse: |input| Ok(Content::Tests(read(input)?)) };

/// Reads a report.
///
/// ```
/// let report = pathops_evidence::junit::parse(br#"<testsuite><testcase classname="a" name="b"/><testcase name="c"><failure/></testcase></testsuite>"#).unwrap();
/// assert_eq!((report.passed, report.failed), (vec!["a::b".to_owned()], vec!["c".to_owned()]));
/// ```
///
/// # Errors
/// [`ParseError`] for anything that is not a whole, well-formed report.
pub fn parse(xml: &[u8]) -> Result<TestReport, ParseError> {
    Input::open(xml).and_then(|input| read(&input)).map_err(|fail| fail.of(Format::Junit))
}

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(matches!(look, Look::Xml(root) if matches!(root.name.as_str(), "testsuites" | "testsuite")))
}

fn read(input: &Input<'_>) -> Result<TestReport, Fail> {
    let mut report = TestReport::default();
    let counted = suite(input.xml(&["testsuites", "testsuite"])?, &mut report)?;
    match counted.lost {
        Some(lost) if report.failed.is_empty() => Err(lost),
        _ => Ok(report),
    }
}

/// What a suite lists, with the suites in it.
#[derive(Default)]
struct Counted {
    cases: u64,
    failed: u64,
    skipped: u64,
    /// The first suite that counts more than it lists.
    lost: Option<Fail>,
}

fn suite(element: &Element, report: &mut TestReport) -> Result<Counted, Fail> {
    let mut counted = Counted::default();
    for child in &element.children {
        match child.name.as_str() {
            "testsuite" => {
                let inner = suite(child, report)?;
                counted.cases += inner.cases;
                counted.failed += inner.failed;
                counted.skipped += inner.skipped;
                counted.lost = counted.lost.or(inner.lost);
            }
            "testcase" => {
                let outcome = case(child, report)?;
                counted.cases += 1;
                counted.failed += u64::from(outcome == Outcome::Failed);
                counted.skipped += u64::from(outcome == Outcome::Skipped);
            }
            // An error of a whole suite (a class that does not load) is a failure that no test case stands for.
            "failure" | "error" => {
                counted.failed += 1;
                let name = element.attribute("name").unwrap_or_default();
                report.push(format!("{name} (suite)").trim_start().to_owned(), Outcome::Failed);
            }
            _ => {}
        }
    }
    counted.lost = match counted.lost {
        None => lost(element, &counted)?,
        lost => lost,
    };
    Ok(counted)
}

/// Whether a suite counts more than it lists.
fn lost(element: &Element, counted: &Counted) -> Result<Option<Fail>, Fail> {
    let number = |name| element.number(name).map(Option::unwrap_or_default);
    let failed = number("failures")?.saturating_add(number("errors")?);
    let skipped = number("skipped")?.saturating_add(number("disabled")?);
    let of_tests = !is_catch2(element);
    let wrong = [
        ("failures and errors", failed, counted.failed, true),
        ("tests", number("tests")?, counted.cases, of_tests),
        ("skipped tests", skipped, counted.skipped, of_tests),
    ]
    .into_iter()
    .find(|(_, said, listed, holds)| *holds && said > listed);
    Ok(wrong.map(|(what, said, listed, _)| {
        Fail::inconsistent(element.place(), format!("<{}> counts {said} {what} and lists {listed}", element.name))
    }))
}

/// Whether Catch2 wrote a suite: it has never filled in the host.
fn is_catch2(suite: &Element) -> bool {
    suite.attribute("hostname") == Some("tbd")
}

fn case(element: &Element, report: &mut TestReport) -> Result<Outcome, Fail> {
    let name = element.attribute("name").ok_or_else(|| Fail::malformed(element.place(), "a <testcase> has no name"))?;
    if element.child("testcase").is_some() {
        return Err(Fail::malformed(element.place(), "a <testcase> stands inside of another one"));
    }
    let full = match element.attribute("classname") {
        Some(class) if !class.is_empty() => format!("{class}::{name}"),
        _ => name.to_owned(),
    };
    let not_run = matches!(element.attribute("status"), Some("notrun" | "disabled" | "skipped"));
    let said = element.children.iter().map(|child| match child.name.as_str() {
        "failure" | "error" => Outcome::Failed,
        "skipped" | "disabled" => Outcome::Skipped,
        "flakyFailure" | "flakyError" => Outcome::Flaky,
        _ => Outcome::Passed,
    });
    let outcome = said.max().unwrap_or(Outcome::Passed).max(if not_run { Outcome::Skipped } else { Outcome::Passed });
    // A rerun that is no flake is one that did not help.
    let reruns = element.children.iter().any(|child| matches!(child.name.as_str(), "rerunFailure" | "rerunError"));
    let outcome = if reruns { Outcome::Failed } else { outcome };
    report.push(full, outcome);
    Ok(outcome)
}
