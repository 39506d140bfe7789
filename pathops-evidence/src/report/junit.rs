//! JUnit XML: what test runners write, in the dialects that are about (Ant, Maven Surefire, Gradle, pytest, nextest, Jest,
//! Node).
//!
//! There is no standard; what is read here is what those tools write, with the attributes of Ant's `<testsuite>` and the
//! reruns of Maven Surefire's schema 3.0. A test counts once, by the worst that is said of it:
//!
//! * `<failure>` or `<error>`, in whatever letters, or an element whose name ends so: it failed. In a suite, outside of any test, it
//!   stands for one that failed: `suite (suite)`.
//! * A `status` or a `result` that is no known word for a test that ran well, or was skipped (GoogleTest, CTest): it failed.
//! * `<skipped>`, `<disabled>`, or `status="notrun"` (GoogleTest): it was skipped.
//! * `<flakyFailure>` or `<flakyError>` without the above: it failed first and passed then.
//!
//! An element that is not known may hold suites, tests and what is said of them, and is looked into.
//!
//! Where a suite counts more tests than it lists, more failures or more skipped ones, something was lost on the way: an
//! error, unless a listed test has failed anyhow. Catch2 counts assertions and not tests, so of what is in all parts as Catch2 writes
//! it, failures are held against the list, and for the others it is enough that any is listed. jest-junit lists a `todo` as it lists a
//! test that passed, and so it is read as one.

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

/// What holds tests.
const SUITES: [&str; 2] = ["testsuites", "testsuite"];

/// What a suite and a test have of their own, in which no test stands.
const DETAILS: [&str; 3] = ["properties", "system-out", "system-err"];

/// Whether an element of this name tells of a failure.
fn tells_failure(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("failure") || name.ends_with("error") || name == "failed"
}

fn suite(element: &Element, report: &mut TestReport) -> Result<Counted, Fail> {
    let mut counted = Counted::default();
    for child in &element.children {
        match child.name.as_str() {
            "testcase" => {
                let outcome = case(child, report)?;
                counted.cases += 1;
                counted.failed += u64::from(outcome == Outcome::Failed);
                counted.skipped += u64::from(outcome == Outcome::Skipped);
            }
            // An error of a whole suite (a class that does not load) is a failure that no test case stands for.
            name if tells_failure(name) => {
                counted.failed += 1;
                let name = element.attribute("name").unwrap_or_default();
                report.push(format!("{name} (suite)").trim_start().to_owned(), Outcome::Failed);
            }
            name if DETAILS.contains(&name) => {}
            name if !SUITES.contains(&name) && SUITES.iter().chain(&["testcase"]).any(|it| it.eq_ignore_ascii_case(name)) => {
                return Err(Fail::malformed(
                    child.place(),
                    format!("<{name}> is not written so in JUnit: it is all in small letters"),
                ));
            }
            // A suite, or what somebody has put around suites and tests.
            _ => {
                let inner = suite(child, report)?;
                counted.cases += inner.cases;
                counted.failed += inner.failed;
                counted.skipped += inner.skipped;
                counted.lost = counted.lost.or(inner.lost);
            }
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
    .find(|(_, said, listed, same)| if *same { said > listed } else { *said > 0 && *listed == 0 });
    Ok(wrong.map(|(what, said, listed, _)| {
        Fail::inconsistent(element.place(), format!("<{}> counts {said} {what} and lists {listed}", element.name))
    }))
}

/// Whether Catch2 wrote a suite: it has never filled in the host, and of what else it writes all must be there and nothing more.
fn is_catch2(suite: &Element) -> bool {
    let is_one_of_its = |child: &Element| match child.name.as_str() {
        "testcase" => child.attribute("classname").is_some() && matches!(child.attribute("status"), None | Some("run")),
        name => DETAILS.contains(&name),
    };
    suite.attribute("hostname") == Some("tbd")
        && suite.attribute("timestamp").is_some()
        && ["system-out", "system-err"].iter().all(|name| suite.child(name).is_some())
        && suite.children.iter().all(is_one_of_its)
}

fn case(element: &Element, report: &mut TestReport) -> Result<Outcome, Fail> {
    let name = element.attribute("name").ok_or_else(|| Fail::malformed(element.place(), "a <testcase> has no name"))?;
    let full = match element.attribute("classname") {
        Some(class) if !class.is_empty() => format!("{class}::{name}"),
        _ => name.to_owned(),
    };
    let outcome = stated(element).max(all_said(element)?);
    report.push(full, outcome);
    Ok(outcome)
}

/// What the attributes of a test say. A word that is not known is no success.
fn stated(element: &Element) -> Outcome {
    let words = ["status", "result"].into_iter().filter_map(|name| element.attribute(name));
    let outcomes = words.map(|word| match word.trim().to_ascii_lowercase().as_str() {
        "" | "run" | "completed" | "ok" | "pass" | "passed" | "success" | "successful" | "succeeded" => Outcome::Passed,
        "notrun" | "disabled" | "suppressed" | "skip" | "skipped" | "ignored" | "pending" => Outcome::Skipped,
        _ => Outcome::Failed,
    });
    outcomes.max().unwrap_or(Outcome::Passed)
}

/// The worst that the elements in a test, or in one of them that is not known, say of it.
fn all_said(element: &Element) -> Result<Outcome, Fail> {
    let mut worst = Outcome::Passed;
    for child in &element.children {
        worst = worst.max(match child.name.as_str() {
            name if name.eq_ignore_ascii_case("testcase") => {
                return Err(Fail::malformed(child.place(), "a <testcase> stands inside of another one"));
            }
            "skipped" | "disabled" => Outcome::Skipped,
            "flakyFailure" | "flakyError" => Outcome::Flaky,
            // A rerun that is no flake is one that did not help.
            name if tells_failure(name) => Outcome::Failed,
            name if DETAILS.contains(&name) => Outcome::Passed,
            _ => all_said(child)?,
        });
    }
    Ok(worst)
}
