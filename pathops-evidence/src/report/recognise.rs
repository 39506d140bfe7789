//! Which format a report is in, by what is in it.

use std::fmt;

use crate::report::error::{Fail, ParseError};
use crate::report::format::Confidence;
use crate::report::input::{Input, Look};
use crate::report::{Fault, Format, Place};

/// Why the format of a report is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unrecognised {
    /// It is in none of the formats. It could be in one of these, if somebody said so; mostly there is none.
    Unknown {
        /// Which.
        possible: Vec<Format>,
    },
    /// It looks as much like one format as like another.
    Ambiguous {
        /// Which.
        candidates: Vec<Format>,
    },
    /// It is empty, too large, or breaks off: whatever its format is.
    Broken(ParseError),
}

impl fmt::Display for Unrecognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unrecognised::Broken(error) => error.fmt(f),
            other => ParseError::from(other.clone()).fmt(f),
        }
    }
}

impl std::error::Error for Unrecognised {}

impl From<Unrecognised> for ParseError {
    fn from(it: Unrecognised) -> Self {
        let (fault, problem) = match it {
            Unrecognised::Broken(error) => return error,
            Unrecognised::Unknown { possible } if possible.is_empty() => {
                (Fault::Unknown, "it is in none of the formats that are read".to_owned())
            }
            Unrecognised::Unknown { possible } => {
                (Fault::Unknown, format!("too little is in it: it could be {}", names(&possible)))
            }
            Unrecognised::Ambiguous { candidates } => (Fault::Ambiguous, format!("it could be {}", names(&candidates))),
        };
        Fail::new(fault, Place::Whole, problem).of(None)
    }
}

fn names(formats: &[Format]) -> String {
    formats.iter().map(|format| format!("`{format}`")).collect::<Vec<_>>().join(" or ")
}

/// Recognises the format of a report, by its content and nothing else. The order in which formats are tried does not
/// matter: each of them says how sure it is, and the surest is taken if it is alone.
///
/// ```
/// use pathops_evidence::report::{Format, Unrecognised, recognise};
/// assert_eq!(recognise(b"TAP version 14\n1..1\nok 1\n"), Ok(Format::Tap));
/// assert_eq!(recognise(b"all is well"), Err(Unrecognised::Unknown { possible: Vec::new() }));
/// ```
///
/// # Errors
/// [`Unrecognised`] where it is in no format, in several, or broken.
pub fn recognise(bytes: &[u8]) -> Result<Format, Unrecognised> {
    let input = Input::open(bytes).map_err(|fail| Unrecognised::Broken(fail.of(None)))?;
    among(Format::ALL, &input.look)
}

/// The formats that a report could be in and how sure each of them is, the surest first: to tell why [`recognise`] took one, or took
/// none. Those that are as sure as each other are in the order of [`Format::ALL`].
///
/// ```
/// use pathops_evidence::report::{Confidence, Format, candidates};
/// assert_eq!(candidates(b"TAP version 14\n1..1\nok 1\n")?, [(Format::Tap, Confidence::Certain)]);
/// assert!(candidates(b"all is well")?.is_empty());
/// # Ok::<(), pathops_evidence::report::ParseError>(())
/// ```
///
/// # Errors
/// Where it is empty, too large, or breaks off: whatever its format is.
pub fn candidates(bytes: &[u8]) -> Result<Vec<(Format, Confidence)>, ParseError> {
    let input = Input::open(bytes).map_err(|fail| fail.of(None))?;
    let mut candidates = looked_at(Format::ALL, &input.look);
    candidates.sort_by_key(|(_, confidence)| std::cmp::Reverse(*confidence));
    Ok(candidates)
}

/// Whether this is the beginning of a log ([`Format::PodLog`]), by its whole lines. One need not be in memory: it is taken in as it
/// comes ([`ingest_log`](crate::ingest_log)), whatever its size. [`BEGINNING`](crate::report::BEGINNING) bytes are enough: of a longer
/// first line they show how it begins, and that says enough unless the line is JSON. What is not UTF-8 is passed over, as it is there.
///
/// ```
/// use pathops_evidence::report::begins_a_log;
/// assert!(begins_a_log(b"2026-11-22T12:00:00Z ready\n2026-11-22T12:00:01Z GET /hea"));
/// assert!(!begins_a_log(b"TAP version 14\n1..1\nok 1\n"));
/// ```
#[must_use]
pub fn begins_a_log(beginning: &[u8]) -> bool {
    let whole = beginning.iter().rposition(|byte| *byte == b'\n').map_or(beginning.len(), |last| last + 1);
    let text = String::from_utf8_lossy(beginning.get(..whole).unwrap_or_default());
    recognise(text.as_bytes()) == Ok(Format::PodLog)
}

/// Those of `formats` that it could be in, and how sure each is.
fn looked_at(formats: &[Format], look: &Look<'_>) -> Vec<(Format, Confidence)> {
    formats.iter().map(|format| format.spec()).filter_map(|spec| Some((spec.format, (spec.look)(look)?))).collect()
}

/// Recognises one of `formats`.
pub(super) fn among(formats: &[Format], look: &Look<'_>) -> Result<Format, Unrecognised> {
    let sure = looked_at(formats, look);
    let best = sure.iter().map(|(_, confidence)| *confidence).max();
    let best_of = sure.into_iter().filter(|(_, confidence)| Some(*confidence) == best).map(|(format, _)| format);
    let mut best_of: Vec<_> = best_of.collect();
    best_of.sort_unstable();
    match (best, best_of.as_slice()) {
        (None | Some(Confidence::Possible), _) => Err(Unrecognised::Unknown { possible: best_of }),
        (_, [format]) => Ok(*format),
        _ => Err(Unrecognised::Ambiguous { candidates: best_of }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All fixtures, and some texts that are in no format or in several.
    fn texts() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/report");
        let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
        let fixtures = files.map(|path| std::fs::read(path).unwrap());
        let others = ["[]", "{}", "passed", r#"{"bomFormat": "CycloneDX", "version": "2.1.0", "runs": []}"#];
        fixtures.chain(others.map(|text| text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn the_order_of_formats_does_not_matter() {
        let texts = texts();
        assert!(texts.len() > Format::ALL.len(), "{} texts", texts.len());
        for input in texts.iter().filter_map(|text| Input::open(text).ok()) {
            let expected = among(Format::ALL, &input.look);
            for turn in 0..Format::ALL.len() {
                let mut formats = Format::ALL.to_vec();
                formats.rotate_left(turn);
                assert_eq!(among(&formats, &input.look), expected);
                formats.reverse();
                assert_eq!(among(&formats, &input.look), expected);
            }
        }
    }

    /// What is recognised is recognised by one format alone, not by being the surest of several.
    #[test]
    fn no_other_format_takes_a_report_for_its_own() {
        for input in texts().iter().filter_map(|text| Input::open(text).ok()) {
            let Ok(own) = among(Format::ALL, &input.look) else { continue };
            for other in Format::ALL.iter().filter(|other| **other != own) {
                assert!(among(&[*other], &input.look).is_err(), "{other} takes {own} for its own");
            }
        }
    }
}
