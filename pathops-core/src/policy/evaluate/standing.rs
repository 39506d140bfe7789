use std::time::Duration;

use crate::evidence::EvidenceId;
use crate::id::RequirementId;
use crate::policy::{EvidenceFact, Missing, RequirementResult, Severity, Verdict};
use crate::time::UnixMillis;

/// How one requirement stands, before it is given its name.
pub(super) struct Standing {
    pub(super) verdict: Verdict,
    pub(super) because: String,
    evidence: Vec<EvidenceId>,
    stale: bool,
    deferred: bool,
    missing: Option<Missing>,
    earliest: Option<UnixMillis>,
}

impl Standing {
    pub(super) fn new(verdict: Verdict, because: impl Into<String>) -> Self {
        let because = because.into();
        Self { verdict, because, evidence: Vec::new(), stale: false, deferred: false, missing: None, earliest: None }
    }

    pub(super) fn by(mut self, fact: &EvidenceFact) -> Self {
        self.evidence.push(fact.id);
        self
    }

    /// Both of two that stand alike.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.because = format!("{}; {}", self.because, other.because);
        self.evidence.extend(other.evidence);
        if let (Some(missing), Some(more)) = (&mut self.missing, other.missing) {
            missing.what = format!("{} and {}", missing.what, more.what);
            missing.from.extend(more.from);
            missing.from.sort_unstable();
            missing.from.dedup();
            missing.count = if missing.by_people { u32::try_from(missing.from.len()).unwrap_or(u32::MAX) } else { missing.count };
        }
        self
    }

    /// The same verdict, for another reason.
    pub(super) fn because(mut self, because: impl Into<String>) -> Self {
        self.because = because.into();
        self
    }

    /// Something that a system has to supply.
    pub(super) fn needs(mut self, what: impl Into<String>, from: Vec<String>) -> Self {
        self.missing = Some(Missing { what: what.into(), from, by_people: false, count: 1 });
        self
    }

    /// Something that a system has to supply, where nothing else is known to help.
    pub(super) fn or_needs(self, need: impl FnOnce() -> (String, String)) -> Self {
        if self.missing.is_some() || self.earliest.is_some() {
            return self;
        }
        let (what, from) = need();
        self.needs(what, vec![from])
    }

    /// Something that people can supply at any time.
    pub(super) fn needs_people(mut self, what: impl Into<String>, from: Vec<String>) -> Self {
        self.missing = Some(Missing { what: what.into(), from, by_people: true, count: 1 });
        self
    }

    /// Something that so many of these people can supply at any time, each of them once.
    pub(super) fn needs_of(mut self, count: u32, what: impl Into<String>, from: Vec<String>) -> Self {
        self.missing = Some(Missing { what: what.into(), from, by_people: true, count });
        self
    }

    /// It may pass from then on.
    pub(super) fn from(mut self, earliest: UnixMillis) -> Self {
        self.earliest = Some(earliest);
        self
    }

    /// Looking at preflight again may be all that it takes.
    pub(super) fn look_again(mut self) -> Self {
        self.stale = true;
        self
    }

    /// It is about the production pull request, which is not there yet.
    pub(super) fn later(mut self) -> Self {
        self.deferred = true;
        self
    }

    pub(super) fn of(self, id: &RequirementId, reason: &str) -> RequirementResult {
        let Self { verdict, because, evidence, stale, deferred, missing, earliest } = self;
        let (id, reason, severity) = (id.clone(), reason.to_owned(), Severity::Required);
        RequirementResult {
            id,
            reason,
            severity,
            verdict,
            deferred,
            because,
            evidence,
            stale,
            breakable: false,
            missing,
            earliest,
        }
    }

    pub(super) fn of_built_in(self, (id, reason): (&'static str, &str)) -> RequirementResult {
        self.of(&RequirementId::built_in(id), reason)
    }
}

/// A duration for people: its two greatest units.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
