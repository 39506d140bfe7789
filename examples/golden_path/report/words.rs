//! Instants, durations, marks and links, as people read them.

use std::time::Duration;

use pathops_coordinator::change_set::{Stage, label};
use pathops_core::UnixMillis;
use pathops_core::evidence::{Deployment, Health, Predicate, Snapshot, TestResult, VerificationSummary};
use pathops_core::policy::Verdict;
use serde::Serialize;

/// An instant: for people, and for machines.
#[derive(Serialize)]
pub(super) struct Instant {
    shown: String,
    exact: String,
}

pub(super) fn instant(at: UnixMillis) -> Instant {
    let exact = at.to_string();
    let seconds = exact.split(['.', 'Z']).next().unwrap_or(&exact);
    Instant { shown: format!("{} UTC", seconds.replace('T', " ")), exact }
}

/// How something stands. The page shows each as a shape and a word, never as a colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mark {
    Pass,
    Fail,
    Unknown,
    /// It is not there, and does not stand in the way.
    Advice,
    Later,
}

pub(super) fn mark(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Pass => Mark::Pass,
        Verdict::Fail => Mark::Fail,
        Verdict::Unknown => Mark::Unknown,
    }
}

/// How a unit stands in its stage.
pub(super) fn stage_mark(stage: Stage) -> Mark {
    match stage {
        Stage::Live | Stage::Recovered => Mark::Pass,
        Stage::LeftToPeople
        | Stage::FailureEvidence
        | Stage::RecoveryFailureEvidence
        | Stage::RestoreFailureEvidence
        | Stage::Stopped => Mark::Fail,
        _ => Mark::Unknown,
    }
}

/// Where something is, under a name.
#[derive(Serialize)]
pub(super) struct Link {
    text: String,
    target: String,
    /// Whether it is safe to follow: an address that runs a script is shown and does not become a link.
    safe: bool,
}

pub(super) fn link(text: impl Into<String>, target: &str) -> Link {
    let safe = ["https://", "http://", "file:///"].iter().any(|scheme| target.starts_with(scheme));
    Link { text: text.into(), target: target.to_owned(), safe: safe && !target.contains(char::is_whitespace) }
}

pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{}.{} s", seconds, duration.subsec_millis() / 100),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// `a, b and c`.
pub(super) fn names<T: AsRef<str>>(names: &[T]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            format!("{} and {}", first.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "), last.as_ref())
        }
    }
}

/// What a piece of evidence is, from the type of its predicate.
pub(super) fn evidence_kind(predicate_type: &str) -> &str {
    match predicate_type {
        TestResult::TYPE => "Test result",
        Deployment::TYPE => "Deployment, as observed",
        Health::TYPE => "Health over time",
        VerificationSummary::TYPE => "Decision",
        Snapshot::TYPE => "Snapshot",
        other => other,
    }
}

/// At which point of its way something went wrong.
pub(super) fn moment(stage: Stage) -> &'static str {
    match stage {
        Stage::Queued => "before it began",
        Stage::AnnouncingSource | Stage::AnnouncingPreflight | Stage::Working => "before anything was built",
        Stage::Building | Stage::Rebuilding => "in its build",
        Stage::SourceReview => "in the review of its source",
        Stage::Built | Stage::Staging | Stage::PreflightMerge => "on its way to preflight",
        Stage::PreflightDeploy | Stage::PreflightEvidence => "in preflight",
        Stage::Tested | Stage::Deciding | Stage::Decided => "at the decision",
        Stage::Proposing | Stage::Proposed | Stage::Promoting | Stage::ProductionMerge => "on its way to production",
        Stage::ProductionDeploy | Stage::ProductionEvidence | Stage::Live => "in production",
        _ => "on the way back",
    }
}

/// A stage as a state: what [`label`] says after "it is".
pub(super) fn standing(stage: Stage) -> &'static str {
    let label = label(stage);
    label.strip_prefix("is ").unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = |millis| duration(Duration::from_millis(millis));
        assert_eq!([0, 999, 1000, 59_999].map(shown), ["0 ms", "999 ms", "1.0 s", "59.9 s"]);
        assert_eq!([60_000, 3_599_999, 7_500_000, 90_000_000].map(shown), ["1 min 0 s", "59 min 59 s", "2 h 5 min", "1 d 1 h"]);
    }

    #[test]
    fn only_safe_addresses_become_links() {
        for (target, safe) in [
            ("https://git.example.org/shop/pulls/1", true),
            ("file:///srv/blobs/ab", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("git -C https://x log", false),
            ("https://x onclick", false),
        ] {
            assert_eq!(link("it", target).safe, safe, "{target}");
        }
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(names(&["a", "b", "c"]), "a, b and c");
        assert_eq!(names(&["a"]), "a");
    }
}
