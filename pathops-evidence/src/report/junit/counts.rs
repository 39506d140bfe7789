//! What a suite counts, held against what it lists.

use crate::report::error::Fail;
use crate::report::junit::{Counted, words};
use crate::report::xml::Element;

/// Counters of tests that did not pass, beside failures and errors; each may count some of those again.
const OTHER_FAILURES: [&str; 6] = ["failed", "timeouts", "warnings", "crashed", "aborted", "interrupted"];

/// What is wrong where a suite counts more than it lists, or counts in no number that can be read.
pub(super) fn lost(element: &Element, counted: &Counted) -> Option<Fail> {
    check(element, counted).err()
}

fn check(element: &Element, counted: &Counted) -> Result<(), Fail> {
    let number = |name| number(element, name);
    let failed = number("failures")?.saturating_add(number("errors")?);
    let skipped = number("skipped")?.saturating_add(number("disabled")?);
    let of_tests = !counts_assertions(element);
    let more = |what: &str, said: u64, listed: u64, is_same: bool| {
        let is_lost = if is_same { said > listed } else { said > 0 && listed == 0 };
        let problem = || format!("<{}> counts {said} {what} and lists {listed}", element.name);
        if is_lost { Err(Fail::inconsistent(element.place(), problem())) } else { Ok(()) }
    };
    more("failures and errors", failed, counted.failed, true)?;
    for name in OTHER_FAILURES {
        more(&format!("in `{name}`"), number(name)?, counted.failed, true)?;
    }
    more("tests", number("tests")?, counted.cases, of_tests)?;
    more("skipped tests", skipped, counted.skipped, of_tests)
}

/// The number in an attribute, in whatever letters its name is; zero where there is none.
fn number(element: &Element, name: &str) -> Result<u64, Fail> {
    let said = element.attributes.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let numbers = said.map(|(key, text)| {
        let problem = || format!("`{key}` of <{}> is no whole number: `{text}`", element.name);
        whole(text.trim()).ok_or_else(|| Fail::malformed(element.place(), problem()))
    });
    numbers.collect::<Result<Vec<_>, _>>().map(|numbers| numbers.into_iter().max().unwrap_or_default())
}

/// A whole number, also as `2.0`; nothing for zero.
fn whole(text: &str) -> Option<u64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
    };
    if text.is_empty() { Some(0) } else { digits.parse().ok() }
}

/// Whether Catch2 or doctest wrote a suite, which count assertions in place of tests: of what they write all must be there, and nothing
/// more. Catch2 has never filled in the host, and doctest gives its version.
fn counts_assertions(suite: &Element) -> bool {
    let is_case = |child: &Element| {
        child.name == "testcase"
            && child.attribute("classname").is_some()
            && matches!(child.attribute("status"), None | Some("run"))
    };
    let is_of_catch2 = || {
        suite.attribute("hostname") == Some("tbd")
            && ["system-out", "system-err"].iter().all(|name| suite.child(name).is_some())
            && suite.children.iter().all(|child| is_case(child) || words::is_detail(&child.name))
    };
    let is_of_doctest = || {
        suite.attribute("doctest_version").is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
            && suite.children.iter().all(is_case)
    };
    suite.attribute("timestamp").is_some() && (is_of_catch2() || is_of_doctest())
}
