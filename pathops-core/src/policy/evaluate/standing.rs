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
    missing: Vec<Missing>,
    earliest: Option<UnixMillis>,
}

impl Standing {
    pub(super) fn new(verdict: Verdict, because: impl Into<String>) -> Self {
        let because = because.into();
        Self { verdict, because, evidence: Vec::new(), stale: false, deferred: false, missing: Vec::new(), earliest: None }
    }

    pub(super) fn by(mut self, fact: &EvidenceFact) -> Self {
        self.evidence.push(fact.id);
        self
    }

    /// Both of two that stand alike.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.because.push_str("; ");
        self.because.push_str(&other.because);
        self.evidence.extend(other.evidence.iter().copied());
        self.beside(other)
    }

    /// This one, beside another that does not stand worse: what that one lacks is missing too, and time alone, or looking
    /// again, helps only where it helps both.
    pub(super) fn beside(mut self, other: Self) -> Self {
        if other.verdict != Verdict::Pass {
            self.earliest = self.earliest.zip(other.earliest).map(|(one, another)| one.max(another));
            self.stale &= other.stale;
        }
        other.missing.into_iter().fold(self, Self::lacking)
    }

    /// The same verdict, for another reason.
    pub(super) fn because(mut self, because: impl Into<String>) -> Self {
        self.because = because.into();
        self
    }

    /// It will stand so at an instant, and until then nobody knows.
    pub(super) fn not_before(self, instant: UnixMillis, because: String) -> Self {
        let earliest = if self.verdict == Verdict::Pass { Some(instant) } else { self.earliest };
        Self { verdict: Verdict::Unknown, because, earliest, ..self }
    }

    /// It passes for this reason, by the same evidence, and lacks nothing.
    pub(super) fn let_pass(self, because: impl Into<String>) -> Self {
        Self { evidence: self.evidence, ..Self::new(Verdict::Pass, because) }
    }

    /// Something that a system has to supply.
    pub(super) fn needs(self, what: impl Into<String>, from: Vec<String>) -> Self {
        self.lacking(Missing { what: what.into(), from, by_people: false, count: 1 })
    }

    /// Whether something that could come is known to help.
    pub(super) fn lacks_something(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Whether that, or time alone, is known to help.
    pub(super) fn has_a_way(&self) -> bool {
        self.lacks_something() || self.earliest.is_some()
    }

    /// Something that people can supply at any time.
    pub(super) fn needs_people(self, what: impl Into<String>, from: Vec<String>) -> Self {
        self.needs_of(1, what, from)
    }

    /// Something that so many of these people can supply at any time, each of them once.
    pub(super) fn needs_of(self, count: u32, what: impl Into<String>, from: Vec<String>) -> Self {
        self.lacking(Missing { what: what.into(), from, by_people: true, count })
    }

    /// Something that has to come too.
    fn lacking(mut self, missing: Missing) -> Self {
        if !self.missing.contains(&missing) {
            self.missing.push(missing);
        }
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
        let mut missing = missing.into_iter();
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
            missing: missing.next(),
            also_missing: missing.collect(),
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
