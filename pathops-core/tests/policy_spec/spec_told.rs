//! The part of the plain rule that is about what a requirement is told with: the evidence that decided, what is missing and
//! from whom, and the earliest instant at which it could pass.
//!
//! The documentation leaves some of it open: of two words of one instant that weigh the same, either may be told. So there
//! are several ways to tell of a requirement, and any of them will do.

use std::collections::BTreeSet;

use pathops_core::UnixMillis;
use pathops_core::evidence::EvidenceId;
use pathops_core::policy::{EvidenceFact, RequirementResult, Verdict};

/// How something that is asked for stands.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) verdict: Verdict,
    /// What may be told of it.
    pub(crate) ways: Vec<Told>,
}

/// What is told beside a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) evidence: BTreeSet<EvidenceId>,
    pub(crate) earliest: Option<UnixMillis>,
    pub(crate) lacks: BTreeSet<Lack>,
    /// Whether looking at preflight once more may be all that it takes.
    pub(crate) look_again: bool,
}

/// Something that is missing, from so many of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lack {
    pub(crate) count: u32,
    pub(crate) from: BTreeSet<String>,
}

impl Lack {
    pub(crate) fn of(count: u32, from: impl IntoIterator<Item = impl ToString>) -> Self {
        Self { count, from: from.into_iter().map(|name| name.to_string()).collect() }
    }

    /// Whether whoever supplies the other has supplied this.
    fn is_in(&self, other: &Lack) -> bool {
        other.count >= self.count && !other.from.is_empty() && other.from.is_subset(&self.from)
    }
}

impl Told {
    pub(crate) fn by(facts: &[&EvidenceFact]) -> Self {
        Self { evidence: facts.iter().map(|it| it.id).collect(), ..Self::default() }
    }

    pub(crate) fn lacking(mut self, lack: Lack) -> Self {
        self.lacks.insert(lack);
        self
    }

    /// The earliest instant, which is one that can be counted.
    pub(crate) fn from(self, earliest: i128) -> Self {
        let earliest = i64::try_from(earliest).unwrap_or(if earliest < 0 { i64::MIN } else { i64::MAX });
        Self { earliest: Some(UnixMillis(earliest)), ..self }
    }

    pub(crate) fn looking_again(self) -> Self {
        Self { look_again: true, ..self }
    }

    /// Without what comes with something else that is missing.
    fn least(mut self) -> Self {
        let all = self.lacks.clone();
        self.lacks.retain(|lack| !all.iter().any(|other| other != lack && lack.is_in(other)));
        self
    }

    /// What a decision tells.
    fn of(result: &RequirementResult) -> Self {
        let lacks = result.all_missing().map(|it| Lack::of(it.count, &it.from)).collect();
        let evidence = result.evidence.iter().copied().collect();
        Self { evidence, earliest: result.earliest, lacks, look_again: result.stale }.least()
    }
}

impl Held {
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self { verdict, ways: vec![Told::default()] }
    }

    pub(crate) fn one(verdict: Verdict, told: Told) -> Self {
        Self { verdict, ways: vec![told] }
    }

    /// With that missing, unless it passes.
    pub(crate) fn lacking(mut self, lack: &Lack) -> Self {
        if self.verdict != Verdict::Pass {
            self.ways = self.ways.into_iter().map(|told| told.lacking(lack.clone())).collect();
        }
        self
    }

    /// All of several that are asked for under one name. The worst decides. What any of them lacks is missing, and time
    /// alone, or looking again, helps only where it helps all that do not pass.
    pub(crate) fn all(held: Vec<Held>) -> Self {
        let verdict = crate::spec::worst(held.iter().map(|it| it.verdict));
        let mut ways: Vec<Told> = Vec::new();
        for (place, decides) in held.iter().enumerate().filter(|(_, it)| it.verdict == verdict) {
            let mut these = decides.ways.clone();
            let others = held.iter().enumerate().filter(|(other, it)| *other != place && it.verdict != Verdict::Pass);
            for (_, other) in others {
                these = these.iter().flat_map(|told| other.ways.iter().map(|with| beside(told, with))).collect();
            }
            ways.append(&mut these);
        }
        Self { verdict, ways }
    }

    /// Several things that decide together.
    pub(crate) fn together(held: &[Held]) -> Self {
        let verdict = crate::spec::worst(held.iter().map(|it| it.verdict));
        let mut deciding = held.iter().filter(|it| it.verdict == verdict);
        let mut ways = deciding.next().map_or_else(|| vec![Told::default()], |it| it.ways.clone());
        for it in deciding {
            let joined = |told: &Told, with: &Told| {
                let both = beside(told, with);
                Told { evidence: told.evidence.union(&with.evidence).copied().collect(), ..both }
            };
            ways = ways.iter().flat_map(|told| it.ways.iter().map(move |with| joined(told, with))).collect();
        }
        Self { verdict, ways }
    }

    /// Whether a decision tells of it in one of the ways.
    pub(crate) fn is_told_by(&self, result: &RequirementResult) -> bool {
        self.verdict == result.verdict && self.ways.iter().any(|told| told.clone().least() == Told::of(result))
    }
}

fn beside(told: &Told, with: &Told) -> Told {
    let earliest = told.earliest.zip(with.earliest).map(|(one, other)| one.max(other));
    let lacks = told.lacks.union(&with.lacks).cloned().collect();
    Told { evidence: told.evidence.clone(), earliest, lacks, look_again: told.look_again && with.look_again }
}
