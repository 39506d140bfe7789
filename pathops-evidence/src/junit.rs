//! JUnit XML: what test runners write, in the dialects that are about (Ant, Maven Surefire, pytest, nextest, Jest).
//!
//! A report is data from a stranger: it is bounded, entities beyond the predefined ones are not expanded, and whatever
//! cannot be read is an error, never an empty success.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// How many test cases a report may have.
pub const MAX_CASES: usize = 100_000;

/// What a report says: names of tests, each as `class::name` where it has a class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tests that passed.
    pub passed: Vec<String>,
    /// Tests that were skipped.
    pub skipped: Vec<String>,
    /// Tests that failed or errored.
    pub failed: Vec<String>,
}

/// Why a report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JunitError {
    /// Not well-formed XML.
    #[error("the JUnit report is not well-formed XML at byte {at}: {why}")]
    Xml {
        /// Where.
        at: u64,
        /// Why.
        why: String,
    },
    /// XML, but no JUnit report.
    #[error("the report has no <testsuite> or <testsuites> at its root")]
    NoSuite,
    /// A test case without a name.
    #[error("a <testcase> has no name")]
    NoName,
    /// A test case inside of another one.
    #[error("a <testcase> stands inside of another one")]
    Nested,
    /// It ends in the middle.
    #[error("the JUnit report ends in the middle of <{0}>")]
    Truncated(String),
    /// Too many test cases.
    #[error("the JUnit report has more than {MAX_CASES} test cases")]
    TooLarge,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CaseResult {
    Passed,
    Skipped,
    Failed,
}

/// Reads a report.
///
/// ```
/// let report = pathops_evidence::junit::parse(br#"<testsuite><testcase classname="a" name="b"/><testcase name="c"><failure/></testcase></testsuite>"#).unwrap();
/// assert_eq!((report.passed, report.failed), (vec!["a::b".to_owned()], vec!["c".to_owned()]));
/// ```
///
/// # Errors
/// [`JunitError`] for anything that is not a whole, well-formed report.
pub fn parse(xml: &[u8]) -> Result<Report, JunitError> {
    let mut reader = Reader::from_reader(xml);
    let mut report = Report::default();
    let mut open: Vec<Vec<u8>> = Vec::new();
    let mut case: Option<(String, CaseResult)> = None;
    let mut elements = 0_usize;
    loop {
        let event =
            reader.read_event().map_err(|error| JunitError::Xml { at: reader.buffer_position(), why: error.to_string() })?;
        match event {
            Event::Start(tag) => {
                elements += 1;
                begin(&tag, &open, &mut case, &mut report)?;
                open.push(tag.name().as_ref().to_vec());
            }
            Event::Empty(tag) => {
                elements += 1;
                begin(&tag, &open, &mut case, &mut report)?;
                if tag.name().as_ref() == b"testcase" {
                    end(&mut case, &mut report);
                }
            }
            Event::End(tag) => {
                open.pop();
                if tag.name().as_ref() == b"testcase" {
                    end(&mut case, &mut report);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match open.pop() {
        Some(tag) => Err(JunitError::Truncated(String::from_utf8_lossy(&tag).into_owned())),
        None if elements == 0 => Err(JunitError::NoSuite),
        None => Ok(report),
    }
}

fn begin(
    tag: &BytesStart<'_>,
    open: &[Vec<u8>],
    case: &mut Option<(String, CaseResult)>,
    report: &mut Report,
) -> Result<(), JunitError> {
    match (tag.name().as_ref(), case) {
        (b"testsuite" | b"testsuites", _) => Ok(()),
        _ if open.is_empty() => Err(JunitError::NoSuite),
        (b"testcase", Some(_)) => Err(JunitError::Nested),
        (b"testcase", case) => {
            if report.passed.len() + report.skipped.len() + report.failed.len() >= MAX_CASES {
                return Err(JunitError::TooLarge);
            }
            let name = attribute(tag, b"name").ok_or(JunitError::NoName)?;
            let full = attribute(tag, b"classname").filter(|class| !class.is_empty()).map(|class| format!("{class}::{name}"));
            *case = Some((full.unwrap_or(name), CaseResult::Passed));
            Ok(())
        }
        (b"failure" | b"error", Some((_, result))) => {
            *result = CaseResult::Failed;
            Ok(())
        }
        // An error of a whole suite (a class that does not load) is a failure that no test case stands for.
        (b"failure" | b"error", None) => {
            report.failed.push("(suite)".to_owned());
            Ok(())
        }
        (b"skipped", Some((_, result))) => {
            *result = (*result).max(CaseResult::Skipped);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn end(case: &mut Option<(String, CaseResult)>, report: &mut Report) {
    match case.take() {
        Some((name, CaseResult::Passed)) => report.passed.push(name),
        Some((name, CaseResult::Skipped)) => report.skipped.push(name),
        Some((name, CaseResult::Failed)) => report.failed.push(name),
        None => {}
    }
}

fn attribute(tag: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    let attribute = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == name)?;
    let raw = String::from_utf8_lossy(&attribute.value).into_owned();
    Some(quick_xml::escape::unescape(&raw).map(std::borrow::Cow::into_owned).unwrap_or(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_is_counted_once_by_its_worst_result() {
        let xml = br#"<?xml version="1.0"?><testsuites><testsuite name="s"><testcase name="ok"/><testcase classname="m.C" name="bad"><system-out>x</system-out><error message="&quot;"/><failure/></testcase>
            <testcase name="later"><skipped/></testcase></testsuite><testsuite><testcase name="a&lt;b"></testcase></testsuite></testsuites>"#;
        let report = parse(xml).unwrap();
        assert_eq!(report.passed, ["ok", "a<b"]);
        assert_eq!(report.failed, ["m.C::bad"]);
        assert_eq!(report.skipped, ["later"]);
    }

    #[test]
    fn whatever_is_not_a_whole_report_is_an_error() {
        assert_eq!(parse(b"<html/>"), Err(JunitError::NoSuite));
        assert_eq!(parse(b"<testsuite><testcase/></testsuite>"), Err(JunitError::NoName));
        let nested = b"<testsuite><testcase name='a'><failure/><testcase name='b'/></testcase></testsuite>";
        assert_eq!(parse(nested), Err(JunitError::Nested));
        assert_eq!(parse(b"<testsuite><testcase name=\"a\"/>"), Err(JunitError::Truncated("testsuite".to_owned())));
        assert!(matches!(parse(b"<testsuite><a></testsuite>"), Err(JunitError::Xml { .. })));
        assert!(parse(b"<testsuite><testcase name=\"a\"><fail").is_err());
    }

    #[test]
    fn nothing_at_all_is_no_report() {
        assert_eq!(parse(b""), Err(JunitError::NoSuite));
        assert_eq!(parse(b"<testsuite/>"), Ok(Report::default()));
    }

    #[test]
    fn an_error_of_a_whole_suite_is_a_failure() {
        assert_eq!(parse(b"<testsuite><error/></testsuite>").unwrap().failed, ["(suite)"]);
    }
}
