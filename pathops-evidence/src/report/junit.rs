//! JUnit XML: what test runners write, in the dialects that are about (Ant, Maven Surefire, Gradle, pytest, nextest, Jest,
//! Node, PHPUnit, Ginkgo, Catch2, doctest).
//!
//! There is no standard; what is read here is what those tools write, with the attributes of Ant's `<testsuite>` and the
//! reruns of Maven Surefire's schema 3.0. A test counts once, by the worst that is said of it:
//!
//! * `<failure>` or `<error>`, in whatever letters, or an element whose name ends so: it failed. So it did by any element that is not
//!   known (`<aborted>`, `<timeout>`, PHPUnit's `<warning>`). Known and no failure are `<properties>`, `<property>`, `<system-out>`,
//!   `<system-err>`, `<attachments>` and `<attachment>`, whatever is in them.
//! * A `status` or a `result` that is no known word for a test that ran well, or was skipped (GoogleTest, CTest), or a `success` that is
//!   not `true`: it failed.
//! * `<skipped>`, `<disabled>`, `<skip>` and the like, or `status="notrun"` (GoogleTest): it was skipped. Node's `<skipped type="todo">`
//!   excuses a `<failure>`, as `# TODO` does in TAP.
//! * `<flakyFailure>` or `<flakyError>` without the above: it failed first and passed then.
//!
//! In a suite, outside of any test, a failure, a `status` or `result` of that kind, and Ginkgo's property `SuiteSucceeded` where it is
//! not `true`, stand for one test that failed: `suite (suite)`; the last two where no test of the suite has failed. Any other element of a
//! suite that is not known may hold suites, tests and what is said of them, and is looked into.
//!
//! Where a suite counts more tests than it lists, more failures or more skipped ones, or in no whole numbers, something was lost on the
//! way: an error, unless a listed test has failed anyhow (Mocha then counts `-1` skipped). Counters may be in any letters, and empty.
//! Catch2 and doctest count assertions and not tests, so of what is in all parts as they write it, failures are held against the list,
//! and for the others it is enough that any is listed. jest-junit lists a `todo` as it lists a test that passed, and so it is read as
//! one; a file of tests that did not load it leaves out, unless its option `reportTestSuiteErrors` is `"true"`.

mod counts;
mod words;

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

fn suite(element: &Element, report: &mut TestReport) -> Result<Counted, Fail> {
    let mut counted = Counted::default();
    let failed_before = report.failed.len();
    for child in &element.children {
        match child.name.as_str() {
            "testcase" => {
                let case = case(child, report)?;
                counted.cases += 1;
                counted.failed += u64::from(case.outcome == Outcome::Failed || case.is_excused);
                counted.skipped += u64::from(case.outcome == Outcome::Skipped);
            }
            // An error of a whole suite (a class that does not load) is a failure that no test case stands for.
            name if words::tells_failure(name) => fail(element, &mut counted, report),
            name if words::is_detail(name) => {}
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
    let has_failed = words::stated(element) == Outcome::Failed || !has_succeeded(element);
    if has_failed && report.failed.len() == failed_before {
        fail(element, &mut counted, report);
    }
    counted.lost = counted.lost.take().or_else(|| counts::lost(element, &counted));
    Ok(counted)
}

/// Lists a suite itself as a test that failed.
fn fail(suite: &Element, counted: &mut Counted, report: &mut TestReport) {
    counted.failed += 1;
    let name = suite.attribute("name").unwrap_or_default();
    report.push(format!("{name} (suite)").trim_start().to_owned(), Outcome::Failed);
}

/// Whether no property of a suite says that it has failed as a whole, as Ginkgo says of one that ran out of time.
fn has_succeeded(suite: &Element) -> bool {
    let mut properties = suite.children_named("properties").flat_map(|properties| properties.children_named("property"));
    properties.all(|property| {
        let value = property.attribute("value").unwrap_or(&property.text);
        property.attribute("name") != Some("SuiteSucceeded") || value.trim().eq_ignore_ascii_case("true")
    })
}

/// How a test ended, and whether a failure is listed that does not count.
struct Case {
    outcome: Outcome,
    is_excused: bool,
}

fn case(element: &Element, report: &mut TestReport) -> Result<Case, Fail> {
    let name = element.attribute("name").ok_or_else(|| Fail::malformed(element.place(), "a <testcase> has no name"))?;
    let full = match element.attribute("classname") {
        Some(class) if !class.is_empty() => format!("{class}::{name}"),
        _ => name.to_owned(),
    };
    let outcome = words::stated(element).max(all_said(element)?);
    report.push(full, outcome);
    Ok(Case { outcome, is_excused: is_todo(element) && element.child("failure").is_some() })
}

/// Whether Node lists a test as one that is still to do, so that its failure is expected.
fn is_todo(case: &Element) -> bool {
    case.children_named("skipped").any(|skipped| skipped.attribute("type") == Some("todo"))
}

/// The worst that the elements in a test say of it. No test stands in another one, not in what is not known either.
fn all_said(element: &Element) -> Result<Outcome, Fail> {
    let is_todo = is_todo(element);
    let mut worst = Outcome::Passed;
    for child in &element.children {
        if child.name.eq_ignore_ascii_case("testcase") {
            return Err(Fail::malformed(child.place(), "a <testcase> stands inside of another one"));
        }
        worst = worst.max(match words::of_element(&child.name) {
            Some(Outcome::Failed) if is_todo && child.name == "failure" => Outcome::Skipped,
            Some(outcome) => outcome,
            None => all_said(child)?.max(Outcome::Failed),
        });
    }
    Ok(worst)
}
