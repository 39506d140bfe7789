//! When a report says that it was made.

use pathops_core::UnixMillis;
use serde_json::Value;

use crate::report::Format;
use crate::report::input::Input;

/// When a report was made, by its own word: of JUnit XML, SARIF, Trivy, Grype, CycloneDX and SPDX 2. `None` for other formats, where it
/// does not say so with the offset from UTC, and for what is no such report. Of several runs it is the earliest, so that what is new
/// does not hide what is old; of JUnit it is when a suite began.
///
/// A scan that is copied is as old as it was; the time of a file is not. Nobody has verified it: a report may say that it was made
/// tomorrow.
///
/// ```
/// use pathops_evidence::report::{Format, made_at};
///
/// let report = br#"{"SchemaVersion": 2, "CreatedAt": "2026-11-22T12:00:00Z", "Results": []}"#;
/// assert_eq!(made_at(Format::Trivy, report), "2026-11-22T12:00:00Z".parse().ok());
/// assert_eq!(made_at(Format::Trivy, b"{}"), None);
/// ```
#[must_use]
pub fn made_at(format: Format, report: &[u8]) -> Option<UnixMillis> {
    let input = Input::open(report).ok()?;
    let said: Vec<String> = match format {
        Format::Junit => {
            let root = input.xml(&["testsuites", "testsuite"]).ok()?;
            let suites = root.children_named("testsuite").chain([root]);
            suites.filter_map(|suite| suite.attribute("timestamp").map(str::to_owned)).collect()
        }
        Format::CyclonedxXml => {
            let metadata = input.xml(&["bom"]).ok()?.child("metadata")?;
            metadata.text_of("timestamp").map(|text| text.trim().to_owned()).into_iter().collect()
        }
        _ => in_json(format, &input.json().ok()?),
    };
    said.iter().filter_map(|text| text.parse().ok()).min()
}

fn in_json(format: Format, report: &Value) -> Vec<String> {
    let one = |pointer: &str| report.pointer(pointer).into_iter().collect();
    let said: Vec<&Value> = match format {
        Format::Sarif => {
            let runs = report["runs"].as_array().into_iter().flatten();
            let invocations = runs.flat_map(|run| run["invocations"].as_array().into_iter().flatten());
            invocations.map(|invocation| &invocation["endTimeUtc"]).collect()
        }
        Format::Trivy => one("/CreatedAt"),
        Format::Grype => one("/descriptor/timestamp"),
        Format::CyclonedxJson => one("/metadata/timestamp"),
        Format::Spdx2Json => one("/creationInfo/created"),
        _ => Vec::new(),
    };
    said.into_iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_says_it_in_its_own_place() {
        let sarif = r#"{"version": "2.1.0", "runs": [{"invocations": [{"endTimeUtc": "2026-11-22T13:00:00Z"}, {"endTimeUtc": "2026-11-22T12:00:00Z"}]}, {}]}"#;
        for (format, report) in [
            (Format::Sarif, sarif),
            (Format::Grype, r#"{"matches": [], "descriptor": {"timestamp": "2026-11-22T12:00:00Z"}}"#),
            (Format::CyclonedxJson, r#"{"bomFormat": "CycloneDX", "metadata": {"timestamp": "2026-11-22T13:00:00+01:00"}}"#),
            (Format::CyclonedxXml, "<bom><metadata><timestamp> 2026-11-22T12:00:00Z </timestamp></metadata></bom>"),
            (Format::Spdx2Json, r#"{"spdxVersion": "SPDX-2.3", "creationInfo": {"created": "2026-11-22T12:00:00Z"}}"#),
            (
                Format::Junit,
                r#"<testsuites timestamp="2026-11-22T13:00:00Z"><testsuite timestamp="2026-11-22T12:00:00Z"/></testsuites>"#,
            ),
        ] {
            assert_eq!(made_at(format, report.as_bytes()), "2026-11-22T12:00:00Z".parse().ok(), "{format}");
        }
        for (format, report) in [
            (Format::Junit, r#"<testsuite timestamp="2026-11-22T12:00:00"/>"#),
            (Format::Sarif, r#"{"runs": [{"invocations": [{"endTimeUtc": 7}]}]}"#),
            (Format::Sarif, "<testsuite/>"),
            (Format::Tap, "TAP version 14\n1..1\nok 1\n"),
        ] {
            assert_eq!(made_at(format, report.as_bytes()), None, "{report}: without an offset it is no instant");
        }
    }
}
