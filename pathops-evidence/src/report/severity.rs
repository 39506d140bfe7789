//! How bad a finding is, from the words, scores and vectors that scanners write.

use std::str::FromStr as _;

use pathops_core::policy::FindingSeverity;

/// The severity of a word; `None` where it is not known.
pub(super) fn of_word(word: &str) -> Option<FindingSeverity> {
    match word.to_ascii_lowercase().as_str() {
        "critical" => Some(FindingSeverity::Critical),
        "high" | "important" => Some(FindingSeverity::High),
        "medium" | "moderate" => Some(FindingSeverity::Medium),
        "low" | "negligible" | "none" | "info" | "informational" => Some(FindingSeverity::Low),
        _ => None,
    }
}

/// The severity of a CVSS score, by the bands of CVSS v3.1, section 5; `None` where it is no score.
pub(super) fn of_score(score: f64) -> Option<FindingSeverity> {
    match score {
        score if !(0.0..=10.0).contains(&score) => None,
        score if score >= 9.0 => Some(FindingSeverity::Critical),
        score if score >= 7.0 => Some(FindingSeverity::High),
        score if score >= 4.0 => Some(FindingSeverity::Medium),
        _ => Some(FindingSeverity::Low),
    }
}

/// What every vector must say: without one of these its score would be too low.
const BASE_3: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];
const BASE_4: [&str; 11] = ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

/// The severity of a whole CVSS vector of version 3 or 4; `None` where it is none.
pub(super) fn of_vector(vector: &str) -> Option<FindingSeverity> {
    let says = |metric: &str| vector.split('/').any(|part| part.split_once(':').is_some_and(|(name, _)| name == metric));
    let whole = match vector.split_once('/')?.0 {
        "CVSS:3.0" | "CVSS:3.1" => BASE_3.iter().all(|metric| says(metric)),
        "CVSS:4.0" => BASE_4.iter().all(|metric| says(metric)),
        _ => false,
    };
    if !whole {
        return None;
    }
    cvss::Cvss::from_str(vector).ok().and_then(|vector| of_score(vector.score()))
}

/// The severity of a score or a vector in text.
pub(super) fn of_text(text: &str) -> Option<FindingSeverity> {
    text.trim().parse().ok().and_then(of_score).or_else(|| of_vector(text.trim())).or_else(|| of_word(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_scores_and_vectors_say_how_bad_it_is() {
        let table = [
            ("Moderate", Some(FindingSeverity::Medium)),
            ("0", Some(FindingSeverity::Low)),
            ("3.9", Some(FindingSeverity::Low)),
            ("4.0", Some(FindingSeverity::Medium)),
            ("7", Some(FindingSeverity::High)),
            ("9.0", Some(FindingSeverity::Critical)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(FindingSeverity::Critical)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(FindingSeverity::Medium)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(FindingSeverity::Critical)),
        ];
        for (text, severity) in table {
            assert_eq!(of_text(text), severity, "{text}");
        }
    }

    #[test]
    fn what_is_no_severity_is_not_known() {
        for text in [
            "",
            "unknown",
            "severe",
            "-1",
            "10.1",
            "NaN",
            "inf",
            "CVSS:3.1/AV:N",
            "CVSS:9.0/AV:N/AC:L",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:X",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }
}
