//! A report without its secrets, which says what it said.

use crate::redact::{Redacted, Redactor, Removed, Shape, holds_a_secret};
use crate::report::error::Fail;
use crate::report::{Content, Fault, Format, ParseError, Place, Report, parse_as, parse_given};

/// A report without its secrets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RedactedReport {
    /// What it says: names and texts without their secrets.
    pub report: Report,
    /// What may be stored: the bytes that say so.
    pub bytes: Vec<u8>,
    /// What was taken out.
    pub removed: Removed,
}

/// Reads a report, in `format` or in the one that it is recognised as, and takes the secrets out of its texts.
///
/// What is left of it is read again, and says the same: as many tests, findings and parts as before, with the same results, severities
/// and numbers; only names and other texts may have placeholders in them. So no secret hides a failure, whatever the rules take out.
/// Where two names, as those of subtests, are the same without their secrets, and the report would say something else, they are told
/// apart by a number: `pays with [redacted github-token] (2)`.
/// A log is none of this: of it lines are taken out, and what is left is what it says.
///
/// ```
/// use pathops_evidence::redact::Redactor;
/// use pathops_evidence::report::parse_redacted;
///
/// let report = b"1..1\nok 1 - sends Cookie: sid=1 # SKIP no network\n";
/// let redacted = parse_redacted(&Redactor::new([])?, report, None)?;
/// assert_eq!(redacted.bytes, b"1..1\nok 1 - sends Cookie: [redacted cookie] # SKIP no network\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ParseError`] where it is not recognised, or not whole and right, as [`parse`](super::parse) and [`parse_as`]; its message may hold a
/// secret. [`Fault::Redacted`] where it would not say the same without its secrets, or holds a Secret of Kubernetes whose values cannot
/// be taken out.
pub fn parse_redacted(redactor: &Redactor, report: &[u8], format: Option<Format>) -> Result<RedactedReport, ParseError> {
    let before = parse_given(report, format)?;
    let shape = shape(before.format, report);
    let left = checked(&before, shape, redactor.redact_document(report, shape));
    left.or_else(|error| match shape {
        // Two names may have become one.
        Shape::Json | Shape::Xml => checked(&before, shape, redactor.redact_document_by_number(report, shape)).map_err(|_| error),
        Shape::Text | Shape::Tap | Shape::Yaml => Err(error),
    })
}

/// What is left of a report, if it says what the report said before.
fn checked(before: &Report, shape: Shape, left: Redacted) -> Result<RedactedReport, ParseError> {
    let (format, Redacted { bytes, removed }) = (before.format, left);
    let refuse = |why: &str| {
        let rules: Vec<_> = removed.keys().map(|rule| format!("`{rule}`")).collect();
        let problem = format!("secrets were taken out of it ({}), and {why}", rules.join(", "));
        Fail::new(Fault::Redacted, Place::Whole, problem).of(format)
    };
    if shape == Shape::Yaml && std::str::from_utf8(&bytes).is_ok_and(holds_a_secret) {
        let problem = "values of a Secret of Kubernetes in it cannot be taken out";
        return Err(Fail::new(Fault::Redacted, Place::Whole, problem).of(format));
    }
    let after = parse_as(format, &bytes).map_err(|error| refuse(&format!("what is left cannot be read: {}", error.problem)))?;
    if format != Format::PodLog && facts(&before.content) != facts(&after.content) {
        return Err(refuse("what is left says something else"));
    }
    Ok(RedactedReport { report: after, bytes, removed })
}

/// What kind of document a report is: some formats have more than one.
fn shape(format: Format, report: &[u8]) -> Shape {
    let begin = report.strip_prefix(b"\xef\xbb\xbf").unwrap_or(report).trim_ascii_start().first();
    match (format, begin) {
        (Format::PodLog | Format::Lcov, _) => Shape::Text,
        (Format::Tap, _) => Shape::Tap,
        (_, Some(b'{' | b'[')) => Shape::Json,
        (_, Some(b'<')) => Shape::Xml,
        _ => Shape::Yaml,
    }
}

/// What a report says but for its texts: how many there are of everything, numbers, states, severities. It is what is derived for
/// `Debug`, which names every field of every fact, without all that stands in quotation marks.
fn facts(content: &Content) -> String {
    let (all, mut facts, mut is_text) = (format!("{content:?}"), String::new(), false);
    let mut characters = all.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if is_text => {
                characters.next();
            }
            '"' => {
                is_text = !is_text;
                facts.push('"');
            }
            _ if is_text => {}
            other => facts.push(other),
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TestReport;

    #[test]
    fn facts_are_all_but_texts() {
        let tests = |passed: &[&str], failed: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            facts(&Content::Tests(TestReport { passed: names(passed), failed: names(failed), ..TestReport::default() }))
        };
        let one = tests(&["a \"b\" \\"], &["c"]);
        assert_eq!(one, tests(&["another, with 'marks'"], &["\\\""]));
        for other in [tests(&[], &["c"]), tests(&["a"], &[]), tests(&["a", "c"], &[]), tests(&["a"], &["c", "d"])] {
            assert_ne!(one, other);
        }
    }
}
