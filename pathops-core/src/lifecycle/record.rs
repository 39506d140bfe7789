use std::fmt::{Debug, Display};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::UnitId;
use crate::lifecycle::transition::{sealed, something};
use crate::lifecycle::{Granted, Ground, Mismatch, Needs, Recorded, Step, Transition, TransitionError};
use crate::time::UnixMillis;

/// The version of a record's form that is written. Version 1 had commits where this one has pull requests; it is read, and stays
/// as it is until the next transition.
pub const LIFECYCLE_FORMAT: u32 = 2;

/// What has a lifecycle: an [`App`](super::App), an [`Artifact`](super::Artifact) or a [`ChangeSet`](super::ChangeSet).
pub trait Subject: Clone + Debug + PartialEq + Serialize + DeserializeOwned + sealed::Rules {
    /// Where it can be.
    type State: Copy + Debug + Display + Eq + Serialize + DeserializeOwned + 'static;
    /// Where it begins.
    const FIRST: Self::State;
    /// Every transition there is. What is not here is refused.
    const STEPS: &'static [Step<Self::State>];
}

/// The lifecycle of one thing: where it is, and each transition that brought it there with what it rested on.
///
/// A transition is a function that takes its proof and gives the record after it; the record before it stays as it was.
/// Serialising writes the record down. Reading replays it: each transition again, by the same rules. A record that jumps, or
/// whose grounds do not fit together, is refused with what would have been allowed. Signatures are not checked again, because a
/// record has the names of its evidence, not the evidence: it is as good as the place where it was kept. So what it gives back
/// is [`Recorded`], which proves nothing anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored<T>", bound(serialize = "T: Subject", deserialize = "T: Subject"))]
pub struct Record<T: Subject> {
    format: u32,
    subject: T,
    state: T::State,
    transitions: Vec<Transition<T::State>>,
}

/// A record as it was written down, not yet gone through.
#[derive(Deserialize)]
#[serde(bound = "T: Subject")]
struct Stored<T: Subject> {
    format: u32,
    subject: T,
    state: T::State,
    transitions: Vec<Transition<T::State>>,
}

/// Why something is no record of a lifecycle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError<S: Copy + Debug + Display + Eq + 'static> {
    /// Not JSON of the right shape.
    #[error("not a record of a lifecycle")]
    Json(#[from] serde_json::Error),
    /// Written by a version that this one does not know.
    #[error("the record has format {0}, and this version reads up to {LIFECYCLE_FORMAT}")]
    Format(u32),
    /// A transition that does not go on from where the one before ended.
    #[error("transition {number} goes on from {from}, but it was {present}")]
    Jump {
        /// Which, from 1.
        number: usize,
        /// Where it was.
        present: S,
        /// Where it goes on from.
        from: S,
    },
    /// A transition that was not allowed.
    #[error("transition {number}: {error}")]
    Transition {
        /// Which, from 1.
        number: usize,
        /// Why.
        error: TransitionError<S>,
    },
    /// It ends elsewhere than it says.
    #[error("the record says {says}, but its transitions end at {ends}")]
    End {
        /// What it says.
        says: S,
        /// Where its transitions end.
        ends: S,
    },
}

impl<T: Subject> Record<T> {
    pub(super) fn begin(subject: T) -> Self {
        Self { format: LIFECYCLE_FORMAT, subject, state: T::FIRST, transitions: Vec::new() }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`RecordError`] with the first thing that is wrong.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, RecordError<T::State>> {
        serde_json::from_slice::<Stored<T>>(bytes)?.try_into()
    }

    /// What it is the lifecycle of.
    #[must_use]
    pub fn subject(&self) -> &T {
        &self.subject
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> T::State {
        self.state
    }

    /// How it came there, in order.
    #[must_use]
    pub fn transitions(&self) -> &[Transition<T::State>] {
        &self.transitions
    }

    /// The ways that lead on from here, and what each needs.
    pub fn ways(&self) -> impl Iterator<Item = &'static Step<T::State>> {
        let state = self.state;
        T::STEPS.iter().filter(move |step| step.from.contains(&state))
    }

    pub(super) fn step(&self, to: T::State, ground: Ground, at: UnixMillis) -> Result<Self, TransitionError<T::State>> {
        let from = self.state;
        let refused = |why| TransitionError::new(T::STEPS, from, to, why);
        if !self.leads(to, ground.fulfils()) {
            return Err(refused(None));
        }
        self.fits(to, &ground).map_err(|mismatch| refused(Some(mismatch)))?;
        let mut next = self.clone();
        next.format = LIFECYCLE_FORMAT;
        next.state = to;
        next.transitions.push(Transition { from, to, at, ground });
        Ok(next)
    }

    /// Takes back the grant that stands for a unit.
    pub(super) fn take_back(
        &self,
        to: T::State,
        unit: &UnitId,
        reason: String,
        at: UnixMillis,
    ) -> Result<Self, TransitionError<T::State>> {
        match self.standing_grant(unit) {
            Some(granted) => {
                let Granted { unit, grant, .. } = granted.get().clone();
                self.step(to, Ground::TakenBack { unit, grant, reason }, at)
            }
            None => {
                let missing = self.leads(to, Needs::TakingBack).then(|| Mismatch::Missing(format!("a grant for `{unit}`")));
                Err(TransitionError::new(T::STEPS, self.state, to, missing))
            }
        }
    }

    fn leads(&self, to: T::State, with: Needs) -> bool {
        self.ways().any(|step| step.to == to && step.needs.contains(&with))
    }

    fn fits(&self, to: T::State, ground: &Ground) -> Result<(), Mismatch> {
        ground.reason().map_or(Ok(()), |reason| something("a reason", reason))?;
        match ground {
            Ground::Promotion(it) if self.grounds().any(|used| used.evidence().contains(&it.deployment)) => {
                Err(Mismatch::Again(it.deployment.to_string()))
            }
            Ground::Granted(it) if self.grounds().any(|used| matches!(used, Ground::Granted(old) if old.grant == it.grant)) => {
                Err(Mismatch::Again(it.grant.to_string()))
            }
            _ => sealed::Rules::fits(self, to, ground),
        }
    }

    pub(super) fn grounds(&self) -> impl DoubleEndedIterator<Item = &Ground> {
        self.transitions.iter().map(|transition| &transition.ground)
    }

    /// What was last granted for a unit and has not been taken back.
    pub(super) fn standing_grant(&self, unit: &UnitId) -> Option<Recorded<Granted>> {
        let last = self.grounds().rev().find_map(|ground| match ground {
            Ground::Granted(granted) if granted.unit == *unit => Some(Some(granted)),
            Ground::TakenBack { unit: of, .. } if of == unit => Some(None),
            _ => None,
        });
        last.flatten().cloned().map(Recorded::of)
    }
}

impl<T: Subject> TryFrom<Stored<T>> for Record<T> {
    type Error = RecordError<T::State>;
    fn try_from(stored: Stored<T>) -> Result<Self, Self::Error> {
        if !(1..=LIFECYCLE_FORMAT).contains(&stored.format) {
            return Err(RecordError::Format(stored.format));
        }
        let mut record = Self::begin(stored.subject);
        for (number, transition) in (1..).zip(stored.transitions) {
            let Transition { from, to, at, ground } = transition;
            if from != record.state {
                return Err(RecordError::Jump { number, present: record.state, from });
            }
            record = record.step(to, ground, at).map_err(|error| RecordError::Transition { number, error })?;
        }
        record.format = stored.format;
        if stored.state == record.state { Ok(record) } else { Err(RecordError::End { says: stored.state, ends: record.state }) }
    }
}
