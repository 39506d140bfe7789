//! Why a report cannot be read: which format, what kind of fault, where, what, and what to do.

use std::fmt;

use crate::report::Format;

/// Why a report cannot be read.
///
/// ```
/// use pathops_evidence::report::{Fault, Format, parse_as};
/// let error = parse_as(Format::Junit, b"<testsuite tests='2'><testcase name='a'/></testsuite>").unwrap_err();
/// assert_eq!((error.format, error.fault), (Some(Format::Junit), Fault::Inconsistent));
/// let expected = "the JUnit report, byte 0: <testsuite> counts 2 tests and lists 1; look whether parts of it were lost";
/// assert!(error.to_string().starts_with(expected), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError {
    /// The format it was read as; `None` where it was not recognised.
    pub format: Option<Format>,
    /// What kind of fault.
    pub fault: Fault,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub problem: String,
}

/// What kind of fault a report has. Each comes with something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// There is nothing in it.
    Empty,
    /// It is in none of the formats.
    Unknown,
    /// It could be in more than one format.
    Ambiguous,
    /// It breaks the rules of its format.
    Malformed,
    /// Its end is missing.
    Truncated,
    /// It contradicts itself.
    Inconsistent,
    /// It is one page of several.
    Paged,
    /// It is of a version that is not read here.
    Unsupported,
    /// It is beyond a limit.
    TooLarge,
    /// The tool says that it failed itself.
    ToolFailed,
    /// It cannot be kept without its secrets.
    Redacted,
}

impl Fault {
    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Fault::Empty => "look whether the tool has run, and whether it wrote to this file",
            Fault::Unknown => "have the tool write one of the formats that are read, or name the format",
            Fault::Ambiguous => "name the format",
            Fault::Malformed => "have the tool write it again, and hand it in as it was written",
            Fault::Truncated => "look whether the tool was killed or the disk was full, and have it write the whole of it",
            Fault::Inconsistent => "look whether parts of it were lost or edited, and have the tool write it again",
            Fault::Paged => "collect all pages into one answer",
            Fault::Unsupported => "have the tool write a version that is read",
            Fault::TooLarge => "split it, or have the tool leave out what is not needed",
            Fault::ToolFailed => "look at what the tool itself printed, and run it again",
            Fault::Redacted => "have the tool leave secrets out of what it writes",
        }
    }
}

/// Where in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The whole of it.
    Whole,
    /// A line, from 1.
    Line(usize),
    /// A line and a column, from 1.
    Column {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A byte, from 0.
    Byte(u64),
    /// A JSON pointer (RFC 6901).
    Pointer(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Whole => Ok(()),
            Place::Line(line) => write!(f, ", line {line}"),
            Place::Column { line, column } => write!(f, ", line {line}, column {column}"),
            Place::Byte(at) => write!(f, ", byte {at}"),
            Place::Pointer(pointer) => write!(f, ", `{pointer}`"),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.format {
            Some(format) => write!(f, "the {} report", format.title())?,
            None => f.write_str("the report")?,
        }
        write!(f, "{}: {}; {}", self.place, self.problem, self.fault.remedy())
    }
}

impl std::error::Error for ParseError {}

/// A [`ParseError`] before it is known which format it is about.
#[derive(Debug)]
pub(super) struct Fail {
    fault: Fault,
    place: Place,
    problem: String,
}

impl Fail {
    pub(super) fn new(fault: Fault, place: Place, problem: impl Into<String>) -> Self {
        Self { fault, place, problem: problem.into() }
    }

    /// It contradicts itself.
    pub(super) fn inconsistent(place: Place, problem: impl Into<String>) -> Self {
        Self::new(Fault::Inconsistent, place, problem)
    }

    /// It breaks the rules of its format.
    pub(super) fn malformed(place: Place, problem: impl Into<String>) -> Self {
        Self::new(Fault::Malformed, place, problem)
    }

    /// Its end is missing.
    pub(super) fn truncated(place: Place, problem: impl Into<String>) -> Self {
        Self::new(Fault::Truncated, place, problem)
    }

    /// It is of a version that is not read here.
    pub(super) fn unsupported(place: Place, problem: impl Into<String>) -> Self {
        Self::new(Fault::Unsupported, place, problem)
    }

    pub(super) fn of(self, format: impl Into<Option<Format>>) -> ParseError {
        ParseError { format: format.into(), fault: self.fault, place: self.place, problem: self.problem }
    }
}

impl From<serde_json::Error> for Fail {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let place = match (error.line(), error.column()) {
            (0, _) => Place::Whole,
            (line, column) => Place::Column { line, column },
        };
        let problem = text.split(" at line ").next().unwrap_or(&text).to_owned();
        let fault = match error.classify() {
            serde_json::error::Category::Eof => Fault::Truncated,
            _ if problem.starts_with(super::json::TOO_MANY) || problem.starts_with("recursion limit") => Fault::TooLarge,
            _ => Fault::Malformed,
        };
        Self { fault, place, problem }
    }
}

/// A place in JSON, from the keys and numbers that lead to it.
macro_rules! pointer {
    ($($part:expr),*) => {{
        let mut pointer = String::new();
        $(pointer.push('/'); pointer.push_str(&$part.to_string().replace('~', "~0").replace('/', "~1"));)*
        $crate::report::error::Place::Pointer(pointer)
    }};
}
pub(super) use pointer;
